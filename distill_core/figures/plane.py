"""The picture: what ensemble and students say on the shown part of a plane."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distill_core.figures.fields import field, levels, regions
from distill_core.figures.palette import COLOURS, escape, ground, square_axes
from distill_core.figures.samples import Points, samples

if TYPE_CHECKING:
    from distill_core.boundaries.section import Section
    from distill_core.geometry.planes import Window

_NOTHING: Mapping[str, Any] = {}


def boundary_layers(
    ensemble: "Section",
    student: "Section | None" = None,
    *,
    twin: "Section | None" = None,
    teachers: NDArray[np.float32] | None = None,
    disagreement: NDArray[np.float32] | None = None,
    points: Points | None = None,
    pinned: NDArray[np.float32] | None = None,
    pinned_name: str = "pinned student",
    drawn: Mapping[str, tuple[str, NDArray[np.floating[Any]]]] = _NOTHING,
    marked: tuple[float, float] | None = None,
    corners: NDArray[np.float64] | None = None,
    student_levels: bool = False,
    class_names: Sequence[str] = ("class 0", "class 1"),
    axis_titles: tuple[str, str] = ("u (slice units)", "v (slice units)"),
    units: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> dict[str, Any]:
    """Draw what the ensemble and the student say on the shown part of a plane.

    Plain dicts, not Plotly's own objects: it takes Plotly about 10 ms to validate a picture.

    Each layer is one legend item, and the `uid` of its trace is its name: "field",
    "levels", "disagreement", "class-0", ..., "teachers", "pinned", "twin", "ensemble",
    "student", "class-drawn", "drawn", "marked", "corners", and "astray" for samples on
    another's colour.

    Parameters
    ----------
    ensemble, student, twin : Section
        The ensemble's probabilities become filled contours, everyone's boundary a line.
        With more than two classes the regions have class colours, paler where the
        ensemble is less sure.
    teachers, pinned : ndarray of shape (m, 2), optional
        Boundaries of all teachers and of a pinned student, a row of NaN between pieces.
    disagreement : ndarray of shape (m, 2), optional
        Rings from `boundaries.disagreement`.
    points : Points, optional
        Samples by class.
    pinned_name : str
        What the legend calls the pinned student.
    drawn : mapping of str to (str, ndarray of shape (m, 2))
        Predicted lines: under "drawn" a visitor's own, under "class-drawn" those of a class, with
        what the legend calls them.
    marked : tuple of float, optional
        A location (u, v) to mark.
    corners : ndarray of shape (3, 2), optional
        The samples that the plane goes through, numbered from 1.
    student_levels : bool
        Whether to draw the student's levels .1, .2, ... as thin lines (two classes only).
    units : ((float, float), (float, float)), optional
        Of each axis the value at 0 and what one standard deviation is, in units of its own.
    class_names, axis_titles : sequence of str
        Shown letter by letter, whatever they contain.

    Returns
    -------
    dict
        The traces ("data") and "layout" of a figure: a square with equal axes, fixed to the
        ensemble's window.
    """
    names = [escape(name) for name in class_names]
    binary = len(ensemble.proba) == 2
    shown = [ensemble] if student is None else [ensemble, student]
    traces = [field(shown, names) if binary else regions(shown, names)]
    if student_levels and student is not None and binary:
        traces.append(levels(student))
    if disagreement is not None:
        traces.append(_shade(disagreement))
    if points is not None or not binary:
        # Without samples the class markers still say which colour is which class.
        traces += samples(points or Points(np.empty((0, 2)), np.empty(0, np.int64)), names)
    if teachers is not None:
        traces.append(_line("teachers", "each teacher", teachers, width=1))
    if pinned is not None:
        name = escape(pinned_name)
        traces.append(_line("pinned", name, pinned, colour="student", width=2, dash="dot"))
    if twin is not None:
        traces.append(_line("twin", "twin (hard labels)", twin.lines, width=2.2, dash="8px,5px"))
    traces.append(_line("ensemble", "ensemble", ensemble.lines, width=4.4))
    if student is not None:
        traces.append(_line("student", "student", student.lines, width=2.6))
    for uid, (name, lines) in drawn.items():
        width = 2.4 if uid == "drawn" else 1.4
        traces.append(_line(uid, escape(name), lines, width=width, dash="dot"))
    if marked is not None:
        traces.append(_mark(marked))
    if corners is not None:
        traces.append(_corners(corners))
    for trace in traces:
        trace["legendrank"] = _rank(trace["uid"])
    layout = _lay_out(ensemble.window, axis_titles, units)
    if binary:
        text = f"ensemble: probability of {names[1]}"
        place = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "yshift": 36}
        paper = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 13}}
        layout["annotations"] = [{"text": text, **paper, **place}]
    return {"data": traces, "layout": layout}


def _rank(uid: str) -> int:
    """Return a layer's place in the legend: who is compared first, then the ground."""
    first = ("ensemble", "student", "twin", "pinned", "disagreement", "teachers", "levels", "field")
    return first.index(uid) if uid in first else len(first)


