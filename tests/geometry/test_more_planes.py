import contextlib

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.linalg import subspace_angles

from distill_core.data import datasets
from distill_core.data.datasets import Dataset
from distill_core.geometry import planes
from distill_core.geometry.planes import Plane, choose, find_typical_samples, interpolate
from distill_core.geometry.problems import load_plane, load_window
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    SpecError,
    StudentSpec,
)

DATASETS = [
    DatasetSpec(),
    DatasetSpec(name="breast cancer"),
    DatasetSpec(name="wine"),
    DatasetSpec(name="digits"),
    DatasetSpec(name="blobs", n_classes=5),
    DatasetSpec(name="spirals"),
]
KINDS = ["class centres", "principal components", "discriminant", "two features", "random"]


def small(X, y, n_classes=2):
    """A dataset from arrays alone."""
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    names = tuple(f"f{i}" for i in range(X.shape[1]))
    return Dataset(X, y, X, y, names, tuple(f"c{i}" for i in range(n_classes)))


# Three samples


@pytest.mark.parametrize("spec", DATASETS, ids=str)
def test_plane_through_three_samples_holds_them(spec):
    data = datasets.load(spec)
    samples = find_typical_samples(data)
    plane = choose(PlaneSpec(kind="three samples"), data)
    corners = data.X_train[list(samples)]
    np.testing.assert_allclose(plane.distance(corners), 0, atol=1e-9)
    np.testing.assert_allclose(plane.project(corners).mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-9)
    same = choose(PlaneSpec(kind="three samples", samples=samples), data)
    np.testing.assert_array_equal(same.basis, plane.basis)


@pytest.mark.parametrize("spec", DATASETS, ids=str)
def test_typical_samples_are_of_as_many_classes_as_there_can_be(spec):
    data = datasets.load(spec)
    samples = find_typical_samples(data)
    assert len(set(samples)) == 3
    assert len(set(data.y_train[list(samples)])) == min(3, data.n_classes)
    # Typical: closer to the middle of their class than most of it.
    for sample in samples:
        own = data.X_train[data.y_train == data.y_train[sample]]
        distance = np.linalg.norm(own - own.mean(0), axis=1)
        mine = np.linalg.norm(data.X_train[sample] - own.mean(0))
        assert (distance < mine).mean() < 0.5


def test_samples_of_one_class_are_refused_by_name():
    data = datasets.load(DatasetSpec(name="wine"))
    samples = tuple(int(i) for i in np.flatnonzero(data.y_train == 1)[:3])
    with pytest.raises(SpecError, match=r"at least two classes, got .* all of class 'class_1'\."):
        choose(PlaneSpec(kind="three samples", samples=samples), data)


def test_samples_that_are_not_there_are_refused():
    data = datasets.load(DatasetSpec(name="wine"))
    with pytest.raises(SpecError, match=r"samples 0 to 141, got \(0, 1, 142\)"):
        choose(PlaneSpec(kind="three samples", samples=(0, 1, 142)), data)


def test_samples_on_one_line_are_refused():
    data = small([[0, 0, 0], [1, 1, 1], [2, 2, 2], [0, 1, 0]], [0, 1, 0, 1])
    with pytest.raises(SpecError, match="lie on one line"):
        choose(PlaneSpec(kind="three samples", samples=(0, 1, 2)), data)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "three samples", "samples": (1, 1, 2)}, "three different training samples"),
        ({"kind": "three samples", "samples": (-1, 1, 2)}, "counted from 0, got (-1, 1, 2)"),
        ({"kind": "random", "samples": (0, 1, 2)}, "plane 'three samples', got plane 'random'"),
        ({"kind": "three samples", "samples": (0, 1)}, "samples"),
        ({"kind": "between"}, "got plane 'between' with None and t = None"),
        ({"kind": "random", "t": 0.5}, "got plane 'random' with None and t = 0.5"),
        (
            {
                "kind": "between",
                "t": 0.5,
                "ends": (
                    PlaneSpec(),
                    PlaneSpec(kind="between", t=0.5, ends=(PlaneSpec(), PlaneSpec())),
                ),
            },
            "planes of other kinds",
        ),
        ({"kind": "between", "ends": (PlaneSpec(), PlaneSpec()), "t": 1.5}, "got 1.5"),
        ({"offset": 11}, "offset should be less than or equal to 10, got 11"),
        ({"offset": float("nan")}, "offset should be a finite number"),
    ],
)
def test_contradictions_about_planes_are_refused(values, message):
    with pytest.raises(SpecError) as caught:
        PlaneSpec(**values)
    assert message in str(caught.value)


