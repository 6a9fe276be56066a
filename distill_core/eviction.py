"""The size limit of a store: what was used least recently goes first."""

import contextlib
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Container
from pathlib import Path

from distill_core.store import DELETED, Store, StoreError, read_blob_names

# Seconds since something was read or put in which it stays: somebody may be at it.
IN_USE = 60.0
# Share of the limit that is left when it was passed, so that not every put passes it again.
_DOWN_TO = 0.9
# What a visitor brought, and that they took it away: these have rules of their own.
_UPLOADS = ("table", DELETED)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)

_log = logging.getLogger(__name__)


def read_limit() -> float | None:
    """Return the bytes that `DISTILL_STORE_LIMIT` allows, such as "2 GB"; None: no limit.

    Raises
    ------
    StoreError
        When it is no size.
    """
    text = os.environ.get("DISTILL_STORE_LIMIT", "")
    if not text:
        return None
    match = _SIZE.fullmatch(text)
    if match is None:
        raise StoreError(
            f"DISTILL_STORE_LIMIT should be a size such as 500 MB or 2 GB, got {text[:40]!r}."
        )
    return float(match[1]) * _UNITS[match[2].lower()]


def measure(store: Store) -> int:
    """Return how many bytes the files of a store take."""
    return sum(_status(path)[1] for path in _list(store, "**/*"))


def evict(store: Store, limit: float, keep: Container[str] = ()) -> int:
    """Delete what was used least recently until a store is within its limit.

    Parameters
    ----------
    store : Store
        Others may read and write it meanwhile.
    limit : float
        Bytes.
    keep : container of str
        Digests that stay, such as a lesson's. Uploads stay, too, and what was used in the last
        minute.

    Returns
    -------
    int
        How many artifacts were deleted.
    """
    size = measure(store)
    if size <= limit:
        return 0
    indexes = {path: _status(path) for path in _list(store, "*/*/*.json")}
    blobs = {path: _name_blobs(path) for path in indexes}
    n_names = Counter(sha for names in blobs.values() for sha in names)
    n_deleted = 0
    for path, (used, own_size) in sorted(indexes.items(), key=lambda item: item[1][0]):
        if size <= _DOWN_TO * limit or used > time.time() - IN_USE:
            break
        if path.parent.parent.name in _UPLOADS or path.stem in keep:
            continue
        with contextlib.suppress(OSError):
            path.unlink()
            size -= own_size
            n_deleted += 1
            n_names.subtract(blobs[path])
            size -= sum(_remove_blob(store, sha) for sha in blobs[path] if not n_names[sha])
    _log.info("%d artifacts were deleted to keep the store within its limit.", n_deleted)
    return n_deleted


def _list(store: Store, pattern: str) -> list[Path]:
    return [path for path in store.root.glob(pattern) if path.is_file()]


def _status(path: Path) -> tuple[float, int]:
    """Return when a file was used last, and its bytes."""
    try:
        status = path.stat()
    except OSError:
        return time.time(), 0
    return max(status.st_atime, status.st_mtime), status.st_size


def _name_blobs(index: Path) -> list[str]:
    try:
        return read_blob_names(index)
    except OSError:
        return []


def _remove_blob(store: Store, sha: str) -> int:
    """Remove a blob that no index names any more; return its bytes."""
    path = store.root / "blobs" / sha[:2] / f"{sha}.safetensors"
    used, size = _status(path)
    if used > time.time() - IN_USE:
        # Somebody may have just put the same arrays under another name.
        return 0
    with contextlib.suppress(OSError):
        path.unlink()
        return size
    return 0
