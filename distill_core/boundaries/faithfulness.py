"""How far a section through models of all features can be trusted, and where to look for lies.

Planes, points and models in, numbers and names of planes out. A model here answers points
(n, d) with logits (n, n_classes), as `combined_model` of a stack does. Models that
were trained on a plane's own coordinates need no meter: there the picture is the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from distill_core.boundaries.refinement import Model
from distill_core.data.datasets import Dataset
from distill_core.geometry.planes import Plane, Window, choose, find_typical_samples
from distill_core.specs import PlaneSpec

Samples = tuple[int, int, int]

# Share of the training data that counts as near the plane.
NEAR_SHARE = 0.1
# Share of points on a colour of their own below which a picture needs a warning.
TRUSTED_SHARE = 0.9
# Lowest opacity of a point, however far off the plane.
FAINTEST = 0.12


@dataclass(frozen=True, eq=False)
class Meter:
    """How well a picture on a plane speaks for the points it shows.

    Parameters
    ----------
    own_colour : ndarray of shape (m, n), bool
        For each of m models and n shown points: the colour under the point, which is the
        model's answer at its projection, is the model's answer for the point itself.
    distance : ndarray of shape (n,)
        How far each shown point lies off the plane.
    h : float
        Up to which distance a point counts as near.
    outside : float
        Share (0 to 1) of the plane's directions outside the span of the training data.
    """

    own_colour: NDArray[np.bool_]
    distance: NDArray[np.float64]
    h: float
    outside: float

    @property
    def shares(self) -> NDArray[np.float64]:
        """For each model the share of shown points with their own colour under them, (m,)."""
        return _share(self.own_colour)

    @property
    def near(self) -> NDArray[np.bool_]:
        """Which shown points lie within h of the plane, shape (n,)."""
        return self.distance <= self.h

    @property
    def n_near(self) -> int:
        """Number of shown points within h of the plane."""
        return int(self.near.sum())

    @property
    def near_shares(self) -> NDArray[np.float64]:
        """The shares among the points near the plane only, (m,); NaN if there are none."""
        return _share(self.own_colour[:, self.near])

    @property
    def trusted(self) -> bool:
        """Whether no model's share is below `TRUSTED_SHARE` and the plane stays in the data."""
        return bool((self.shares >= TRUSTED_SHARE).all() and self.outside <= 0.01)

    @property
    def opacity(self) -> NDArray[np.float64]:
        """How strongly to draw each point, (n,); see `opacity`."""
        return opacity(self.distance, self.h)


@dataclass(frozen=True, eq=False)
class Reproducibility:
    """How alike two models are on random planes through three training samples.

    Parameters
    ----------
    samples : list of tuple of three int
        The training samples of each plane; each names a `PlaneSpec`.
    agreement : ndarray of shape (n_planes,)
        Share of the rectangle around the samples on which the models answer the same.
    """

    samples: list[Samples]
    agreement: NDArray[np.float64]


def measure(plane: Plane, X: ArrayLike, models: Sequence[Model], X_train: ArrayLike) -> Meter:
    """Measure how well the pictures of some models on a plane speak for the points shown.

    X (n, d) are the shown points, at least one, else a ValueError; the models are ensemble and
    student, say. X_train (n_train, d) is what they know; `h` holds a tenth of it.
    """
    X = np.asarray(X, dtype=float)
    if len(X) == 0:
        raise ValueError("A picture without points cannot be measured: got no points.")
    under = plane.lift(plane.project(X))
    own_colour = np.stack([_labels(model, X) == _labels(model, under) for model in models])
    h = near_distance(plane, X_train)
    return Meter(own_colour, plane.distance(X), h, plane.share_outside(X_train))


def opacity(distance: NDArray[np.floating[Any]], h: float) -> NDArray[np.float64]:
    """Return how strongly to draw points (n,): 1 on the plane, 1/2 at distance h, never 0."""
    if h == 0:
        return np.where(distance > 0, FAINTEST, 1.0)
    return np.maximum(1 / (1 + (distance / h) ** 2), FAINTEST)


def near_distance(plane: Plane, X: ArrayLike, share: float = NEAR_SHARE) -> float:
    """Return the distance from the plane within which a share (0 to 1) of X (n, d) lies."""
    return float(np.quantile(plane.distance(X), share, method="inverted_cdf"))