# Offset


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spec", DATASETS[:4], ids=str)
def test_offset_moves_the_plane_along_the_widest_normal_direction(spec, kind):
    data = datasets.load(spec)
    plane, moved = (choose(PlaneSpec(kind=kind, offset=offset), data) for offset in (0, 1.5))
    np.testing.assert_array_equal(moved.basis, plane.basis)
    step = moved.origin - plane.origin
    np.testing.assert_allclose(plane.basis @ step, 0, atol=1e-9)
    # By hand: the covariance of what is left when the plane's directions are taken out.
    away = np.eye(data.n_features) - plane.basis.T @ plane.basis
    variances, directions = np.linalg.eigh(np.cov((data.X_train @ away).T))
    np.testing.assert_allclose(np.linalg.norm(step), 1.5 * np.sqrt(variances[-1]), rtol=1e-6)
    along = np.abs(step @ directions[:, -1]) / np.linalg.norm(step)
    assert along == pytest.approx(1, abs=1e-6) or variances[-2] > 0.99 * variances[-1]


def test_offset_of_zero_is_the_plane_itself_and_there_is_one_zero():
    assert PlaneSpec(offset=-0.0).digest == PlaneSpec().digest
    assert PlaneSpec(offset=0.5) != PlaneSpec()
    data = datasets.load(DatasetSpec(name="wine"))
    there, back = (choose(PlaneSpec(offset=offset), data) for offset in (1, -1))
    np.testing.assert_allclose(
        (there.origin + back.origin) / 2, choose(PlaneSpec(), data).origin, atol=1e-9
    )


def test_a_moved_plane_shows_another_section_but_the_same_projection():
    dataset, moved = DatasetSpec(name="wine"), PlaneSpec(offset=2)
    X = datasets.load(dataset).X_test
    np.testing.assert_allclose(
        load_plane(moved, dataset).project(X), load_plane(PlaneSpec(), dataset).project(X)
    )
    assert load_window(moved, dataset).half == pytest.approx(load_window(PlaneSpec(), dataset).half)
    assert not np.allclose(
        load_plane(moved, dataset).origin, load_plane(PlaneSpec(), dataset).origin
    )


def test_slice_view_refuses_an_offset_that_would_change_nothing():
    with pytest.raises(SpecError, match="an offset would change nothing"):
        ProblemSpec(plane=PlaneSpec(offset=1))
    with pytest.raises(SpecError, match="another of that kind"):
        PictureSpec(plane=PlaneSpec(offset=1))
    free = StudentSpec(ensemble=EnsembleSpec(problem=ProblemSpec(plane=None)))
    assert PictureSpec(student=free, plane=PlaneSpec(offset=1)).plane.offset == 1


def test_data_of_two_features_has_nothing_off_the_plane():
    data = small(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2)
    with pytest.raises(SpecError, match="offset should be 0, got 1"):
        choose(PlaneSpec(kind="principal components", offset=1), data)


# Between two planes

UNIT = st.floats(0, 1)


def some_planes(d):
    def build(directions, origin):
        singular = np.linalg.svd(directions, compute_uv=False)
        assume(singular[1] > 1e-3 * max(1, singular[0]))
        return Plane.spanned_by(origin, directions)

    numbers = st.floats(-10, 10)
    return st.builds(
        build, hnp.arrays(float, (2, d), elements=numbers), hnp.arrays(float, d, elements=numbers)
    )


def pairs():
    return st.integers(2, 9).flatmap(lambda d: st.tuples(some_planes(d), some_planes(d)))


@given(pairs(), UNIT)
def test_every_plane_on_the_way_is_orthonormal(pair, t):
    plane = interpolate(*pair, t)
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(plane.origin, (1 - t) * pair[0].origin + t * pair[1].origin)


@given(pairs())
def test_the_way_begins_and_ends_at_the_two_planes(pair):
    a, b = pair
    start, end = interpolate(a, b, 0.0), interpolate(a, b, 1.0)
    np.testing.assert_allclose(start.basis, a.basis, atol=1e-9)
    np.testing.assert_array_equal(start.origin, a.origin)
    np.testing.assert_array_equal(end.origin, b.origin)
    # The same span, and the same axes but for a mirror.
    np.testing.assert_allclose(end.basis[0], b.basis[0], atol=1e-7)
    np.testing.assert_allclose(np.abs(end.basis[1] @ b.basis[1]), 1, atol=1e-7)


