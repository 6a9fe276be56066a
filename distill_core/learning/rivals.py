"""What a student has to beat: logistic regression, a small tree, a small forest, by scikit-learn.

A tree and a forest may have about as many bytes as the student. How many of them they use is
chosen by cross-validation on the training data: an overgrown tree would be no rival.
"""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.tree import DecisionTreeClassifier

RivalName = Literal["logistic", "tree", "forest"]
RIVALS: tuple[RivalName, ...] = ("logistic", "tree", "forest")
# A fitted classifier of scikit-learn; its types are not known to the type checker.
Classifier = Any

# Bytes: a split is a feature, a threshold and two children, 32 bits each; so is any other number.
_PER_SPLIT, _PER_NUMBER = 16, 4
# Trees of a forest that are tried; folds; training rows that the choice looks at.
_FORESTS, _N_FOLDS, _MAX_ROWS = (4, 8, 16, 32), 3, 4000


@dataclass(frozen=True)
class Shape:
    """How large a tree or a forest may grow: trees, and leaves of each."""

    trees: int
    leaves: int


@dataclass(frozen=True)
class Size:
    """What a model is made of: its numbers, its operations per answer, its bytes on disk.

    Operations are multiply-adds; those of a tree are its comparisons. Bytes are of 32-bit numbers
    without names or headers.
    """

    parameters: int
    operations: int
    bytes: int


def network_size(sizes: Sequence[int], n_networks: int = 1) -> Size:
    """Return the size of networks with these layer sizes (inputs, hidden..., classes)."""
    products = sum(i * o for i, o in itertools.pairwise(sizes))
    n = n_networks * (products + sum(sizes[1:]))
    return Size(n, n_networks * products, _PER_NUMBER * n)


def choose_shapes(
    X: NDArray[np.float32], y: NDArray[np.int64], budget: int
) -> dict[RivalName, Shape]:
    """Return the shapes of tree and forest that answer best, within a budget in bytes.

    "Best" is the accuracy in a cross-validation of three folds on training data X (n, d), y (n,);
    of equal ones the smallest. The smallest forest, four trees of two leaves, may exceed a tiny
    budget.
    """
    n_classes = int(y.max()) + 1
    rows = np.random.default_rng(0).permutation(len(y))[:_MAX_ROWS]
    folds = list(KFold(_N_FOLDS).split(rows))
    shapes: dict[RivalName, list[Shape]] = {
        "tree": [Shape(1, leaves) for leaves in _double(_count_leaves(budget, n_classes))],
        "forest": [
            Shape(trees, max(2, _count_leaves(budget // trees, n_classes)))
            for trees in _FORESTS
            if trees == _FORESTS[0] or _count_leaves(budget // trees, n_classes) > 2
        ],
    }

    def score(name: RivalName, shape: Shape) -> float:
        hits = 0
        for train, rest in folds:
            model = fit(name, shape, X[rows[train]], y[rows[train]], 0)
            hits += int((model.predict(X[rows[rest]]) == y[rows[rest]]).sum())
        return hits / len(rows)

    return {name: max(listed, key=lambda s: score(name, s)) for name, listed in shapes.items()}


def fit(
    name: RivalName,
    shape: Shape | None,
    X: NDArray[np.float32],
    y: NDArray[np.int64],
    seed: int,
) -> Classifier:
    """Return a fitted rival; `shape` is of `choose_shapes`, and logistic regression has none.

    The seed decides ties of a tree, and rows and features of a forest's trees; logistic regression
    does not depend on it.
    """
    if shape is None:
        with warnings.catch_warnings():
            # Classes that a line parts have no largest likelihood but for the penalty; what is
            # reached after so many steps answers the same.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return LogisticRegression(max_iter=500).fit(X, y)
    limits = {"max_leaf_nodes": shape.leaves, "random_state": seed}
    if name == "tree":
        return DecisionTreeClassifier(**limits).fit(X, y)
    return RandomForestClassifier(n_estimators=shape.trees, **limits).fit(X, y)


def measure_size(model: Classifier, X: NDArray[np.float32]) -> Size:
    """Return the size of a fitted rival; paths in a tree are counted on X (n, d)."""
    if isinstance(model, LogisticRegression):
        n = model.coef_.size + model.intercept_.size
        return Size(n, model.coef_.size, _PER_NUMBER * n)
    trees = getattr(model, "estimators_", [model])
    n_classes = len(model.classes_)
    leaves = sum(int(tree.get_n_leaves()) for tree in trees)
    splits = leaves - len(trees)
    paths = sum(tree.decision_path(X).sum() / len(X) - 1 for tree in trees)
    n_numbers = n_classes * leaves
    n_bytes = _PER_SPLIT * splits + _PER_NUMBER * n_numbers
    return Size(splits + n_numbers, round(float(paths)), n_bytes)


def _count_leaves(budget: int, n_classes: int) -> int:
    """Return how many leaves a tree of so many bytes has, at least two."""
    return max(2, (budget + _PER_SPLIT) // (_PER_SPLIT + _PER_NUMBER * n_classes))


def _double(most: int) -> Iterator[int]:
    """Yield 2, 4, 8, ... and the most."""
    leaves = 2
    while leaves < most:
        yield leaves
        leaves *= 2
    yield most
