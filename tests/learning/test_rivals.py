"""Logistic regression, tree and forest: fitted, chosen within a budget, counted."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from distill_core.learning import rivals
from distill_core.learning.networks import n_parameters
from distill_core.learning.rivals import Shape


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(600, 3)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64) + (X[:, 2] > 1)
    return X, y


@pytest.mark.parametrize("budget", [300, 4000, 20_000])
def test_tree_and_forest_stay_within_the_budget(data, budget):
    X, y = data
    for name, shape in rivals.choose_shapes(X, y, budget).items():
        size = rivals.measure_size(rivals.fit(name, shape, X, y, 0), X)
        assert size.bytes <= budget, name


def test_a_tree_grows_no_further_than_it_helps():
    generator = np.random.default_rng(1)
    X = generator.normal(size=(800, 3)).astype(np.float32)
    y = np.where(generator.random(800) < 0.3, X[:, 0] > 0, X[:, 0] <= 0).astype(np.int64)
    shapes = rivals.choose_shapes(X, y, 20_000)
    assert shapes["tree"].leaves <= 8
    most = Shape(1, 800)
    scores = [
        cross_val_score(rivals.fit("tree", shape, X, y, 0), X, y, cv=3).mean()
        for shape in (shapes["tree"], most)
    ]
    assert scores[0] > scores[1]


def test_sizes_of_a_tree_by_hand(data):
    X, y = data
    size = rivals.measure_size(rivals.fit("tree", Shape(1, 4), X, y, 0), X)
    # Three splits, four leaves with three numbers each.
    assert size.bytes == 3 * 16 + 4 * 3 * 4
    assert size.parameters == 3 + 4 * 3
    assert 1 <= size.operations <= 3
    forest = rivals.measure_size(rivals.fit("forest", Shape(5, 4), X, y, 0), X)
    assert (forest.bytes, forest.parameters) == (5 * size.bytes, 5 * size.parameters)


def test_sizes_of_the_others(data):
    X, y = data
    size = rivals.measure_size(rivals.fit("logistic", None, X, y, 0), X)
    assert (size.parameters, size.operations, size.bytes) == (12, 9, 48)
    network = rivals.network_size((3, 8, 4, 2), 5)
    assert network.parameters == 5 * n_parameters((3, 8, 4, 2))
    assert network.operations == 5 * (3 * 8 + 8 * 4 + 4 * 2)
    assert network.bytes == 4 * network.parameters


def test_logistic_regression_is_scikit_learns(data):
    X, y = data
    ours = rivals.fit("logistic", None, X, y, 0).predict_proba(X)
    assert np.allclose(
        ours, LogisticRegression(max_iter=5000).fit(X, y).predict_proba(X), atol=1e-3
    )


def test_the_seed_moves_a_forest_and_nothing_else_moves_it(data):
    X, y = data
    one, again, other = (
        rivals.fit("forest", Shape(4, 8), X, y, seed).predict_proba(X) for seed in (0, 0, 1)
    )
    assert (one == again).all()
    assert not (one == other).all()


def test_a_tiny_budget_still_has_rivals(data):
    X, y = data
    shapes = rivals.choose_shapes(X, y, 1)
    assert shapes == {"tree": Shape(1, 2), "forest": Shape(4, 2)}
