"""Samples on a plane: by class, faded, hollow where the colour under them is not their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.figures.palette import CLASSES, COLOURS

# Pixels across a marker.
_SIZE = 7


@dataclass(frozen=True, eq=False)
class Points:
    """Samples to show on the plane.

    Parameters
    ----------
    uv : ndarray of shape (n, 2)
        Coordinates.
    y : ndarray of shape (n,), int
        Labels counted from 0.
    opacity : ndarray of shape (n,), optional
        0 (invisible) to 1; the same everywhere by default.
    answers : ndarray of shape (n,), int, optional
        The ensemble's own prediction for each sample, with all its features.
    own_colour : ndarray of shape (n,), bool, optional
        Whether that is also what the ensemble answers at the place where the sample is
        drawn; the others are drawn hollow.
    distance : ndarray of shape (n,), optional
        How far each sample lies off the plane.
    """

    uv: NDArray[np.floating[Any]]
    y: NDArray[np.int64]
    opacity: NDArray[np.floating[Any]] | None = None
    answers: NDArray[np.int64] | None = None
    own_colour: NDArray[np.bool_] | None = None
    distance: NDArray[np.floating[Any]] | None = None


def samples(points: Points, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return one trace of points per class, told apart by shape and colour."""
    own_colour = np.ones(len(points.y), bool) if points.own_colour is None else points.own_colour
    hover = _hover(points, names)
    traces: list[dict[str, Any]] = []
    for label, name in enumerate(names):
        mine = np.flatnonzero((points.y == label) & own_colour)
        # From left to right: the order means nothing, and such numbers compress better.
        mine = mine[np.argsort(points.uv[mine, 0])]
        symbol, colour, _ = CLASSES[label]
        rim = {"width": 0.8, "color": COLOURS["rim"][0]}
        marker = {"symbol": symbol, "color": colour, "opacity": 0.85, "line": rim}
        trace: dict[str, Any] = {"uid": f"class-{label}", "name": name}
        traces.append(trace | _markers(points, mine, marker) | _hover_text(hover, mine))
    if points.own_colour is not None:
        # Hollow, on a colour that is not their own prediction.
        astray = np.flatnonzero(~own_colour)
        looks = [CLASSES[label] for label in points.y[astray]]
        marker = {
            "symbol": [f"{symbol}-open" for symbol, _, _ in looks] or "circle-open",
            "color": [colour for _, colour, _ in looks] or CLASSES[0][1],
            "opacity": 1.0,
            "line": {"width": 1.8},
        }
        trace = {"uid": "astray", "name": "hollow: on a colour not its own", "showlegend": True}
        traces.append(trace | _markers(points, astray, marker) | _hover_text(hover, astray))
    return traces


def _markers(points: Points, mine: NDArray[np.int64], marker: dict[str, Any]) -> dict[str, Any]:
    """Return some of the samples as markers that look so, faded as they are to be."""
    if points.opacity is not None:
        marker = marker | {"opacity": points.opacity[mine].astype(np.float32)}
    u, v = points.uv[mine].astype(np.float32).T
    return {
        "type": "scatter",
        "mode": "markers",
        "x": u,
        "y": v,
        "marker": marker | {"size": _SIZE},
    }


def _hover(points: Points, names: Sequence[str]) -> NDArray[np.object_] | None:
    """Return what to say of each sample, if more is known of it than its class."""
    if points.answers is None or points.own_colour is None or points.distance is None:
        return None
    texts = np.empty(len(points.y), dtype=object)
    for i, (label, answer, own, far) in enumerate(
        zip(points.y, points.answers, points.own_colour, points.distance, strict=True)
    ):
        under = "the colour under it" if own else "not the colour under it"
        texts[i] = (
            f"<b>own prediction: {names[answer]}</b>, {under}<br>label: {names[label]}<br>"
            f"{far:.1f} off the plane"
        )
    return texts


def _hover_text(hover: NDArray[np.object_] | None, mine: NDArray[np.int64]) -> dict[str, Any]:
    if hover is None:
        return {"hoverinfo": "skip"}
    return {"hovertext": hover[mine].tolist(), "hovertemplate": "%{hovertext}<extra></extra>"}
