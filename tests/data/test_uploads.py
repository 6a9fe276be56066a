import gzip
import json
import os
import re
import sys
import time
import zlib

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from distill_core import jobs, uploads
from distill_core.data import csv_files, datasets
from distill_core.data.csv_files import MAX_BYTES, UploadError, read
from distill_core.data.tables import prepare
from distill_core.geometry.planes import choose
from distill_core.geometry.problems import load_problem
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    Schedule,
    SpecError,
    StudentSpec,
)

SHORT = Schedule(epochs=2, batch_size=64, learning_rate=4e-3)


def csv(header, *columns, n=60):
    """Rows of a CSV file; a column is a list or a function of the row's number."""
    rows = [[c(i) if callable(c) else c[i] for c in columns] for i in range(n)]
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]).encode() + b"\n"


def noise(seed):
    values = np.random.default_rng(seed).normal(size=60_000).round(3)
    return lambda i: values[i]


def two(i):
    return "ab"[i % 2]


X, Z = noise(0), noise(1)


def named(name):
    """A good file whose first feature has some name."""
    return csv("@,z,y", X, Z, two).replace(b"@", name.encode())


def random_bytes(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, n, dtype=np.uint8).tobytes()


GOOD = ""
BODY = csv("", X, Z, two).decode()
# What comes in, and a part of the sentence that comes out; GOOD: a table of classes a and b.
HOSTILE = {
    "empty": (lambda: b"", "The file is empty"),
    "spaces": (lambda: b"   ", "No column was found"),
    "byte order mark alone": (lambda: b"\xef\xbb\xbf", "No column was found"),
    "five million line feeds": (lambda: b"\n" * 5_000_000, "5,000,000 rows; at most 50,000"),
    "five million returns": (lambda: b"\r" * 5_000_000, "5,000,000 rows; at most 50,000"),
    "NUL bytes": (lambda: b"\0" * 1000, "NUL bytes (first in line 1)"),
    "a NUL byte in a cell": (lambda: named("x").replace(b"a", b"a\0", 1), "NUL bytes"),
    "a bell": (lambda: named("x").replace(b"a", b"\x07", 1), "control characters"),
    "UTF-16": (lambda: named("x").decode().encode("utf-16"), "UTF-16"),
    "UTF-16, big end first": (lambda: b"\xfe\xff" + BODY.encode("utf-16-be"), "UTF-16"),
    "UTF-16 without a mark": (lambda: BODY.encode("utf-16-le"), "NUL bytes"),
    "UTF-32": (lambda: BODY.encode("utf-32"), "UTF-16"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + random_bytes(5000), "not a CSV file"),
    "spreadsheet": (lambda: b"PK\x03\x04\x14\0\x06\0" + random_bytes(5000), "not a CSV file"),
    "program": (lambda: b"\x7fELF\x02\x01\x01" + bytes(64), "not a CSV file"),
    "compressed": (lambda: gzip.compress(named("x")), "not a CSV file"),
    "a bomb of zeros": (lambda: zlib.compress(bytes(10**7), 9), "not a CSV file"),
    "PDF": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n", "was found"),
    "pickle": (lambda: b"\x80\x04\x95\x1c\0\0\0cos\nsystem\n(S'ls'\ntR.", "not a CSV file"),
    "text pickle": (lambda: b"cos\nsystem\n(S'touch /tmp/x'\ntR.\n", "was found"),
    "five MB of noise": (lambda: random_bytes(MAX_BYTES), "not a CSV file"),
    "high bytes": (lambda: bytes(range(0xA0, 0x100)) * 20000, "this is not a CSV file"),
    "no text in any encoding": (
        lambda: b"a,b\n\x81\x8d,1\n",
        "not text in UTF-8 (first in line 2)",
    ),
    "half a surrogate": (lambda: b"x,z,y\n\xed\xa0\x80\x81,1,2\n", "not text in UTF-8"),
    "page": (lambda: b"<!DOCTYPE html>\n<html><body onload=alert(1)>\n</html>\n", "was found"),
    "JSON": (lambda: json.dumps([{"x": i, "y": 2} for i in range(99)]).encode(), "no rows below"),
    "prose": (lambda: b"It was a dark night.\nNothing stirred, not even a mouse.\n", "was found"),
    "header alone": (lambda: b"x,z,y\n", "no rows below the column names"),
    "one column": (lambda: b"y\n" + b"a\nb\n" * 99, "Only one column"),
    "short row": (lambda: named("x") + b"1,2\n", "Line 62 has 2 cells, the column names are 3"),
    "long row": (lambda: named("x") + b"1,2,3,4\n", "Line 62 has 4 cells"),
    "100,000 columns": (
        lambda: b",".join([b"c"] * 100_000) + b"\n",
        "100,000 columns; at most 200",
    ),
    "201 columns": (lambda: b",".join([b"c"] * 201) + b"\n1\n", "201 columns; at most 200"),
    "five million commas": (lambda: b"," * 5_000_000, "5,000,001 columns; at most 200"),
    "a wide second row": (lambda: b"x,y\n" + b"1," * 2_000_000, "2,000,001 columns"),
    "a wide row of many lines": (
        lambda: b"x,y\n" + b'"\n",1,1,1,1,' * 400_000,
        "goes on for 402 lines",
    ),
    "a wide row of fewer lines": (
        lambda: b"x,y\n" + (b'"\n",' + b"1," * 20) * 100_000,
        "a closing quotation mark is missing",
    ),
    "open quotation mark": (lambda: b'x,z,y\n"' + b"1,2,a\n" * 99, "quotation marks"),
    "open for five MB": (lambda: b'x,z,y\n"' + b"1,2,a\n" * 83_000, "goes on for 1,0"),
    "quotation marks only": (lambda: b'"' * 5_000_000, "characters: this is not"),
    "stray quotation marks": (lambda: b'x,z,y\n"1"2,"3" ,a\n', "quotation marks"),
    "a cell of five MB": (lambda: b"x,y\n1," + b"a" * 5_000_000, "characters: this is not"),
    "six MB": (lambda: b"x,y\n" + b"1,a\n" * 1_572_864, "6.0 MB; at most 5 MB"),
    "fifty MB": (lambda: bytes(50 * 1024**2), "50.0 MB; at most 5 MB"),
    "50,001 rows": (lambda: csv("x,z,y", X, Z, two, n=50_001), "50,001 rows; at most 50,000"),
    "1e400": (lambda: named("x") + b"1e400,1,a\n", GOOD),
    "minus 1e400 and infinity": (lambda: named("x") + b"-1e400,1,a\n1,-Infinity,b\n", GOOD),
    "a hundred thousand digits": (lambda: named("x") + b"9" * 100_000 + b",1,a\n", GOOD),
    "1e308 beside 1e-308": (
        lambda: csv("x,z,y", lambda i: (1e308, 1e-308)[i % 3 > 0], Z, two),
        GOOD,
    ),
    "1e308 beside -1e308": (
        lambda: csv("x,z,y", lambda i: f"{'-' * (i % 3 > 0)}1e308", Z, two),
        GOOD,
    ),
    "numbers next to zero": (lambda: csv("x,z,y", lambda i: f"{i % 7}e-320", Z, two), GOOD),
    "numbers of one size": (lambda: csv("x,z,y", lambda i: 1e15 + i % 2, Z, two), GOOD),
    "one class": (lambda: csv("x,z,y", X, Z, lambda i: "a"), "has only one value"),
    "no label at all": (lambda: csv("x,z,y", X, Z, lambda i: ""), "has no value"),
    "a label of thousands": (
        lambda: csv("x,z,y", X, Z, lambda i: f"w{i}", n=5000),
        "more than 1,000 different values; at most 10",
    ),
    "a numeric label of thousands": (
        lambda: csv("x,z,y", X, Z, lambda i: i / 7, n=5000),
        "5,000 different values; at most 10",
    ),
    "eleven classes": (
        lambda: csv("x,z,y", X, Z, lambda i: f"w{i % 11}", n=990),
        "11 different values; at most 10",
    ),
    "a class of 19": (
        lambda: csv("x,z,y", X, Z, lambda i: "b" if i < 19 else "a"),
        "Class 'b' has 19 complete rows; each class needs at least 20",
    ),
    "nothing but words": (lambda: csv("x,z,y", two, two, two), "No column besides the label"),
    "constants": (lambda: csv("x,z,y", lambda i: 1, lambda i: 2, two), "No feature is left"),
    "one feature": (lambda: csv("x,y", X, two), "Only one feature is left"),
    "nothing in any row": (
        lambda: csv("x,z,y", lambda i: "" if i % 2 else 1, lambda i: 1 if i % 2 else "", two),
        "Every row lacks a value",
    ),
    "delimiters only": (lambda: b"x,z,y\n" + b",,\n" * 500, "has no value"),
    "equal names": (lambda: csv("x,x,y", X, Z, two), GOOD),
    "names that are equal when cleaned": (lambda: csv("x,x (2),x , x,y", X, Z, X, Z, two), GOOD),
    "no names": (lambda: csv(",,", X, Z, two), GOOD),
    "names of spaces": (lambda: csv("  ,\t,y", X, Z, two), GOOD),
    "names of 10,000 characters": (lambda: named("n" * 10_000), GOOD),
    "names of 10,000 spaces": (lambda: named(" " * 10_000 + "n"), GOOD),
    "HTML": (lambda: named("<img src=http://x.invalid/a onerror=alert(1)>"), GOOD),
    "script": (lambda: named("<script>fetch('http://x.invalid')</script>"), GOOD),
    "Markdown picture": (lambda: named("![a](http://x.invalid/a.png)"), GOOD),
    "Markdown and LaTeX": (lambda: named(r"$\href{http://x.invalid}{x}$ :red[x] # **x**"), GOOD),
    "formula": (lambda: named("=cmd|' /C calc'!A0"), GOOD),
    "formula in quotation marks": (lambda: named('"=HYPERLINK(""http://x.invalid"",""x"")"'), GOOD),
    "format strings": (lambda: named("{0.__class__.__mro__} %s %n ${jndi:ldap://x}"), GOOD),
    "a path": (lambda: named("../../../../etc/passwd"), GOOD),
    "a way to query": (lambda: named("x'; DROP TABLE y; --"), GOOD),
    "right to left and no width": (lambda: named("\u202egpj\u202c\u200b\u2066\ufeff"), GOOD),
    "only no width": (lambda: named("\u200b\u200d"), GOOD),
    "faces": (lambda: named("\U0001f600" * 500), GOOD),
    "a stack of accents": (lambda: named("e" + "\u0301" * 3000), GOOD),
    "a line in a name": (lambda: named('"two\nlines"'), GOOD),
    "the label's own name": (lambda: named("y"), GOOD),
    "Windows-1252": (lambda: csv("größe,z,y", X, Z, two).decode().encode("cp1252"), GOOD),
    "byte order mark": (lambda: b"\xef\xbb\xbf" + named("x"), GOOD),
    "returns alone": (lambda: named("x").replace(b"\n", b"\r"), GOOD),
    "ends of all kinds": (lambda: named("x").replace(b"\n", b"\r\n", 20), GOOD),
    "blank lines": (lambda: b"\n\n" + named("x").replace(b"\n", b"\n\n"), GOOD),
    "tabs": (lambda: named("x").replace(b",", b"\t"), GOOD),
    "decimal commas": (lambda: named("x").replace(b",", b";").replace(b".", b","), GOOD),
    "digits of another script": (lambda: named("x") + "\u0661\u0662,1,a\n".encode(), GOOD),
    "underscores in numbers": (lambda: named("x") + b"1_000,1,a\n", GOOD),
    "hexadecimal": (lambda: named("x") + b"0x1F,1,a\n", GOOD),
    "words of every kind": (
        lambda: csv("x,z,w,y", X, Z, lambda i: f"word {i * 7919} \U0001f600", two, n=50_000),
        GOOD,
    ),
    "as many cells as fit": (
        lambda: (
            b",".join(b"c%d" % j for j in range(200))
            + b"\n"
            + b"".join(
                b",".join(b"%d" % (i * j % 14) for j in range(199)) + b",%d\n" % (i % 2)
                for i in range(14)
            )
            * 780
        ),
        GOOD,
    ),
}


