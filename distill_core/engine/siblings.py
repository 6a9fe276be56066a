"""Other servers on the same store: what one of them makes, the others wait for."""

import contextlib
import hashlib
import logging
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Protocol

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOOK_EVERY = 0.2
"""Seconds after which a server looks again for what another one makes."""

_log = logging.getLogger(__name__)


class Siblings(Protocol):
    """What the scheduler needs to know of other servers."""

    def begin(self, kind: str, digest: str) -> bool:
        """Say whether this server may make something: no other one is at it. Until `end`."""

    def end(self, kind: str, digest: str) -> None:
        """Let others make it."""


class Alone:
    """There is no other server."""

    def begin(self, kind: str, digest: str) -> bool:
        """Return True."""
        return True

    def end(self, kind: str, digest: str) -> None:
        """Do nothing."""


class Neighbours:
    """Servers with one store folder, on one machine or on a disk that they share.

    Each locks one byte of a file of the store for each job, at a place that the job's name says.
    The locks of a process that dies are free at once. There are 2^61 places; two names that shared
    one would be made one after the other.

    Parameters
    ----------
    root : Path
        The store's folder. Where it cannot be written to, or a system has no such locks, servers
        do not know of each other and may make the same thing twice.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / "in-work"
        self._file: int | None = None
        self._lock = threading.Lock()
        # How many attempts of this server are at it.
        self._mine: Counter[tuple[str, str]] = Counter()

    def begin(self, kind: str, digest: str) -> bool:
        """Say whether this server may make something; see `Siblings`."""
        if fcntl is None:
            return True
        with self._lock:
            try:
                file = self._open()
            except OSError as error:
                _log.debug("Servers cannot see each other in %s: %s.", self._path.parent, error)
                return True
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(kind, digest))
            except (BlockingIOError, PermissionError):
                # The second is what some systems say for the first.
                return False
            except OSError as error:
                _log.debug("%s cannot be locked: %s.", self._path, error)
            # One that is asked to stop may be asked for anew before it is off its worker.
            self._mine[kind, digest] += 1
        return True

    def end(self, kind: str, digest: str) -> None:
        """Let others make it."""
        with self._lock:
            self._mine[kind, digest] -= 1
            if self._mine[kind, digest] > 0:
                return
            del self._mine[kind, digest]
            if fcntl is not None and self._file is not None:
                with contextlib.suppress(OSError):
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(kind, digest))

    def _open(self) -> int:
        # Once: a process loses its locks when it closes the file, whichever handle that was.
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(self._path, flags, 0o600)
        return self._file


def _place(kind: str, digest: str) -> int:
    name = hashlib.sha256(f"{kind} {digest}".encode()).digest()
    return int.from_bytes(name[:8]) >> 3
