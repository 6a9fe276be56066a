"""Where in a file the names stand, what is above them, and how many cells the rows below have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from distill_core.data.numerals import is_plain, read_numeral
from distill_core.data.sheets import MISSING, Decision, UploadError, clean

Row = Sequence[str]

# Lines above the names that are like each other.
_ABOVE = 8
# Share of numbers that makes a column one of numbers.
_NUMBERS = 0.6


@dataclass(frozen=True)
class Layout:
    """Where the names stand.

    Parameters
    ----------
    n_above : int
        Rows before the first row of samples: titles, names.
    width : int
        Cells of a row below.
    names : tuple of str
        One per cell of a row, as in the file; empty where there is none.
    row_names : bool
        Whether the first cell of a row is its name, which no column's name stands above.
    decisions : tuple of Decision
        What is said about it.
    """

    n_above: int
    width: int
    names: tuple[str, ...]
    row_names: bool
    decisions: tuple[Decision, ...]


def find(rows: Sequence[Row], chosen: int | None = None) -> Layout:
    """Find the names in the first rows of a file, none of which is blank.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first rows.
    chosen : int, optional
        Which of them holds the names, counted from 1; 0: none does.
    """
    width = _find_width(rows)
    if chosen is not None:
        return _chosen_layout(rows, chosen, width)
    first = next((i for i in range(len(rows)) if not _is_above(rows, i, width)), None)
    if first is None:
        raise UploadError("No row is like a row of names or a sample: too few cells are filled.")
    decisions = []
    if first:
        shown = next((clean(c) for row in rows[:first] for c in row if c.strip()), "")
        count = "One row" if first == 1 else f"{first} rows"
        what = f", such as {shown!r}" if shown else ""
        decisions.append(
            Decision("above", str(first), f"{count} above the names left out{what}.", None, shown)
        )
    numbers = _find_numbers(rows[first + 2 :] or rows[first + 1 :], width)
    verdict = _is_header(rows, first, width, numbers)
    example = clean(", ".join(rows[first])[:200])
    if not verdict:
        return _without_names(rows, first, width, decisions, example)
    n_rows = 1
    if len(rows[first]) == width and _is_second_header(rows, first + 1, width, numbers):
        n_rows = 2
    header = _join(rows[first : first + n_rows])
    if n_rows == 2:
        decisions.append(
            Decision(
                "header",
                f"{first + 1}, {first + 2}",
                f"The names stand in two rows, joined: {clean(next(n for n in header if n))!r}.",
                None,
                example,
                str(first + 1),
            )
        )
    else:
        decisions.append(Decision("header", str(first + 1), "", None, example, "0"))
    names, row_names, more = _fit(header, rows[first + n_rows :], width)
    return Layout(first + n_rows, width, names, row_names, (*decisions, *more))


def _chosen_layout(rows: Sequence[Row], chosen: int, width: int) -> Layout:
    if not 0 <= chosen <= len(rows):
        raise UploadError(f"The names stand in one of rows 1 to {len(rows)}, got {chosen}.")
    if chosen == 0:
        first = next((i for i, row in enumerate(rows) if len(row) == width), 0)
        decision = Decision("header", "0", "", None, clean(", ".join(rows[first])[:200]))
        return Layout(first, width, ("",) * width, False, (decision,))
    if len(rows[chosen - 1]) < 2 and width > 2:
        raise UploadError(
            f"Row {chosen} has one cell, {clean(''.join(rows[chosen - 1]))!r}, and cannot hold the "
            f"names of {width} columns."
        )
    width = _find_width(rows[chosen:]) if rows[chosen:] else len(rows[chosen - 1])
    names, row_names, more = _fit(rows[chosen - 1], rows[chosen:], width)
    example = clean(", ".join(rows[chosen - 1])[:200])
    decisions = (Decision("header", str(chosen), "", None, example), *more)
    return Layout(chosen, width, names, row_names, decisions)


def _find_width(rows: Sequence[Row]) -> int:
    widths = Counter(len(row) for row in rows)
    several = {width: n for width, n in widths.items() if width > 1}
    if not several or sum(several.values()) <= widths[1]:
        found = "Only one column" if rows else "No column"
        raise UploadError(
            f"{found} was found. A CSV file has commas, semicolons or tabs "
            "between its columns, and needs a label and at least one more column."
        )
    # Of equally many, the wider: titles are short.
    return max(several, key=lambda width: (several[width], width))


def _is_above(rows: Sequence[Row], i: int, width: int) -> bool:
    """Return whether a row is a title, a note or blank, above the names."""
    row, left = rows[i], len(rows) - i - 1
    filled = [bool(cell.strip()) for cell in row]
    if not any(filled):
        return True
    if left == 0:
        return False
    if len(row) == width + 1 and not filled[-1]:
        return False
    if len(row) == width - 1 and len(row) > 1 and len(rows[i + 1]) == width:
        return row[0].lstrip().startswith("#") and rows[i + 1][0].lstrip().startswith("#")
    if len(row) != width:
        return True
    n = sum(filled)
    # A title in the first cells, the others blank, above a row that is fuller.
    on_the_left = all(filled[:n]) and (n == 1 or n <= width // 2)
    # Several such lines may follow each other, and blank ones.
    following = (sum(bool(cell.strip()) for cell in row) for row in rows[i + 1 : i + 1 + _ABOVE])
    fuller = next((other for other in following if other not in (0, n)), n) > n
    return width >= 3 and on_the_left and n < width - 1 and fuller


def _kind(cell: str) -> str:
    cell = cell.strip()
    if cell in MISSING:
        return "empty"
    return "number" if is_plain(cell) or read_numeral(cell) is not None else "word"


def _find_numbers(rows: Sequence[Row], width: int) -> list[bool]:
    """Return which columns hold numbers, (width,)."""
    found = []
    for column in range(width):
        kinds = Counter(_kind(row[column]) for row in rows if len(row) == width)
        filled = kinds["number"] + kinds["word"]
        found.append(filled > 0 and kinds["number"] >= _NUMBERS * filled)
    return found


def _is_header(rows: Sequence[Row], first: int, width: int, numbers: Sequence[bool]) -> bool:
    header, below = rows[first], rows[first + 1 :]
    if not below:
        return True
    if len(header) == width - 1:
        # Every row has one cell more: no sample would be so.
        return True
    kinds = [_kind(cell) for cell in header[:width]]
    pairs = list(zip(kinds, numbers, strict=False))
    words_above = sum(kind == "word" for kind, is_number in pairs if is_number)
    numbers_above = sum(kind == "number" for kind, is_number in pairs if is_number)
    if words_above or numbers_above:
        # Years above columns are names, too, beside names in words.
        return words_above > 0 and (words_above >= numbers_above or _are_years(header, pairs))
    again = 0
    for column, cell in enumerate(header[:width]):
        values = [row[column] for row in below if len(row) == width]
        if cell.strip() and cell in values and len(set(values)) < len(values):
            again += 1
    return again == 0


def _are_years(header: Row, pairs: list[tuple[str, bool]]) -> bool:
    named = [
        cell.strip() for cell, (kind, _) in zip(header, pairs, strict=False) if kind == "number"
    ]
    return len(set(named)) == len(named) and all(cell.isdigit() for cell in named)


def _is_second_header(rows: Sequence[Row], i: int, width: int, numbers: Sequence[bool]) -> bool:
    """Return whether a second row holds names or units: words where numbers follow."""
    if len(rows) < i + 3 or len(rows[i]) != width or not any(numbers):
        return False
    kinds = [_kind(cell) for cell in rows[i]]
    above = [kind for kind, is_number in zip(kinds, numbers, strict=True) if is_number]
    if "number" in above or above.count("word") < max(1, len(above) / 2):
        return False
    for column, cell in enumerate(rows[i]):
        values = [row[column] for row in rows[i + 1 :] if len(row) == width]
        if cell.strip() and cell in values:
            return False
    return True


def _join(rows: Sequence[Row]) -> list[str]:
    """Return one name per column of one or two rows; a name over several columns is repeated."""
    if len(rows) == 1:
        return list(rows[0])
    top, last = [], ""
    spread = any(not cell.strip() for cell in rows[0][1:])
    for cell, below in zip(*rows, strict=True):
        last = cell.strip() or (last if spread and below.strip() else "")
        top.append(last)
    return [" ".join(filter(None, (a, b.strip()))) for a, b in zip(top, rows[1], strict=True)]


def _without_names(
    rows: Sequence[Row], first: int, width: int, decisions: list[Decision], example: str
) -> Layout:
    decisions.append(
        Decision(
            "header",
            "0",
            f"The columns have no names and got numbers: the first row, {example!r}, is a sample "
            "like the others. To take it for names, choose row "
            f"{first + 1}.",
            None,
            example,
            str(first + 1),
        )
    )
    return Layout(first, width, ("",) * width, False, tuple(decisions))


def _fit(
    header: Row, below: Sequence[Row], width: int
) -> tuple[tuple[str, ...], bool, list[Decision]]:
    """Return a name for each cell of a row, and whether the first cell is the row's own name."""
    if len(header) == width:
        return tuple(header), False, []
    if len(header) == width + 1 and not header[-1].strip():
        said = (
            "The row of names ends with a delimiter, the others do not: what would be a last "
            "column without a name is empty everywhere and left out."
        )
        return tuple(header[:-1]), False, [Decision("names", "end", said)]
    if len(header) == width - 1:
        rows = [row for row in below if len(row) == width]
        # Where the names end with a delimiter too, the rows have names all the same.
        if header[-1].strip() and rows and not any(row[-1].strip() for row in rows):
            return (*header, ""), False, []
        example = clean(rows[0][0]) if rows else ""
        said = (
            "Every row has one cell more than there are names: the first is taken for the row's "
            f"name, as in {example!r}, and left out."
        )
        return ("", *header), True, [Decision("left out", "row names", said, None, example)]
    raise UploadError(
        f"The rows have {width:,} cells, the column names are {len(header):,}. Every row needs as "
        'many cells as there are columns; a cell with a comma in it belongs in "quotation marks".'
    )
