"""Students beside their twins: trained, seen on a plane, followed through training, repeated."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_core import boundaries
from distill_core.boundaries.section import Section
from distill_core.engine.worker import Report
from distill_core.geometry.problems import load_problem, load_window
from distill_core.jobs import artifacts
from distill_core.jobs.artifacts import Arrays, artifact
from distill_core.jobs.teachers import load_ensemble, trace_members
from distill_core.learning import losses, training
from distill_core.learning.networks import Stack
from distill_core.measures import metrics
from distill_core.specs import EnsembleSpec, PictureSpec, ReplicatesSpec, StudentSpec
from distill_core.store import Store

T = TypeVar("T")

# Twins, and what is seen of them, that a process keeps in memory from one job to the next.
_MAX_KEPT = 8

Combine = Literal["logits", "probabilities"]
# What a job returns: arrays and meta.
Result = tuple[Arrays, dict[str, Any]]

# Called with a student as soon as it is trained, and its agreement with the ensemble.
OnTrained = Callable[[Stack, float], None]


@artifact("student")
def train_student(
    spec: StudentSpec,
    store: Store,
    report: Report,
    *,
    on_trained: OnTrained = lambda own, agreement: None,
) -> Result:
    """Train a student and its twin; put both networks and what they reach on test data.

    The student comes first, as somebody waits for it. A twin kept from another job is not
    trained again: it is the same at every T and alpha.
    """
    teachers, logits = load_ensemble(spec.ensemble, store, report)
    key = str(store.root), _name_twin(spec)
    twin = _kept_twins.get(key)
    n_parts = 2 if twin is None else 1

    def fit(one: StudentSpec, part: int) -> Stack:
        return fit_students(
            [one], logits, lambda done, total, _: report(part * total + done, n_parts * total)
        )

    own = fit(spec, 0)
    reached = measure_on_test(predict_test(own, spec.ensemble), logits, spec.ensemble)
    on_trained(own, float(reached["agreement"][0]))
    if twin is None:
        twin = fit(spec.twin(), 1)
    _keep(_kept_twins, key, twin)
    pair = Stack.joined([own, twin])
    return pack_student(spec, pair, predict_test(pair, spec.ensemble), teachers, logits)


_kept_twins: dict[tuple[str, ...], Stack] = {}
_kept_sections: dict[tuple[str, ...], Section] = {}


def _name_twin(spec: StudentSpec) -> str:
    """Return a name of a student's twin, which is the same at every T and alpha."""
    return spec.twin().replace(temperature=1.0).digest


def _keep(kept: dict[tuple[str, ...], T], name: tuple[str, ...], value: T) -> None:
    """Keep a value of a twin for the next job, and the latest ones alone."""
    kept.pop(name, None)
    kept[name] = value
    if len(kept) > _MAX_KEPT:
        kept.pop(next(iter(kept)))


def pack_student(
    spec: StudentSpec,
    pair: Stack,
    proba: NDArray[Any],
    teachers: Stack,
    logits: Mapping[str, Tensor],
) -> Result:
    """Return what is put of a trained student and its twin: networks, and what they reach.

    `proba` (2, n_test, n_classes) is what the two of the pair say on test data; teachers and
    logits come from `load_ensemble`.
    """
    results = measure_on_test(proba, logits, spec.ensemble)
    return (
        {**pair.to_arrays(), "test_labels": proba.argmax(-1)},
        {
            "student": {name: float(both[0]) for name, both in results.items()},
            "twin": {name: float(both[1]) for name, both in results.items()},
            "n_parameters": pair.n_parameters,
            "compression": teachers.n_parameters * teachers.k / pair.n_parameters,
        },
    )


@artifact("picture")
def evaluate_picture(spec: PictureSpec, store: Store, report: Report) -> Result:
    """Put a student's and its twin's section; trains them first if the store has no such pair.

    A student that is trained now is reported before its twin is: its `lines` and its
    `agreement` with the ensemble on test data.
    """
    problem = spec.student.ensemble.problem
    window = load_window(spec.plane, problem.dataset)

    def seen(stack: Stack) -> Section:
        model = boundaries.member_model(artifacts.view_on_plane(stack, problem, spec.plane))
        return boundaries.section(model, window)

    def show(own: Stack, agreement: float) -> None:
        report(1, 2, {"lines": seen(own).lines, "agreement": np.array(agreement)})

    found = artifacts.load_or_make(store, train_student, spec.student, report, on_trained=show)
    pair = Stack.from_arrays(found.arrays)
    ours = seen(pair.members([0]))
    name = str(store.root), _name_twin(spec.student), spec.plane.digest
    twins = _kept_sections.get(name) or seen(pair.members([1]))
    _keep(_kept_sections, name, twins)
    arrays = {**artifacts.pack_section(ours), **artifacts.pack_section(twins, "twin_")}
    return arrays, found.meta


