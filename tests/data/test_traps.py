"""What makes results look better than they are: it is found, said, and kept out of a split."""

import numpy as np
import pytest

from distill_core import uploads
from distill_core.data import datasets, traps
from distill_core.data.csv_files import UploadError, read
from distill_core.data.groups import split_groups
from distill_core.data.labels import SmallClassesError
from distill_core.data.sheets import Column
from distill_core.data.tables import prepare
from tests.data.hostile import X, Z, csv, two

SHUFFLED = np.random.default_rng(5).permutation(60)


def said(prepared):
    return " ".join(prepared.decisions)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n", lambda i: SHUFFLED[i] + 1),
        ("Sample ID", lambda i: 1000 + 7 * SHUFFLED[i]),
        ("passengerId", lambda i: 3 * SHUFFLED[i] + 50),
        ("case_no", lambda i: 500 - 3 * i),
    ],
)
def test_identifiers_in_any_order_are_left_out_and_can_be_taken_back(name, values):
    sheet = read(csv(f"{name},x,z,y", values, X, Z, two))
    prepared = prepare(sheet, "y")
    assert prepared.table.feature_names == ("x", "z")
    assert f"only name the rows, one number each; a model would learn rows by heart: '{name}'" in (
        said(prepared)
    )
    assert prepare(sheet, "y", [name, "x"]).table.feature_names == (name, "x")


@pytest.mark.parametrize("name", ["mass", "id"])
def test_measurements_are_no_identifiers(name):
    """Whole numbers that come again, and numbers with decimals, whatever they are called."""
    for values in (lambda i: (i * 7) % 23, X):
        prepared = prepare(read(csv(f"{name},x,y", values, Z, two)), "y")
        assert name in prepared.table.feature_names


def test_copies_of_the_label_are_left_out():
    content = csv("code,x,z,y", lambda i: (7, 3)[i % 2], X, Z, two)
    prepared = prepare(read(content), "y")
    assert prepared.table.feature_names == ("x", "z")
    assert "are the label in other words: 'code'" in said(prepared)
    # One row that differs, and it is a feature that knows the label nearly.
    content = csv("code,x,z,y", lambda i: (7, 3)[i % 2] if i else 3, X, Z, two)
    assert "code" in prepare(read(content), "y").table.feature_names


def test_a_feature_that_knows_the_label_is_said():
    content = csv("late,x,z,y", lambda i: X(i) / 9 + 5 * (i % 2), X, Z, two, n=200)
    assert "Look at 'late': by itself it predicts the label" in said(prepare(read(content), "y"))
    assert "Look at" not in said(prepare(read(csv("x,z,y", X, Z, two, n=200)), "y"))


def test_equal_rows_are_never_on_both_sides_of_the_split(store):
    rows = [(X(i % 23), Z(i % 23), two(i % 23)) for i in range(120)]
    content = csv("x,z,y", *(lambda i, j=j: rows[i][j] for j in range(3)), n=120)
    prepared = prepare(read(content), "y")
    assert "97 of the 120 rows have the same features as another row" in said(prepared)
    data = datasets.load(uploads.keep(store, prepared))
    train, test = ({row.tobytes() for row in part.round(6)} for part in (data.X_train, data.X_test))
    assert not train & test
    assert len(data.X_train) + len(data.X_test) == 120
    assert 10 <= len(data.X_test) <= 36
    for y in (data.y_train, data.y_test):
        assert set(y) == {0, 1}
    # Without that, nearly all of the test rows are among those that were learned.
    plain = datasets._split(prepared.table.X.astype(float), prepared.table.y, 42, "xz", "ab", True)
    assert {r.tobytes() for r in plain.X_train.round(2)} & {
        r.tobytes() for r in plain.X_test.round(2)
    } or len(plain.X_test) == 24


def test_a_table_without_equal_rows_is_split_as_ever(store):
    prepared = prepare(read(csv("x,z,y", X, Z, two)), "y")
    assert prepared.table.groups is None


