"""How alike decision boundaries and decision regions are: arrays in, numbers out.

A boundary is an array (m, 2) of polylines on a plane, a row of NaN between pieces; a piece
needs two vertices to be a line. Distances are in the units of the plane.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from distill_core.measures.metrics import as_labels
from distill_core.measures.spread import churn

# Samples along a boundary, per length of the larger side of both boundaries' extent.
_SAMPLES_PER_SIDE = 400
_MAX_SAMPLES = 1_000_000


@dataclass(frozen=True)
class BoundaryDistance:
    """How far two boundaries lie apart; both are NaN when one of them is empty."""

    mean: float
    hausdorff_95: float


@dataclass(frozen=True, eq=False)
class _Curve:
    """Segments (s, 2) of a boundary and points (n, 2) evenly along them, each on a segment."""

    starts: NDArray[np.float64]
    steps: NDArray[np.float64]
    points: NDArray[np.float64]
    segment: NDArray[np.intp]


def boundary_distance(a: ArrayLike, b: ArrayLike, step: float | None = None) -> BoundaryDistance:
    """Return the symmetric mean and the 95% Hausdorff distance of two boundaries.

    Points are laid evenly along each boundary, and d is the distance of a point from the
    other boundary. `mean` is the mean d over the points of both boundaries (average
    symmetric surface distance, Heimann et al. 2009); `hausdorff_95` is the larger of the
    two 95th percentiles of d, a Hausdorff distance (Huttenlocher et al. 1993) that a
    twentieth of each boundary may exceed.

    Parameters
    ----------
    a, b : array_like of shape (m, 2)
        Polylines, a row of NaN between pieces.
    step : float, optional
        Distance between the points, in units of the plane; by default a 400th of the
        larger side of the box around both. No d is too small, nor too large by more than
        half of this; where the boundaries run smoothly it is exact.

    Returns
    -------
    BoundaryDistance
        0 (the same lines) or more, in units of the plane. When one boundary is empty, or
        both are, there is no distance: NaN.

    Raises
    ------
    ValueError
        When the inputs are not polylines or the step is not positive or far too small.
    """
    segments = [_segments(lines) for lines in (a, b)]
    if not all(len(starts) for starts, _ in segments):
        return BoundaryDistance(math.nan, math.nan)
    first, second = _curves(segments, step)
    there, back = (
        np.linalg.norm(_nearest(curve.points, other) - curve.points, axis=1)
        for curve, other in ((first, second), (second, first))
    )
    mean = float(np.concatenate([there, back]).mean())
    return BoundaryDistance(mean, float(max(np.percentile(d, 95) for d in (there, back))))


def to_boundary(
    points: ArrayLike, lines: ArrayLike, step: float | None = None
) -> NDArray[np.float64]:
    """Return the vectors (n, 2) from points (n, 2) to the nearest place on a boundary.

    What `mag_sim` and `ang_sim` compare. `lines` and `step` are as in `boundary_distance`;
    the vectors are NaN when there is no boundary.

    Raises
    ------
    ValueError
        When the inputs are not finite points and polylines.
    """
    uv = np.asarray(points, dtype=float)
    if uv.ndim != 2 or uv.shape[1] != 2 or not np.isfinite(uv).all():
        raise ValueError(f"points must be finite and of shape (n, 2), got {uv.shape}.")
    segments = _segments(lines)
    if not len(segments[0]):
        return np.full_like(uv, math.nan)
    (curve,) = _curves([segments], step)
    return _nearest(uv, curve) - uv


def mag_sim(a: ArrayLike, b: ArrayLike) -> float:
    """Return how alike two models' distances to their boundaries are.

    `mean min(‖a‖, ‖b‖) / max(‖a‖, ‖b‖)` over samples; a and b are the vectors from a sample
    to the two boundaries. MagSim of Heo et al. 2019, "Knowledge distillation with
    adversarial samples supporting decision boundary", arXiv 1805.05532.

    Parameters
    ----------
    a, b : array_like of shape (n, d)
        Vectors from the same n samples. Two vectors of no length count as equally long.

    Returns
    -------
    float
        0 to 1 (equal distances).

    Raises
    ------
    ValueError
        When the inputs are not finite or their shapes differ.
    """
    lengths = np.linalg.norm(_vectors(a, b), axis=2)
    low, high = lengths.min(0), lengths.max(0)
    return float(np.divide(low, high, out=np.ones_like(low), where=high > 0).mean())


def ang_sim(a: ArrayLike, b: ArrayLike) -> float:
    """Return how alike the directions from samples to two models' boundaries are.

    `mean (1 + cos(a, b)) / 2` over samples. AngSim of Heo et al. 2019, as `mag_sim`, with
    the same parameters and errors; samples that lie on a boundary have no direction and
    are left out.

    Returns
    -------
    float
        0 (opposite) to 1 (the same directions); NaN when no sample has two directions.
    """
    pair = _vectors(a, b)
    lengths = np.linalg.norm(pair, axis=2)
    kept = lengths.min(0) > 0
    if not kept.any():
        return math.nan
    unit = pair[:, kept] / lengths[:, kept, None]
    return float(np.clip((1 + (unit[0] * unit[1]).sum(-1)) / 2, 0, 1).mean())


def reproducibility(labels: ArrayLike) -> float:
    """Return the share of a plane on which two of k models answer the same, over all pairs.

    Somepalli et al. 2022, "Can neural nets learn the same model twice?", arXiv 2203.08124,
    here on one plane; the same as 1 - churn over the grid.

    Parameters
    ----------
    labels : array_like of shape (k, r, r), int
        Labels that k >= 2 models give to the points of a grid.

    Returns
    -------
    float
        0 to 1 (all regions are equal).

    Raises
    ------
    ValueError
        When there are no two models to compare.
    """
    array = as_labels(labels, "labels")
    return 1 - churn(array.reshape(len(array), -1))


def fragmentation(labels: ArrayLike) -> int:
    """Return into how many connected regions a model cuts a plane.

    The connected components of each class, added up over classes; points that touch at a
    corner are connected, as in the authors' code (Somepalli et al. 2022, arXiv 2203.08124).

    Parameters
    ----------
    labels : array_like of shape (r, r), int
        Labels at the points of a grid.

    Returns
    -------
    int
        1 (one class everywhere) or more.

    Raises
    ------
    ValueError
        When the labels do not lie on a grid.
    """
    array = as_labels(labels, "labels")
    if array.ndim != 2:
        raise ValueError(f"labels must lie on a grid (r, r), got shape {array.shape}.")
    return sum(ndimage.label(array == c, np.ones((3, 3)))[1] for c in np.unique(array))


def _segments(lines: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the start points and the vectors to the end points of all segments, (s, 2) each."""
    vertices = np.asarray(lines, dtype=float)
    if vertices.ndim != 2 or vertices.shape[1] != 2 or np.isinf(vertices).any():
        raise ValueError(f"A boundary must have shape (m, 2) and be finite, got {vertices.shape}.")
    steps = np.diff(vertices, axis=0)
    kept = np.abs(steps).max(1, initial=0) > 1e-100  # False beside a row of NaN.
    return vertices[:-1][kept], steps[kept]


