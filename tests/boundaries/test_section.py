import itertools

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree
from scipy.special import softmax
from torch.nn import functional as F

from distill_core import boundaries
from distill_core.boundaries.section import (
    _CHUNK,
    Section,
    boundary_lines,
    combined_model,
    disagreement,
    section,
)
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_problem, load_window
from distill_core.learning.losses import soft_targets
from distill_core.learning.networks import Stack
from distill_core.learning.training import fit_ensemble, fit_students
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PlaneSpec,
    ProblemSpec,
    Schedule,
    StudentSpec,
)

WINDOW = Window(u=0.3, v=-0.2, half=2.0)
SIDE = 2 * WINDOW.half


def two_class(score):
    """A model whose class 1 is where `score(u, v)` is positive."""
    return lambda uv: np.stack([np.zeros(len(uv)), 0 * uv[:, 0] + score(*uv.T)], axis=1)


def circle(radius, u=0.0, v=0.0):
    return two_class(lambda x, y: (x - u) ** 2 + (y - v) ** 2 - radius**2)


def pieces(lines):
    """Split an array of polylines at its NaN rows."""
    gaps = np.flatnonzero(np.isnan(lines[:, 0]))
    parts = np.split(lines, gaps)
    return [part[~np.isnan(part[:, 0])] for part in parts]


def vertices(lines):
    return lines[~np.isnan(lines[:, 0])].astype(float)


# Lines of functions whose boundary is known


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


# More than two classes


def sectors(uv):
    """Three classes, each where the point lies most in its direction, bent a little."""
    angles = 2 * np.pi * np.arange(3) / 3 + 0.3
    return 4 * uv @ np.stack([np.cos(angles), np.sin(angles)]) + 0.3 * np.sin(3 * uv[:, :1])


def corner(uv):
    """Three classes that meet in a corner: one boundary is straight, two are bent a lot."""
    x, y = uv.T
    return np.stack([0 * x, 3 * (x - 0.1), np.sinh(40 * (y - 0.4))], axis=1)


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
    assert gap_to_changes(model, lines, 300).max() < SIDE / 79


@pytest.mark.parametrize("model", [sectors, corner])
def test_with_three_classes_all_three_pairs_have_a_boundary(model):
    found = vertices(boundary_lines(model, WINDOW, 80))
    order = np.argsort(model(found), axis=1)[:, 1:]
    assert {tuple(sorted(pair)) for pair in order} == {(0, 1), (0, 2), (1, 2)}


def gap_to_changes(model, lines, resolution, window=WINDOW):
    """Return how far from the lines each change of answer between fine grid points lies."""
    grid = window.grid(resolution)
    labels = model(grid).argmax(1).reshape(resolution, resolution)
    points = grid.reshape(resolution, resolution, 2)
    across = labels[:, 1:] != labels[:, :-1]
    along = labels[1:] != labels[:-1]
    changes = np.concatenate([
        (points[:, 1:] + points[:, :-1])[across] / 2, (points[1:] + points[:-1])[along] / 2
    ])  # fmt: skip
    dense = [np.linspace(a, b, 5) for part in pieces(lines) for a, b in itertools.pairwise(part)]
    return KDTree(np.concatenate(dense)).query(changes)[0]


# Sections


def test_section_probabilities_equal_softmax_with_rows_going_up():
    resolution = 31
    seen = section(sectors, WINDOW, resolution)
    assert seen.proba.shape == (3, resolution, resolution)
    assert seen.proba.dtype == np.float32
    u, v = WINDOW.axes(resolution)
    for row, column in [(0, 0), (0, 30), (30, 0), (7, 22)]:
        expected = softmax(sectors(np.array([[u[column], v[row]]]))[0])
        np.testing.assert_allclose(seen.proba[:, row, column], expected, atol=1e-6)
    np.testing.assert_allclose(seen.proba.sum(0), 1, atol=1e-6)
    np.testing.assert_array_equal(
        seen.labels, sectors(WINDOW.grid(resolution)).argmax(1).reshape(resolution, resolution)
    )
    np.testing.assert_array_equal(seen.lines, boundary_lines(sectors, WINDOW, resolution))
    assert seen.window is WINDOW


def test_section_survives_very_certain_models():
    seen = section(two_class(lambda x, y: 1e4 * (x - 0.1)), WINDOW, 20)
    assert np.isfinite(seen.proba).all()
    np.testing.assert_allclose(vertices(seen.lines)[:, 0], 0.1, atol=1e-5)


