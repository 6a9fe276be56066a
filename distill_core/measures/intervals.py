"""How sure a mean is: 95% confidence intervals over seeds, and over seeds and rows together.

Which ones cover what they say was measured on pools of trained students; see docs/decisions.md.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# Probability of each tail outside a 95% interval.
_TAIL = 0.025
# Rows that are added to shares: two without and two with the property (Agresti, Coull 1998).
PSEUDO_SHARES = (0.0, 0.0, 1.0, 1.0)
# Rows that are added to paired differences. Without them an interval of 60 rows, of which hardly
# one differs, misses three times as often as it says.
PSEUDO_DIFFERENCES = (-1 / 3, 1 / 3)


@dataclass(frozen=True)
class Interval:
    """A mean and the interval around it: over n seeds, and over so many rows if they count.

    Low and high are NaN where no interval can be given.
    """

    mean: float
    low: float
    high: float
    n: int
    n_rows: int | None = None

    def excludes(self, value: float = 0.0) -> bool:
        """Say whether the interval lies wholly on one side of a value; False if unknown."""
        return self.low > value or self.high < value


def interval(values: ArrayLike) -> Interval:
    """Return the mean of independent values, one per seed, with Student's interval.

    It speaks of other seeds on the same test rows; see `crossed_interval` for other rows. Two
    groups that are paired by seed, such as students and their twins, share start and batches, and
    much of their luck: give the differences. Equal values show no spread, which is no proof that
    there is none: their interval has no length, and callers ask for more than a few of them.

    Parameters
    ----------
    values : array_like of shape (n,)
        One finite number per seed, at least one.

    Returns
    -------
    Interval
        In the units of the values. From one value no interval can be given.

    Raises
    ------
    ValueError
        When values are missing or not finite.
    """
    v = np.sort(_check(values, 1, "one finite number per seed, shape (n,)"))
    n, mean = len(v), float(v.mean())
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    half = _half(float(v.var(ddof=1)) / n, n - 1)
    return Interval(mean, mean - half, mean + half, n)


def crossed_interval(
    values: ArrayLike,
    pseudo: tuple[float, ...] = PSEUDO_DIFFERENCES,
    *,
    n_compared: int = 1,
) -> Interval:
    """Return the mean over seeds and rows with an interval for other seeds *and* other rows.

    Seeds and rows are crossed: every seed answers every row. The variance of the mean is
    `a / S + b / R + e / (S R)` with the variances a of seeds, b of rows, and e of the rest; the
    estimate `var(seed means) / S + var(row means) / R - e / (S R)` has no bias (Searle, Casella,
    McCulloch 1992, chapter 4; Owen 2007 on such data). It is never less than either part; the
    degrees of freedom are Satterthwaite's (1946), at least those of the seeds.

    Parameters
    ----------
    values : array_like of shape (n_seeds, n_rows)
        What each seed gives on each test row: 0 or 1, or a paired difference of such.
    pseudo : tuple of float
        Rows that are added before the spread over rows is taken: `PSEUDO_SHARES` or
        `PSEUDO_DIFFERENCES`. Where hardly a row differs, the rows say little about the others.
    n_compared : int
        How many intervals are to hold at once with 95% confidence, this one among them: its own
        chance to miss is divided by so many (Bonferroni; Dunn 1961).

    Returns
    -------
    Interval
        In the units of the values; none from one seed or one row.

    Raises
    ------
    ValueError
        When values are missing or not finite.
    """
    v = _check(values, 2, "one finite number per seed and row, shape (n_seeds, n_rows)")
    n, n_rows = v.shape
    mean = float(v.mean())
    if min(n, n_rows) < 2:
        return Interval(mean, math.nan, math.nan, n, n_rows)
    by_seed, by_row = v.mean(1), v.mean(0)
    rest = (v * v).sum() - n * n_rows * mean**2
    rest -= n_rows * ((by_seed - mean) ** 2).sum() + n * ((by_row - mean) ** 2).sum()
    rest = max(float(rest), 0.0) / ((n - 1) * (n_rows - 1))
    with_pseudo = np.concatenate([by_row, pseudo])
    centre = float(with_pseudo.mean())
    seeds = float(by_seed.var(ddof=1)) / n
    rows = float(with_pseudo.var(ddof=1)) / len(with_pseudo)
    variance = max(seeds + rows - rest / (n * n_rows), seeds, rows)
    spread = seeds**2 / (n - 1) + rows**2 / (n_rows - 1)
    freedom = max(variance**2 / spread, n - 1) if spread else n - 1
    half = _half(variance, freedom, _TAIL / n_compared)
    # Pseudo rows draw the centre towards the middle; the mean itself stays inside.
    low, high = min(centre - half, mean), max(centre + half, mean)
    return Interval(mean, low, high, n, n_rows)


def _half(variance: float, freedom: float, tail: float = _TAIL) -> float:
    return float(stats.t.isf(tail, freedom)) * math.sqrt(variance)


def _check(values: ArrayLike, n_axes: int, wanted: str) -> NDArray[np.float64]:
    v = np.asarray(values, dtype=float)
    if v.ndim != n_axes or v.size == 0 or not np.isfinite(v).all():
        n_bad = int((~np.isfinite(v)).sum())
        raise ValueError(
            f"An interval needs {wanted}, got shape {v.shape} with {n_bad} not finite."
        )
    return v
