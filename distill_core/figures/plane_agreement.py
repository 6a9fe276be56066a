"""How much the answer depends on the plane: agreement on many planes beside that on data."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from distill_core.figures.palette import COLOURS, axis, escape
from distill_core.figures.studies import Band, category, describe_band, layout
from distill_core.measures.shares import format_share

_LOOKS = {"student": ("circle", "student"), "twin": ("diamond-open", "twin (hard labels)")}


def planes_figure(
    planes: Sequence[str],
    area: Mapping[str, Sequence[float]],
    test: Mapping[str, float],
    *,
    random: Mapping[str, Band] | None = None,
) -> go.Figure:
    """Draw agreement with the ensemble on the area of planes, a row each, and on test data.

    Each mapping has "student" and "twin": in `area` the share of each plane's shown area, in
    `test` the share of the test data, a vertical line, and in `random` the band of the mean over
    random planes, a row of its own.
    """
    rows = [*planes, "random, three samples"] if random else list(planes)
    figure = go.Figure()
    for model, (symbol, name) in _LOOKS.items():
        colour = COLOURS[model][0]
        shift = 0.13 if model == "twin" else -0.13
        values, texts = list(area[model]), [format_share(value) for value in area[model]]
        ends = [(0.0, 0.0)] * len(values)
        if random:
            band = random[model]
            values, texts = [*values, band["mean"]], [*texts, describe_band(band, ".1%")]
            low, high = (band[end] or band["mean"] for end in ("low", "high"))
            ends = [*ends, (band["mean"] - low, high - band["mean"])]
        figure.add_scatter(
            uid=model,
            name=name,
            x=values,
            y=[row + shift for row in range(len(values))],
            error_x={
                "array": [up for _, up in ends],
                "arrayminus": [down for down, _ in ends],
                "color": colour,
                "thickness": 1.8,
                "width": 4,
            },
            customdata=[
                f"{escape(row)}<br>{name}: {text}" for row, text in zip(rows, texts, strict=True)
            ],
            mode="markers",
            marker={"symbol": symbol, "size": 9, "color": colour}
            | {"line": {"width": 1.8, "color": colour}},
            hovertemplate="%{customdata}<extra></extra>",
        )
        figure.add_scatter(
            uid=f"{model}-test",
            name=f"{name}, test data",
            x=[test[model]] * 2,
            y=[-0.6, len(rows) - 0.4],
            mode="lines",
            line={"color": colour, "width": 1.6, "dash": "solid" if model == "student" else "dash"},
            hovertemplate=f"{name}, test data: {format_share(test[model])}<extra></extra>",
        )
    low = min(0.98, *area["student"], *area["twin"], *test.values())
    figure.update_layout(
        layout("agreement with the ensemble", 128 + 30 * len(rows), bottom=112),
        xaxis=axis("")
        | {"tickformat": ".0%", "range": [np.floor(20 * low) / 20 - 0.01, 1.008]}
        | {"showgrid": True, "nticks": 6},
        yaxis=category("", [escape(row) for row in rows])
        | {"range": [len(rows) - 0.4, -0.6], "automargin": True},
    )
    return figure
