"""Planes in feature space: origin, orthonormal basis, and the ways to choose one."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from distill_core.data.datasets import Dataset
from distill_core.specs import PlaneSpec, SpecError

# Share of the projected training points that the window shows.
_SHOWN = 0.99
# Times their extent: the room around them.
_MARGIN = 1.12
# Part of the whole spread below which nearly all points have the same coordinate.
_CONSTANT = 1e-9
# Share of a class outside from which the window is widened for it, and how much at most.
_OUTSIDE = 0.5
_WIDER = 4.0
# Share of a class that is shown then.
_SHOWN_OF_CLASS = 0.9


@dataclass(frozen=True, eq=False)
class Plane:
    """A two-dimensional plane in a d-dimensional feature space.

    Parameters
    ----------
    origin : ndarray of shape (d,)
        Where (0, 0) of the plane lies.
    basis : ndarray of shape (2, d)
        Orthonormal rows: the directions of the first and the second coordinate.
    """

    origin: NDArray[np.float64]
    basis: NDArray[np.float64]

    @classmethod
    def spanned_by(cls, origin: ArrayLike, directions: ArrayLike) -> Self:
        """Return the plane through `origin` (d,) along two directions (2, d), made orthonormal.

        The first axis keeps the first direction, and the signs of both are kept. Raises ValueError
        when the directions do not span a plane.
        """
        directions = np.asarray(directions, dtype=float)
        q, r = np.linalg.qr(directions.T)
        if np.abs(np.diag(r)).min() < 1e-9 * max(1.0, np.abs(r).max()):
            raise ValueError("The two directions of a plane must not be parallel or zero.")
        return cls(np.asarray(origin, dtype=float), (q * np.sign(np.diag(r))).T)

    def project(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the coordinates (n, 2) of the points X (n, d): `(X - o) Bᵀ`."""
        return (np.asarray(X) - self.origin) @ self.basis.T

    def lift(self, uv: ArrayLike) -> NDArray[np.float64]:
        """Return the points (n, d) at coordinates uv (n, 2): `o + uv B`."""
        return self.origin + np.asarray(uv) @ self.basis

    def distance(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return how far each point of X (n, d) lies off the plane, shape (n,)."""
        return np.linalg.norm(np.asarray(X) - self.lift(self.project(X)), axis=1)

    def share_outside(self, X: ArrayLike) -> float:
        """Return the share (0 to 1) of the plane's directions outside the span of X (n, d).

        0: the plane lies in the affine span of the data; 1: it is orthogonal to it.
        """
        X = np.asarray(X, dtype=float)
        _, s, vt = np.linalg.svd(X - X.mean(0), full_matrices=False)
        inside = self.basis @ vt[s > 1e-6 * s[0]].T
        return float(np.clip(1 - (inside**2).sum() / 2, 0, 1))


@dataclass(frozen=True)
class Window:
    """The square part of a plane that is shown: centre (u, v) and half its side."""

    u: float
    v: float
    half: float

    @classmethod
    def around(cls, uv: NDArray[np.float64], y: NDArray[np.int64] | None = None) -> Self:
        """Return the square that shows nearly all of the points uv (n, 2), with some room.

        Where a coordinate is nearly constant, its rare values are what there is to see: all of
        them are shown. With labels y (n,), a class of which most would lie outside is shown, too,
        unless it is so far away that the others would be seen no more.
        """
        tail = (1 - _SHOWN) / 2
        low, high = np.quantile(uv, [tail, 1 - tail], axis=0)
        least, most = uv.min(0), uv.max(0)
        constant = high - low <= _CONSTANT * (most - least)
        low, high = np.where(constant, least, low), np.where(constant, most, high)
        for label in () if y is None else np.unique(y):
            mine = uv[y == label]
            if ((mine < low) | (mine > high)).any(1).mean() <= _OUTSIDE:
                continue
            tail = (1 - _SHOWN_OF_CLASS) / 2
            first, last = np.quantile(mine, [tail, 1 - tail], axis=0)
            wide_low, wide_high = np.minimum(low, first), np.maximum(high, last)
            if (wide_high - wide_low).max() <= _WIDER * (high - low).max():
                low, high = wide_low, wide_high
        centre = (low + high) / 2
        # A window has a size, even if all points are one.
        half = float((high - low).max() / 2 * _MARGIN) or 1.0
        return cls(float(centre[0]), float(centre[1]), half)

    def count_outside(self, uv: NDArray[np.float64]) -> int:
        """Return how many of the points uv (n, 2) lie outside."""
        return int((np.abs(uv - (self.u, self.v)).max(1) > self.half).sum())

    def axes(self, resolution: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the grid's u and v values, each of shape (resolution,), edges included."""
        steps = np.linspace(-self.half, self.half, resolution)
        return self.u + steps, self.v + steps

    def grid(self, resolution: int) -> NDArray[np.float64]:
        """Return all grid points (resolution², 2), v by v, u fastest."""
        u, v = self.axes(resolution)
        uu, vv = np.meshgrid(u, v)
        return np.c_[uu.ravel(), vv.ravel()]


def choose(spec: PlaneSpec, data: Dataset) -> Plane:
    """Return the plane that a spec names, chosen on the training data only.

    Raises SpecError when the data does not have what the spec names, or has no such plane.
    """
    plane = _choose_kind(spec, data)
    return plane if spec.offset == 0 else _move_off(plane, data.X_train, spec.offset)


def interpolate(a: Plane, b: Plane, t: float) -> Plane:
    """Return the plane on the way from a (t = 0) to b (t = 1), on the shortest path.

    The path turns each principal vector of a to its partner in b by a part t of their
    principal angle, as a tour does (Buja, Cook, Asimov, Hurley 2005, "Computational methods
    for high-dimensional rotations in data visualization"; R package tourr). The axes turn
    along inside the plane; they arrive as those of b, the second one reversed when b is a
    mirror image. The origin moves on a straight line.
    """
    u, cosines, vt = np.linalg.svd(a.basis @ b.basis.T)
    start, end = u.T @ a.basis, vt @ b.basis
    normal = end - cosines[:, None] * start
    sines = np.linalg.norm(normal, axis=1)
    angles = t * np.arctan2(sines, cosines)[:, None]
    # Equal vectors have no normal, and need none: their angle is zero.
    normal = normal / np.where(sines > 1e-12, sines, 1)[:, None]
    turn = vt.T @ u.T
    turn = turn if np.linalg.det(turn) > 0 else np.diag([1, -1]) @ turn
    angle = t * np.arctan2(turn[1, 0], turn[0, 0])
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ u
    basis = axes @ (np.cos(angles) * start + np.sin(angles) * normal)
    return Plane((1 - t) * a.origin + t * b.origin, basis)


def find_typical_samples(data: Dataset) -> tuple[int, int, int]:
    """Return three training samples near the centres of classes, for "three samples".

    One of each of the first three classes; of only two classes, one of the last and one
    near each of two cluster centres of the first.
    """
    X, y = data.X_train, data.y_train
    if data.n_classes > 2:
        wanted = [(label, X[y == label].mean(0)) for label in range(3)]
    else:
        clusters = _find_centres(X[y == 0])
        wanted = [(0, clusters[0]), (0, clusters[-1]), (1, X[y == 1].mean(0))]
    picked: list[int] = []
    for label, centre in wanted:
        distance = np.linalg.norm(X - centre, axis=1)
        distance[(y != label) | np.isin(np.arange(len(y)), picked)] = np.inf
        picked.append(int(distance.argmin()))
    return picked[0], picked[1], picked[2]


def _choose_kind(spec: PlaneSpec, data: Dataset) -> Plane:
    X, y = data.X_train, data.y_train
    mean = X.mean(0)
    if spec.kind == "class centres":
        return _class_centres(X, y)
    if spec.kind == "principal components":
        return Plane.spanned_by(mean, PCA(2, svd_solver="full").fit(X).components_)
    if spec.kind == "discriminant":
        return _discriminant(X, y)
    if spec.kind == "three samples":
        return _three_samples(spec.samples or find_typical_samples(data), data)
    if spec.kind == "between":
        assert spec.ends is not None
        assert spec.t is not None
        return interpolate(choose(spec.ends[0], data), choose(spec.ends[1], data), spec.t)
    if spec.kind == "two features":
        assert spec.features is not None
        if max(spec.features) >= data.n_features:
            raise SpecError(
                f"This data has features 0 to {data.n_features - 1}, got {spec.features}."
            )
        return Plane(mean, np.eye(data.n_features)[list(spec.features)])
    generator = np.random.default_rng(spec.seed)
    return Plane.spanned_by(mean, generator.normal(size=(2, data.n_features)))


def _move_off(plane: Plane, X: NDArray[np.float64], offset: float) -> Plane:
    """Return a plane moved along the widest spread of X (n, d) normal to it."""
    rest = X - plane.lift(plane.project(X))
    if rest.std(0).max() < 1e-9:
        raise SpecError(
            "The data does not extend off this plane, so the plane cannot be moved off it: "
            f"its offset should be 0, got {offset:g}."
        )
    pca = PCA(1, svd_solver="full").fit(rest)
    step = offset * np.sqrt(pca.explained_variance_[0]) * pca.components_[0]
    return Plane(plane.origin + step, plane.basis)


def _three_samples(samples: tuple[int, int, int], data: Dataset) -> Plane:
    """Return the plane through three training samples, their mean its origin."""
    if max(samples) >= len(data.X_train):
        raise SpecError(
            f"This data has training samples 0 to {len(data.X_train) - 1}, got {samples}."
        )
    labels = data.y_train[list(samples)]
    if len(set(labels.tolist())) == 1:
        raise SpecError(
            "The three samples of a plane should be of at least two classes, "
            f"got {samples}, all of class {data.class_names[labels[0]][:40]!r}."
        )
    corners = data.X_train[list(samples)]
    try:
        return Plane.spanned_by(corners.mean(0), corners[1:] - corners[0])
    except ValueError:
        raise SpecError(f"The samples {samples} lie on one line and span no plane.") from None


def _find_centres(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centres of two clusters, of one if all points X (n, d) are the same."""
    n_clusters = 2 if np.ptp(X, axis=0).any() else 1
    return KMeans(n_clusters, n_init=4, random_state=0).fit(X).cluster_centers_


def _class_centres(X: NDArray[np.float64], y: NDArray[np.int64]) -> Plane:
    """Return the plane that best holds the centres of two clusters in each class.

    Class means alone give two points for two classes, and many classes consist of parts:
    cluster centres show the parts and, with them, why a boundary must bend.
    """
    centres = np.vstack([_find_centres(X[y == label]) for label in np.unique(y)])
    return Plane.spanned_by(X.mean(0), PCA(2, svd_solver="full").fit(centres).components_)


def _discriminant(X: NDArray[np.float64], y: NDArray[np.int64]) -> Plane:
    """Return the plane of the linear discriminant and, where it is only one, the widest rest."""
    try:
        lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=1e-3).fit(X, y)
        directions = lda.scalings_[:, : min(2, len(lda.classes_) - 1)].T
        if len(directions) == 1:
            first = directions[0] / np.linalg.norm(directions[0])
            rest = X - np.outer(X @ first, first)
            directions = np.vstack([first, PCA(1, svd_solver="full").fit(rest).components_])
        return Plane.spanned_by(X.mean(0), directions)
    except (ValueError, np.linalg.LinAlgError):
        raise SpecError(
            "This data has no discriminant plane, because it does not spread in two directions "
            "within its classes; choose another plane."
        ) from None
