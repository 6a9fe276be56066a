import itertools

import numpy as np
import pytest
import torch
from contourpy import LineType, contour_generator
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from distill_core import boundaries, jobs
from distill_core.boundaries import tracing
from distill_core.boundaries.section import (
    Section,
    combined_model,
    disagreement,
    one_versus_rest,
    section,
)
from distill_core.data import datasets
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_plane, load_problem, load_window
from distill_core.learning.networks import Stack
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    ReplicatesSpec,
    Schedule,
    SpecError,
    StudentSpec,
)

WINDOW = Window(0.3, -0.2, 2.5)
MANY = [
    *(DatasetSpec(name="blobs", n_classes=n) for n in (2, 3, 4, 5)),
    *(DatasetSpec(name="spirals", n_classes=n) for n in (2, 3, 4, 5)),
    DatasetSpec(name="wine"),
    DatasetSpec(name="digits"),
]
EXPECTED = [2, 3, 4, 5, 2, 3, 4, 5, 3, 10]


def network(seed, n_classes, hidden=(32, 16), k=1):
    """Random networks, steep enough to have many boundaries in the window."""
    generators = [np.random.default_rng([seed, member]) for member in range(k)]
    stack = Stack.initialised(generators, (2, *hidden, n_classes))
    stack.flat.mul_(4)
    return stack


def waves(seed, n_classes):
    """A smooth model in which every class is on top somewhere: sums of waves."""
    generator = np.random.default_rng(seed)
    direction = generator.normal(scale=1.2, size=(n_classes, 6, 2))
    phase, height = generator.uniform(0, 7, (n_classes, 6)), generator.normal(size=(n_classes, 6))

    def model(uv):
        return (height * np.cos(np.einsum("nd,cwd->ncw", uv, direction) + phase)).sum(-1) * 3

    return model


def pieces(lines):
    gaps = np.flatnonzero(np.isnan(lines[:, 0]))
    return [part[~np.isnan(part[:, 0])] for part in np.split(lines.astype(float), gaps)]


def along(lines, step):
    """Points along the lines, not more than a step apart."""
    points = [np.empty((0, 2))]
    for piece in pieces(lines):
        for a, b in itertools.pairwise(piece):
            n = max(2, int(np.hypot(*(b - a)) / step) + 2)
            points.append(a + np.linspace(0, 1, n)[:, None] * (b - a))
    return np.concatenate(points)


def changes(labels, window):
    """Where a dense grid of labels changes from one point to the next, (m, 2)."""
    u, v = window.axes(len(labels))
    rows, columns = np.nonzero(labels[:, 1:] != labels[:, :-1])
    across = np.c_[(u[columns] + u[columns + 1]) / 2, v[rows]]
    rows, columns = np.nonzero(labels[1:] != labels[:-1])
    return np.concatenate([across, np.c_[u[columns], (v[rows] + v[rows + 1]) / 2]])


# Data


