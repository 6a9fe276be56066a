"""Which messy files are read as the clean tables they were made from, by this project and peers."""

import datetime
import decimal
import io
import math
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import Claim, Outcome
from benchmarks.messy import Messy, Table, Value, make_corpus
from distill_core.data import csv_files
from distill_core.data.csv_files import UploadError

# Names and rows.
Read = tuple[Sequence[str], list[list[Any]]]


def run(say: Callable[[str], None]) -> Outcome:
    """Read the whole corpus with every reader at its best automatic settings."""
    corpus = list(make_corpus())
    readers: dict[str, Callable[[bytes], Read]] = {
        "pandas": _pandas,
        "pyarrow": _pyarrow,
        "DuckDB": _duckdb,
        "clevercsv": _clevercsv,
    }
    rows: list[dict[str, str | float]] = []
    for name, read in readers.items():
        say(f"{name} reads {len(corpus)} files")
        found = [judge(file, read) for file in corpus]
        rows.append(_row(name, found, None))
    say(f"this project reads {len(corpus)} files")
    ours, silent = [], 0
    for file in corpus:
        verdict, notes = judge_ours(file)
        ours.append(verdict)
        if verdict != "right":
            say(f"{verdict}: {file.name} {notes}")
        silent += verdict == "wrong" and not notes
    rows.append(_row("this project", ours, silent))
    best = max(float(row["right, %"]) for row in rows[:-1])
    return Outcome(
        f"How {len(corpus)} messy files are read, made by code from clean tables: names, number\n"
        "of rows, types and every value have to be right. Peers are given the text of a file\n"
        "that is not in UTF-8 as charset-normalizer decodes it.",
        rows,
        [
            Claim(
                f"More files are read right than by any peer ({rows[-1]['right, %']:.1f}%, "
                f"{best:.1f}%).",
                float(rows[-1]["right, %"]) > best,
            ),
            Claim("None is read wrongly without a sentence that says what was done.", silent == 0),
        ],
    )


def _row(name: str, found: list[str], silent: int | None) -> dict[str, str | float]:
    return {
        "": name,
        "right, %": 100 * found.count("right") / len(found),
        "wrong": found.count("wrong"),
        "refused": found.count("refused"),
        "wrong without a word": "" if silent is None else silent,
    }


def judge(file: Messy, read: Callable[[bytes], Read]) -> str:
    """Return "right", "wrong" or "refused"."""
    try:
        names, rows = read(file.content)
    except Exception:
        return "refused"
    return "right" if equals(file.table, names, rows) else "wrong"


def judge_ours(file: Messy) -> tuple[str, tuple[str, ...]]:
    """Return the same of this project's reader, and the sentences that it says."""
    try:
        sheet = csv_files.read(file.content)
    except UploadError as error:
        return "refused", (str(error),)
    rows = [
        [
            column.numbers[i] if not math.isnan(column.numbers[i]) else column.cell(i)
            for column in sheet.columns
        ]
        for i in range(sheet.n_rows)
    ]
    for j, column in enumerate(sheet.columns):
        for i in range(sheet.n_rows):
            if column.codes[i] < 0 and math.isnan(column.numbers[i]):
                rows[i][j] = None
    names = [column.name for column in sheet.columns]
    return "right" if equals(file.table, names, rows) else "wrong", sheet.notes


def equals(table: Table, names: Sequence[str], rows: list[list[Any]]) -> bool:
    """Return whether names, number of rows, types and values are those of a clean table."""
    if list(names) != list(table.names) or len(rows) != len(table.rows):
        return False
    return all(
        len(row) == len(right) and all(map(_same, right, row))
        for right, row in zip(table.rows, rows, strict=True)
    )


def _same(right: Value, found: Any) -> bool:
    if right is None:
        return found is None or found != found or str(found) in ("", "NaT", "<NA>")
    if isinstance(right, float):
        if isinstance(found, bool | str) or found is None:
            return False
        try:
            return math.isclose(float(found), right, rel_tol=1e-12, abs_tol=1e-12)
        except TypeError:
            return False
    if isinstance(right, datetime.date):
        shown = str(found)[:10]
        return shown in (right.isoformat(), right.strftime("%d.%m.%Y"))
    if isinstance(found, bool) and right in ("yes", "no"):
        return found == (right == "yes")
    return isinstance(found, str) and found == right


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        import charset_normalizer

        best = charset_normalizer.from_bytes(content).best()
        if best is None:
            raise ValueError("no encoding was found") from None
        return str(best).lstrip("\ufeff")


def _of_frame(frame: Any) -> Read:
    return [str(name) for name in frame.columns], frame.astype(object).to_numpy().tolist()


def _pandas(content: bytes) -> Read:
    import pandas

    return _of_frame(
        pandas.read_csv(
            io.StringIO(_decode(content)), sep=None, engine="python", skipinitialspace=True
        )
    )


def _pyarrow(content: bytes) -> Read:
    """Arrow finds no delimiter: it is given the one that makes most columns."""
    import pyarrow
    from pyarrow import csv

    text = _decode(content).encode()
    tables = []
    for delimiter in ",;\t|":
        try:
            options = csv.ParseOptions(delimiter=delimiter)
            tables.append(csv.read_csv(pyarrow.BufferReader(text), parse_options=options))
        except pyarrow.ArrowInvalid:
            continue
    table = max(tables, key=lambda table: table.num_columns)
    columns = [column.to_pylist() for column in table.columns]
    return table.column_names, [list(row) for row in zip(*columns, strict=True)]


def _duckdb(content: bytes) -> Read:
    import duckdb

    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(_decode(content).encode())
        file.flush()
        found = duckdb.sql(f"select * from read_csv('{file.name}', sample_size=-1)")
        assert found is not None
        rows = [list(map(_plain, row)) for row in found.fetchall()]
        return found.columns, rows


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, decimal.Decimal) else value


def _clevercsv(content: bytes) -> Read:
    import clevercsv

    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(_decode(content).encode())
        file.flush()
        return _of_frame(clevercsv.read_dataframe(file.name))
