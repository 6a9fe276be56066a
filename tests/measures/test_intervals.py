import math

import numpy as np
import pytest
from scipy import stats

from distill_core.measures.intervals import Interval, interval


@pytest.mark.parametrize("n", [8, 16, 40])
@pytest.mark.parametrize("name", ["normal", "exponential"])
def test_the_interval_is_scipys_bca_at_the_wider_level(n, name):
    values = getattr(np.random.default_rng(n), name)(size=n)
    z = math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)
    low, high = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=1 - 2 * stats.norm.sf(z),
        n_resamples=40_000,
        method="BCa",
        rng=np.random.default_rng(123),
    ).confidence_interval
    result = interval(values)
    assert result.mean == pytest.approx(values.mean())
    assert result.n == n
    assert result.low == pytest.approx(low, abs=0.05 * (high - low))
    assert result.high == pytest.approx(high, abs=0.05 * (high - low))


def test_skewed_values_give_a_skewed_interval():
    values = np.random.default_rng(0).exponential(size=20)
    result, mirrored = interval(values), interval(-values)
    assert result.high - result.mean > 1.3 * (result.mean - result.low)
    assert (mirrored.low, mirrored.high) == pytest.approx((-result.high, -result.low), rel=0.05)


def test_many_resamples_tie_with_the_mean_of_shares():
    values = np.array([0.96, 0.97, 0.97, 0.98, 0.96, 0.98, 0.97, 0.97])
    result = interval(values)
    assert result.high - result.mean == pytest.approx(result.mean - result.low, rel=0.05)


def test_an_outlier_stays_within_the_values():
    result = interval([0.0] * 30 + [1.0])
    assert 0 <= result.low < result.mean < result.high <= 1


def test_many_normal_values_give_nearly_students_interval():
    values = np.random.default_rng(0).normal(size=400)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    result = interval(values)
    assert (result.low, result.high) == pytest.approx((low, high), abs=0.03 * (high - low))


@pytest.mark.parametrize("n", [2, 3, 7])
def test_few_values_give_students_interval(n):
    values = np.random.default_rng(n).normal(size=n)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    result = interval(values)
    assert (result.low, result.high) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize("n", [3, 8])
def test_the_interval_covers_the_mean_as_often_as_it_says(n):
    rng = np.random.default_rng(7)
    covered = np.mean([not interval(rng.normal(size=n)).excludes(0) for _ in range(300)])
    assert 0.90 <= covered <= 0.98  # Plain BCa covers 0.71 with 3 values and 0.88 with 8.


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


def test_nearly_equal_values_give_numbers():
    values = [0.5] * 7 + [0.5 + 1e-9]
    result = interval(values)
    assert 0.5 <= result.low <= result.mean <= result.high <= 0.5 + 2e-9


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
