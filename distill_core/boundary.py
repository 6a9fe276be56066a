"""Response fields and boundary lines of models on a plane; arrays out, nothing drawn here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from contourpy import FillType, LineType, contour_generator
from numpy.typing import NDArray

from distill_core.networks import Stack
from distill_core.planes import Window

# Grid points per side: enough for filled contours; lines are made exact on top of it.
RESOLUTION = 100
# Points evaluated at once: keeps a wide stack's activations inside the processor's cache.
_CHUNK = 2048

# Coordinates (n, 2) float64 in, logits (n, n_classes) float64 out.
Model = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Section:
    """What one model says on the shown part of a plane.

    Parameters
    ----------
    window : Window
        The square that is shown.
    proba : ndarray of shape (n_classes, r, r), float32
        Probabilities; rows go up with v, columns with u.
    lines : ndarray of shape (m, 2), float32
        The boundary as polylines of (u, v), a row of NaN between pieces; (0, 2) if there
        is none in the window.
    """

    window: Window
    proba: NDArray[np.float32]
    lines: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class with the highest probability at each grid point, shape (r, r)."""
        return self.proba.argmax(0)

    @property
    def share(self) -> NDArray[np.float64]:
        """The share of the shown area that each class gets, shape (n_classes,)."""
        return np.bincount(self.labels.ravel(), minlength=len(self.proba)) / self.labels.size


def member_model(stack: Stack, member: int = 0) -> Model:
    """Return one network of a stack of two-input networks as a function of (u, v)."""
    return combined_model(stack.members([member]))