@pytest.mark.parametrize(("spec", "n_classes"), list(zip(MANY, EXPECTED, strict=True)), ids=str)
def test_every_class_is_in_both_parts_of_the_data(spec, n_classes):
    data = datasets.load(spec)
    assert data.n_classes == n_classes == len(set(data.class_names))
    for y in (data.y_train, data.y_test):
        assert set(y) == set(range(n_classes))
        assert y.dtype == np.int64
    assert np.isfinite(data.X_train).all()
    assert np.isfinite(data.X_test).all()
    np.testing.assert_allclose(data.X_train.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(data.X_train.std(0), 1, atol=1e-9)
    assert len(set(data.feature_names)) == data.n_features


@pytest.mark.parametrize("name", ["blobs", "wine", "digits"])
def test_more_than_two_classes_are_split_in_proportion(name):
    data = datasets.load(DatasetSpec(name=name))
    shares = [np.bincount(y) / len(y) for y in (data.y_train, data.y_test)]
    np.testing.assert_allclose(shares[0], shares[1], atol=1.2 / len(data.y_test))


def test_digits_without_the_pixels_that_never_change():
    data, raw = datasets.load(DatasetSpec(name="digits")), load_digits()
    varies = raw.data.std(0) > 0
    assert data.n_features == varies.sum() == 61
    kept = [f"pixel {i // 8}, {i % 8}" for i in np.flatnonzero(varies)]
    assert list(data.feature_names) == kept
    assert data.class_names == tuple("0123456789")


def test_two_spirals_are_the_same_data_as_before_there_could_be_more():
    generator = np.random.default_rng(42)
    y = generator.integers(2, size=5000)
    turn = np.sqrt(generator.uniform(0.02, 1, 5000)) * 3 * np.pi
    angle = turn + np.pi * y
    flat = turn[:, None] * np.c_[np.cos(angle), np.sin(angle)] / 3
    X = datasets._hide(flat + generator.normal(scale=0.18, size=flat.shape), generator)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    data = datasets.load(DatasetSpec(name="spirals"))
    np.testing.assert_array_equal(data.X_train, StandardScaler().fit(X_train).transform(X_train))
    np.testing.assert_array_equal(data.X_test, StandardScaler().fit(X_train).transform(X_test))
    np.testing.assert_array_equal(data.y_train, y_train)
    np.testing.assert_array_equal(data.y_test, y_test)


def test_usual_number_of_classes_is_the_same_spec_as_that_number():
    assert DatasetSpec(name="blobs") == DatasetSpec(name="blobs", n_classes=3)
    assert DatasetSpec(name="spirals").digest == DatasetSpec(name="spirals", n_classes=2).digest
    assert DatasetSpec(name="blobs").digest != DatasetSpec(name="blobs", n_classes=4).digest
    assert DatasetSpec().n_classes is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "blobs", "n_classes": 6}, "less than or equal to 5, got 6"),
        ({"name": "blobs", "n_classes": 1}, "greater than or equal to 2, got 1"),
        ({"name": "wine", "n_classes": 3}, "'blobs' and 'spirals', got dataset 'wine'"),
        ({"n_classes": 2}, "'blobs' and 'spirals', got dataset 'tutorial'"),
        ({"name": "wine", "seed": 1}, "'wine' is real data: its split seed is 42, got 1"),
        ({"name": "digits", "seed": 1}, "'digits' is real data: its split seed is 42, got 1"),
    ],
)
def test_contradictions_about_classes_are_refused(values, message):
    with pytest.raises(SpecError) as caught:
        DatasetSpec(**values)
    assert message in str(caught.value)


# Boundaries


MODELS = [
    *(pytest.param(waves(seed, n), id=f"waves of {n}") for seed, n in enumerate((2, 3, 4, 5, 10))),
    *(
        pytest.param(combined_model(network(seed, n, k=3)), id=f"network of {n}")
        for seed, n in ((1, 2), (1, 3), (2, 5), (7, 10))
    ),
]


@pytest.mark.parametrize("model", MODELS)
def test_lines_are_where_the_answer_changes_on_a_dense_grid(model):
    lines = boundaries.boundary_lines(model, WINDOW)
    dense = 801
    labels = model(WINDOW.grid(dense)).argmax(1).reshape(dense, dense)
    true = changes(labels, WINDOW)
    drawn = along(lines, 2 * WINDOW.half / dense)
    assert len(true) > 400
    width = 2 * WINDOW.half
    to_line, to_change = cKDTree(drawn).query(true)[0], cKDTree(true).query(drawn)[0]
    # 0.3% of the window: the chords of a line lie off a bend by a part of a cell (1%).
    assert np.quantile(to_line, 0.99) < 0.003 * width
    assert np.quantile(to_change, 0.99) < 0.003 * width
    # Only what is smaller than a cell may be missing or too much.
    assert to_line.max() < 1.5 * width / 99
    assert to_change.max() < 1.5 * width / 99


@pytest.mark.parametrize("model", MODELS)
def test_every_vertex_has_two_answers_beside_it(model):
    lines = boundaries.boundary_lines(model, WINDOW)
    vertices = lines[~np.isnan(lines[:, 0])].astype(float)
    assert len(vertices) > 50
    logits = np.sort(model(vertices), axis=1)
    steps = np.diff(model(WINDOW.grid(100)).reshape(100, 100, -1), axis=0)
    # How much logits change over a hundredth of a cell.
    assert (logits[:, -1] - logits[:, -2]).max() < 1e-2 * np.abs(steps).max()


