import hashlib
import itertools

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from distill_core.data import datasets
from distill_core.specs import DatasetSpec

HIDDEN = ["moons", "rings", "spirals", "checkerboard"]
NAMES = ["tutorial", *HIDDEN, "breast cancer"]


def load(name):
    return datasets.load(DatasetSpec(name=name))


@pytest.mark.parametrize("name", NAMES)
def test_shapes_types_and_names_fit(name):
    data = load(name)
    n, d = (569, 30) if name == "breast cancer" else (5000, 20)
    n_test = int(np.ceil(0.2 * n))
    assert data.X_train.shape == (n - n_test, d)
    assert data.X_test.shape == (n_test, d)
    assert data.y_train.shape == (n - n_test,)
    assert data.y_test.shape == (n_test,)
    assert {data.X_train.dtype, data.X_test.dtype} == {np.dtype(np.float64)}
    assert {data.y_train.dtype, data.y_test.dtype} == {np.dtype(np.int64)}
    assert (data.n_features, data.n_classes) == (d, 2)
    assert len(set(data.feature_names)) == d
    assert all(type(text) is str for text in (*data.feature_names, *data.class_names))
    for y in (data.y_train, data.y_test):
        assert set(y) == {0, 1}
        assert 0.3 < y.mean() < 0.7


