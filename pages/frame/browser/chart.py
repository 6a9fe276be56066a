"""A page's figures: drawn by the live view's Plotly, those in sight first."""

import zlib
from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st
from plotly.graph_objects import Figure
from plotly.io.json import to_json_plotly

from distill_core.figures import DARK, darken
from pages.frame.browser.component import draw
from pages.frame.server.shared import build

_FAILED = "charts failed"


def chart_view(
    figure: Figure | Callable[[], dict[str, Any]],
    *,
    key: str,
    label: str,
    height: int | None = None,
    shared: Hashable | None = None,
    setting: str = "",
) -> None:
    """Draw a figure as wide as its place; calls with the same key update the same figure.

    A visitor whose browser cannot draw it gets all figures from `st.plotly_chart` instead. The
    figure comes in light colours, which the browser changes for a dark theme; its layout says
    the height. The key also names the picture that it is saved as; the label says what is seen,
    for those who do not see it. A saved picture names the page's address as its setting, or what
    `setting` says.

    What makes a figure's traces and layout may stand in its place, with the height and, `shared`,
    all on which figure and label depend; it is then made once for all visitors (see
    `server.shared`).
    """

    def make() -> dict[str, Any]:
        return figure() if callable(figure) else figure.to_dict()

    def pack() -> bytes:
        content = {
            **{"name": key, "label": label, "setting": setting},
            **{"figure": make(), "dark": dict(DARK)},
        }
        return zlib.compress(to_json_plotly(content).encode())

    if st.session_state.get(_FAILED):
        draw_plainly(Figure(make()), key=key, label=label)
        return
    message = build(shared, pack)
    if height is None:
        height = make()["layout"]["height"]
    draw("chart.js", message, key=f"{key} chart", on_failed=_keep_plain, height=height)


def draw_plainly(figure: Figure, *, key: str, label: str) -> None:
    """Draw a figure with Streamlit's own chart, for a browser that cannot draw ours."""
    plain = darken(figure) if st.context.theme.type == "dark" else figure
    config = {"displaylogo": False}
    st.plotly_chart(plain, key=f"{key} plain", theme=None, alt=label, config=config)


def _keep_plain() -> None:
    st.session_state[_FAILED] = True
