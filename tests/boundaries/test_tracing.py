"""Boundary lines: where they must run, and what may be missing."""

import numpy as np
import pytest
from contourpy import LineType, contour_generator
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from distill_core.boundaries.section import boundary_lines, combined_model, one_versus_rest, section
from distill_core.geometry.planes import Window
from tests.boundaries.shapes import (
    SIDE,
    WINDOW,
    circle,
    compare,
    corner,
    label,
    network,
    pieces,
    sectors,
    two_class,
    vertices,
    waves,
)


@pytest.mark.parametrize("resolution", [20, 100])
@pytest.mark.parametrize("radius", [0.5, 1.3])
def test_vertices_lie_on_a_circle(radius, resolution):
    lines = boundary_lines(circle(radius), WINDOW, resolution)
    assert lines.dtype == np.float32
    (ring,) = pieces(lines)
    np.testing.assert_allclose(np.hypot(*ring.T.astype(float)), radius, rtol=0, atol=1e-5 * SIDE)
    np.testing.assert_array_equal(ring[0], ring[-1])
    # All the way round: no step between vertices is longer than a cell's diagonal.
    steps = np.linalg.norm(np.diff(ring, axis=0), axis=1)
    assert steps.max() < 1.5 * SIDE / (resolution - 1)
    assert steps.sum() == pytest.approx(2 * np.pi * radius, rel=0.02)


@pytest.mark.parametrize(
    "bend",
    [np.sinh, np.cbrt, np.tanh, lambda d: np.expm1(20 * d), lambda d: -np.expm1(-20 * d)],
    ids=["sinh", "root", "saturated", "steep outside", "steep inside"],
)
def test_vertices_lie_on_the_boundary_however_the_margin_bends(bend):
    model = two_class(lambda x, y: bend(5 * (np.hypot(x, y) - 1)))
    found = vertices(boundary_lines(model, WINDOW, 40))
    assert len(found) > 60
    # A hundred times nearer than the picture promises.
    np.testing.assert_allclose(np.hypot(*found.T), 1, rtol=0, atol=2e-5 * SIDE)


def test_vertices_lie_on_a_jump():
    model = two_class(lambda x, y: np.where(x + 2 * y > 0.4, 7.0, -1.0))
    found = vertices(boundary_lines(model, WINDOW, 100))
    away = np.abs(found @ [1, 2] - 0.4) / np.sqrt(5)
    assert away.max() < 0.002 * SIDE


def test_a_straight_boundary_is_found_exactly():
    (line,) = pieces(boundary_lines(two_class(lambda x, y: x + 2 * y - 0.4), WINDOW, 30))
    np.testing.assert_allclose(line @ [1, 2], 0.4, atol=1e-6)
    # From edge to edge of the window.
    ends = np.abs(line[[0, -1]] - [WINDOW.u, WINDOW.v]).max(1)
    np.testing.assert_allclose(ends, WINDOW.half, atol=1e-5)


def test_a_boundary_through_grid_points_is_found_too():
    window = Window(0, 0, 2)
    for score in (lambda x, y: x, lambda x, y: y, lambda x, y: x - y):
        found = vertices(boundary_lines(two_class(score), window, 5))
        assert len(found) >= 5
        np.testing.assert_allclose(score(*found.T), 0, atol=1e-6)


def test_two_rings_are_two_pieces_with_nan_between():
    model = two_class(lambda x, y: (np.hypot(x, y) - 0.5) * (np.hypot(x, y) - 1.2))
    lines = boundary_lines(model, WINDOW, 60)
    assert np.isnan(lines).any(1).sum() == 1
    assert not np.isnan(lines[[0, -1]]).any()
    radii = sorted(float(np.hypot(*ring.T).mean()) for ring in pieces(lines))
    np.testing.assert_allclose(radii, [0.5, 1.2], atol=1e-5 * SIDE)


