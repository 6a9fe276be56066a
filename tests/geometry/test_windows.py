"""The shown part of a plane: rare values, far classes, and never nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.data import datasets
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_plane, load_window
from distill_core.specs import DatasetSpec, PlaneSpec

DIGITS = DatasetSpec(name="digits")
RARE = PlaneSpec(kind="two features", features=(23, 53))


def test_two_pixels_that_are_nearly_always_empty_have_a_picture():
    window = load_window(RARE, DIGITS)
    uv = load_plane(RARE, DIGITS).project(datasets.load(DIGITS).X_train)
    assert window.half > 10
    assert window.count_outside(uv) == 0


def test_usual_windows_leave_out_the_tails_alone():
    uv = np.random.default_rng(0).normal(size=(5000, 2))
    low, high = np.quantile(uv, [(1 - 0.99) / 2, 1 - (1 - 0.99) / 2], axis=0)
    window = Window.around(uv, np.arange(5000) % 2)
    assert window.half == (high - low).max() / 2 * 1.12
    assert window.count_outside(uv) < 100


@pytest.mark.parametrize(("far", "shown"), [(9, True), (200, False)])
def test_a_rare_class_is_shown_unless_it_is_too_far_away(far, shown):
    generator = np.random.default_rng(1)
    usual, rare = generator.normal(size=(4200, 2)), generator.normal(far, 0.3, (18, 2))
    uv, y = np.vstack([usual, rare]), np.r_[np.zeros(4200, int), np.ones(18, int)]
    window = Window.around(uv, y)
    assert (window.count_outside(rare) <= 2) == shown
    assert (window.half < 4) != shown
    # Without labels nobody knows of it.
    assert Window.around(uv).count_outside(rare) == 18


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(2, 300))
def test_sparse_tables_have_windows(seed, share, n):
    generator = np.random.default_rng(seed)
    uv = generator.normal(size=(n, 2)) * (generator.random((n, 2)) < share)
    window = Window.around(uv, generator.integers(3, size=n))
    assert np.isfinite([window.u, window.v]).all()
    assert window.half > 0
    assert len(np.unique(window.grid(5), axis=0)) == 25
    # Most are seen.
    assert window.count_outside(uv) <= 0.1 * n + 2