@given(pairs(), UNIT)
def test_the_way_is_a_geodesic(pair, t):
    """Principal angles grow in proportion to t, by an independent measure of angles."""
    a, b = pair
    whole = subspace_angles(a.basis.T, b.basis.T)
    here = interpolate(a, b, t)
    np.testing.assert_allclose(subspace_angles(a.basis.T, here.basis.T), t * whole, atol=1e-6)
    np.testing.assert_allclose(subspace_angles(here.basis.T, b.basis.T), (1 - t) * whole, atol=1e-6)


@given(pairs(), UNIT)
def test_the_way_is_smooth(pair, t):
    near = min(t + 1e-4, 1.0)
    step = interpolate(*pair, near).basis - interpolate(*pair, t).basis
    # Two principal angles of at most π/2 and half a turn in the plane.
    assert np.linalg.norm(step) < (near - t) * 2 * np.pi + 1e-7


def test_between_a_plane_and_itself_nothing_moves():
    plane = choose(PlaneSpec(kind="random"), datasets.load(DatasetSpec()))
    turned = Plane(plane.origin, np.array([[0.6, 0.8], [-0.8, 0.6]]) @ plane.basis)
    for t in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(interpolate(plane, plane, t).basis, plane.basis, atol=1e-9)
        here = interpolate(plane, turned, t)
        np.testing.assert_allclose(here.distance(plane.lift(np.eye(2))), 0, atol=1e-9)


def test_a_plane_between_two_has_a_name():
    dataset, ends = DatasetSpec(name="wine"), (PlaneSpec(), PlaneSpec(kind="random", seed=3))
    spec = PlaneSpec(kind="between", ends=ends, t=0.25)
    data = datasets.load(dataset)
    expected = interpolate(choose(ends[0], data), choose(ends[1], data), 0.25)
    np.testing.assert_array_equal(load_plane(spec, dataset).basis, expected.basis)
    assert PlaneSpec(**spec.model_dump()) == spec
    assert PlaneSpec.model_validate_json(spec.model_dump_json()).digest == spec.digest
    assert spec.digest != spec.replace(t=0.5).digest


# Leaving the data


def rank_data(rank, d=20):
    """Points in a known subspace, whose basis comes first in the returned directions."""
    generator = np.random.default_rng(rank)
    directions = np.linalg.qr(generator.normal(size=(d, d)))[0].T
    X = generator.normal(size=(300, rank)) @ directions[:rank] + 7 * directions[-1]
    return X, directions


@pytest.mark.parametrize("rank", [2, 5, 15, 19])
def test_share_outside_counts_directions_on_data_of_known_rank(rank):
    X, directions = rank_data(rank)
    for rows, share in (
        ([0, 1], 0),
        ([0, rank], 0.5),
        ([rank, rank - 1], 0.5),
        *([([rank, rank + 1], 1)] if rank < 19 else []),
    ):
        plane = Plane(X.mean(0), directions[rows])
        assert plane.share_outside(X) == pytest.approx(share, abs=1e-9)
        half = Plane.spanned_by(
            X.mean(0), [directions[0], 0.6 * directions[1] + 0.8 * directions[rank]]
        )
        assert half.share_outside(X) == pytest.approx(0.32, abs=1e-9)


def test_planes_chosen_from_the_data_stay_in_it_and_two_features_leave_it():
    data = datasets.load(DatasetSpec())
    centred = data.X_train - data.X_train.mean(0)
    assert np.linalg.matrix_rank(centred, tol=1e-6) == 15
    inside = ["class centres", "principal components", "three samples"]
    for kind in inside:
        assert choose(PlaneSpec(kind=kind), data).share_outside(data.X_train) < 1e-9
        moved = choose(PlaneSpec(kind=kind, offset=2), data)
        assert moved.share_outside(data.X_train) < 1e-9
    random = [choose(PlaneSpec(kind="random", seed=seed), data) for seed in range(40)]
    mean = np.mean([plane.share_outside(data.X_train) for plane in random])
    assert mean == pytest.approx(5 / 20, abs=0.05)


# Poor data


@pytest.mark.parametrize("kind", [*KINDS, "three samples"])
@pytest.mark.parametrize("d", [2, 3])
def test_poor_data_gives_a_plane_or_a_sentence(kind, d):
    generator = np.random.default_rng(0)
    y = np.arange(60) % 2
    line = np.outer(generator.normal(size=60), np.ones(d))
    two_points = np.c_[y, *[np.zeros(60)] * (d - 1)]
    for X in (line, two_points):
        data = small(X, y)
        if kind in ("discriminant", "three samples"):
            # Not on every such data; where not, in a sentence.
            with contextlib.suppress(SpecError):
                choose(PlaneSpec(kind=kind), data)
            continue
        plane = choose(PlaneSpec(kind=kind), data)
        np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-9)
        assert np.isfinite(planes.Window.around(plane.project(X)).half)
