"""Coarse to fine: what the lines cost, and what they may and may not miss."""

import numpy as np
import pytest
from contourpy import LineType, contour_generator
from hypothesis import event, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from distill_core.boundaries import boundary_lines, combined_model, member_model, section
from distill_core.boundaries.refinement import refine
from distill_core.geometry.problems import load_window
from distill_core.specs import PlaneSpec
from tests import tiny
from tests.boundaries.shapes import SIDE, WINDOW, network, pieces, vertices, waves

# What vertices must keep to, in widths of the window.
NEAR = 1e-4


class Counting:
    """A model that counts, and keeps, the points that it is asked for."""

    def __init__(self, model):
        self.model, self.asked = model, []

    def __call__(self, uv):
        self.asked.append(uv.copy())
        return self.model(uv)

    @property
    def n(self):
        return sum(map(len, self.asked))


def discs(*shapes):
    """Class 1 is inside any of the discs (u, v, radius); its margin is a distance."""

    def model(uv):
        inside = [radius - np.hypot(uv[:, 0] - u, uv[:, 1] - v) for u, v, radius in shapes]
        return np.c_[np.zeros(len(uv)), np.max(inside, axis=0)]

    return model


def across(values):
    """Return the two ends of all edges of a grid (r, r, ...), as two arrays of the same order."""
    firsts, seconds = (values[:, :-1], values[:-1]), (values[:, 1:], values[1:])
    return tuple(
        np.concatenate([end.reshape(-1, *values.shape[2:]) for end in ends])
        for ends in (firsts, seconds)
    )


def crossed_by_cell(labels):
    """Return for each crossed edge the cells on its two sides (-1 outside), (n, 2)."""
    r = len(labels)
    cells = np.pad(np.arange((r - 1) ** 2).reshape(r - 1, r - 1), 1, constant_values=-1)
    flat = np.stack([cells[:-1, 1:-1], cells[1:, 1:-1]], -1).reshape(-1, 2)
    steep = np.stack([cells[1:-1, :-1], cells[1:-1, 1:]], -1).reshape(-1, 2)
    a, b = across(labels)
    return np.concatenate([flat, steep])[a != b]


MODELS = [
    *(
        pytest.param(combined_model(network(seed, n, (24, 16))), id=f"network {n}")
        for seed, n in enumerate((2, 3, 5, 10))
    ),
    *(pytest.param(waves(seed, n), id=f"waves {n}") for seed, n in enumerate((2, 2, 3, 5, 10))),
    *(pytest.param(waves(9, n, 6.0), id=f"ripples {n}") for n in (2, 4)),
]


@pytest.mark.parametrize("resolution", [35, 60, 100, 137])
@pytest.mark.parametrize("model", MODELS)
def test_a_boundary_that_is_found_is_found_to_its_end(model, resolution):
    r = resolution
    dense = model(WINDOW.grid(r)).reshape(r, r, -1)
    fine = refine(model, WINDOW, r).reshape(r, r, -1)
    ends, own_ends = across(fine), across(dense)
    labels, own = fine.argmax(-1), dense.argmax(-1)
    found = np.not_equal(*across(labels))
    true = np.not_equal(*across(own))
    # No boundary is invented, and the logits beside one are the model's own.
    assert not (found & ~true).any()
    for end, own_end in zip(ends, own_ends, strict=True):
        np.testing.assert_allclose(end[found], own_end[found], rtol=1e-4, atol=1e-4)
    # Crossed edges of one cell belong together; of such a group all are found or none.
    sides = crossed_by_cell(own)
    n_edges = len(sides)
    inside = sides >= 0
    edge = np.broadcast_to(np.arange(n_edges)[:, None], sides.shape)[inside]
    ones = np.ones(len(edge))
    cells = coo_array((ones, (edge, sides[inside])), shape=(n_edges, (r - 1) ** 2)).tocsr()
    _, group = connected_components(cells @ cells.T, directed=False)
    share = np.bincount(group, found[true]) / np.bincount(group)
    assert set(np.unique(share)) <= {0.0, 1.0}
    assert share.mean() > 0.4, "too little is found for this to say much"
    if share.all():
        np.testing.assert_array_equal(labels, own)


@pytest.mark.parametrize("model", MODELS)
def test_no_point_is_asked_for_twice_and_a_small_grid_is_asked_whole(model):
    for resolution in (2, 34, 90):
        counting = Counting(model)
        refine(counting, WINDOW, resolution)
        asked = np.concatenate(counting.asked)
        assert len(np.unique(asked, axis=0)) == len(asked)
        if resolution <= 34:
            np.testing.assert_array_equal(asked, WINDOW.grid(resolution))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 10), st.integers(2, 150), st.sampled_from((1.0, 6.0)))
def test_any_model_gives_the_lines_of_dense_evaluation_or_a_part_of_them(seed, n, r, frequency):
    model = waves(seed, n, frequency)
    dense = model(WINDOW.grid(r))
    lines, own = (
        vertices(boundary_lines(model, WINDOW, r)),
        vertices(boundary_lines(model, WINDOW, r, dense)),
    )
    same = (refine(model, WINDOW, r).argmax(1) == dense.argmax(1)).all()
    event("all found" if same else "islands missed")
    for some, others in ((lines, own), (own, lines)) if same else ((lines, own),):
        if len(some):
            assert KDTree(others).query(some)[0].max() < NEAR / 10 * SIDE


# Islands


def coarse_ticks():
    """The coarse grid's values of u and v when the fine one has 100 points per side."""
    u, v = WINDOW.axes(100)
    return u[::3], v[::3]


