import contextlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.linalg import subspace_angles
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from distill_core.data import datasets
from distill_core.data.datasets import Dataset
from distill_core.geometry import planes
from distill_core.geometry.planes import Plane, Window, choose, find_typical_samples, interpolate
from distill_core.specs import DatasetSpec, PlaneSpec, SpecError

DATASETS = [
    DatasetSpec(),
    DatasetSpec(name="breast cancer"),
    DatasetSpec(name="wine"),
    DatasetSpec(name="digits"),
    DatasetSpec(name="blobs", n_classes=5),
    DatasetSpec(name="spirals"),
]
KINDS = ["class centres", "principal components", "discriminant", "two features", "random"]
NAMES = ["tutorial", "moons", "rings", "spirals", "checkerboard", "breast cancer"]
PLANES = {
    "class centres": PlaneSpec(),
    "principal components": PlaneSpec(kind="principal components"),
    "discriminant": PlaneSpec(kind="discriminant"),
    "two features": PlaneSpec(kind="two features", features=(3, 11)),
    "random": PlaneSpec(kind="random", seed=5),
}
EVERY_PLANE = [(name, kind) for name in NAMES for kind in PLANES]
COORDINATES = hnp.arrays(np.float64, (7, 2), elements=st.floats(-100, 100))


def small(X, y, n_classes=2):
    """A dataset from arrays alone."""
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    names = tuple(f"f{i}" for i in range(X.shape[1]))
    return Dataset(X, y, X, y, names, tuple(f"c{i}" for i in range(n_classes)))


def chosen(name, kind):
    data = datasets.load(DatasetSpec(name=name))
    return planes.choose(PLANES[kind], data), data


def several_classes(load):
    """Real data with three classes, which no spec names yet."""
    bunch = load()
    X = StandardScaler().fit_transform(bunch.data)
    return Dataset(X, bunch.target, X, bunch.target, tuple(bunch.feature_names), ("a", "b", "c"))


def angle(a, b):
    """Return the largest angle in radians between the spans of the rows of a and b."""
    (qa, _), (qb, _) = np.linalg.qr(np.atleast_2d(a).T), np.linalg.qr(np.atleast_2d(b).T)
    # The sine, since the cosine cannot tell small angles from zero.
    return np.arcsin(min(1, np.linalg.norm(qb - qa @ (qa.T @ qb), 2)))


# Coordinates


@given(
    hnp.arrays(np.float64, (2, 9), elements=st.floats(-10, 10)),
    hnp.arrays(np.float64, 9, elements=st.floats(-10, 10)),
    COORDINATES,
)
def test_project_undoes_lift_on_any_plane(directions, origin, uv):
    singular = np.linalg.svd(directions, compute_uv=False)
    assume(singular[1] > 1e-3 * max(1, singular[0]))
    plane = Plane.spanned_by(origin, directions)
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(plane.project(plane.lift(uv)), uv, atol=1e-6)
    assert angle(plane.basis, directions) < 1e-6


@pytest.mark.parametrize(("name", "kind"), EVERY_PLANE)
def test_every_chosen_plane_is_orthonormal_and_project_undoes_lift(name, kind):
    plane, data = chosen(name, kind)
    assert plane.origin.shape == (data.n_features,)
    assert plane.basis.shape == (2, data.n_features)
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-9)
    uv = np.random.default_rng(0).uniform(-20, 20, (200, 2))
    np.testing.assert_allclose(plane.project(plane.lift(uv)), uv, atol=1e-6)


def test_projection_is_the_nearest_point_of_the_plane():
    plane, data = chosen("tutorial", "random")
    X = data.X_test[:40]
    # Least squares for the nearest point, as a textbook does it.
    nearest, *_ = np.linalg.lstsq(plane.basis.T, (X - plane.origin).T, rcond=None)
    np.testing.assert_allclose(plane.project(X), nearest.T, atol=1e-9)
    gaps = [
        np.linalg.norm(x - plane.origin - plane.basis.T @ n)
        for x, n in zip(X, nearest.T, strict=True)
    ]
    np.testing.assert_allclose(plane.distance(X), gaps, atol=1e-9)


def test_distance_is_zero_on_the_plane_and_the_length_of_a_step_off_it():
    plane = Plane.spanned_by([1, 2, 3, 4], [[1, 1, 0, 0], [0, 0, 2, 0]])
    on = plane.lift([[0, 0], [3, -5]])
    np.testing.assert_allclose(plane.distance(on), 0, atol=1e-12)
    np.testing.assert_allclose(plane.distance(on + np.array([0, 0, 0, -7])), 7)


