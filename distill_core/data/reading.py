"""Any table that people have: the kind of a file is seen in its first bytes, not in its name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_core.data import csv_files, missing_numbers
from distill_core.data.sheets import Options, Sheet, UploadError, clean


def read(source: str | os.PathLike[str] | bytes | Any, options: Options | None = None) -> Sheet:
    r"""Read a table: CSV in any dialect, Parquet, a workbook, a data frame or arrays.

    Parameters
    ----------
    source : path, bytes, pandas.DataFrame or mapping of str to array (n,)
        A file, its content, or columns by name.
    options : Options, optional
        What is to be read otherwise than it would be by itself.

    Returns
    -------
    Sheet
        The columns; its `report` has every decision with a cell that shows it.

    Raises
    ------
    UploadError
        When the source is over a limit or no table.

    >>> sheet = read(b"length;kind\n15,96;finch\n10,92;wren\n")
    >>> sheet.column("length").numbers.tolist()
    [15.96, 10.92]
    >>> sheet.notes[1]
    "In 'length' the decimal sign is a comma, as in '15,96'."
    """
    options = options or Options()
    return missing_numbers.settle(_read(source, options), options)


def read_and_count(content: bytes, options: Options) -> Sheet:
    """Read a table for a page that shows it: what it asks of the columns is counted already."""
    sheet = read(content, options)
    for column in sheet.columns:
        # Kept by the column, wherever it is sent.
        _ = column.kind, column.n_values
    return sheet


def _read(source: Any, options: Options) -> Sheet:
    if isinstance(source, Mapping) or hasattr(source, "columns"):
        from distill_core.data import other_files

        return other_files.read_columns(source)
    if isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
        csv_files.check_size(len(content), options)
        return _read_kind(content[:8], content, options) or csv_files.read(content, options)
    try:
        path = Path(source)
        with open(path, "rb") as file:
            head = file.read(8)
            csv_files.check_size(os.fstat(file.fileno()).st_size, options)
        return _read_kind(head, path, options) or csv_files.read_file(path, options)
    except OSError as error:
        why = error.strerror or error
        raise UploadError(f"The file {clean(str(source))!r} cannot be read: {why}.") from None
    except TypeError:
        raise UploadError(
            "A table is a path, bytes, a data frame or a mapping of names to arrays, got "
            f"{type(source).__name__}."
        ) from None


def _read_kind(head: bytes, source: Path | bytes, options: Options) -> Sheet | None:
    """Read a file that is no text; None when it may be."""
    from distill_core.data import other_files

    if head.startswith(other_files.PARQUET):
        return other_files.read_parquet(source, options)
    if head.startswith((other_files.ZIP, other_files.OLE)):
        return other_files.read_workbook(source, options)
    return None