@pytest.mark.parametrize("sign", [1, -1])
def test_without_a_boundary_in_the_window_there_are_no_lines(sign):
    lines = boundary_lines(two_class(lambda x, y: sign * (x**2 + y**2 + 1)), WINDOW, 30)
    assert lines.shape == (0, 2)
    assert lines.dtype == np.float32
    assert boundary_lines(circle(50), WINDOW, 30).shape == (0, 2)


def test_a_ring_smaller_than_a_cell_is_missed_and_a_finer_grid_finds_it():
    u, v = WINDOW.axes(40)
    cell = u[1] - u[0]
    centre = u[20] + cell / 2, v[11] + cell / 2
    speck = circle(0.3 * cell, *centre)
    assert boundary_lines(speck, WINDOW, 40).shape == (0, 2)
    found = vertices(boundary_lines(speck, WINDOW, 400))
    np.testing.assert_allclose(np.hypot(*(found - centre).T), 0.3 * cell, rtol=0, atol=1e-5 * SIDE)


def test_known_answers_on_the_grid_are_not_asked_for_again():
    asked = []
    model = circle(1.0)

    def watched(uv):
        asked.append(len(uv))
        return model(uv)

    known = model(WINDOW.grid(50))
    lines = boundary_lines(watched, WINDOW, 50, known)
    assert max(asked) < 50 * 50
    np.testing.assert_array_equal(lines, boundary_lines(model, WINDOW, 50))


@pytest.mark.parametrize("model", [sectors, corner])
def test_with_three_classes_lines_lie_where_the_answer_changes(model):
    lines = boundary_lines(model, WINDOW, 80)
    found = vertices(lines)
    # Away from the point where all three meet, both answers are found a hair from the line.
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    around = 1e-4 * SIDE * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    answers = model((found[:, None] + around).reshape(-1, 2)).argmax(1).reshape(len(found), 16)
    assert (answers.min(1) != answers.max(1)).all()
    # And wherever the answer changes on a fine grid, a line is near.
    assert compare(lines, label(model, 300))[0].max() < SIDE / 79


@pytest.mark.parametrize("model", [sectors, corner])
def test_with_three_classes_all_three_pairs_have_a_boundary(model):
    found = vertices(boundary_lines(model, WINDOW, 80))
    order = np.argsort(model(found), axis=1)[:, 1:]
    assert {tuple(sorted(pair)) for pair in order} == {(0, 1), (0, 2), (1, 2)}


# Many classes, on the whole of the window


MODELS = [
    *(pytest.param(waves(seed, n), id=f"waves of {n}") for seed, n in enumerate((2, 3, 4, 5, 10))),
    *(
        pytest.param(combined_model(network(seed, n, k=3)), id=f"network of {n}")
        for seed, n in ((1, 2), (1, 3), (2, 5), (7, 10))
    ),
]


@pytest.mark.parametrize("model", MODELS)
def test_lines_are_where_the_answer_changes_on_a_dense_grid(model):
    lines = boundary_lines(model, WINDOW)
    to_line, to_change = compare(lines, label(model, 801))
    assert len(to_line) > 400
    # 0.3% of the window: the chords of a line lie off a bend by a part of a cell (1%).
    assert np.quantile(to_line, 0.99) < 0.003 * SIDE
    assert np.quantile(to_change, 0.99) < 0.003 * SIDE
    # Only what is smaller than a cell may be missing or too much.
    assert to_line.max() < 1.5 * SIDE / 99
    assert to_change.max() < 1.5 * SIDE / 99


@pytest.mark.parametrize("model", MODELS)
def test_every_vertex_has_two_answers_beside_it(model):
    lines = boundary_lines(model, WINDOW)
    found = vertices(lines)
    assert len(found) > 50
    logits = np.sort(model(found), axis=1)
    steps = np.diff(model(WINDOW.grid(100)).reshape(100, 100, -1), axis=0)
    # How much logits change over a hundredth of a cell.
    assert (logits[:, -1] - logits[:, -2]).max() < 1e-2 * np.abs(steps).max()


