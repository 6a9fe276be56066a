"""A store that keeps in memory what it has read: many visitors look at the same pictures."""

import contextlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from distill_core.store import Artifact, Stamp, Store, note_use, read_stamp

LIMIT = 24_000_000
"""Bytes of arrays that are kept in all; an ensemble of ten teachers has 2.5 million."""


# Different artifacts are read side by side, most of them.
_N_LOCKS = 16


@dataclass(frozen=True, eq=False)
class _Kept:
    # Its two files and which they were: written anew, they are another artifact, or damaged.
    index: Path
    blob: Path
    stamps: tuple[Stamp, Stamp]
    artifact: Artifact
    n_bytes: int


class CachedStore(Store):
    """A `Store` for readers that read the same again and again.

    An artifact is checked when it is read from the disk, and then kept for as long as its two files
    stay as they are. Its arrays are read-only, as all readers share them. What is deleted, by
    whatever process, is not found any more; deleted through this store, it is not kept either.

    Parameters
    ----------
    root : path, optional
        As in `Store`.
    limit : int
        Bytes of arrays that are kept; the least recently used go first.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None, limit: int = LIMIT) -> None:
        super().__init__(root)
        self._limit = limit
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._reading = [threading.Lock() for _ in range(_N_LOCKS)]

    def get(self, kind: str, digest: str) -> Artifact | None:
        """Return what is stored under a name, as `Store.get` does, but read-only."""
        found = self._find(kind, digest)
        if found is not None:
            return found
        # A class that has waited for the same comes at once: the first reads it for all.
        with self._reading[hash((kind, digest)) % _N_LOCKS]:
            return self._find(kind, digest) or self._load(kind, digest)

    def _find(self, kind: str, digest: str) -> Artifact | None:
        """Return what is kept, if its files are still the same."""
        with self._lock:
            kept = self._kept.get((kind, digest))
            if kept is None:
                return None
            self._kept.move_to_end((kind, digest))
        with contextlib.suppress(OSError):
            if kept.stamps == (note_use(kept.index), read_stamp(kept.blob)):
                return kept.artifact
        self._forget(kind, digest)
        return None

    def _load(self, kind: str, digest: str) -> Artifact | None:
        """Read and check an artifact, and keep it."""
        index = self._index(kind, digest)
        try:
            stamp = note_use(index)
        except FileNotFoundError:
            return None
        except OSError:
            # What is read says why.
            return super().get(kind, digest)
        found = self._read(kind, digest)
        if found is None:
            return None
        artifact, blob = found
        # Gone again, just now: then it is not kept.
        with contextlib.suppress(OSError):
            self._keep((kind, digest), index, blob, (stamp, read_stamp(blob)), artifact)
        return artifact

    def delete(self, kind: str, digest: str) -> None:
        """Forget a name, in memory, too; see `Store.delete`."""
        super().delete(kind, digest)
        self._forget(kind, digest)

    def _keep(
        self,
        name: tuple[str, str],
        index: Path,
        blob: Path,
        stamps: tuple[Stamp, Stamp],
        artifact: Artifact,
    ) -> None:
        for array in artifact.arrays.values():
            array.flags.writeable = False
        n_bytes = sum(array.nbytes for array in artifact.arrays.values())
        if n_bytes > self._limit:
            return
        with self._lock:
            # Another thread may have read it at the same time.
            if name not in self._kept:
                self._kept[name] = _Kept(index, blob, stamps, artifact, n_bytes)
                self._size += n_bytes
            while self._size > self._limit:
                self._size -= self._kept.popitem(last=False)[1].n_bytes

    def _forget(self, kind: str, digest: str) -> None:
        with self._lock:
            kept = self._kept.pop((kind, digest), None)
            if kept is not None:
                self._size -= kept.n_bytes
