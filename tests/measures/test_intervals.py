import math

import numpy as np
import pytest
from scipy import stats

from distill_core.measures.intervals import (
    PSEUDO_SHARES,
    Interval,
    crossed_interval,
    interval,
)


@pytest.mark.parametrize("n", [2, 3, 8, 40])
def test_values_give_students_interval(n):
    values = np.random.default_rng(n).normal(size=n)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    result = interval(values)
    assert (result.low, result.high) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize("n", [3, 8])
def test_the_interval_covers_the_mean_as_often_as_it_says(n):
    rng = np.random.default_rng(7)
    covered = np.mean([not interval(rng.normal(size=n)).excludes(0) for _ in range(300)])
    assert 0.92 <= covered <= 0.98


def test_one_value_has_no_interval():
    result = interval([0.97])
    assert (result.mean, result.n) == (0.97, 1)
    assert math.isnan(result.low)
    assert math.isnan(result.high)
    assert not result.excludes(0)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e-300])
@pytest.mark.parametrize("n", [2, 8])
def test_equal_values_have_an_interval_of_no_length(value, n):
    result = interval([value] * n)
    assert result.low == result.high == result.mean == pytest.approx(value)


def test_the_same_values_give_the_same_interval_in_any_order():
    values = np.random.default_rng(0).normal(size=9)
    assert interval(values) == interval(values) == interval(values[::-1])


def test_pairing_makes_the_interval_narrow():
    rng = np.random.default_rng(0)
    luck = rng.normal(size=16)
    student, twin = luck + 0.1 + 0.05 * rng.normal(size=16), luck
    assert interval(student - twin).excludes(0)
    assert not interval(student - rng.permutation(twin)).excludes(0)


def test_excludes_says_on_which_numbers_it_is_sure():
    result = Interval(2.0, 1.0, 3.0, 8)
    assert result.excludes(0)
    assert result.excludes(3.5)
    assert not result.excludes(1.0)
    assert not result.excludes(2.5)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], r"one finite number per seed, shape \(n,\), got shape \(0,\)"),
        ([1, math.nan, math.inf], "with 2 not finite"),
        (3.0, r"got shape \(\)"),
        ([[1.0, 2.0]], r"got shape \(1, 2\)"),
    ],
)
def test_bad_input_is_a_sentence(values, said):
    with pytest.raises(ValueError, match=said):
        interval(values)


# Seeds and rows


def draw(rng, n_seeds, n_rows, seeds=0.02, rows=0.2, rest=0.2):
    """Return values with mean 0 and these standard deviations of seeds, rows and the rest."""
    return (
        rng.normal(scale=seeds, size=(n_seeds, 1))
        + rng.normal(scale=rows, size=(1, n_rows))
        + rng.normal(scale=rest, size=(n_seeds, n_rows))
    )


@pytest.mark.parametrize(("n_seeds", "n_rows"), [(8, 60), (16, 300)])
@pytest.mark.parametrize("rows", [0.0, 0.2])
def test_the_crossed_interval_covers_other_seeds_and_other_rows(n_seeds, n_rows, rows):
    rng = np.random.default_rng(n_rows)
    both, alone = [], []
    for _ in range(300):
        values = draw(rng, n_seeds, n_rows, rows=rows)
        both.append(not crossed_interval(values, ()).excludes(0))
        alone.append(not interval(values.mean(1)).excludes(0))
    assert 0.92 <= np.mean(both) <= 0.99
    if rows:
        assert np.mean(alone) < 0.85, "seeds alone know nothing of the rows"


def test_the_variance_is_that_of_an_analysis_of_variance():
    """Against the mean squares of a two-way table, written out."""
    values = draw(np.random.default_rng(0), 6, 40, seeds=0.1, rows=0.5)
    n, m = values.shape
    grand, rows, columns = values.mean(), values.mean(1), values.mean(0)
    residual = values - rows[:, None] - columns + grand
    ms_seeds = m * ((rows - grand) ** 2).sum() / (n - 1)
    ms_rows = n * ((columns - grand) ** 2).sum() / (m - 1)
    ms_rest = (residual**2).sum() / ((n - 1) * (m - 1))
    variance = (ms_seeds + ms_rows - ms_rest) / (n * m)
    freedom = variance**2 / ((ms_seeds / n / m) ** 2 / (n - 1) + (ms_rows / n / m) ** 2 / (m - 1))
    half = stats.t.ppf(0.975, max(freedom, n - 1)) * math.sqrt(variance)
    found = crossed_interval(values, ())
    assert (found.low, found.high) == pytest.approx((grand - half, grand + half))
    assert (found.n, found.n_rows) == (n, m)


@pytest.mark.parametrize("share", [0.98, 1.0])
def test_few_rows_that_all_agree_are_no_proof(share):
    """60 rows without a difference are compatible with some five in a hundred, as by Wilson."""
    hits = np.ones((8, 60))
    hits[:, : round(60 * (1 - share))] = 0
    found = crossed_interval(hits, PSEUDO_SHARES)
    wilson = stats.binomtest(int(hits[0].sum()), 60).proportion_ci(method="wilson")
    assert found.low == pytest.approx(wilson.low, abs=0.02)
    assert found.high >= found.mean
    gain = crossed_interval(np.zeros((8, 60)))
    assert not gain.excludes(0)
    assert gain.low < 0 < gain.high


def test_more_seeds_do_not_replace_rows():
    rng = np.random.default_rng(0)
    few, many = (crossed_interval(draw(rng, n, 60, seeds=0.01, rest=0.1)) for n in (8, 128))
    assert many.high - many.low > 0.7 * (few.high - few.low)


def test_one_seed_or_one_row_has_no_interval():
    assert math.isnan(crossed_interval(np.ones((1, 9))).low)
    assert math.isnan(crossed_interval(np.ones((9, 1))).high)


def test_a_matrix_is_asked_for():
    with pytest.raises(
        ValueError, match=r"per seed and row, shape \(n_seeds, n_rows\), got shape \(3,\)"
    ):
        crossed_interval([1.0, 2.0, 3.0])