@pytest.mark.parametrize("name", NAMES)
def test_features_are_standardised_on_the_training_part_only(name):
    data = load(name)
    np.testing.assert_allclose(data.X_train.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(data.X_train.std(0), 1, atol=1e-9)
    # Were the test part standardised by itself, both would be zero.
    assert np.abs(data.X_test.mean(0)).max() > 1e-3
    assert np.abs(data.X_test.std(0) - 1).max() > 1e-3


def by_hand(X, y):
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    mean, deviation = X_train.mean(0), X_train.std(0)
    return (X_train - mean) / deviation, y_train, (X_test - mean) / deviation, y_test


def test_tutorial_data_equal_the_scikit_learn_pipeline_done_by_hand():
    X, y = make_classification(
        n_samples=5000, n_features=20, n_informative=10, n_redundant=5, random_state=42
    )
    X_train, y_train, X_test, y_test = by_hand(X, y)
    data = load("tutorial")
    np.testing.assert_allclose(data.X_train, X_train, atol=1e-10)
    np.testing.assert_allclose(data.X_test, X_test, atol=1e-10)
    np.testing.assert_array_equal(data.y_train, y_train)
    np.testing.assert_array_equal(data.y_test, y_test)


def test_breast_cancer_data_equal_the_scikit_learn_pipeline_done_by_hand():
    bunch = load_breast_cancer()
    X_train, y_train, X_test, y_test = by_hand(bunch.data, bunch.target)
    data = load("breast cancer")
    np.testing.assert_allclose(data.X_train, X_train, atol=1e-8)
    np.testing.assert_allclose(data.X_test, X_test, atol=1e-8)
    np.testing.assert_array_equal(data.y_train, y_train)
    np.testing.assert_array_equal(data.y_test, y_test)
    assert data.class_names == ("malignant", "benign")
    assert data.feature_names[0] == "mean radius"


@pytest.mark.parametrize(
    ("name", "rank"), [("tutorial", 15), *((name, 20) for name in HIDDEN), ("breast cancer", 30)]
)
def test_rank_counts_the_directions_in_which_the_data_extend(name, rank):
    X = load(name).X_train
    assert np.linalg.matrix_rank(X, tol=1e-6 * np.sqrt(len(X))) == rank


@pytest.mark.parametrize("draw", [datasets._moons, datasets._rings, datasets._checkerboard])
def test_hiding_keeps_the_distances_of_the_flat_shape(draw):
    flat = StandardScaler().fit_transform(draw(np.random.default_rng(1))[0])
    X = datasets._hide(flat, np.random.default_rng(2))
    assert X.shape == (5000, 20)
    # The plane of the shape, found by least squares from the points alone.
    directions, *_ = np.linalg.lstsq(X, flat, rcond=None)
    np.testing.assert_allclose(directions.T @ directions, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(X @ directions, flat, atol=1e-9)
    pairs = np.random.default_rng(3).integers(5000, size=(2, 500))
    seen = X @ directions
    np.testing.assert_allclose(
        np.linalg.norm(seen[pairs[0]] - seen[pairs[1]], axis=1),
        np.linalg.norm(flat[pairs[0]] - flat[pairs[1]], axis=1),
        atol=1e-9,
    )
    # No feature shows the shape alone: every one mixes both coordinates with noise.
    assert (np.linalg.norm(directions, axis=1) < 0.95).all()


@pytest.mark.parametrize(("name", "reached"), [*zip(HIDDEN, (0.95, 0.9, 0.8, 0.8), strict=True)])
def test_hidden_shapes_are_seen_on_the_widest_plane_but_not_on_two_features(name, reached):
    data = load(name)
    pca = PCA(2).fit(data.X_train)

    def neighbours(see):
        model = KNeighborsClassifier(15).fit(see(data.X_train), data.y_train)
        return model.score(see(data.X_test), data.y_test)

    found = neighbours(pca.transform)
    assert found > reached
    pairs = list(itertools.combinations(range(20), 2))[::19]
    assert np.mean([neighbours(lambda X, p=p: X[:, p]) for p in pairs]) < found - 0.1


@pytest.mark.parametrize("name", ["tutorial", *HIDDEN])
def test_another_seed_draws_other_data(name):
    other = datasets.load(DatasetSpec(name=name, seed=7))
    assert not np.array_equal(other.X_train, load(name).X_train)


def test_data_are_the_same_in_another_process(python):
    code = """
import hashlib
from distill_core.data import datasets
from distill_core.specs import DatasetSpec
for name in %r:
    data = datasets.load(DatasetSpec(name=name))
    parts = (data.X_train, data.y_train, data.X_test, data.y_test)
    print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""
    expected = []
    for name in NAMES:
        data = load(name)
        parts = (data.X_train, data.y_train, data.X_test, data.y_test)
        expected.append(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
    assert python(code % NAMES).split() == expected
    assert len(set(expected)) == len(NAMES)


# More than two classes


MANY = [
    *(DatasetSpec(name="blobs", n_classes=n) for n in (2, 3, 4, 5)),
    *(DatasetSpec(name="spirals", n_classes=n) for n in (2, 3, 4, 5)),
    DatasetSpec(name="wine"),
    DatasetSpec(name="digits"),
]
EXPECTED = [2, 3, 4, 5, 2, 3, 4, 5, 3, 10]


@pytest.mark.parametrize(("spec", "n_classes"), list(zip(MANY, EXPECTED, strict=True)), ids=str)
def test_every_class_is_in_both_parts_of_the_data(spec, n_classes):
    data = datasets.load(spec)
    assert data.n_classes == n_classes == len(set(data.class_names))
    for y in (data.y_train, data.y_test):
        assert set(y) == set(range(n_classes))
        assert y.dtype == np.int64
    assert np.isfinite(data.X_train).all()
    assert np.isfinite(data.X_test).all()
    np.testing.assert_allclose(data.X_train.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(data.X_train.std(0), 1, atol=1e-9)
    assert len(set(data.feature_names)) == data.n_features


@pytest.mark.parametrize("name", ["blobs", "wine", "digits"])
def test_more_than_two_classes_are_split_in_proportion(name):
    data = datasets.load(DatasetSpec(name=name))
    shares = [np.bincount(y) / len(y) for y in (data.y_train, data.y_test)]
    np.testing.assert_allclose(shares[0], shares[1], atol=1.2 / len(data.y_test))


def test_digits_without_the_pixels_that_never_change():
    data, raw = datasets.load(DatasetSpec(name="digits")), load_digits()
    varies = raw.data.std(0) > 0
    assert data.n_features == varies.sum() == 61
    kept = [f"pixel {i // 8}, {i % 8}" for i in np.flatnonzero(varies)]
    assert list(data.feature_names) == kept
    assert data.class_names == tuple("0123456789")


def test_two_spirals_stay_the_data_that_they_are():
    data = datasets.load(DatasetSpec(name="spirals"))
    first, last = [-0.873363, 1.044803, 0.937529], [-0.605066, 1.508495, 0.877230]
    np.testing.assert_allclose(data.X_train[0, :3], first, atol=1e-6)
    np.testing.assert_allclose(data.X_test[-1, :3], last, atol=1e-6)
    means = [np.abs(X).mean() for X in (data.X_train, data.X_test)]
    np.testing.assert_allclose(means, [0.80297196, 0.80593116], atol=1e-8)
    labels = "".join(map(str, [*data.y_train[:24], *data.y_test[-24:]]))
    assert labels == "110001011110110001101010" + "000101001001100110010110"
    assert data.y_train.sum() == 1983
