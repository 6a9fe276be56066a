"""The tour view: planes played back in the browser, and the one that a visitor keeps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.frame.browser.component import draw
from pages.frame.browser.encoding import encode_arrays


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
    failure = "The tour could not be drawn in this browser."
    kept = draw("tour.js", message, key=key, reports=("kept",), failure=failure).get("kept")
    return kept if isinstance(kept, int) and 0 <= kept < len(steps) else None