def test_three_straight_borders_meet_in_one_point():
    """Linear logits: the boundaries are rays from (0, 0) at known angles."""
    angles = np.pi / 2 + 2 * np.pi * np.arange(3) / 3
    directions = np.c_[np.cos(angles), np.sin(angles)]
    lines = boundary_lines(lambda uv: uv @ directions.T, Window(0.013, 0.017, 1.0))
    found = pieces(lines)
    assert len(found) == 3
    rays = np.pi / 2 + np.pi / 3 + 2 * np.pi * np.arange(3) / 3
    seen = set()
    for piece in found:
        ends = piece[np.hypot(*piece.T).argsort()[[0, -1]]]
        np.testing.assert_allclose(ends[0], 0, atol=1e-4)
        on_ray = np.abs(np.c_[-np.sin(rays), np.cos(rays)] @ ends[1]) < 1e-4
        ahead = np.c_[np.cos(rays), np.sin(rays)] @ ends[1] > 0
        seen |= set(np.flatnonzero(on_ray & ahead))
        assert np.abs(piece @ [-ends[1][1], ends[1][0]]).max() < 1e-4
    assert seen == {0, 1, 2}


def test_each_boundary_is_drawn_once():
    model = waves(3, 5)
    drawn = pieces(boundary_lines(model, WINDOW))
    middles = np.concatenate([(p[:-1] + p[1:]) / 2 for p in drawn])
    distance = KDTree(middles).query(middles, k=2)[0][:, 1]
    assert (distance < 1e-7).mean() < 0.01


def test_no_boundary_where_one_class_has_it_all():
    lines = boundary_lines(lambda uv: np.tile([0.0, 3.0, 1.0], (len(uv), 1)), WINDOW)
    assert lines.shape == (0, 2)
    assert lines.dtype == np.float32


@pytest.mark.parametrize("seed", range(8))
def test_lines_of_two_classes_are_a_contour_moved_along_the_edges_of_its_grid(seed):
    combine = ("logits", "probabilities")[seed % 2]
    model = combined_model(network(seed, 2, k=1 + seed % 3), combine)

    def margin(uv):
        return np.diff(model(uv), axis=1)[:, 0]

    for resolution in (2, 37, 100):
        known = model(WINDOW.grid(resolution))
        lines = boundary_lines(model, WINDOW, resolution, known)
        assert lines.dtype == np.float32
        height = np.diff(known, axis=1).reshape(resolution, resolution)
        axis = np.arange(resolution)
        ((contour,),) = contour_generator(
            axis, axis, height, line_type=LineType.ChunkCombinedNan
        ).lines(0.0)
        if contour is None:
            assert len(lines) == 0
            continue
        np.testing.assert_array_equal(np.isnan(lines), np.isnan(contour))
        # The ends of the edge that each vertex lies on; then halve it, again and again.
        start = np.array([WINDOW.u, WINDOW.v]) - WINDOW.half
        low, high = (
            start + end * SIDE / (resolution - 1)
            for end in (np.floor(vertices(contour) + 1e-9), np.ceil(vertices(contour) - 1e-9))
        )
        first = margin(low) > 0
        for _ in range(40):
            middle = (low + high) / 2
            before = ((margin(middle) > 0) == first)[:, None]
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        np.testing.assert_allclose(vertices(lines), low, rtol=0, atol=2e-5 * SIDE)
    assert len(lines) > 10


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(3, 10), st.integers(2, 30))
def test_any_network_on_any_grid_gives_clean_lines(seed, n_classes, resolution):
    seen = section(combined_model(network(seed, n_classes, (8,))), WINDOW, resolution)
    lines = seen.lines
    if len(lines):
        gap = np.isnan(lines).any(1)
        assert not gap[0]
        assert not gap[-1]
        assert not (gap[1:] & gap[:-1]).any()
        assert (np.abs(lines[~gap] - [WINDOW.u, WINDOW.v]) <= WINDOW.half * 1.0001).all()
        assert min(map(len, pieces(lines))) >= 2
    for one in range(n_classes):
        one_versus_rest(seen, one)
