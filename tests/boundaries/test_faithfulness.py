import dataclasses

import numpy as np
import pytest
import torch

from distill_core.boundaries.faithfulness import (
    FAINTEST,
    draw_samples,
    find_most_disagreement,
    measure,
    near_distance,
    reproducibility,
)
from distill_core.boundaries.section import combined_model, member_model, section
from distill_core.data import datasets
from distill_core.data.datasets import Dataset
from distill_core.geometry.planes import Plane, Window, choose
from distill_core.specs import DatasetSpec, PlaneSpec
from tests import tiny

DATASETS = [DatasetSpec(), DatasetSpec(name="blobs", n_classes=4), DatasetSpec(name="wine")]
PLANES = [
    PlaneSpec(),
    PlaneSpec(kind="discriminant", offset=1.0),
    PlaneSpec(kind="two features", features=(2, 7)),
    PlaneSpec(kind="three samples"),
    PlaneSpec(kind="random", seed=4),
]


@pytest.fixture(scope="module", params=DATASETS, ids=str)
def trained(request):
    """Data, three teachers and one student that see all features."""
    schedule = tiny.schedule(6, learning_rate=8e-3, shape="constant")
    ensemble = tiny.teachers(request.param, None, n_members=3, hidden=(24, 16), schedule=schedule)
    return datasets.load(request.param), *tiny.fit(tiny.student(ensemble))


def slowly(networks, x):
    """The answer of separate networks for one point."""
    with torch.no_grad():
        logits = [net(torch.tensor(x[None], dtype=torch.float32)) for net in networks]
    return int(torch.stack(logits).double().mean(0).argmax())


@pytest.mark.parametrize("spec", PLANES, ids=lambda spec: spec.kind)
def test_meter_equals_a_direct_count(trained, spec, as_sequential):
    data, teachers, student = trained
    plane = choose(spec, data)
    X = data.X_test[:120]
    meter = measure(plane, X, [combined_model(teachers), member_model(student)], data.X_train)

    everyone = [[as_sequential(teachers, m) for m in range(3)], [as_sequential(student, 0)]]
    own_colour = np.zeros((2, len(X)), bool)
    distance = np.zeros(len(X))
    for i, x in enumerate(X):
        # The nearest point of the plane by least squares.
        uv, *_ = np.linalg.lstsq(plane.basis.T, x - plane.origin, rcond=None)
        foot = plane.origin + uv @ plane.basis
        distance[i] = np.sqrt(((x - foot) ** 2).sum())
        for m, networks in enumerate(everyone):
            own_colour[m, i] = slowly(networks, x) == slowly(networks, foot)
    np.testing.assert_array_equal(meter.own_colour, own_colour)
    np.testing.assert_allclose(meter.distance, distance, atol=1e-9)
    np.testing.assert_allclose(meter.shares, own_colour.sum(1) / len(X))
    assert meter.shares.min() < 1

    train = [np.linalg.norm(x - plane.lift(plane.project(x[None]))[0]) for x in data.X_train]
    assert np.mean(np.array(train) <= meter.h) == pytest.approx(0.1, abs=1.5 / len(train))
    near = distance <= meter.h
    assert meter.n_near == near.sum()
    np.testing.assert_allclose(meter.near_shares, own_colour[:, near].mean(1))

    # Directions outside: what least squares cannot make of the data's own directions.
    centred = data.X_train - data.X_train.mean(0)
    made, *_ = np.linalg.lstsq(centred.T, plane.basis.T, rcond=1e-8)
    left = plane.basis.T - centred.T @ made
    assert meter.outside == pytest.approx((left**2).sum() / 2, abs=1e-6)


