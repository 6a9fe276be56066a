"""Planes in feature space: origin, orthonormal basis, and the ways to choose one."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from distill_core.datasets import Dataset
from distill_core.specs import PlaneSpec, SpecError

# Share of the projected training points that the window shows, and the room around them.
_SHOWN = 0.99
_MARGIN = 1.12


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

        The first axis keeps the first direction, and the signs of both are kept.

        Raises
        ------
        ValueError
            When the directions do not span a plane.
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
    def around(cls, uv: NDArray[np.float64]) -> Self:
        """Return the square that shows nearly all of the points uv (n, 2), with some room."""
        tail = (1 - _SHOWN) / 2
        low, high = np.quantile(uv, [tail, 1 - tail], axis=0)
        centre = (low + high) / 2
        half = float((high - low).max() / 2 * _MARGIN)
        return cls(float(centre[0]), float(centre[1]), half)

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

    Parameters
    ----------
    spec : PlaneSpec
        The kind of plane and what belongs to it.
    data : Dataset
        The data it is chosen for.

    Raises
    ------
    SpecError
        When a feature is named that the data does not have.
    """
    X, y = data.X_train, data.y_train
    mean = X.mean(0)
    if spec.kind == "class centres":
        return _class_centres(X, y)
    if spec.kind == "principal components":
        return Plane.spanned_by(mean, PCA(2, svd_solver="full").fit(X).components_)
    if spec.kind == "discriminant":
        return _discriminant(X, y)
    if spec.kind == "two features":
        assert spec.features is not None
        if max(spec.features) >= data.n_features:
            raise SpecError(
                f"This data has features 0 to {data.n_features - 1}, got {spec.features}."
            )
        return Plane(mean, np.eye(data.n_features)[list(spec.features)])
    generator = np.random.default_rng(spec.seed)
    return Plane.spanned_by(mean, generator.normal(size=(2, data.n_features)))


def _class_centres(X: NDArray[np.float64], y: NDArray[np.int64]) -> Plane:
    """Return the plane that best holds the centres of two clusters in each class.

    Class means alone give two points for two classes, and many classes consist of parts:
    cluster centres show the parts and, with them, why a boundary must bend.
    """
    centres = np.vstack(
        [
            KMeans(2, n_init=4, random_state=0).fit(X[y == label]).cluster_centers_
            for label in np.unique(y)
        ]
    )
    return Plane.spanned_by(X.mean(0), PCA(2, svd_solver="full").fit(centres).components_)


def _discriminant(X: NDArray[np.float64], y: NDArray[np.int64]) -> Plane:
    """Return the plane of the linear discriminant and, where it is only one, the widest rest."""
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=1e-3).fit(X, y)
    directions = lda.scalings_[:, : min(2, len(lda.classes_) - 1)].T
    if len(directions) == 1:
        first = directions[0] / np.linalg.norm(directions[0])
        rest = X - np.outer(X @ first, first)
        directions = np.vstack([first, PCA(1, svd_solver="full").fit(rest).components_])
    return Plane.spanned_by(X.mean(0), directions)
