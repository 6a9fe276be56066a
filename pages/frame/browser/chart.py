"""A page's figures: drawn by the live view's Plotly, those in sight first."""

import functools
import json
import zlib
from typing import Any

import streamlit as st
from plotly.graph_objects import Figure
from plotly.io.json import to_json_plotly

from distill_core.figures import DARK, in_dark
from pages.frame.browser.assets import script_path

# As for the live view: what is sent with every update is short, the script itself is kept.
_LOADER = """
const script = new URL(%s, document.baseURI).href;
export default async function (component) {
  let chart;
  try {
    chart = await import(script);
  } catch {
    component.setStateValue("failed", true);
    return undefined;
  }
  return chart.default(component);
}
"""
_FAILED = "charts failed"


def chart_view(figure: Figure, *, key: str, label: str) -> None:
    """Draw a figure as wide as its place; calls with the same key update the same figure.

    A visitor whose browser cannot draw it gets all figures from `st.plotly_chart` instead.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        What to draw, in light colours; the browser recolours it for a dark theme. Its layout
        says the height.
    key : str
        Names the figure, also the picture that it is saved as.
    label : str
        What is seen, in words, for those who do not see it.
    """
    if st.session_state.get(_FAILED):
        plain = in_dark(figure) if st.context.theme.type == "dark" else figure
        config = {"displaylogo": False}
        st.plotly_chart(plain, key=f"{key} plain", theme=None, alt=label, config=config)
        return
    content = {"name": key, "label": label, "figure": figure.to_dict(), "dark": dict(DARK)}
    _component()(
        key=f"{key} chart",
        data=zlib.compress(to_json_plotly(content).encode()),
        height=figure.layout.height,
        on_failed_change=_draw_plainly,
    )


@functools.cache
def _component() -> Any:
    script = script_path(str(st.get_option("server.baseUrlPath") or ""), "chart.js")
    return st.components.v2.component(
        "distillation_playground.chart", js=_LOADER % json.dumps(script), isolate_styles=False
    )


def _draw_plainly() -> None:
    st.session_state[_FAILED] = True
