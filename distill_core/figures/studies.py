"""Charts of the studies: bands over widths, and what all of these charts have in common.

A band is a mapping with `mean`, `low`, `high` and `n`, as `studies` returns it. A mean that
is None is left out; an interval that is None is not drawn, and the hover text says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from distill_core.figures.palette import COLOURS, LEGEND_BELOW, axis, corner_title, ground
from distill_core.measures.shares import format_share

Band = Mapping[str, Any]

GROUPS = {
    "teacher": "single teacher",
    "ensemble": "ensemble",
    "student": "student",
    "twin": "twin (hard labels)",
}
"""The groups of models that these figures tell apart, with their names."""

LINE_COLOURS = {
    "teacher": COLOURS["muted"][0],
    **{model: COLOURS[model][0] for model in ("ensemble", "student", "twin")},
}
"""The colour of each group on a light page."""

_DASHES = {"twin": "8px,5px"}


def bands_figure(
    widths: Sequence[int],
    bands: Mapping[str, Mapping[int, Band]],
    *,
    value_name: str,
    value_format: str = ".1%",
    marked: int | None = None,
    height: int = 260,
) -> go.Figure:
    """Draw a figure against the student's width, each model with its 95% band.

    Parameters
    ----------
    widths : sequence of int
        All stops in order; they become the ticks of a log2 axis.
    bands : mapping of str to mapping of int to band
        By model ("student", "twin") the bands of those widths that are known. The `uid` of a
        model's line is its name, that of its band "<name>-band".
    value_name, value_format : str
        What it is, for the title, and how to write it (a format of Python and of d3).
    marked : int, optional
        A width to mark as sufficient, with words where there is room.
    """
    figure = go.Figure()
    for name, of_width in bands.items():
        at = [(w, b) for w, b in sorted(of_width.items()) if b["mean"] is not None]
        around = [(w, b["low"], b["high"]) for w, b in at if b["low"] is not None]
        figure.add_scatter(
            uid=f"{name}-band",
            x=[w for w, _, _ in around] + [w for w, _, _ in around[::-1]],
            y=[high for _, _, high in around] + [low for _, low, _ in around[::-1]],
            mode="lines",
            line={"width": 0, "color": COLOURS[name][0]},
            fill="toself",
            fillcolor=COLOURS[name][0],
            opacity=0.17,
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            uid=name,
            name=GROUPS[name],
            x=[w for w, _ in at],
            y=[b["mean"] for _, b in at],
            customdata=[describe_band(b, value_format) for _, b in at],
            mode="lines+markers",
            line={"color": COLOURS[name][0], "width": 2.4, "dash": _DASHES.get(name, "solid")},
            marker={"size": 5.5, "symbol": "diamond" if name == "twin" else "circle"},
            hovertemplate="%{customdata}",
            # The student in front of the twin, but named first.
            zorder=1 if name == "student" else 0,
        )
    # Every stop has a tick; the numbers between the powers of two would touch.
    named = [f"{w}" if w & (w - 1) == 0 else "" for w in widths]
    ends = [float(np.log10(w)) for w in (widths[0] / 1.12, widths[-1] * 1.12)]
    log2 = {"type": "log", "tickvals": list(widths), "ticktext": named, "range": ends}
    figure.layout = layout(value_name, height, bottom=80) | dict(
        hovermode="x unified",
        xaxis=axis("student width (log₂)") | log2 | {"unifiedhovertitle": {"text": "width %{x}"}},
        yaxis=axis("") | values(value_format),
    )
    if marked is not None:
        _mark_width(figure, marked, named=height > 300, right=marked > widths[-1] / 2)
    return figure


def describe_band(band: Band, form: str) -> str:
    """Return a band in words: the mean with its interval, or that there is none.

    100% is written of a share (a format such as ".1%") only where it is all.
    """
    if band["mean"] is None:
        return "not known"
    mean = _write(band["mean"], form)
    if band["low"] is None:
        return f"{mean}, no interval"
    low, high = (_write(band[end], form) for end in ("low", "high"))
    rows = f" seeds, {band['n_rows']:,} rows" if "n_rows" in band else ""
    return f"{mean} [{low}, {high}], n = {band['n']}{rows}"


def _write(value: float, form: str) -> str:
    # A difference has a sign and may lie below 0.
    is_share = form.endswith("%") and form[0] == "." and 0 <= value <= 1
    return format_share(value, int(form[1:-1])) if is_share else f"{value:{form}}"


def layout(title: str, height: int, *, bottom: int) -> dict[str, Any]:
    """Return a layout with a title in the corner and the legend along the lower edge."""
    return {
        **ground(),
        "title": corner_title(title, "container", l=8, t=8),
        "height": height,
        "margin": {"l": 52, "r": 12, "t": 32, "b": bottom},
        "legend": LEGEND_BELOW,
    }


def values(form: str) -> dict[str, Any]:
    """Return the look of an axis of values in this format, without zeros at their end."""
    # Intervals of few seeds reach beyond what a share can be; the figure does not.
    allowed = {"clipmin": 0, "clipmax": 1.005} if form.endswith("%") else {"clipmin": 0}
    form = f"{form[:-1]}~{form[-1]}"
    return {"tickformat": form, "nticks": 6, "showgrid": True, "autorangeoptions": allowed}


def _mark_width(figure: go.Figure, width: int, *, named: bool, right: bool) -> None:
    """Mark a width; `right` when the words have to stand on the left of it."""
    line = {"color": COLOURS["text"][0], "width": 1.3, "dash": "dot"}
    figure.add_shape(type="line", x0=width, x1=width, y0=0, y1=1, yref="paper", line=line)
    if not named:
        return
    figure.add_annotation(
        text=f"sufficient: {width}",
        # Annotations, unlike shapes, count in decades on such an axis.
        x=float(np.log10(width)),
        xanchor="right" if right else "left",
        xshift=-4 if right else 4,
        y=0,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
    )


def add_path(
    figure: go.Figure,
    uid: str,
    name: str,
    places: Iterable[tuple[Any, Any]],
    colour: str,
    width: float,
    dash: str = "solid",
) -> None:
    """Add a line that carries no numbers of its own; a place of None interrupts it."""
    x, y = zip(*places, strict=True) if (places := list(places)) else ((), ())
    line = {"color": COLOURS[colour][0], "width": width, "dash": dash}
    look = {"mode": "lines", "line": line, "hoverinfo": "skip", "showlegend": bool(name)}
    figure.add_scatter(uid=uid, name=name, x=list(x), y=list(y), **look)


def category(title: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return an axis with one place per value."""
    names = [value if isinstance(value, str) else f"{value:g}" for value in values]
    places = {"tickvals": list(range(len(names))), "ticktext": names}
    return axis(title) | places | {"ticks": "", "ticklabelstandoff": 4}
