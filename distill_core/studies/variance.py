"""Does one student keep the ensemble's stability? Everything repeated, and compared.

Two sources of change are kept apart. Over *seeds* the training data stays the same and
every start, batch order and dropout mask is drawn anew. Over *resamples* the seeds stay the
same and the training data is drawn anew from itself, with replacement (bootstrap). A repeat
is an ensemble with a student and its twin trained on it. What is made of the repeats is
in `stability`.
"""

from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from distill_core import jobs
from distill_core.engine.worker import Report
from distill_core.geometry.problems import Problem, load_problem
from distill_core.jobs import Arrays, artifact
from distill_core.learning import training
from distill_core.learning.networks import Stack
from distill_core.specs import Seed, Spec, SpecError, StudentSpec
from distill_core.store import Store
from distill_core.studies import stability
from distill_core.studies import student_stacks as stacks
from distill_core.studies.stability import Repeats
from distill_core.studies.study import Row, Task

Source = Literal["seeds", "resamples"]

# Samples that every class needs: one of m samples is missing from one resample in e^m.
_FEWEST = 10
# Number that tells this use of a seed from all others.
_RESAMPLE = 3


class VarianceSpec(Spec):
    """Which student on which ensemble, repeated how often.

    `student` has seed 0; seed repeat r has student seed r and the ensemble's seed plus r.
    """

    student: StudentSpec = StudentSpec()
    n_repeats: Annotated[int, Field(ge=1, le=64)] = 8
    n_resamples: Annotated[int, Field(ge=0, le=64)] = 8

    @model_validator(mode="after")
    def _usable(self) -> "VarianceSpec":
        if self.student.seed != 0:
            raise ValueError(
                f"Repeats use the student seeds 0 to n - 1; give seed 0, got {self.student.seed}."
            )
        return self

    def repeats(self, source: Source) -> list["RepeatSpec"]:
        """Return the repeats of one source."""
        if source == "resamples":
            return [RepeatSpec(student=self.student, resample=b) for b in range(self.n_resamples)]
        first = self.student.ensemble
        return [
            RepeatSpec(
                student=self.student.replace(ensemble=first.replace(seed=first.seed + r), seed=r)
            )
            for r in range(self.n_repeats)
        ]


class RepeatSpec(Spec):
    """An ensemble, a student and its twin; `resample` draws their training data anew."""

    student: StudentSpec = StudentSpec()
    resample: Seed | None = None


@artifact("repeat")
def train_repeat(spec: RepeatSpec, store: Store, report: Report) -> Arrays:
    """Train what the spec says; put the logits on test data and the student pair's networks.

    Arrays: `teachers` (n_members, n, n_classes), `student` and `twin` (n, n_classes), and
    the stack of the two.
    """
    ensemble = spec.student.ensemble
    problem = load_problem(ensemble.problem)
    X, y = problem.X_train, problem.y_train

    def on_step(done: int, total: int, _: Stack) -> None:
        report(done, total)

    if spec.resample is None:
        _, logits = jobs.load_ensemble(ensemble, store, report)
        train_logits, teachers = logits["train_logits"], logits["test_logits"]
    else:
        _check_classes(problem)
        index = torch.from_numpy(draw_resample(len(y), spec.resample))
        X, y = X[index], y[index]
        stack = training.fit_ensemble(ensemble, X, y, on_step=on_step)
        train_logits, teachers = stack.logits(X), stack.logits(problem.X_test)
    both = [spec.student, spec.student.twin()]
    pair = training.fit_students(both, X, y, train_logits, on_step=on_step)
    student, twin = pair.logits(problem.X_test).numpy()
    return {"teachers": teachers.numpy(), "student": student, "twin": twin, **pair.to_arrays()}


def draw_resample(n: int, seed: int) -> NDArray[np.int64]:
    """Return the samples of a bootstrap resample: n of n, with replacement."""
    return np.random.default_rng([_RESAMPLE, seed]).integers(n, size=n)


def tasks(spec: VarianceSpec) -> list[Task]:
    """Return what has to be made: the repeats over seeds first, then those over resamples.

    Raises SpecError when alpha is 0 or a class has too few samples to be resampled.
    """
    stacks.check_has_twin(spec.student.alpha)
    if spec.n_resamples:
        _check_classes(load_problem(spec.student.ensemble.problem))
    return [repeat_task(one) for source in list_sources(spec) for one in spec.repeats(source)]


def repeat_task(spec: RepeatSpec) -> Task:
    """Return the task of one repeat; it trains the ensemble too, unless the store has it."""
    student = spec.student
    ensemble = stacks.ensemble_tasks(student.ensemble)
    pair = stacks.StudentsSpec(
        ensemble=student.ensemble,
        width=student.width,
        depth=student.depth,
        schedule=student.schedule,
    )
    cost = sum(t.seconds for t in ensemble) + stacks.students_task(pair, ensemble[-1]).seconds
    return Task(train_repeat, spec, cost)


def list_sources(spec: VarianceSpec) -> list[Source]:
    """Return the sources of change that the spec asks for."""
    return ["seeds", "resamples"] if spec.n_resamples else ["seeds"]


def result(spec: VarianceSpec, store: Store) -> tuple[list[Row], dict[str, Any]]:
    """Return rows and summary from the repeats that the store has.

    The rows are one per source, repeat and group (`stability.rows`); under each source that has
    a repeat, the summary has that of `stability.summarise`.
    """
    rows: list[Row] = []
    summary: dict[str, Any] = {}
    y = load_problem(spec.student.ensemble.problem).y_test.numpy()
    for source in list_sources(spec):
        found = {
            r: artifact.arrays
            for r, one in enumerate(spec.repeats(source))
            if (artifact := store.get("repeat", one.digest)) is not None
        }
        if not found:
            continue
        repeats = Repeats(
            np.stack([arrays["teachers"] for arrays in found.values()], axis=1),
            np.stack([arrays["student"] for arrays in found.values()])[None],
            np.stack([arrays["twin"] for arrays in found.values()])[None],
            y,
            spec.student.ensemble.combine,
        )
        rows += [{"source": source, **row} for row in stability.rows(repeats, list(found))]
        summary[source] = stability.summarise(repeats)
    return rows, summary


def _check_classes(problem: Problem) -> None:
    counts = torch.bincount(problem.y_train)
    smallest = int(counts.argmin())
    if counts[smallest] < _FEWEST:
        raise SpecError(
            f"Class {smallest} has {int(counts[smallest])} training samples: a bootstrap needs at "
            f"least {_FEWEST} of every class, so that none is missing from a resample. Set the "
            "number of resamples to 0, or bring more samples."
        )
