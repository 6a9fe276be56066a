"""How sure a number is: intervals over seeds."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# Resamples per interval.
_N_RESAMPLES = 9999
# Probability of each tail outside a 95% interval, to the bit as stored results had it.
_TAIL = (1 - 0.95) / 2

# Values: fewer have too few different resamples to find the ends of an interval.
_FEW = 8


@dataclass(frozen=True)
class Interval:
    """A mean over n values and the interval around it; low and high are NaN if n < 2."""

    mean: float
    low: float
    high: float
    n: int

    def excludes(self, value: float = 0.0) -> bool:
        """Say whether the interval lies wholly on one side of a value; False if unknown."""
        return self.low > value or self.high < value


def interval(values: ArrayLike) -> Interval:
    """Return the mean of independent values, one per seed, with its 95% confidence interval.

    From eight values on, the bias-corrected and accelerated bootstrap (Efron 1987) with the
    wider level of Hesterberg 2015, arXiv 1411.5279: each tail is cut at
    `Φ(-√(n / (n - 1)) t)` with Student's quantile t of the asked tail. Without it, nominal
    95% cover a normal mean in only 88 of 100 studies of 8 seeds; with it, in 94. Two to
    seven values get Student's interval, because resampling so few cannot reach 95%. Equal
    values get an interval of no length. The same values give the same interval, in any order.

    Two groups that are paired by seed, such as students and their twins, share start and
    batches, and much of their luck: give the differences. Their interval is narrower than
    what the two groups' own intervals suggest.

    Parameters
    ----------
    values : array_like of shape (n,)
        One finite number per seed, at least one.

    Returns
    -------
    Interval
        In the units of the values. From one value no interval can be given: low and high
        are NaN.

    Raises
    ------
    ValueError
        When values are missing or not finite.
    """
    v = _check(values)
    n, mean = len(v), float(v.mean())
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    if np.ptp(v) <= 1e-12 * np.abs(v).max():
        return Interval(mean, mean, mean, n)
    t = stats.t.isf(_TAIL, n - 1)
    if n < _FEW:
        half = float(t * v.std(ddof=1) / math.sqrt(n))
        return Interval(mean, mean - half, mean + half, n)
    low, high = _bca(v - mean, stats.norm.sf(math.sqrt(n / (n - 1)) * t))
    return Interval(mean, mean + low, mean + high, n)


def _bca(d: NDArray[np.float64], tail: float) -> tuple[float, float]:
    """Return where the BCa interval of a mean begins and ends, from centred values d (n,).

    `tail` is cut at both ends before Efron's corrections: the bias correction is the share
    of resamples below the mean, the acceleration a sixth of the skewness of the jackknife.
    """
    d, scale = d / np.abs(d).max(), np.abs(d).max()
    means = _resamples(len(d)) @ d
    below = ((means < -1e-12).mean() + (means <= 1e-12).mean()) / 2  # Ties count half.
    bias = stats.norm.ppf(below)
    acceleration = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
    z = bias + stats.norm.isf(tail) * np.array([-1, 1])
    low, high = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z))) * scale
    return float(low), float(high)


@functools.lru_cache(maxsize=8)
def _resamples(n: int) -> NDArray[np.float64]:
    """Return how much each of n values weighs in each resample, (_N_RESAMPLES, n)."""
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _N_RESAMPLES)
    return drawn / n


def _check(values: ArrayLike) -> NDArray[np.float64]:
    v = np.asarray(values, dtype=float)
    if v.ndim != 1 or len(v) == 0 or not np.isfinite(v).all():
        n_bad = int((~np.isfinite(v)).sum())
        raise ValueError(
            "An interval needs one finite number per seed, shape (n,), got shape "
            f"{v.shape} with {n_bad} not finite."
        )
    return np.sort(v)
