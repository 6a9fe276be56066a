"""The live view: a Plotly figure that is updated in place, played back and clicked on.

All other figures are drawn by `chart`, tours by `tour`.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from plotly.graph_objects import Figure

from distill_core.figures import DARK
from pages.frame.browser.chart import draw_plainly
from pages.frame.browser.component import draw
from pages.frame.browser.encoding import address, encode
from pages.frame.server.shared import build

# Pixels that a plain chart needs more than the square.
_AROUND = 160


class Drawn(NamedTuple):
    """What a view shows.

    Parameters
    ----------
    figure : mapping
        From `figures.boundary_layers`, in light colours; the browser recolours it for a dark
        theme.
    label : str
        What is seen, in words, for those who do not see it.
    frames : sequence of (str, ndarray of shape (m, 2))
        The student's boundary through training with a label each, the last one being the
        boundary in the figure; shows the playback bar.
    """

    figure: Mapping[str, Any]
    label: str
    frames: Sequence[tuple[str, NDArray[np.float32]]] = ()


def boundary_view(
    make: Callable[[], Drawn],
    *,
    key: str,
    student_digest: str,
    state: Literal["training", "ready"],
    preview: Mapping[str, Any] | None = None,
    shared: Hashable | None = None,
    height: int = 620,
) -> tuple[float, float] | None:
    """Draw the live view, keeping zoom, pan and hidden layers.

    A browser that cannot draw it gets a plain chart. Return the place (u, v) on the plane that
    was clicked, in the run which that click has started.

    Parameters
    ----------
    make : callable
        Makes what is shown; not called if it is kept under `shared`.
    key : str
        The view that is updated; calls with the same key update the same picture.
    student_digest : str
        Becomes the attribute `data-student` as soon as this figure is on the screen.
    state : {"training", "ready"}
        Becomes `data-state`; while it is "training" the picture wears a small badge.
    preview : mapping, optional
        From `preview_route.offer`: lets the student's line follow a slider that is still moving.
    shared : hashable, optional
        All on which the picture depends; see `server.shared`.
    height : int
        Largest side of the square in pixels; it is smaller where the page is narrow.
    """
    # Whose view it is goes in front, so that all the rest is the same for everybody.
    setting = dict(preview) if preview else None
    visitor = setting.pop("visitor") if setting else ""

    def pack() -> bytes:
        drawn = make()
        return encode(
            drawn.figure,
            drawn.frames,
            student=student_digest,
            state=state,
            label=drawn.label,
            preview=setting,
            height=height,
            dark=dict(DARK),
        )

    message = address(visitor, build(shared, pack))
    failure = "The live view could not be loaded; a plain chart is shown instead."
    result = draw("view.js", message, key=key, reports=("clicked",), failure=failure)
    if result.get("failed"):
        plain = make()
        figure = Figure(plain.figure).update_layout(height=height + _AROUND)
        draw_plainly(figure, key=key, label=plain.label)
    return _read_place(result.get("clicked"))


def _read_place(value: object) -> tuple[float, float] | None:
    """Return a clicked place, or None for anything that is not one."""
    if not isinstance(value, dict):
        return None
    # Also false for NaN, and for whole numbers too large for a float.
    near = {name: x for name, x in value.items() if isinstance(x, int | float) and abs(x) < 1e9}
    return (float(near["u"]), float(near["v"])) if {"u", "v"} <= near.keys() else None
