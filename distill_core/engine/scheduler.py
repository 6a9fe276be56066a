"""What runs when: who wants which job, which one is next, which one has to leave.

Decisions only. Nothing here waits, starts or cancels anything; the engine does, and it holds
its lock around every call.
"""

import collections
import itertools
from dataclasses import dataclass, field
from typing import Literal

from distill_core.engine.job import Job
from distill_core.engine.worker import Call, Cancelled, Worker

Claim = tuple[str, str]  # visitor, slot
Key = tuple[str, str, str]  # function, digest, kind
Cancel = tuple[Worker, int]  # a worker and the attempt that shall leave it
Start = tuple[Worker, int, Call]  # a worker, the number of the attempt, the job

# A job is given up when it loses its second worker, or when so many workers in a row were
# dead before it reached them.
_N_DEATHS, _N_TRIES = 2, 10

OUTCOMES = ("done", "failed", "cancelled", "dropped", "retried", "preempted")


@dataclass(eq=False)
class Task:
    """A job that is not finished, with all that is remembered about it."""

    job: Job
    key: Key
    call: Call
    order: int
    claims: set[Claim] = field(default_factory=set)
    background: bool = False
    worker: Worker | None = None
    attempt: int = 0
    ordered: Literal["", "cancel", "preempt"] = ""
    began: bool = False
    n_deaths: int = 0
    n_tries: int = 0


class Scheduler:
    """All unfinished jobs: one per key; oldest request first; visitors before work ahead."""

    def __init__(self) -> None:
        self.unfinished: dict[Key, Task] = {}
        self.running: dict[int, Task] = {}
        self.counts: dict[str, collections.Counter[str]] = {}
        self._queue: list[Task] = []
        self._claims: dict[Claim, Task] = {}
        self._vacating: dict[Claim, Task] = {}
        self._numbers = itertools.count(1)

    def jobs(self) -> list[Job]:
        """Return the jobs that run, those asked to stop included, and those that wait."""
        return [task.job for task in (*self.running.values(), *self._queue)]

    @property
    def n_ahead(self) -> int:
        """How many of the jobs that run are work ahead."""
        return sum(not task.claims for task in self.running.values())

    def claims(self, visitor: str, slot: str | None) -> list[Claim]:
        """Return the slots in which a visitor wants something."""
        return [h for h in self._claims if h[0] == visitor and slot in (None, h[1])]

    def enqueue(self, key: Key, call: Call) -> Task:
        """Queue a new job."""
        _, digest, kind = key
        task = Task(Job(kind, digest), key, call, next(self._numbers))
        self.unfinished[key] = task
        self._queue.append(task)
        self.counts.setdefault(kind, collections.Counter())
        return task

    def claim(self, claim: Claim, task: Task | None) -> list[Cancel]:
        """Let a visitor's slot want this and nothing else; return what has to be cancelled."""
        old = self._claims.pop(claim, None)
        if task is not None:
            if not task.claims:
                # Work ahead that a visitor now wants: it is as old as the visitor's request.
                task.order = next(self._numbers)
            self._claims[claim] = task
            task.claims.add(claim)
        if old is None or old is task:
            return []
        old.claims.discard(claim)
        if old.claims or old.background:
            return []
        if old.worker is None:
            self.finish(old, "cancelled", explain_cancel())
            return []
        # Whoever asks for the same before it is off the worker gets a new job.
        del self.unfinished[old.key]
        self._vacating[claim] = old
        return self._cancel(old, "cancel")

    def waiting(self, *, visitors_only: bool = False) -> list[Task]:
        """Return what may start now, the next one first; without work ahead if so wished.

        A job does not start while each of its claims has an older one coming off a worker.
        """
        ready = (
            task
            for task in self._queue
            if (not task.claims and not visitors_only)
            or any(h not in self._vacating for h in task.claims)
        )
        return sorted(ready, key=lambda task: (not task.claims, task.order))

    def start(self, task: Task, worker: Worker) -> Start:
        """Move a job from the queue to a worker."""
        self._queue.remove(task)
        task.worker, task.attempt, task.began = worker, next(self._numbers), False
        self.running[task.attempt] = task
        task.job.become("running")
        return worker, task.attempt, task.call

    def preempt(self) -> list[Cancel]:
        """Return the work ahead that has to leave because a visitor is there."""
        ahead = [t for t in self.running.values() if not t.claims and not t.ordered]
        return [cancel for task in ahead for cancel in self._cancel(task, "preempt")]

    def vacate(self, attempt: int) -> tuple[Task, Literal["", "cancel", "preempt"]]:
        """Take note that a worker is empty; return its task and why that was asked to leave."""
        task = self.running.pop(attempt)
        for claim in [h for h, t in self._vacating.items() if t is task]:
            del self._vacating[claim]
        ordered, task.ordered, task.worker = task.ordered, "", None
        return task, ordered

    def may_retry(self, task: Task) -> bool:
        """Say whether a job whose worker died is run again.

        A worker may have been dead before the job reached it: not the job's fault.
        """
        task.n_deaths += task.began
        task.n_tries += 1
        return task.n_deaths < _N_DEATHS and task.n_tries < _N_TRIES

    def requeue(self, task: Task) -> None:
        """Queue a job once more, at its old place."""
        self._queue.append(task)
        task.job.become("queued")

    def finish(
        self,
        task: Task,
        state: Literal["done", "failed", "cancelled"],
        error: Exception | None = None,
    ) -> None:
        """End a job for good and forget it."""
        if self.unfinished.get(task.key) is task:
            del self.unfinished[task.key]
        for claim in task.claims:
            if self._claims.get(claim) is task:
                del self._claims[claim]
        dropped = state == "cancelled" and task in self._queue
        if task in self._queue:
            self._queue.remove(task)
        self.count(task, "dropped" if dropped else state)
        task.job.become(state, error)

    def count(self, task: Task, outcome: str) -> None:
        """Count what happened to a job."""
        self.counts[task.job.kind][outcome] += 1

    def _cancel(self, task: Task, why: Literal["cancel", "preempt"]) -> list[Cancel]:
        already, task.ordered = task.ordered, why
        return [] if already or task.worker is None else [(task.worker, task.attempt)]


def explain_cancel() -> Cancelled:
    """Return the error of a job that was dropped or stopped for lack of interest."""
    return Cancelled("Nobody waits for this any more.")