@artifact("history")
def trace_history(spec: PictureSpec, store: Store, report: Report) -> Arrays:
    """Train a pair once more and put how it got there: curves and boundary after each epoch.

    `curves` is (n_epochs, 2, 3): for student and twin the training loss of its own kind,
    agreement with the ensemble on test data, and test accuracy.
    """
    one = spec.student
    _, logits = load_ensemble(one.ensemble, store, report)
    snapshots: list[Stack] = []

    def on_step(done: int, total: int, stack: Stack) -> None:
        report(done, total)
        if done % (total // one.schedule.epochs) == 0:
            snapshots.append(stack.clone())

    fit_students([one, one.twin()], logits, on_step)
    curves = [_curve_point(pair, one, logits) for pair in snapshots]
    window = load_window(spec.plane, one.ensemble.problem.dataset)
    students = Stack.joined([pair.members([0]) for pair in snapshots])
    on_plane = artifacts.view_on_plane(students, one.ensemble.problem, spec.plane)
    frames = trace_members(on_plane, window, report)
    return {"curves": np.array(curves), **artifacts.pack_lines("frame", frames)}


@artifact("replicates")
def train_replicates(spec: ReplicatesSpec, store: Store, report: Report) -> Arrays:
    """Train one setting and its twin over several seeds; put each seed's results.

    Arrays `student_<metric>` and `twin_<metric>` have shape (n_seeds,); `student_hits` and
    `twin_hits` say on which test rows they agree with the ensemble, see `read_hits`.
    """
    ensemble = spec.student.ensemble
    _, logits = load_ensemble(ensemble, store, report)
    stack = fit_students(spec.students, logits, lambda done, total, _: report(done, total))
    proba = predict_test(stack, ensemble)
    results = measure_on_test(proba, logits, ensemble)
    whole = losses.soft_targets(logits["test_logits"], 1.0, ensemble.combine).numpy().argmax(-1)
    hits = artifacts.pack_hits(proba.argmax(-1) == whole)
    both: dict[str, NDArray[Any]] = {**results, "hits": hits}
    return {
        f"{who}_{name}": part
        for name, values in both.items()
        for who, part in zip(("student", "twin"), np.split(values, 2), strict=True)
    }


@artifact("answers")
def collect_answers(spec: ReplicatesSpec, store: Store, report: Report) -> Arrays:
    """Train one setting and its twin over several seeds; put what everyone answers on test rows.

    `students` and `twins` are labels (n_seeds, n_rows), `ensemble` is (n_rows,).
    """
    ensemble = spec.student.ensemble
    _, logits = load_ensemble(ensemble, store, report)
    stack = fit_students(spec.students, logits, lambda done, total, _: report(done, total))
    labels = predict_test(stack, ensemble).argmax(-1).astype(np.uint8)
    target = losses.soft_targets(logits["test_logits"], 1.0, ensemble.combine).numpy()
    students, twins = np.split(labels, 2)
    whole = target.argmax(-1).astype(np.uint8)
    return {"students": students, "twins": twins, "ensemble": whole}


def fit_students(
    specs: Sequence[StudentSpec], logits: Mapping[str, Tensor], on_step: training.OnStep
) -> Stack:
    """Train students of one ensemble on its training data; its logits are `load_ensemble`'s."""
    problem = load_problem(specs[0].ensemble.problem)
    return training.fit_students(
        specs, problem.X_train, problem.y_train, logits["train_logits"], on_step=on_step
    )


def predict_test(stack: Stack, ensemble: EnsembleSpec) -> NDArray[Any]:
    """Return the probabilities of k models on the ensemble's test data, (k, n, n_classes)."""
    return torch.softmax(stack.logits(load_problem(ensemble.problem).X_test), -1).numpy()


def measure_on_test(
    proba: NDArray[Any], logits: Mapping[str, Tensor], ensemble: EnsembleSpec
) -> dict[str, NDArray[np.float64]]:
    """Return `agreement`, `accuracy` and `kl` of what `predict_test` returned, (k,) each."""
    target = losses.soft_targets(logits["test_logits"], 1.0, ensemble.combine).numpy()
    labels, y = proba.argmax(-1), load_problem(ensemble.problem).y_test.numpy()
    return {
        "agreement": metrics.agreement(labels, target.argmax(-1)),
        "accuracy": metrics.accuracy(labels, y),
        "kl": metrics.kl_divergence(np.broadcast_to(target, proba.shape), proba),
    }


def _curve_point(
    pair: Stack, spec: StudentSpec, logits: Mapping[str, Tensor]
) -> NDArray[np.float64]:
    """Return the training loss, agreement and accuracy of student and twin, shape (2, 3)."""
    ensemble, problem = spec.ensemble, load_problem(spec.ensemble.problem)
    target = losses.soft_targets(logits["train_logits"], spec.temperature, ensemble.combine)
    alpha = torch.tensor([spec.alpha, 0.0]).view(-1, 1, 1)
    loss = losses.distillation_loss(
        pair.logits(problem.X_train), target, problem.y_train, spec.temperature, alpha
    )
    test = measure_on_test(predict_test(pair, ensemble), logits, ensemble)
    return np.stack([loss.numpy(), test["agreement"], test["accuracy"]], axis=1)