def test_the_colour_counted_is_the_colour_drawn(trained):
    data, teachers, _ = trained
    plane = choose(PlaneSpec(), data)
    window = Window.around(plane.project(data.X_train))
    drawn = section(
        combined_model(teachers.on_plane(plane.origin, plane.basis)), window, 60
    ).labels.ravel()
    # At grid points colours are exact; lifted, those points lie on the plane.
    points = plane.lift(window.grid(60))
    counted = combined_model(teachers)(points).argmax(1)
    assert (drawn == counted).mean() > 0.999
    meter = measure(plane, points, [combined_model(teachers)], data.X_train)
    # Lifted and projected once more, a point on a boundary may fall to its other side.
    assert meter.shares[0] > 0.999
    np.testing.assert_allclose(meter.distance, 0, atol=1e-9)
    np.testing.assert_allclose(meter.opacity, 1)


def linear(direction):
    return lambda X: np.c_[-(X @ direction), X @ direction]


def flat_data(n=400, d=4, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, d))
    y = (X[:, 0] > 0).astype(np.int64)
    return Dataset(X, y, X, y, tuple("abcd"), ("no", "yes"))


def test_a_model_that_ignores_what_is_off_the_plane_is_shown_truthfully():
    data = flat_data()
    plane = Plane(np.zeros(4), np.eye(4)[:2])
    on, off = linear(np.array([1, 2, 0, 0])), linear(np.array([0, 0, 1, 0]))
    both = linear(np.array([1.0, 0, 1, 0]))
    meter = measure(plane, data.X_test, [on, both, off], data.X_train)
    assert meter.shares[0] == 1
    # Sign of a + b against sign of a for independent normal a and b: three of four agree.
    assert meter.shares[1] == pytest.approx(0.75, abs=0.06)
    # Under every point lies the tie that the first class wins.
    assert meter.shares[2] == pytest.approx(0.5, abs=0.08)
    assert not meter.trusted
    assert measure(plane, data.X_test, [on], data.X_train).trusted


def test_a_plane_that_leaves_the_data_is_not_trusted():
    data = flat_data()
    X = data.X_train.copy()
    X[:, 3] = 0
    plane = Plane(np.zeros(4), np.eye(4)[[0, 3]])
    meter = measure(plane, X, [linear(np.array([1.0, 0, 0, 0]))], X)
    assert meter.outside == pytest.approx(0.5)
    assert meter.shares[0] == 1
    assert not meter.trusted


def test_points_fade_with_their_distance():
    data = flat_data()
    plane = Plane(np.zeros(4), np.eye(4)[:2])
    X = np.array([[1.0, 1, 0, 0], [5, 5, 0.3, 0.4], [0, 0, 0, 1], [0, 0, 30, 40]])
    meter = measure(plane, X, [linear(np.ones(4))], data.X_train)
    meter = dataclasses.replace(meter, h=0.5)
    np.testing.assert_allclose(meter.distance, [0, 0.5, 1, 50])
    np.testing.assert_allclose(meter.opacity, [1, 0.5, 0.2, FAINTEST])
    assert meter.n_near == 2
    flat = dataclasses.replace(meter, h=0)
    np.testing.assert_allclose(flat.opacity, [1, FAINTEST, FAINTEST, FAINTEST])


def test_near_distance_holds_the_asked_share():
    data = flat_data(1000)
    plane = Plane(np.zeros(4), np.eye(4)[:2])
    distance = np.hypot(data.X_train[:, 2], data.X_train[:, 3])
    for share in (0.05, 0.1, 0.5, 1.0):
        h = near_distance(plane, data.X_train, share)
        assert (distance <= h).mean() == pytest.approx(share, abs=1e-3)


def test_nothing_near_is_said_as_not_a_number():
    data = flat_data()
    plane = Plane(np.array([0, 0, 99.0, 0]), np.eye(4)[:2])
    meter = measure(plane, data.X_test, [linear(np.ones(4))], data.X_train)
    meter = dataclasses.replace(meter, h=1)
    assert meter.n_near == 0
    assert np.isnan(meter.near_shares).all()


def test_no_points_are_refused():
    data = flat_data()
    with pytest.raises(ValueError, match="got no points"):
        measure(choose(PlaneSpec(), data), np.empty((0, 4)), [], data.X_train)


# Reproducibility


