"""Shares against the formula and against counting."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from distill_core.measures.shares import describe_count, format_share, wilson_interval


@given(some.integers(1, 5000), some.floats(0, 1))
def test_an_interval_is_the_one_of_wilson(n, part):
    count = round(part * n)
    z, share = 1.959963984540054, count / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    found = wilson_interval(count, n)
    assert found == pytest.approx((middle - half, middle + half), abs=1e-9)
    assert found[0] - 1e-12 <= share <= found[1] + 1e-12


@pytest.mark.parametrize(("count", "n"), [(-1, 4), (5, 4), (0, 0)])
def test_a_count_that_cannot_be_is_refused(count, n):
    with pytest.raises(ValueError, match=f"got {count} of {n}"):
        wilson_interval(count, n)


@given(some.integers(1, 100_000), some.floats(0, 1), some.integers(0, 2))
def test_all_and_none_are_written_for_all_and_none_alone(n, part, digits):
    count = round(part * n)
    written = format_share(count / n, digits)
    assert (written == f"{100:.{digits}f}%") == (count == n)
    assert (float(written.strip("<>%")) == 0) == (count == 0)
    if written[0] not in "<>":
        assert abs(float(written[:-1]) - 100 * count / n) <= 0.5 * 10.0**-digits + 1e-9


def test_a_share_says_of_how_many_rows_it_is():
    assert describe_count(0.972, 1000).startswith("972 of 1,000 test rows")
    # One value short of all is not all.
    assert format_share(np.float64(4999 / 5000)) == ">99.9%"
