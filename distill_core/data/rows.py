"""From rows of cells, whatever file they come from, to columns; blank and ragged rows are said."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

import numpy as np

from distill_core.data import layout
from distill_core.data.builders import Builder
from distill_core.data.missing_numbers import list_numbers
from distill_core.data.sheets import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MISSING,
    Column,
    Decision,
    Options,
    Sheet,
    UploadError,
    clean,
    name_columns,
)

# Where a row ends in its file, and its cells.
NumberedRow = tuple[int, list[str]]

# Rows by which the names are found, rows read at once, and odd rows allowed at the end.
_FIRST = 200
_CHUNK = 1000
_ODD = 20


def collect(
    rows: Iterable[NumberedRow],
    options: Options,
    decisions: Sequence[Decision],
    *,
    semicolons: bool = False,
    sheets: tuple[str, ...] = (),
) -> Sheet:
    """Read rows into columns and return them with all that was decided.

    Parameters
    ----------
    rows : iterable of (int, list of str)
        Where each row ends in its file, and its cells; none is empty.
    options : Options
        What was chosen.
    decisions : sequence of Decision
        What was decided before.
    semicolons : bool
        Whether the columns are parted in the way of decimal commas.
    sheets : tuple of str
        The names of a workbook's sheets.

    Raises
    ------
    UploadError
        When there are too many or too few rows or columns, or a row has too few or too many
        cells and others follow.
    """
    rows = iter(rows)
    first = list(itertools.islice(rows, _FIRST))
    widest = max((len(row) for _, row in first), default=0)
    if widest > MAX_COLUMNS:
        refuse_columns(widest)
    found = layout.find([row for _, row in first], options.header)
    skip = 1 if found.row_names else 0
    names, renamed = _name(found, skip)
    missing = frozenset(options.missing or ()) - set(list_numbers(options).values())
    missing = missing | {""} if missing or options.missing == () else MISSING
    builders = [Builder(missing) for _ in names]
    said = [*decisions, *found.decisions]
    body = _even_rows(itertools.chain(first[found.n_above :], rows), found.width, said)
    n_rows, n_read = _fill(builders, body, skip)
    if n_rows == 0:
        raise UploadError(
            "The file has no rows below the column names. Add at least 8 rows for each class."
        )
    if n_rows < n_read:
        said.append(
            Decision(
                "rows",
                str(n_rows),
                f"The file has {n_read:,} rows; {n_rows:,} of them were kept, drawn at random, "
                "because that is what fits into memory.",
            )
        )
    columns, more = _finish(builders, names, found.names[skip:], options, semicolons)
    return Sheet(tuple(columns), n_rows, (*said, *renamed, *more), sheets, n_read)


def _name(found: layout.Layout, skip: int) -> tuple[list[str], list[Decision]]:
    names, said = name_columns(found.names[skip:])
    if not any(name.strip() for name in found.names):
        # That there are no names is said already.
        said = []
    return names, said


def _fill(builders: list[Builder], body: Iterator[list[str]], skip: int) -> tuple[int, int]:
    """Hand all rows to the builders; return how many were kept and how many there are."""
    n_rows = n_read = 0
    share, generator = 1.0, np.random.default_rng(0)
    while chunk := list(itertools.islice(body, _CHUNK)):
        n_read += len(chunk)
        if n_read > MAX_ROWS:
            raise UploadError(
                f"The file has more than {MAX_ROWS:,} rows; at most {MAX_ROWS:,} are allowed. "
                "Use a part of the rows, for example a random sample."
            )
        if share < 1:
            drawn = generator.random(len(chunk)) < share
            chunk = list(itertools.compress(chunk, drawn))
            if not chunk:
                continue
        n_rows += len(chunk)
        for builder, cells in zip(
            builders, itertools.islice(zip(*chunk, strict=True), skip, None), strict=True
        ):
            builder.add(cells)
        if n_rows * len(builders) > MAX_CELLS:
            kept = generator.random(n_rows) < 0.5
            for builder in builders:
                builder.thin(kept)
            n_rows, share = int(kept.sum()), share / 2
    return n_rows, n_read


def _finish(
    builders: list[Builder],
    names: list[str],
    given: Sequence[str],
    options: Options,
    semicolons: bool,
) -> tuple[list[Column], list[Decision]]:
    signs = {builder.decimal for builder in builders} - {""}
    usual = signs.pop() if len(signs) == 1 else ""
    columns: list[Column] = []
    said: list[Decision] = []
    for builder, name, text in zip(builders, names, given, strict=True):
        column, decided = builder.column(name, options.decimal_of(name), usual, semicolons)
        if text.strip() == "" and column.kind == "empty":
            said.append(
                Decision(
                    "left out",
                    name,
                    f"Left out: {name!r}, which has neither a name nor a value in any row.",
                    name,
                )
            )
            continue
        columns.append(column)
        said += decided
    if len(columns) < 2:
        raise UploadError(
            "Only one column was found. A CSV file has commas, semicolons or tabs "
            "between its columns, and needs a label and at least one more column."
        )
    return columns, said


def _even_rows(
    rows: Iterable[NumberedRow], width: int, said: list[Decision]
) -> Iterator[list[str]]:
    """Yield the cells of all rows as long as the others; what else there is comes at the end.

    Notes below a table are left out and said; a row of another length among the others is
    refused, because nobody knows which cell is whose.
    """
    odd: list[NumberedRow] = []
    n_blank = 0
    for line, row in rows:
        if len(row) == width and any(map(str.strip, row)):
            if odd:
                yield from _release(odd, width)
                odd = []
            if width >= 3 and not any(map(str.strip, row[1:])):
                # A note below, or a sample that lacks all else.
                odd.append((line, row))
            else:
                yield row
        elif not any(map(str.strip, row)):
            n_blank += 1
        else:
            odd.append((line, row))
            if len(odd) > _ODD:
                yield from _release(odd, width)
                odd = []
    if n_blank:
        count = "One row" if n_blank == 1 else f"{n_blank:,} rows"
        said.append(Decision("blank", str(n_blank), f"{count} without any cell filled left out."))
    if odd:
        line, row = odd[0]
        shown = clean(", ".join(filter(None, row)))
        count = f"Line {line:,}, the last," if len(odd) == 1 else f"The last {len(odd)} lines"
        cells = f"{len(row)} cell{'s' * (len(row) != 1)}"
        what = f"it has {cells} instead of {width}" if len(row) != width else "a note"
        said.append(
            Decision("below", str(len(odd)), f"{count} left out ({what}): {shown!r}.", None, shown)
        )


def _release(odd: list[NumberedRow], width: int) -> Iterator[list[str]]:
    """Yield rows that turned out to be none of the last; raise if one has another length."""
    for line, row in odd:
        if len(row) != width:
            raise UploadError(
                f"Line {line:,} has {len(row):,} cells, the column names are "
                f"{width:,}. Every row needs as many cells as there are columns; a cell with "
                'a comma in it belongs in "quotation marks".'
            )
        yield row


def refuse_columns(found: int) -> NoReturn:
    """Raise an UploadError about too many columns."""
    raise UploadError(
        f"The file has {found:,} columns; at most {MAX_COLUMNS:,} are allowed. Leave out the "
        "columns that are not needed."
    )
