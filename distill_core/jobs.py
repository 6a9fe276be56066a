"""What a worker does: from a spec to a stored artifact, each kind by one function.

Every function takes a spec, the store and a way to report; it finds what it builds on in
the store or makes it first, and puts exactly one artifact under its kind and the spec's
digest. The same spec gives the same bytes in every process. Which job runs where and when
is the engine's business.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from torch import Tensor

from distill_core import boundary, losses, metrics, training, uploads
from distill_core.boundary import Section
from distill_core.engine.worker import Report
from distill_core.networks import Stack
from distill_core.planes import Window
from distill_core.problems import Problem, load_plane, load_problem, load_window
from distill_core.specs import (
    EnsemblePartSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    ReplicatesSpec,
    SectionSpec,
    StudentSpec,
)
from distill_core.store import Artifact, Store

# Seconds between two pictures of a growing ensemble, and how finely they are drawn.
_SNAPSHOT_EVERY = 0.4
_SNAPSHOT_RESOLUTION = 48
# Playback frames are small on the wire and many, so their grid is coarser than the picture's.
_FRAME_RESOLUTION = 60


Combine = Literal["logits", "probabilities"]


def silent(done: int, total: int, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Report to nobody."""


def ensemble_part(spec: EnsemblePartSpec, store: Store, report: Report = silent) -> None:
    """Train some of the teachers; put their weights and their logits on training and test data.

    While they train, what they say on a plane is reported now and then: `logits` of shape
    (r, r, n_classes) on the plane of the slice view or of class centres, and `weight`, the
    number of teachers.
    """
    uploads.use(store)
    whole = spec.ensemble
    problem = load_problem(whole.problem)
    plane = whole.problem.plane or PlaneSpec()
    points = load_window(plane, whole.problem.dataset).grid(_SNAPSHOT_RESOLUTION)
    due = time.monotonic() + _SNAPSHOT_EVERY

    def on_step(done: int, total: int, stack: Stack) -> None:
        nonlocal due
        if time.monotonic() < due:
            return report(done, total)
        seen = boundary.combined_model(_on_plane(stack, whole.problem, plane), whole.combine)
        shape = (_SNAPSHOT_RESOLUTION, _SNAPSHOT_RESOLUTION, -1)
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
    store.put("ensemble-part", spec.digest, {**stack.to_arrays(), **logits})


def ensemble(spec: EnsembleSpec, store: Store, report: Report = silent) -> None:
    """Join the parts of an ensemble, trained now where missing; put the whole."""
    parts = [
        _found(store, "ensemble-part", part, ensemble_part, report).arrays for part in spec.parts
    ]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    y = load_problem(spec.problem).y_test.numpy()
    test_logits = torch.from_numpy(arrays["test_logits"])
    labels = losses.soft_targets(test_logits, 1.0, spec.combine).numpy().argmax(-1)
    meta = {
        "accuracy": float(metrics.accuracy(labels, y)),
        "member_accuracy": metrics.accuracy(arrays["test_logits"].argmax(-1), y).tolist(),
        "n_parameters": Stack.from_arrays(parts[0]).n_parameters,
    }
    store.put("ensemble", spec.digest, arrays, meta)


def read_growth(snapshots: Sequence[Mapping[str, NDArray[Any]]], window: Window) -> Section:
    """Return the section of an ensemble that is still being trained.

    Parameters
    ----------
    snapshots : sequence of mapping
        What its parts have reported last, at least one.
    window : Window
        The window of their plane.
    """
    weights = [float(snapshot["weight"]) for snapshot in snapshots]
    logits = np.average([snapshot["logits"] for snapshot in snapshots], 0, weights)
    u, v = window.axes(len(logits))
    interpolated = RegularGridInterpolator((v, u), logits, bounds_error=False, fill_value=None)
    return boundary.section(lambda uv: interpolated(uv[:, ::-1]), window, len(logits))


