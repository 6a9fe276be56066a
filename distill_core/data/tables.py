"""From the columns of a file to a table of features and classes, every decision in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_core.data import traps
from distill_core.data.datasets import Table
from distill_core.data.encoding import Encoding, Feature, SourceColumn
from distill_core.data.groups import group_rows
from distill_core.data.labels import (
    MAX_CLASSES,
    MIN_PER_CLASS,
    SmallClasses,
    SmallClassesError,
    count,
    describe_classes,
    encode,
    keep_classes,
    list_classes,
    pick_classes,
    settle_small,
)
from distill_core.data.sheets import (
    MAX_COLUMNS,
    Column,
    Sheet,
    UploadError,
    clean,
    make_unique,
)

__all__ = ["MAX_CLASSES", "MIN_PER_CLASS", "SmallClassesError", "list_classes", "prepare"]

# Rows that are trained and tested with, and numbers: a small file can become a large table.
MAX_TRAINED = 50_000
MAX_NUMBERS = 10_000_000

# Share of missing values above which a column is not used unless it is chosen.
_MOSTLY_MISSING = 0.5
# Standard deviation of a column below which dividing by it loses digits.
_SMALLEST = 1e-290


@dataclass(frozen=True, eq=False)
class Prepared:
    """A table and, in words to show, every decision that led to it.

    The sentences quote names from the file: they are plain text, to be shown as such.
    """

    table: Table
    decisions: tuple[str, ...]


def prepare(
    sheet: Sheet,
    label: str,
    features: Sequence[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    small: SmallClasses = "refuse",
    group: str | None = None,
) -> Prepared:
    """Make a table of features and classes out of the columns of a file, chosen by name.

    Parameters
    ----------
    sheet : Sheet
        What was read.
    label : str
        The column that holds the classes.
    features : sequence of str, optional
        The columns to learn from; all that hold numbers by default, but no identifiers and no
        copies of the label.
    classes : sequence of str, optional
        The classes to keep, 2 to 10; all by default.
    small : "refuse", "leave out" or "join"
        What becomes of classes with fewer than 8 rows.
    group : str, optional
        The column that says whose row it is: all rows of one value are for training, or all for
        testing.

    Raises
    ------
    UploadError
        When the columns do not make 2 to 10 classes of at least 8 rows and two features.
    """
    label_column, decisions = keep_classes(sheet.column(label))
    kept_words = bool(decisions)
    label_column, kept_classes = pick_classes(label_column, classes)
    decisions += kept_classes
    names, codes = encode(label_column, "label")
    group_column = None if group is None else sheet.column(group)
    if group_column is not None and group_column.name == label:
        raise UploadError(f"The label {label!r} cannot name groups too; choose another column.")
    others = [c for c in sheet.columns if c.name not in (label, group)]
    if features is None:
        columns, picked = _pick_numbers(others, sheet.n_rows, codes)
    else:
        columns, picked = _pick_chosen(sheet, label_column, features)
    decisions += picked
    n_features = sum(_count_features(column) for column in columns)
    if n_features > MAX_COLUMNS:
        raise UploadError(
            f"The chosen columns make {n_features:,} features, because every category becomes "
            f"one; at most {MAX_COLUMNS:,} are allowed. Leave out columns with many categories."
        )
    kept, dropped = _find_complete_rows(label_column, columns, codes)
    decisions += dropped
    names, codes, kept, said = settle_small(label_column, names, codes, kept, small)
    decisions += said
    kept, said = _draw_rows(codes, kept, n_features)
    decisions += said
    y = codes[kept]
    decisions += describe_classes(label_column, names, y)
    X, feature_names, encoding, made = _make_features(columns, kept, n_features)
    decisions += made
    if len(feature_names) < 2:
        found = "Only one feature" if feature_names else "No feature"
        raise UploadError(
            f"{found} is left that varies; at least 2 are needed. Choose more columns as features."
        )
    if knowing := traps.knows_label(X, y):
        listed = ", ".join(repr(feature_names[i]) for i in knowing[:8])
        decisions.append(
            f"Look at {listed}: by itself it predicts the label nearly always. Leave it out if it "
            "would not be known when a label is to be predicted."
        )
    groups, said = group_rows(sheet, group_column, X, y, kept)
    decisions += said
    decisions.append(
        "Every feature is shifted and scaled to mean 0 and standard deviation 1. Four fifths of "
        f"the {len(y):,} rows are for training and one fifth for testing, each with the same "
        "shares of the classes."
    )
    table = Table(X, y, tuple(feature_names), tuple(names), encoding, groups)
    # Of the label's words something else is said: they are classes.
    told = [
        d.sentence
        for d in sheet.report
        if d.sentence and not (kept_words and d.kind == "missing" and d.column == label)
    ]
    return Prepared(table, (*told, *decisions))


def _pick_numbers(
    others: list[Column], n_rows: int, codes: NDArray[np.int64]
) -> tuple[list[Column], list[str]]:
    """Return the columns of numbers, and what is said about the others."""
    numbers = [column for column in others if column.kind == "numbers"]
    said = []
    for sentence, left_out in (
        (
            "do not hold numbers; those with few different words can be chosen as features",
            [c for c in others if c.kind != "numbers"],
        ),
        (
            "lack more than half of their values",
            [c for c in numbers if c.n_missing > _MOSTLY_MISSING * n_rows],
        ),
        ("only count the rows", [c for c in numbers if _counts_rows(c)]),
        (
            "only name the rows, one number each; a model would learn rows by heart",
            [c for c in numbers if traps.is_identifier(c) and not _counts_rows(c)],
        ),
        (
            "are the label in other words",
            [c for c in numbers if traps.copies_label(c.numbers, codes)],
        ),
    ):
        if left_out:
            said.append(
                f"Not used, because they {sentence}: {_list_names(left_out)}. Choose the features "
                "to take it back."
                if "learn" in sentence or "other words" in sentence
                else f"Not used, because they {sentence}: {_list_names(left_out)}."
            )
            numbers = [column for column in numbers if column not in left_out]
    if not numbers:
        raise UploadError(
            "No column besides the label holds numbers. Choose columns with few different words "
            "as features, or another file."
        )
    return numbers, [f"The features are the columns of numbers: {_list_names(numbers)}.", *said]


def _pick_chosen(
    sheet: Sheet, label: Column, features: Sequence[str]
) -> tuple[list[Column], list[str]]:
    columns = [sheet.column(name) for name in dict.fromkeys(features)]
    if label in columns:
        raise UploadError(f"The label {label.name!r} cannot be a feature too; leave it out.")
    if not columns:
        raise UploadError("No features were chosen; at least 2 are needed.")
    for column in columns:
        if column.kind == "empty":
            raise UploadError(f"The column {column.name!r} is empty; leave it out.")
    return columns, [f"The features were chosen: {_list_names(columns)}."]


def _counts_rows(column: Column) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return len(column.numbers) > 1 and bool((np.diff(column.numbers) == 1).all())


def _count_features(column: Column) -> int:
    """Return how many features a column becomes: two categories are one, more are one each."""
    if column.kind == "numbers":
        return 1
    encode(column, "feature")
    return 1 if column.n_values <= 2 else column.n_values


def _find_complete_rows(
    label: Column, columns: list[Column], codes: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return the rows that have all that is needed, (n,), and what is said about the others."""
    labelled = codes >= 0
    said = []
    if missing := int((~labelled).sum()):
        said.append(f"Left out: {count(missing, 'row')} without a label in {label.name!r}.")
    complete = labelled.copy()
    worst, most = columns[0], 0
    for column in columns:
        usable = np.isfinite(column.numbers)
        if column.kind == "numbers":
            if stray := column.n_words:
                said.append(
                    f"Counted as missing: {count(stray, 'cell')} of {column.name!r} without a "
                    f"number, such as {clean(column.words[0])!r}."
                )
            if too_large := int(np.isinf(column.numbers).sum()):
                said.append(
                    f"Counted as missing: {count(too_large, 'number')} of {column.name!r}, too "
                    "large to compute with."
                )
        else:
            usable = ~np.isnan(column.numbers) | (column.codes >= 0)
        if (lost := int((labelled & ~usable).sum())) > most:
            worst, most = column, lost
        complete &= usable
    if incomplete := int(labelled.sum() - complete.sum()):
        said.append(
            f"Left out: {count(incomplete, 'row')} with a missing value, most of them in "
            f"{worst.name!r}; {count(int(complete.sum()), 'row')} remain."
        )
    if not complete.any():
        raise UploadError(
            f"Every row lacks a value in one of the chosen columns; {worst.name!r} lacks most "
            f"({most:,} of {len(codes):,}). Leave out columns with many missing values."
        )
    return complete, said


