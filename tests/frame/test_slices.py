import csv
import io
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill_core import boundaries, figures, jobs
from distill_core.boundaries import faithfulness
from distill_core.data import datasets
from distill_core.geometry import planes, tours
from distill_core.geometry.problems import load_plane, load_problem, load_window
from distill_core.jobs import faithfulness as slices
from distill_core.learning.networks import Stack
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    Schedule,
    SpecError,
    StudentSpec,
)
from distill_core.store import Store
from distill_core.studies.study import to_csv
from pages.frame.browser import encoding
from pages.frame.slices import plane_names
from tests.figures.test_figures import decoded, drawn, layers

DATASETS = [DatasetSpec(), DatasetSpec(name="blobs", n_classes=4), DatasetSpec(name="wine")]
PLANES = [
    PlaneSpec(),
    PlaneSpec(kind="discriminant", offset=1.0),
    PlaneSpec(kind="two features", features=(2, 7)),
    PlaneSpec(kind="three samples"),
    PlaneSpec(kind="between", ends=(PlaneSpec(), PlaneSpec(kind="random", seed=4)), t=0.3),
]
STOPS = (PlaneSpec(), PlaneSpec(kind="principal components"), PlaneSpec(kind="random", seed=3))
SCHEDULE = Schedule(epochs=5, batch_size=64, learning_rate=8e-3, shape="constant")


def student_on(dataset, plane=None, **changes):
    problem = ProblemSpec(dataset=dataset, plane=plane)
    ensemble = EnsembleSpec(problem=problem, n_members=3, hidden=(24, 16), schedule=SCHEDULE)
    return StudentSpec(ensemble=ensemble, width=4, schedule=SCHEDULE, **changes)


@pytest.fixture(scope="module", params=DATASETS, ids=lambda spec: spec.name)
def made(request, tmp_path_factory):
    """A student that sees all features, and a store that has it; do not change the store."""
    store = Store(tmp_path_factory.mktemp("store"))
    spec = student_on(request.param)
    jobs.train_student(spec, store)
    return spec, store


def networks(spec, store, as_sequential):
    """Return the ensemble's, the student's and the twin's separate networks."""
    teachers = Stack.from_arrays(store.get("ensemble", spec.ensemble.digest).arrays)
    pair = Stack.from_arrays(store.get("student", spec.digest).arrays)
    return [
        [as_sequential(teachers, i) for i in range(teachers.k)],
        [as_sequential(pair, 0)],
        [as_sequential(pair, 1)],
    ]


def answer(group, X):
    with torch.no_grad():
        logits = [net(torch.tensor(X, dtype=torch.float32)) for net in group]
    return torch.stack(logits).double().mean(0).argmax(1).numpy()


# The meter


@pytest.mark.parametrize("plane", PLANES, ids=lambda spec: spec.kind)
def test_the_meter_of_a_page_equals_a_direct_count(made, plane, as_sequential):
    spec, store = made
    picture = PictureSpec(student=spec, plane=plane)
    slices.measure_slice(picture, store)
    artifact = store.get("slice", picture.digest)
    dataset = spec.ensemble.problem.dataset
    data, chosen = datasets.load(dataset), planes.choose(plane, datasets.load(dataset))
    X = data.X_test[: slices.N_SHOWN]
    feet = np.array(
        [chosen.origin + chosen.basis.T @ (chosen.basis @ (x - chosen.origin)) for x in X]
    )
    groups = networks(spec, store, as_sequential)
    for i, group in enumerate(groups):
        own, under = answer(group, X), answer(group, feet)
        np.testing.assert_array_equal(artifact.arrays["answers"][i], own)
        # At a tie within rounding both answers are right.
        assert (artifact.arrays["own_colour"][i] != (own == under)).mean() <= 1 / len(X)
    distance = np.sqrt(((X - feet) ** 2).sum(1))
    np.testing.assert_allclose(artifact.arrays["distance"], distance, atol=1e-9)
    assert (artifact.meta["outside"] > 0.01) == leaves(chosen, data.X_train)

    away = np.sort(np.linalg.norm(data.X_train - chosen.lift(chosen.project(data.X_train)), axis=1))
    for share in (0.1, 0.5):
        meter = slices.read_meter(picture, artifact, share)
        assert (away <= meter.h + 1e-9).mean() == pytest.approx(share, abs=1 / len(away))
        assert meter.n_near == (distance <= meter.h).sum()
    grid = chosen.lift(load_window(plane, dataset).grid(34))
    whole, ours, twin = (answer(group, grid) for group in groups)
    assert artifact.meta["area"]["student"] == pytest.approx((whole == ours).mean(), abs=2e-3)
    assert artifact.meta["area"]["twin"] == pytest.approx((whole == twin).mean(), abs=2e-3)


