"""The lines on which a model's answer changes, with vertices on the model's own boundary."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from contourpy import LineType, contour_generator
from numpy.typing import NDArray

from distill_core.boundaries.refinement import Indices, Mask, Model, Numbers, refine
from distill_core.geometry.planes import Window

# Grid points per side: enough for filled contours; lines are made exact on top of it.
RESOLUTION = 100
# Grid edges: the width of a bracket at which a vertex is done, 1e-6 of the window; and steps.
_CLOSE, _MOST_STEPS = 1e-4, 40


def boundary_lines(
    model: Model,
    window: Window,
    resolution: int = RESOLUTION,
    logits: Numbers | None = None,
) -> NDArray[np.float32]:
    """Trace the lines on which a model's answer changes, shape (m, 2), NaN between pieces.

    Coarse to fine: `refine` asks the model on a coarse grid and near the boundary on a
    fine one. For every two classes that meet, contourpy traces the zero level of their
    margin on the fine grid; every vertex, which lies on a grid edge, is then moved along
    its edge onto the boundary by root finding, to within a ten-thousandth of that edge.
    Where a third class takes over, the piece ends. Each boundary is drawn once, and each
    piece is between one pair of classes. Missed is a piece that crosses no edge of the
    fine grid, and an island between the points of the coarse one, for which see `refine`.

    Parameters
    ----------
    model : callable
        Coordinates (n, 2) to logits (n, n_classes).
    window : Window
        The square to look at.
    resolution : int
        Points per side of the fine grid.
    logits : ndarray of shape (resolution², n_classes), optional
        The model's answers on `window.grid(resolution)`, if they are known already: the
        model is then asked by the root finding alone, and no island is too small for the
        coarse grid.
    """
    if logits is None:
        logits = refine(model, window, resolution)
    grid = logits.reshape(resolution, resolution, -1)
    many = grid.shape[-1] > 2
    pairs = _find_meeting_classes(grid.argmax(-1)) if many else [(0, 1)]
    traces = [_trace_pair(grid, pair) for pair in pairs]
    if not sum(map(len, traces)):
        return np.empty((0, 2), dtype=np.float32)
    index = np.concatenate(traces)[:-1]
    pair = np.repeat(np.array(pairs), [len(trace) for trace in traces], axis=0)[:-1]
    near = _is_near_top(grid, index, pair) if many else ~np.isnan(index[:, 0])
    vertices = _move_onto_boundary(model, window, grid, index, pair, near)
    if many:
        vertices = _cut(model, vertices, pair, near)
    return vertices.astype(np.float32)


def join_lines(pieces: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Join pieces (n_i, 2) to one array with a row of NaN between them."""
    if not pieces:
        return np.empty((0, 2), dtype=np.float32)
    gap = np.full((1, 2), np.nan)
    joined = [part for piece in pieces for part in (gap, piece)][1:]
    return np.concatenate(joined).astype(np.float32)


def _find_meeting_classes(labels: Indices) -> list[tuple[int, int]]:
    """Return the pairs of classes that are neighbours on a grid of labels (r, r)."""
    n = int(labels.max()) + 1
    sides = ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1]))
    codes = [(n * np.minimum(a, b) + np.maximum(a, b)).ravel() for a, b in sides]
    pairs = [divmod(int(code), n) for code in np.unique(np.concatenate(codes))]
    return [(low, high) for low, high in pairs if low != high]


def _trace_pair(grid: Numbers, pair: tuple[int, int]) -> Numbers:
    """Trace where two classes are level: grid indices (m, 2), a row of NaN after each line."""
    r = len(grid)
    generator = contour_generator(
        np.arange(r),
        np.arange(r),
        grid[..., pair[1]] - grid[..., pair[0]],
        line_type=LineType.ChunkCombinedNan,
    )
    (index,) = generator.lines(0.0)[0]
    return np.empty((0, 2)) if index is None else np.vstack([index, [[np.nan, np.nan]]])


def _ends(index: Numbers) -> tuple[Numbers, Numbers]:
    """Return the two ends of the grid edge on which each vertex lies; equal at a grid point."""
    return np.floor(index + 1e-9), np.ceil(index - 1e-9)


def _is_near_top(grid: Numbers, index: Numbers, pair: Indices) -> Mask:
    """Say of each vertex whether one of its two classes is on top at an end of its edge, (m,).

    The others lie where the two classes are level below a third one.
    """
    labels = grid.argmax(-1)
    near = np.zeros(len(index), dtype=bool)
    real = ~np.isnan(index[:, 0])
    for end in _ends(index[real]):
        here = labels[end[:, 1].astype(int), end[:, 0].astype(int)]
        near[real] |= (pair[real] == here[:, None]).any(1)
    return near


