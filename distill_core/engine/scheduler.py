"""What runs when: who wants which job, which one is next, which one has to leave.

Decisions only. Nothing here waits, starts or stops anything; the engine does, and it holds
its lock around every call.
"""

import collections
import itertools
from dataclasses import dataclass, field
from typing import Literal

from distill_core.engine.job import Job
from distill_core.engine.worker import Call, Cancelled, Seat

Holder = tuple[str, str]  # visitor, slot
Key = tuple[str, str, str]  # function, digest, kind
Stop = tuple[Seat, int]  # a seat and the attempt that shall leave it
Start = tuple[Seat, int, Call]  # a seat, the number of the attempt, the job

# A job is given up when it loses its second worker, or when so many workers in a row were
# dead before it reached them.
_N_DEATHS, _N_TRIES = 2, 10

OUTCOMES = ("done", "failed", "cancelled", "dropped", "retried", "yielded")


@dataclass(eq=False)
class Task:
    """A job that is not finished, with all that is remembered about it."""

    job: Job
    key: Key
    call: Call
    order: int
    holders: set[Holder] = field(default_factory=set)
    background: bool = False
    seat: Seat | None = None
    attempt: int = 0
    leaving: Literal["", "stop", "yield"] = ""
    began: bool = False
    n_deaths: int = 0
    n_tries: int = 0


class Board:
    """All unfinished jobs: one per key; oldest request first; visitors before work ahead."""

    def __init__(self) -> None:
        self.live: dict[Key, Task] = {}
        self.running: dict[int, Task] = {}
        self.counts: dict[str, collections.Counter[str]] = {}
        self._queue: list[Task] = []
        self._held: dict[Holder, Task] = {}
        self._coming_off: dict[Holder, Task] = {}
        self._numbers = itertools.count(1)

    def jobs(self) -> list[Job]:
        """Return the jobs that run, those asked to stop included, and those that wait."""
        return [task.job for task in (*self.running.values(), *self._queue)]

    @property
    def n_ahead(self) -> int:
        """How many of the jobs that run are work ahead."""
        return sum(not task.holders for task in self.running.values())

    def holders(self, visitor: str, slot: str | None) -> list[Holder]:
        """Return the slots in which a visitor wants something."""
        return [h for h in self._held if h[0] == visitor and slot in (None, h[1])]

    def enlist(self, key: Key, call: Call) -> Task:
        """Queue a new job."""
        _, digest, kind = key
        task = Task(Job(kind, digest), key, call, next(self._numbers))
        self.live[key] = task
        self._queue.append(task)
        self.counts.setdefault(kind, collections.Counter())
        return task

    def hold(self, holder: Holder, task: Task | None) -> list[Stop]:
        """Let a holder want this and nothing else; return what has to be stopped."""
        old = self._held.pop(holder, None)
        if task is not None:
            if not task.holders:
                # Work ahead that a visitor now wants: it is as old as the visitor's request.
                task.order = next(self._numbers)
            self._held[holder] = task
            task.holders.add(holder)
        if old is None or old is task:
            return []
        old.holders.discard(holder)
        if old.holders or old.background:
            return []
        if old.seat is None:
            self.finish(old, "cancelled", unwanted())
            return []
        # Whoever asks for the same before it is off the worker gets a new job.
        del self.live[old.key]
        self._coming_off[holder] = old
        return self._stop(old, "stop")

    def waiting(self, *, visitors_only: bool = False) -> list[Task]:
        """Return what may start now, the next one first; without work ahead if so wished.

        A job does not start while each of its holders has an older one coming off a worker.
        """
        ready = (
            task
            for task in self._queue
            if (not task.holders and not visitors_only)
            or any(h not in self._coming_off for h in task.holders)
        )
        return sorted(ready, key=lambda task: (not task.holders, task.order))

    def start(self, task: Task, seat: Seat) -> Start:
        """Move a job from the queue to a seat."""
        self._queue.remove(task)
        task.seat, task.attempt, task.began = seat, next(self._numbers), False
        self.running[task.attempt] = task
        task.job.become("running")
        return seat, task.attempt, task.call

    def make_way(self) -> list[Stop]:
        """Return the work ahead that has to leave because a visitor is there."""
        idlers = [t for t in self.running.values() if not t.holders and not t.leaving]
        return [stop for task in idlers for stop in self._stop(task, "yield")]

    def come_off(self, attempt: int) -> tuple[Task, Literal["", "stop", "yield"]]:
        """Take note that a seat is empty; return its task and why that was asked to leave."""
        task = self.running.pop(attempt)
        for holder in [h for h, t in self._coming_off.items() if t is task]:
            del self._coming_off[holder]
        leaving, task.leaving, task.seat = task.leaving, "", None
        return task, leaving

    def forgives(self, task: Task) -> bool:
        """Say whether a job whose worker died is run again.

        A worker may have been dead before the job reached it: not the job's fault.
        """
        task.n_deaths += task.began
        task.n_tries += 1
        return task.n_deaths < _N_DEATHS and task.n_tries < _N_TRIES

    def again(self, task: Task) -> None:
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
        if self.live.get(task.key) is task:
            del self.live[task.key]
        for holder in task.holders:
            if self._held.get(holder) is task:
                del self._held[holder]
        dropped = state == "cancelled" and task in self._queue
        if task in self._queue:
            self._queue.remove(task)
        self.count(task, "dropped" if dropped else state)
        task.job.become(state, error)

    def count(self, task: Task, outcome: str) -> None:
        """Count what happened to a job."""
        self.counts[task.job.kind][outcome] += 1

    def _stop(self, task: Task, why: Literal["stop", "yield"]) -> list[Stop]:
        already, task.leaving = task.leaving, why
        return [] if already or task.seat is None else [(task.seat, task.attempt)]


def unwanted() -> Cancelled:
    """Return the error of a job that was dropped or stopped for lack of interest."""
    return Cancelled("Nobody waits for this any more.")
