"""What answers cost against how good they are: every model a point, the Pareto front through them.

A band is a mapping with `mean`, `low`, `high` and `n`, as `studies` returns it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from distill_core.figures.palette import COLOURS, LEGEND_BELOW, axis
from distill_core.figures.studies import Band, describe_band, layout, values

# Colour, marker and its size of each kind of model, and its name in the legend.
_LOOKS = {
    "student": ("student", "circle", 13, "student"),
    "twin": ("twin", "diamond", 10, "twin"),
    "ensemble": ("ensemble", "square", 11, "ensemble"),
    "best-teacher": ("muted", "star", 12, "best teacher"),
    "nearest-teacher": ("muted", "star-open", 12, "nearest teacher"),
    "logistic": ("hatch", "triangle-down", 10, "logistic regression"),
    "tree": ("hatch", "triangle-up", 10, "small tree"),
    "forest": ("hatch", "pentagon", 11, "small forest"),
}
_FEWER = ("muted", "circle-open", 7, "fewer teachers")
_VALUE_FORMAT = ".1%"
# Pixels of the figure, and below the plot: the legend has two columns, on a phone too.
_HEIGHT, _BOTTOM = 500, 156
# Factor by which a point moves to the right of another one of the same cost.
_BESIDE = 1.07


def find_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which points (cost, value) no other one beats, the cheapest first.

    One beats another if it costs no more and is no worse, and is not equal in both.
    """

    def is_beaten(cost: float, value: float) -> bool:
        return any(c <= cost and v >= value and (c, v) != (cost, value) for c, v in points)

    on = [i for i, point in enumerate(points) if not is_beaten(*point)]
    return sorted(on, key=lambda i: points[i])


def deploy_figure(
    points: Sequence[Mapping[str, Any]],
    *,
    cost_name: str,
    value_name: str,
) -> go.Figure:
    """Draw every model's cost against its accuracy or agreement, with 95% intervals.

    Parameters
    ----------
    points : sequence of mapping
        Each with `model` (a key of `worth.summarise`), `name`, `cost` above 0, `value` (a band)
        and `details`, lines for the hover text; names and details hold no visitor's strings.
    cost_name, value_name : str
        Titles of the axes.
    """
    figure = go.Figure()
    shown = [point for point in points if point["value"]["mean"] is not None]
    front = find_front([(point["cost"], point["value"]["mean"]) for point in shown])
    figure.add_scatter(
        uid="front",
        name="Pareto front",
        x=[shown[i]["cost"] for i in front],
        y=[shown[i]["value"]["mean"] for i in front],
        mode="lines",
        line={"color": COLOURS["frame"][0], "width": 2, "dash": "dot", "shape": "hv"},
        hoverinfo="skip",
    )
    fewer = [i for i, point in enumerate(shown) if point["model"] not in _LOOKS]
    alone = [[i] for i, point in enumerate(shown) if point["model"] in _LOOKS]
    taken: set[float] = set()
    for group in [fewer, *alone] if fewer else alone:
        first = shown[group[0]]
        colour, symbol, size, name = _LOOKS.get(first["model"], _FEWER)
        costs = []
        for i in group:
            cost = shown[i]["cost"]
            while cost in taken:
                cost *= _BESIDE
            taken.add(cost)
            costs.append(cost)
        figure.add_scatter(
            uid=first["model"] if first["model"] in _LOOKS else "fewer",
            name=name,
            x=costs,
            y=[shown[i]["value"]["mean"] for i in group],
            error_y=_whiskers([shown[i]["value"] for i in group], COLOURS[colour][0]),
            customdata=[_describe(shown[i], i in front) for i in group],
            mode="markers",
            marker={
                "symbol": symbol,
                "size": size,
                "color": COLOURS[colour][0],
                # On the front a point has a rim.
                "line": {
                    "color": COLOURS["text"][0],
                    "width": [2 if i in front else 0.8 for i in group],
                },
            },
            hovertemplate="%{customdata}<extra></extra>",
            zorder=1 if first["model"] == "student" else 0,
        )
    figure.layout = layout(f"{value_name} against cost", _HEIGHT, bottom=_BOTTOM) | dict(
        legend={**LEGEND_BELOW, "entrywidth": 0.5, "entrywidthmode": "fraction"},
        hovermode="closest",
        xaxis=axis(f"{cost_name} (log)") | {"type": "log", "showgrid": True, "dtick": 1},
        yaxis=axis("") | values(_VALUE_FORMAT),
    )
    return figure


def _whiskers(bands: Sequence[Band], colour: str) -> dict[str, Any]:
    """Return vertical bars from low to high; a band without an interval has none."""
    known = [
        (0.0, 0.0) if b["low"] is None else (b["high"] - b["mean"], b["mean"] - b["low"])
        for b in bands
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [up for up, _ in known],
        "arrayminus": [down for _, down in known],
        "color": colour,
        "thickness": 1.2,
        "width": 3,
    }


def _describe(point: Mapping[str, Any], on_front: bool) -> str:
    lines = [
        f"<b>{point['name']}</b>",
        describe_band(point["value"], _VALUE_FORMAT),
        *point["details"],
    ]
    return "<br>".join([*lines, *["on the Pareto front"] * on_front])