def _move_onto_boundary(
    model: Model, window: Window, grid: Numbers, index: Numbers, pair: Indices, chosen: Mask
) -> Numbers:
    """Return the vertices in slice units, the chosen ones moved onto the boundary, (m, 2)."""
    u, v = window.axes(len(grid))
    corner, step = np.array([u[0], v[0]]), np.array([u[1] - u[0], v[1] - v[0]])
    low, high = _ends(index)
    real = chosen & (low != high).any(1)
    vertices = corner + index * step
    if real.any():
        vertices[real] = _roots(
            lambda uv, rows: _margin(model(uv), pair[real][rows]),
            corner + low[real] * step,
            corner + high[real] * step,
            *(
                _margin(grid[end[real, 1].astype(int), end[real, 0].astype(int)], pair[real])
                for end in (low, high)
            ),
        )
    return vertices


def _cut(model: Model, vertices: Numbers, pair: Indices, near: Mask) -> Numbers:
    """Keep of the lines (m, 2) what is boundary: where their two classes are the top two.

    A line ends on the boundary of the third class that takes over.
    """
    valid = near.copy()
    valid[near] = _lead(model(vertices[near]), pair[near]) >= 0
    gap = np.isnan(vertices[:, 0])
    leaves = np.flatnonzero((valid[:-1] != valid[1:]) & ~gap[:-1] & ~gap[1:])
    inside = np.where(valid[leaves], leaves, leaves + 1)
    outside = np.where(valid[leaves], leaves + 1, leaves)
    ends = vertices[outside]
    if len(leaves):
        a, pairs = vertices[inside], pair[inside]
        lead_a, lead_b = (_lead(model(x), pairs) for x in (a, ends))
        found = _roots(lambda uv, rows: _lead(model(uv), pairs[rows]), a, ends, lead_a, lead_b)
        # On a sliver between two grid points the outer vertex itself is still boundary.
        ends = np.where((lead_b < 0)[:, None], found, ends)
    kept = np.insert(np.where(valid[:, None], vertices, np.nan), leaves + 1, ends, axis=0)
    real = ~np.isnan(kept[:, 0])
    # One gap is enough, and none at the beginning and the end.
    kept = kept[real | np.r_[False, real[:-1]]]
    return kept[:-1] if len(kept) and np.isnan(kept[-1, 0]) else kept


def _margin(logits: Numbers, pair: Indices) -> Numbers:
    """Return how far the second class of each row's pair is ahead of the first, shape (n,)."""
    rows = np.arange(len(logits))
    return logits[rows, pair[:, 1]] - logits[rows, pair[:, 0]]


def _lead(logits: Numbers, pair: Indices) -> Numbers:
    """Return how far the better class of each row's pair is ahead of all others, shape (n,)."""
    top = np.take_along_axis(logits, pair, 1).max(1)
    others = logits.copy()
    np.put_along_axis(others, pair, -np.inf, 1)
    return top - others.max(1)


def _roots(
    score: Callable[[Numbers, Indices], Numbers],
    a: Numbers,
    b: Numbers,
    score_a: Numbers,
    score_b: Numbers,
) -> Numbers:
    """Return a zero of `score(points, rows)` on each segment from a (n, 2) to b (n, 2).

    The Illinois variant of regula falsi, every third step a bisection. Each estimate is
    pushed a hair towards the far end of its bracket: where the score is linear, as in ReLU
    networks almost everywhere, the second one lies beyond the zero and proves the first.
    """
    t, rows = np.empty(len(a)), np.arange(len(a))
    t_a, t_b = np.zeros(len(a)), np.ones(len(a))
    for step in range(_MOST_STEPS):
        if step % 3 == 2:
            guess = 0.5 * (t_a + t_b)
        else:
            pushed = _crossing(t_a, t_b, score_a, score_b) + _CLOSE / 4 * np.sign(t_a - t_b)
            guess = np.clip(pushed, np.minimum(t_a, t_b), np.maximum(t_a, t_b))
        here = score(a[rows] + guess[:, None] * (b[rows] - a[rows]), rows)
        crossed = np.sign(here) != np.sign(score_b)
        t_a = np.where(crossed, t_b, t_a)
        score_a = np.where(crossed, score_b, 0.5 * score_a)
        t_b, score_b = guess, here
        t[rows] = _crossing(t_a, t_b, score_a, score_b)
        wide = np.abs(t_a - t_b) > _CLOSE
        if not wide.any():
            break
        rows = rows[wide]
        t_a, t_b, score_a, score_b = t_a[wide], t_b[wide], score_a[wide], score_b[wide]
    return a + np.clip(t, 0, 1)[:, None] * (b - a)


def _crossing(t_a: Numbers, t_b: Numbers, score_a: Numbers, score_b: Numbers) -> Numbers:
    """Return where the chord between two scores is zero, else the middle, (n,)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        t = (t_a * score_b - t_b * score_a) / (score_b - score_a)
    return np.where(np.isfinite(t), t, 0.5 * (t_a + t_b))
