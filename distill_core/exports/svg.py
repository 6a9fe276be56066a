"""The plane as SVG, drawn from stored arrays: no browser, no script, light on ink."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from contourpy import FillType, contour_generator
from numpy.typing import NDArray

from distill_core.boundaries.section import Section
from distill_core.figures.palette import CLASSES, COLOURS, REGIONS, rgb

if TYPE_CHECKING:
    from contourpy._contourpy import FillReturn_OuterOffset

# Units across the square of a plane, and below it for the names of what is drawn.
_SIDE, _LINE_HEIGHT = 400, 18
# Characters of a name.
_MAX_NAME = 40
_FONT = "font-family='system-ui, sans-serif' font-size='12'"
TEXT, _MUTED, _FRAME = (COLOURS[name][0] for name in ("text", "muted", "frame"))
# Of each model's line: colour, width, dash.
LINES = {
    "ensemble": (COLOURS["ensemble"][0], 2.2, ""),
    "student": (COLOURS["student"][0], 2.2, ""),
    "twin": (COLOURS["twin"][0], 1.8, "7,5"),
}
# How pale the ground is: it is to be printed.
_PALE = 0.55


def escape(text: object) -> str:
    """Return a text as one line of HTML and XML letters, not too long: never markup."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[:400]).split())
    return html.escape(line, quote=True)