def answered(content, store):
    """What a visitor is told: a sentence, or a table that was kept."""
    try:
        sheet = read(content)
        prepared = prepare(sheet, sheet.columns[-1].name)
        uploads.keep(store, prepared, owner="visitor")
    except UploadError as error:
        return str(error), None
    return "", prepared


def peak(name):
    return int(re.search(rf"{name}:\s+(\d+)", open("/proc/self/status").read())[1]) * 1024


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_gets_a_sentence_or_a_good_table(name, store):
    make, expected = HOSTILE[name]
    content = make()
    begin = time.process_time()
    sentence, prepared = answered(content, store)
    assert time.process_time() - begin < 2
    if expected is GOOD:
        assert sentence == ""
        table = prepared.table
        assert table.X.dtype == np.float32
        assert np.isfinite(table.X).all()
        assert len(table.class_names) == 2
        assert np.bincount(table.y).min() >= 20
        shown = (*table.feature_names, *table.class_names)
        assert len(set(table.feature_names)) == table.X.shape[1] >= 2
        assert all(0 < len(text) <= 70 and text.isprintable() for text in shown)
        assert all("\n" not in text and len(text) < 1000 for text in prepared.decisions)
    else:
        assert expected in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence
        assert len(sentence) < 400
        assert not list(store.root.glob("table/*/*"))


