"""What all studies have in common: their tasks, the result so far, and how to run one."""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from distill_core.engine import Engine, Job
from distill_core.jobs import report_nothing
from distill_core.store import Store
from distill_core.studies import answers, capacity, softness, variance, worth
from distill_core.studies.answer import Answer
from distill_core.studies.capacity import CapacitySpec
from distill_core.studies.softness import SoftnessSpec
from distill_core.studies.study import Row, Study, Task, order_columns
from distill_core.studies.variance import VarianceSpec
from distill_core.studies.worth import WorthSpec

StudySpec = CapacitySpec | SoftnessSpec | VarianceSpec | WorthSpec

# Seconds above which a study should not begin without a question.
ASK_ABOVE = 120.0

# What each study consists of, and its answer.
_ROOMS: dict[type, tuple[Any, Callable[[Mapping[str, Any]], Answer]]] = {
    CapacitySpec: (capacity, answers.capacity),
    SoftnessSpec: (softness, answers.softness),
    VarianceSpec: (variance, answers.variance),
    WorthSpec: (worth, answers.worth),
}


Submit = Callable[[Task], Job]


@dataclass(frozen=True)
class Progress:
    """How far a run is: tasks done, tasks in all, and the seconds that it has taken and needs."""

    n_done: int
    n_tasks: int
    elapsed: float
    left: float


def list_tasks(spec: StudySpec) -> list[Task]:
    """Return all tasks of a study, in the order in which they are best done.

    Raises SpecError when the data does not allow the study; the message says why.
    """
    return _ROOMS[type(spec)][0].tasks(spec)


def list_missing(spec: StudySpec, store: Store) -> list[Task]:
    """Return the tasks whose result the store does not have."""
    return [task for task in list_tasks(spec) if not task.done(store)]


def estimate_seconds(spec: StudySpec, store: Store | None = None, n_workers: int = 2) -> float:
    """Return roughly how long a study takes; what the store has already is not counted."""
    wanted = list_tasks(spec) if store is None else list_missing(spec, store)
    longest = max((task.seconds for task in wanted), default=0.0)
    return max(longest, sum(task.seconds for task in wanted) / n_workers)


def look(spec: StudySpec, store: Store) -> Study:
    """Return the result so far; a complete one is kept in the store and comes back at once."""
    room, answer = _ROOMS[type(spec)]
    name = room.__name__.rpartition(".")[2]
    artifact = store.get("study", spec.digest)
    if artifact is not None:
        meta = artifact.meta
        n_tasks = meta["n_tasks"]
        rows, summary = order_columns(meta["rows"]), meta["summary"]
        # Words are made anew: those kept with the figures may be of an earlier version.
        return Study(name, spec, rows, summary, answer(summary), n_tasks, n_tasks)
    listed = list_tasks(spec)
    done = tuple(task.done(store) for task in listed)
    whole = all(done)
    rows, summary = _summarise(spec, store) if whole else _summarise_so_far(spec, store, done)
    # Something may have arrived meanwhile, or have been found damaged and set aside.
    n_done = min(sum(done), sum(task.done(store) for task in listed))
    study = Study(name, spec, rows, summary, answer(summary), n_done, len(listed))
    if not study.partial:
        meta = {"n_tasks": len(listed), "rows": rows, "summary": summary}
        store.put("study", spec.digest, {}, meta)
    return study


def run(
    spec: StudySpec,
    store: Store,
    submit: Submit | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Study:
    """Do what is missing of a study, and return the whole.

    What is done stays in the store: a run that was stopped goes on where it stopped, and
    gives the same bytes. Raises what `list_tasks` raises, and what made a task fail.

    Parameters
    ----------
    submit : callable, optional
        Starts a task: `submit_to(...)`; by default tasks are done here, one by one.
    on_progress : callable
        Told whenever a task has ended.
    """
    submit = submit or submit_here(store)
    began = time.monotonic()
    listed = list_tasks(spec)
    rest = [task for task in listed if not task.done(store)]
    planned = sum(task.seconds for task in rest)
    started: dict[Task, Job] = {}

    def tell() -> None:
        elapsed = time.monotonic() - began
        to_do = sum(task.seconds for task in rest)
        done = planned - to_do
        left = elapsed * to_do / done if done > 0 else to_do
        on_progress(Progress(len(listed) - len(rest), len(listed), elapsed, left))

    tell()
    while rest:
        for task in rest:
            if task not in started and not any(other in rest for other in task.needs):
                started[task] = submit(task)
                if started[task].finished:
                    break
        ended = {task: job for task, job in started.items() if job.finished}
        for task, job in ended.items():
            del started[task]
            if job.error is not None:
                raise job.error
        rest = [task for task in rest if not (task in ended and task.done(store))]
        if ended:
            tell()
        else:
            next(iter(started.values())).wait(0.02)
    study = look(spec, store)
    # What was found damaged when it was read is made anew.
    return run(spec, store, submit, on_progress) if study.partial else study


def submit_here(store: Store) -> Submit:
    """Return a `submit` that does a task here and now."""

    def submit(task: Task) -> Job:
        task.job(task.spec, store, report_nothing)
        return Job(task.job.kind, task.digest, "done")

    return submit


def submit_to(engine: Engine, visitor: str) -> Submit:
    """Return a `submit` that requests a task from an engine, whose store must be the study's.

    The visitor's name is used for this study alone: `engine.release(visitor)` then cancels what
    still waits or runs, and nothing else.
    """

    def submit(task: Task) -> Job:
        slot = f"{task.job.kind} {task.digest}"
        return engine.request(visitor, task.job, task.spec, slot=slot)

    return submit


def _summarise(spec: StudySpec, store: Store) -> tuple[list[Row], dict[str, Any]]:
    rows, summary = _ROOMS[type(spec)][0].result(spec, store)
    return order_columns(rows), summary


@functools.lru_cache(maxsize=16)
def _summarise_so_far(
    spec: StudySpec, store: Store, done: tuple[bool, ...]
) -> tuple[list[Row], dict[str, Any]]:
    """Return rows and summary of a study that grows, once for every task that is done."""
    return _summarise(spec, store)
