"""The tutorial's experiment, repeated over seeds: an ensemble, its student and the hard-label twin.

Numbers only; what they look like on a screen is decided in `__main__.py`.
"""

import dataclasses
import functools
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from distill_core import jobs
from distill_core.engine import Engine
from distill_core.geometry.problems import load_problem
from distill_core.learning.losses import soft_targets
from distill_core.measures import metrics
from distill_core.measures.intervals import Interval, crossed_interval, interval
from distill_core.specs import ReproductionSpec, StudentSpec
from distill_core.store import Store
from distill_core.studies.student_stacks import count_parameters, ensemble_tasks
from distill_core.studies.study import Task
from distill_core.studies.variance import RepeatSpec, repeat_task

# Seconds between two looks at a job that waits for a worker.
_LOOK_EVERY = 0.005


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
    # On each test row, what distillation gains in accuracy: -1, 0 or 1.
    gains: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8), repr=False)


@dataclass(frozen=True)
class Reproduction:
    """All seeds together.

    Parameters
    ----------
    trials : tuple of Trial
        At least one, in the order of their seeds.
    teacher_parameters, ensemble_parameters, student_parameters : int
        Sizes of one teacher, of all of them, and of one student.
    """

    trials: tuple[Trial, ...]
    teacher_parameters: int
    ensemble_parameters: int
    student_parameters: int

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
        seed does to both cancels. For other seeds and other test rows.
        """
        found = crossed_interval([trial.gains for trial in self.trials])
        ends = {end: 100 * getattr(found, end) for end in ("mean", "low", "high")}
        return dataclasses.replace(found, **ends)

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


def run_seed(student: StudentSpec, store: Store, engine: Engine) -> Trial:
    """Train the ensemble of one seed on all workers, then the student and its twin; compare them.

    Parameters
    ----------
    student : StudentSpec
        From `ReproductionSpec.student`.
    store, engine
        A store, and workers that put into it.
    """
    *parts, whole = ensemble_tasks(student.ensemble)
    pair = repeat_task(RepeatSpec(student=student))
    with ThreadPoolExecutor(len(parts)) as threads:
        ensemble_seconds = math.fsum(threads.map(functools.partial(_run, engine), parts))
    ensemble_seconds += _run(engine, whole)
    students_seconds = _run(engine, pair)
    arrays = jobs.load_or_make(store, pair.job, pair.spec).arrays
    combined = soft_targets(torch.from_numpy(arrays["teachers"]), 1.0, student.ensemble.combine)
    ensemble = combined.numpy().argmax(-1)
    distilled, baseline = (arrays[who].argmax(-1) for who in ("student", "twin"))
    y = load_problem(student.ensemble.problem).y_test.numpy()
    return Trial(
        student.seed,
        ensemble_accuracy=float(metrics.accuracy(ensemble, y)),
        distilled_accuracy=float(metrics.accuracy(distilled, y)),
        baseline_accuracy=float(metrics.accuracy(baseline, y)),
        agreement=float(metrics.agreement(distilled, ensemble)),
        baseline_agreement=float(metrics.agreement(baseline, ensemble)),
        ensemble_seconds=ensemble_seconds,
        students_seconds=students_seconds,
        gains=(distilled == y).astype(np.int8) - (baseline == y),
    )


def reproduce(
    spec: ReproductionSpec,
    store: Store,
    engine: Engine,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Reproduction:
    """Repeat the experiment for the seeds 0, 1, 2, ...

    Parameters
    ----------
    spec : ReproductionSpec
        How many seeds, and which schedules.
    store, engine
        An empty store, so that everything is trained, and workers that put into it. The
        caller closes the engine: that also ends what an exception left behind.
    on_trial : callable, optional
        Told of every finished seed, in order.
    """
    students = [spec.student(seed) for seed in range(spec.seeds)]
    trials = []
    # More seeds at once would keep no more workers busy, and the first would come later.
    threads = ThreadPoolExecutor(os.cpu_count())
    try:
        for trial in threads.map(lambda student: run_seed(student, store, engine), students):
            trials.append(trial)
            on_trial(trial)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    ensemble = students[0].ensemble
    teacher = count_parameters(ensemble, ensemble.hidden)
    return Reproduction(
        tuple(trials),
        teacher_parameters=teacher,
        ensemble_parameters=teacher * ensemble.n_members,
        student_parameters=count_parameters(ensemble, students[0].hidden),
    )


def _run(engine: Engine, task: Task) -> float:
    """Let a worker do a task; return the seconds that it took, without those in the queue."""
    slot = f"{task.job.kind} {task.digest}"
    job = engine.request("reproduce", task.job, task.spec, slot=slot)
    began = time.perf_counter()
    while job.state == "queued":
        job.wait(_LOOK_EVERY)
        began = time.perf_counter()
    job.wait()
    if job.error is not None:
        raise job.error
    return time.perf_counter() - began


def _bounds(value: Interval) -> dict[str, float | None]:
    bounds = {"mean": value.mean, "low": value.low, "high": value.high}
    return {name: bound if math.isfinite(bound) else None for name, bound in bounds.items()}
