"""Tables that people really have: each kind of trouble in files of its own, and what is said."""

import numpy as np
import pytest

from benchmarks import messy, reading
from distill_core.data import csv_files
from distill_core.data.csv_files import UploadError
from distill_core.data.sheets import Options
from distill_core.data.tables import list_classes, prepare
from tests.data.hostile import X, Z, csv, two

CORPUS = list(messy.make_corpus())
# Each is read wrongly, and a sentence says how it was read.
KNOWN_WRONG = {"notes: Latin-2"}


def test_corpus_has_many_files_of_many_kinds():
    assert len(CORPUS) >= 150
    assert len({file.name for file in CORPUS}) == len(CORPUS)
    assert len({file.content for file in CORPUS}) > 0.9 * len(CORPUS)


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_messy_file_is_read_as_the_clean_table_it_was_made_from(file):
    verdict, said = reading.judge_ours(file)
    if file.name in KNOWN_WRONG:
        assert verdict == "wrong"
        assert "it was read as" in " ".join(said)
    else:
        assert verdict == "right", said


def test_the_judge_finds_what_is_wrong():
    table = messy.Table(("x", "y"), ((1.0, "a"), (None, "b")))
    assert reading.equals(table, ["x", "y"], [[1.0, "a"], [None, "b"]])
    for names, rows in [
        (["x", "z"], [[1.0, "a"], [None, "b"]]),
        (["x", "y"], [[1.0, "a"]]),
        (["x", "y"], [["1", "a"], [None, "b"]]),
        (["x", "y"], [[1.001, "a"], [None, "b"]]),
        (["x", "y"], [[1.0, "a"], [0.0, "b"]]),
        (["x", "y"], [[1.0, "a"], [None, "c"]]),
    ]:
        assert not reading.equals(table, names, rows)


def rows(header, *lines, n=20):
    return "\n".join([header, *(lines[i % len(lines)] for i in range(n))]).encode() + b"\n"


