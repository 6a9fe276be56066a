"""Which classes a label column holds: words that may mean none, too many values, too few rows."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from distill_core.data.sheets import (
    MAX_CATEGORIES,
    MAX_WORDS,
    Column,
    Sheet,
    UploadError,
    clean,
    make_unique,
)

# Classes of a table, and rows of each: with fewer, one or two rows test a class.
MAX_CLASSES = 10
MIN_PER_CLASS = 8

# Times the smallest class: a largest one of this size is worth a word.
_UNEVEN = 3
# Rows of a class below which its figures are worth a word.
_FEW = 40
# What small classes become together.
_JOINED = "other"

SmallClasses = Literal["refuse", "leave out", "join"]


class SmallClassesError(UploadError):
    """Some classes have too few rows; they can be left out or joined."""


def list_classes(sheet: Sheet, label: str) -> dict[str, int]:
    """Return the values of a label column and in how many rows each stands, most first."""
    column, _ = keep_classes(sheet.column(label))
    names, codes = name_values(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))[: len(names)]
    order = np.argsort(-counts, kind="stable")
    return {names[i]: int(counts[i]) for i in order}


def keep_classes(label: Column) -> tuple[Column, list[str]]:
    """Return the label with words that may mean "missing" as classes where they are frequent."""
    counts = label.count_missing()
    kept = [w for w, n in counts.items() if n >= MIN_PER_CLASS and w.isalpha() and label.n_words]
    if not kept:
        return label, []
    listed = ", ".join(f"{clean(word)!r} ({counts[word]:,} rows)" for word in kept)
    return label.keep(kept), [
        f"The label {label.name!r} holds {listed}: a class like the others. It could also mean "
        "that the class is missing; to leave such rows out, choose the classes."
    ]


def pick_classes(label: Column, classes: Sequence[str] | None) -> tuple[Column, list[str]]:
    """Return the label with values in chosen classes only."""
    if classes is None:
        return label, []
    names, codes = name_values(label)
    if unknown := [name for name in classes if name not in names]:
        raise UploadError(
            f"The label {label.name!r} has no class {clean(unknown[0])!r}; it has "
            + ", ".join(map(repr, names[:10]))
            + (", ..." if len(names) > 10 else ".")
        )
    chosen = [name for name in names if name in classes]
    if not 2 <= len(chosen) <= MAX_CLASSES:
        raise UploadError(f"2 to {MAX_CLASSES} classes are allowed, {len(chosen)} were chosen.")
    rank = {names.index(name): i for i, name in enumerate(chosen)}
    new = np.full(len(codes), -1, dtype=np.int16)
    for old, code in rank.items():
        new[codes == old] = code
    left = int((codes >= 0).sum() - (new >= 0).sum())
    said = [f"Left out: {count(left, 'row')} of classes that were not chosen."] if left else []
    return Column(label.name, np.full(len(codes), np.nan), new, tuple(chosen)), said


def encode(column: Column, role: str) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names of a column's values and which one is in each row, -1 for none, (n,)."""
    limit = MAX_CLASSES if role == "label" else MAX_CATEGORIES
    found = f"more than {MAX_WORDS:,}" if len(column.words) == MAX_WORDS else f"{column.n_values:,}"
    if column.n_values > limit and role == "label":
        raise UploadError(
            f"The label column {column.name!r} has {found} different values; at most {limit} "
            "classes are allowed. Choose a column that holds the name of a class, or which of "
            "its values to keep."
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
    names, codes = name_values(column)
    return make_unique(names), codes


def name_values(column: Column) -> tuple[list[str], NDArray[np.int64]]:
    """Return the values of a column as they are shown, in order, and which is in each row."""
    numbers = np.unique(column.numbers[~np.isnan(column.numbers)])
    order = sorted(range(len(column.words)), key=column.words.__getitem__)
    rank = np.full(len(order) + 1, -1)
    rank[order] = len(numbers) + np.arange(len(order))
    codes = rank[np.maximum(column.codes, -1)]
    has_number = ~np.isnan(column.numbers)
    codes[has_number] = np.searchsorted(numbers, column.numbers[has_number])
    names = [f"{number:.12g}" for number in numbers] + [column.words[i] for i in order]
    return names, codes.astype(np.int64)


def describe_classes(label: Column, names: list[str], y: NDArray[np.int64]) -> list[str]:
    """Return what is to be said of the classes and of how many rows each has."""
    counts = np.bincount(y, minlength=len(names))
    said = [
        f"The label is {label.name!r}, with {len(names)} classes: "
        + ", ".join(f"{name!r} ({count:,} rows)" for name, count in zip(names, counts, strict=True))
        + "."
    ]
    few = int(counts.argmin())
    if counts[few] < _FEW:
        n_test = max(1, round(counts[few] / 5))
        said.append(
            f"Class {names[few]!r} has {counts[few]} rows, about {n_test} of them for testing: a "
            f"share of them moves in steps of {1 / n_test:.0%}."
        )
    if counts.max() >= _UNEVEN * counts.min():
        large = int(counts.argmax())
        share = _share(counts[large] / counts.sum())
        said.append(
            f"The classes are uneven: a model that always answers {names[large]!r} is right in "
            f"{share} of the rows. Nothing is done about it; compare accuracies with that number."
        )
    return said


def settle_small(
    label: Column,
    names: list[str],
    codes: NDArray[np.int64],
    kept: NDArray[np.bool_],
    small: SmallClasses,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.bool_], list[str]]:
    """Leave out or join classes with too few rows; raise when neither was asked for."""
    counts = np.bincount(codes[kept], minlength=len(names))
    rare = [i for i, count in enumerate(counts) if count < MIN_PER_CLASS]
    if not rare:
        return names, codes, kept, []
    listed = ", ".join(f"{names[i]!r} ({count(int(counts[i]), 'row')})" for i in rare)
    if small == "refuse":
        raise SmallClassesError(
            f"Of the {len(names)} classes {len(rare)} have too few complete rows: {listed}; each "
            f"class needs at least {MIN_PER_CLASS}. Leave them out, join them to one class, add "
            "rows, or leave out columns with missing values."
        )
    new, left = np.full(len(names) + 1, -1), [i for i in range(len(names)) if i not in rare]
    new[left] = np.arange(len(left))
    names = [names[i] for i in left]
    together = int(counts[rare].sum())
    if small == "join":
        if together < MIN_PER_CLASS:
            raise SmallClassesError(
                f"Joined, {listed} have {together} rows; a class needs at least {MIN_PER_CLASS}. "
                "Leave them out."
            )
        new[rare] = len(names)
        names = make_unique([*names, _JOINED])
        said = f"Joined to the class {names[-1]!r}, because they have few rows: {listed}."
    else:
        said = f"Left out, because they have few rows: {listed}."
    if len(names) < 2:
        raise UploadError(
            f"The label {label.name!r} has only one class with {MIN_PER_CLASS} rows or more; at "
            "least 2 are needed. Choose another column as the label."
        )
    codes = new[codes]
    return names, codes, kept & (codes >= 0), [said]


def _share(share: float) -> str:
    return f"{share:.0%}" if share < 0.99 else f"{share:.1%}"


def count(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
