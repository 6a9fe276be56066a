"""Parquet, workbooks, data frames and arrays; made here, one of them cell by cell."""

import datetime
import io
import zipfile

import numpy as np
import pandas
import pyarrow
import pytest
from pyarrow import parquet

from distill_core import data, uploads
from distill_core.data import csv_files, other_files
from distill_core.data.csv_files import UploadError
from distill_core.data.sheets import Options
from distill_core.data.tables import prepare

N = 40
LENGTH = np.random.default_rng(0).normal(size=N).round(3)
KIND = ["finch" if i % 2 else "wren" for i in range(N)]


def workbook(**sheets):
    """Return an Excel file; a cell is a number, a word or a date."""
    content = io.BytesIO()
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(content, "w") as file:
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="application/vnd.'
            'openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
            for i in range(1, len(sheets) + 1)
        )
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
            'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
            f"{parts}</Types>",
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type='
            f'"{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        named = "".join(
            f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(sheets, 1)
        )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{named}</sheets></workbook>',
        )
        links = "".join(
            f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(sheets) + 1)
        )
        styles = f'<Relationship Id="s" Type="{office}/styles" Target="styles.xml"/>'
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">{links}{styles}</Relationships>',
        )
        file.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/>'
            '<xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        for i, rows in enumerate(sheets.values(), 1):
            lines = "".join(
                f'<row r="{r}">' + "".join(cell(v, r, c) for c, v in enumerate(row)) + "</row>"
                for r, row in enumerate(rows, 1)
            )
            file.writestr(
                f"xl/worksheets/sheet{i}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>',
            )
    return content.getvalue()


def cell(value, row, column):
    place = f"{'ABCDEFGH'[column]}{row}"
    if value is None:
        return ""
    if isinstance(value, datetime.date):
        days = (value - datetime.date(1899, 12, 30)).days
        return f'<c r="{place}" s="1"><v>{days}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'


BODY = [[float(LENGTH[i]), KIND[i], datetime.date(2021, 3, 1 + i % 9)] for i in range(N)]
BOOK = workbook(
    birds=[["Measured by hand", None, None], ["length", "kind", "day"], *BODY],
    more=[["a", "b"], *([i + 0.5, "xy"[i % 2]] for i in range(10))],
)


def test_workbook_is_read_by_sheet_and_says_which():
    sheet = data.read(BOOK)
    assert sheet.sheets == ("birds", "more")
    np.testing.assert_array_equal(sheet.column("length").numbers, LENGTH)
    assert [sheet.column("kind").cell(i) for i in range(N)] == KIND
    assert sheet.column("day").cell(0) == "2021-03-01"
    notes = " ".join(sheet.notes)
    for part in ("Sheet 'birds' of 2", "'Measured by hand'", "Dates are read as text"):
        assert part in notes
    more = data.read(BOOK, Options(sheet="more"))
    np.testing.assert_array_equal(more.column("a").numbers, np.arange(10) + 0.5)
    with pytest.raises(UploadError, match="There is no sheet 'none'; choose one of 'birds'"):
        data.read(BOOK, Options(sheet="none"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOOK[:300], "begins like an Excel workbook but is damaged"),
        (b"PK\x03\x04" + bytes(300), "begins like an Excel workbook but is damaged"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "nor a workbook of Excel"),
        (b"PAR1" + bytes(300) + b"PAR1", "begins like Parquet but cannot be read"),
        (workbook(empty=[]), "no sheet with a cell filled"),
    ],
)
def test_damaged_files_get_a_sentence(content, message):
    with pytest.raises(UploadError, match=message):
        data.read(content)


def test_a_workbook_that_unpacks_to_more_than_is_allowed_is_refused(monkeypatch):
    monkeypatch.setattr(other_files, "_MAX_UNPACKED", 1000)
    with pytest.raises(UploadError, match="when it is unpacked; at most"):
        data.read(BOOK)


@pytest.fixture
def frame():
    return pandas.DataFrame(
        {
            "length": LENGTH,
            "count": pandas.array([None if i == 3 else i for i in range(N)], dtype="Int64"),
            "kind": pandas.Categorical(KIND),
            "day": pandas.date_range("2021-03-01", periods=N),
            "open": [i % 3 == 0 for i in range(N)],
        }
    )


def assert_is_frame(sheet):
    np.testing.assert_array_equal(sheet.column("length").numbers, LENGTH)
    expected = [np.nan if i == 3 else i for i in range(N)]
    np.testing.assert_array_equal(sheet.column("count").numbers, expected)
    assert [sheet.column("kind").cell(i) for i in range(N)] == KIND
    assert sheet.column("open").words == ("true", "false")
    assert "'day' holds dates" in " ".join(sheet.notes)


def test_data_frames_and_arrays_are_read(frame):
    assert_is_frame(data.read(frame))
    sheet = data.read({"x": LENGTH, "y": KIND})
    assert prepare(sheet, "y").table.class_names if len(sheet.columns) > 2 else True
    np.testing.assert_array_equal(sheet.columns[0].numbers, LENGTH)
    with pytest.raises(UploadError, match="as many rows"):
        data.read({"x": [1, 2], "y": [1]})
    with pytest.raises(UploadError, match="got int"):
        data.read(3)


def test_parquet_is_read_batch_by_batch_and_nested_columns_are_said(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(other_files, "_BATCH", 7)
    path = tmp_path / "birds.parquet"
    table = pyarrow.Table.from_pandas(frame)
    table = table.append_column("lists", pyarrow.array([[i] for i in range(N)]))
    parquet.write_table(table, path)
    for source in (path, str(path), path.read_bytes()):
        sheet = data.read(source)
        assert_is_frame(sheet)
    assert "Not read: 'lists'" in " ".join(sheet.notes)
    monkeypatch.setattr(other_files, "MAX_CELLS", 3 * N)
    few = data.read(path)
    assert 5 < few.n_rows < N
    assert few.n_read == N


def test_text_is_read_from_a_path_and_from_bytes():
    one, other = data.read(uploads.SAMPLE), data.read(uploads.SAMPLE.read_bytes())
    assert one.n_rows == other.n_rows == csv_files.read_file(uploads.SAMPLE).n_rows
    with pytest.raises(UploadError, match="cannot be read: No such file"):
        data.read("none.csv")
    with pytest.raises(UploadError, match=r"has 0\.0 MB; at most 0 MB"):
        data.read(uploads.SAMPLE.read_bytes(), Options(max_bytes=10))
