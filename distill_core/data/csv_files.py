"""From the bytes of a CSV file to columns of numbers and words; every limit is checked on the way.

The file is somebody's: it may be anything. It is read row by row with the standard library's
`csv`, so that a limit stops the reading where it is reached and memory stays small. What the
columns are used for is decided in `tables`. Texts stay plain strings and are never run.
"""

import csv
import functools
import io
import itertools
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from distill_core.specs import SpecError

# Bytes, rows and columns of a file.
MAX_BYTES = 5 * 1024**2
MAX_ROWS = 50_000
MAX_COLUMNS = 200
# Words kept per column; more make neither classes nor categories.
MAX_WORDS = 1000
# Different values that a column of categories may have; more make it text.
MAX_CATEGORIES = 20
MISSING = frozenset(
    ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "<NA>", "?", "-"]
)

# Characters of a cell that are shown.
_NAME_LENGTH = 60
# Share of words that a column of numbers may hold.
_STRAY = 0.05
# Rows read at once.
_CHUNK = 1000
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.ASCII | re.IGNORECASE
)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class UploadError(SpecError):
    """A file or a choice of columns that cannot be used; says the limit, the value, the way out."""


@dataclass(frozen=True, eq=False)
class Column:
    """One column: a number or a word in every row, or nothing.

    Parameters
    ----------
    name : str
        Unique, one line, at most 60 characters; otherwise as in the file.
    numbers : ndarray of shape (n,), float64
        NaN where there is no number, infinite where it is too large for one.
    codes : ndarray of shape (n,), int16
        Which of the words; -1 where there is none.
    words : tuple of str
        As in the file, in the order in which they came up; at most `MAX_WORDS`, all others
        count as one more.
    """

    name: str
    numbers: NDArray[np.float64]
    codes: NDArray[np.int16]
    words: tuple[str, ...]

    @functools.cached_property
    def n_missing(self) -> int:
        """Number of rows without a value."""
        return int((np.isnan(self.numbers) & (self.codes < 0)).sum())

    @functools.cached_property
    def n_words(self) -> int:
        """Number of rows with a word."""
        return int((self.codes >= 0).sum())

    @functools.cached_property
    def n_values(self) -> int:
        """Number of different values, more than `MAX_WORDS` words counted as one more."""
        different = np.unique(self.numbers[~np.isnan(self.numbers)])
        return len(different) + int(self.codes.max(initial=-1)) + 1

    @functools.cached_property
    def kind(self) -> Literal["numbers", "categories", "text", "empty"]:
        """What the column can be used as; a few stray words do not spoil numbers."""
        filled = len(self.numbers) - self.n_missing
        if filled == 0:
            return "empty"
        if self.n_words <= _STRAY * filled:
            return "numbers"
        return "categories" if self.n_values <= MAX_CATEGORIES else "text"


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a file, each of shape (n_rows,), and what was decided while reading."""

    columns: tuple[Column, ...]
    n_rows: int
    notes: tuple[str, ...]

    def column(self, name: str) -> Column:
        """Return a column by its name; raise an UploadError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        names = ", ".join(repr(column.name) for column in self.columns[:8])
        more = ", ..." if len(self.columns) > 8 else ""
        raise UploadError(
            f"There is no column called {clean(name)!r}; choose one of {names}{more}."
        )


