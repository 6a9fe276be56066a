"""A tour: planes on the shortest ways from stop to stop, and one window for all of them.

In the manner of a guided tour (Buja, Cook, Asimov, Hurley 2005; R package tourr). Planes and
where points fall on them; no models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.geometry.planes import Plane, Window, interpolate
from distill_core.geometry.problems import load_plane
from distill_core.specs import DatasetSpec, PlaneSpec

# Share of the points inside the window on every plane, and times that reach for some room.
_SHOWN, _MARGIN = 0.98, 1.06


@dataclass(frozen=True, eq=False)
class Step:
    """One plane of a tour.

    Parameters
    ----------
    plane : Plane
        With axes that turn on smoothly from those of the step before.
    spec : PlaneSpec
        The name of the same plane; its second axis may be mirrored.
    """

    plane: Plane
    spec: PlaneSpec


def list_steps(stops: Sequence[PlaneSpec], n_steps: int, dataset: DatasetSpec) -> list[Step]:
    """Return the planes of a tour, at least 2, the first and the last stop included.

    There are at least two stops, none of the kind "between", and the same number of steps from
    each to the next. Raises SpecError when the data has no such plane.
    """
    legs = len(stops) - 1
    # A mirrored arrival is where the next leg begins: no step jumps.
    starts = [load_plane(stops[0], dataset)]
    for stop in stops[1:]:
        starts.append(interpolate(starts[-1], load_plane(stop, dataset), 1.0))
    found = []
    for place in np.linspace(0, legs, n_steps):
        leg = min(int(place), legs - 1)
        t = round(float(place) - leg, 4)
        plane = interpolate(starts[leg], load_plane(stops[leg + 1], dataset), t)
        ends = stops[leg], stops[leg + 1]
        named = {0.0: ends[0], 1.0: ends[1]}.get(t) or PlaneSpec(kind="between", ends=ends, t=t)
        found.append(Step(plane, named))
    return found


def fit_window(found: Sequence[Step], X: ArrayLike) -> Window:
    """Return the square around (0, 0) that shows nearly all of X (n, d) on every plane."""
    X = np.asarray(X, dtype=float)
    reach = [np.quantile(np.abs(step.plane.project(X)).max(1), _SHOWN) for step in found]
    return Window(0.0, 0.0, float(max(reach)) * _MARGIN)


def find_longest_axes(found: Sequence[Step], n: int) -> NDArray[np.int64]:
    """Return which n features are seen best: those with the longest shadow in any step."""
    shadows = np.stack([np.linalg.norm(step.plane.basis, axis=0) for step in found])
    return np.sort(np.argsort(-shadows.max(0), kind="stable")[:n])
