"""Small charts beside the picture: learning curves, and the votes at one place."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from distill_core.figures.palette import CLASSES, COLOURS, axis, corner_title, escape, ground

CURVES_HEIGHT = 220
"""Pixels of the learning curves."""


def learning_curves_layers(
    student: NDArray[np.floating[Any]], twin: NDArray[np.floating[Any]], *, value_name: str
) -> dict[str, Any]:
    """Return the traces ("data") and "layout" of a share after each epoch.

    Plain values, as Plotly takes longer to check a figure than to write one.

    Parameters
    ----------
    student, twin : ndarray of shape (n_epochs,)
        The shares, from 0 to 1.
    value_name : str
        What they are, for the title.
    """
    lines = [
        dict(
            type="scatter",
            uid=name,
            name=name,
            x=np.arange(1, len(values) + 1),
            y=np.asarray(values, dtype=np.float32),
            mode="lines+markers" if len(values) < 30 else "lines",
            line={"color": COLOURS[name][0], "width": 2.4, "dash": dash},
            marker={"size": 5},
            hovertemplate="%{y:.1%}",
        )
        for name, values, dash in (("twin", twin, "8px,5px"), ("student", student, "solid"))
    ]
    layout = ground() | dict(
        title=corner_title(value_name),
        height=CURVES_HEIGHT,
        margin={"l": 48, "r": 10, "t": 30, "b": 68},
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.36, "yanchor": "top", "x": 0},
        xaxis=axis("epoch") | {"nticks": 8},
        yaxis=axis("") | {"tickformat": ".1%", "nticks": 5, "showgrid": True},
    )
    return {"data": lines, "layout": layout}


def votes_figure(
    teachers: NDArray[np.floating[Any]],
    soft_targets: Mapping[str, NDArray[np.floating[Any]]],
    student: NDArray[np.floating[Any]],
    *,
    class_names: Sequence[str] = ("class 0", "class 1"),
) -> go.Figure:
    """Draw everyone's answer at one location, a row of probabilities each.

    Parameters
    ----------
    teachers : ndarray of shape (k, n_classes)
        Each teacher's probabilities; the rows are sorted by that of the last class.
    soft_targets : mapping of str to ndarray of shape (n_classes,)
        The ensemble's probabilities by name, such as "ensemble, T = 1".
    student : ndarray of shape (n_classes,)
        The student's probabilities.
    """
    rows = [(f"teacher {i + 1}", teachers[i]) for i in np.argsort(teachers[:, -1], kind="stable")]
    rows += [(escape(name), proba) for name, proba in soft_targets.items()]
    rows.append(("student", student))
    labels, proba = [name for name, _ in rows], np.array([row for _, row in rows], np.float32)
    strong = np.arange(len(rows)) >= len(teachers)
    figure = go.Figure()
    for label, name in enumerate(class_names):
        share = proba[:, label]
        written = [f"{p:.0%}" if s and p > 0.1 else "" for p, s in zip(share, strong, strict=True)]
        figure.add_bar(
            uid=f"class-{label}",
            name=escape(name),
            orientation="h",
            x=share,
            y=labels,
            text=written,
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            constraintext="none",
            textfont={"color": COLOURS["paper"][0], "size": 12},
            marker={
                "color": CLASSES[label][1],
                "opacity": np.where(strong, 1, 0.55).astype(np.float32),
                "line": {"width": 0},
            },
            hovertemplate="%{y}: %{x:.1%}<extra>" + escape(name) + "</extra>",
        )
    height, below = 20 * len(rows), 52 + 20 * min(len(class_names), 5)
    figure.layout = ground() | dict(
        barmode="stack",
        bargap=0.2,
        height=height + 6 + below,
        margin={"l": 10, "r": 16, "t": 6, "b": below},
        legend={
            "orientation": "h",
            "x": 0,
            # Below the axis' title; narrow figures have one name below the other.
            "y": -48 / height,
            "yanchor": "top",
            "traceorder": "normal",
        },
        xaxis=axis("probability") | {"range": [0, 1], "tickformat": ".0%", "nticks": 6},
        yaxis=axis("")
        | {"autorange": "reversed", "automargin": True, "ticks": "", "ticklabelstandoff": 6},
    )
    if len(class_names) == 2:
        figure.add_vline(0.5, line={"color": COLOURS["ensemble"][0], "width": 1.2, "dash": "dot"})
    return figure
