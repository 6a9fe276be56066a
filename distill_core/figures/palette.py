"""Colours, lettering and what all figures have in common; nothing is drawn here."""

import html
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

if TYPE_CHECKING:
    from distill_core.geometry.planes import Window

# On a light page, on a dark page. Blue against orange with a neutral middle stay apart
# for the common kinds of colour blindness; the lines differ in lightness or dash too,
# and the classes also by marker.
COLOURS = {
    "text": ("#31333f", "#fafafa"),
    "muted": ("#5d6370", "#a9b0bd"),
    "frame": ("#b9bec8", "#4a505c"),
    "paper": ("#fffffe", "#12161d"),
    "levels": ("rgba(35,40,50,0.16)", "rgba(235,240,250,0.13)"),
    "field 0": ("#8fbfe8", "#1d4f7c"),
    "field 0.25": ("#c3dbf0", "#1f3d59"),
    "field 0.5": ("#f7f6f3", "#23272e"),
    "field 0.75": ("#fbdcb8", "#553e22"),
    "field 1": ("#f4b677", "#744616"),
    "ensemble": ("#14161a", "#f7f8fa"),
    "student": ("#be0065", "#ff74c1"),
    "twin": ("#5f2bc0", "#c0a2ff"),
    "drawn": ("#7a5200", "#ffd84d"),
    "class-drawn": ("rgba(122,82,0,0.45)", "rgba(255,216,77,0.45)"),
    "teachers": ("rgba(45,50,60,0.42)", "rgba(225,230,240,0.42)"),
    "hatch": ("rgba(0,125,84,0.95)", "rgba(76,230,168,0.95)"),
    "hatched": ("rgba(0,150,100,0.16)", "rgba(60,220,150,0.14)"),
    "rim": ("rgba(255,255,255,0.9)", "rgba(14,17,23,0.9)"),
}
# Marker, colour on a light page, colour on a dark page.
CLASSES = (
    ("circle", "#0f5c9c", "#86c1f5"),
    ("triangle-up", "#9f4700", "#ffb765"),
    ("square", "#00775a", "#4ad9ae"),
    ("diamond", "#7f3fbf", "#c9a0f5"),
    ("cross", "#a3195b", "#ff8fbc"),
    ("triangle-down", "#5b6b00", "#cddc5a"),
    ("pentagon", "#00707f", "#5fd4e6"),
    ("star", "#8a3b2e", "#e8a294"),
    ("hexagon", "#3e4a9e", "#a3aef5"),
    ("x", "#555555", "#c4c4c4"),
)
# Steps of confidence within one class's colour when there are more than two classes.
SHADES = 20
TICK_FONT = {"size": 11, "color": COLOURS["muted"][0]}
"""The lettering of ticks and colour bars."""
LEGEND_BELOW = {"orientation": "h", "xref": "container", "yref": "container"} | {
    "x": 0,
    "y": 0,
    "yanchor": "bottom",
}
"""A legend along the lower edge, from the figure's own corner: long names leave it little room."""
# Characters of a name that are shown.
_MAX_NAME = 60
_FONT = "Inter, 'Segoe UI', system-ui, -apple-system, Roboto, sans-serif"


def rgb(colour: str) -> NDArray[np.int64]:
    """Return red, green and blue of a colour #rrggbb, 0 to 255 each, (3,)."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def _mix(ground: str, colour: str, share: float) -> str:
    """Return a colour between two of the form #rrggbb."""
    a, b = rgb(ground), rgb(colour)
    return "#{:02x}{:02x}{:02x}".format(*np.rint(a + share * (b - a)).astype(int))


# The palest and the fullest colour of each class's region.
REGIONS = [
    [
        (_mix(COLOURS["paper"][0], light, share), _mix(COLOURS["paper"][1], dark, share))
        for share in (0.1, 0.6)
    ]
    for _, light, dark in CLASSES
]

DARK: Mapping[str, str] = dict(
    [*COLOURS.values(), *(look[1:] for look in CLASSES), *itertools.chain(*REGIONS)]
)
"""For each colour of a light page the one that takes its place on a dark page."""


def escape(name: str) -> str:
    """Return a name as Plotly shows it letter by letter: one line, not too long, no markup.

    Plotly reads labels as a small dialect of HTML, and hover texts as templates.
    """
    head = name[: 4 * _MAX_NAME]
    line = " ".join("".join(c if c.isprintable() else " " for c in head).split())
    if len(line) > _MAX_NAME or len(name) > len(head):
        line = line[: _MAX_NAME - 1] + "…"
    return html.escape(line, quote=False).replace("%", "&#37;")


def darken(figure: go.Figure) -> go.Figure:
    """Return a copy of a figure of this module in the colours of a dark page."""

    def swapped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: swapped(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [swapped(item) for item in value]
        return DARK.get(value, value) if isinstance(value, str) else value

    return go.Figure(swapped(figure.to_dict()))


def ground() -> dict[str, Any]:
    """Return what all figures have in common; no template, which would be most of the bytes.

    To be assigned to `figure.layout` as a whole: `update_layout` takes six times as long.
    """
    return {
        "template": go.layout.Template(),
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": COLOURS["text"][0], "family": _FONT},
        "hoverlabel": {
            "bgcolor": COLOURS["paper"][0],
            "bordercolor": COLOURS["frame"][0],
            "font": {"size": 13, "color": COLOURS["text"][0]},
            "align": "left",
        },
    }


def axis(title: str) -> dict[str, Any]:
    """Return the look of an axis with this title."""
    return {
        "title": {"text": title, "font": {"size": 13}, "standoff": 8},
        "tickfont": TICK_FONT,
        "ticks": "outside",
        "ticklen": 4,
        "ticklabelstandoff": 1,
        "tickcolor": COLOURS["frame"][0],
        "gridcolor": COLOURS["levels"][0],
        "showgrid": False,
        "zeroline": False,
    }


def square_axes(window: "Window", titles: tuple[str, str], **look: Any) -> dict[str, Any]:
    """Return two framed axes of equal units that show a window."""
    u_axis, v_axis = (
        axis(escape(title))
        | {"range": [centre - window.half, centre + window.half], "constrain": "domain"}
        | {"showline": True, "mirror": True, "linecolor": COLOURS["frame"][0], **look}
        for title, centre in zip(titles, (window.u, window.v), strict=True)
    )
    return {"xaxis": u_axis, "yaxis": v_axis | {"scaleanchor": "x", "scaleratio": 1}}


def corner_title(text: str, xref: str = "paper", **pad: int) -> dict[str, Any]:
    """Return a title in the upper left corner of the plot or ("container") of the figure."""
    words = {"text": escape(text), "font": {"size": 13}, "x": 0, "y": 1, "pad": pad or {"t": 6}}
    return words | {"xref": xref, "yref": "container", "yanchor": "top"}
