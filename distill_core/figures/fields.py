"""The ground of the picture: probabilities on a grid as contours or regions, each a trace."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distill_core.figures.palette import COLOURS, REGIONS, SHADES, TICK_FONT

if TYPE_CHECKING:
    from distill_core.boundaries.section import Section
    from distill_core.geometry.planes import Window

# The levels .1, .2, ..., .9 of a probability that is sent as 0 to 255.
_LEVELS = {"start": 25.5, "end": 229.5, "size": 25.5}
_HERE = "<br>u %{x:.2f}, v %{y:.2f}<extra></extra>"


def field(shown: Sequence["Section"], names: Sequence[str]) -> dict[str, Any]:
    """Return the ensemble's probability of class 1 as filled contours at .1, .2, ..., .9."""
    parts = [f"{who} %{{customdata[{i}]}} &#37;" for i, who in enumerate(_owners(shown))]
    return _contour(shown[0], "fill", {"color": COLOURS["levels"][0], "width": 0.8}) | dict(
        uid="field",
        name="ensemble’s probability",
        zmin=0,
        zmax=255,
        colorscale=[[p, COLOURS[f"field {p:g}"][0]] for p in (0, 0.25, 0.5, 0.75, 1)],
        colorbar=_colour_bar(),
        customdata=_percent([section.proba[1] for section in shown]),
        hovertemplate=f"<b>probability of {names[1]}</b><br>{'<br>'.join(parts)}{_HERE}",
    )


def regions(shown: Sequence["Section"], names: Sequence[str]) -> dict[str, Any]:
    """Return the ensemble's answers in class colours, paler where it is less sure."""
    n_classes = len(names)
    best = [section.proba.max(0) for section in shown]
    sure = np.clip((best[0] * n_classes - 1) / (n_classes - 1) * SHADES, 0, SHADES - 1)
    # One number for class and confidence: class c has the values from c · SHADES on.
    z = (shown[0].labels * SHADES + sure).astype(np.uint8)
    top = n_classes * SHADES - 1
    ends = ((label * SHADES, (label + 1) * SHADES - 1) for label in range(n_classes))
    scale = [
        [end / top, colour[0]]
        for label, pair in enumerate(ends)
        for end, colour in zip(pair, REGIONS[label], strict=True)
    ]
    labels = np.stack([_sample(section.labels, len(z)) for section in shown], axis=-1)
    answers = np.array(names, dtype=object)[labels]
    parts = [f"{who} %{{customdata[{i}]}} &#37; sure" for i, who in enumerate(_owners(shown))]
    return dict(
        type="heatmap",
        **_grid(shown[0].window, z.shape[-1]),
        uid="field",
        name="ensemble’s answer",
        z=z,
        zmin=0,
        zmax=top,
        colorscale=scale,
        showscale=False,
        customdata=_percent(best),
        hovertext=[[" | ".join(cell) for cell in row] for row in answers],
        hovertemplate=f"<b>%{{hovertext}}</b><br>{'<br>'.join(parts)}{_HERE}",
        showlegend=True,
    )


def levels(student: "Section") -> dict[str, Any]:
    """Return the student's probability of class 1 as thin lines at .1, .2, ..., .9."""
    return _contour(student, "none", {"color": COLOURS["student"][0], "width": 0.9}) | dict(
        uid="levels",
        name="student’s levels",
        showscale=False,
        hoverinfo="skip",
    )


def _contour(seen: "Section", coloring: str, line: dict[str, Any]) -> dict[str, Any]:
    """Return a model's probability of class 1 with contours at .1, .2, ..., .9."""
    return dict(
        type="contour",
        **_grid(seen.window, seen.proba.shape[-1]),
        z=_bytes(seen.proba[1]),
        contours=_LEVELS | {"coloring": coloring},
        line=line | {"smoothing": 0.7},
        showlegend=True,
    )


def _owners(shown: Sequence["Section"]) -> tuple[str, ...]:
    return ("ensemble", "student")[: len(shown)]


def _bytes(proba: NDArray[np.float32], top: int = 255) -> NDArray[np.uint8]:
    """Return probabilities as whole numbers from 0 to `top`: a quarter of the size."""
    return np.rint(top * proba).astype(np.uint8)


def _percent(fields: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Return what to say at each point of the first field: one percentage per field."""
    resolution = len(fields[0])
    return np.stack([_sample(_bytes(proba, 100), resolution) for proba in fields], axis=-1)


def _sample(field: NDArray[Any], resolution: int) -> NDArray[Any]:
    """Return a square field on a coarser or finer grid, by its nearest values."""
    index = np.rint(np.linspace(0, len(field) - 1, resolution)).astype(int)
    return field[np.ix_(index, index)]


def _grid(window: "Window", resolution: int) -> dict[str, float]:
    """Return where a field of `resolution` by `resolution` values lies."""
    u, v = window.axes(resolution)
    (u0, u1), (v0, v1) = (map(float, places[:2]) for places in (u, v))
    return {"x0": u0, "dx": u1 - u0, "y0": v0, "dy": v1 - v0}


def _colour_bar() -> dict[str, Any]:
    """Return a flat bar above the picture, so that the square keeps the full width."""
    return {
        "orientation": "h",
        "x": 0.5,
        "xpad": 0,
        "y": 1.0,
        "ypad": 8,
        "yanchor": "bottom",
        "len": 1.0,
        "thickness": 9,
        "outlinewidth": 0,
        "tickvals": [25.5 * i for i in range(11)],
        "ticktext": ["0", *(f".{i}" for i in range(1, 10)), "1"],
        "ticklen": 0,
        "tickfont": TICK_FONT,
    }