# By kind: a file, values of its first row by column, and parts of what is said.
KINDS = {
    "thousands in a column of whole numbers": (
        rows("pay\tk", "1,250\ta", "980\tb", "12,400\ta"),
        {"pay": 1250},
        ["'pay' '1,250' is read as 1250; it could also be 1.25"],
    ),
    "thousands that cannot be decimals": (
        rows("pay,k", '"1,250,000",a', '"3,500",b'),
        {"pay": 1250000},
        ["a comma parts thousands, as in '1,250,000'"],
    ),
    "a comma that parts no thousands": (
        rows("dose\tk", "1,250\ta", "4812\tb"),
        {"dose": 1.25},
        ["'1,250' is read as 1.25; it could also be 1250"],
    ),
    "decimal commas in one column, points in another": (
        rows("a;b;k", "15,96;1.5;x", "3,04;22.75;y"),
        {"a": 15.96, "b": 1.5},
        ["In 'a' the decimal sign is a comma, as in '15,96'."],
    ),
    "both signs in one column": (
        rows("a;k", "15,96;x", "22.75;y"),
        {"a": 15.96},
        ["'a' has both decimal signs, as in '22.75' and '15,96'"],
    ),
    "names end with a semicolon": (rows("a;b;", "1;x", "2;y"), {"a": 1, "b": "x"}, ["ends with"]),
    "all end with a comma": (rows("a,b,", "1,x,", "2,y,"), {"a": 1, "b": "x"}, ["neither a name"]),
    "row names in words": (
        rows('"a" "b"', '"r 1" 1.5 "x"', '"r 2" 2.5 "y"'),
        {"a": 1.5, "b": "x"},
        ["taken for the row's name, as in 'r 1'"],
    ),
    "row names and tabs": (
        rows("a\tb", "1\t1.5\tx", "2\t2.5\ty"),
        {"a": 1.5, "b": "x"},
        ["left out"],
    ),
    "sep line of tabs": (b"sep=\t\n" + rows("a\tb", "1\tx"), {"a": 1}, ["names the delimiter"]),
    "sep line in quotation marks": (
        b'"sep=|"\n' + rows("a|b", "1,5|x", "2,5|y"),
        {"a": 1.5},
        ["names the delimiter"],
    ),
    "no names, words first": (
        rows("x,1.5,2", "y,2.5,3", "x,3.5,4"),
        {"column 1": "x", "column 2": 1.5},
        ["the first row, 'x, 1.5, 2', is a sample", "choose row 1"],
    ),
    "no names, words only": (
        rows("red,x", "blue,y", "red,y"),
        {"column 1": "red"},
        ["is a sample like the others"],
    ),
    "a title above": (b"My data\n\n" + rows("a,b", "1,x"), {"a": 1}, ["such as 'My data'"]),
    "cells left blank above": (b";;\n;;\n" + rows("a;b;c", "1;x;y"), {"a": 1}, ["2 rows above"]),
    "semicolons in names": (
        rows('"a; in mm","b; in g",k', '"1;5",2,x', "3,4,y"),
        {"b; in g": 2},
        [],
    ),
    "tabs in words": (rows("a|k", "1|x y, z", "2|y"), {"a": 1, "k": "x y, z"}, ["vertical bars"]),
    "spaces around quotation marks": (
        rows('"a",  "k"', '"1.5",  "x, y"', '"2.5",  "z"'),
        {"a": 1.5, "k": "x, y"},
        [],
    ),
    "a space before numbers": (rows("a, b, k", "1, 2, x", "3, 4, y"), {"b": 2, "k": "x"}, []),
    "limits of detection above": (
        rows("a,k", ">100,x", "55,y", "61,x"),
        {"a": 100},
        ["are a limit, such as '>100': read as the limit itself"],
    ),
    "limits with commas": (rows("a;k", "<0,5;x", "0,7;y"), {"a": 0.5}, ["as in", "'<0,5'"]),
    "percent": (rows("a,k", "5 %,x", "7.5 %,y"), {"a": 5}, ["without '%', as in '5 %'"]),
    "dollars": (rows("a,k", "$4.78,x", "-$3,y"), {"a": 4.78}, ["without '$'"]),
    "brackets around what is owed": (rows("a,k", '"(1,250)",x', "980,y"), {"a": -1250}, []),
    "spaces in thousands": (rows("a,k", "1 234,x", "980,y"), {"a": 1234}, ["a space parts"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kind_of_trouble_is_read_and_said(kind):
    content, first, said = KINDS[kind]
    sheet = csv_files.read(content)
    for name, value in first.items():
        column = sheet.column(name)
        found = column.numbers[0] if isinstance(value, int | float) else column.cell(0)
        assert found == (pytest.approx(value) if isinstance(value, int | float) else value)
    assert sheet.n_rows == 20 + ("no names" in kind)
    notes = " ".join(sheet.notes)
    for part in said:
        assert part in notes
    # Every decision has a cell that shows it, and a choice that is named can be made.
    for decision in sheet.report:
        assert decision.kind
        if decision.kind == "decimal":
            assert decision.example
            other = csv_files.read(content, Options(decimal={decision.column: decision.other}))
            assert other.column(decision.column).name == decision.column


def test_numbers_whose_meaning_nobody_knows_stay_what_they_are():
    # Percent among bare numbers, and two units in one column.
    sheet = csv_files.read(rows("a,b,k", "5 %,3 mm,x", "0.07,2 cm,y", "0.5,1 mm,x"))
    a, b = sheet.columns[:2]
    assert a.cell(0) == "5 %"
    np.testing.assert_array_equal(a.numbers[:3], [np.nan, 0.07, 0.5])
    assert b.kind == "categories"
    assert b.words == ("3 mm", "2 cm", "1 mm")


def test_what_was_decided_can_be_decided_otherwise():
    content = rows("pay\tk", "1,250\ta", "980\tb")
    read = csv_files.read
    assert read(content, Options(decimal=",")).columns[0].numbers[0] == 1.25
    assert read(content, Options(decimal={"pay": ","})).columns[0].numbers[0] == 1.25
    assert read(content, Options(decimal={"k": ","})).columns[0].numbers[0] == 1250
    assert read(content, Options(header=0)).n_rows == 21
    assert read(content, Options(header=2)).columns[0].name == "1,250"
    assert read(content, Options(missing=("b",))).column("k").n_missing == 10
    with pytest.raises(UploadError, match=r"rows 1 to 21, got 99"):
        read(content, Options(header=99))
    with pytest.raises(UploadError, match="A delimiter is one character"):
        read(content, Options(delimiter="ab"))
    with pytest.raises(UploadError, match="no encoding called 'klingon'"):
        read(content, Options(encoding="klingon"))
    with pytest.raises(UploadError, match="'hex' is no encoding of text"):
        read(content, Options(encoding="hex"))
    assert read("größe,k\n1,ä\n".encode(), Options(encoding="cp1252")).columns[1].words == ("Ã¤",)


@pytest.mark.parametrize("word", ["None", "NA"])
def test_a_class_that_is_called_like_nothing_does_not_vanish(word):
    content = csv("x,z,y", X, Z, lambda i: ("a", "b", word)[i % 3])
    sheet = csv_files.read(content)
    prepared = prepare(sheet, "y")
    assert sorted(prepared.table.class_names) == sorted(["a", "b", word])
    assert f"holds '{word}' (20 rows): a class like the others" in " ".join(prepared.decisions)
    assert list_classes(sheet, "y") == {name: 20 for name in sorted(["a", "b", word])}
    # Said to be missing, it is.
    without = prepare(sheet, "y", classes=["a", "b"])
    assert without.table.class_names == ("a", "b")
    assert len(without.table.y) == 40
    # Among numbers it is no value, as before.
    numbers = csv_files.read(csv("x,z,y", lambda i: word if i % 9 == 0 else X(i), Z, two))
    assert numbers.columns[0].kind == "numbers"
    assert numbers.columns[0].n_missing == 7


def test_a_row_without_a_place_is_refused_and_notes_below_are_said():
    good = rows("a,b,k", "1,2,x", "3,4,y")
    sheet = csv_files.read(good + b"\nSource: field notes\n")
    assert sheet.n_rows == 20
    assert "Line 23, the last, left out (it has 1 cell instead of 3)" in sheet.notes[-1]
    with pytest.raises(UploadError, match="Line 22 has 2 cells, the column names are 3"):
        csv_files.read(good + b"1,2\n" + good)


def test_a_file_of_many_cells_is_thinned_out_and_said(monkeypatch):
    from distill_core.data import rows as rows_module

    monkeypatch.setattr(rows_module, "MAX_CELLS", 9000)
    content = csv("x,z,y", lambda i: i, Z, two, n=20_000)
    sheet = csv_files.read(content)
    assert sheet.n_read == 20_000
    assert 1000 < sheet.n_rows <= 3000
    assert "The file has 20,000 rows;" in " ".join(sheet.notes)
    kept = sheet.column("x").numbers
    assert (np.diff(kept) > 0).all()
    # From all over the file, in equal shares.
    assert abs(kept.mean() / 10_000 - 1) < 0.1


def test_a_file_that_ends_inside_quotation_marks_loses_its_last_row_and_says_so():
    good = rows("a,b,k", "1,2,x", "3,4,y")
    sheet = csv_files.read(good + b'5,6,"cut o')
    assert sheet.n_rows == 20
    assert "the last, left out (it has 1 cell instead of 3): '5,6,\"cut o'" in sheet.notes[-1]
    # Further above, a quotation mark is missing.
    with pytest.raises(UploadError, match="quotation marks around line"):
        csv_files.read(rows("a,b,k", "1,2,x") + b'5,6,"never closed\n' + good)


@pytest.mark.parametrize("above", [b"Report,,\n,,\n", b"Station,,\nOperator: A,,\n,,\n"])
def test_several_lines_above_that_are_padded_are_no_names(above):
    sheet = csv_files.read(above + rows("a,b,k", "1,2,x", "3,4,y"))
    assert [column.name for column in sheet.columns] == ["a", "b", "k"]
    assert "rows above the names left out" in sheet.notes[0]


def test_rows_that_have_names_and_end_with_a_delimiter():
    sheet = csv_files.read(rows("a;b;", "r1;1;x;", "r2;2;y;"))
    assert [column.name for column in sheet.columns][:2] == ["a", "b"]
    assert "taken for the row's name, as in 'r1'" in " ".join(sheet.notes)