def read_file(path: str | os.PathLike[str]) -> Sheet:
    """Read a file from the disk, its size first; otherwise as `read`."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                _check_size(os.fstat(file.fileno()).st_size)
    except OSError as error:
        why = error.strerror or error
        raise UploadError(f"The file {clean(str(path))!r} cannot be read: {why}.") from None
    return read(content)


def read(content: bytes) -> Sheet:
    """Read the bytes of a CSV file; the first row holds the names.

    It is UTF-8, or Windows-1252 if it is not; columns are parted by commas, semicolons, tabs or
    vertical bars. Raises UploadError when the file is over a limit or not such a file.
    """
    _check_size(len(content))
    encoding, notes = _detect_encoding(content)
    n_lines = max(content.count(b"\n"), content.count(b"\r"))
    if n_lines > 10 * MAX_ROWS:
        _refuse_rows(n_lines)
    first = _read_first_line(content).decode(encoding)
    outside = re.sub('"[^"]*"', "", first)
    delimiter = max(_DELIMITERS, key=outside.count)
    if delimiter != ",":
        notes.append(f"The columns are parted by {_DELIMITERS[delimiter]}.")
    rows = _read_rows(content, encoding, delimiter)
    header = next(rows, [])
    if len(header) < 2:
        found = "Only one column" if header else "No column"
        raise UploadError(
            f"{found} was found. A CSV file has commas, semicolons or tabs "
            "between its columns, and needs a label and at least one more column."
        )
    if len(header) > MAX_COLUMNS:
        _refuse_columns(len(header))
    names, renamed = _name_columns(header)
    notes += renamed
    builders = [_Builder(delimiter != ",") for _ in header]
    n_rows = 0
    while chunk := list(itertools.islice(rows, _CHUNK)):
        n_rows += len(chunk)
        if n_rows > MAX_ROWS:
            _refuse_rows(max(n_lines - 1, n_rows))
        for builder, cells in zip(builders, zip(*chunk, strict=True), strict=True):
            builder.add(cells)
    if n_rows == 0:
        raise UploadError(
            "The file has no rows below the column names. Add at least 20 rows for each class."
        )
    columns = (builder.column(name) for builder, name in zip(builders, names, strict=True))
    return Sheet(tuple(columns), n_rows, tuple(notes))


def clean(text: str) -> str:
    """Return a text in one line, without invisible characters, not longer than 60."""
    text = " ".join(text.split())
    text = "".join(c for c in text[:1000] if unicodedata.category(c) not in ("Cc", "Cf"))
    text = " ".join(text.split())
    return text if len(text) <= _NAME_LENGTH else text[: _NAME_LENGTH - 3] + "..."


def make_unique(texts: Sequence[str]) -> list[str]:
    """Return the texts, cleaned, with a number behind those that came up before."""
    taken: set[str] = set()
    found = []
    for text in map(clean, texts):
        tries = itertools.chain([text], (f"{text} ({n})" for n in itertools.count(2)))
        found.append(next(name for name in tries if name not in taken))
        taken.add(found[-1])
    return found


class _Builder:
    """Collects the cells of one column, chunk by chunk."""

    def __init__(self, decimal_comma: bool) -> None:
        self._decimal_comma = decimal_comma
        self._numbers: list[NDArray[np.float64]] = []
        self._codes: list[NDArray[np.int16]] = []
        self._words: dict[str, int] = {}

    def add(self, cells: tuple[str, ...]) -> None:
        """Add some rows; each different cell is read once."""
        n, different = len(cells), dict.fromkeys(cells)
        codes = np.full(n, -1, dtype=np.int16)
        every = "".join(different)
        # Python's own numbers are quick to read, but 1_000 and digits of other scripts are none.
        plain = every.isascii() and "_" not in every
        try:
            numbers = {cell: float(cell) for cell in different} if plain else {}
        except ValueError:
            plain = False
        if not plain:
            known = {cell: self._read(cell.strip()) for cell in different}
            numbers = {cell: number for cell, (number, _) in known.items()}
            codes = np.array([known[cell][1] for cell in cells], dtype=np.int16)
        self._numbers.append(np.fromiter(map(numbers.__getitem__, cells), float, n))
        self._codes.append(codes)

    def column(self, name: str) -> Column:
        """Return what was collected."""
        return Column(
            name, np.concatenate(self._numbers), np.concatenate(self._codes), tuple(self._words)
        )

    def _read(self, cell: str) -> tuple[float, int]:
        """Return the number of a cell, else NaN, and the code of its word, else -1."""
        if cell in MISSING:
            return np.nan, -1
        number = cell.replace(",", ".", 1) if self._decimal_comma else cell
        if number[0] in "+-.0123456789iI" and _NUMBER.fullmatch(number):
            return float(number), -1
        if len(self._words) < MAX_WORDS:
            return np.nan, self._words.setdefault(cell, len(self._words))
        return np.nan, self._words.get(cell, MAX_WORDS)


def _check_size(n_bytes: int) -> None:
    if n_bytes > MAX_BYTES:
        raise UploadError(
            f"The file has {n_bytes / 1024**2:.1f} MB; at most {MAX_BYTES // 1024**2} MB are "
            "allowed. Upload a part of its rows or leave out columns."
        )
    if n_bytes == 0:
        raise UploadError("The file is empty. Choose a CSV file with column names and rows.")


def _detect_encoding(content: bytes) -> tuple[str, list[str]]:
    """Return the encoding of a file of text and what is to be said about it."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UploadError(
            "The file is in UTF-16. Save it again as UTF-8; spreadsheet programs call this "
            '"CSV UTF-8".'
        )
    if control := _CONTROL.search(content):
        line = content.count(b"\n", 0, control.start()) + 1
        what = "NUL bytes" if control[0] == b"\0" else "control characters"
        raise UploadError(
            f"The file has {what} (first in line {line:,}), so it is not a CSV file in UTF-8. "
            'Spreadsheet programs can save a sheet as "CSV UTF-8".'
        )
    try:
        content.decode("utf-8-sig")
        return "utf-8-sig", []
    except UnicodeDecodeError:
        pass
    try:
        content.decode("cp1252")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UploadError(
            f"The file is not text in UTF-8 (first in line {line:,}). Save it again as UTF-8."
        ) from None
    return "cp1252", ["The file is not in UTF-8; it was read as Windows-1252."]


