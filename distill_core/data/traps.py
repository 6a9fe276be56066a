"""What in a table makes results look better than they are: identifiers, copies, equal rows."""

import re

import numpy as np
from numpy.typing import NDArray

from distill_core.data.sheets import Column

# Share of different values from which a column may be an identifier.
_UNIQUE = 0.95
_ID_NAME = re.compile(
    r"(.*[ _.-])?(id|ids|nr|no|num|number|index|idx|key|uuid|guid|row|rownames?|code|"
    r"serial|record|sample|case|unnamed: ?\d+|column \d+)[ _.-]?\d*",
    re.IGNORECASE,
)
_CAMEL_ID = re.compile(r".*[a-z]I[dD]")
_GROUP_NAME = re.compile(
    r"(.*[ _.-])?(patient|subject|person|participant|user|customer|animal|family|household|"
    r"group|session|speaker|author|student|donor|mouse|device|site)([ _.-]?(id|nr|no|number))?s?",
    re.IGNORECASE,
)
# Rows by which a single feature is asked whether it knows the label, and the share it must know.
_ASKED = 2000
_KNOWS = 0.99
# Share of the largest class above which the label is known by guessing.
_EASY = 0.9


def is_identifier(column: Column) -> bool:
    """Return whether the numbers of a column only name the rows, in whatever order."""
    values = column.numbers[np.isfinite(column.numbers)]
    first = values[:500]
    # The first rows show of nearly all columns that they are none.
    if len(first) < 2 or len(np.unique(first)) < _UNIQUE * len(first):
        return False
    if (values != np.floor(values)).any():
        return False
    different = len(np.unique(values))
    if different < _UNIQUE * len(values):
        return False
    named = _ID_NAME.fullmatch(column.name) or _CAMEL_ID.fullmatch(column.name)
    # Every whole number from the smallest to the largest once: shaped like one.
    return bool(named) or (
        different == len(values) and values.max() - values.min() == len(values) - 1
    )


def copies_label(values: NDArray[np.float64], codes: NDArray[np.int64]) -> bool:
    """Return whether a column is the label in other words: one value for each class.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers or codes of a column; NaN where there is none.
    codes : ndarray of shape (n,)
        Classes; -1 where there is none.
    """
    known = ~np.isnan(values) & (codes >= 0)
    values, codes = values[known], codes[known]
    classes = np.unique(codes)
    # Nearly all columns have more values than classes, as their first rows show.
    if len(classes) < 2 or len(np.unique(values[:500])) > len(classes):
        return False
    one_each = [values[codes == label] for label in classes]
    if any(values.min() != values.max() for values in one_each):
        return False
    return len({float(values[0]) for values in one_each}) == len(classes)


def knows_label(X: NDArray[np.float32], y: NDArray[np.int64]) -> list[int]:
    """Return which features (of X, shape (n, d)) predict the label y (n,) nearly by themselves.

    A small tree learns one feature on half of the rows, and is asked about the other half.
    """
    from sklearn.tree import DecisionTreeClassifier

    generator = np.random.default_rng(0)
    rows = generator.permutation(len(y))[:_ASKED]
    half = len(rows) // 2
    learn, ask = rows[:half], rows[half:]
    if half < 10 or np.bincount(y[rows]).max() > _EASY * len(rows):
        return []
    # In the order of a feature that knows them the labels change a few times only.
    ordered = y[rows][np.argsort(X[rows], axis=0, kind="stable")]
    changes = (np.diff(ordered, axis=0) != 0).sum(0)
    found = []
    tree = DecisionTreeClassifier(max_leaf_nodes=2 * (int(y.max()) + 1), random_state=0)
    for feature in np.flatnonzero(changes <= 2 * (1 - _KNOWS) * len(rows) + 20).tolist():
        one = X[:, [feature]]
        if tree.fit(one[learn], y[learn]).score(one[ask], y[ask]) >= _KNOWS:
            found.append(feature)
    return found


def find_equal_rows(X: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return for each row of X (n, d) which one it is among the different ones, (n,)."""
    rows = np.ascontiguousarray(X + np.float32(0))
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    return np.unique(whole, return_inverse=True)[1].astype(np.int64)


def may_name_groups(column: Column) -> bool:
    """Return whether a column is called like one that says to whom rows belong, several each."""
    filled = len(column.numbers) - column.n_missing
    repeats = 2 * column.n_values <= filled and column.n_values > 2
    return repeats and bool(_GROUP_NAME.fullmatch(column.name))
