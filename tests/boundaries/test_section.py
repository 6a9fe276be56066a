import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch.nn import functional as F

from distill_core import boundaries
from distill_core.boundaries.section import (
    _CHUNK,
    Section,
    boundary_lines,
    combined_model,
    disagreement,
    one_versus_rest,
    section,
)
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_window
from distill_core.learning.losses import soft_targets
from distill_core.learning.networks import Stack
from distill_core.specs import PlaneSpec
from tests import tiny
from tests.boundaries.shapes import (
    SIDE,
    WINDOW,
    areas,
    circle,
    compare,
    label,
    network,
    pieces,
    sectors,
    two_class,
    vertices,
    waves,
)

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
    plane = PlaneSpec(kind="principal components")
    ensemble = tiny.teachers("moons", plane, n_members=3, hidden=(32, 16))
    # The second student is too small to follow the ensemble everywhere.
    stacks = tiny.fit(*(tiny.student(ensemble, width=width) for width in (16, 2)))
    return *stacks, load_window(plane, ensemble.problem.dataset)


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
    labels = label(lambda uv: np.stack([np.zeros(len(uv)), margin(uv)], 1), 400, window)
    gaps, _ = compare(lines, labels, window)
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


def test_strips_thinner_than_a_cell_are_shaded():
    first, shift = waves(5, 4), np.array([0.03, 0.01])
    a, b = (section(model, WINDOW) for model in (first, lambda uv: first(uv + shift)))
    grid = WINDOW.grid(1001)
    differs = (first(grid).argmax(1) != first(grid + shift).argmax(1)).mean()
    assert 0.005 < differs < 0.05
    assert sum(areas(disagreement(a, b))) / SIDE**2 == pytest.approx(differs, rel=0.1)


@pytest.mark.parametrize("n_classes", [3, 5, 10])
def test_region_of_disagreement_has_the_area_where_dense_labels_differ(n_classes):
    a, b = (waves(seed, n_classes) for seed in (21, 22))
    rings = disagreement(section(a, WINDOW), section(b, WINDOW))
    differs = (label(a, 701) != label(b, 701)).mean()
    assert sum(areas(rings)) / SIDE**2 == pytest.approx(differs, rel=0.02)
    # Smooth: edges run at any angle, not along the grid.
    steps = np.concatenate([np.diff(ring, axis=0) for ring in pieces(rings)])
    steps = steps[np.hypot(*steps.T) > 1e-9]
    slanted = (np.abs(steps) > 0.05 * np.hypot(*steps.T)[:, None]).all(1)
    assert slanted.mean() > 0.5


def test_no_disagreement_of_a_model_with_itself():
    seen = section(combined_model(network(3, 4)), WINDOW)
    assert np.abs(sum(areas(disagreement(seen, seen)))) < 1e-9 * SIDE**2


# One class against the rest


@pytest.mark.parametrize("n_classes", [2, 3, 5, 10])
def test_one_versus_rest_keeps_the_region_and_its_lines(n_classes):
    model = waves(4, n_classes)
    seen = section(model, WINDOW)
    labels = label(model, 401)
    for one in range(n_classes):
        rest = one_versus_rest(seen, one)
        assert rest.proba.shape == (2, 100, 100)
        assert rest.proba.dtype == np.float32
        np.testing.assert_array_equal(rest.labels == 1, seen.labels == one)
        np.testing.assert_allclose(rest.proba.sum(0), 1, atol=1e-6)
        if (labels != one).all():
            continue
        to_line, to_change = compare(rest.lines, labels == one)
        assert np.quantile(to_line, 0.98) < 0.004 * SIDE
        assert np.quantile(to_change, 0.98) < 0.004 * SIDE


def test_one_versus_rest_of_two_classes_changes_nothing():
    seen = section(combined_model(network(1, 2)), WINDOW)
    rest = one_versus_rest(seen, 1)
    np.testing.assert_allclose(rest.proba, seen.proba, atol=1e-6)
    assert rest.lines.tobytes() == seen.lines.tobytes()


def test_one_versus_rest_survives_probabilities_of_zero():
    proba = np.zeros((3, 2, 2), np.float32)
    proba[0] = 1
    rest = one_versus_rest(Section(WINDOW, proba, np.empty((0, 2), np.float32)), 2)
    np.testing.assert_array_equal(rest.proba[1], 0)