def test_the_first_axis_keeps_its_direction_and_both_keep_their_signs():
    plane = Plane.spanned_by(np.zeros(3), [[-2, 0, 0], [5, -3, 0]])
    np.testing.assert_allclose(plane.basis, [[-1, 0, 0], [0, -1, 0]], atol=1e-12)


@pytest.mark.parametrize(
    "directions",
    [[[1, 2, 3], [2, 4, 6]], [[1, 2, 3], [-1, -2, -3]], [[0, 0, 0], [1, 0, 0]],
     [[1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]],
)  # fmt: skip
def test_parallel_or_zero_directions_are_refused(directions):
    with pytest.raises(ValueError, match="must not be parallel or zero"):
        Plane.spanned_by(np.zeros(3), directions)


@pytest.mark.parametrize(
    ("directions", "share"),
    [
        ([[1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0]], 0),
        ([[1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0]], 0.5),
        ([[0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0]], 1),
        ([[1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0]], 0.25),
    ],
)
def test_share_outside_on_data_that_fill_three_of_six_dimensions(directions, share):
    X = np.zeros((50, 6))
    X[:, :3] = np.random.default_rng(0).normal(size=(50, 3))
    X += [0, 0, 0, 4, 5, 6]
    assert Plane.spanned_by(X.mean(0), directions).share_outside(X) == pytest.approx(
        share, abs=1e-9
    )


def test_an_axis_aligned_plane_leaves_the_tutorial_data_and_a_principal_one_does_not():
    features, data = chosen("tutorial", "two features")
    principal, _ = chosen("tutorial", "principal components")
    assert features.share_outside(data.X_train) > 0.05
    assert principal.share_outside(data.X_train) < 1e-9


# Windows


@pytest.mark.parametrize(("name", "kind"), EVERY_PLANE)
def test_the_window_shows_nearly_all_points_and_no_more_room_than_needed(name, kind):
    plane, data = chosen(name, kind)
    uv = plane.project(data.X_train)
    window = Window.around(uv)
    away = np.abs(uv - [window.u, window.v]).max(1)
    assert (away <= window.half).mean() > 0.985
    # Shrunk by a quarter, it would cut off more than a percent.
    assert (away <= 0.75 * window.half).mean() < 0.99


def test_window_grid_goes_row_by_row_with_u_fastest_and_holds_the_edges():
    window = Window(u=1, v=10, half=2)
    u, v = window.axes(5)
    np.testing.assert_allclose(u, [-1, 0, 1, 2, 3])
    np.testing.assert_allclose(v, [8, 9, 10, 11, 12])
    grid = window.grid(5)
    assert grid.shape == (25, 2)
    np.testing.assert_allclose(grid[:6], [[-1, 8], [0, 8], [1, 8], [2, 8], [3, 8], [-1, 9]])


# Choices


@pytest.mark.parametrize("name", NAMES)
def test_planes_equal_scikit_learn(name):
    principal, data = chosen(name, "principal components")
    X, y = data.X_train, data.y_train
    pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(X)
    signs = np.sign((principal.basis * pca.components_).sum(1))
    np.testing.assert_allclose(principal.basis, signs[:, None] * pca.components_, atol=1e-6)
    np.testing.assert_allclose(
        principal.project(data.X_test), signs * pca.transform(data.X_test), atol=1e-5
    )

    discriminant, _ = chosen(name, "discriminant")
    same = LinearDiscriminantAnalysis(solver="eigen", shrinkage=1e-3).fit(X, y)
    assert angle(discriminant.basis[0], same.scalings_[:, 0]) < 1e-6
    # Two other ways to the same direction, free of the shrinkage in one of the scatters or in
    # both, which turns the direction a little (0.05 is 3 degrees).
    normal = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-3).fit(X, y).coef_
    assert angle(discriminant.basis[0], normal) < 0.05
    unshrunk = LinearDiscriminantAnalysis(solver="svd").fit(X, y).transform(X)[:, 0]
    assert abs(np.corrcoef(discriminant.project(X)[:, 0], unshrunk)[0, 1]) > 0.999


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_planes_equal_scikit_learn_with_three_classes(load):
    data = several_classes(load)
    X, y = data.X_train, data.y_train
    principal = planes.choose(PLANES["principal components"], data)
    assert angle(principal.basis, PCA(2, svd_solver="covariance_eigh").fit(X).components_) < 1e-6
    plane = planes.choose(PLANES["discriminant"], data)
    same = LinearDiscriminantAnalysis(solver="eigen", shrinkage=1e-3).fit(X, y)
    assert angle(plane.basis, same.scalings_[:, :2].T) < 1e-6
    # As above: the unshrunk discriminant, and the normals of the pairwise boundaries.
    unshrunk = LinearDiscriminantAnalysis(solver="svd").fit(X, y)
    assert angle(plane.basis, unshrunk.scalings_[:, :2].T) < 0.05
    normals = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-3).fit(X, y).coef_
    assert angle(plane.basis, normals[1:] - normals[0]) < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_the_second_axis_of_the_discriminant_plane_is_the_widest_rest(name):
    plane, data = chosen(name, "discriminant")
    X = data.X_train - data.X_train.mean(0)
    rest = X - np.outer(X @ plane.basis[0], plane.basis[0])
    assert (X @ plane.basis[1]).std() == pytest.approx(
        np.linalg.norm(rest, 2) / np.sqrt(len(X)), rel=1e-6
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_class_centre_plane_holds_the_cluster_centres_best(name):
    plane, data = chosen(name, "class centres")
    centres = np.vstack([
        KMeans(2, n_init=4, random_state=0).fit(data.X_train[data.y_train == c]).cluster_centers_
        for c in (0, 1)
    ])  # fmt: skip
    centred = centres - centres.mean(0)
    held = ((centred @ plane.basis.T) ** 2).sum()
    most = (np.linalg.svd(centred, compute_uv=False)[:2] ** 2).sum()
    assert held == pytest.approx(most, rel=1e-6)


def test_two_features_are_the_coordinates_of_the_plane():
    plane, data = chosen("breast cancer", "two features")
    np.testing.assert_allclose(plane.project(data.X_test), data.X_test[:, [3, 11]], atol=1e-9)


def test_a_feature_that_the_data_do_not_have_is_refused():
    data = datasets.load(DatasetSpec(name="moons"))
    with pytest.raises(SpecError, match=r"features 0 to 19, got \(0, 20\)"):
        planes.choose(PlaneSpec(kind="two features", features=(0, 20)), data)


def test_random_planes_depend_on_their_seed_alone():
    data = datasets.load(DatasetSpec(name="moons"))
    one, same, other = (
        planes.choose(PlaneSpec(kind="random", seed=seed), data) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.basis, same.basis)
    assert angle(one.basis, other.basis) > 0.1


def test_the_test_part_has_no_say_in_the_choice():
    data = datasets.load(DatasetSpec(name="breast cancer"))
    blind = Dataset(
        data.X_train, data.y_train, data.X_test[:1] + 99, data.y_test[:1], data.feature_names, ()
    )
    for spec in PLANES.values():
        one, other = planes.choose(spec, data), planes.choose(spec, blind)
        np.testing.assert_array_equal(one.basis, other.basis)
        np.testing.assert_array_equal(one.origin, other.origin)


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


@settings(max_examples=150)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 0.5),
    st.integers(40, 200),
    st.integers(2, 12),
    st.integers(2, 4),
)
def test_sparse_tables_have_every_plane_or_a_sentence(seed, share, n, d, n_classes):
    """Flags and counts that are nearly always 0, some columns copies of others."""
    generator = np.random.default_rng(seed)
    X = (generator.random((n, d)) < share) * generator.integers(1, 1 + generator.integers(1, 4), d)
    X = X[:, generator.integers(0, d, d)] if seed % 3 == 0 else X
    X = X[:, np.ptp(X, axis=0) > 0]
    assume(X.shape[1] >= 2)
    data = small(StandardScaler().fit_transform(X), np.arange(n) % n_classes, n_classes)
    refused = set()
    for kind in [*KINDS, "three samples"]:
        spec = PlaneSpec(kind=kind)
        try:
            plane = choose(spec, data)
        except SpecError:
            refused.add(kind)
            continue
        np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-9)
        uv = plane.project(data.X_train)
        window = Window.around(uv, data.y_train)
        assert np.isfinite([window.u, window.v, window.half]).all()
        assert window.half > 0
        assert 0 <= plane.share_outside(data.X_train) <= 1
        with contextlib.suppress(SpecError):
            assert np.isfinite(choose(PlaneSpec(kind=kind, offset=1.0), data).origin).all()
    # Points on one line span no plane; every other one exists.
    assert refused <= {"discriminant", "three samples"}