def test_there_are_more_than_forty_hostile_files():
    assert len(HOSTILE) > 80


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux' /proc")
def test_no_hostile_file_takes_100_megabytes(python, tmp_path):
    """Each in the same fresh process, its peak reset before; the file itself does not count."""
    code = """
import gc, sys
from pathlib import Path
from distill_core.store import Store
from tests.data.test_uploads import HOSTILE, answered, peak

store = Store(sys.argv[1])
answered(HOSTILE["equal names"][0](), store)
for name, (make, _) in HOSTILE.items():
    content = make()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = peak("VmRSS")
    answered(content, store)
    print((peak("VmHWM") - before) // 2**20, name)
"""
    grown = [line.split(" ", 1) for line in python(code, tmp_path).splitlines()]
    assert len(grown) == len(HOSTILE)
    assert [pair for pair in grown if int(pair[0]) >= 100] == []


def test_names_stay_plain_strings():
    names = ["=1+1", "<b>x</b>", "![a](http://x.invalid)", "{x}", "%s", "-1", "+1", "@SUM(A1)"]
    header = ",".join(f'"{name}"' for name in [*names, "y"])
    sheet = read(csv(header, *[X, Z] * 4, two))
    assert [column.name for column in sheet.columns] == [*names, "y"]
    table = prepare(sheet, "y").table
    assert table.feature_names == tuple(names)


