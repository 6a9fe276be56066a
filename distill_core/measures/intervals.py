"""How sure a number is: intervals over seeds, and a test for one pair of models."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

N_RESAMPLES = 9999

# Fewer values than this have too few different resamples to find the ends of an interval.
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


@dataclass(frozen=True)
class McNemar:
    """On how many samples only one of two models is right, and how likely that is by chance."""

    only_a: int
    only_b: int
    p: float


def interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean of independent values, one per seed, with its confidence interval.

    From eight values on, the bias-corrected and accelerated bootstrap (Efron 1987) with the
    wider level of Hesterberg 2015, arXiv 1411.5279: each tail is cut at
    `Φ(-√(n / (n - 1)) t)` with Student's quantile t of the asked tail. Without it, nominal
    95% cover a normal mean in only 88 of 100 studies of 8 seeds; with it, in 94. Two to
    seven values get Student's interval, because resampling so few cannot reach 95%. Equal
    values get an interval of no length. The same values give the same interval, in any order.

    Parameters
    ----------
    values : array_like of shape (n,)
        One finite number per seed, at least one.
    confidence : float
        Greater than 0 and less than 1.

    Returns
    -------
    Interval
        In the units of the values. From one value no interval can be given: low and high
        are NaN.

    Raises
    ------
    ValueError
        When values are missing or not finite, or the confidence is out of range.
    """
    v = _checked(values, confidence)
    n, mean = len(v), float(v.mean())
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    if np.ptp(v) <= 1e-12 * np.abs(v).max():
        return Interval(mean, mean, mean, n)
    t = stats.t.isf((1 - confidence) / 2, n - 1)
    if n < _FEW:
        half = float(t * v.std(ddof=1) / math.sqrt(n))
        return Interval(mean, mean - half, mean + half, n)
    low, high = _bca(v - mean, stats.norm.sf(math.sqrt(n / (n - 1)) * t))
    return Interval(mean, mean + low, mean + high, n)


def paired_interval(differences: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean difference of two groups paired by seed, with its interval.

    A student and its twin share start and batches, and much of their luck: the interval of
    their differences is narrower than what the two groups' own intervals suggest. It is
    the `interval` of the differences; parameters, result and errors are the same.

    Parameters
    ----------
    differences : array_like of shape (n,)
        First minus second, one per seed. `result.excludes(0)` says whether the difference
        is beyond seed noise.
    confidence : float
        Greater than 0 and less than 1.
    """
    return interval(differences, confidence)


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Test whether two models are right equally often on the same samples, exactly.

    Of the samples on which only one model is right, each model gets half if they are
    equally good: p is the two-sided binomial probability of a split at least as uneven
    (McNemar 1947; exact form: Dietterich 1998). It speaks of these two models, not of
    other seeds.

    Parameters
    ----------
    correct_a, correct_b : array_like of shape (n,), bool
        Which samples each model answers rightly.

    Returns
    -------
    McNemar
        Both counts, and p from 0 to 1; 1 when the models never differ.

    Raises
    ------
    ValueError
        When the inputs are not booleans for the same samples.
    """
    a, b = np.asarray(correct_a), np.asarray(correct_b)
    if a.dtype != bool or b.dtype != bool or a.ndim != 1 or a.shape != b.shape or not len(a):
        raise ValueError(
            "correct_a and correct_b must be booleans (n,) for the same samples, got "
            f"{a.dtype} {a.shape} and {b.dtype} {b.shape}."
        )
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    differ = only_a + only_b
    p = stats.binomtest(only_a, differ).pvalue if differ else 1.0
    return McNemar(only_a, only_b, float(p))


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
    z = bias + stats.norm.isf(max(tail, 1e-6)) * np.array([-1, 1])
    low, high = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z))) * scale
    return float(low), float(high)


@functools.lru_cache(maxsize=8)
def _resamples(n: int) -> NDArray[np.float64]:
    """Return how much each of n values weighs in each resample, (N_RESAMPLES, n)."""
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), N_RESAMPLES)
    return drawn / n


def _checked(values: ArrayLike, confidence: float) -> NDArray[np.float64]:
    v = np.asarray(values, dtype=float)
    if v.ndim != 1 or len(v) == 0 or not np.isfinite(v).all():
        n_bad = int((~np.isfinite(v)).sum())
        raise ValueError(
            "An interval needs one finite number per seed, shape (n,), got shape "
            f"{v.shape} with {n_bad} not finite."
        )
    if not 0 < confidence < 1:
        raise ValueError(f"The confidence must lie between 0 and 1, got {confidence}.")
    return np.sort(v)