def _read_first_line(content: bytes) -> bytes:
    text = content.lstrip()
    end = re.search(rb"[\r\n]", text)
    return text[: end.start()] if end else text


def _read_rows(content: bytes, encoding: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows that are not empty, the header first, all as long as the header."""
    cells = n_lines = 0

    def lines() -> Iterator[str]:
        # A row is made whole before it can be counted: count what may become cells before.
        nonlocal cells, n_lines
        for line in io.TextIOWrapper(io.BytesIO(content), encoding, newline=""):
            cells += line.count(delimiter)
            n_lines += 1
            if cells > 10 * MAX_COLUMNS:
                if n_lines == 1:
                    _refuse_columns(cells + 1)
                raise UploadError(
                    f"A row goes on for {n_lines:,} lines and more: a closing quotation mark is "
                    "missing."
                )
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    width = None
    try:
        for row in reader:
            cells = n_lines = 0
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            if width is None:
                width = len(row)
            if len(row) != width:
                raise UploadError(
                    f"Line {reader.line_num:,} has {len(row):,} cells, the column names are "
                    f"{width:,}. Every row needs as many cells as there are columns; a cell with "
                    'a comma in it belongs in "quotation marks".'
                )
            yield row
    except csv.Error as error:
        if "field limit" in str(error):
            raise UploadError(
                f"A cell around line {reader.line_num:,} has more than "
                f"{csv.field_size_limit():,} characters: this is not a CSV file, or a "
                "closing quotation mark is missing."
            ) from None
        raise UploadError(
            f"The quotation marks around line {reader.line_num:,} cannot be understood "
            f"({error}). A quotation mark inside a cell is written twice."
        ) from None


def _refuse_columns(found: int) -> NoReturn:
    raise UploadError(
        f"The file has {found:,} columns; at most {MAX_COLUMNS} are allowed. Leave out the "
        "columns that are not needed."
    )


def _refuse_rows(found: int) -> NoReturn:
    raise UploadError(
        f"The file has about {found:,} rows; at most {MAX_ROWS:,} are allowed. Upload a part of "
        "the rows, for example a random sample."
    )


def _name_columns(header: list[str]) -> tuple[list[str], list[str]]:
    """Return a name to show for every column, and what was changed."""
    given = [clean(name) for name in header]
    filled = [name or f"column {i}" for i, name in enumerate(given, 1)]
    names = make_unique(filled)
    notes = []
    if empty := given.count(""):
        notes.append(f"{empty} of the columns had no name and got a number.")
    if doubled := sum(name != other for name, other in zip(names, filled, strict=True)):
        notes.append(f"{doubled} of the columns had a name of another column and got a number.")
    if any(len(" ".join(name.split())) > _NAME_LENGTH for name in header):
        notes.append(f"Column names are cut to {_NAME_LENGTH} characters.")
    if all(_NUMBER.fullmatch(name) for name in given):
        notes.append("The first row holds numbers only; it was read as the column names.")
    return names, notes
