"""Where visitors ask: the scheduler, the store and the workers brought together."""

import collections
import functools
import logging
import math
import os
import threading
import weakref
from collections.abc import Iterable
from concurrent.futures import BrokenExecutor, Future
from threading import Timer
from time import monotonic
from typing import Protocol, Self

from distill_core.engine.job import Job
from distill_core.engine.scheduler import (
    OUTCOMES,
    Cancel,
    Key,
    Scheduler,
    Start,
    Task,
    explain_cancel,
)
from distill_core.engine.worker import Arrays, Cancelled, EngineError, JobFunction, Worker, is_ours
from distill_core.specs import Spec
from distill_core.store import Store

# Seconds for which a failure answers the same request without another try, and how many.
_REMEMBERED, _N_REMEMBERED = 5.0, 128

# Seconds for which work ahead stays away after a visitor was there: cores are for visitors,
# even when the workers have nothing to do.
QUIET = 3.0
# For so long after that it leaves one worker free: a visitor who looks at a picture will move a
# slider, and finds a core at rest.
AROUND = 300.0

_log = logging.getLogger(__name__)


class _Workers(Protocol):
    """What the engine needs from local processes or a cluster."""

    def start(self) -> None: ...
    def take(self) -> Worker | None: ...
    def pids(self) -> list[int]: ...
    def size(self) -> int: ...
    def wait_ready(self, timeout: float | None = None) -> bool: ...
    def failure(self) -> str | None: ...
    def revive(self) -> None: ...
    def close(self) -> None: ...


