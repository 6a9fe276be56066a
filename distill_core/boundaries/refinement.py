"""A model's answers on a fine grid, asked for only near its boundary; no lines here."""

import itertools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from distill_core.geometry.planes import Window

# Points per side of the coarse grid, at least; fine points for each coarse one.
COARSEST, FINE_PER_COARSE = 34, 4

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
# Coordinates (n, 2) in, logits (n, n_classes) out.
Model = Callable[[Numbers], Numbers]


def refine(model: Model, window: Window, resolution: int) -> NDArray[np.float64]:
    """Return logits on `window.grid(resolution)`, shape (resolution², n_classes).

    The model is asked on a coarse grid, of 34 points per side or a quarter of the
    resolution, whichever is more. A cell whose corners differ in their answer is halved,
    and its parts in turn, down to the fine grid. Where the boundary then leaves through an
    edge whose two ends agree, the coarse cell beyond is asked at all its fine points, and
    so on until nothing leaves: a boundary that is found is followed to its end. Wherever
    neighbours on the fine grid differ in their answer, both logits are the model's own;
    elsewhere they may be those of a place nearby with the same answer.

    Missed is an island that shows at no point that is asked, if no boundary that is found
    leads to it: one that fits between the points of the coarse grid, however long it is in
    the other direction. A disc is found for certain when its diameter is more than the
    diagonal of a coarse cell, 4.3% of the window's width at resolution 100.
    """
    levels = _levels(resolution)
    u, v = window.axes(resolution)
    labels = np.full((resolution, resolution), -1, dtype=np.int16)
    logits = np.empty((resolution, resolution, 0))

    def ask(wanted: Mask) -> None:
        nonlocal logits
        rows, columns = np.nonzero(wanted)
        answers = model(np.stack([u[columns], v[rows]], axis=1))
        if not logits.size:
            logits = np.empty((resolution, resolution, answers.shape[1]))
        logits[rows, columns], labels[rows, columns] = answers, answers.argmax(1)

    ask(_spread_cells(np.ones((1, 1), bool), levels[0][[0, -1]], levels[0], resolution))
    for coarse, fine in itertools.pairwise(levels):
        mixed, _ = _corners(labels[np.ix_(coarse, coarse)])
        wanted = _spread_cells(mixed, coarse, fine, resolution) & (labels < 0)
        if wanted.any():
            ask(wanted)
    while (leaves := _find_leaving_cells(labels, levels)).any():
        ask(_spread_cells(leaves, levels[0], levels[-1], resolution) & (labels < 0))
    return logits.reshape(resolution**2, -1)[_find_known_points(labels >= 0, levels)]


def _levels(resolution: int) -> list[Indices]:
    """Return, from coarse to fine, which rows and columns of the fine grid each level has."""
    n = min(resolution, max(COARSEST, math.ceil(resolution / FINE_PER_COARSE)))
    levels = [np.linspace(0, resolution - 1, n).round().astype(np.int64)]
    while len(levels[-1]) < resolution:
        ticks = levels[-1]
        levels.append(np.union1d(ticks, (ticks[:-1] + ticks[1:]) // 2))
    return levels


def _corners(labels: NDArray[np.int16]) -> tuple[Mask, Mask]:
    """Say of each cell between points (r, r) whether known corners differ, and all are known."""
    unknown = labels.dtype.type(np.iinfo(labels.dtype).max)
    low, high, least = np.where(labels < 0, unknown, labels), labels, labels
    for _ in range(2):
        low = np.minimum(low[1:], low[:-1]).T
        high = np.maximum(high[1:], high[:-1]).T
        least = np.minimum(least[1:], least[:-1]).T
    return (low < high) & (high >= 0), least >= 0


def _spread_cells(cells: Mask, ticks: Indices, fine: Indices, resolution: int) -> Mask:
    """Return the points of a finer level in some cells of a level, edges included."""
    counts = np.diff(np.searchsorted(fine, ticks))
    cells = np.repeat(np.repeat(cells, counts, 0), counts, 1)
    points = np.zeros((len(fine), len(fine)), dtype=bool)
    for rows, columns in itertools.product((slice(None, -1), slice(1, None)), repeat=2):
        points[rows, columns] |= cells
    if len(fine) == resolution:
        return points
    spread = np.zeros((resolution, resolution), dtype=bool)
    spread[np.ix_(fine, fine)] = points
    return spread


def _find_leaving_cells(labels: NDArray[np.int16], levels: list[Indices]) -> Mask:
    """Return the coarse cells into which a known boundary leads, but not all the way."""
    differ, complete = _corners(labels)
    rows, columns = np.nonzero(differ & ~complete)
    coarse = levels[0]
    cells = np.zeros((len(coarse) - 1, len(coarse) - 1), dtype=bool)
    cells[tuple(np.searchsorted(coarse, at, "right") - 1 for at in (rows, columns))] = True
    return cells


def _find_known_points(known: Mask, levels: list[Indices]) -> Indices:
    """Return for each point, row by row, the number of a known point: itself if it is known.

    Else a corner of the smallest cell around it, which was not halved: all that is known
    in it has the same answer.
    """
    numbers = np.arange(known.size).reshape(known.shape)
    source = numbers[np.ix_(levels[0], levels[0])]
    for coarse, fine in itertools.pairwise(levels):
        corner, here = np.searchsorted(coarse, fine, "right") - 1, np.ix_(fine, fine)
        source = np.where(known[here], numbers[here], source[corner][:, corner])
    return source.ravel()
