"""The tutorial's experiment, repeated over seeds: an ensemble, its student and the hard-label twin.

Numbers only; what they look like on a screen is decided in `__main__.py`.
"""

import dataclasses
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field

from distill_core.geometry.problems import load_problem
from distill_core.learning import training
from distill_core.learning.losses import soft_targets
from distill_core.learning.networks import n_parameters
from distill_core.measures import metrics
from distill_core.measures.intervals import Interval, interval
from distill_core.specs import EnsembleSpec, ProblemSpec, Schedule, Spec, StudentSpec


class ReproductionSpec(Spec):
    """How many seeds, and whether with the project's schedules or the tutorial's."""

    seeds: Annotated[int, Field(ge=1, le=256)] = 8
    schedule: Literal["project", "tutorial"] = "project"

    def student(self, seed: int) -> StudentSpec:
        """Return the tutorial's student on all features, on the ensemble of the same seed."""
        tutorial = self.schedule == "tutorial"
        return StudentSpec(
            ensemble=EnsembleSpec(
                problem=ProblemSpec(plane=None),
                n_members=12,
                seed=seed,
                schedule=Schedule.TUTORIAL_ENSEMBLE if tutorial else Schedule.ENSEMBLE,
            ),
            width=64,
            temperature=3.0,
            alpha=0.7,
            seed=seed,
            schedule=Schedule.TUTORIAL_STUDENT if tutorial else Schedule.STUDENT,
        )


@dataclass(frozen=True)
class Trial:
    """What one seed gave on test data: accuracies and agreements from 0 to 1, seconds of training.

    `distilled` is the student that learns from the ensemble, `baseline` its hard-label twin;
    agreement is the share of points on which a student answers what the ensemble answers.
    """

    seed: int
    ensemble_accuracy: float
    distilled_accuracy: float
    baseline_accuracy: float
    agreement: float
    baseline_agreement: float
    ensemble_seconds: float
    students_seconds: float


@dataclass(frozen=True)
class Reproduction:
    """All seeds together.

    Parameters
    ----------
    trials : tuple of Trial
        At least one, in the order of their seeds.
    teacher_parameters, ensemble_parameters, student_parameters : int
        Sizes of one teacher, of all of them, and of one student.
    wall_seconds : float
        From the start to the end, with several seeds side by side.
    """

    trials: tuple[Trial, ...]
    teacher_parameters: int
    ensemble_parameters: int
    student_parameters: int
    wall_seconds: float

    @property
    def compression(self) -> float:
        """How many times fewer parameters the student has than the ensemble."""
        return self.ensemble_parameters / self.student_parameters

    def over_seeds(self, name: str) -> Interval:
        """Return the mean accuracy or agreement over seeds and its 95% interval, from 0 to 1.

        Parameters
        ----------
        name : str
            A field of `Trial` that is an accuracy or an agreement.

        Returns
        -------
        Interval
            Low and high are NaN when there is one seed.
        """
        found = interval(self._values(name))
        # Few seeds can give an interval beyond what a share can be; cut, it covers no less.
        low, high = (float(np.clip(bound, 0, 1)) for bound in (found.low, found.high))
        return dataclasses.replace(found, low=low, high=high)

    def gain_points(self) -> Interval:
        """Return distilled minus baseline accuracy in percentage points, paired by seed.

        Paired, because both start from the same weights and see the same batches: what a
        seed does to both cancels.
        """
        return interval([100 * (t.distilled_accuracy - t.baseline_accuracy) for t in self.trials])

    def seconds(self, part: Literal["ensemble", "students"]) -> float:
        """Return the seconds that the training of one part took, summed over seeds."""
        return sum(self._values(f"{part}_seconds"))

    def to_json(self) -> dict[str, Any]:
        """Return everything under the names of the command line's JSON.

        Accuracies and agreements from 0 to 1, `gain_points` in percentage points; `low` and
        `high` are None when there is one seed.
        """
        names = ("ensemble_accuracy", "distilled_accuracy", "baseline_accuracy")
        return {
            **{name: _bounds(self.over_seeds(name)) for name in names},
            "gain_points": _bounds(self.gain_points()),
            "agreement": _bounds(self.over_seeds("agreement")),
            "baseline_agreement": _bounds(self.over_seeds("baseline_agreement")),
            "parameters": {
                "teacher": self.teacher_parameters,
                "ensemble": self.ensemble_parameters,
                "student": self.student_parameters,
            },
            "compression": self.compression,
            "seconds": {part: self.seconds(part) for part in ("ensemble", "students")},
            "seeds": len(self.trials),
        }

    def _values(self, name: str) -> list[float]:
        return [getattr(trial, name) for trial in self.trials]


