"""Charts as SVG: figures of studies with their 95% intervals, for paper."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from distill_core.exports.svg import LINES, TEXT, polyline, wrap, write
from distill_core.figures.deploy import find_front

# Units left of the plot; right of a point and below it, where its number begins or ends.
_LEFT = 56
_BESIDE = ((7, -3, "start"), (-7, -3, "end"), (7, 13, "start"))


def draw_bands(
    x: Sequence[float],
    bands: Mapping[str, Sequence[Mapping[str, Any]]],
    x_name: str,
    y_name: str,
    title: str,
) -> str:
    """Return means with 95% intervals against a setting, evenly spaced, one line per model.

    `bands` holds for "student" and "twin" a band (`mean`, `low`, `high`) for each x; what is not
    known is None.
    """
    width, height, left, bottom = 520, 270, _LEFT, 62
    up, parts = _draw_values([b for model in bands.values() for b in model], width, height - bottom)

    def across(i: int) -> float:
        return left + 14 + i * (width - left - 28) / max(1, len(x) - 1)

    for i, value in enumerate(x):
        parts.append(write(across(i), height - bottom + 18, f"{value:g}", "middle"))
    for name, found in bands.items():
        colour, stroke, dash = LINES[name]
        shift = 3 if name == "twin" else -3
        known = [(across(i) + shift, b) for i, b in enumerate(found) if b["mean"] is not None]
        parts += [
            f"<path d='M{at:.1f} {up(b['low']):.1f}V{up(b['high']):.1f}' stroke='{colour}'/>"
            for at, b in known
            if b["low"] is not None
        ]
        points = np.array([(at, up(b["mean"])) for at, b in known]).reshape(-1, 2)
        parts.append(polyline(points, colour, stroke, dash))
        parts += [f"<circle cx='{a:.1f}' cy='{b:.1f}' r='2.8' fill='{colour}'/>" for a, b in points]
    parts.append(write(left, height - 22, x_name))
    parts.append(write(left, height - 4, f"{y_name}: "))
    at = left + 8 + 6.4 * len(y_name)
    for name in bands:
        colour, stroke, dash = LINES[name]
        line = np.array([[at, height - 8], [at + 28, height - 8]])
        parts += [polyline(line, colour, stroke, dash), write(at + 34, height - 4, name)]
        at += 90
    return wrap("".join(parts), width, height, title)


def draw_groups(
    groups: Mapping[str, Mapping[str, Any]], form: Callable[[float], str], title: str
) -> str:
    """Return one figure of several models as points with 95% intervals, a row for each model.

    `groups` holds a band (`mean`, `low`, `high`) by the model's name.
    """
    width, left, row = 520, 150, 26
    known = {name: b for name, b in groups.items() if b["mean"] is not None}
    ends = [b[e] for b in known.values() for e in ("mean", "low", "high") if b[e] is not None]
    low, high = min([0.0, *ends]), max([*ends, 1e-9])

    def across(value: float) -> float:
        return left + (value - low) / (high - low) * (width - left - 70)

    parts = []
    for i, (name, b) in enumerate(known.items()):
        at = 16 + i * row
        colour = LINES.get(name, (TEXT, 0, ""))[0]
        parts.append(write(0, at + 4, name))
        if b["low"] is not None:
            ends_at = f"M{across(b['low']):.1f} {at}H{across(b['high']):.1f}"
            parts.append(f"<path d='{ends_at}' stroke='{colour}' stroke-width='2'/>")
        parts.append(f"<circle cx='{across(b['mean']):.1f}' cy='{at}' r='4' fill='{colour}'/>")
        parts.append(write(width, at + 4, form(b["mean"]), "end"))
    return wrap("".join(parts), width, 8 + row * len(known), title)


def draw_costs(
    points: Sequence[Mapping[str, Any]],
    x_name: str,
    y_name: str,
    title: str,
    form: Callable[[float], str],
) -> str:
    """Return cost (on a logarithmic scale) against quality; numbers at points stand for names.

    Parameters
    ----------
    points : sequence of mapping
        Each with `model`, `name`, `cost` above 0 and `value`, a band (`mean`, `low`, `high`); the
        Pareto front, none cheaper and as good, is a dotted line. Points of one name share a
        number, which stands at the middle one.
    form : callable
        How to write a cost.
    """
    width, height, left, bottom = 520, 290, _LEFT, 46
    names = list(dict.fromkeys(point["name"] for point in points))
    of = {name: [i for i, point in enumerate(points) if point["name"] == name] for name in names}
    named = {places[len(places) // 2] for places in of.values()}
    rows = -(-len(names) // 2)
    up, parts = _draw_values([point["value"] for point in points], width, height - bottom)
    first = math.floor(math.log10(min(p["cost"] for p in points)))
    last = max(first + 1, math.ceil(math.log10(max(p["cost"] for p in points))))

    def across(cost: float) -> float:
        return left + 10 + (math.log10(cost) - first) / (last - first) * (width - left - 40)

    parts += [
        write(across(10.0**e), height - bottom + 18, form(10.0**e), "middle")
        for e in range(first, last + 1)
    ]
    parts.append(write(left, height - 8, f"{y_name}, against {x_name}; 95% intervals"))
    front = find_front([(p["cost"], p["value"]["mean"]) for p in points])
    steps = np.array([(across(points[i]["cost"]), up(points[i]["value"]["mean"])) for i in front])
    corners = np.repeat(steps, 2, 0)
    corners[1:, 1] = np.repeat(steps[:, 1], 2)[:-1]
    parts.append(polyline(corners, TEXT, 1.2, "2,4"))
    for i, point in enumerate(points):
        band, x = point["value"], across(point["cost"])
        colour = LINES.get(point["model"], (TEXT, 0, ""))[0]
        if band["low"] is not None:
            span = f"M{x:.1f} {up(band['low']):.1f}V{up(band['high']):.1f}"
            parts.append(f"<path d='{span}' stroke='{colour}' stroke-opacity='.5'/>")
        y = up(band["mean"])
        parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{colour}'/>")
        number = names.index(point["name"])
        if i in named:
            # Numbers change sides, so that those of models of one size stay apart.
            side, below, anchor = _BESIDE[number % 3]
            parts.append(write(x + side, y + below, f"{number + 1}", anchor))
    for number, name in enumerate(names):
        column, row = divmod(number, rows)
        where = (column * width / 2, height + 14 + row * 16)
        parts.append(write(*where, f"{number + 1}  {name}"))
    return wrap("".join(parts), width, height + 16 * rows + 6, title)


def _draw_values(
    bands: Sequence[Mapping[str, Any]], width: float, foot: float
) -> tuple[Callable[[float], float], list[str]]:
    """Return where a share stands, from 10 down to `foot`, and lines across at five shares."""
    ends = [b[end] for b in bands for end in ("mean", "low", "high") if b[end] is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    pad = 0.05 * (high - low or 1)

    def up(value: float) -> float:
        return float(10 + (high + pad - value) / (high - low + 2 * pad) * (foot - 10))

    parts = []
    for tick in np.linspace(low, high, 5):
        at = up(float(tick))
        parts.append(f"<path d='M{_LEFT} {at:.1f}H{width}' stroke='#e4e6ea'/>")
        parts.append(write(_LEFT - 6, at + 4, f"{tick:.1%}", "end"))
    return up, parts
