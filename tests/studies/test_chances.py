"""Seeds apart from rows: what it takes to decide, and intervals of seeds alone."""

import math

import numpy as np
import pytest

from distill_core.studies.chances import describe_needed, estimate_needed, keep_seeds_alone
from distill_core.studies.study import cross_difference


def draw(rng, n_seeds, n_rows):
    """Return differences with a chance of seeds and one of rows, none of it normal."""
    seeds, rows = rng.gamma(2, size=(n_seeds, 1)) * 0.02, rng.choice([-1, 0, 1], size=n_rows)
    return seeds + 0.3 * rows + rng.normal(size=(n_seeds, n_rows)) * 0.1


def half(found):
    return (found["high"] - found["low"]) / 2


@pytest.mark.parametrize("margin", [0.02, 0.03])
def test_as_many_as_were_estimated_are_enough_on_average(margin):
    rng = np.random.default_rng(0)
    with_seeds, with_rows = [], []
    for _ in range(30):
        found = cross_difference(draw(rng, 8, 300))
        seeds, rows = estimate_needed(found, margin)
        with_rows += [half(cross_difference(draw(rng, 8, rows)))] if rows else []
        with_seeds += [half(cross_difference(draw(rng, seeds, 300)))] if seeds else []
    assert with_rows or with_seeds
    for halves in filter(None, (with_seeds, with_rows)):
        assert np.mean(halves) == pytest.approx(margin, rel=0.35)


def test_what_one_of_the_two_alone_cannot_do_is_not_promised():
    found = {"n": 8, "n_rows": 500, "mean": 0.0, "low": -5.0, "high": 5.0}
    found |= {"seeds_low": -3.0, "seeds_high": 3.0}
    # Squared, 9 of seeds and 16 of rows: within 4.5 (20.25) each alone can do it.
    assert estimate_needed(found, 4.5) == (math.ceil(8 * 9 / 4.25), math.ceil(500 * 16 / 11.25))
    assert estimate_needed(found, 3.5) == (None, math.ceil(500 * 16 / 3.25))
    assert estimate_needed(found, 2.0) == (None, None)
    assert estimate_needed(found, 0.0) == (None, None)
    assert describe_needed(found, 3.5, "repeats") == "about 2,500 test rows"
    assert describe_needed(found, 4.5) == "about 17 seeds or 720 test rows"
    assert describe_needed(found, 2.0) == "both more seeds and more test rows"


def test_seeds_alone_replace_what_they_can():
    found = cross_difference(draw(np.random.default_rng(1), 8, 300))
    summary = {"widths": [{"gain": found, "width": 4}], "kl": {"mean": 1.0, "low": 0.5}}
    alone = keep_seeds_alone(summary)
    gain = alone["widths"][0]["gain"]
    assert (gain["low"], gain["high"]) == (found["seeds_low"], found["seeds_high"])
    assert gain["beyond_noise"] == (gain["low"] > 0 or gain["high"] < 0)
    assert alone["kl"] == summary["kl"]
    assert summary["widths"][0]["gain"] is found, "what is shown differently is not changed"
