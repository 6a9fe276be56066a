"""Parquet, workbooks, data frames and arrays: to the same columns as text, with the same limits."""

import datetime
import io
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distill_core.data.rows import NumberedRow, collect, refuse_columns
from distill_core.data.sheets import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_WORDS,
    Column,
    Decision,
    Options,
    Sheet,
    UploadError,
    clean,
    name_columns,
)

if TYPE_CHECKING:
    import pyarrow

# How the files begin.
PARQUET, ZIP, OLE = b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# Rows of a Parquet file read at once.
_BATCH = 10_000
# Bytes that a workbook may have when it is unpacked: it is read whole.
_MAX_UNPACKED = 512 * 1024**2


def read_parquet(source: str | Path | bytes, options: Options) -> Sheet:
    """Read a Parquet file batch by batch; of a large one a random part of the rows is kept."""
    import pyarrow
    from pyarrow import parquet

    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with parquet.ParquetFile(opened) as file:
            n_rows, n_columns = file.metadata.num_rows, file.metadata.num_columns
            _check_size(n_rows, n_columns)
            share = min(1.0, MAX_CELLS / max(1, n_rows * n_columns))
            generator = np.random.default_rng(0)
            batches = []
            for batch in file.iter_batches(_BATCH):
                if share < 1:
                    drawn = generator.random(batch.num_rows) < share
                    batch = batch.filter(pyarrow.array(drawn))
                batches.append(_Batch(batch))
            schema = file.schema_arrow
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        why = clean(str(error).partition(".")[0])
        raise UploadError(f"The file begins like Parquet but cannot be read: {why}.") from None
    return _join(schema.names, [str(kind) for kind in schema.types], batches, n_rows, "Parquet")


def read_workbook(source: str | Path | bytes, options: Options) -> Sheet:
    """Read one sheet of an Excel or OpenDocument workbook; the first that is not empty."""
    import zipfile

    import python_calamine as calamine

    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    if content.startswith(ZIP):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                unpacked = sum(one.file_size for one in packed.infolist())
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error):
            raise UploadError(
                "The file begins like an Excel workbook but is damaged. Save it again."
            ) from None
        if unpacked > _MAX_UNPACKED:
            raise UploadError(
                f"The workbook has {unpacked / 1024**2:,.0f} MB when it is unpacked; at most "
                f"{_MAX_UNPACKED // 1024**2} MB are allowed. Save the sheet as CSV."
            )
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = list(book.sheet_names)
    except (calamine.CalamineError, OSError, ValueError):
        raise UploadError(
            "The file is not a CSV file, nor a workbook of Excel or OpenDocument that can be read. "
            'Spreadsheet programs can save a sheet as "CSV UTF-8".'
        ) from None
    if options.sheet is not None and options.sheet not in names:
        listed = ", ".join(map(repr, names[:8]))
        raise UploadError(f"There is no sheet {clean(options.sheet)!r}; choose one of {listed}.")
    wanted = [options.sheet] if options.sheet is not None else names
    try:
        filled = [(n, s) for n in wanted if (s := book.get_sheet_by_name(n)).height > 0]
        if not filled:
            raise UploadError("The workbook has no sheet with a cell filled.")
        name, sheet = filled[0]
        _check_size(sheet.height, sheet.width)
        merged = getattr(sheet, "merged_cell_ranges", None) or []
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise UploadError(f"The workbook cannot be read: {clean(str(error))}.") from None
    said = [
        Decision(
            "sheet",
            name,
            f"Sheet {clean(name)!r} of {len(names)} was read." if len(names) > 1 else "",
            other=next((other for other in names if other != name), None),
        )
    ]
    if merged:
        cells = f"{len(merged)} merged cells: each value stands in the first one, the others empty."
        said.append(Decision("merged", str(len(merged)), cells))
    dates: list[str] = []
    rows = _write_cells(sheet.iter_rows(), dates)
    # Numbers of a workbook are numbers: no sign in them is in doubt.
    decimal = options.decimal if options.decimal is not None else "."
    found = collect(rows, _with_decimal(options, decimal), said, sheets=tuple(names))
    if dates:
        told = f"Dates are read as text, such as {dates[0]!r}; they can be classes, not numbers."
        more = Decision("dates", "text", told, None, dates[0])
        return Sheet(found.columns, found.n_rows, (*found.report, more), found.sheets, found.n_read)
    return found


