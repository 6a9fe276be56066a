"""From the columns of a file to a table of features and classes, every decision in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_core.data.csv_files import (
    MAX_CATEGORIES,
    MAX_COLUMNS,
    MAX_WORDS,
    Column,
    Sheet,
    UploadError,
    clean,
    make_unique,
)
from distill_core.data.datasets import Table
from distill_core.data.encoding import Encoding, Feature, SourceColumn

# Classes of a table, and rows of each.
MAX_CLASSES = 10
MIN_PER_CLASS = 20
# Numbers, rows times features: a small file of categories can become a large table.
MAX_NUMBERS = 5_000_000

# Times the smallest class: a largest one of this size is worth a word.
_UNEVEN = 3
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


def prepare(sheet: Sheet, label: str, features: Sequence[str] | None = None) -> Prepared:
    """Make a table of features and classes out of the columns of a file, chosen by name.

    By default all columns that hold numbers are features. Raises UploadError when the columns
    do not make 2 to 10 classes of at least 20 rows and two features.
    """
    label_column = sheet.column(label)
    names, codes = _encode(label_column, "label")
    if features is None:
        columns, decisions = _pick_numbers(sheet, label_column)
    else:
        columns, decisions = _pick_chosen(sheet, label_column, features)
    n_features = sum(_count_features(column) for column in columns)
    allowed = min(MAX_COLUMNS, MAX_NUMBERS // sheet.n_rows)
    if n_features > allowed:
        raise UploadError(
            f"The chosen columns make {n_features:,} features, because every category becomes "
            f"one; with {sheet.n_rows:,} rows at most {allowed} are allowed. Leave out columns "
            "with many categories."
        )
    kept, dropped = _find_complete_rows(label_column, columns, codes)
    decisions += dropped
    y = codes[kept]
    decisions += _check_classes(label_column, names, y)
    X, feature_names, encoding, made = _make_features(columns, kept, n_features)
    decisions += made
    if len(feature_names) < 2:
        found = "Only one feature" if feature_names else "No feature"
        raise UploadError(
            f"{found} is left that varies; at least 2 are needed. Choose more columns as features."
        )
    decisions.append(
        "Every feature is shifted and scaled to mean 0 and standard deviation 1. Four fifths of "
        f"the {len(y):,} rows are for training and one fifth for testing, each with the same "
        "shares of the classes."
    )
    table = Table(X, y, tuple(feature_names), tuple(names), encoding)
    return Prepared(table, (*sheet.notes, *decisions))


def _encode(column: Column, role: str) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names of a column's values and which one is in each row, -1 for none, (n,)."""
    limit = MAX_CLASSES if role == "label" else MAX_CATEGORIES
    found = f"more than {MAX_WORDS:,}" if len(column.words) == MAX_WORDS else f"{column.n_values:,}"
    if column.n_values > limit and role == "label":
        raise UploadError(
            f"The label column {column.name!r} has {found} different values; at most {limit} "
            "classes are allowed. Choose a column that holds the name of a class, or join "
            "values."
        )
    if column.n_values > limit:
        raise UploadError(
            f"The column {column.name!r} has {found} different words; at most {limit} can be "
            "made into features. Leave it out."
        )
    if column.n_values < 2 and role == "label":
        found = "no value" if column.n_values == 0 else "only one value"
        raise UploadError(
            f"The label column {column.name!r} has {found}; at least 2 classes are needed. "
            "Choose another column as the label."
        )
    numbers = np.unique(column.numbers[~np.isnan(column.numbers)])
    order = sorted(range(len(column.words)), key=column.words.__getitem__)
    rank = np.full(len(order) + 1, -1)
    rank[order] = len(numbers) + np.arange(len(order))
    codes = rank[column.codes]
    has_number = ~np.isnan(column.numbers)
    codes[has_number] = np.searchsorted(numbers, column.numbers[has_number])
    names = [f"{number:.12g}" for number in numbers] + [column.words[i] for i in order]
    return make_unique(names), codes.astype(np.int64)


def _pick_numbers(sheet: Sheet, label: Column) -> tuple[list[Column], list[str]]:
    """Return the columns of numbers, and what is said about the others."""
    others = [column for column in sheet.columns if column is not label]
    numbers = [column for column in others if column.kind == "numbers"]
    said = []
    for sentence, left_out in (
        (
            "do not hold numbers; those with few different words can be chosen as features",
            [c for c in others if c.kind != "numbers"],
        ),
        (
            "lack more than half of their values",
            [c for c in numbers if c.n_missing > _MOSTLY_MISSING * sheet.n_rows],
        ),
        ("only count the rows", [c for c in numbers if _counts_rows(c)]),
    ):
        if left_out:
            said.append(f"Not used, because they {sentence}: {_list_names(left_out)}.")
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
    _encode(column, "feature")
    return 1 if column.n_values <= 2 else column.n_values


def _find_complete_rows(
    label: Column, columns: list[Column], codes: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return the rows that have all that is needed, (n,), and what is said about the others."""
    labelled = codes >= 0
    said = []
    if missing := int((~labelled).sum()):
        said.append(f"Left out: {_count(missing, 'row')} without a label in {label.name!r}.")
    complete = labelled.copy()
    worst, most = columns[0], 0
    for column in columns:
        usable = np.isfinite(column.numbers)
        if column.kind == "numbers":
            if stray := column.n_words:
                said.append(
                    f"Counted as missing: {_count(stray, 'cell')} of {column.name!r} without a "
                    f"number, such as {clean(column.words[0])!r}."
                )
            if too_large := int(np.isinf(column.numbers).sum()):
                said.append(
                    f"Counted as missing: {_count(too_large, 'number')} of {column.name!r}, too "
                    "large to compute with."
                )
        else:
            usable = ~np.isnan(column.numbers) | (column.codes >= 0)
        if (lost := int((labelled & ~usable).sum())) > most:
            worst, most = column, lost
        complete &= usable
    if incomplete := int(labelled.sum() - complete.sum()):
        said.append(
            f"Left out: {_count(incomplete, 'row')} with a missing value, most of them in "
            f"{worst.name!r}; {_count(int(complete.sum()), 'row')} remain."
        )
    if not complete.any():
        raise UploadError(
            f"Every row lacks a value in one of the chosen columns; {worst.name!r} lacks most "
            f"({most:,} of {len(codes):,}). Leave out columns with many missing values."
        )
    return complete, said


def _check_classes(label: Column, names: list[str], y: NDArray[np.int64]) -> list[str]:
    counts = np.bincount(y, minlength=len(names))
    if counts.min() < MIN_PER_CLASS:
        small = int(counts.argmin())
        raise UploadError(
            f"Class {names[small]!r} has {counts[small]} complete rows; each class needs at "
            f"least {MIN_PER_CLASS}. Add rows, join it with another class, or leave out columns "
            "with missing values."
        )
    said = [
        f"The label is {label.name!r}, with {len(names)} classes: "
        + ", ".join(f"{name!r} ({count:,} rows)" for name, count in zip(names, counts, strict=True))
        + "."
    ]
    if counts.max() >= _UNEVEN * counts.min():
        large = int(counts.argmax())
        said.append(
            f"The classes are uneven: a model that always answers {names[large]!r} is right in "
            f"{counts[large] / counts.sum():.0%} of the rows. Nothing is done about it; compare "
            "accuracies with that number."
        )
    return said


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
            words, codes = _encode(column, "feature")
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


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _list_names(columns: Sequence[Column]) -> str:
    names = ", ".join(repr(column.name) for column in columns[:8])
    return names if len(columns) <= 8 else f"{names} and {len(columns) - 8} more"
