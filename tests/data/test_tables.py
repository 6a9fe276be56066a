"""From columns to a table, and what is said about every decision."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from distill_core import uploads
from distill_core.data import csv_files, tables
from distill_core.data.csv_files import UploadError, read
from distill_core.data.tables import prepare
from tests.data.hostile import X, Z, csv, two


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
    columns = [lambda i, j=j: f"w{(i + j) % 20}" for j in range(51)]
    header = ",".join(f"c{j}" for j in range(51))
    sheet = read(csv(header + ",y", *columns, two))
    with pytest.raises(UploadError, match=r"make 1,020 features.* at most 1,000"):
        prepare(sheet, "y", header.split(","))


def test_of_too_many_rows_a_sample_with_the_same_shares_is_used(monkeypatch):
    monkeypatch.setattr(tables, "MAX_TRAINED", 400)
    label = [("rare", "often", "seldom")[(i % 100 > 0) * (1 + (i % 4 == 1))] for i in range(1600)]
    content = csv("x,z,y", X, Z, label, n=1600)
    prepared = prepare(read(content), "y")
    assert "Of 1,600 rows 404 are used, drawn at random" in " ".join(prepared.decisions)
    counts = dict(zip(prepared.table.class_names, np.bincount(prepared.table.y), strict=True))
    assert counts == {"often": 296, "rare": 8, "seldom": 100}
    monkeypatch.setattr(tables, "MAX_NUMBERS", 600)
    assert len(prepare(read(content), "y").table.y) <= 308


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