def test_share_is_the_area_that_each_class_gets():
    seen = section(circle(1.0), WINDOW, 400)
    np.testing.assert_allclose(seen.share, [np.pi / 16, 1 - np.pi / 16], atol=2e-3)
    nowhere = section(two_class(lambda x, y: x - 99), WINDOW, 10)
    np.testing.assert_array_equal(nowhere.share, [1, 0])


def test_a_grid_needs_two_points_per_side():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        section(circle(1.0), WINDOW, 1)


# Trained networks


@pytest.fixture(scope="module")
def trained():
    """An ensemble and students that are trained on moons, with their window."""
    schedule = Schedule(epochs=3, batch_size=64, learning_rate=1e-2)
    problem = ProblemSpec(
        dataset=DatasetSpec(name="moons"), plane=PlaneSpec(kind="principal components")
    )
    spec = EnsembleSpec(problem=problem, n_members=3, hidden=(32, 16), schedule=schedule)
    data = load_problem(problem)
    teachers = fit_ensemble(spec, data.X_train, data.y_train)
    # The second student is too small to follow the ensemble everywhere.
    students = [StudentSpec(ensemble=spec, width=width, schedule=schedule) for width in (16, 2)]
    logits = teachers.logits(data.X_train)
    fitted = [fit_students([student], data.X_train, data.y_train, logits) for student in students]
    return teachers, *fitted, load_window(problem.plane, problem.dataset)


MODELS = {
    "student": lambda teachers, student: student,
    "teacher": lambda teachers, student: teachers.members([1]),
    "ensemble": lambda teachers, student: teachers,
}


def evaluate_densely(stack, combine, as_sequential):
    """Return the answers of separate networks in 64 bits, combined, for any points."""
    networks = [as_sequential(stack, member).double() for member in range(stack.k)]

    def margin(uv):
        with torch.no_grad():
            logits = torch.stack([network(torch.from_numpy(uv)) for network in networks])
            if combine == "logits":
                whole = logits.mean(0)
            else:
                whole = F.softmax(logits, -1).mean(0).log()
        return (whole[:, 1] - whole[:, 0]).numpy()

    return margin


@pytest.mark.parametrize("combine", ["logits", "probabilities"])
@pytest.mark.parametrize("kind", MODELS)
def test_vertices_lie_within_a_five_hundredth_of_the_window_by_dense_evaluation(
    trained, as_sequential, kind, combine
):
    teachers, student, _, window = trained
    stack = MODELS[kind](teachers, student)
    lines = boundary_lines(combined_model(stack, combine), window)
    found = vertices(lines)
    assert len(found) > 100
    margin = evaluate_densely(stack, combine, as_sequential)
    # Scan 2001 points on the normal of the boundary, by the slope of the margin, and take the
    # sign change nearest to the vertex.
    h = 1e-5 * window.half
    slope = np.stack(
        [margin(found + step) - margin(found - step) for step in ([h, 0.0], [0.0, h])], axis=1
    )
    normal = slope / np.linalg.norm(slope, axis=1, keepdims=True)
    reach = 0.004 * 2 * window.half
    offsets = np.linspace(-reach, reach, 2001)
    points = found[:, None] + offsets[None, :, None] * normal[:, None]
    positive = (margin(points.reshape(-1, 2)) > 0).reshape(len(found), 2001)
    changes = positive[:, 1:] != positive[:, :-1]
    assert changes.any(1).all()
    distance = np.where(changes, np.abs(offsets[1:] + offsets[:-1]) / 2, np.inf).min(1)
    assert distance.max() < 0.002 * 2 * window.half
    # In fact the root finding leaves far less; the scan itself is no finer than 4e-6.
    assert distance.max() < 2e-5 * 2 * window.half
    # Nothing is missing: wherever the answer changes on a fine grid, a line is near.
    gaps = gap_to_changes(
        lambda uv: np.stack([np.zeros(len(uv)), margin(uv)], 1), lines, 400, window
    )
    assert gaps.max() < 2 * window.half / 99


def test_the_section_of_an_ensemble_shows_its_soft_targets(trained):
    teachers, _, _, window = trained
    logits = teachers.logits(torch.tensor(window.grid(12), dtype=torch.float32))
    for combine in ("logits", "probabilities"):
        seen = section(combined_model(teachers, combine), window, 12)
        expected = soft_targets(logits, 1.0, combine).numpy().T.reshape(2, 12, 12)
        np.testing.assert_allclose(seen.proba, expected, atol=1e-6)


