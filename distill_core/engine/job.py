"""The handle of one job: what a visitor may ask about it, from any thread."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

from numpy.typing import NDArray

from distill_core.engine.worker import Arrays

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Job:
    """One piece of work, shared by everybody who asked for it; made by `Engine.request`.

    Parameters
    ----------
    kind, digest : str
        Where the result will be in the store.
    state : {"queued", "running", "done", "failed", "cancelled"}
        The last three are final.

    Attributes
    ----------
    place : int
        While it waits: at which place of all that visitors wait for it is, from 1; else 0.
    """

    def __init__(self, kind: str, digest: str, state: State = "queued") -> None:
        self.kind = kind
        self.digest = digest
        self.place = 0
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], None]] = []
        self._state: State = state
        self._progress = (1, 1) if state == "done" else (0, 0)
        self._snapshot: dict[str, NDArray[Any]] | None = None
        self._error: Exception | None = None

    def __repr__(self) -> str:
        return f"<Job {self.kind} {self.digest} {self._state} {self._progress}>"

    @property
    def state(self) -> State:
        """What has become of it so far."""
        return self._state

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self._state in ("done", "failed", "cancelled")

    @property
    def progress(self) -> tuple[int, int]:
        """Steps done and steps in all, as last reported; (0, 0) before the first report."""
        return self._progress

    @property
    def snapshot(self) -> dict[str, NDArray[Any]] | None:
        """The latest arrays that the job reported, None before the first.

        Those of the last moments may never come; the result is in the store.
        """
        return self._snapshot

    @property
    def error(self) -> Exception | None:
        """Why it failed or was cancelled: the message is a sentence to show."""
        return self._error

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has finished, however it ends; say whether it has.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self.finished, timeout)

    def wait_snapshot(self, timeout: float | None = None) -> bool:
        """Wait until the job has reported arrays or has finished; say whether it has.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: self.finished or self._snapshot is not None, timeout
            )

    @contextlib.contextmanager
    def listen(self, listener: Callable[[], None]) -> Iterator[None]:
        """Have a function called after every change, in whichever thread makes it.

        For those who cannot wait in a thread of their own. It must return at once.
        """
        with self._changed:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._changed:
                self._listeners.remove(listener)

    # The rest is for the engine.

    def show(self, done: int, total: int, arrays: Arrays | None) -> None:
        """Take note of a report; one that comes after the end is ignored."""
        with self._changed:
            if self._state == "running":
                self._progress = (done, total)
                if arrays is not None:
                    self._snapshot = dict(arrays)
                self._tell()

    def become(self, state: State, error: Exception | None = None) -> None:
        """Change state and wake everybody who waits."""
        with self._changed:
            self._state, self._error, self.place = state, error, 0
            if state == "done":
                total = max(1, self._progress[1])
                self._progress = (total, total)
            self._tell()

    def _tell(self) -> None:
        self._changed.notify_all()
        for listener in self._listeners:
            listener()
