"""Predicts class probabilities from raw rows with NumPy alone.

The first part of a file that stands by itself: `python_file` writes this module's source, and
below it one student. So it imports nothing of the project.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

Array = np.ndarray[Any, Any]


class Predictor:
    """One student with all that stands before it, from raw columns to class probabilities.

    Parameters
    ----------
    card : mapping
        JSON values: `columns` (each with `name` and `categories`, None for numbers), `features`
        (each with `column` and `category`), `classes`.
    arrays : mapping of str to ndarray
        `centre` and `spread` (d,); with a plane `origin` (d,) and `basis` (2, d); `weight0`
        (in, out), `bias0` (out,), `weight1`, ... of the layers.
    """

    def __init__(self, card: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        self.columns = card["columns"]
        self.features = card["features"]
        self.classes = card["classes"]
        self.arrays = arrays
        self.names = [column["name"] for column in self.columns]

    def predict_proba(self, rows: Iterable[Any]) -> Array:
        """Return the probabilities (n, n_classes) of rows, in the order of `classes`.

        Parameters
        ----------
        rows : iterable
            Mappings from the names of columns to values, or sequences with a value for each
            column, such as an array (n, n_columns). None, an empty text and NaN are missing.

        Raises
        ------
        ValueError
            When a row lacks a column, or a value is no number where one is needed.
        """
        a = self.encode(rows)
        if "basis" in self.arrays:
            a = (a - self.arrays["origin"]) @ self.arrays["basis"].T
        a = a.astype(np.float32)
        n_layers = sum(name.startswith("weight") for name in self.arrays)
        for level in range(n_layers):
            a = a @ self.arrays[f"weight{level}"] + self.arrays[f"bias{level}"]
            if level < n_layers - 1:
                a = np.maximum(a, 0)
        a = np.exp(a.astype(np.float64) - a.max(1, keepdims=True))
        return a / a.sum(1, keepdims=True)

    def predict(self, rows: Iterable[Any]) -> list[str]:
        """Return the name of the most probable class of each row."""
        return [self.classes[label] for label in self.predict_proba(rows).argmax(1)]

    def encode(self, rows: Iterable[Any]) -> Array:
        """Return what the model sees of rows: features (n, d) with mean 0 and deviation 1.

        A missing value, and a category that was not in the training data, count as the mean.
        """
        values = self._read(rows)
        raw = np.empty((len(values), len(self.features)))
        for j, feature in enumerate(self.features):
            column = feature["column"]
            if feature["category"] is None:
                raw[:, j] = [_number(row[column], self.names[column]) for row in values]
            else:
                known = set(self.columns[column]["categories"])
                words = [_word(row[column]) for row in values]
                raw[:, j] = [
                    float(word == feature["category"]) if word in known else np.nan
                    for word in words
                ]
        raw[~np.isfinite(raw)] = np.nan
        return np.nan_to_num((raw - self.arrays["centre"]) / self.arrays["spread"], nan=0.0)

    def _read(self, rows: Iterable[Any]) -> list[Sequence[Any]]:
        values: list[Sequence[Any]] = []
        for number, row in enumerate(rows, 1):
            if isinstance(row, Mapping):
                lacking = [name for name in self.names if name not in row]
                if lacking:
                    raise ValueError(
                        f"Row {number} lacks the column {lacking[0]!r}. A value may be missing: "
                        "give None."
                    )
                values.append([row[name] for name in self.names])
            elif isinstance(row, str) or len(row) != len(self.names):
                raise ValueError(
                    f"Row {number} should have {len(self.names)} values, one for each column, "
                    f"got {row!r:.60}."
                )
            else:
                values.append(row)
        return values


def _number(value: Any, name: str) -> float:
    if value is None or (isinstance(value, str) and not value.strip()):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"The column {name!r} holds numbers, got {value!r:.60}.") from None


def _word(value: Any) -> str | None:
    """Return a category as the training data spells it; whole numbers without a point."""
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return None if np.isnan(value) else f"{float(value):.12g}"
    return None if value is None else str(value).strip()


def answer_file(predictor: Predictor, path: str, out: TextIO) -> None:
    """Read a CSV file with a line of names and write the class and probabilities of each row."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    proba = predictor.predict_proba(rows)
    writer = csv.writer(out, lineterminator="\n")
    # A spreadsheet would run such a text as a formula.
    names = [
        "'" + n if n.startswith(("=", "+", "-", "@", "\t", "\r")) else n for n in predictor.classes
    ]
    writer.writerow(["class", *(f"probability of {name}" for name in predictor.classes)])
    for row in proba:
        writer.writerow([names[row.argmax()], *(f"{share:.6f}" for share in row)])