def leaves(plane, X):
    """Say whether points of a plane add to the rank of the data."""
    centred = X - X.mean(0)
    rank = np.linalg.matrix_rank(centred, tol=1e-6)
    return np.linalg.matrix_rank(np.vstack([centred, plane.basis]), tol=1e-6) > rank


def test_leaving_the_data_is_right_on_data_of_known_rank(tmp_path):
    """The tutorial's data has five features made of others: rank 15 of 20."""
    data = datasets.load(DatasetSpec())
    assert np.linalg.matrix_rank(data.X_train - data.X_train.mean(0), tol=1e-6) == 15
    store, student = Store(tmp_path), student_on(DatasetSpec())
    expected = {
        PlaneSpec(): False,
        PlaneSpec(kind="principal components"): False,
        PlaneSpec(kind="discriminant"): False,
        PlaneSpec(kind="three samples"): False,
        PlaneSpec(kind="random", seed=1): True,
    }
    for plane, outside in expected.items():
        picture = PictureSpec(student=student, plane=plane)
        slices.measure_slice(picture, store)
        found = store.get("slice", picture.digest).meta["outside"]
        assert (found > 0.01) == outside, plane
    # A random direction has a quarter of its squared length in 5 of 20 dimensions.
    many = [
        load_plane(PlaneSpec(kind="random", seed=seed), DatasetSpec()).share_outside(data.X_train)
        for seed in range(60)
    ]
    assert np.mean(many) == pytest.approx(0.25, abs=0.04)


def test_in_the_slice_view_the_picture_is_the_model(tmp_path):
    store, plane = Store(tmp_path), PlaneSpec()
    picture = PictureSpec(student=student_on(DatasetSpec(name="wine"), plane), plane=plane)
    slices.measure_slice(picture, store)
    artifact = store.get("slice", picture.digest)
    assert artifact.arrays["own_colour"].all()
    assert artifact.arrays["distance"].min() > 0
    problem = load_problem(picture.student.ensemble.problem)
    stack = Stack.from_arrays(store.get("ensemble", picture.student.ensemble.digest).arrays)
    np.testing.assert_array_equal(
        artifact.arrays["answers"][0], stack.logits(problem.X_test).mean(0).argmax(1)
    )


def test_the_same_look_gives_the_same_bytes(made, tmp_path):
    spec, store = made
    picture = PictureSpec(student=spec, plane=PLANES[1])
    slices.measure_slice(picture, store)
    other = Store(tmp_path)
    slices.measure_slice(picture, other)
    one, two = (s.get("slice", picture.digest) for s in (store, other))
    assert one.meta == two.meta
    for name, array in one.arrays.items():
        assert array.tobytes() == two.arrays[name].tobytes()


# Random planes


def test_reproducibility_compares_the_pairs_that_it_names(made, as_sequential):
    spec, store = made
    asked = slices.ReproducibilitySpec(student=spec, n_planes=4, seed=2)
    slices.measure_reproducibility(asked, store)
    arrays = store.get("reproducibility", asked.digest).arrays
    whole, ours, twin = (
        lambda X, group=group: np.eye(20)[answer(group, X)]
        for group in networks(spec, store, as_sequential)
    )
    data = datasets.load(spec.ensemble.problem.dataset)
    for name, a, b in (("student", whole, ours), ("twin", whole, twin), ("pair", ours, twin)):
        expected = faithfulness.reproducibility(a, b, data, 4, 2).agreement
        np.testing.assert_allclose(arrays[name], expected, atol=1.01 / 256)


def test_models_of_one_plane_cannot_be_compared_on_others():
    student = student_on(DatasetSpec(), PlaneSpec())
    for make in (
        lambda: slices.ReproducibilitySpec(student=student),
        lambda: slices.TourSpec(student=student, stops=STOPS),
    ):
        with pytest.raises(SpecError, match="these see the plane 'class centres' only"):
            make()


# The tour