def section(spec: SectionSpec, store: Store, report: Report = silent) -> None:
    """Evaluate the ensemble and each teacher on a plane; put fields and lines."""
    stack = _ensemble(spec.ensemble, store, report)[0]
    window = load_window(spec.plane, spec.ensemble.problem.dataset)
    seen_stack = _on_plane(stack, spec.ensemble.problem, spec.plane)
    whole = boundary.section(boundary.combined_model(seen_stack, spec.ensemble.combine), window)
    members = []
    for member in range(stack.k):
        report(member, stack.k)
        model = boundary.member_model(seen_stack, member)
        members.append(boundary.boundary_lines(model, window, _FRAME_RESOLUTION))
    arrays = {**_section_arrays(whole), **_packed("member", members)}
    store.put("section", spec.digest, arrays)


def student(spec: StudentSpec, store: Store, report: Report = silent) -> None:
    """Train a student beside its twin; put both networks and what they reach on test data."""
    teachers, logits = _ensemble(spec.ensemble, store, report)
    problem = load_problem(spec.ensemble.problem)
    pair = training.fit_students(
        [spec, spec.twin()],
        problem.X_train,
        problem.y_train,
        logits["train_logits"],
        on_step=lambda done, total, _: report(done, total),
    )
    proba = torch.softmax(pair.logits(problem.X_test), -1).numpy()
    results = _against(proba, logits["test_logits"], problem.y_test, spec.ensemble.combine)
    store.put(
        "student",
        spec.digest,
        {**pair.to_arrays(), "test_labels": proba.argmax(-1)},
        {
            "student": {name: float(both[0]) for name, both in results.items()},
            "twin": {name: float(both[1]) for name, both in results.items()},
            "n_parameters": pair.n_parameters,
            "compression": teachers.n_parameters * teachers.k / pair.n_parameters,
        },
    )


def picture(spec: PictureSpec, store: Store, report: Report = silent) -> None:
    """Put a student's and its twin's section; trains them first if the store has no such pair."""
    artifact = _found(store, "student", spec.student, student, report)
    pair = _on_plane(Stack.from_arrays(artifact.arrays), spec.student.ensemble.problem, spec.plane)
    window = load_window(spec.plane, spec.student.ensemble.problem.dataset)
    ours, twins = (
        boundary.section(boundary.member_model(pair, member), window) for member in range(2)
    )
    arrays = {**_section_arrays(ours), **_section_arrays(twins, "twin_")}
    store.put("picture", spec.digest, arrays, artifact.meta)