def _scatter(uid: str, name: str, places: NDArray[Any], mode: str, **look: Any) -> dict[str, Any]:
    """Return a trace at places (n, 2) that says nothing when it is hovered."""
    place = {"type": "scatter", "uid": uid, "name": name, "x": places[:, 0], "y": places[:, 1]}
    return place | {"mode": mode, "hoverinfo": "skip", "showlegend": True} | look


def _shade(rings: NDArray[np.float32]) -> dict[str, Any]:
    """Return the region where the answers differ, hatched."""
    pattern = {"shape": "/", "size": 7, "solidity": 0.2, "fgcolor": COLOURS["hatch"][0]}
    return _scatter(
        "disagreement",
        "disagreement",
        rings,
        "lines",
        line={"width": 0, "color": COLOURS["hatch"][0]},
        fill="toself",
        fillcolor=COLOURS["hatched"][0],
        fillpattern=pattern | {"bgcolor": COLOURS["hatched"][0]},
    )


def _line(
    uid: str,
    name: str,
    lines: NDArray[np.floating[Any]],
    *,
    width: float,
    dash: str = "solid",
    colour: str | None = None,
) -> dict[str, Any]:
    """Return a boundary; the legend says so when there is none to be seen."""
    name = name if len(lines) else f"{name}: one answer everywhere"
    line = {"color": COLOURS[colour or uid][0], "width": width, "dash": dash}
    return _scatter(uid, name, lines, "lines", line=line)


def _mark(place: tuple[float, float]) -> dict[str, Any]:
    return _scatter(
        "marked",
        "clicked place",
        np.array([place], dtype=np.float32),
        "markers",
        marker={
            "symbol": "circle-cross-open",
            "size": 17,
            "color": COLOURS["ensemble"][0],
            "line": {"width": 2, "color": COLOURS["ensemble"][0]},
        },
    )


def _corners(places: NDArray[np.float64]) -> dict[str, Any]:
    """Return the samples that a plane goes through as a triangle with numbered corners."""
    return _scatter(
        "corners",
        "the plane’s three samples",
        np.vstack([places, places[:1]]).astype(np.float32),
        "lines+markers+text",
        text=["1", "2", "3", ""],
        textposition="middle center",
        textfont={"size": 11, "color": COLOURS["ensemble"][0]},
        line={"width": 1, "dash": "dot", "color": COLOURS["muted"][0]},
        marker={
            "symbol": "circle",
            "size": [18, 18, 18, 0],
            "color": COLOURS["paper"][0],
            "line": {"width": 2, "color": COLOURS["ensemble"][0]},
        },
    )


def _lay_out(
    window: "Window",
    axis_titles: tuple[str, str],
    units: tuple[tuple[float, float], tuple[float, float]] | None,
) -> dict[str, Any]:
    axes = square_axes(window, axis_titles, nticks=8)
    own: dict[str, Any] = {}
    if units is not None:
        # The browser names places in them.
        own["meta"] = {"units": [list(pair) for pair in units]}
        axes["xaxis"] |= _tick(window.u, window.half, *units[0])
        axes["yaxis"] |= _tick(window.v, window.half, *units[1])
    axes["yaxis"]["constraintoward"] = "top"
    return {
        **ground() | {"template": {}},
        **axes,
        **own,
        "margin": {"l": 52, "r": 14, "t": 66, "b": 50},
        "hovermode": "closest",
        "dragmode": "zoom",
        # A new window starts afresh; otherwise the visitor's zoom outlives every update.
        "uirevision": f"{window.u:g} {window.v:g} {window.half:g}",
        "legend": {"orientation": "h", "x": 0, "y": -0.12, "yanchor": "top"},
    }


def _tick(centre: float, half: float, mean: float, scale: float) -> dict[str, Any]:
    """Return round ticks of `mean + scale * u` where u is shown; some beside, for the zoom out."""
    step = 10.0 ** np.floor(np.log10(2 * half * scale / 4))
    # The finest of 1, 2 and 5 that makes no more than eight.
    step *= next((k for k in (1, 2, 5) if 2 * half * scale / (k * step) <= 8), 10)
    low, high = (mean + scale * (centre + side * 3 * half) for side in (-1, 1))
    values = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
    # As many digits as tell neighbours apart, of years or of nanometres.
    largest = np.abs(values).max(initial=step)
    digits = max(6, 1 + int(np.ceil(np.log10(largest / step))))
    texts = [f"{value:.{digits}g}" for value in values + 0.0]
    return {"tickmode": "array", "tickvals": (values - mean) / scale, "ticktext": texts}