def test_three_straight_borders_meet_in_one_point():
    """Linear logits: the boundaries are rays from (0, 0) at known angles."""
    angles = np.pi / 2 + 2 * np.pi * np.arange(3) / 3
    directions = np.c_[np.cos(angles), np.sin(angles)]
    lines = boundaries.boundary_lines(lambda uv: uv @ directions.T, Window(0.013, 0.017, 1.0))
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
    drawn = pieces(boundaries.boundary_lines(model, WINDOW))
    middles = np.concatenate([(p[:-1] + p[1:]) / 2 for p in drawn])
    distance = cKDTree(middles).query(middles, k=2)[0][:, 1]
    assert (distance < 1e-7).mean() < 0.01


def test_no_boundary_where_one_class_has_it_all():
    lines = boundaries.boundary_lines(lambda uv: np.tile([0.0, 3.0, 1.0], (len(uv), 1)), WINDOW)
    assert lines.shape == (0, 2)
    assert lines.dtype == np.float32


def old_lines(model, window, resolution):
    """The path that there was for two classes: one margin, traced and moved."""
    logits = model(window.grid(resolution))

    def score(logits):
        return logits[:, 1] - np.delete(logits, 1, axis=1).max(1)

    margin = score(logits).reshape(resolution, resolution)
    axis = np.arange(resolution)
    generator = contour_generator(axis, axis, margin, line_type=LineType.ChunkCombinedNan)
    (index,) = generator.lines(0.0)[0]
    if index is None:
        return np.empty((0, 2), np.float32)
    u, v = window.axes(resolution)
    corner, step = np.array([u[0], v[0]]), np.array([u[1] - u[0], v[1] - v[0]])
    low, high = np.floor(index + 1e-9), np.ceil(index - 1e-9)
    real = ~np.isnan(index[:, 0]) & (low != high).any(1)
    vertices = corner + index * step
    if real.any():
        vertices[real] = tracing._roots(
            lambda uv, _: score(model(uv)),
            corner + low[real] * step,
            corner + high[real] * step,
            *(margin[end[real, 1].astype(int), end[real, 0].astype(int)] for end in (low, high)),
        )
    return vertices.astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_two_classes_equal_the_old_path_bit_by_bit(seed):
    k = 1 + seed % 3
    model = combined_model(network(seed, 2, k=k), ("logits", "probabilities")[seed % 2])
    for resolution in (2, 37, 100):
        known = model(WINDOW.grid(resolution))
        new = boundaries.boundary_lines(model, WINDOW, resolution, known)
        assert new.dtype == np.float32
        assert new.tobytes() == old_lines(model, WINDOW, resolution).tobytes()
    assert len(new) > 10


def test_strips_thinner_than_a_cell_are_shaded():
    first, shift = waves(5, 4), np.array([0.03, 0.01])
    a, b = (section(model, WINDOW) for model in (first, lambda uv: first(uv + shift)))
    grid = WINDOW.grid(1001)
    differs = (first(grid).argmax(1) != first(grid + shift).argmax(1)).mean()
    assert 0.005 < differs < 0.05
    assert area(disagreement(a, b)) / (2 * WINDOW.half) ** 2 == pytest.approx(differs, rel=0.1)


def area(rings):
    """Signed area inside rings; holes run the other way."""
    total = 0.0
    for ring in pieces(rings):
        x, y = ring.T
        total += 0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum()
    return total


@pytest.mark.parametrize("n_classes", [3, 5, 10])
def test_region_of_disagreement_has_the_area_where_dense_labels_differ(n_classes):
    a, b = (waves(seed, n_classes) for seed in (21, 22))
    rings = disagreement(section(a, WINDOW), section(b, WINDOW))
    grid = WINDOW.grid(701)
    differs = (a(grid).argmax(1) != b(grid).argmax(1)).mean() * (2 * WINDOW.half) ** 2
    assert area(rings) == pytest.approx(differs, rel=0.02)
    # Smooth: edges run at any angle, not along the grid.
    steps = np.concatenate([np.diff(ring, axis=0) for ring in pieces(rings)])
    steps = steps[np.hypot(*steps.T) > 1e-9]
    slanted = (np.abs(steps) > 0.05 * np.hypot(*steps.T)[:, None]).all(1)
    assert slanted.mean() > 0.5