def run_seed(spec: ReproductionSpec, seed: int) -> Trial:
    """Train the ensemble of one seed, then the student and its twin side by side; compare them."""
    student = spec.student(seed)
    problem = load_problem(student.ensemble.problem)
    began = time.perf_counter()
    teachers = training.fit_ensemble(student.ensemble, problem.X_train, problem.y_train)
    trained = time.perf_counter()
    students = training.fit_students(
        [student, student.twin()],
        problem.X_train,
        problem.y_train,
        teachers.logits(problem.X_train),
    )
    ended = time.perf_counter()
    combined = soft_targets(teachers.logits(problem.X_test), 1.0, student.ensemble.combine)
    whole = combined.argmax(-1).numpy()
    distilled, baseline = students.logits(problem.X_test).argmax(-1).numpy()
    y = problem.y_test.numpy()
    return Trial(
        seed,
        ensemble_accuracy=float(metrics.accuracy(whole, y)),
        distilled_accuracy=float(metrics.accuracy(distilled, y)),
        baseline_accuracy=float(metrics.accuracy(baseline, y)),
        agreement=float(metrics.agreement(distilled, whole)),
        baseline_agreement=float(metrics.agreement(baseline, whole)),
        ensemble_seconds=trained - began,
        students_seconds=ended - trained,
    )


def reproduce(
    spec: ReproductionSpec,
    *,
    n_processes: int | None = None,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Reproduction:
    """Repeat the experiment for the seeds 0, 1, 2, ...

    Parameters
    ----------
    spec : ReproductionSpec
        How many seeds, and which schedules.
    n_processes : int, optional
        Seeds trained side by side, one torch thread each; as many as there are processors
        by default. The numbers do not depend on it.
    on_trial : callable, optional
        Told of every finished seed, in order.
    """
    began = time.perf_counter()
    n_processes = n_processes or min(spec.seeds, os.cpu_count() or 1)
    # Spawned, not forked: a fork after torch has started its threads can hang.
    pool = ProcessPoolExecutor(n_processes, get_context("spawn"), _start_worker)
    trials = []
    try:
        for trial in pool.map(run_seed, [spec] * spec.seeds, range(spec.seeds)):
            trials.append(trial)
            on_trial(trial)
    finally:
        pool.shutdown(cancel_futures=True)
    student = spec.student(0)
    problem = load_problem(student.ensemble.problem)
    n_features, n_classes = problem.X_train.shape[1], len(problem.y_train.unique())
    teacher = _parameters(n_features, student.ensemble.hidden, n_classes)
    return Reproduction(
        tuple(trials),
        teacher_parameters=teacher,
        ensemble_parameters=teacher * student.ensemble.n_members,
        student_parameters=_parameters(n_features, student.hidden, n_classes),
        wall_seconds=time.perf_counter() - began,
    )


def _start_worker() -> None:
    torch.set_num_threads(1)
    # An interrupt from the keyboard reaches every process; one of them says so, not all.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _parameters(n_features: int, hidden: Sequence[int], n_classes: int) -> int:
    return n_parameters((n_features, *hidden, n_classes))


def _bounds(value: Interval) -> dict[str, float | None]:
    bounds = {"mean": value.mean, "low": value.low, "high": value.high}
    return {name: bound if math.isfinite(bound) else None for name, bound in bounds.items()}