def test_reproducibility_is_the_agreement_on_the_rectangles_around_the_samples(trained):
    data, teachers, student = trained
    a, b = combined_model(teachers), member_model(student)
    found = reproducibility(a, b, data, n_planes=5, seed=3, resolution=7)
    assert found.agreement.shape == (5,)
    for samples, agreement in zip(found.samples, found.agreement, strict=True):
        # From the paper: x1 + alpha v1 + beta times v2 without its part along v1.
        x1, x2, x3 = data.X_train[list(samples)]
        v1 = x2 - x1
        v2 = x3 - x1 - ((x3 - x1) @ v1) / (v1 @ v1) * v1
        along = ((x3 - x1) @ v1) / (v1 @ v1)
        first, last = min(0, along), max(1, along)
        same = []
        for alpha in np.linspace(-0.1, 1.1, 7):
            for beta in np.linspace(-0.1, 1.1, 7):
                point = (x1 + (first + alpha * (last - first)) * v1 + beta * v2)[None]
                same.append(a(point).argmax() == b(point).argmax())
        assert agreement == pytest.approx(np.mean(same), abs=1.01 / 49)


def test_a_model_reproduces_itself_and_its_opposite_does_not():
    data = flat_data()
    one, other = linear(np.ones(4)), linear(-np.ones(4))
    assert (reproducibility(one, one, data, 6).agreement == 1).all()
    assert (reproducibility(one, other, data, 6).agreement < 0.01).all()


def test_random_samples_always_hold_two_classes():
    data = datasets.load(DatasetSpec(name="wine"))
    triples = draw_samples(data, 50, seed=1)
    assert len(set(triples)) > 45
    for samples in triples:
        assert len(set(samples)) == 3
        assert len(set(data.y_train[list(samples)])) >= 2
        choose(PlaneSpec(kind="three samples", samples=samples), data)
    assert triples == draw_samples(data, 50, seed=1)
    assert triples != draw_samples(data, 50, seed=2)


# Most disagreement


def differing(spec, a, b, data, resolution=50):
    plane = choose(spec, data)
    points = plane.lift(Window.around(plane.project(data.X_train)).grid(resolution))
    return (a(points).argmax(1) != b(points).argmax(1)).mean()


def test_most_disagreement_beats_the_usual_planes_and_random_ones(trained):
    data, teachers, student = trained
    a, b = combined_model(teachers), member_model(student)
    found = find_most_disagreement(a, b, data, seed=0)
    assert found.kind == "three samples"
    assert len(set(data.y_train[list(found.samples)])) >= 2
    usual = [differing(spec, a, b, data) for spec in PLANES]
    random = [
        differing(PlaneSpec(kind="three samples", samples=samples), a, b, data)
        for samples in draw_samples(data, 20, seed=9)
    ]
    assert differing(found, a, b, data) > max(usual + random)
    assert found == find_most_disagreement(a, b, data, seed=0)


def test_most_disagreement_finds_a_place_where_only_one_model_looks():
    """Two models differ only far along the third feature: the plane must go there."""
    data = flat_data(600)

    def other(X):
        logits = linear(np.array([1.0, 0, 0, 0]))(X)
        return np.where(X[:, 2:3] > 1.2, -logits, logits)

    one = linear(np.array([1.0, 0, 0, 0]))
    found = find_most_disagreement(one, other, data)
    assert differing(found, one, other, data) > 0.6
    assert choose(found, data).origin[2] > 0.8


def test_models_that_agree_everywhere_still_get_a_plane():
    data = flat_data()
    one = linear(np.ones(4))
    found = find_most_disagreement(one, one, data)
    assert differing(found, one, one, data) == 0


def test_a_plane_that_was_found_has_a_name_to_keep():
    data = flat_data()
    found = find_most_disagreement(linear(np.ones(4)), linear(np.array([1.0, 1, 1, 0])), data)
    again = PlaneSpec(**found.model_dump())
    assert again.digest == found.digest
    np.testing.assert_array_equal(choose(again, data).basis, choose(found, data).basis)
