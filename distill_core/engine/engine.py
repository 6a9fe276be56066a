"""Where visitors ask: the scheduler, the store and the workers brought together."""

import functools
import math
import os
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol, Self

from distill_core.engine.job import Job
from distill_core.engine.scheduler import Pool, Scheduler
from distill_core.engine.siblings import Neighbours
from distill_core.engine.worker import Arrays, Cancelled, EngineError, JobFunction
from distill_core.specs import Spec
from distill_core.store import Store


class _Workers(Pool, Protocol):
    """What the engine needs from local processes or a cluster."""

    def start(self) -> None: ...
    def pids(self) -> list[int]: ...
    def wait_ready(self, timeout: float | None = None) -> bool: ...
    def revive(self) -> None: ...
    def close(self) -> None: ...


class Engine:
    """Runs jobs on warm workers for many visitors at once; safe from any thread.

    The engine holds the queue itself and gives a worker a job only when the worker is
    idle, so dropping a job that waits costs nothing. It has no thread of its own: every
    request and every end of a job moves it on, and a timer when visitors were quiet or a job takes
    long.

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
    time_limit : float, optional
        Seconds that a job may take of the workers, all its attempts together; work ahead has no
        limit. Default: none.

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
        time_limit: float = math.inf,
    ) -> None:
        self._store = store
        self._preload = preload
        self._lock = threading.Lock()
        self._closed = False
        self._timer: threading.Timer | None = None
        self._timer_due = math.inf
        address = scheduler or os.environ.get("DISTILL_SCHEDULER")
        self._workers = self._cluster(address) if address else self._local(n_workers)
        self._scheduler = Scheduler(store, self._workers, time_limit, Neighbours(store.root))
        self._workers.start()
        _close_at_exit(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, visitor: str | None, job: JobFunction, spec: Spec, *, slot: str = "main"
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
        requester = None if visitor is None else (visitor, slot)
        self._workers.revive()
        with self._lock:
            if self._closed:
                raise EngineError("The engine is closed and takes no more requests.")
            handle = self._scheduler.request(
                requester, key, (*name, spec), stored, time.monotonic()
            )
        self._dispatch()
        return handle

    def guess(self, visitor: str, job: JobFunction, specs: Sequence[Spec]) -> None:
        """Say what a visitor may want next, the likeliest first, in place of earlier guesses.

        It is made while a worker is idle, another one stays free, and nobody waits; it steps
        aside at once for every request, and is given up where it takes long.
        """
        name, kind = (job.__module__, job.__qualname__), job.kind
        missing = [spec for spec in specs if not self._store.has(kind, spec.digest)]
        with self._lock:
            if not self._closed:
                guesses = [((".".join(name), spec.digest, kind), (*name, spec)) for spec in missing]
                self._scheduler.guess(visitor, guesses)
        self._dispatch()

    def visited(self, visitor: str) -> None:
        """Take note that a visitor is there: guesses and work ahead stop at once, for a while."""
        with self._lock:
            self._scheduler.visit(visitor, time.monotonic())
        self._dispatch()

    def release(self, visitor: str, slot: str | None = None) -> None:
        """Give up what a visitor asked for in one slot, or everywhere and what was guessed."""
        with self._lock:
            self._scheduler.release(visitor, slot)
        self._dispatch()

    def counts(self) -> dict[str, dict[str, int]]:
        """Return for each kind how many jobs ended how.

        `done` ran to the end, `failed`, `cancelled` while they ran, `dropped` from the queue,
        `retried` after their worker died, `preempted` by a visitor.
        """
        with self._lock:
            return self._scheduler.counts()

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
            self._scheduler.close()
        self._workers.close()

    def _local(self, n_workers: int | None) -> _Workers:
        from distill_core.engine.processes import LocalWorkers

        if n_workers is None:
            cores = getattr(os, "sched_getaffinity", lambda _: ())(0)
            n_workers = len(cores) or os.cpu_count() or 1
        return LocalWorkers(
            self._store.root, n_workers, self._preload, self._report, self._dispatch
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
            address, self._store, self._preload, self._report, self._note_retry, self._dispatch
        )

    def _dispatch(self) -> None:
        """Cancel what has to stop and start what can start; see to it again after a quiet time."""
        with self._lock:
            now = time.monotonic()
            cancels, claims = self._scheduler.dispatch(now)
            kills = self._scheduler.take_kills()
            self._set_timer(now)
        # Not under the lock: what a worker does here may end a job, which takes the lock.
        for worker in kills:
            worker.kill()
        for worker, attempt in cancels:
            worker.cancel(attempt)
        for worker, attempt, call in claims:
            future = worker.submit(attempt, call)
            future.add_done_callback(functools.partial(self._end, attempt))

    def _set_timer(self, now: float) -> None:
        """See to it that `dispatch` is called when time alone changes something."""
        due = self._scheduler.next_moment(now)
        if due == math.inf or self._closed or self._timer_due <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = threading.Timer(due - now, self._wake, [due])
        self._timer.daemon = True
        self._timer.start()

    def _wake(self, due: float) -> None:
        """Let work ahead begin, stop what takes too long: whatever the time has come for."""
        with self._lock:
            if self._timer_due == due:
                self._timer, self._timer_due = None, math.inf
        self._dispatch()

    def _report(self, attempt: int, done: int, total: int, arrays: Arrays | None) -> None:
        self._scheduler.report(attempt, done, total, arrays)

    def _note_retry(self, attempt: int) -> None:
        with self._lock:
            self._scheduler.note_retry(attempt)

    def _end(self, attempt: int, future: Future[None]) -> None:
        """Decide what becomes of a job that is off its worker, and go on."""
        error = Cancelled("The worker was closed.") if future.cancelled() else future.exception()
        with self._lock:
            self._scheduler.end(attempt, error, time.monotonic())
        self._dispatch()


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
