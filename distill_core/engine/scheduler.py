"""What runs when: one job per digest, and every visitor's latest wish.

Decisions only. Nothing here waits, reads a clock or touches a worker: the engine holds its lock
around every call, says what time it is, and carries out what `dispatch` returns.
"""

import itertools
import logging
import math
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from typing import Literal, Protocol

from distill_core.engine.job import Job
from distill_core.engine.ledger import Ledger
from distill_core.engine.siblings import LOOK_EVERY, Alone, Siblings
from distill_core.engine.task import (
    LAST_WORDS,
    LONG,
    TOO_LONG,
    Key,
    Requester,
    Task,
    find_due,
    find_youngest_long,
)
from distill_core.engine.turns import Turns
from distill_core.engine.worker import Arrays, Call, Cancelled, EngineError, Worker, explain
from distill_core.store import Store

Cancel = tuple[Worker, int]  # a worker and the attempt that it shall stop
Claim = tuple[Worker, int, Call]  # a worker, the number of the attempt, the job
Guess = tuple[Key, Call]

# Who cancels a guess that is no longer one.
_NOBODY: Requester = ("", "")

# Guesses of all visitors together; the newest are the likeliest to be wanted.
MAX_GUESSES = 200

# A job is given up when it loses its second worker, or when so many workers in a row were
# dead before it reached them.
_N_DEATHS, _N_TRIES = 2, 10

_log = logging.getLogger(__name__)


class Pool(Protocol):
    """What the scheduler needs to know of the workers."""

    def acquire(self) -> Worker | None:
        """Return an idle worker, now busy; None when there is none."""

    def size(self) -> int:
        """Return how many jobs can run at once."""

    def failure(self) -> str | None:
        """Return why no job can run, or None."""


