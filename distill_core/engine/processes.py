"""Worker processes on this machine, each behind a `ProcessPoolExecutor` of its own.

One executor per process, because a process that dies breaks its whole executor. Besides
the executor's own queues each process has a pipe: reports come up, requests to stop go
down, and its end tells each side that the other one is gone.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from distill_core.engine.memory import give_back
from distill_core.engine.worker import Arrays, Call, OnReport, Reporter, execute, preload
from distill_core.store import Store

# How often a start is tried before it counts as failed.
_STARTS = 3
# Seconds that a worker rests before it gives memory back.
_TIDY_AFTER = 2.0
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_hiding = threading.Lock()


class LocalWorkers:
    """Warm processes that are replaced when they die.

    Started by a fork server that has imported `preload`: a killed worker is back after
    some 50 ms, a freshly spawned one after 3 s. A plain fork would copy a process with
    many threads and is not safe.

    Parameters
    ----------
    root : Path
        The store's folder.
    n_workers : int
        How many processes.
    preload : str or None
        A module that every process imports before its first job.
    on_report : callable
        Receives what running jobs report.
    on_free : callable
        Called when a worker has become free for another reason than the end of a job.
    """

    def __init__(
        self,
        root: Path,
        n_workers: int,
        preload: str | None,
        on_report: OnReport,
        on_free: Callable[[], None],
    ) -> None:
        self._initargs = (root, preload)
        self._on_report = on_report
        self._on_free = on_free
        self._alive: list[_Process] = []
        self._changed = threading.Condition()
        self._failure: str | None = None
        self._n_down = 0
        self._closed = False
        self._context = _context(preload)
        self._supervisors = [
            threading.Thread(target=self._supervise, name=f"worker-{i}", daemon=True)
            for i in range(n_workers)
        ]

    def start(self) -> None:
        """Start the processes; returns at once."""
        for supervisor in self._supervisors:
            supervisor.start()

    def acquire(self) -> "_Process | None":
        """Return an idle process, now busy; None when there is none."""
        with self._changed:
            for process in self._alive:
                if process.idle:
                    process.idle = False
                    return process
        return None

    def pids(self) -> list[int]:
        """Return the ids of the processes that are alive."""
        with self._changed:
            return [process.pid for process in self._alive]

    def size(self) -> int:
        """Return how many processes there are when all are alive."""
        return len(self._supervisors)

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until every process is warm; say whether they are."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready() or self._closed or self.failure(), timeout)
            return self._ready()

    def failure(self) -> str | None:
        """Return why no process can be started, or None when there is one or may be soon."""
        return self._failure if self._n_down == len(self._supervisors) else None

    def revive(self) -> None:
        """Try once more to start the processes that could not be started."""
        if self._n_down:
            with self._changed:
                self._n_down = 0
                self._changed.notify_all()

    def close(self) -> None:
        """Kill all processes and wait until they are gone."""
        with self._changed:
            self._closed = True
            for process in self._alive:
                process.kill()
            self._changed.notify_all()
        for supervisor in self._supervisors:
            if supervisor is not threading.current_thread():
                supervisor.join(timeout=30)

    def _ready(self) -> bool:
        return len(self._alive) == len(self._supervisors)

    def _supervise(self) -> None:
        """Start a process, listen to it until it dies, start the next one."""
        while not self._closed:
            process = self._start()
            if process is None:
                self._await_revival()
                continue
            with self._changed:
                self._alive.append(process)
                if self._closed:
                    process.kill()
                self._changed.notify_all()
            self._on_free()
            process.listen(self._on_report)
            with self._changed:
                self._alive.remove(process)
            process.discard()

    def _start(self) -> "_Process | None":
        for _ in range(_STARTS):
            if self._closed:
                return None
            try:
                return _Process(self._context, *self._initargs)
            # RuntimeError covers a broken executor and an interpreter that is shutting down.
            except (RuntimeError, OSError, EOFError) as error:
                self._failure = (
                    f"No worker process could be started ({type(error).__name__}: {error}); "
                    "the server's log says more."
                )
        return None

    def _await_revival(self) -> None:
        """Wait after failed starts until somebody asks again."""
        with self._changed:
            self._n_down += 1
            self._changed.notify_all()
        self._on_free()
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._n_down == 0)


class _Process:
    """One worker process, from its start to its death; runs one job at a time."""

    def __init__(
        self, context: multiprocessing.context.BaseContext, root: Path, preload: str | None
    ) -> None:
        self._pipe, theirs = context.Pipe()
        self._sending = threading.Lock()
        self._executor = ProcessPoolExecutor(
            1, mp_context=context, initializer=_initialise, initargs=(theirs, root, preload)
        )
        try:
            with hide_main_module():
                pid = self._executor.submit(os.getpid)
            self.pid = pid.result()
        except BaseException:
            self.discard()
            raise
        finally:
            # The last copy on this side: from now on the worker's death ends the pipe.
            theirs.close()
        self.idle = True

    def submit(self, attempt: int, call: Call) -> Future[None]:
        """Start a job; the future breaks with `BrokenExecutor` when the process dies."""
        try:
            future = self._executor.submit(_run, attempt, call)
        except RuntimeError as error:
            future = Future()
            future.set_exception(BrokenExecutor(str(error)))
        future.add_done_callback(self._freed)
        return future

    def cancel(self, attempt: int) -> None:
        """Ask the job to stop; it does so at its next report."""
        with self._sending, contextlib.suppress(OSError):
            self._pipe.send(attempt)

    def listen(self, on_report: OnReport) -> None:
        """Pass on reports until the process is gone."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                on_report(*self._pipe.recv())

    def kill(self) -> None:
        """Kill the process; the next one takes its place."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, _KILL)

    def discard(self) -> None:
        """Let go of a dead process."""
        self.idle = False
        with self._sending:
            self._pipe.close()
        self._executor.shutdown(wait=True)

    def _freed(self, future: Future[None]) -> None:
        self.idle = not (future.cancelled() or isinstance(future.exception(), BrokenExecutor))


def _context(preload: str | None) -> multiprocessing.context.BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload] if preload else [])
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]
    # A fork does not copy the threads of a thread pool, so there must be no pools.
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with _environment({"PYTHONPATH": os.pathsep.join(filter(None, paths)), **one_thread}):
        forkserver.ensure_running()
    return context


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables for the time in which a process is started; it inherits them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def hide_main_module() -> Iterator[None]:
    """Hide the main module while a process starts: it would be imported there.

    That costs half a second with a command line as main module, and Streamlit puts the
    page that ran last into its place, which would run in the worker as well.
    """
    blank = ModuleType("__main__")
    with _hiding:
        before, sys.modules["__main__"] = sys.modules["__main__"], blank
        try:
            yield
        finally:
            # Unless somebody else has put another one there meanwhile.
            if sys.modules["__main__"] is blank:
                sys.modules["__main__"] = before


# From here on: inside the worker process.


class _Link:
    """The worker's end of the pipe."""

    def __init__(self, pipe: Connection, store: Store) -> None:
        self.pipe = pipe
        self.store = store
        # The latest attempt to cancel: attempts are numbered, so it never hits the next job.
        self.cancelled = 0
        # Whether a job has left memory that is free but still held, and none runs.
        self.untidy = False
        threading.Thread(target=self._listen, name="link", daemon=True).start()

    def _listen(self) -> NoReturn:
        with contextlib.suppress(EOFError, OSError):
            while True:
                if self.pipe.poll(_TIDY_AFTER):
                    self.cancelled = self.pipe.recv()
                elif self.untidy:
                    self.untidy = False
                    give_back()
        # The server is gone, however it ended: nobody will read the result.
        os._exit(1)


_link: _Link


def _initialise(pipe: Connection, root: Path, module: str | None) -> None:
    global _link
    # Ctrl-C in the terminal reaches the whole group; the server decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _link = _Link(pipe, Store(root))
    # Once more: the fork server keeps to itself what fails there.
    preload(module)


def _run(attempt: int, call: Call) -> None:
    def send(done: int, total: int, arrays: Arrays | None) -> None:
        _link.pipe.send((attempt, done, total, arrays))

    _link.untidy = False
    # The job has come this far: should the process die now, it may be why.
    send(0, 0, None)
    try:
        execute(call, _link.store, Reporter(lambda: _link.cancelled == attempt, send))
    finally:
        _link.untidy = True