def projector(plane):
    return plane.basis.T @ plane.basis


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda spec: spec.name)
def test_a_tour_visits_its_stops_and_never_jumps(dataset):
    stops = (*STOPS, PlaneSpec(kind="discriminant"), PlaneSpec())
    found = tours.list_steps(stops, 61, dataset)
    assert len(found) == 61
    for i, stop in enumerate(stops):
        step = found[15 * i]
        assert step.spec == stop
        np.testing.assert_allclose(
            projector(step.plane), projector(load_plane(stop, dataset)), atol=1e-9
        )
    for step in found:
        np.testing.assert_allclose(step.plane.basis @ step.plane.basis.T, np.eye(2), atol=1e-9)
        named = load_plane(step.spec, dataset)
        np.testing.assert_allclose(projector(named), projector(step.plane), atol=1e-6)
        np.testing.assert_allclose(named.origin, step.plane.origin, atol=1e-9)
    moves = [np.linalg.norm(b.plane.basis - a.plane.basis) for a, b in itertools.pairwise(found)]
    # At most a right angle for each axis and half a turn inside the plane, in 15 steps.
    assert max(moves) < (np.pi / 2 * np.sqrt(2) + np.pi * np.sqrt(2)) / 15 * 1.05

    X = datasets.load(dataset).X_train
    window = tours.fit_window(found, X)
    inside = [(np.abs(step.plane.project(X)) <= window.half).all(1).mean() for step in found]
    assert min(inside) >= 0.98
    assert max(inside) > 0.98


def test_the_longest_axes_are_those_that_a_plane_shows():
    dataset = DatasetSpec()
    ways = tours.list_steps(
        (PlaneSpec(kind="two features", features=(4, 9)),) * 1 + STOPS[:1], 3, dataset
    )
    assert {4, 9} <= set(tours.find_longest_axes(ways, 4).tolist())


