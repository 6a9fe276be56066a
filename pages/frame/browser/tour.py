"""The tour view: planes played back in the browser, and the one that a visitor keeps."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.frame.browser.assets import script_path
from pages.frame.browser.encoding import encode_arrays

# As for the live view: what is sent with every update is short, the script itself is kept.
_LOADER = """
const script = new URL(%s, document.baseURI).href;
export default async function (component) {
  try {
    return (await import(script)).default(component);
  } catch {
    component.parentElement.textContent = "The tour could not be drawn in this browser.";
    return undefined;
  }
}
"""


def tour_view(
    arrays: Mapping[str, NDArray[Any]],
    lines: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    key: str,
    steps: Sequence[tuple[str, str]],
    **header: Any,
) -> int | None:
    """Play a tour; return the step that the visitor wants to keep, in the run after the click.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        `ground` (s, r, r), `light` and `dark` (256, 3), `classes` (n,), uint8; of points
        `opacity`, `own` (n, s), uint8, and `u`, `v` (n, s); of features `axes_u`, `axes_v`
        (a, s).
    lines : mapping of str to sequence of ndarray of shape (m, 2)
        Of "ensemble" and "student" the boundary at each step.
    key : str
        The view that is updated.
    steps : sequence of (str, str)
        For each step where it is, and what is to be said of it.
    **header
        `digest`, `label`, `half` (of the window's side), `axes` (names) and `colours` as
        from `figures.tour_colours`.
    """
    numbers, cuts = dict(arrays), {}
    for name, pieces in lines.items():
        joined = np.concatenate(pieces)
        numbers |= {f"{name}_x": joined[:, 0], f"{name}_y": joined[:, 1]}
        cuts[name] = np.cumsum([0, *map(len, pieces)]).tolist()
    message = encode_arrays(
        numbers,
        cuts=cuts,
        steps=[{"label": label, "said": said} for label, said in steps],
        resolution=arrays["ground"].shape[-1],
        **header,
    )
    result = _component()(key=key, data=message, on_kept_change=_nothing)
    kept = result.get("kept")
    return kept if isinstance(kept, int) and 0 <= kept < len(steps) else None


@functools.cache
def _component() -> Any:
    script = script_path(str(st.get_option("server.baseUrlPath") or ""), "tour.js")
    return st.components.v2.component(
        "distillation_playground.tour_view", js=_LOADER % json.dumps(script), isolate_styles=False
    )


def _nothing() -> None:
    """Do nothing: a value with a callback, even an empty one, is always part of the result."""
