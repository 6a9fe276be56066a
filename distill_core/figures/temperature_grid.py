"""Charts of a grid T x alpha: what each cell gains over the twin, and what drives its loss."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from distill_core.figures.palette import COLOURS, axis, escape
from distill_core.figures.studies import Band, add_path, category, describe_band, layout

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon")
# From what is worse than the twin to what is better; neutral where there is no difference.
_WORSE_TO_BETTER = ("field 1", "field 0.75", "field 0.5", "field 0.25", "field 0")


def cells_figure(
    cells: Sequence[Mapping[str, Any]],
    name: str,
    *,
    value_name: str,
    value_format: str = ".1%",
    factor: float = 100.0,
    unit: str = "points",
    lower_is_better: bool = False,
    best: tuple[float, float] | None = None,
) -> go.Figure:
    """Draw what every cell of a grid T x alpha gains over the twin.

    Cells whose difference is within chance are hatched, whatever their colour. The traces
    are "cells", "noise" and "best".

    Parameters
    ----------
    cells : sequence of mapping
        Of one width: `temperature`, `alpha`, a band per figure, and under `gain` the bands
        of the differences from the twin with `beyond_noise`.
    name, value_name, value_format : str
        Which figure, what it is, and how to write it.
    factor, unit : float, str
        Differences are shown times this factor, in this unit.
    lower_is_better : bool
        Turns the colours round: blue is always better than the twin.
    best : tuple of float, optional
        T and alpha of a cell to frame.
    """
    temperatures = sorted({cell["temperature"] for cell in cells})
    alphas = sorted({cell["alpha"] for cell in cells})
    z = np.full((len(temperatures), len(alphas)), np.nan)
    texts, hovers = (np.full(z.shape, "", dtype=object) for _ in range(2))
    noise = []
    for cell in cells:
        i, j = temperatures.index(cell["temperature"]), alphas.index(cell["alpha"])
        gain = cell["gain"][name]
        if gain["mean"] is None:
            continue
        z[i, j] = factor * gain["mean"]
        is_twin, beyond = cell["alpha"] == 0, gain["beyond_noise"]
        texts[i, j] = "twin" if is_twin else _shorten(z[i, j])
        hovers[i, j] = (
            f"T = {cell['temperature']:g}, alpha = {cell['alpha']:g}<br>"
            f"{escape(value_name)}: {describe_band(cell[name], value_format)}<br>"
        ) + (
            "the twin itself"
            if is_twin
            else f"against the twin: {_describe_gain(gain, factor)} {unit}<br>"
            f"<b>{'beyond' if beyond else 'within'} chance</b>"
        )
        if not is_twin and not beyond:
            noise.append((i, j))
    top = float(np.nanmax(np.abs(z), initial=0)) if np.isfinite(z).any() else 0
    colours = _WORSE_TO_BETTER[::-1] if lower_is_better else _WORSE_TO_BETTER
    figure = go.Figure()
    figure.add_heatmap(
        uid="cells",
        name="cells",
        z=z.astype(np.float32),
        zmin=-top or -1,
        zmax=top or 1,
        colorscale=[[i / 4, COLOURS[key][0]] for i, key in enumerate(colours)],
        showscale=False,
        text=texts,
        texttemplate="%{text}",
        textfont={"size": 10, "color": COLOURS["text"][0]},
        hovertext=hovers,
        hovertemplate="%{hovertext}<extra></extra>",
        hoverongaps=False,
        xgap=1.5,
        ygap=1.5,
    )
    add_path(figure, "noise", "hatched: within noise of the twin", _hatches(noise), "frame", 1.4)
    if best is not None and best[0] in temperatures and best[1] in alphas:
        i, j = temperatures.index(best[0]), alphas.index(best[1])
        corners = [(j + s, i + t) for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
        frame = [(j + (x - j) * 0.48, i + (y - i) * 0.47) for x, y in corners]
        add_path(figure, "best", "highest agreement", frame, "ensemble", 2.6)
    height = 130 + 27 * len(temperatures)
    figure.layout = layout(f"{value_name} minus twin, {unit}", height, bottom=84) | dict(
        xaxis=category("alpha, the weight on the ensemble", alphas),
        yaxis=category("T", temperatures),
    )
    return figure


def shares_figure(cells: Sequence[Mapping[str, Any]], name: str, *, value_name: str) -> go.Figure:
    """Draw which share comes from the ensemble against alpha, a line per temperature.

    The cells are of one width; `name` is "loss_share", "gradient_share", or one of these with
    "first_" in front.
    """
    temperatures = sorted({cell["temperature"] for cell in cells})
    figure = go.Figure()
    add_path(figure, "alpha", "alpha", [(0, 0), (1, 1)], "muted", 1.4, dash="dot")
    for i, t in enumerate(temperatures):
        mine = [c for c in cells if c["temperature"] == t and c[name]["mean"] is not None]
        figure.add_scatter(
            # Plotly looks for a trace by a selector made of this, in which a point ends a name.
            uid=f"T-{t:g}".replace(".", "_"),
            name=f"T = {t:g}",
            x=[c["alpha"] for c in mine],
            y=[c[name]["mean"] for c in mine],
            customdata=[describe_band(c[name], ".1%") for c in mine],
            mode="lines+markers",
            # The softer the stronger; markers tell neighbours apart.
            opacity=0.3 + 0.7 * (i + 1) / len(temperatures),
            line={"color": COLOURS["student"][0], "width": 1.8},
            marker={"size": 6, "symbol": _SYMBOLS[i % len(_SYMBOLS)]},
            hovertemplate=f"T = {t:g}, alpha = %{{x}}<br>%{{customdata}}<extra></extra>",
        )
    figure.layout = layout(value_name, 350, bottom=118) | dict(
        xaxis=axis("alpha, the weight on the ensemble") | {"range": [-0.03, 1.03], "dtick": 0.2},
        yaxis=axis("") | {"range": [-0.03, 1.03], "tickformat": ".0%", "showgrid": True},
    )
    figure.layout.legend.entrywidth = 44
    return figure


def _hatches(cells: Sequence[tuple[int, int]]) -> list[tuple[float | None, float | None]]:
    """Return three slanted lines for each cell (row, column)."""
    slants = (((-0.48, 0.0), (0.0, 0.48)), ((-0.48, -0.48), (0.48, 0.48)), ((0, -0.48), (0.48, 0)))
    return list(
        itertools.chain.from_iterable(
            ((j + x0, i + y0), (j + x1, i + y1), (None, None))
            for i, j in cells
            for (x0, y0), (x1, y1) in slants
        )
    )


def _shorten(value: float) -> str:
    """Return a difference as short as a cell is narrow; its colour and hover text say more."""
    return "0" if f"{abs(value):.1f}" == "0.0" else f"{value:.1f}"


def _describe_gain(gain: Band, factor: float) -> str:
    ends = {name: gain[name] and factor * gain[name] for name in ("mean", "low", "high")}
    return describe_band({**ends, "n": gain["n"]}, "+.2f")