def reproducibility(
    a: Model, b: Model, data: Dataset, n_planes: int = 40, seed: int = 0, resolution: int = 16
) -> Reproducibility:
    """Compare two models on random planes through three training samples.

    The reproducibility score of Somepalli et al. 2022, "Can neural nets learn the same model
    twice?", arXiv 2203.08124, equation 1, with one condition more: the three samples are of
    at least two classes, so that a boundary is to be expected. `resolution` counts the points
    per side of the rectangle around the samples, a tenth wider at each edge.
    """
    samples = draw_samples(data, n_planes, seed)
    steps = np.linspace(-0.1, 1.1, resolution)
    alpha, beta = (axis.ravel() for axis in np.meshgrid(steps, steps))
    points = []
    for chosen in samples:
        plane = choose(PlaneSpec(kind="three samples", samples=chosen), data)
        corners = plane.project(data.X_train[list(chosen)])
        low, size = corners.min(0), np.ptp(corners, axis=0)
        points.append(plane.lift(low + np.c_[alpha, beta] * size))
    return Reproducibility(samples, _agreement(a, b, points))


def draw_samples(data: Dataset, n: int, seed: int = 0) -> list[Samples]:
    """Return n random triples of training samples, each of two classes or more."""
    generator = np.random.default_rng(seed)
    triples: list[Samples] = []
    while len(triples) < n:
        i, j, k = generator.choice(len(data.y_train), 3, replace=False).tolist()
        if _spans_plane(data, (i, j, k)):
            triples.append((i, j, k))
    return triples


def find_most_disagreement(a: Model, b: Model, data: Dataset, seed: int = 0) -> PlaneSpec:
    """Return the plane through three training samples on which two models differ most.

    Searched among planes through samples on which the models' probabilities differ most:
    random triples of them are compared by the share of the shown window on which the
    answers differ, on a coarse grid first, and the best again on a finer one. The best
    plane then tries other samples in place of each of its own. The same seed finds the same
    plane, of the kind "three samples".
    """
    generator = np.random.default_rng(seed)
    proba_a, proba_b = (softmax(model(data.X_train), axis=1) for model in (a, b))
    apart = 0.5 * np.abs(proba_a - proba_b).sum(1)
    pool = np.argsort(-apart, kind="stable")[:_POOL]

    def best(candidates: list[Samples], resolution: int, n: int) -> list[Samples]:
        different = [s for s in dict.fromkeys(candidates) if _spans_plane(data, s)]
        shares = _measure_difference(a, b, data, different, resolution)
        return [different[i] for i in np.argsort(-shares, kind="stable")[:n]]

    drawn = [find_typical_samples(data), *draw_samples(data, _RANDOM, seed)]
    for _ in range(_CANDIDATES):
        i, j = generator.choice(pool, 2, replace=False).tolist()
        drawn.append((i, j, int(generator.integers(len(data.y_train)))))
    found = best(best(drawn, 8, 8), 16, 1)
    for place in range(3):
        others = generator.choice(pool, min(_SWAPS, len(pool)), replace=False).tolist()
        swapped = [(*found[0][:place], other, *found[0][place + 1 :]) for other in others]
        found = best(best([found[0], *swapped], 8, 4) + found, 16, 1)
    return PlaneSpec(kind="three samples", samples=found[0])


# Samples to choose from, planes through them, random planes, samples tried in place of each:
# enough to beat the usual planes clearly, in a few seconds at most.
_POOL, _CANDIDATES, _RANDOM, _SWAPS = 100, 80, 120, 24


def _measure_difference(
    a: Model, b: Model, data: Dataset, candidates: list[Samples], resolution: int
) -> NDArray[np.float64]:
    """Return for each plane the share of its window on which the answers differ, (n,)."""
    points = []
    for samples in candidates:
        plane = choose(PlaneSpec(kind="three samples", samples=samples), data)
        window = Window.around(plane.project(data.X_train[:1000]))
        points.append(plane.lift(window.grid(resolution)))
    return 1 - _agreement(a, b, points)


def _agreement(a: Model, b: Model, points: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return for each of several sets of points (n, d), equally large, the share of answers alike.

    All are asked for at once, shape (n_sets,).
    """
    every = np.concatenate(points)
    same = _labels(a, every) == _labels(b, every)
    return same.reshape(len(points), -1).mean(1)


def _spans_plane(data: Dataset, samples: Samples) -> bool:
    """Say whether three samples are different, of two classes or more, and span a plane."""
    if len(set(samples)) < 3 or len({int(data.y_train[i]) for i in samples}) < 2:
        return False
    corners = data.X_train[list(samples)]
    size = np.linalg.svd(corners[1:] - corners[0], compute_uv=False)
    return bool(size[1] > 1e-6 * max(1.0, size[0]))


def _labels(model: Model, X: NDArray[np.float64]) -> NDArray[np.int64]:
    return model(X).argmax(1)


def _share(own_colour: NDArray[np.bool_]) -> NDArray[np.float64]:
    if own_colour.shape[1] == 0:
        return np.full(len(own_colour), np.nan)
    return own_colour.mean(1)
