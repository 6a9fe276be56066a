"""Are the project's short schedules as good as the tutorial's long ones: the evidence.

Both through `distill_core.learning.training`, so that the schedule is all that differs, on all 20
features of the tutorial's data. The limits are those the schedules were chosen by.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from benchmarks import Claim, Outcome
from distill_core.geometry.problems import Problem, load_problem
from distill_core.learning import training
from distill_core.learning.losses import soft_targets
from distill_core.learning.networks import Stack
from distill_core.measures import metrics
from distill_core.measures.intervals import Interval, interval
from distill_core.specs import EnsembleSpec, ProblemSpec, Schedule, StudentSpec

N_ENSEMBLES = 5
N_STUDENTS = 24
ALLOWED_LOSS = 0.2


@dataclass(frozen=True)
class Runs:
    """What one schedule gave: percent, one value per seed, and processor seconds per model."""

    schedule: Schedule
    percents: Sequence[float]
    seconds: float

    @property
    def mean(self) -> float:
        """Mean over seeds, in percent."""
        return sum(self.percents) / len(self.percents)


def run(say: Callable[[str], None]) -> Outcome:
    """Compare both pairs of schedules; the claims are about the means over seeds."""
    base = EnsembleSpec(problem=ProblemSpec(plane=None))
    problem = load_problem(base.problem)

    say(f"{N_ENSEMBLES} ensembles with each schedule")
    short, first = _ensembles(base.replace(schedule=Schedule.ENSEMBLE), problem)
    long, _ = _ensembles(base.replace(schedule=Schedule.TUTORIAL_ENSEMBLE), problem)
    say(f"{N_STUDENTS} students with each schedule")
    students = [
        _students(base, schedule, problem, first)
        for schedule in (Schedule.STUDENT, Schedule.TUTORIAL_STUDENT)
    ]

    accuracy = _difference(short, long)
    agreement = _difference(*students)
    return Outcome(
        "Percent on test data, means over seeds. Difference: project minus tutorial in points,\n"
        "paired by seed, with its 95% interval. Seconds: of one processor, for one ensemble of\n"
        f"{base.n_members} or one student of {N_STUDENTS} stacked.\n"
        f"Ensemble: {_words(short.schedule)}; tutorial: {_words(long.schedule)}.\n"
        f"Student: {_words(students[0].schedule)}; tutorial: {_words(students[1].schedule)}.",
        [
            _row("ensemble accuracy", short, long, accuracy),
            _row("student agreement", students[0], students[1], agreement),
        ],
        [
            Claim(
                f"The ensemble's accuracy is not lower by more than {ALLOWED_LOSS} points "
                f"({accuracy.mean:+.3f}).",
                round(accuracy.mean, 9) >= -ALLOWED_LOSS,
            ),
            Claim(
                "The students' agreement with the ensemble is not lower "
                f"({agreement.mean:+.3f} points).",
                round(agreement.mean, 9) >= 0,
            ),
        ],
    )


def _ensembles(spec: EnsembleSpec, problem: Problem) -> tuple[Runs, Stack]:
    """Return the accuracies over seeds, and the ensemble of the first seed."""
    began = time.process_time()
    stacks = [
        training.fit_ensemble(spec.replace(seed=seed), problem.X_train, problem.y_train)
        for seed in range(N_ENSEMBLES)
    ]
    seconds = (time.process_time() - began) / len(stacks)
    y = problem.y_test.numpy()
    accuracies = [metrics.accuracy(_answers(stack, problem.X_test).numpy(), y) for stack in stacks]
    return Runs(spec.schedule, [100 * float(a) for a in accuracies], seconds), stacks[0]


def _students(base: EnsembleSpec, schedule: Schedule, problem: Problem, ensemble: Stack) -> Runs:
    """Return the agreements over seeds of students of the default width, T and alpha."""
    specs = [StudentSpec(ensemble=base, seed=seed, schedule=schedule) for seed in range(N_STUDENTS)]
    began = time.process_time()
    stack = training.fit_students(
        specs, problem.X_train, problem.y_train, ensemble.logits(problem.X_train)
    )
    seconds = (time.process_time() - began) / len(specs)
    whole = _answers(ensemble, problem.X_test).numpy()
    agreements = [
        metrics.agreement(labels, whole)
        for labels in stack.logits(problem.X_test).argmax(-1).numpy()
    ]
    return Runs(schedule, [100 * float(a) for a in agreements], seconds)


def _answers(ensemble: Stack, X: Tensor) -> Tensor:
    return soft_targets(ensemble.logits(X)).argmax(-1)


def _difference(short: Runs, long: Runs) -> Interval:
    return interval([s - t for s, t in zip(short.percents, long.percents, strict=True)])


def _row(name: str, short: Runs, long: Runs, difference: Interval) -> dict[str, str | float]:
    return {
        "": name,
        "seeds": str(len(short.percents)),
        "project": short.mean,
        "tutorial": long.mean,
        "difference": difference.mean,
        "95% low": difference.low,
        "95% high": difference.high,
        "project s": short.seconds,
        "tutorial s": long.seconds,
    }


def _words(schedule: Schedule) -> str:
    decay = f", decay {schedule.weight_decay:g}" if schedule.weight_decay else ""
    return (
        f"{schedule.epochs} epochs, batch {schedule.batch_size}, "
        f"{schedule.learning_rate:g} {schedule.shape}{decay}"
    )