# Columns


def test_columns_are_read_as_numbers_and_words():
    content = b"n,w,m,e\n1,a,1,\n-2.5e3,b,x,NA\n,?,2,null\n .5 ,a,3,nan\n"
    n, w, m, e = read(content).columns
    np.testing.assert_array_equal(n.numbers, [1, -2500, np.nan, 0.5])
    assert (n.kind, n.n_missing, n.n_values) == ("numbers", 1, 3)
    np.testing.assert_array_equal(w.codes, [0, 1, -1, 0])
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


# Tables


def test_table_equals_what_was_in_the_file():
    sheet = read(csv("x,z,y", X, Z, two))
    table = prepare(sheet, "y").table
    raw = np.array([[X(i), Z(i)] for i in range(60)])
    np.testing.assert_allclose(table.X, StandardScaler().fit_transform(raw), atol=1e-6)
    np.testing.assert_array_equal(table.y, [i % 2 for i in range(60)])
    assert table.class_names == ("a", "b")


def test_sample_file_with_every_decision_in_words():
    sheet = csv_files.read_file(uploads.SAMPLE)
    assert 300 < sheet.n_rows < 400
    usual = prepare(sheet, "kind")
    assert usual.table.X.shape[1] == 4
    assert len(usual.table.class_names) == 3
    said = " ".join(usual.decisions)
    for part in ("Left out: 15 rows", "Not used", "'island', 'sex'", "scaled"):
        assert part in said
    names = [column.name for column in sheet.columns if column.name != "kind"]
    chosen = prepare(sheet, "kind", names)
    assert "island = North" in chosen.table.feature_names
    assert "sex = male" in chosen.table.feature_names
    assert "sex = female" not in chosen.table.feature_names
    said = " ".join(chosen.decisions)
    assert "'island' holds 3 categories and becomes 3 features" in said
    assert "'sex' holds 2 categories and becomes one feature" in said


def test_rows_with_missing_values_are_dropped_and_counted():
    content = csv(
        "x,z,y", lambda i: "" if i % 10 == 3 else X(i), Z, lambda i: "" if i == 9 else two(i)
    )
    prepared = prepare(read(content), "y")
    rows = [i for i in range(60) if i % 10 != 3 and i != 9]
    assert len(prepared.table.y) == len(rows)
    np.testing.assert_array_equal(prepared.table.y, [i % 2 for i in rows])
    said = " ".join(prepared.decisions)
    assert "Left out: 1 row without a label in 'y'." in said
    assert "Left out: 6 rows with a missing value, most of them in 'x'; 53 rows remain." in said


