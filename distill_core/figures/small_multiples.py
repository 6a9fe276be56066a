"""Small pictures: many boundaries on a plane, maps of a plane, soft targets of samples."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from distill_core.figures import palette
from distill_core.figures.fields import field, regions
from distill_core.figures.palette import CLASSES, COLOURS, REGIONS
from distill_core.figures.studies import GROUPS, LINE_COLOURS

if TYPE_CHECKING:
    from distill_core.boundaries.section import Section
    from distill_core.geometry.planes import Window

# Pictures of soft targets side by side.
_COLUMNS = 3
# A third hue, from the ground to a full green: neither class's nor model's.
_DOUBT = [[0, REGIONS[2][0][0]], [0.6, REGIONS[2][1][0]], [1, CLASSES[2][1]]]


def small_plane_figure(
    window: "Window",
    lines: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    title: str,
    field_of: "Section | None" = None,
    class_names: Sequence[str] = ("class 0", "class 1"),
    height: int = 270,
) -> go.Figure:
    """Draw many boundaries (m, 2) on a plane, by group, small and without a legend.

    The probabilities of `field_of` are drawn below them, with the class names as hover text.
    """
    figure = go.Figure()
    if field_of is not None:
        names = [palette.escape(name) for name in class_names]
        ground_layer = (field if len(names) == 2 else regions)([field_of], names)
        figure.add_trace(ground_layer | {"showscale": False, "showlegend": False})
    for model, pieces in lines.items():
        _add_lines(figure, model, pieces)
    figure.layout = _lay_out(window, title, height)
    return figure


def map_figure(
    window: "Window",
    values: NDArray[np.floating[Any]],
    *,
    title: str,
    top: float,
    lines: Mapping[str, Sequence[NDArray[np.float32]]],
) -> go.Figure:
    """Draw a quantity in nats (r, r) on a plane, with boundaries (m, 2) by group.

    Rows go up with v, columns with u. `top` is the value of the fullest colour, the same for maps
    that are compared.
    """
    u, v = window.axes(values.shape[-1])
    figure = go.Figure()
    figure.add_heatmap(
        uid="map",
        name="map",
        x0=u[0],
        dx=u[1] - u[0],
        y0=v[0],
        dy=v[1] - v[0],
        z=values.astype(np.float32),
        zmin=0,
        zmax=top,
        zsmooth="best",
        colorscale=_DOUBT,
        colorbar={
            "thickness": 8,
            "outlinewidth": 0,
            "x": 1,
            "xpad": 6,
            "nticks": 5,
            "tickfont": palette.TICK_FONT,
        },
        hovertemplate="%{z:.3f} nats<br>u %{x:.2f}, v %{y:.2f}<extra></extra>",
    )
    for model, pieces in lines.items():
        _add_lines(figure, model, pieces)
    figure.layout = _lay_out(window, title)
    return figure


def soft_targets_figure(
    targets: NDArray[np.floating[Any]],
    temperatures: Sequence[float],
    *,
    titles: Sequence[tuple[str, ...]],
    class_names: Sequence[str] = ("class 0", "class 1"),
) -> go.Figure:
    """Draw how the ensemble's probabilities for some samples flatten as T grows.

    Soft targets have shape (n_temperatures, n, n_classes); each sample has a title in lines.
    """
    n, n_classes = targets.shape[1:]
    rows = -(-n // _COLUMNS)
    figure = make_subplots(
        rows,
        min(_COLUMNS, n),
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.3 / rows,
        subplot_titles=["<br>".join(map(palette.escape, lines)) for lines in titles],
    )
    for sample in range(n):
        place = {"row": 1 + sample // _COLUMNS, "col": 1 + sample % _COLUMNS}
        even = {"color": COLOURS["muted"][0], "width": 1, "dash": "dot"}
        figure.add_scatter(
            uid=f"even-{sample}",
            name=f"even: 1/{n_classes}",
            legendgroup="even",
            x=[temperatures[0], temperatures[-1]],
            y=[1 / n_classes] * 2,
            mode="lines",
            line=even,
            hoverinfo="skip",
            showlegend=sample == 0,
            **place,
        )
        for label, name in enumerate(class_names):
            symbol, colour, _ = CLASSES[label]
            figure.add_scatter(
                uid=f"{sample}-class-{label}",
                name=palette.escape(name),
                legendgroup=f"class-{label}",
                x=list(temperatures),
                y=targets[:, sample, label].astype(np.float32),
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"symbol": symbol, "size": 7},
                hovertemplate=f"T = %{{x:g}}: %{{y:.1%}}<extra>{palette.escape(name)}</extra>",
                showlegend=sample == 0,
                **place,
            )
    figure.update_annotations(font={"size": 12, "color": COLOURS["text"][0]})
    figure.update_layout(
        palette.ground(),
        height=70 + 200 * rows,
        margin={"l": 46, "r": 10, "t": 38, "b": 84},
        legend=palette.LEGEND_BELOW,
    )
    stops = {"type": "log", "tickvals": list(temperatures)}
    # Every other stop has room for its number.
    stops["ticktext"] = [f"{t:g}" if i % 2 == 0 else "" for i, t in enumerate(temperatures)]
    figure.update_xaxes(palette.axis("") | stops)
    figure.update_xaxes(title={"text": "T", "font": {"size": 13}}, row=rows)
    figure.update_yaxes(
        palette.axis("") | {"range": [-0.04, 1.04], "tickformat": ".0%", "showgrid": True}
    )
    return figure


def _add_lines(figure: go.Figure, model: str, pieces: Sequence[NDArray[np.float32]]) -> None:
    """Add all boundaries of a group as one trace; the more there are, the fainter each."""
    gap = np.full((1, 2), np.nan, np.float32)
    parts = [part for piece in pieces if len(piece) for part in (piece, gap)]
    joined = np.concatenate(parts[:-1]) if parts else gap[:0]
    many = len(pieces) > 1
    figure.add_scatter(
        uid=model,
        name=GROUPS[model],
        x=joined[:, 0],
        y=joined[:, 1],
        mode="lines",
        opacity=max(0.45, 1 - 0.05 * len(pieces)) if many else 1,
        line={
            "color": LINE_COLOURS[model],
            "width": 1.6 if many else 2.6,
            "dash": "8px,5px" if model == "twin" and not many else "solid",
        },
        hoverinfo="skip",
        showlegend=False,
    )


def _lay_out(window: "Window", title: str, height: int = 270) -> dict[str, Any]:
    return {
        **palette.ground(),
        **palette.square_axes(window, ("", ""), showticklabels=False, ticks=""),
        "title": palette.corner_title(title),
        "height": height,
        "margin": {"l": 2, "r": 2, "t": 28, "b": 4},
        "hovermode": "closest",
    }