def test_no_disagreement_of_a_model_with_itself():
    seen = section(combined_model(network(3, 4)), WINDOW)
    assert np.abs(area(disagreement(seen, seen))) < 1e-9 * (2 * WINDOW.half) ** 2


# One class against the rest


@pytest.mark.parametrize("n_classes", [2, 3, 5, 10])
def test_one_versus_rest_keeps_the_region_and_its_lines(n_classes):
    model = waves(4, n_classes)
    seen = section(model, WINDOW)
    dense = 401
    labels = model(WINDOW.grid(dense)).argmax(1).reshape(dense, dense)
    for label in range(n_classes):
        rest = one_versus_rest(seen, label)
        assert rest.proba.shape == (2, 100, 100)
        assert rest.proba.dtype == np.float32
        np.testing.assert_array_equal(rest.labels == 1, seen.labels == label)
        np.testing.assert_allclose(rest.proba.sum(0), 1, atol=1e-6)
        true = changes(labels == label, WINDOW)
        if not len(true):
            continue
        drawn = along(rest.lines, 0.01)
        to_line, to_change = cKDTree(drawn).query(true)[0], cKDTree(true).query(drawn)[0]
        assert np.quantile(to_line, 0.98) < 0.004 * 5
        assert np.quantile(to_change, 0.98) < 0.004 * 5


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
    for label in range(n_classes):
        one_versus_rest(seen, label)


# From data to pictures

SHORT = Schedule(epochs=8, batch_size=64, learning_rate=4e-3)


@pytest.mark.parametrize("view", ["slice", "all features"])
@pytest.mark.parametrize("dataset", [*MANY[1:4:2], *MANY[-2:]], ids=str)
def test_jobs_work_for_any_number_of_classes(dataset, view, store):
    plane = PlaneSpec(kind="discriminant")
    problem = ProblemSpec(dataset=dataset, plane=plane if view == "slice" else None)
    teachers = EnsembleSpec(problem=problem, n_members=2, hidden=(16, 8), schedule=SHORT)
    student = StudentSpec(ensemble=teachers, width=8, schedule=SHORT)
    picture = PictureSpec(student=student, plane=plane)
    jobs.evaluate_section(picture.section, store)
    jobs.evaluate_picture(picture, store)
    jobs.trace_history(picture, store)
    jobs.train_replicates(ReplicatesSpec(student=student, n_seeds=2), store)
    window = load_window(plane, dataset)
    whole = jobs.read_section(store.get("section", picture.section.digest), window)
    ours = jobs.read_section(store.get("picture", picture.digest), window)
    n = datasets.load(dataset).n_classes
    assert whole.proba.shape == ours.proba.shape == (n, 100, 100)
    np.testing.assert_allclose(whole.proba.sum(0), 1, atol=1e-5)
    disagreement(whole, ours)
    meta = store.get("ensemble", teachers.digest).meta
    assert meta["accuracy"] > 1.2 / n
    stack = Stack.from_arrays(store.get("ensemble", teachers.digest).arrays)
    assert stack.sizes[-1] == n
    if problem.plane is None:
        on = load_plane(plane, dataset)
        stack = stack.on_plane(on.origin, on.basis)
    again = section(combined_model(stack), window)
    np.testing.assert_array_equal(again.labels, whole.labels)


def test_more_classes_are_learned_not_only_run():
    dataset = DatasetSpec(name="digits")
    spec = EnsembleSpec(
        problem=ProblemSpec(dataset=dataset, plane=None), n_members=2, hidden=(64, 32)
    )
    problem = load_problem(spec.problem)
    from distill_core.learning import training

    stack = training.fit_ensemble(spec, problem.X_train, problem.y_train)
    proba = torch.softmax(stack.logits(problem.X_test), -1).mean(0)
    assert (proba.argmax(1) == problem.y_test).float().mean() > 0.93
