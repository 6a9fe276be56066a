"""Which messy files are read as the clean tables they were made from, by this project and peers."""

import csv
import datetime
import decimal
import io
import math
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import Claim, Outcome
from benchmarks.messy import Messy, Table, Value, make_corpus
from benchmarks.unseen import make_unseen
from distill_core.data import csv_files
from distill_core.data.csv_files import UploadError

# Names and rows.
Read = tuple[Sequence[str], list[list[Any]]]


def run(say: Callable[[str], None]) -> Outcome:
    """Read both corpora with every reader at its best automatic settings."""
    made, unseen = list(make_corpus()), list(make_unseen())
    peers: dict[str, Callable[[bytes], Read]] = {
        "pandas": _pandas,
        "pyarrow": _pyarrow,
        "DuckDB": _duckdb,
        "clevercsv": _clevercsv,
    }
    rows: list[dict[str, str | float]] = []
    silent = 0
    for corpus, files in (("made with the reader", made), ("unseen", unseen)):
        for name, read in peers.items():
            say(f"{name} reads {len(files)} files")
            rows.append(_row(f"{corpus}, {name}", [judge(file, read) for file in files]))
        say(f"this project reads {len(files)} files")
        ours, unsaid = [], 0
        for file in files:
            verdict, notes = judge_ours(file)
            ours.append(verdict)
            if verdict != "right":
                say(f"{verdict}: {file.name} {notes}")
            unsaid += verdict == "wrong" and not notes
        rows.append(_row(f"{corpus}, this project", ours) | {"wrong without a word": unsaid})
        silent += unsaid
    return Outcome(
        f"How messy files are read, {len(made)} and {len(unseen)}, made by code from clean ones:\n"
        "names, number of rows, types and every value have to be right. The first were made\n"
        "while the reader was: it was tuned on them. The others are other tables with several\n"
        "faults each, drawn by chance. Peers are given the text of a file that is not in UTF-8\n"
        "as charset-normalizer decodes it.",
        rows,
        [
            *(_claim_ahead(rows[first : first + 5]) for first in (0, 5)),
            Claim("None is read wrongly without a sentence that says what was done.", silent == 0),
        ],
    )


def _claim_ahead(rows: list[dict[str, str | float]]) -> Claim:
    ours, best = (
        float(rows[-1]["right, %"]),
        max(float(row["right, %"]) for row in rows[:-1]),
    )
    which = str(rows[-1][""]).partition(",")[0]
    sentence = f"Of the files {which}, more are read right than by any peer ({ours:.1f}%, "
    return Claim(f"{sentence}{best:.1f}%).", ours > best)


def _row(name: str, found: list[str]) -> dict[str, str | float]:
    return {
        "": name,
        "right, %": 100 * found.count("right") / len(found),
        "wrong": found.count("wrong"),
        "refused": found.count("refused"),
        "wrong without a word": "",
    }


def judge(file: Messy, read: Callable[[bytes], Read]) -> str:
    """Return "right", "wrong" or "refused"."""
    try:
        names, rows = read(file.content)
    except (ValueError, csv.Error):
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
        # Who reads a date gives it in ISO's form, who does not as it was written.
        return shown in map(right.strftime, ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d"))
    if isinstance(found, bool) and right.lower() in ("yes", "no", "true", "false"):
        return found == (right.lower() in ("yes", "true"))
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
            io.StringIO(_decode(content), newline=None),
            sep=None,
            engine="python",
            skipinitialspace=True,
        )
    )


def _pyarrow(content: bytes) -> Read:
    """Arrow finds no delimiter: it is given the one that makes most columns."""
    import pyarrow
    from pyarrow import csv as arrow

    text = _decode(content).encode()
    tables = []
    for delimiter in ",;\t|":
        try:
            options = arrow.ParseOptions(delimiter=delimiter)
            tables.append(arrow.read_csv(pyarrow.BufferReader(text), parse_options=options))
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
        try:
            found = duckdb.sql(f"select * from read_csv('{file.name}', sample_size=-1)")
            assert found is not None
            rows = [list(map(_plain, row)) for row in found.fetchall()]
        except duckdb.Error as error:
            raise ValueError("DuckDB cannot read it.") from error
        return found.columns, rows


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, decimal.Decimal) else value


def _clevercsv(content: bytes) -> Read:
    import clevercsv

    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(_decode(content).encode())
        file.flush()
        return _of_frame(clevercsv.read_dataframe(file.name))