def test_stray_words_and_large_numbers_in_a_column_are_missing_and_said():
    content = csv("x,z,y", X, Z, two) + b"oops,1,a\n1e999,1,b\n"
    prepared = prepare(read(content), "y")
    assert len(prepared.table.y) == 60
    said = " ".join(prepared.decisions)
    assert "Counted as missing: 1 cell of 'x' without a number, such as 'oops'." in said
    assert "Counted as missing: 1 number of 'x', too large" in said


def test_categories_become_one_feature_each():
    content = csv("x,c,y", X, lambda i: "rgb"[i % 3], two)
    table = prepare(read(content), "y", ["x", "c"]).table
    assert table.feature_names == ("x", "c = b", "c = g", "c = r")
    for column, letter in enumerate("bgr", 1):
        on = table.X[:, column] > 0
        np.testing.assert_array_equal(on, ["rgb"[i % 3] == letter for i in range(60)])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["x", "y"], "The label 'y' cannot be a feature too"),
        ([], "No features were chosen"),
        (["x", "q"], "no column called 'q'"),
        (["x", "w"], "'w' has 60 different words; at most 20"),
        (["x", "e"], "The column 'e' is empty"),
        (["x"], "Only one feature is left"),
    ],
)
def test_features_that_cannot_be_are_refused(features, message):
    content = csv("x,z,w,e,y", X, Z, lambda i: f"w{i}", lambda i: "", two)
    with pytest.raises(UploadError) as caught:
        prepare(read(content), "y", features)
    assert message in str(caught.value)


def test_too_many_categories_together_are_refused():
    columns = [lambda i, j=j: f"w{(i + j) % 20}" for j in range(11)]
    header = ",".join(f"c{j}" for j in range(11))
    sheet = read(csv(header + ",y", *columns, two))
    with pytest.raises(UploadError, match=r"make 220 features.* at most 200"):
        prepare(sheet, "y", header.split(","))
    large = read(csv(header + ",y", *columns, two, n=25_000))
    with pytest.raises(UploadError, match=r"make 220 features.* 25,000 rows at most 200"):
        prepare(large, "y", header.split(","))
    larger = read(csv("x,c0,c1,c2,c3,c4,c5,y", X, *columns[:6], two, n=49_999))
    with pytest.raises(UploadError, match=r"make 121 features.* 49,999 rows at most 100"):
        prepare(larger, "y", ["x", "c0", "c1", "c2", "c3", "c4", "c5"])


def test_columns_that_only_count_or_lack_most_values_are_not_used_unless_chosen():
    content = csv("id,x,z,rare,y", lambda i: i, X, Z, lambda i: i % 7 if i % 3 == 0 else "", two)
    prepared = prepare(read(content), "y")
    assert prepared.table.feature_names == ("x", "z")
    said = " ".join(prepared.decisions)
    assert "they only count the rows: 'id'" in said
    assert "lack more than half of their values: 'rare'" in said
    assert prepare(read(content), "y", ["id", "x"]).table.feature_names == ("id", "x")


def test_constant_columns_are_left_out_and_said():
    content = csv("x,one,z,y", X, lambda i: 5, Z, two)
    prepared = prepare(read(content), "y")
    assert prepared.table.feature_names == ("x", "z")
    assert "with the same value in every row: 'one'." in " ".join(prepared.decisions)


def test_uneven_classes_are_said():
    prepared = prepare(read(csv("x,z,y", X, Z, lambda i: "b" if i % 5 else "a", n=100)), "y")
    assert "always answers 'b' is right in 80% of the rows" in " ".join(prepared.decisions)
    even = prepare(read(csv("x,z,y", X, Z, two)), "y")
    assert "uneven" not in " ".join(even.decisions)


def test_numbers_as_labels_are_in_order_whatever_way_they_are_written():
    content = csv("x,z,y", X, Z, lambda i: ("10", "2", "2.0", "1e1")[i % 4], n=80)
    table = prepare(read(content), "y").table
    assert table.class_names == ("2", "10")
    np.testing.assert_array_equal(table.y, [1, 0, 0, 1] * 20)


