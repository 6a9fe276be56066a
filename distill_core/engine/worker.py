"""Beside a job in a worker's process: its report, and how it is run."""

import importlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future
from typing import Any, Protocol

from numpy.typing import NDArray

from distill_core.specs import Spec
from distill_core.store import Store

# Seconds between two progress messages of one job; a snapshot is never held back.
PROGRESS_EVERY = 0.05

DIED_TWICE = "The worker died twice while it ran this job; it was given up."

Arrays = Mapping[str, NDArray[Any]]


class Cancelled(Exception):
    """The job was asked to stop, or was never started; the message says why."""

    def __init__(self, message: str = "Nobody waits for this any more.") -> None:
        super().__init__(message)


class EngineError(RuntimeError):
    """A job could not be run to its end; the message is a sentence to show."""


class Report(Protocol):
    """Called by a job after every step; costs next to nothing when there is nothing to do.

    A job can stop only here, so there should be no more than 0.1 s between two calls.

    Parameters
    ----------
    done, total : int
        Steps done and steps in all.
    arrays : mapping of str to ndarray, optional
        Something to show while the job runs.

    Raises
    ------
    Cancelled
        When the job shall stop. The job lets it pass.
    """

    def __call__(self, done: int, total: int, arrays: Arrays | None = None) -> None:
        """Say how far the job is."""


class JobFunction(Protocol):
    """A function at the top level of a module that every worker can import.

    It makes the artifact of a spec and puts it into the store; it reads what it needs
    before it starts long work.
    """

    __module__: str
    __qualname__: str
    kind: str

    def __call__(self, spec: Any, store: Store, report: Report, /) -> None:
        """Make one artifact of its kind."""


# A job on its way to a worker: the function's module and name, and the spec.
Call = tuple[str, str, Spec]


class Worker(Protocol):
    """Runs one job at a time."""

    def submit(self, attempt: int, call: Call) -> "Future[None]":
        """Start a job; the future breaks with `BrokenExecutor` when its worker dies."""

    def cancel(self, attempt: int) -> None:
        """Ask the job to stop; it does so at its next report."""

    def kill(self) -> None:
        """End the job that does not stop, with its process where there is one of its own."""


# Called with (attempt, steps done, steps in all, arrays) for every report that came through.
OnReport = Callable[[int, int, int, Arrays | None], None]


class Reporter:
    """The `Report` of one job: raises when the job is cancelled, holds back what comes too fast.

    Parameters
    ----------
    is_cancelled : callable
        Says whether the job shall stop.
    send : callable
        Takes (steps done, steps in all, arrays) to the engine.
    """

    __slots__ = ("_due", "_is_cancelled", "_send")

    def __init__(
        self, is_cancelled: Callable[[], bool], send: Callable[[int, int, Arrays | None], None]
    ) -> None:
        self._is_cancelled = is_cancelled
        self._send = send
        self._due = 0.0

    def __call__(self, done: int, total: int, arrays: Arrays | None = None) -> None:
        """See `Report`."""
        if self._is_cancelled():
            raise Cancelled
        now = time.monotonic()
        if now >= self._due or arrays is not None:
            self._due = now + PROGRESS_EVERY
            self._send(done, total, arrays)


def preload(module: str | None) -> None:
    """Import what the workers' jobs need, so that the first of them does not wait for it."""
    if module is not None:
        importlib.import_module(module)


def explain(error: BaseException) -> Exception:
    """Return an error whose message is a sentence and which can cross processes.

    Errors of this project do as they are. Any other becomes an `EngineError` with the same
    words, because not every exception survives the way to another process.
    """
    if isinstance(error, Exception) and type(error).__module__.startswith("distill_core."):
        return error
    if isinstance(error, BrokenExecutor):
        return EngineError(DIED_TWICE)
    return EngineError(f"The job stopped with {type(error).__name__}: {error}")


def execute(call: Call, store: Store, report: Report) -> None:
    """Run a job; its function is looked up by name, and its errors are explained."""
    module, name, spec = call
    try:
        getattr(importlib.import_module(module), name)(spec, store, report)
    except Exception as error:
        explained = explain(error)
        if explained is error:
            raise
        raise explained from error
