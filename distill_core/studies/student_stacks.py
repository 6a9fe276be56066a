"""The jobs of studies of students: trainings of many seeds at once, and their boundaries."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator, model_validator
from torch import Tensor
from torch.nn import functional as F

from distill_core import jobs, specs
from distill_core.engine.worker import Report
from distill_core.geometry.problems import load_problem, load_window
from distill_core.jobs import Arrays, artifact
from distill_core.learning import losses
from distill_core.learning.networks import Stack, n_parameters
from distill_core.measures import distances, metrics
from distill_core.specs import EnsembleSpec, PlaneSpec, Schedule, SectionSpec, Spec, StudentSpec
from distill_core.store import Artifact, Store
from distill_core.studies.study import Task

FIGURES = ("agreement", "accuracy", "kl", "ece")
SHARES = ("loss_share", "gradient_share", "first_loss_share", "first_gradient_share")
# Seconds per optimiser step, and per sample and network: at least, and per parameter.
# Measured on one core; other machines differ by a factor of two or so.
_PER_STEP, _PER_SAMPLE, _PER_PARAMETER = 2e-4, 2.7e-7, 1.3e-10


class StudentsSpec(Spec):
    """Students of one width and temperature: every alpha with every seed, trained in one stack."""

    ensemble: EnsembleSpec = EnsembleSpec()
    width: specs.Width = 64
    depth: specs.Depth = 2
    temperature: specs.Temperature = 3.0
    alphas: tuple[specs.Alpha, ...] = (0.7, 0.0)
    seeds: tuple[specs.Seed, ...] = (0,)
    schedule: Schedule = Schedule.STUDENT

    @field_validator("alphas", "seeds")
    @classmethod
    def _some(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not 1 <= len(values) <= 64:
            raise ValueError(f"A stack takes 1 to 64 alphas and seeds, got {len(values)}.")
        return values

    @property
    def students(self) -> list[StudentSpec]:
        """One student per alpha and seed, the seeds of the first alpha first."""
        return [
            StudentSpec(
                ensemble=self.ensemble,
                width=self.width,
                depth=self.depth,
                temperature=self.temperature,
                alpha=alpha,
                seed=seed,
                schedule=self.schedule,
            )
            for alpha in self.alphas
            for seed in self.seeds
        ]


class BoundariesSpec(Spec):
    """The boundaries of such students on a plane."""

    students: StudentsSpec = StudentsSpec()
    plane: PlaneSpec = PlaneSpec()

    @model_validator(mode="after")
    def _one_plane(self) -> "BoundariesSpec":
        assert self.section
        return self

    @property
    def section(self) -> SectionSpec:
        """The ensemble on the same plane."""
        return SectionSpec(ensemble=self.students.ensemble, plane=self.plane)


@artifact("students")
def train_students(spec: StudentsSpec, store: Store, report: Report) -> Arrays:
    """Train the students; put the networks and what each reaches on test data.

    Arrays have shape (n_alphas, n_seeds): `agreement` with the ensemble, `accuracy`, `kl`
    from the ensemble, `ece`; and which part of the training loss and of its gradient comes
    from the ensemble (see `ensemble_shares`), at the end of training, and with `first_`
    after the first step. `agreement_hits` and `accuracy_hits` are read by `add_hits`.
    """
    _, logits = jobs.load_ensemble(spec.ensemble, store, report)
    problem = load_problem(spec.ensemble.problem)
    shape = (len(spec.alphas), len(spec.seeds))
    shares: dict[str, NDArray[np.float64]] = {}

    def note(stack: Stack, prefix: str = "") -> None:
        both = ensemble_shares(
            stack.logits(problem.X_train), logits["train_logits"], problem.y_train, spec
        )
        for name, values in zip(SHARES[:2], both, strict=True):
            shares[prefix + name] = values.reshape(shape)

    def on_step(done: int, total: int, stack: Stack) -> None:
        report(done, total)
        if done == 1:
            note(stack, "first_")

    stack = jobs.fit_students(spec.students, logits, on_step)
    note(stack)
    proba = jobs.predict_test(stack, spec.ensemble)
    figures = jobs.measure_on_test(proba, logits, spec.ensemble)
    labels, y = proba.argmax(-1), problem.y_test.numpy()
    target = losses.soft_targets(logits["test_logits"], 1.0, spec.ensemble.combine).numpy()
    figures["ece"] = metrics.ece(proba, y)
    figures = {name: values.reshape(shape) for name, values in figures.items()}
    hits = {
        "agreement_hits": jobs.pack_hits((labels == target.argmax(-1)).reshape(*shape, -1)),
        "accuracy_hits": jobs.pack_hits((labels == y).reshape(*shape, -1)),
    }
    return {**figures, **hits, **shares, **stack.to_arrays()}


def add_hits(
    found: dict[str, dict[int, NDArray[np.bool_]]],
    artifact: Artifact,
    spec: StudentsSpec,
    place: int,
) -> None:
    """Add on which test rows students agree with the ensemble, and are right.

    `found` is by figure ("agreement", "accuracy") and seed; `place` is that of the alpha.
    """
    for name in ("agreement", "accuracy"):
        hits = jobs.read_hits(artifact.arrays[f"{name}_hits"][place], spec.ensemble.problem)
        found.setdefault(name, {}).update(zip(spec.seeds, hits, strict=True))


def find_ensemble_hits(spec: EnsembleSpec, store: Store) -> NDArray[np.bool_] | None:
    """Return on which test rows (n_rows,) the ensemble is right; None before it is trained."""
    whole = store.get("ensemble", spec.digest)
    if whole is None:
        return None
    logits = torch.tensor(whole.arrays["test_logits"])
    answers = losses.soft_targets(logits, 1.0, spec.combine).numpy().argmax(-1)
    right: NDArray[np.bool_] = answers == load_problem(spec.problem).y_test.numpy()
    return right


@artifact("boundaries")
def trace_boundaries(spec: BoundariesSpec, store: Store, report: Report) -> Arrays:
    """Trace the students' boundaries on a plane; put them and their distances to the ensemble's.

    `distance` (symmetric mean) and `hausdorff_95`, in units of the plane, have shape
    (n_alphas, n_seeds), NaN where a student has no boundary in the window; the lines are
    read by `jobs.read_lines(artifact, "student")`, in the order of `StudentsSpec.students`.
    """
    section = jobs.load_or_make(store, jobs.evaluate_section, spec.section, report)
    trained = jobs.load_or_make(store, train_students, spec.students, report)
    stack = jobs.view_on_plane(
        Stack.from_arrays(trained.arrays), spec.students.ensemble.problem, spec.plane
    )
    window = load_window(spec.plane, spec.students.ensemble.problem.dataset)
    lines = jobs.trace_members(stack, window, report)
    apart = [distances.boundary_distance(section.arrays["lines"], line) for line in lines]
    shape = (len(spec.students.alphas), len(spec.students.seeds))
    arrays = {
        "distance": np.array([d.mean for d in apart]).reshape(shape),
        "hausdorff_95": np.array([d.hausdorff_95 for d in apart]).reshape(shape),
    }
    return {**arrays, **jobs.pack_lines("student", lines)}


def ensemble_shares(
    logits: Tensor, ensemble_logits: Tensor, y: Tensor, spec: StudentsSpec
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return which part of the loss, and of its gradient, comes from the ensemble, (k,) each.

    Of the loss `a + b` with `a = alpha T² KL` and `b = (1 - alpha) CE` it is `a / (a + b)`;
    of the gradient at the logits `A + B`, with the same two parts, `‖A‖ / (‖A‖ + ‖B‖)`: the
    parts may point in opposite directions, so their lengths are compared, over all samples.
    Both run from 0 (labels alone) to 1 (ensemble alone).

    Parameters
    ----------
    logits, ensemble_logits : Tensor of shape (k, n, n_classes) and (n_members, n, n_classes)
        Of the students, in the order of `spec.students`, and of the teachers, for the same
        samples, whose labels are y (n,).
    spec : StudentsSpec
        Temperature and alphas.
    """
    z, t = logits.double(), spec.temperature
    alpha = torch.tensor([s.alpha for s in spec.students], dtype=torch.float64)
    q = losses.soft_targets(ensemble_logits.double(), t, spec.ensemble.combine)
    hard_target = F.one_hot(y, z.shape[-1]).double()
    soft_loss = alpha * losses.distillation_loss(z, q, y, t, 1.0)
    hard_loss = (1 - alpha) * losses.distillation_loss(z, q, y, t, 0.0)
    soft = alpha * t * (torch.softmax(z / t, -1) - q).norm(dim=(1, 2))
    hard = (1 - alpha) * (torch.softmax(z, -1) - hard_target).norm(dim=(1, 2))
    return _share(soft_loss, hard_loss, alpha), _share(soft, hard, alpha)


