"""Response fields and boundary lines of models on a plane; arrays out, nothing drawn here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from contourpy import FillType, contour_generator
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.special import softmax

from distill_core.boundaries.refinement import Model
from distill_core.boundaries.tracing import RESOLUTION, boundary_lines, join_lines
from distill_core.geometry.planes import Window
from distill_core.learning.networks import Stack

if TYPE_CHECKING:
    from contourpy._contourpy import FillReturn_OuterOffset

# Points evaluated at once, over all networks of a stack: keeps its activations inside the
# processor's cache. Below the second number calls take more time than that saves.
_CHUNK, _SMALLEST_CHUNK = 3072, 128
# Grid steps per step for regions of disagreement, which may be thin.
_FINER = 3


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

    def agreement(self, other: "Section") -> float:
        """Return the share of the shown area on which another model answers the same, 0 to 1."""
        return float((self.labels == other.labels).mean())

    def thin(self, resolution: int) -> "Section":
        """Return the same section with every k-th grid point only; its lines stay as they are.

        Raises ValueError when a grid of this resolution has other points.
        """
        k, rest = divmod(self.proba.shape[-1] - 1, resolution - 1)
        if rest:
            raise ValueError(f"A grid of {self.proba.shape[-1]} has no grid of {resolution} in it.")
        return Section(self.window, self.proba[:, ::k, ::k], self.lines)


def member_model(stack: Stack, member: int = 0) -> Model:
    """Return one network of a stack of two-input networks as a function of (u, v)."""
    return combined_model(stack.members([member]))


def combined_model(stack: Stack, combine: Literal["logits", "probabilities"] = "logits") -> Model:
    """Return a stack of two-input networks, combined to one answer, as a function of (u, v).

    With "probabilities" the returned logits are the logarithms of the mean probabilities.
    """
    chunk = max(_SMALLEST_CHUNK, _CHUNK // stack.k)

    def model(uv: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = []
        for part in torch.from_numpy(uv.astype(np.float32)).split(chunk):
            logits = stack.logits(part).double()
            if combine == "probabilities":
                parts.append(torch.log_softmax(logits, -1).exp().mean(0).log())
            else:
                parts.append(logits.mean(0))
        return torch.cat(parts).numpy()

    return model


def section(model: Model, window: Window, resolution: int = RESOLUTION) -> Section:
    """Evaluate a model on a grid and trace where its answer changes (see `boundary_lines`).

    Raises ValueError for fewer than 2 grid points per side.
    """
    if resolution < 2:
        raise ValueError(f"A grid needs a resolution of at least 2, got {resolution}.")
    logits = model(window.grid(resolution))
    proba = softmax(logits, axis=1).T.reshape(-1, resolution, resolution)
    return Section(
        window,
        np.ascontiguousarray(proba, dtype=np.float32),
        boundary_lines(model, window, resolution, logits),
    )


def disagreement(a: Section, b: Section) -> NDArray[np.float32]:
    """Return the region in which two models answer differently, as rings (m, 2).

    Outer rings run counter-clockwise and holes clockwise, a row of NaN between rings.
    Between grid points the region's edge is interpolated: it is for shading, while
    `Section.labels` is for counting.
    """
    both = np.stack([a.proba, b.proba])
    on_top = np.unique(both.argmax(1))
    if len(on_top) == 1:
        return join_lines([])
    # Positive where some class is ahead of its rivals in both models, and continuous. Each
    # model is interpolated for itself: strips thinner than a cell are seen between them.
    field = np.minimum(*(_lead(_interpolate(proba[on_top])) for proba in both)).max(0)
    u, v = a.window.axes(field.shape[0])
    generator = contour_generator(u, v, field, fill_type=FillType.OuterOffset)
    points, offsets = cast("FillReturn_OuterOffset", generator.filled(-np.inf, 0.0))
    rings = [
        ring
        for polygon, cuts in zip(points, offsets, strict=True)
        for ring in np.split(polygon, cuts[1:-1].astype(int))
    ]
    return join_lines(rings)


def one_versus_rest(seen: Section, label: int) -> Section:
    """Return one class against its strongest rival as a section of two classes.

    The new class 1 has the probability `p_c / (p_c + max_other p)`: it is more than one
    half exactly where the model answers c, and the lines are those that border c.
    """
    own = seen.proba[label].astype(float)
    # Two probabilities that are both too small for a float32 say nothing: one half each.
    rival = np.delete(seen.proba, label, axis=0).max(0)
    one = np.divide(own, own + rival, out=np.full_like(own, 0.5), where=own + rival > 0)
    proba = np.stack([1 - one, one]).astype(np.float32)
    lines = _select_bordering(seen, label) if len(seen.lines) else seen.lines
    return Section(seen.window, proba, lines)


def _interpolate(proba: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities (n, r, r) on a grid `_FINER` times as fine, linear in between."""
    for _ in range(2):
        low, high = proba[..., :-1, None], proba[..., 1:, None]
        between = low + np.arange(_FINER, dtype=np.float32) / _FINER * (high - low)
        lines = between.reshape(*proba.shape[:-1], -1)
        proba = np.concatenate([lines, proba[..., -1:]], axis=-1).swapaxes(1, 2)
    return proba


def _lead(proba: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far each class is ahead of its strongest rival, shape (n_classes, r, r)."""
    top = proba.max(0)
    own = proba == top
    return proba - np.where(own, np.where(own, 0, proba).max(0), top)


def _select_bordering(seen: Section, label: int) -> NDArray[np.float32]:
    """Return those pieces of the lines that have a class on one of their sides."""
    u, v = seen.window.axes(seen.proba.shape[-1])
    index = (seen.lines - [u[0], v[0]]) / [u[1] - u[0], v[1] - v[0]]
    log_proba = np.log(np.maximum(seen.proba, 1e-30))
    # Each piece is between the two classes that are highest along it.
    where = index.T[::-1]
    along = np.array([map_coordinates(p, where, order=1, mode="nearest") for p in log_proba])
    gaps = np.flatnonzero(np.isnan(seen.lines[:, 0]))
    chosen = []
    for part, heights in zip(np.split(seen.lines, gaps), np.split(along, gaps, 1), strict=True):
        real = ~np.isnan(part[:, 0])
        if label in heights[:, real].mean(1).argsort()[-2:]:
            chosen.append(part[real])
    return join_lines(chosen)