def test_parts_of_a_tour_hold_what_the_models_say_at_every_step(made, as_sequential):
    spec, store = made
    tour = slices.TourSpec(student=spec, stops=STOPS, n_steps=8)
    assert [part.part for part in tour.parts] == [0, 1]
    for part in tour.parts:
        slices.evaluate_tour_part(part, store)
    artifacts = [store.get("tour-part", part.digest) for part in tour.parts]
    dataset = spec.ensemble.problem.dataset
    data, steps = datasets.load(dataset), tours.list_steps(STOPS, 8, dataset)
    window = tours.fit_window(steps, data.X_train)
    whole, ours, _ = networks(spec, store, as_sequential)
    X = data.X_test[: slices.TOUR_POINTS]
    own = answer(whole, X)
    for i, step in enumerate(steps):
        artifact = artifacts[i // slices.STEPS_PER_PART]
        arrays, j = artifact.arrays, i % slices.STEPS_PER_PART
        uv = step.plane.project(X)
        np.testing.assert_allclose(arrays["uv"][j], uv, atol=1e-5)
        np.testing.assert_allclose(arrays["distance"][j], step.plane.distance(X), atol=1e-5)
        expected = answer(whole, step.plane.lift(uv)) == own
        assert (arrays["own_colour"][j] != expected).mean() < 0.011
        grid = answer(whole, step.plane.lift(window.grid(slices.TOUR_RESOLUTION)))
        assert (arrays["labels"][j].ravel() == grid).mean() > 0.995
        for name, group in (("ensemble", whole), ("student", ours)):
            line = jobs.read_lines(artifact, name)[j]
            line = line[~np.isnan(line[:, 0])]
            if not len(line):
                continue
            with torch.no_grad():
                points = torch.tensor(step.plane.lift(line), dtype=torch.float32)
                logits = torch.stack([net(points) for net in group]).mean(0).sort(1).values
            assert np.quantile((logits[:, -1] - logits[:, -2]).numpy(), 0.95) < 0.02
    assert len(artifacts[1].arrays["uv"]) == 2


def test_a_tour_between_tours_is_refused():
    with pytest.raises(SpecError, match="other kinds than 'between'"):
        slices.TourSpec(student=student_on(DatasetSpec()), stops=(PLANES[4], PLANES[0]))
    with pytest.raises(SpecError, match="at least 2"):
        slices.TourSpec(student=student_on(DatasetSpec()), stops=(PlaneSpec(),))


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_colours_of_a_tour_are_those_of_the_picture(n_classes):
    labels = np.arange(n_classes, dtype=np.uint8)
    sure = np.full(n_classes, 255, np.uint8)
    value, light, dark = figures.tour_ground(labels, sure, n_classes)
    for page, table in enumerate((light, dark)):
        for label in range(n_classes):
            if n_classes == 2:
                colour = figures.palette.COLOURS[f"field {label}"][page]
            else:
                colour = figures.palette.REGIONS[label][1][page]
            assert table[value[label]].tolist() == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    # As unsure as can be: the palest colour, or the neutral one.
    least = np.full(n_classes, np.ceil(255 / n_classes), np.uint8)
    value, light, _ = figures.tour_ground(labels, least, n_classes)
    assert light[value].min() > 200


def test_arrays_arrive_as_they_were_sent():
    generator = np.random.default_rng(0)
    arrays = {
        "ground": generator.integers(0, 256, (3, 5, 4)).astype(np.uint8),
        "classes": generator.integers(0, 9, 7).astype(np.uint8),
        "u": generator.normal(size=(7, 3)),
        "x": np.array([1.5, np.nan, -2], np.float32),
    }
    content = decoded(encoding.encode_arrays(arrays, label="ö", cuts={"a": [0, 3]}))
    assert (content["label"], content["cuts"]) == ("ö", {"a": [0, 3]})
    for name in ("ground", "classes"):
        np.testing.assert_array_equal(content["arrays"][name], arrays[name])
    for name in ("u", "x"):
        np.testing.assert_allclose(content["arrays"][name], arrays[name].ravel(), atol=1e-4)


# What is drawn and written


def seen_section():
    window = planes.Window(0, 0, 1)
    p = np.full((10, 10), 0.5, np.float32)
    return boundaries.Section(window, np.stack([1 - p, p]), np.empty((0, 2), np.float32))


def test_points_off_their_colour_are_hollow_and_say_so():
    points = figures.Points(
        np.array([[0.5, 0], [0, 0], [-0.5, 0.2]]),
        np.array([0, 1, 1]),
        np.array([1.0, 0.5, 0.12]),
        answers=np.array([0, 0, 1]),
        own_colour=np.array([True, False, False]),
        distance=np.array([0.0, 2.0, 9.5]),
    )
    shown = layers(drawn(seen_section(), points=points, class_names=("<b>", "x%y")))
    assert (len(shown["class-0"].x), len(shown["class-1"].x), len(shown["astray"].x)) == (1, 0, 2)
    astray = shown["astray"]
    assert list(astray.marker.symbol) == ["triangle-up-open"] * 2
    np.testing.assert_allclose(astray.marker.opacity, [0.5, 0.12], rtol=1e-6)
    assert astray.name.startswith("hollow")
    assert "9.5 off the plane" in astray.hovertext[1]
    assert "own prediction: &lt;b&gt;" in astray.hovertext[0]
    assert "x&#37;y" in astray.hovertext[1]
    assert not any("<b>:" in text for text in astray.hovertext)


def test_agreement_of_planes_is_drawn_where_it_is():
    band = {"mean": 0.9, "low": 0.85, "high": 0.94, "n": 40}
    drawn = layers(
        figures.planes_figure(
            ["a <i>", "b"],
            {"student": [0.8, 0.95], "twin": [0.7, 0.9]},
            {"student": 0.97, "twin": 0.96},
            random={"student": band, "twin": band},
        )
    )
    assert list(drawn["student"].x) == [0.8, 0.95, 0.9]
    np.testing.assert_allclose(drawn["twin"].error_x.array, [0, 0, 0.04])
    np.testing.assert_allclose(drawn["twin"].error_x.arrayminus, [0, 0, 0.05])
    assert list(drawn["student-test"].x) == [0.97, 0.97]
    assert "a &lt;i&gt;" in drawn["student"].customdata[0]


def test_a_spreadsheet_runs_nothing_from_the_table():
    rows = [{"plane": "=1+1", "own": 0.5}, {"plane": "@x", "own": None}]
    read = list(csv.reader(io.StringIO(to_csv(rows))))
    assert read == [["plane", "own"], ["'=1+1", "0.5"], ["'@x", ""]]


plain_planes = st.one_of(
    st.sampled_from(
        [PlaneSpec(kind=k) for k in ("class centres", "discriminant", "three samples")]
    ),
    st.builds(lambda s: PlaneSpec(kind="random", seed=s), st.integers(0, 9999)),
    st.builds(
        lambda f, o: PlaneSpec(kind="two features", features=f, offset=o / 4),
        st.tuples(st.integers(0, 99), st.integers(100, 199)),
        st.integers(-12, 12),
    ),
    st.just(PlaneSpec(kind="three samples", samples=(5, 0, 17))),
)


@given(plain_planes, plain_planes, st.integers(0, 10_000))
def test_a_plane_comes_back_from_the_address(a, b, t):
    assert plane_names.read(plane_names.write(a)) == a
    between = PlaneSpec(kind="between", ends=(a, b), t=t / 10_000)
    assert plane_names.read(plane_names.write(between)) == between


@pytest.mark.parametrize(
    "words",
    [
        "",
        "atlantis",
        "random x",
        "random -1",
        "two features 1 1",
        "class centres > random",
        "class centres > random > nan",
        "class centres > random > 2",
        "class centres > class centres > random > 0.1 > 0.5",
        "between",
        "random " + "9" * 5000,
        "three samples 1 2",
        "<img src=x>",
    ],
)
def test_a_strange_address_is_refused_with_a_sentence(words):
    with pytest.raises(SpecError):
        plane_names.read(words)
