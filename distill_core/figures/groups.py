"""Charts of the groups of models: how stable each is, and where its cross-entropy comes from."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from distill_core.figures.palette import COLOURS, axis
from distill_core.figures.studies import (
    GROUPS,
    LINE_COLOURS,
    Band,
    add_path,
    category,
    describe_band,
    layout,
    values,
)

# The ledger's steps: from which level to which, and how to call what lies between.
_STEPS = {
    "diversity": ("teacher", "ensemble", "diversity"),
    "student_gap": ("ensemble", "student", "student minus ensemble"),
    "gain": ("student", "twin", "twin minus student"),
}


def groups_figure(
    bands: Mapping[str, Mapping[str, Band]], *, value_name: str, value_format: str = ".1%"
) -> go.Figure:
    """Draw a figure of the four groups as dots with 95% intervals.

    The bands come by what changed ("seeds", "resamples"), then by group.
    """
    figure = go.Figure()
    for i, (source, of_group) in enumerate(bands.items()):
        symbol, shift = ("circle", "diamond-open")[i], 0.15 * (len(bands) - 1) * (2 * i - 1)
        marker = {"symbol": symbol, "size": 9}
        legend = marker | _dot_look(COLOURS["muted"][0])
        figure.add_scatter(
            uid=source, name=source, x=[None], y=[None], mode="markers", marker=legend
        )
        for row, group in enumerate(GROUPS):
            found, colour = of_group[group], LINE_COLOURS[group]
            if found["mean"] is None:
                continue
            figure.add_scatter(
                uid=f"{source}-{group}",
                name=GROUPS[group],
                x=[found["mean"]],
                y=[row + shift],
                mode="markers",
                marker=marker | _dot_look(colour),
                error_x=_whiskers(found, colour),
                hovertemplate=f"{GROUPS[group]}, over {source}<br>"
                f"{describe_band(found, value_format)}"
                "<extra></extra>",
                showlegend=False,
            )
    figure.layout = layout(value_name, 226, bottom=58) | dict(
        xaxis=axis("") | values(value_format) | {"nticks": 5, "tickangle": 0},
        yaxis=category("", list(GROUPS)) | {"range": [len(GROUPS) - 0.4, -0.6], "automargin": True},
    )
    return figure


def ledger_figure(ledger: Mapping[str, Any]) -> go.Figure:
    """Draw where cross-entropy goes: teacher, minus diversity, ensemble, student, twin.

    Row by row from the top. Levels have their 95% interval; the steps between them are bars,
    hatched where a difference is within noise. The axis need not begin at 0. The ledger is that
    of `stability.ledger`, in nats.
    """
    rows = [GROUPS["teacher"]]
    figure = go.Figure()
    for key, (start, end, label) in _STEPS.items():
        rows += [label, GROUPS[end]]
        before, after = ledger[start]["mean"], ledger[end]["mean"]
        noise = not ledger[key].get("beyond_noise", True)
        about = "student minus twin" if key == "gain" else label
        way = [(before, GROUPS[start]), (before, label), (None, None)]
        way += [(after, label), (after, GROUPS[end])]
        add_path(figure, f"{key}-line", "", way, "muted", 1, dash="dot")
        figure.add_bar(
            uid=key,
            name=about,
            orientation="h",
            y=[label],
            base=[min(before, after)],
            x=[abs(after - before)],
            width=0.6,
            marker={
                "color": COLOURS["field 1" if after > before else "field 0"][0],
                "line": {"width": 1, "color": COLOURS["muted"][0]},
                "pattern": {"shape": "/" if noise else "", "size": 7, "solidity": 0.15}
                | {"fgcolor": COLOURS["muted"][0]},
            },
            text=[f"{after - before:+.4f}" + ", within noise" * noise],
            textposition="outside",
            constraintext="none",
            cliponaxis=False,
            hovertemplate=f"{about}: {describe_band(ledger[key], '+.4f')} nats<extra></extra>",
        )
    for model, name in GROUPS.items():
        found, colour = ledger[model], LINE_COLOURS[model]
        figure.add_scatter(
            uid=model,
            name=name,
            y=[name],
            x=[found["mean"]],
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 20, "color": colour, "line": {"width": 4}},
            error_x=_whiskers(found, colour),
            hovertemplate=f"{name}: {describe_band(found, '.4f')} nats<extra></extra>",
        )
    ends = [ledger[model][end] for model in GROUPS for end in ("mean", "low", "high")]
    known = [end for end in ends if end is not None]
    low, high = min(known), max(known)
    # Words stand on the right of bars.
    span = [low - (0.08 * (high - low) or 0.01), high + (0.3 * (high - low) or 0.01)]
    figure.layout = layout("cross-entropy on test data, nats", 300, bottom=28) | dict(
        barmode="overlay",
        showlegend=False,
        yaxis=axis("")
        | {"categoryorder": "array", "categoryarray": rows[::-1], "ticks": "", "automargin": True},
        xaxis=axis("") | {"range": span, "showgrid": True, "nticks": 6, "tickangle": 0},
    )
    return figure


def _dot_look(colour: str) -> dict[str, Any]:
    return {"color": colour, "line": {"width": 2, "color": colour}}


def _whiskers(found: Band, colour: str) -> dict[str, Any]:
    if found["low"] is None:
        return {"visible": False}
    ends = {"array": [found["high"] - found["mean"]], "arrayminus": [found["mean"] - found["low"]]}
    return ends | {"color": colour, "thickness": 1.8, "width": 5}