class Engine:
    """Runs jobs on warm workers for many visitors at once; safe from any thread.

    The engine holds the queue itself and gives a worker a job only when the worker is
    idle, so dropping a job that waits costs nothing. It has no thread of its own: every
    request and every end of a job moves it on, and a timer when visitors were quiet.

    Parameters
    ----------
    store : Store
        Where results go and where finished work is looked up.
    n_workers : int, optional
        How many local processes; default: one per core that this process may use.
    scheduler : str, optional
        Address of a Dask scheduler, such as `tcp://host:8786`, whose workers run the jobs
        instead. Default: the environment variable `DISTILL_SCHEDULER`.
    preload : str, optional
        A module that every worker imports before its first job.

    Raises
    ------
    EngineError
        When the scheduler cannot be used.
    """

    def __init__(
        self,
        store: Store,
        *,
        n_workers: int | None = None,
        scheduler: str | None = None,
        preload: str | None = None,
    ) -> None:
        self._store = store
        self._preload = preload
        self._lock = threading.Lock()
        self._scheduler = Scheduler()
        self._failed: collections.OrderedDict[Key, tuple[float, Job]] = collections.OrderedDict()
        self._closed = False
        self._quiet_until = -math.inf
        self._timer: Timer | None = None
        address = scheduler or os.environ.get("DISTILL_SCHEDULER")
        self._workers = self._cluster(address) if address else self._local(n_workers)
        self._workers.start()
        _close_at_exit(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self,
        visitor: str | None,
        job: JobFunction,
        spec: Spec,
        *,
        slot: str = "main",
    ) -> Job:
        """Ask for a result; what the store has, or somebody else asked for, is not run again.

        A visitor wants one thing per slot at a time: the request replaces the one before.
        If nobody else wants that one, it is dropped from the queue or asked to stop.

        Parameters
        ----------
        visitor : str or None
            Who asks. None: work ahead, done while no visitor is there; it steps aside for
            visitors, starts again when they have been quiet, and is never replaced.
        job : callable
            From `distill_core.jobs`; takes (spec, store, report) and puts an artifact of
            its kind under the spec's digest.
        spec : Spec
            What to make.
        slot : str
            Which of the visitor's wishes this is.

        Returns
        -------
        Job
            Finished already when the store has the result, or when it failed a moment ago.

        Raises
        ------
        EngineError
            When the engine is closed.
        """
        name, kind = (job.__module__, job.__qualname__), job.kind
        key = (".".join(name), spec.digest, kind)
        stored = self._store.has(kind, spec.digest)
        self._workers.revive()
        cancels = []
        with self._lock:
            if self._closed:
                raise EngineError("The engine is closed and takes no more requests.")
            task = self._scheduler.unfinished.get(key)
            handle = task.job if task else self._find_answer(key, stored)
            if handle is None:
                task = self._scheduler.enqueue(key, (*name, spec))
                handle = task.job
            if visitor is not None:
                cancels = [*self._scheduler.claim((visitor, slot), task), *self._preempt()]
            elif task is not None:
                task.background = True
        self._dispatch(cancels)
        return handle

    def visited(self) -> None:
        """Take note that a visitor is there: work ahead is preempted and stays away a while."""
        with self._lock:
            cancels = self._preempt()
        self._dispatch(cancels)

    def release(self, visitor: str, slot: str | None = None) -> None:
        """Give up what a visitor asked for, in one slot or in all."""
        with self._lock:
            claims = self._scheduler.claims(visitor, slot)
            cancels = [cancel for claim in claims for cancel in self._scheduler.claim(claim, None)]
        self._dispatch(cancels)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return for each kind how many jobs ended how.

        `done` ran to the end, `failed`, `cancelled` while they ran, `dropped` from the queue,
        `retried` after their worker died, `preempted` by a visitor.
        """
        with self._lock:
            counts = self._scheduler.counts
            return {kind: {o: counter[o] for o in OUTCOMES} for kind, counter in counts.items()}

    def jobs(self) -> list[Job]:
        """Return the jobs that run, those asked to stop included, and those that wait."""
        with self._lock:
            return self._scheduler.jobs()

    def worker_pids(self) -> list[int]:
        """Return the process ids of the workers that are alive, in a cluster on many machines."""
        return self._workers.pids()

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until all workers are warm; say whether they are.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.
        """
        return self._workers.wait_ready(timeout)

    def close(self) -> None:
        """Cancel all jobs and end all local workers.

        Happens by itself when the interpreter ends. However the server ends, no worker
        outlives it.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            for task in {*self._scheduler.unfinished.values(), *self._scheduler.running.values()}:
                self._scheduler.finish(task, "cancelled", Cancelled("The engine was closed."))
        self._workers.close()

    def _local(self, n_workers: int | None) -> _Workers:
        from distill_core.engine.processes import LocalWorkers

        if n_workers is None:
            cores = getattr(os, "sched_getaffinity", lambda _: ())(0)
            n_workers = len(cores) or os.cpu_count() or 1
        return LocalWorkers(
            self._store.root, n_workers, self._preload, self._on_report, self._dispatch
        )

    def _cluster(self, address: str) -> _Workers:
        try:
            from distill_core.engine.cluster import ClusterWorkers
        except ImportError as error:
            raise EngineError(
                f"Jobs for the scheduler {address} need the package 'distributed' ({error}): "
                "install it with pip install distributed."
            ) from error
        return ClusterWorkers(
            address, self._store, self._preload, self._on_report, self._on_retry, self._dispatch
        )

    # A worker is never touched under the lock: what it does may end a job, which takes the lock.

    def _dispatch(self, cancels: Iterable[Cancel] = ()) -> None:
        """Cancel what has to stop and start what can start."""
        with self._lock:
            starts = self._plan()
        for worker, attempt in cancels:
            worker.cancel(attempt)
        for worker, attempt, call in starts:
            future = worker.submit(attempt, call)
            future.add_done_callback(functools.partial(self._on_end, attempt))

    def _plan(self) -> list[Start]:
        """Give the free workers to what waits."""
        starts: list[Start] = []
        now = monotonic()
        waiting = self._scheduler.waiting(visitors_only=now < self._quiet_until)
        room = self._workers.size()
        if now < self._quiet_until + AROUND:
            room = max(1, room - 1)
        failure = self._workers.failure() if waiting else None
        for task in waiting:
            if failure is not None:
                self._fail(task, EngineError(failure))
            elif self._store.has(task.job.kind, task.job.digest):
                self._scheduler.finish(task, "done")
            elif not task.claims and self._scheduler.n_ahead >= room:
                break
            elif worker := self._workers.take():
                starts.append(self._scheduler.start(task, worker))
            else:
                break
        return starts

    def _preempt(self) -> list[Cancel]:
        self._quiet_until = monotonic() + QUIET
        if self._timer is None:
            self._wake_in(QUIET)
        return self._scheduler.preempt()

    def _wake_in(self, seconds: float) -> None:
        self._timer = Timer(seconds, self._wake)
        self._timer.daemon = True
        self._timer.start()

    def _wake(self) -> None:
        """Let work ahead begin, unless visitors came again in the meantime."""
        with self._lock:
            self._timer = None
            left = self._quiet_until - monotonic()
            if left > 0 and not self._closed:
                return self._wake_in(left)
        self._dispatch()

    def _on_report(self, attempt: int, done: int, total: int, arrays: Arrays | None) -> None:
        task = self._scheduler.running.get(attempt)
        if task is not None:
            task.began = True
            task.job.show(done, total, arrays)

    def _on_retry(self, attempt: int) -> None:
        """Take note that a cluster runs a job again because its worker died."""
        with self._lock:
            task = self._scheduler.running.get(attempt)
            if task is not None:
                self._scheduler.count(task, "retried")

    def _on_end(self, attempt: int, future: Future[None]) -> None:
        """Decide what becomes of a job that has left its worker, and go on."""
        error = Cancelled("The worker was closed.") if future.cancelled() else future.exception()
        with self._lock:
            task, ordered = self._scheduler.vacate(attempt)
            if not task.job.finished:
                self._settle(task, ordered, error)
        self._dispatch()

    def _settle(self, task: Task, ordered: str, error: BaseException | None) -> None:
        scheduler, job = self._scheduler, task.job
        if error is None:
            if self._store.has(job.kind, job.digest):
                scheduler.finish(task, "done")
            else:
                self._fail(task, EngineError(f"{task.key[0]} ended without storing a {job.kind}."))
        elif ordered == "cancel":
            scheduler.finish(task, "cancelled", explain_cancel())
        elif isinstance(error, Cancelled) and ordered == "preempt":
            scheduler.count(task, "preempted")
            scheduler.requeue(task)
        elif isinstance(error, Cancelled):
            scheduler.finish(task, "cancelled", error)
        elif isinstance(error, BrokenExecutor) and scheduler.may_retry(task):
            if task.began:
                scheduler.count(task, "retried")
            scheduler.requeue(task)
        else:
            self._fail(task, _to_error(error))

    def _fail(self, task: Task, error: Exception) -> None:
        # Divergence and bad settings are answers; only what should not happen is an error.
        level = logging.ERROR if isinstance(error, EngineError) else logging.INFO
        _log.log(level, "%s %s failed.", task.key[0], task.key[1], exc_info=error)
        self._failed[task.key] = monotonic(), task.job
        if len(self._failed) > _N_REMEMBERED:
            self._failed.popitem(last=False)
        self._scheduler.finish(task, "failed", error)

    def _find_answer(self, key: Key, stored: bool) -> Job | None:
        """Return a finished job that answers a request, if there is one."""
        _, digest, kind = key
        if stored:
            return Job(kind, digest, "done")
        when, job = self._failed.get(key, (0.0, None))
        return job if monotonic() < when + _REMEMBERED else None


def _to_error(error: BaseException) -> Exception:
    """Return an error whose message is a sentence."""
    if isinstance(error, BrokenExecutor):
        return EngineError("The worker died twice while it ran this job; it was given up.")
    if isinstance(error, Exception) and is_ours(error):
        return error
    return EngineError(f"The job stopped with {type(error).__name__}: {error}")


def _close_at_exit(engine: Engine) -> None:
    """Have the engine closed before the interpreter waits for jobs that still run.

    `atexit` comes too late: executors wait for their jobs before it.
    """
    reference = weakref.ref(engine)

    def close() -> None:
        alive = reference()
        if alive is not None:
            alive.close()

    threading._register_atexit(close)  # type: ignore[attr-defined]