def _draw_rows(
    codes: NDArray[np.int64], kept: NDArray[np.bool_], n_features: int
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which rows are used, (n,): of too many, a random sample with all classes."""
    limit = min(MAX_TRAINED, MAX_NUMBERS // max(1, n_features))
    n = int(kept.sum())
    if n <= limit:
        return kept, []
    generator, drawn = np.random.default_rng(0), np.zeros_like(kept)
    for label in np.unique(codes[kept]):
        mine = np.flatnonzero(kept & (codes == label))
        n_mine = max(min(len(mine), MIN_PER_CLASS), round(limit * len(mine) / n))
        drawn[generator.choice(mine, n_mine, replace=False)] = True
    said = (
        f"Of {n:,} rows {int(drawn.sum()):,} are used, drawn at random with the same shares of "
        "the classes."
    )
    return drawn, [said]


def _make_features(
    columns: list[Column], kept: NDArray[np.bool_], n_features: int
) -> tuple[NDArray[np.float32], list[str], Encoding | None, list[str]]:
    """Return the features of the kept rows (n, d), their names, encoding and what is said of them.

    The encoding is None if a column is too large or too small to compute with in its own units.
    """
    X = np.empty((int(kept.sum()), n_features), dtype=np.float32)
    names: list[str] = []
    said, constant = [], []
    sources: list[SourceColumn] = []
    features: list[Feature] = []
    for index, column in enumerate(columns):
        made: list[tuple[str, str | None, NDArray[np.float64]]]
        if column.kind == "numbers":
            sources.append(SourceColumn(column.name))
            made = [(column.name, None, column.numbers[kept])]
        else:
            words, codes = encode(column, "feature")
            sources.append(SourceColumn(column.name, tuple(words)))
            first = 1 if len(words) == 2 else 0
            made = [
                (f"{column.name} = {word}", word, (codes[kept] == code).astype(float))
                for code, word in enumerate(words)
                if code >= first
            ]
            said.append(
                f"{column.name!r} holds {len(words)} categories and becomes "
                + ("one feature, 0 or 1." if len(made) == 1 else f"{len(made)} features, 0 or 1.")
            )
        for name, category, values in made:
            if (scaled := _scale(values)) is None:
                constant.append(name)
            else:
                X[:, len(names)], centre, spread = scaled
                names.append(name)
                features.append(Feature(index, category, centre, spread))
    if constant:
        said.append(
            "Left out, with the same value in every row: "
            + ", ".join(map(repr, constant[:8]))
            + (", ..." if len(constant) > 8 else ".")
        )
    usable = all(np.isfinite(f.centre) and _SMALLEST < f.spread < np.inf for f in features)
    encoding = Encoding(tuple(sources), tuple(features)) if usable else None
    return np.ascontiguousarray(X[:, : len(names)]), make_unique(names), encoding, said


def _scale(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float] | None:
    """Return values with mean 0 and standard deviation 1, however large; None if constant.

    With them their mean and their standard deviation, infinite where too large to compute with.
    """
    # Halves: the difference of two large numbers would be infinite.
    first = values[0] / 2
    values = values / 2 - first
    if not (largest := np.abs(values).max()):
        return None
    values = values / largest
    mean, std = values.mean(), values.std()
    with np.errstate(over="ignore"):
        centre, spread = 2 * (first + largest * mean), 2 * (largest * std)
    return (values - mean) / std, float(centre), float(spread)


def _list_names(columns: Sequence[Column]) -> str:
    names = ", ".join(repr(column.name) for column in columns[:8])
    return names if len(columns) <= 8 else f"{names} and {len(columns) - 8} more"
