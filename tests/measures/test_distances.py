import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.measures.distances import boundary_distance

GAP = [[math.nan, math.nan]]
EMPTY = np.zeros((0, 2), np.float32)


def circle(radius, centre=(0.0, 0.0), n=400):
    angle = np.linspace(0, 2 * np.pi, n)
    return np.c_[np.cos(angle), np.sin(angle)] * radius + centre


def line(*vertices):
    return np.array(vertices, dtype=float)


def segment_distance(point, start, end):
    """Distance of a point from a segment, by the textbook."""
    along = np.dot(point - start, end - start) / np.dot(end - start, end - start)
    return np.linalg.norm(point - (start + min(max(along, 0), 1) * (end - start)))


def by_hand(a, b, step):
    """Both distances by a walk along every segment and a look at every other segment."""
    there, back = (
        [
            min(segment_distance(point, *other) for other in pieces(to))
            for start, end in pieces(of)
            for point in walk(start, end, step)
        ]
        for of, to in ((a, b), (b, a))
    )
    return np.mean(there + back), max(np.percentile(there, 95), np.percentile(back, 95))


def pieces(lines):
    pairs = pairwise(lines)
    return [(s, e) for s, e in pairs if np.isfinite([s, e]).all() and (s != e).any()]


def walk(start, end, step):
    n = max(1, round(np.linalg.norm(end - start) / step))
    return [start + (i + 0.5) / n * (end - start) for i in range(n)]


def test_parallel_lines_are_their_gap_apart():
    a, b = line([0, 0], [3, 0]), line([0, 0.25], [1, 0.25], [3, 0.25])
    result = boundary_distance(a, b)
    assert (result.mean, result.hausdorff_95) == pytest.approx((0.25, 0.25), rel=1e-12)


def test_circles_are_the_difference_of_their_radii_apart():
    result = boundary_distance(circle(1), circle(1.5))
    assert (result.mean, result.hausdorff_95) == pytest.approx((0.5, 0.5), abs=1e-4)


def test_a_boundary_that_goes_on_where_the_other_ends():
    a, b = line([0, 0], [1, 0]), line([0, 0], [2, 0])
    result = boundary_distance(a, b)
    assert result.mean == pytest.approx((1 * 0 + 2 * 0.25) / 3, abs=1e-3)
    assert result.hausdorff_95 == pytest.approx(0.9, abs=2 / 400)
    assert boundary_distance(b, a).mean == pytest.approx(result.mean, rel=1e-12)
    assert boundary_distance(b, a).hausdorff_95 == result.hausdorff_95


def test_an_extra_piece_of_less_than_a_twentieth_moves_the_mean_only():
    a = line([0, 0], [10, 0])
    b = np.vstack([a, GAP, line([5, 3], [5.3, 3])])
    result = boundary_distance(a, b)
    assert result.hausdorff_95 == pytest.approx(0, abs=1e-12)
    assert result.mean == pytest.approx(3 * 0.3 / 20.3, rel=0.05)


def test_no_line_joins_two_pieces():
    a = np.vstack([line([0, 0], [1, 0]), GAP, line([0, 5], [1, 5])])
    assert boundary_distance(a, line([0, 0], [1, 0], [1, 5], [0, 5])).mean > 0.5
    swapped = np.vstack([line([1, 5], [0, 5]), GAP, GAP, line([1, 0], [0.3, 0], [0, 0]), GAP])
    assert boundary_distance(a, swapped).mean == pytest.approx(0, abs=1e-12)


def test_the_vertices_of_a_line_do_not_matter():
    a = line([0, 0], [2, 1])
    often = np.vstack(
        [a[:1], a[:1], *(a[:1] + t * (a[1:] - a[:1]) for t in (0.1, 0.11, 0.7)), a[1:]]
    )
    result = boundary_distance(a, often)
    assert result.mean == pytest.approx(0, abs=1e-12)
    up = np.array([0, 0.3])
    assert boundary_distance(a, often + up).mean == pytest.approx(
        boundary_distance(a, a + up).mean, rel=1e-6
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_distances_equal_a_walk_by_hand(seed):
    rng = np.random.default_rng(seed)
    a, b = (
        np.vstack([rng.normal(size=(4, 2)), GAP, rng.normal(size=(3, 2))]).astype(np.float32)
        for _ in range(2)
    )
    mean, hausdorff_95 = by_hand(a.astype(float), b.astype(float), 0.05)
    result = boundary_distance(a, b)
    assert result.mean == pytest.approx(mean, abs=0.02)
    assert result.hausdorff_95 == pytest.approx(hausdorff_95, abs=0.08)


@pytest.mark.parametrize(
    ("a", "b"),
    [(EMPTY, EMPTY), (EMPTY, circle(1)), (circle(1), EMPTY), (circle(1), line([1, 1])),
     (np.array(GAP), circle(1)), (line([1, 1], [1, 1]), circle(1))],
)  # fmt: skip
def test_without_a_boundary_there_is_no_distance(a, b):
    result = boundary_distance(a, b)
    assert math.isnan(result.mean)
    assert math.isnan(result.hausdorff_95)


A = np.ones((2, 2))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: boundary_distance([1, 2], A), r"A boundary must have shape \(m, 2\)"),
        (lambda: boundary_distance(np.ones((3, 3)), A), r"must have shape \(m, 2\).*got \(3, 3\)"),
        (lambda: boundary_distance(A * np.inf, A), "be finite"),
    ],
)
def test_bad_input_is_a_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()
