"""From the bytes of a CSV file to columns of numbers and words; every limit is checked on the way.

The file is somebody's: it may be anything. Its dialect is found in the first lines; then it is
read row by row with the standard library's `csv`, so that a limit stops the reading where it is
reached and memory stays small. Texts stay plain strings and are never run.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from distill_core.data import dialects, encodings
from distill_core.data.dialects import Dialect
from distill_core.data.rows import collect, refuse_columns
from distill_core.data.sheets import (
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_WORDS,
    Column,
    Options,
    Sheet,
    UploadError,
    clean,
)

__all__ = ["MAX_COLUMNS", "MAX_ROWS", "MAX_WORDS", "Column", "Sheet", "UploadError", "clean"]

# Characters of the text by which its dialect is found.
_SAMPLE = 1 << 16
# Lines of a row that was cut off at the end of a file; with more, a quotation mark is missing.
_CUT = 3


def read_file(path: str | os.PathLike[str], options: Options | None = None) -> Sheet:
    """Read a file from the disk, its size first; otherwise as `read`."""
    options = options or Options()
    try:
        with open(path, "rb") as file:
            check_size(os.fstat(file.fileno()).st_size, options)
            return _read(lambda: open(path, "rb"), options)
    except OSError as error:
        why = error.strerror or error
        raise UploadError(f"The file {clean(str(path))!r} cannot be read: {why}.") from None


def read(content: bytes, options: Options | None = None) -> Sheet:
    """Read the bytes of a CSV file.

    Encoding, delimiter, quotation marks, the row of names, decimal signs and words for missing
    values are found in it, unless `options` say otherwise; `Sheet.report` has what was decided.
    Raises UploadError when the file is over a limit or not such a file.
    """
    options = options or Options()
    check_size(len(content), options)
    return _read(lambda: io.BytesIO(content), options)


def check_size(n_bytes: int, options: Options) -> None:
    """Raise UploadError when a file has too many bytes or none."""
    if n_bytes > options.max_bytes:
        raise UploadError(
            f"The file has {n_bytes / 1024**2:.1f} MB; at most {options.max_bytes // 1024**2} MB "
            "are allowed. Upload a part of its rows or leave out columns."
        )
    if n_bytes == 0:
        raise UploadError("The file is empty. Choose a CSV file with column names and rows.")


def _read(reopen: Callable[[], BinaryIO], options: Options) -> Sheet:
    with reopen() as binary:
        text = encodings.detect(binary, options.encoding)
    with io.TextIOWrapper(reopen(), text.encoding, newline="") as file:
        sample = file.read(_SAMPLE)
    dialect, said = dialects.detect(sample.lstrip("\ufeff"), options.delimiter)
    with io.TextIOWrapper(reopen(), text.encoding, newline="") as file:
        rows = _read_rows(file, dialect)
        semicolons = dialect.delimiter == ";"
        return collect(rows, options, (*text.decisions, *said), semicolons=semicolons)


def _read_rows(file: io.TextIOWrapper, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the line that it ends in."""
    cells = n_lines = n_before = 0
    delimiter, spaces = dialect.delimiter, dialect.delimiter == " "
    # The lines of a row that has not ended yet, the first of them.
    unread: list[str] = []
    begun = False

    def lines() -> Iterator[str]:
        # A row is made whole before it can be counted: count what may become cells before.
        nonlocal cells, n_lines, n_before
        first = True
        for line in file:
            if first and line.strip():
                first = False
                if dialects.read_sep_line(line.strip("\ufeff\r\n")) is not None:
                    n_before += 1
                    continue
            if n_lines == 0 and line.isspace() and delimiter not in line:
                n_before += 1
                continue
            cells += line.count(delimiter)
            n_lines += 1
            if cells > 10 * MAX_COLUMNS:
                if n_lines == 1:
                    refuse_columns(cells + 1)
                raise UploadError(
                    f"A row goes on for {n_lines:,} lines and more: a closing quotation mark is "
                    "missing."
                )
            if n_lines <= _CUT + 1:
                unread.append(line)
            yield _join_spaces(line, dialect.quote) if spaces else line

    reader = csv.reader(
        lines(),
        delimiter=delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        doublequote=True,
        skipinitialspace=not spaces,
        strict=True,
    )
    try:
        for row in reader:
            cells = n_lines = 0
            unread.clear()
            begun = True
            if row and (len(row) > 1 or row[0].strip()):
                yield reader.line_num + n_before, row
    except csv.Error as error:
        line = reader.line_num + n_before
        if begun and len(unread) <= _CUT and "unexpected end" in str(error):
            # The file was cut off inside quotation marks: the rest is no row, and is said.
            yield line, ["".join(unread)]
            return
        if "field limit" in str(error):
            raise UploadError(
                f"A cell around line {line:,} has more than "
                f"{csv.field_size_limit():,} characters: this is not a CSV file, or a "
                "closing quotation mark is missing."
            ) from None
        raise UploadError(
            f"The quotation marks around line {line:,} cannot be understood "
            f"({error}). A quotation mark inside a cell is written twice."
        ) from None


def _join_spaces(line: str, quote: str) -> str:
    """Return a line in which cells are one space apart, inside quotation marks as it was."""
    parts = line.rstrip().split(quote)
    parts[::2] = [
        (" " if part[:1] == " " and i else "")
        + " ".join(part.split())
        + (" " if part[-1:] == " " and part.strip() else "")
        for i, part in enumerate(parts[::2])
    ]
    return quote.join(parts) + "\n"