def check_has_twin(alpha: float) -> None:
    """Raise a SpecError for a student that would be compared with itself."""
    if alpha == 0:
        raise specs.SpecError(
            "This study needs an alpha above 0: with alpha = 0 the student is its own twin."
        )


def split_seeds(n_seeds: int, size: int) -> Iterator[tuple[int, ...]]:
    """Yield the seeds 0 to n - 1 in blocks: a study grows by them and bands narrow."""
    for first in range(0, n_seeds, size):
        yield tuple(range(first, min(first + size, n_seeds)))


def ensemble_tasks(spec: EnsembleSpec) -> list[Task]:
    """Return the tasks that make an ensemble: its parts, then the whole, which needs them."""
    seconds = _estimate_seconds(spec, spec.hidden, spec.n_members, spec.schedule)
    cost, whole = seconds / len(spec.parts), (jobs.train_ensemble.kind, spec.digest)
    parts = [Task(jobs.train_ensemble_part, part, cost, step_to=whole) for part in spec.parts]
    return [*parts, Task(jobs.train_ensemble, spec, 0.05, tuple(parts))]


def students_task(spec: StudentsSpec, ensemble: Task) -> Task:
    """Return the task that trains a stack of students."""
    students = spec.students
    seconds = _estimate_seconds(spec.ensemble, students[0].hidden, len(students), spec.schedule)
    return Task(train_students, spec, seconds, (ensemble,))


def count_parameters(spec: EnsembleSpec, hidden: Sequence[int]) -> int:
    """Return how many weights and biases a network has that answers an ensemble's problem."""
    problem = load_problem(spec.problem)
    return n_parameters((problem.X_train.shape[1], *hidden, int(problem.y_train.max()) + 1))


def _estimate_seconds(
    spec: EnsembleSpec, hidden: Sequence[int], n_networks: int, schedule: Schedule
) -> float:
    """Return roughly how long a stacked training takes on one core."""
    n_samples = len(load_problem(spec.problem).X_train)
    n_steps = schedule.epochs * math.ceil(n_samples / schedule.batch_size)
    per_sample = _PER_SAMPLE + _PER_PARAMETER * count_parameters(spec, hidden)
    return n_steps * _PER_STEP + n_networks * schedule.epochs * n_samples * per_sample


def _share(part: Tensor, rest: Tensor, otherwise: Tensor) -> NDArray[Any]:
    whole = part + rest
    return torch.where(whole > 0, part / whole, otherwise).numpy()