def _curves(
    segments: list[tuple[NDArray[np.float64], NDArray[np.float64]]], step: float | None
) -> list[_Curve]:
    """Lay points evenly along boundaries; the spacing is common, so that a mean is by length."""
    vertices = np.concatenate(
        [part for starts, steps in segments for part in (starts, starts + steps)]
    )
    spacing = float(np.ptp(vertices, axis=0).max()) / _SAMPLES_PER_SIDE if step is None else step
    curves = []
    for starts, steps in segments:
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(steps, axis=1))])
        if not (spacing > 0 and along[-1] / spacing <= _MAX_SAMPLES):
            raise ValueError(
                f"The step must be positive and at least a {_MAX_SAMPLES}th of the boundary's "
                f"length {along[-1]:.3g}, got {spacing}."
            )
        n = math.ceil(along[-1] / spacing)
        at = (np.arange(n) + 0.5) * (along[-1] / n)
        segment = np.clip(np.searchsorted(along, at, side="right") - 1, 0, len(starts) - 1)
        share = (at - along[segment]) / (along[segment + 1] - along[segment])
        curves.append(
            _Curve(starts, steps, starts[segment] + share[:, None] * steps[segment], segment)
        )
    return curves


def _nearest(points: NDArray[np.float64], curve: _Curve) -> NDArray[np.float64]:
    """Return the nearest place on a curve: the foot on the segment of the nearest point of it."""
    _, index = cKDTree(curve.points).query(points)
    start, step = curve.starts[curve.segment[index]], curve.steps[curve.segment[index]]
    share = ((points - start) * step).sum(1) / (step**2).sum(1)
    foot: NDArray[np.float64] = start + np.clip(share, 0, 1)[:, None] * step
    return foot


def _vectors(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return two sets of vectors as (2, n, d)."""
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.ndim != 2 or first.shape != second.shape or not first.size:
        raise ValueError(
            "Two models need vectors (n, d) from the same samples, got shapes "
            f"{first.shape} and {second.shape}."
        )
    pair = np.stack([first, second])
    if not np.isfinite(pair).all():
        raise ValueError("The vectors to a boundary must be finite, got NaN or infinity.")
    return pair