def read_columns(columns: Mapping[str, Any] | Any) -> Sheet:
    """Return the columns of a pandas data frame, or of a mapping of names to arrays (n,)."""
    import pyarrow

    pairs = list(columns.items())
    _check_size(max((len(values) for _, values in pairs), default=0), len(pairs))
    arrays = []
    for name, values in pairs:
        try:
            arrays.append(pyarrow.array(values, from_pandas=True))
        except (pyarrow.ArrowException, ValueError, TypeError):
            try:
                arrays.append(pyarrow.array([None if v is None else str(v) for v in values]))
            except (pyarrow.ArrowException, ValueError, TypeError) as error:
                raise UploadError(f"The column {clean(str(name))!r} cannot be read.") from error
    if len({len(array) for array in arrays}) > 1:
        raise UploadError("All columns of a table need as many rows.")
    names = [str(name) for name, _ in pairs]
    if not arrays:
        raise UploadError("No column was found; a label and at least one more are needed.")
    arrays = [a.combine_chunks() if isinstance(a, pyarrow.ChunkedArray) else a for a in arrays]
    batch = pyarrow.RecordBatch.from_arrays(arrays, names=names)
    return _join(names, [str(a.type) for a in arrays], [_Batch(batch)], len(arrays[0]), "arrays")


class _Batch:
    """Some rows of typed columns, as numbers and words."""

    def __init__(self, batch: "pyarrow.RecordBatch") -> None:
        self.n = batch.num_rows
        self.columns = [_split_values(column) for column in batch.columns]


# Numbers (n,), and words with the place of each row's among them, -1 for none.
_Values = tuple[NDArray[np.float64], NDArray[np.int64], list[str]]


def _split_values(values: "pyarrow.Array") -> _Values:
    import pyarrow
    from pyarrow import types

    n, kind = len(values), values.type
    nowhere = np.full(n, -1, dtype=np.int64)
    if types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        numbers = values.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.array(numbers, dtype=float), nowhere, []
    nothing = np.full(n, np.nan)
    if types.is_nested(kind) or types.is_binary(kind) or types.is_null(kind):
        return nothing, nowhere, []
    coded = values.cast(pyarrow.string()).dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    words = [word.strip() for word in coded.dictionary.to_pylist()]
    codes[np.isin(codes, [i for i, word in enumerate(words) if not word])] = -1
    return nothing, codes, words


def _join(
    names: Sequence[str], kinds: Sequence[str], batches: list[_Batch], n_read: int, what: str
) -> Sheet:
    """Return the columns of all batches."""
    n_rows = sum(batch.n for batch in batches)
    if n_rows == 0:
        raise UploadError("The table has no rows. Add at least 8 rows for each class.")
    shown, said = name_columns(list(names))
    columns = []
    for i, (name, kind) in enumerate(zip(shown, kinds, strict=True)):
        known: dict[str, int] = {}
        codes = []
        for batch in batches:
            _, coded, words = batch.columns[i]
            here = [
                known.setdefault(word, len(known))
                if len(known) < MAX_WORDS
                else known.get(word, MAX_WORDS)
                for word in words
            ]
            codes.append(np.array([*here, -1])[coded].astype(np.int16))
        numbers = np.concatenate([batch.columns[i][0] for batch in batches])
        column = Column(name, numbers, np.concatenate(codes), tuple(known))
        columns.append(column)
        if column.kind == "empty" and any(word in kind for word in ("list", "struct", "binary")):
            told = f"Not read: {name!r}, which holds neither numbers nor words but {clean(kind)}."
            said.append(Decision("left out", name, told, name))
        elif kind.startswith(("date", "timestamp", "time")):
            told = f"{name!r} holds dates: they are read as text, such as {column.cell(0)!r}."
            said.append(Decision("dates", "text", told, name, column.cell(0)))
    if n_rows < n_read:
        told = (
            f"The file has {n_read:,} rows; {n_rows:,} of them were kept, drawn at random, because "
            "that is what fits into memory."
        )
        said.append(Decision("rows", str(n_rows), told))
    if len(columns) < 2:
        raise UploadError("Only one column was found; a label and at least one more are needed.")
    report = (Decision("format", what), *said)
    return Sheet(tuple(columns), n_rows, report, (), n_read)


def _check_size(n_rows: int, n_columns: int) -> None:
    if n_columns > MAX_COLUMNS:
        refuse_columns(n_columns)
    if n_rows > MAX_ROWS:
        raise UploadError(
            f"The table has {n_rows:,} rows; at most {MAX_ROWS:,} are allowed. Use a part of the "
            "rows, for example a random sample."
        )


def _with_decimal(options: Options, decimal: str | Mapping[str, str]) -> Options:
    import dataclasses

    return dataclasses.replace(options, decimal=decimal)


def _write_cells(rows: Iterable[Sequence[Any]], dates: list[str]) -> Iterator[NumberedRow]:
    """Yield the cells of a workbook as text; the first date is noted."""
    for number, row in enumerate(rows, 1):
        cells = []
        for value in row:
            if isinstance(value, bool):
                cells.append(str(value).lower())
            elif isinstance(value, float):
                cells.append(f"{value:.17g}" if value != round(value, 12) else f"{value:.15g}")
            elif isinstance(value, datetime.date | datetime.time | datetime.timedelta):
                cells.append(str(value).removesuffix(" 00:00:00"))
                if not dates:
                    dates.append(cells[-1])
            else:
                cells.append(str(value))
        if any(cell.strip() for cell in cells):
            yield number, cells