def history(spec: PictureSpec, store: Store, report: Report = silent) -> None:
    """Train a pair once more and put how it got there: curves and boundary after each epoch.

    `curves` is (n_epochs, 2, 3): for student and twin the training loss of its own kind,
    agreement with the ensemble on test data, and test accuracy.
    """
    one = spec.student
    _, logits = _ensemble(one.ensemble, store, report)
    problem = load_problem(one.ensemble.problem)
    snapshots: list[Stack] = []

    def on_step(done: int, total: int, stack: Stack) -> None:
        report(done, total)
        if done % (total // one.schedule.epochs) == 0:
            snapshots.append(stack.clone())

    training.fit_students(
        [one, one.twin()], problem.X_train, problem.y_train, logits["train_logits"], on_step=on_step
    )
    curves = [_curve_point(pair, one, problem, logits) for pair in snapshots]
    window = load_window(spec.plane, one.ensemble.problem.dataset)
    frames: list[NDArray[np.float32]] = []
    for pair in snapshots:
        report(len(frames), len(snapshots))
        seen = _on_plane(pair.members([0]), one.ensemble.problem, spec.plane)
        model = boundary.member_model(seen)
        frames.append(boundary.boundary_lines(model, window, _FRAME_RESOLUTION))
    store.put("history", spec.digest, {"curves": np.array(curves), **_packed("frame", frames)})


def replicates(spec: ReplicatesSpec, store: Store, report: Report = silent) -> None:
    """Train one setting and its twin over several seeds; put each seed's results.

    Arrays `student_<metric>` and `twin_<metric>` have shape (n_seeds,).
    """
    _, logits = _ensemble(spec.student.ensemble, store, report)
    problem = load_problem(spec.student.ensemble.problem)
    stack = training.fit_students(
        spec.students,
        problem.X_train,
        problem.y_train,
        logits["train_logits"],
        on_step=lambda done, total, _: report(done, total),
    )
    proba = torch.softmax(stack.logits(problem.X_test), -1).numpy()
    combine = spec.student.ensemble.combine
    results = _against(proba, logits["test_logits"], problem.y_test, combine)
    arrays = {
        f"{who}_{name}": part
        for name, values in results.items()
        for who, part in zip(("student", "twin"), np.split(values, 2), strict=True)
    }
    store.put("replicates", spec.digest, arrays)


def read_section(artifact: Artifact, window: Window, prefix: str = "") -> Section:
    """Return a section that `section` or `picture` put; prefix `twin_` for the twin's."""
    rest = artifact.arrays[prefix + "proba"]
    proba = np.concatenate([1 - rest.sum(0, keepdims=True), rest])
    return Section(window, proba, artifact.arrays[prefix + "lines"])


def read_lines(artifact: Artifact, name: str) -> list[NDArray[np.float32]]:
    """Return the lines put under `member` (one per teacher) or `frame` (one per epoch)."""
    return np.split(artifact.arrays[name + "_lines"], artifact.arrays[name + "_cuts"])


def _against(
    proba: NDArray[Any], test_logits: Tensor, y_test: Tensor, combine: Combine
) -> dict[str, NDArray[np.float64]]:
    """Return figures on test data of k models (k, n, n_classes), each of shape (k,)."""
    target = losses.soft_targets(test_logits, 1.0, combine).numpy()
    labels = proba.argmax(-1)
    return {
        "agreement": metrics.agreement(labels, target.argmax(-1)),
        "accuracy": metrics.accuracy(labels, y_test.numpy()),
        "kl": metrics.kl_divergence(np.broadcast_to(target, proba.shape), proba),
    }


def _curve_point(
    pair: Stack, spec: StudentSpec, problem: Problem, logits: Mapping[str, Tensor]
) -> NDArray[np.float64]:
    """Return the training loss, agreement and accuracy of student and twin, shape (2, 3)."""
    combine = spec.ensemble.combine
    target = losses.soft_targets(logits["train_logits"], spec.temperature, combine)
    alpha = torch.tensor([spec.alpha, 0.0]).view(-1, 1, 1)
    loss = losses.distillation_loss(
        pair.logits(problem.X_train), target, problem.y_train, spec.temperature, alpha
    )
    proba = torch.softmax(pair.logits(problem.X_test), -1).numpy()
    test = _against(proba, logits["test_logits"], problem.y_test, combine)
    return np.stack([loss.numpy(), test["agreement"], test["accuracy"]], axis=1)


def _ensemble(
    spec: EnsembleSpec, store: Store, report: Report
) -> tuple[Stack, Mapping[str, Tensor]]:
    """Return the stack and the logits of an ensemble, kept in memory from one job to the next."""
    key = (str(store.root), spec.digest)
    if key not in _ensembles:
        artifact = _found(store, "ensemble", spec, ensemble, report)
        if len(_ensembles) >= 8:
            _ensembles.pop(next(iter(_ensembles)))
        logits = {
            name: torch.from_numpy(artifact.arrays[name])
            for name in ("train_logits", "test_logits")
        }
        _ensembles[key] = Stack.from_arrays(artifact.arrays), logits
    return _ensembles[key]


_ensembles: dict[tuple[str, str], tuple[Stack, Mapping[str, Tensor]]] = {}


def _found(store: Store, kind: str, spec: Any, make: Any, report: Report) -> Artifact:
    """Return an artifact, made now if the store does not have it or had to set it aside."""
    uploads.use(store)
    artifact = store.get(kind, spec.digest)
    if artifact is None:
        make(spec, store, report)
        artifact = store.get(kind, spec.digest)
    if artifact is None:
        raise RuntimeError(
            f"The store at {store.root} did not keep a new {kind}; is its disk full?"
        )
    return artifact


def _on_plane(stack: Stack, problem: ProblemSpec, plane: PlaneSpec) -> Stack:
    if problem.plane is not None:
        return stack
    return stack.on_plane(load_plane(plane, problem.dataset))


def _section_arrays(seen: Section, prefix: str = "") -> dict[str, NDArray[Any]]:
    # The first class is one minus the rest: not kept, to keep stores small.
    return {prefix + "proba": seen.proba[1:], prefix + "lines": seen.lines}


def _packed(name: str, lines: Sequence[NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    cuts = np.cumsum([len(part) for part in lines])[:-1]
    return {name + "_lines": np.concatenate(lines), name + "_cuts": cuts.astype(np.int64)}