class Scheduler:
    """The queue and all that runs; knows who asked for what.

    Parameters
    ----------
    store : Store
        Where finished work is looked up.
    pool : Pool
        The workers.
    time_limit : float
        Seconds that a job may take, all its attempts together.
    siblings : Siblings, optional
        Other servers on the same store.
    """

    def __init__(
        self,
        store: Store,
        pool: Pool,
        time_limit: float = math.inf,
        siblings: Siblings | None = None,
    ) -> None:
        self._turns = Turns()
        self._store = store
        self._pool = pool
        self._time_limit = time_limit
        self._siblings = siblings or Alone()
        # When to look again for what other servers make.
        self._look_at = math.inf
        self._kills: list[Worker] = []
        self._live: dict[Key, Task] = {}
        self._queue: list[Task] = []
        self._running: dict[int, Task] = {}
        self._requested: dict[Requester, Task] = {}
        self._cancels: list[Cancel] = []
        self._ledger = Ledger()
        self._numbers = itertools.count(1)

    def request(
        self, requester: Requester | None, key: Key, call: Call, stored: bool, now: float
    ) -> Job:
        """Return the job that answers a request: one that there is, or a new one in the queue.

        A requester's newer request replaces the older one. Without a requester it is work ahead.
        """
        task = self._live.get(key)
        job = task.job if task else self._find_answer(key, stored, now)
        if job is None:
            task = self._enqueue(key, call)
            job = task.job
        if requester is not None:
            self._replace(requester, task, now)
            self.visit(requester[0], now)
        elif task is not None:
            task.ahead = True
        return job

    def guess(self, visitor: str, guesses: Sequence[Guess]) -> None:
        """Note what a visitor may want next, the likeliest first, in place of earlier guesses.

        It is done while a worker is idle. What runs already goes on.
        """
        for task in list(self._live.values()):
            if visitor in task.guessers:
                task.guessers.discard(visitor)
        for key, call in guesses:
            task = self._live.get(key) or self._enqueue(key, call)
            task.guessers.add(visitor)
        waiting = [task for task in self._queue if task.rank == 1]
        for task in waiting[:-MAX_GUESSES]:
            task.guessers.clear()
        for task in list(self._live.values()):
            if not task.wanted:
                self._cancel(task, _NOBODY)

    def visit(self, visitor: str, now: float) -> None:
        """Take guesses and work ahead off their workers because a visitor is there."""
        self._turns.note_visit(visitor, now)
        for task in self._running.values():
            if not task.requesters and task.cancelled_by is None and not task.preempted:
                self._stop(task)
                task.preempted = True

    def release(self, visitor: str, slot: str | None = None) -> None:
        """Withdraw a visitor's requests in one slot, or all of them and what was guessed."""
        for requester in list(self._requested):
            if requester[0] == visitor and slot in (None, requester[1]):
                self._replace(requester, None, 0.0)
        if slot is None:
            self.guess(visitor, [])
            self._turns.forget(visitor)

    def dispatch(self, now: float) -> tuple[list[Cancel], list[Claim]]:
        """Return the attempts to cancel, and the jobs that idle workers claim."""
        claims: list[Claim] = []
        self._look_at = math.inf
        self._enforce_limit(now)
        failure = self._pool.failure()
        ready = self._turns.sort(self._queue, self._running.values(), now)
        n_workers = self._pool.size()
        for task in ready:
            if failure is not None:
                self._fail(task, EngineError(failure), now)
            elif self._store.has(task.job.kind, task.job.digest):
                self._finish(task, "done")
            elif not self._turns.has_room(task, self._running.values(), n_workers, now):
                if not task.requesters:
                    break
            elif not self._siblings.begin(task.job.kind, task.job.digest):
                self._look_at = now + LOOK_EVERY
            elif self._store.has(task.job.kind, task.job.digest):
                # Another server was faster, just now.
                self._siblings.end(task.job.kind, task.job.digest)
                self._finish(task, "done")
            elif worker := self._pool.acquire():
                claims.append(self._claim(task, worker, now))
            else:
                self._siblings.end(task.job.kind, task.job.digest)
                self._make_room(task, now)
                break
        self._number(ready)
        cancels, self._cancels = self._cancels, []
        return cancels, claims

    def take_kills(self) -> list[Worker]:
        """Return, once, the workers whose job has not stopped when it was asked to."""
        kills, self._kills = self._kills, []
        return kills

    def next_moment(self, now: float) -> float:
        """Return when time alone will change something, infinity if it never will."""
        moments = [*self._turns.moments(self._queue), self._look_at]
        waits = any(task.requesters for task in self._queue)
        for task in self._running.values():
            due = find_due(task, self._time_limit)
            moments += [due, due + LAST_WORDS]
            if waits:
                moments.append(task.began + LONG)
        return min((moment for moment in moments if moment > now), default=math.inf)

    def report(self, attempt: int, done: int, total: int, arrays: Arrays | None) -> None:
        """Pass on what a running job reports; safe without the lock."""
        task = self._running.get(attempt)
        if task is not None:
            task.started = True
            task.job.show(done, total, arrays)

    def note_retry(self, attempt: int) -> None:
        """Count a job that the cluster runs again because its worker died."""
        if attempt in self._running:
            self._ledger.count(self._running[attempt].job.kind, "retried")

    def end(self, attempt: int, error: BaseException | None, now: float) -> None:
        """Take a job off its worker and decide what becomes of it."""
        task = self._running.pop(attempt)
        preempted, task.preempted, task.worker = task.preempted, False, None
        task.spent += now - task.began
        job = task.job
        self._siblings.end(job.kind, job.digest)
        if job.finished:
            return
        if error is None and self._store.has(job.kind, job.digest):
            self._finish(task, "done")
        elif error is None:
            error = EngineError(f"{task.key[0]} ended without storing a {job.kind}.")
            self._fail(task, error, now)
        elif task.cancelled_by is not None:
            self._finish(task, "cancelled", Cancelled())
        elif task.overdue:
            self._fail(task, EngineError(TOO_LONG.format(self._time_limit)), now)
        elif isinstance(error, Cancelled) and preempted:
            self._requeue(task, "preempted", now)
        elif isinstance(error, Cancelled):
            self._finish(task, "cancelled", error)
        elif isinstance(error, BrokenExecutor) and self._may_retry(task):
            self._requeue(task, "retried" if task.started else None, now)
        else:
            self._fail(task, explain(error), now)

    def close(self) -> None:
        """Cancel everything."""
        for task in {*self._live.values(), *self._running.values()}:
            self._finish(task, "cancelled", Cancelled("The engine was closed."))

    def counts(self) -> dict[str, dict[str, int]]:
        """Return for each kind how many jobs ended how; see `Engine.counts`."""
        return self._ledger.counts()

    def jobs(self) -> list[Job]:
        """Return the jobs that run, those asked to stop included, and those that wait."""
        return [task.job for task in (*self._running.values(), *self._queue)]

    def _find_answer(self, key: Key, stored: bool, now: float) -> Job | None:
        """Return a finished job that answers a request, if there is one."""
        _, digest, kind = key
        return Job(kind, digest, "done") if stored else self._ledger.find_failure(key, now)

    def _number(self, ready: Sequence[Task]) -> None:
        """Tell the jobs that visitors still wait for at which place of the queue they are."""
        waiting = [task for task in ready if task.requesters and task.job.state == "queued"]
        for place, task in enumerate(waiting, 1):
            task.job.place = place

    def _enforce_limit(self, now: float) -> None:
        """Stop jobs that have used up their time, and those that do not stop."""
        for task in list(self._running.values()):
            late = now - find_due(task, self._time_limit)
            if late >= 0 and task.rank == 1 and task.cancelled_by is None:
                # Whoever guessed this has guesses that take as long.
                for visitor in tuple(task.guessers):
                    self.guess(visitor, [])
            elif late >= 0 and not task.overdue:
                self._stop(task)
                task.overdue = True
            if late >= LAST_WORDS and not task.killed and task.worker is not None:
                task.killed = True
                self._kills.append(task.worker)

    def _make_room(self, waiting: Task, now: float) -> None:
        """Take one of several long jobs off its worker if somebody waits behind them all.

        The oldest goes on, so that something always gets done.
        """
        youngest = find_youngest_long(self._running.values(), now)
        if waiting.requesters and youngest and len(self._running) >= max(2, self._pool.size()):
            self._stop(youngest)
            youngest.preempted = True

    # From here on: one method for each transition of a job.

    def _enqueue(self, key: Key, call: Call) -> Task:
        _, digest, kind = key
        task = Task(Job(kind, digest), key, call, next(self._numbers))
        _log.debug("%s queued.", task.job)
        self._live[key] = task
        self._queue.append(task)
        self._ledger.open(kind)
        return task

    def _replace(self, requester: Requester, task: Task | None, now: float) -> None:
        """Let a requester want this and nothing else; cancel what nobody wants any more."""
        old = self._requested.pop(requester, None)
        if task is not None:
            if not task.requesters:
                # What nobody waited for so far: it is as old as this request.
                task.order = next(self._numbers)
            self._requested[requester] = task
            task.requesters.setdefault(requester, now)
        if old is None or old is task:
            return
        old.requesters.pop(requester, None)
        if not old.wanted:
            self._cancel(old, requester)

    def _cancel(self, task: Task, requester: Requester) -> None:
        """End what nobody wants; the one who wanted it last has nothing begun until it is off."""
        if task.worker is None:
            self._finish(task, "cancelled", Cancelled())
            return
        # Whoever asks for the same before it is off the worker gets a new job.
        del self._live[task.key]
        self._stop(task)
        task.cancelled_by = requester

    def _stop(self, task: Task) -> None:
        """Have a job asked to stop, unless it was asked before."""
        if task.worker is not None and not task.preempted:
            _log.debug("%s asked to stop.", task.job)
            self._cancels.append((task.worker, task.attempt))

    def _claim(self, task: Task, worker: Worker, now: float) -> Claim:
        self._queue.remove(task)
        self._turns.note_claim(task, now)
        task.began, task.killed = now, False
        task.worker, task.attempt, task.started = worker, next(self._numbers), False
        self._running[task.attempt] = task
        _log.debug("%s claimed as attempt %d.", task.job, task.attempt)
        task.job.become("running")
        return worker, task.attempt, task.call

    def _may_retry(self, task: Task) -> bool:
        """Say whether a job whose worker died is run again.

        A worker may have been dead before the job reached it: not the job's fault.
        """
        task.n_deaths += task.started
        task.n_tries += 1
        return task.n_deaths < _N_DEATHS and task.n_tries < _N_TRIES

    def _requeue(self, task: Task, outcome: str | None, now: float) -> None:
        """Queue a job once more, at its old place unless it was taken off to make room."""
        _log.debug("%s requeued (%s).", task.job, outcome or "its worker was dead before")
        if outcome is not None:
            self._ledger.count(task.job.kind, outcome)
        if outcome == "preempted" and task.requesters:
            # Behind those it made room for.
            task.order = next(self._numbers)
            task.requesters = dict.fromkeys(task.requesters, now)
        self._queue.append(task)
        task.job.become("queued")

    def _fail(self, task: Task, error: Exception, now: float) -> None:
        # Divergence and bad settings are answers; only what should not happen is an error.
        level = logging.ERROR if isinstance(error, EngineError) else logging.INFO
        _log.log(level, "%s %s failed.", task.key[0], task.key[1], exc_info=error)
        self._ledger.remember(task.key, task.job, now)
        self._finish(task, "failed", error)

    def _finish(
        self,
        task: Task,
        state: Literal["done", "failed", "cancelled"],
        error: Exception | None = None,
    ) -> None:
        """End a job for good and forget it."""
        _log.debug("%s %s.", task.job, state)
        if self._live.get(task.key) is task:
            del self._live[task.key]
        for requester in task.requesters:
            if self._requested.get(requester) is task:
                del self._requested[requester]
        kind = task.job.kind
        if task in self._queue:
            self._queue.remove(task)
            self._ledger.count(kind, "dropped" if state == "cancelled" else state)
        else:
            self._ledger.count(kind, state)
        task.job.become(state, error)