def test_long_class_names_that_look_alike_stay_apart():
    content = csv("x,z,y", X, Z, lambda i: "n" * 300 + two(i))
    names = prepare(read(content), "y").table.class_names
    assert len(set(names)) == 2
    assert max(map(len, names)) < 70


# Files on the disk


def test_files_are_read_from_the_disk(tmp_path):
    path = tmp_path / "birds.csv"
    path.write_bytes(uploads.SAMPLE.read_bytes())
    assert csv_files.read_file(path).n_rows == read(uploads.SAMPLE.read_bytes()).n_rows
    with pytest.raises(UploadError, match=r"cannot be read: No such file"):
        csv_files.read_file(tmp_path / "none.csv")
    with pytest.raises(UploadError, match=r"cannot be read: Is a directory"):
        csv_files.read_file(tmp_path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.csv"
    with open(path, "wb") as file:
        file.truncate(20 * 1024**3)
    begin = time.process_time()
    with pytest.raises(UploadError, match=r"20480\.0 MB; at most 5 MB"):
        csv_files.read_file(path)
    assert time.process_time() - begin < 0.5


# In the store


@pytest.fixture
def birds(store):
    sheet = csv_files.read_file(uploads.SAMPLE)
    return uploads.keep(store, prepare(sheet, "kind"), owner="me")


def test_upload_is_a_dataset_like_any_other(store, birds):
    data = datasets.load(birds)
    assert data.n_classes == 3
    np.testing.assert_allclose(data.X_train.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(data.X_train.std(0), 1, atol=1e-9)
    shares = [np.bincount(y) / len(y) for y in (data.y_train, data.y_test)]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.02)
    assert data.feature_names[0] == "bill length mm"
    for kind in ("class centres", "discriminant", "three samples"):
        choose(PlaneSpec(kind=kind), data)


def test_digest_is_of_content_and_owner(store):
    prepared = prepare(csv_files.read_file(uploads.SAMPLE), "kind")
    one, again = (uploads.keep(store, prepared, owner="a") for _ in range(2))
    other = uploads.keep(store, prepared, owner="b")
    assert one == again
    assert one.table != other.table
    changed = prepare(csv_files.read_file(uploads.SAMPLE), "sex")
    assert uploads.keep(store, changed, owner="a").table != one.table


def test_everything_computed_from_a_table_begins_with_its_name(birds):
    free = ProblemSpec(dataset=birds, plane=None)
    ensemble = EnsembleSpec(problem=free)
    student = StudentSpec(ensemble=ensemble)
    specs = [birds, free, ensemble, student, PictureSpec(student=student), student.twin()]
    assert {spec.digest[:16] for spec in specs} == {birds.table[:16]}
    assert len({spec.digest for spec in specs}) == len(specs)
    assert StudentSpec().digest[:16] != EnsembleSpec().digest[:16]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "upload"}, "needs a table named by 32 hexadecimal digits, got None"),
        ({"name": "upload", "table": "../x"}, "got '../x'"),
        ({"name": "upload", "table": "A" * 32}, "needs a table"),
        ({"name": "upload", "table": "a" * 32 + "\n"}, "needs a table"),
        ({"name": "wine", "table": "a" * 32}, "A table goes with the dataset 'upload'"),
        ({"name": "upload", "table": "a" * 32, "seed": 1}, "its split seed is 42"),
    ],
)
def test_bad_table_names_are_refused(values, message):
    with pytest.raises(SpecError) as caught:
        DatasetSpec(**values)
    assert message in str(caught.value)


def picture_of(dataset):
    problem = ProblemSpec(dataset=dataset)
    teachers = EnsembleSpec(problem=problem, n_members=2, hidden=(8, 8), schedule=SHORT)
    return PictureSpec(student=StudentSpec(ensemble=teachers, width=4, schedule=SHORT))


def test_a_fresh_process_trains_on_an_upload_with_only_the_store(store, birds, python):
    picture = picture_of(birds)
    code = """
import sys
from distill_core import jobs
from distill_core.specs import PictureSpec
from distill_core.store import Store
jobs.evaluate_picture(PictureSpec.model_validate_json(sys.argv[2]), Store(sys.argv[1]))
"""
    python(code, store.root, picture.model_dump_json())
    assert store.get("picture", picture.digest).arrays["proba"].shape[0] == 2


