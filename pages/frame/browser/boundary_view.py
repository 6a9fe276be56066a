"""The live view: a Plotly figure that is updated in place, played back and clicked on.

`boundary_view` is called by pages, `plotly_route` is mounted by the server. Beside it in this
room: `chart` for all other figures, `tour`.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from plotly.graph_objects import Figure

from distill_core.figures import DARK, in_dark
from pages.frame.browser.assets import plotly_route, script_path
from pages.frame.browser.encoding import encode

__all__ = ["BoundaryView", "boundary_view", "plotly_route"]

# Streamlit sends a component's script along with every update, so this one only fetches
# the real one, which the browser keeps. No data means that Python knows of the failure.
_LOADER = """
const script = new URL(%s, document.baseURI).href;
export default async function (component) {
  let view;
  try {
    view = await import(script);
  } catch {
    component.parentElement.textContent =
      "The live view could not be loaded; a plain chart is shown instead.";
    if (component.data?.length) component.setStateValue("failed", true);
    return undefined;
  }
  return view.default(component);
}
"""


@dataclass(frozen=True)
class BoundaryView:
    """What came back from the browser.

    Parameters
    ----------
    clicked : dict or None
        `{"u": float, "v": float}` in the run that a click on the plane started, else None.
    failed : bool
        Whether the browser could not draw the live view and has a plain chart instead.
    """

    clicked: dict[str, float] | None
    failed: bool


def boundary_view(
    figure: Mapping[str, Any],
    *,
    key: str,
    student_digest: str,
    state: Literal["training", "ready"],
    label: str,
    frames: Sequence[tuple[str, NDArray[np.float32]]] | None = None,
    preview: Mapping[str, Any] | None = None,
    height: int = 620,
) -> BoundaryView:
    """Draw what `figures.boundary_layers` returns, keeping zoom, pan and hidden layers.

    Parameters
    ----------
    figure : mapping
        What to draw, in light colours; the browser recolours it for a dark theme.
    key : str
        The view that is updated; calls with the same key update the same picture.
    student_digest : str
        Becomes the attribute `data-student` as soon as this figure is on the screen.
    state : {"training", "ready"}
        Becomes `data-state`; while it is "training" the picture wears a small badge.
    label : str
        What is seen, in words, for those who do not see it.
    frames : sequence of (str, ndarray of shape (m, 2)), optional
        The student's boundary through training with a label each, the last one being the
        boundary in the figure; shows the playback bar.
    preview : mapping, optional
        From `preview.offer`: lets the student's line follow a slider that is still moving.
    height : int
        Largest side of the square in pixels; it is smaller where the page is narrow.
    """
    failed = bool(st.session_state.get(key, {}).get("failed"))
    message = b""
    if not failed:
        message = encode(
            figure,
            frames or (),
            student=student_digest,
            state=state,
            label=label,
            preview=preview,
            height=height,
            dark=dict(DARK),
        )
    result = _component()(
        key=key,
        data=message,
        on_clicked_change=_nothing,
        on_failed_change=_nothing,
    )
    if failed:
        dark = st.context.theme.type == "dark"
        plain = in_dark(Figure(figure)) if dark else Figure(figure)
        plain.update_layout(height=height + 160)
        st.plotly_chart(plain, key=f"{key} plain", theme=None, config={"displaylogo": False})
    return BoundaryView(_place(result.get("clicked")), failed)


@functools.cache
def _component() -> Any:
    """Register the component when the first page draws it, as the server's base path is known."""
    script = script_path(str(st.get_option("server.baseUrlPath") or ""))
    return st.components.v2.component(
        "distillation_playground.boundary_view",
        js=_LOADER % json.dumps(script),
        isolate_styles=False,
    )


def _nothing() -> None:
    """Do nothing: a value with a callback, even an empty one, is always part of the result."""


def _place(value: object) -> dict[str, float] | None:
    """Return a clicked place, or None for anything that is not one."""
    if not isinstance(value, dict):
        return None
    # Also false for NaN, and for whole numbers too large for a float.
    near = {name: x for name, x in value.items() if isinstance(x, int | float) and abs(x) < 1e9}
    return {"u": float(near["u"]), "v": float(near["v"])} if {"u", "v"} <= near.keys() else None