def combined_model(stack: Stack, combine: Literal["logits", "probabilities"] = "logits") -> Model:
    """Return a stack of two-input networks, combined to one answer, as a function of (u, v).

    With "probabilities" the returned logits are the logarithms of the mean probabilities.
    """

    def model(uv: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = []
        for part in torch.from_numpy(uv.astype(np.float32)).split(_CHUNK):
            logits = stack.logits(part).double()
            if combine == "probabilities":
                parts.append(torch.log_softmax(logits, -1).exp().mean(0).log())
            else:
                parts.append(logits.mean(0))
        return torch.cat(parts).numpy()

    return model


def section(model: Model, window: Window, resolution: int = RESOLUTION) -> Section:
    """Evaluate a model on a grid and trace where its answer changes.

    Parameters
    ----------
    model : callable
        Coordinates (n, 2) to logits (n, n_classes).
    window : Window
        The square to look at.
    resolution : int
        Grid points per side, at least 2.

    Returns
    -------
    Section
        Its line vertices lie on the model's own boundary (see `boundary_lines`).
    """
    if resolution < 2:
        raise ValueError(f"A grid needs a resolution of at least 2, got {resolution}.")
    logits = model(window.grid(resolution))
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    proba = (shifted / shifted.sum(1, keepdims=True)).T.reshape(-1, resolution, resolution)
    return Section(
        window,
        np.ascontiguousarray(proba, dtype=np.float32),
        boundary_lines(model, window, resolution, logits),
    )


def boundary_lines(
    model: Model,
    window: Window,
    resolution: int = RESOLUTION,
    logits: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Trace the lines on which a model's answer changes, shape (m, 2), NaN between pieces.

    contourpy traces the zero level of the margin between the classes on a grid; every
    vertex, which lies on a grid edge, is then moved along its edge onto the boundary by
    root finding, to within 1e-6 of the window. A piece of boundary that crosses no grid
    edge, such as an island smaller than a cell, is missed.

    Parameters
    ----------
    model : callable
        Coordinates (n, 2) to logits (n, n_classes).
    window : Window
        The square to look at.
    resolution : int
        Grid points per side.
    logits : ndarray of shape (resolution², n_classes), optional
        The model's answers on `window.grid(resolution)`, if they are known already.
    """
    if logits is None:
        logits = model(window.grid(resolution))
    n_classes = logits.shape[1]
    # With two classes one margin says it all; otherwise each class has an outline.
    outlined = range(1, 2) if n_classes == 2 else range(n_classes)
    pieces = [_trace(model, window, resolution, logits, label) for label in outlined]
    return _separated([piece for piece in pieces if len(piece)])


def disagreement(a: Section, b: Section) -> NDArray[np.float32]:
    """Return the region in which two models answer differently, as rings (m, 2).

    Outer rings run counter-clockwise and holes clockwise, a row of NaN between rings.
    Between grid points the region's edge is interpolated: it is for shading, while
    `Section.labels` is for counting.
    """
    if len(a.proba) == 2:
        field = (a.proba[1] - 0.5) * (b.proba[1] - 0.5)
        level = 0.0
    else:
        field = np.where(a.labels == b.labels, 1.0, 0.0).astype(np.float32)
        level = 0.5
    u, v = a.window.axes(field.shape[0])
    generator = contour_generator(u, v, field, fill_type=FillType.OuterOffset)
    filled = generator.filled(-np.inf, level)
    rings = [
        ring
        for polygon, cuts in zip(filled[0], filled[1], strict=True)
        for ring in np.split(polygon, cuts[1:-1].astype(int))
    ]
    return _separated(rings)


def _margin(logits: NDArray[np.float64], label: int) -> NDArray[np.float64]:
    """Return how far a class is ahead of the best other one, shape (n,)."""
    return logits[:, label] - np.delete(logits, label, axis=1).max(1)


def _trace(
    model: Model,
    window: Window,
    resolution: int,
    logits: NDArray[np.float64],
    label: int,
) -> NDArray[np.float64]:
    """Trace the outline of one class and move its vertices onto it."""
    margin = _margin(logits, label).reshape(resolution, resolution)
    generator = contour_generator(
        np.arange(resolution),
        np.arange(resolution),
        margin,
        line_type=LineType.ChunkCombinedNan,
    )
    (index,) = generator.lines(0.0)[0]
    if index is None:
        return np.empty((0, 2))
    u, v = window.axes(resolution)
    corner, step = np.array([u[0], v[0]]), np.array([u[1] - u[0], v[1] - v[0]])
    low, high = np.floor(index + 1e-9), np.ceil(index - 1e-9)
    real = ~np.isnan(index[:, 0]) & (low != high).any(1)
    vertices = corner + index * step
    if real.any():
        vertices[real] = _roots(
            lambda uv: _margin(model(uv), label),
            corner + low[real] * step,
            corner + high[real] * step,
            *(margin[end[real, 1].astype(int), end[real, 0].astype(int)] for end in (low, high)),
        )
    return vertices


def _roots(
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    score_a: NDArray[np.float64],
    score_b: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return a zero of `score` on each segment from a (n, 2) to b (n, 2), all at once.

    The Illinois variant of regula falsi: exact in two evaluations where the score is
    linear, as ReLU networks are almost everywhere, and safe where it is not.
    """
    t_a, t_b = np.zeros(len(a)), np.ones(len(a))
    t = t_a
    for _ in range(5):
        with np.errstate(invalid="ignore", divide="ignore"):
            t = (t_a * score_b - t_b * score_a) / (score_b - score_a)
        t = np.where(np.isfinite(t), t, 0.5 * (t_a + t_b))
        here = score(a + t[:, None] * (b - a))
        crossed = np.sign(here) != np.sign(score_b)
        t_a = np.where(crossed, t_b, t_a)
        score_a = np.where(crossed, score_b, 0.5 * score_a)
        t_b, score_b = t, here
        if np.abs(t_a - t_b).max(initial=0) < 1e-5:
            break
    return a + t[:, None] * (b - a)


def _separated(pieces: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Join pieces (n_i, 2) to one array with a row of NaN between them."""
    if not pieces:
        return np.empty((0, 2), dtype=np.float32)
    gap = np.full((1, 2), np.nan)
    joined = [part for piece in pieces for part in (gap, piece)][1:]
    return np.concatenate(joined).astype(np.float32)