def test_delete_removes_the_table_and_all_that_was_trained_on_it_and_nothing_else(store, birds):
    other = uploads.keep(store, prepare(csv_files.read_file(uploads.SAMPLE), "kind"), owner="you")
    mine, yours, plain = (picture_of(d) for d in (birds, other, DatasetSpec(name="wine")))
    for picture in (mine, yours, plain):
        jobs.evaluate_picture(picture, store)
        jobs.evaluate_section(picture.section, store)
    # The note that a table was deleted has the same empty blob for all tables.
    store.put("note", "0" * 32, {})
    before = contents(store)
    uploads.delete(store, birds)

    left = contents(store)
    assert left < before
    assert not [name for name in left if birds.table[:16] in name and "deleted" not in name]
    # Not a byte of the table: its blob went at once, although blobs usually wait for a sweep.
    for name in left:
        assert b"bill length" not in (store.root / name).read_bytes() or other.table in name
    gone = [name for name in before - left if name.startswith("blobs")]
    assert gone
    for picture in (yours, plain):
        assert store.get("picture", picture.digest) is not None
        assert store.get("ensemble", picture.student.ensemble.digest) is not None
    assert datasets.load(other).n_classes == 3
    with pytest.raises(UploadError, match="no longer here"):
        datasets.load(birds)
    with pytest.raises(SpecError, match="Upload the file again"):
        load_problem(mine.student.ensemble.problem)
    assert store.get("table", birds.table) is None
    uploads.delete(store, birds)


def contents(store):
    return {
        str(path.relative_to(store.root))
        for path in store.root.rglob("*")
        if path.is_file() and "deleted" not in str(path.relative_to(store.root))
    }


def test_only_uploads_can_be_deleted(store):
    with pytest.raises(UploadError, match="got dataset 'tutorial'"):
        uploads.delete(store, DatasetSpec())


def test_what_a_late_job_puts_after_the_end_is_deleted_too(store, birds):
    picture = picture_of(birds)
    uploads.delete(store, birds)
    store.put("picture", picture.digest, {"x": np.ones(3)})
    assert uploads.expire(store) == 0
    assert not store.has("picture", picture.digest)


def test_the_same_file_may_come_back_after_it_was_deleted(store, birds):
    uploads.delete(store, birds)
    prepared = prepare(csv_files.read_file(uploads.SAMPLE), "kind")
    assert uploads.keep(store, prepared, owner="me") == birds
    uploads.expire(store)
    assert datasets.load(birds).n_classes == 3


def test_tables_of_sessions_long_gone_expire(store, birds):
    young = uploads.keep(store, prepare(csv_files.read_file(uploads.SAMPLE), "kind"), owner="you")
    (index,) = (store.root / "table").glob(f"*/{birds.table}.json")
    day_ago = time.time() - 90_000
    os.utime(index, (day_ago, day_ago))
    assert uploads.expire(store) == 1
    assert not store.has("table", birds.table)
    assert store.has("table", young.table)
    assert uploads.expire(store) == 0


def test_a_damaged_table_is_said_to_be_gone(store, birds):
    for blob in (store.root / "blobs").rglob("*.safetensors"):
        data = bytearray(blob.read_bytes())
        data[-1] ^= 1
        blob.write_bytes(data)
    datasets.forget()
    with pytest.raises(UploadError, match="no longer here"):
        datasets.load(birds)


def test_without_a_store_a_process_says_so(python):
    code = """
from distill_core.data import datasets
from distill_core.specs import DatasetSpec, SpecError
try:
    datasets.load(DatasetSpec(name="upload", table="a" * 32))
except SpecError as error:
    print(error)
"""
    assert "does not know where uploaded tables are" in python(code)


def test_nothing_in_a_file_is_run(tmp_path, store):
    """The words of the corpus are data: no import, no process, no file outside the store."""
    events = []
    watching = [True]

    def hook(event, arguments):
        kind = event.split(".")[0]
        if watching[0] and kind in ("subprocess", "os", "socket", "exec", "compile", "import"):
            events.append((event, str(arguments)[:80]))

    made = [make() for make, _ in HOSTILE.values() if len(make()) < 100_000]
    for content in made:
        answered(content, store)
    sys.addaudithook(hook)
    try:
        for content in made:
            answered(content, store)
    finally:
        watching[0] = False
    # The store's own work on files is all there is.
    files = {"os.listdir", "os.scandir", "os.rename", "os.remove", "os.mkdir", "os.utime"}
    assert [e for e in events if e[0] not in files] == []
