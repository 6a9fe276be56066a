"""The ensemble: trained in parts, joined, seen on a plane."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from torch import Tensor

from distill_core import boundaries
from distill_core.boundaries.section import Section
from distill_core.boundaries.tracing import RESOLUTION
from distill_core.engine.worker import Report
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_problem, load_window
from distill_core.jobs import artifacts
from distill_core.jobs.artifacts import Arrays, artifact
from distill_core.learning import losses, training
from distill_core.learning.networks import Stack
from distill_core.measures import metrics
from distill_core.specs import EnsemblePartSpec, EnsembleSpec, PlaneSpec, SectionSpec
from distill_core.store import Store

# Seconds between two pictures of a growing ensemble, and how finely they are drawn.
_SNAPSHOT_EVERY = 0.65
SNAPSHOT_RESOLUTION = 48
# Every third point of the full grid, so that the two can be compared.
ROUGH_RESOLUTION = (RESOLUTION - 1) // 3 + 1
# Points per side. One line of many is thin, or small on the wire as a frame of a playback, so its
# grid is coarser than the picture's: vertices are exact on any grid; islands under a 60th of a
# side are missed.
MEMBER_RESOLUTION = 60
# Ensembles that a process keeps in memory from one job to the next.
_MAX_KEPT = 8


@artifact("ensemble-part")
def train_ensemble_part(spec: EnsemblePartSpec, store: Store, report: Report) -> Arrays:
    """Train some of the teachers; put their weights and their logits on training and test data.

    While they train, what they say on a plane is reported now and then: `logits` of shape
    (r, r, n_classes) on the plane of the slice view or of class centres, and `weight`, the
    number of teachers.
    """
    whole = spec.ensemble
    problem = load_problem(whole.problem)
    plane = whole.problem.plane or PlaneSpec()
    points = load_window(plane, whole.problem.dataset).grid(SNAPSHOT_RESOLUTION)
    due = time.monotonic() + _SNAPSHOT_EVERY

    def on_step(done: int, total: int, stack: Stack) -> None:
        nonlocal due
        if time.monotonic() < due:
            return report(done, total)
        on_plane = artifacts.view_on_plane(stack, whole.problem, plane)
        seen = boundaries.combined_model(on_plane, whole.combine)
        shape = (SNAPSHOT_RESOLUTION, SNAPSHOT_RESOLUTION, -1)
        logits = seen(points).reshape(shape).astype(np.float32)
        report(done, total, {"logits": logits, "weight": np.array(stack.k)})
        due = time.monotonic() + _SNAPSHOT_EVERY

    stack = training.fit_ensemble(
        whole, problem.X_train, problem.y_train, members=spec.members, on_step=on_step
    )
    logits = {
        "train_logits": stack.logits(problem.X_train).numpy(),
        "test_logits": stack.logits(problem.X_test).numpy(),
    }
    return {**stack.to_arrays(), **logits}


@artifact("ensemble")
def train_ensemble(
    spec: EnsembleSpec, store: Store, report: Report
) -> tuple[Arrays, dict[str, Any]]:
    """Join the parts of an ensemble, trained now where missing; put the whole."""
    made = (artifacts.load_or_make(store, train_ensemble_part, p, report) for p in spec.parts)
    parts = [part.arrays for part in made]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    y = load_problem(spec.problem).y_test.numpy()
    test_logits = torch.from_numpy(arrays["test_logits"])
    labels = losses.soft_targets(test_logits, 1.0, spec.combine).numpy().argmax(-1)
    meta = {
        "accuracy": float(metrics.accuracy(labels, y)),
        "member_accuracy": metrics.accuracy(arrays["test_logits"].argmax(-1), y).tolist(),
        "n_parameters": Stack.from_arrays(parts[0]).n_parameters,
    }
    return arrays, meta


def load_ensemble(
    spec: EnsembleSpec, store: Store, report: Report
) -> tuple[Stack, Mapping[str, Tensor]]:
    """Return the stack and the logits of an ensemble, kept in memory from one job to the next."""
    key = (str(store.root), spec.digest)
    if key not in _ensembles:
        found = artifacts.load_or_make(store, train_ensemble, spec, report)
        if len(_ensembles) >= _MAX_KEPT:
            _ensembles.pop(next(iter(_ensembles)))
        logits = {
            name: torch.tensor(found.arrays[name]) for name in ("train_logits", "test_logits")
        }
        _ensembles[key] = Stack.from_arrays(found.arrays), logits
    return _ensembles[key]


_ensembles: dict[tuple[str, str], tuple[Stack, Mapping[str, Tensor]]] = {}


def read_growth(snapshots: Sequence[Mapping[str, NDArray[Any]]], window: Window) -> Section:
    """Return the section, on its plane's window, of an ensemble that is still being trained.

    The snapshots are what its parts have reported last, at least one.
    """
    weights = [float(snapshot["weight"]) for snapshot in snapshots]
    logits = np.average([snapshot["logits"] for snapshot in snapshots], 0, weights)
    u, v = window.axes(len(logits))
    interpolated = RegularGridInterpolator((v, u), logits, bounds_error=False, fill_value=None)
    return boundaries.section(lambda uv: interpolated(uv[:, ::-1]), window, len(logits))


@artifact("section")
def evaluate_section(spec: SectionSpec, store: Store, report: Report) -> Arrays:
    """Evaluate the ensemble on a plane; put its field and its lines."""
    return artifacts.pack_section(_evaluate(spec, store, report, RESOLUTION))


@artifact("rough-section")
def evaluate_rough_section(spec: SectionSpec, store: Store, report: Report) -> Arrays:
    """Put what `evaluate_section` does on a third of its grid, in a tenth of the time."""
    return artifacts.pack_section(_evaluate(spec, store, report, ROUGH_RESOLUTION))


def trace_members(stack: Stack, window: Window, report: Report) -> list[NDArray[np.float32]]:
    """Return the boundary (m, 2) of each network of a stack that sees a plane."""
    lines = []
    for member in range(stack.k):
        report(member, stack.k)
        model = boundaries.member_model(stack, member)
        lines.append(boundaries.boundary_lines(model, window, MEMBER_RESOLUTION))
    return lines


@artifact("teacher-lines")
def trace_teachers(spec: SectionSpec, store: Store, report: Report) -> Arrays:
    """Put the boundary of each teacher on a plane, as lines called `member`."""
    stack = load_ensemble(spec.ensemble, store, report)[0]
    window = load_window(spec.plane, spec.ensemble.problem.dataset)
    seen_stack = artifacts.view_on_plane(stack, spec.ensemble.problem, spec.plane)
    return artifacts.pack_lines("member", trace_members(seen_stack, window, report))


def _evaluate(spec: SectionSpec, store: Store, report: Report, resolution: int) -> Section:
    stack = load_ensemble(spec.ensemble, store, report)[0]
    seen_stack = artifacts.view_on_plane(stack, spec.ensemble.problem, spec.plane)
    model = boundaries.combined_model(seen_stack, spec.ensemble.combine)
    window = load_window(spec.plane, spec.ensemble.problem.dataset)
    return boundaries.section(model, window, resolution)