def shorten(name: str) -> str:
    """Return a name of a class or a column short enough for a picture, escaped."""
    return escape(name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…")


def draw_plane(
    whole: Section,
    lines: Mapping[str, NDArray[np.float32]],
    class_names: Sequence[str],
    uv: NDArray[np.floating[Any]],
    y: NDArray[np.integer[Any]],
    title: str,
) -> str:
    """Return the ensemble's answers as a pale ground with boundaries and samples over it.

    Parameters
    ----------
    whole : Section
        The ensemble on the plane.
    lines : mapping of str to ndarray of shape (m, 2)
        Boundaries by model: "twin", "ensemble", "student", drawn in this order.
    class_names : sequence of str
        As they are; escaped here.
    uv, y : ndarray of shape (n, 2) and (n,)
        Samples to show, and their labels.
    title : str
        What is seen, as plain text.
    """
    window = whole.window
    low = np.array([window.u - window.half, window.v - window.half])

    def place(points: NDArray[Any]) -> NDArray[np.float64]:
        xy = (np.asarray(points, float) - low) / (2 * window.half) * _SIDE
        return np.column_stack([xy[:, 0], _SIDE - xy[:, 1]])

    parts = [f"<rect width='{_SIDE}' height='{_SIDE}' fill='#fff'/>"]
    parts += _ground(whole, place)
    inside = (np.abs(uv - [window.u, window.v]) < window.half).all(1)
    for (x, up), label in zip(place(uv[inside]), y[inside], strict=True):
        parts.append(_marker(int(label), x, up))
    for name in ("twin", "ensemble", "student"):
        if len(lines.get(name, ())):
            parts.append(polyline(place(lines[name]), *LINES[name]))
    frame = f"<rect width='{_SIDE}' height='{_SIDE}' fill='none' stroke='{_FRAME}'/>"
    key, height = _write_key(class_names, lines)
    clip = f"<clipPath id='square'><rect width='{_SIDE}' height='{_SIDE}'/></clipPath>"
    return wrap(
        f"{clip}<g clip-path='url(#square)'>{''.join(parts)}</g>{frame}{key}",
        _SIDE,
        height,
        title,
    )


def _ground(whole: Section, place: Callable[[NDArray[Any]], NDArray[np.float64]]) -> list[str]:
    """Return the ensemble's answers as filled areas, pale where it is less sure."""
    u, v = whole.window.axes(whole.proba.shape[-1])
    parts = []
    if len(whole.proba) == 2:
        layers = [
            (
                whole.proba[1].astype(float),
                low,
                low + 0.1 if low < 0.85 else 1.01,
                _field(low + 0.05),
            )
            for low in np.linspace(0, 0.9, 10)
        ]
        layers[0] = (layers[0][0], -0.01, *layers[0][2:])
    else:
        best = whole.proba.max(0)
        layers = []
        for label, proba in enumerate(whole.proba):
            lead = (proba - np.delete(whole.proba, label, axis=0).max(0)).astype(float)
            sure = np.where(lead >= 0, best, -best)
            (pale, _), (full, _) = REGIONS[label]
            layers.append((lead, 0.0, np.inf, pale))
            layers.append((sure.astype(float), 0.8, np.inf, _mix(pale, full, 0.35)))
    for values, low, high, colour in layers:
        made = contour_generator(u, v, values, fill_type=FillType.OuterOffset)
        filled = made.filled(low, min(high, 2.0))
        polygons, offsets = cast("FillReturn_OuterOffset", filled)
        path = "".join(
            _path(place(ring)) + "Z"
            for polygon, cuts in zip(polygons, offsets, strict=True)
            for ring in np.split(np.asarray(polygon), np.asarray(cuts)[1:-1].astype(int))
        )
        if path:
            parts.append(f"<path d='{path}' fill='{colour}' fill-rule='evenodd'/>")
    return parts


def _write_key(
    class_names: Sequence[str], lines: Mapping[str, NDArray[np.float32]]
) -> tuple[str, float]:
    """Return the names of classes and lines below the square, and the height of all."""
    parts, at = [], _SIDE + _LINE_HEIGHT
    for i, name in enumerate(("ensemble", "student", "twin")):
        if name in lines:
            x = i * _SIDE / 3
            line = np.array([[x, at - 4], [x + 30, at - 4]])
            none = "" if len(lines[name]) else " (no line here)"
            parts += [polyline(line, *LINES[name]), write(x + 36, at, name + none)]
    for label, name in enumerate(class_names):
        column, row = label % 2, label // 2
        x, y = column * _SIDE / 2, at + (row + 1) * _LINE_HEIGHT
        parts += [_marker(label, x + 6, y - 4), write(x + 18, y, name)]
    return "".join(parts), at + -(-len(class_names) // 2) * _LINE_HEIGHT + 6


def _marker(label: int, x: float, y: float) -> str:
    """Return a small sign of a class: circle, triangle, square or diamond, in its colour."""
    colour = CLASSES[label][1]
    look = f"fill='{colour}' fill-opacity='.75' stroke='#fff' stroke-width='.6'"
    if label % 4 == 0:
        return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='2.8' {look}/>"
    corners = (
        [(0, -3.6), (3.3, 2.6), (-3.3, 2.6)],
        [(-2.6, -2.6), (2.6, -2.6), (2.6, 2.6), (-2.6, 2.6)],
        [(0, -3.6), (3.6, 0), (0, 3.6), (-3.6, 0)],
    )[label % 4 - 1]
    points = " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in corners)
    return f"<polygon points='{points}' {look}/>"


def polyline(points: NDArray[Any], colour: str, width: float, dash: str = "") -> str:
    """Return lines through points (m, 2), a row of NaN between pieces."""
    gaps = np.flatnonzero(np.isnan(points[:, 0]))
    pieces = [part[~np.isnan(part[:, 0])] for part in np.split(points, gaps)]
    path = "".join(_path(part) for part in pieces if len(part))
    dashes = f" stroke-dasharray='{dash}'" if dash else ""
    return f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='{width}'{dashes}/>"


def _path(points: NDArray[Any]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def write(x: float, y: float, text: str, anchor: str = "start") -> str:
    """Return a short text, escaped, at a place."""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' fill='{TEXT}'>{shorten(text)}</text>"
    )


def wrap(content: str, width: float, height: float, title: str) -> str:
    """Return drawn parts as an SVG; the title, plain text, is what is read aloud."""
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:g} {height:g}' role='img' "
        f"{_FONT}><title>{escape(title)}</title>{content}</svg>"
    )


def _field(share: float) -> str:
    """Return the paler colour of a probability, on the way from blue to orange."""
    stops = (0, 0.25, 0.5, 0.75, 1)
    colours = np.array([rgb(COLOURS[f"field {stop:g}"][0]) for stop in stops])
    mixed = [np.interp(share, stops, colours[:, i]) for i in range(3)]
    return "#{:02x}{:02x}{:02x}".format(*(round(255 - _PALE * (255 - c)) for c in mixed))


def _mix(ground: str, colour: str, share: float) -> str:
    mixed = rgb(ground) + share * (rgb(colour) - rgb(ground))
    return "#{:02x}{:02x}{:02x}".format(*np.rint(mixed).astype(int))