def test_rows_of_one_group_stay_together(store):
    content = csv("patient,x,z,y", lambda i: f"p{i // 4}", X, Z, lambda i: "ab"[i // 4 % 2], n=160)
    sheet = read(content)
    assert "'patient' may say whose row it is" in said(prepare(sheet, "y"))
    prepared = prepare(sheet, "y", group="patient")
    assert "stay together" in said(prepared)
    groups = prepared.table.groups
    assert len(np.unique(groups)) == 40
    test = split_groups(prepared.table.y, groups, 0.2, 42)
    assert not set(groups[test]) & set(groups[~test])
    assert 0.15 < test.mean() < 0.25
    with pytest.raises(UploadError, match="cannot name groups too"):
        prepare(sheet, "y", group="y")
    one = csv("g,x,z,y", two, X, Z, two)
    with pytest.raises(UploadError, match="none could be for testing"):
        prepare(read(one), "y", group="g")


def test_groups_and_equal_rows_are_joined():
    a, b = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 3, 4])
    from distill_core.data.groups import _join_groups

    joined = _join_groups(a, b)
    assert joined[0] == joined[1] == joined[2] == joined[3]
    assert joined[4] == joined[5] != joined[0]


@pytest.mark.parametrize("seed", range(5))
def test_splits_of_random_groups_have_every_class_on_both_sides(seed):
    generator = np.random.default_rng(seed)
    groups = generator.integers(60, size=400)
    y = (groups % 3 + (generator.random(400) < 0.1)) % 3
    test = split_groups(y, groups, 0.2, seed)
    assert not set(groups[test]) & set(groups[~test])
    assert set(y[test]) == set(y[~test]) == {0, 1, 2}
    assert abs(test.mean() - 0.2) < 0.06


def test_small_classes_are_named_at_once_left_out_or_joined():
    label = [*"a" * 30, *"b" * 30, *"c" * 3, *"d" * 7]
    sheet = read(csv("x,z,y", X, Z, label, n=70))
    with pytest.raises(SmallClassesError) as caught:
        prepare(sheet, "y")
    assert "'c' (3 rows), 'd' (7 rows); each class needs at least 8" in str(caught.value)
    left = prepare(sheet, "y", small="leave out")
    assert left.table.class_names == ("a", "b")
    assert len(left.table.y) == 60
    joined = prepare(sheet, "y", small="join")
    assert joined.table.class_names == ("a", "b", "other")
    np.testing.assert_array_equal(np.bincount(joined.table.y), [30, 30, 10])
    assert "Joined to the class 'other'" in said(joined)
    assert "Class 'other' has 10 rows, about 2 of them for testing" in said(joined)
    with pytest.raises(UploadError, match="Joined, 'c'"):
        prepare(read(csv("x,z,y", X, Z, label[:63], n=63)), "y", small="join")


def test_of_many_classes_some_are_chosen():
    sheet = read(csv("x,z,y", X, Z, lambda i: f"k{i % 14}", n=280))
    with pytest.raises(UploadError, match=r"14 different values; at most 10"):
        prepare(sheet, "y")
    prepared = prepare(sheet, "y", classes=["k3", "k1"])
    assert prepared.table.class_names == ("k1", "k3")
    assert "Left out: 240 rows of classes that were not chosen." in said(prepared)
    with pytest.raises(UploadError, match="no class 'k99'"):
        prepare(sheet, "y", classes=["k1", "k99"])
    with pytest.raises(UploadError, match="2 to 10 classes are allowed, 1 were chosen"):
        prepare(sheet, "y", classes=["k1"])


def test_features_know_their_units(store):
    raw = np.array([[1000 + 50 * X(i), Z(i)] for i in range(60)])
    prepared = prepare(read(csv("x,z,y", lambda i: raw[i, 0], Z, two)), "y")
    data = datasets.load(uploads.keep(store, prepared))
    back = np.vstack([data.X_train, data.X_test]) * data.feature_scales + data.feature_means
    np.testing.assert_allclose(np.sort(back[:, 0]), np.sort(raw[:, 0]), rtol=1e-5)


def test_a_column_of_nothing_is_no_identifier():
    empty = Column("id", np.full(5, np.nan), np.full(5, -1, np.int16), ())
    assert not traps.is_identifier(empty)
    assert not traps.copies_label(empty.numbers, np.arange(5))