def test_many_points_are_evaluated_in_chunks_and_in_order(trained):
    teachers, *_ = trained
    uv = np.random.default_rng(0).normal(size=(2 * _CHUNK + 7, 2))
    got = boundaries.member_model(teachers, 1)(uv)
    expected = teachers.logits(torch.tensor(uv, dtype=torch.float32))[1]
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, atol=1e-5)


# Disagreement


def areas(rings):
    """Return the signed areas of rings: positive where they run counter-clockwise."""
    parts = [part.astype(float) for part in pieces(rings)]
    return [
        0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        for x, y in (p.T for p in parts)
    ]


def test_disagreement_of_two_circles_is_the_annulus_between_them():
    small, large = (section(circle(radius), WINDOW, 200) for radius in (0.6, 1.4))
    rings = disagreement(small, large)
    assert rings.dtype == np.float32
    outer, hole = sorted(areas(rings), reverse=True)
    assert outer == pytest.approx(np.pi * 1.4**2, rel=2e-3)
    assert hole == pytest.approx(-np.pi * 0.6**2, rel=2e-3)
    for ring in pieces(rings):
        np.testing.assert_array_equal(ring[0], ring[-1])


def test_disagreement_of_crossing_lines_is_two_wedges_up_to_the_edges():
    window = Window(0, 0, 1)
    one, other = (
        section(two_class(lambda x, y, s=s: 3 * (y - s * x)), window, 101) for s in (0.5, -0.5)
    )
    # Two triangles of base 1 (from -1/2 to 1/2 at the edge) and height 1.
    assert sum(areas(disagreement(one, other))) == pytest.approx(1, abs=0.01)


def test_models_that_say_the_same_disagree_nowhere():
    seen = section(circle(1.0), WINDOW, 50)
    for nothing in (
        disagreement(seen, seen),
        disagreement(*(section(two_class(lambda x, y, b=b: x + b), WINDOW, 9) for b in (98, 99))),
    ):
        assert nothing.shape == (0, 2)
        assert nothing.dtype == np.float32


def test_opposite_models_disagree_everywhere():
    one, other = (section(two_class(lambda x, y, s=s: s), WINDOW, 20) for s in (-2, 2))
    assert areas(disagreement(one, other)) == [pytest.approx(SIDE**2, rel=1e-6)]


def test_area_of_disagreement_is_the_share_of_disagreeing_points(trained, as_sequential):
    teachers, _, small, window = trained
    rings = disagreement(*(section(combined_model(stack), window) for stack in (teachers, small)))
    area = sum(areas(rings)) / (2 * window.half) ** 2
    margins = [evaluate_densely(stack, "logits", as_sequential) for stack in (teachers, small)]
    grid = window.grid(500)
    share = np.mean((margins[0](grid) > 0) != (margins[1](grid) > 0))
    assert share > 0.02
    # Where two boundaries run within one cell of the grid, the sliver between them is missed.
    assert area == pytest.approx(share, abs=0.001)


def test_disagreement_of_three_class_models_follows_their_labels():
    one = section(sectors, WINDOW, 200)
    turned = section(lambda uv: sectors(uv)[:, [1, 0, 2]], WINDOW, 200)
    share = np.mean(one.labels != turned.labels)
    assert 0.5 < share < 0.8
    assert sum(areas(disagreement(one, turned))) / SIDE**2 == pytest.approx(share, abs=0.01)


def test_a_section_holds_what_it_is_given():
    proba = np.zeros((3, 2, 2), dtype=np.float32)
    proba[2] = 1
    seen = Section(WINDOW, proba, np.empty((0, 2), dtype=np.float32))
    np.testing.assert_array_equal(seen.labels, [[2, 2], [2, 2]])
    np.testing.assert_array_equal(seen.share, [0, 0, 1])


def test_a_stack_seen_as_one_model_or_member_by_member():
    stack = Stack.initialised([np.random.default_rng(m) for m in range(3)], (2, 8, 2))
    uv = WINDOW.grid(5)
    members = [boundaries.member_model(stack, m)(uv) for m in range(3)]
    np.testing.assert_allclose(combined_model(stack)(uv), np.mean(members, 0), atol=1e-6)
