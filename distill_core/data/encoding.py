"""From the columns that people have to the features that models see, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class SourceColumn:
    """A column as people have it: numbers, or one of some categories.

    Parameters
    ----------
    name : str
        As in the file: plain text, to be shown as such.
    categories : tuple of str, optional
        The words that it may hold; None: numbers.
    """

    name: str
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Feature:
    """How one feature comes from a column: `(value - centre) / spread`.

    Parameters
    ----------
    column : int
        Which column, counted from 0.
    category : str, optional
        The value is 1 where the column holds this word and 0 where it holds another; None: the
        value is the column's number.
    centre, spread : float
        In the units of the column; the spread is not 0.
    """

    column: int
    category: str | None
    centre: float
    spread: float


@dataclass(frozen=True)
class Encoding:
    """All columns and the features made of them, in the order in which models see them."""

    columns: tuple[SourceColumn, ...]
    features: tuple[Feature, ...]

    @classmethod
    def of_numbers(cls, names: Sequence[str]) -> Self:
        """Return the encoding of columns of numbers that are features as they are."""
        features = (Feature(i, None, 0.0, 1.0) for i in range(len(names)))
        return cls(tuple(SourceColumn(str(name)) for name in names), tuple(features))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the encoding that `to_json` described."""
        columns = (SourceColumn(n, None if c is None else tuple(c)) for n, c in value["columns"])
        return cls(tuple(columns), tuple(Feature(*one) for one in value["features"]))

    def to_json(self) -> dict[str, Any]:
        """Return the encoding as plain JSON values."""
        return {
            "columns": [[column.name, column.categories] for column in self.columns],
            "features": [[f.column, f.category, f.centre, f.spread] for f in self.features],
        }

    def rescale(self, mean: ArrayLike, scale: ArrayLike) -> Self:
        """Return this encoding followed by `(feature - mean) / scale`, (d,) each."""
        changed = (
            Feature(f.column, f.category, float(f.centre + m * f.spread), float(f.spread * s))
            for f, m, s in zip(self.features, np.asarray(mean), np.asarray(scale), strict=True)
        )
        return type(self)(self.columns, tuple(changed))

    def decode(self, X: NDArray[np.floating[Any]]) -> list[list[float | str | None]]:
        """Return rows of features X (n, d) in the units and words of the columns.

        A column that no feature is made of has None. Numbers come back up to rounding.
        """
        raw = X.astype(float) * [f.spread for f in self.features]
        raw += [f.centre for f in self.features]
        filled: list[Sequence[float | str | None]] = []
        for index, column in enumerate(self.columns):
            mine = [j for j, f in enumerate(self.features) if f.column == index]
            if not mine:
                filled.append([None] * len(X))
            elif column.categories is None:
                filled.append(raw[:, mine[0]].tolist())
            else:
                words = [self.features[j].category for j in mine]
                rest = [word for word in column.categories if word not in words]
                # Of two categories, and of those that never vary, one has no feature of its own.
                best = raw[:, mine].argmax(1)
                on = raw[:, mine].max(1) > 0.5
                other = rest[0] if rest else None
                both = zip(best, on, strict=True)
                filled.append([words[j] if is_on else other for j, is_on in both])
        return [list(row) for row in zip(*filled, strict=True)]