def test_a_ring_between_the_points_of_the_coarse_grid_is_missed():
    u, v = coarse_ticks()
    cell = u[1] - u[0]
    between = (u[11] + cell / 2, v[20] + cell / 2)
    island = discs((*between, 0.49 * cell))
    assert boundary_lines(island, WINDOW, 100).shape == (0, 2)
    # Not so where the fine grid is known, or fine enough to have a finer coarse one.
    for lines in (section(island, WINDOW, 100).lines, boundary_lines(island, WINDOW, 400)):
        away = np.hypot(*(vertices(lines) - between).T)
        np.testing.assert_allclose(away, 0.49 * cell, rtol=0, atol=NEAR * SIDE)


def test_a_ring_smaller_than_a_cell_is_found_whole_around_a_point_of_the_coarse_grid():
    u, v = coarse_ticks()
    cell = u[1] - u[0]
    centre = (u[11] + 0.2 * cell, v[20] - 0.1 * cell)
    island = discs((*centre, 0.49 * cell))
    (ring,) = pieces(boundary_lines(island, WINDOW, 100))
    np.testing.assert_array_equal(ring[0], ring[-1])
    away = np.hypot(*(ring.astype(float) - centre).T)
    np.testing.assert_allclose(away, 0.49 * cell, rtol=0, atol=NEAR * SIDE)
    np.testing.assert_array_equal(ring, section(island, WINDOW, 100).lines)


@pytest.mark.parametrize("seed", range(20))
def test_a_disc_wider_than_a_coarse_cells_diagonal_is_always_found(seed):
    u, _ = coarse_ticks()
    radius = 0.501 * np.sqrt(2) * (u[1] - u[0])
    generator = np.random.default_rng(seed)
    centre = generator.uniform(-1.8, 1.8, 2) + np.array([WINDOW.u, WINDOW.v])
    (ring,) = pieces(boundary_lines(discs((*centre, radius)), WINDOW, 100))
    np.testing.assert_array_equal(ring[0], ring[-1])
    away = np.hypot(*(ring.astype(float) - centre).T)
    np.testing.assert_allclose(away, radius, rtol=0, atol=NEAR * SIDE)


def test_a_chain_of_missed_islands_is_found_when_it_hangs_on_a_found_one():
    u, v = coarse_ticks()
    cell = u[1] - u[0]
    chain = [
        (u[8] + step * 0.8 * cell, v[14] + cell / 2, 0.48 * cell) for step in np.arange(0.5, 20)
    ]
    assert boundary_lines(discs(*chain), WINDOW, 100).shape == (0, 2)
    hooked = discs(*chain, (chain[0][0], chain[0][1], cell))
    lines = boundary_lines(hooked, WINDOW, 100)
    assert len(pieces(lines)) == 1
    np.testing.assert_array_equal(lines, section(hooked, WINDOW, 100).lines)


# Two classes are the case of many


@pytest.mark.parametrize("seed", range(4))
def test_a_third_class_that_never_wins_changes_nothing(seed):
    two = waves(seed, 2)
    three = boundary_lines(lambda uv: np.c_[two(uv), np.full(len(uv), -99.0)], WINDOW, 100)
    np.testing.assert_array_equal(boundary_lines(two, WINDOW, 100), three)


# Trained networks: how near, for how much


def opposite_within(model, points, reach):
    """Say of each point whether the model's answer changes within reach of it, two classes."""
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    around = points[:, None] + reach * np.c_[np.cos(angles), np.sin(angles)]
    answers = model(around.reshape(-1, 2)).argmax(1).reshape(len(points), -1)
    return answers.min(1) != answers.max(1)


def interpolated(model, window, resolution):
    """Return the vertices of a dense grid's contour, straight from contourpy."""
    logits = model(window.grid(resolution)).reshape(resolution, resolution, 2)
    generator = contour_generator(
        *window.axes(resolution),
        logits[..., 1] - logits[..., 0],
        line_type=LineType.ChunkCombinedNan,
    )
    return vertices(generator.lines(0.0)[0][0])


@pytest.fixture(scope="module", params=["moons", "spirals"])
def trained(request):
    plane = PlaneSpec(kind="principal components")
    ensemble = tiny.teachers(request.param, plane, hidden=(32, 16), schedule=tiny.schedule(12))
    teachers, fitted = tiny.fit(tiny.student(ensemble, width=16))
    window = load_window(plane, ensemble.problem.dataset)
    return {"student": member_model(fitted), "ensemble": combined_model(teachers)}, window


@pytest.mark.parametrize("kind", ["student", "ensemble"])
def test_a_tenth_of_the_evaluations_of_the_dense_grid_of_equal_accuracy(trained, kind):
    models, window = trained
    model, width = models[kind], 2 * window.half
    counting = Counting(model)
    found = vertices(boundary_lines(counting, window))
    assert len(found) > 150
    assert opposite_within(model, found, NEAR * width).all()
    # Equal accuracy: the dense grid whose interpolated vertices all lie as near. The one of
    # ten times our evaluations is too coarse for it.
    equal = int(np.sqrt(10 * counting.n))
    assert not opposite_within(model, interpolated(model, window, equal), NEAR * width).all()
    assert counting.n < 0.45 * 100**2


@pytest.mark.parametrize("kind", ["student", "ensemble"])
def test_of_trained_networks_nothing_is_missed(trained, kind):
    models, window = trained
    for resolution in (60, 100):
        own = boundary_lines(
            models[kind], window, resolution, models[kind](window.grid(resolution))
        )
        lines = boundary_lines(models[kind], window, resolution)
        np.testing.assert_allclose(lines, own, rtol=0, atol=1e-5 * 2 * window.half)
