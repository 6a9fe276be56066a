"""Files with rows of commas: their columns, as numbers and words."""

import io
import re

import clevercsv
import numpy as np
import pytest

from distill_core import uploads
from distill_core.data import csv_files
from distill_core.data.csv_files import UploadError, read
from distill_core.data.sheets import Options
from distill_core.data.tables import prepare
from tests.data.hostile import X, Z, csv, named, two


def test_names_stay_plain_strings():
    names = ["=1+1", "<b>x</b>", "![a](http://x.invalid)", "{x}", "%s", "-1", "+1", "@SUM(A1)"]
    header = ",".join(f'"{name}"' for name in [*names, "y"])
    sheet = read(csv(header, *[X, Z] * 4, two))
    assert [column.name for column in sheet.columns] == [*names, "y"]
    table = prepare(sheet, "y").table
    assert table.feature_names == tuple(names)


def test_columns_are_read_as_numbers_and_words():
    content = b"n,w,m,e\n1,a,1,\n-2.5e3,b,x,NA\n,?,2,null\n .5 ,a,3,nan\n"
    n, w, m, e = read(content).columns
    np.testing.assert_array_equal(n.numbers, [1, -2500, np.nan, 0.5])
    assert (n.kind, n.n_missing, n.n_values) == ("numbers", 1, 3)
    np.testing.assert_array_equal(w.codes, [0, 1, -2, 0])
    assert w.count_missing() == {"?": 1}
    assert (w.kind, w.words, w.n_missing) == ("categories", ("a", "b"), 1)
    assert (m.kind, m.n_words, m.n_values) == ("categories", 1, 4)
    assert (e.kind, e.n_values) == ("empty", 0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_usual_delimiter_gives_the_same_table(delimiter):
    text = csv("x,z,y", X, Z, two).decode().replace(",", delimiter)
    sheet = read(text.encode())
    np.testing.assert_array_equal(sheet.column("x").numbers, [X(i) for i in range(60)])
    assert bool(sheet.notes) == (delimiter != ",")


def test_numbers_with_a_decimal_comma():
    sheet = read(b"x;y\n1,5;a\n-0,25;b\n1,2,3;a\n")
    np.testing.assert_array_equal(sheet.column("x").numbers, [1.5, -0.25, np.nan])
    assert sheet.column("x").words == ("1,2,3",)


def test_python_s_own_numbers_are_words_when_no_csv_has_them():
    x = read("x,y\n1_000,a\n\u0661,b\n1e5,c\n".encode()).column("x")
    np.testing.assert_array_equal(x.numbers, [np.nan, np.nan, 1e5])
    assert x.words == ("1_000", "\u0661")


def test_quoted_cells_may_hold_delimiters_and_lines():
    sheet = read(b'"a ""name""",y\n"x, y",1\n"x\ny",2\n"x, y",1\n')
    assert sheet.columns[0].name == 'a "name"'
    assert sheet.columns[0].words == ("x, y", "x\ny")
    assert sheet.n_rows == 3


def test_a_column_that_does_not_exist_is_said_with_those_that_do():
    with pytest.raises(UploadError, match=r"no column called 'q'; choose one of 'x', 'z', 'y'\."):
        read(named("x")).column("q")


def test_words_beyond_the_limit_are_not_kept():
    sheet = read(csv("w,y", lambda i: f"w{i}", two, n=3000))
    assert len(sheet.columns[0].words) == csv_files.MAX_WORDS
    assert sheet.columns[0].kind == "text"


def test_files_are_read_from_the_disk(tmp_path):
    path = tmp_path / "birds.csv"
    path.write_bytes(uploads.SAMPLE.read_bytes())
    assert csv_files.read_file(path).n_rows == read(uploads.SAMPLE.read_bytes()).n_rows
    with pytest.raises(UploadError, match=r"cannot be read: No such file"):
        csv_files.read_file(tmp_path / "none.csv")
    with pytest.raises(UploadError, match=r"cannot be read: Is a directory"):
        csv_files.read_file(tmp_path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "huge.csv"
    with open(path, "wb") as file:
        file.truncate(20 * 1024**3)
    asked = []

    class Watched(io.FileIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    monkeypatch.setattr(csv_files, "open", lambda path, _: Watched(path), raising=False)
    with pytest.raises(UploadError, match=r"20480\.0 MB; at most 5 MB"):
        csv_files.read_file(path, Options(max_bytes=5 * 1024**2))
    assert asked == []


def test_long_words_do_not_hold_up_the_search_for_the_delimiter(monkeypatch):
    seen = []
    detect = clevercsv.Detector.detect

    def record(self, text, **options):
        seen.append(text)
        return detect(self, text, **options)

    monkeypatch.setattr(clevercsv.Detector, "detect", record)
    content = csv("x,z,y", X, Z, two) + b"1,2," + b"n" * 9000 + b"#\n"
    assert read(content).column("y").n_words == 61
    assert seen
    assert max(len(word) for text in seen for word in re.findall(r"\w+", text)) <= 60
