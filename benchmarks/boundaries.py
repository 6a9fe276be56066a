"""What boundary lines cost and how exact they are: coarse to fine beside dense grids."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from contourpy import LineType, contour_generator
from numpy.typing import NDArray

from benchmarks import Claim, Outcome
from benchmarks.racing import Row, Say
from distill_core.boundaries import boundary_lines, combined_model, member_model
from distill_core.boundaries.refinement import Model
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_problem, load_window
from distill_core.learning import training
from distill_core.specs import EnsembleSpec, PlaneSpec, StudentSpec

N_REPEATS = 7
# Widths of the window.
NEAR = 1e-4
DENSE = (50, 100, 200, 400, 800)
OURS = (60, 100, 400)
# Distances that are tried, in widths of the window.
_LADDER = np.geomspace(1e-8, 3e-2, 64)

Array = NDArray[np.float64]


class Counting:
    """A model that counts the points that it is asked for.

    Parameters
    ----------
    model : callable
        Coordinates (n, 2) to logits (n, n_classes).
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.n = 0

    def __call__(self, uv: Array) -> Array:
        """Return the model's logits."""
        self.n += len(uv)
        return self._model(uv)


def run(say: Say) -> Outcome:
    """Lines of a student, a teacher and an ensemble of three, beside those of dense grids."""
    spec = EnsembleSpec(n_members=3)
    problem = load_problem(spec.problem)
    teachers = training.fit_ensemble(spec, problem.X_train, problem.y_train)
    student = training.fit_students(
        [StudentSpec(ensemble=spec)],
        problem.X_train,
        problem.y_train,
        teachers.logits(problem.X_train),
    )
    models = {
        "student": member_model(student),
        "teacher": member_model(teachers),
        "ensemble of 3": combined_model(teachers),
    }
    window = load_window(spec.problem.plane or PlaneSpec(), spec.problem.dataset)
    return compare(models, window, say)


def compare(
    models: Mapping[str, Model],
    window: Window,
    say: Say,
    dense: tuple[int, ...] = DENSE,
    ours: tuple[int, ...] = OURS,
) -> Outcome:
    """Return what lines cost and how exact they are, for two-class models on a window.

    Dense grids grow until 99% of their interpolated vertices are within `NEAR`: the first
    such grid counts as the one of equal accuracy. That is generous to it, because the last
    percent, at the kinks of a network, needs a far finer grid.
    """
    rows: list[Row] = []
    claims = []
    for name, model in models.items():
        equal = None
        for resolution in dense:
            row = _measured(f"{name}, dense {resolution}", model, window, interpolated, resolution)
            rows.append(row)
            say(str(row))
            if float(row["99% error"]) <= NEAR:
                equal = row
                break
        exact = [
            _measured(f"{name}, dense 100 and root finding", model, window, _known, 100),
            *(
                _measured(f"{name}, coarse to fine {r}", model, window, boundary_lines, r)
                for r in ours
            ),
        ]
        rows += exact
        claims += _claims(name, exact[1:], equal or rows[-len(exact) - 1], equal is not None)
    return Outcome(
        "Boundary lines on the default plane: at how many points the model is asked, median of "
        f"{N_REPEATS} times (from 400 points per side on: one time), and how far vertices lie "
        "from the boundary, in widths of the window.\nDense N: contourpy on N x N points, "
        "vertices interpolated. Of equal accuracy: the first dense grid that has 99% of its "
        f"vertices within {NEAR:g}.",
        rows,
        claims,
    )


def interpolated(model: Model, window: Window, resolution: int) -> NDArray[np.float32]:
    """Return the contour of a dense grid, vertices interpolated, as `boundary_lines` does."""
    logits = model(window.grid(resolution)).reshape(resolution, resolution, 2)
    u, v = window.axes(resolution)
    generator = contour_generator(
        u, v, logits[..., 1] - logits[..., 0], line_type=LineType.ChunkCombinedNan
    )
    lines: Any = generator.lines(0.0)[0][0]
    return np.empty((0, 2), np.float32) if lines is None else lines.astype(np.float32)


def errors(model: Model, window: Window, lines: NDArray[np.float32]) -> Array:
    """Return how near each vertex the answer changes, in widths of the window, (n,).

    Up and down the margin's slope from the vertex, the nearest of a ladder of distances at
    which the answer is another one: the boundary is no further.
    """
    points, width = lines[~np.isnan(lines[:, 0])].astype(float), 2 * window.half

    def margin(uv: Array) -> Array:
        return np.diff(model(uv), axis=1)[:, 0]

    step = 1e-6 * width
    slope = np.stack(
        [margin(points + d) - margin(points - d) for d in ([step, 0.0], [0.0, step])], axis=1
    )
    normal = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-300)
    here = margin(points) > 0
    nearest = np.full(len(points), np.inf)
    for distance in _LADDER[::-1]:
        for side in (1, -1):
            changed = (margin(points + side * distance * width * normal) > 0) != here
            nearest[changed] = distance
    return nearest


def _known(model: Model, window: Window, resolution: int) -> NDArray[np.float32]:
    return boundary_lines(model, window, resolution, model(window.grid(resolution)))


def _measured(
    name: str,
    model: Model,
    window: Window,
    trace: Callable[[Model, Window, int], NDArray[np.float32]],
    resolution: int,
) -> Row:
    counting = Counting(model)
    found = errors(model, window, trace(counting, window, resolution))
    seconds = []
    # A large dense grid takes seconds.
    for _ in range(N_REPEATS if resolution < 400 else 1):
        began = time.perf_counter()
        trace(model, window, resolution)
        seconds.append(time.perf_counter() - began)
    return {
        "": name,
        "evaluations": counting.n,
        "vertices": len(found),
        "largest error": float(found.max()),
        "99% error": float(np.quantile(found, 0.99)),
        "ms": 1e3 * statistics.median(seconds),
    }


def _claims(name: str, ours: list[Row], equal: Row, reached: bool) -> list[Claim]:
    one = next((row for row in ours if str(row[""]).endswith(" 100")), ours[0])
    error = float(one["largest error"])
    share = float(one["evaluations"]) / float(equal["evaluations"])
    grid = (
        "the dense grid of equal accuracy" if reached else "the finest grid, which is not as good"
    )
    return [
        Claim(
            f"{name}: vertices within {NEAR:g} of the window's width ({error:.0e}).", error <= NEAR
        ),
        Claim(
            f"{name}: at most a tenth of the evaluations of {grid} (1 in {1 / share:.0f}).",
            share <= 0.1,
        ),
    ]
