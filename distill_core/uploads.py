"""A visitor's own table in the store: put, found again, and deleted with all it led to.

A table is stored under a digest of its content and its owner; all that is computed from it
has the table's first 16 digits in front of its own name (see `Spec.digest`). How a file
becomes a table is in `data.csv_files` and `data.tables`.
"""

import contextlib
import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.data import datasets
from distill_core.data.datasets import Table
from distill_core.data.encoding import Encoding
from distill_core.data.sheets import UploadError
from distill_core.data.tables import Prepared
from distill_core.specs import DatasetSpec, canonical_json
from distill_core.store import DELETED, Store, StoreError, read_blob_names

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# The folder of the files that servers keep locked while they run.
_SERVERS = "servers"

# Made-up measurements of three kinds of birds, to try the upload with.
SAMPLE = Path(__file__).parent / "data" / "birds.csv"


def keep(store: Store, prepared: Prepared, owner: str = "", server: str = "") -> DatasetSpec:
    """Store a table and return the dataset that it is.

    The owner is a secret of the visitor's session: another visitor who uploads the same file
    gets an entry of another name, and none of them can delete or guess the other's. `server` is
    from `sign_in`: when that server is gone, so is the visitor.
    """
    table = prepared.table
    # The same features of columns in other units are another table.
    encoding = None if table.encoding is None else table.encoding.to_json()
    names = {"features": table.feature_names, "classes": table.class_names, "encoding": encoding}
    content = hashlib.sha256(canonical_json({"format": 1, "owner": owner, **names}))
    arrays: dict[str, NDArray[Any]] = {"X": table.X, "y": table.y}
    if table.groups is not None:
        arrays["groups"] = table.groups
    for array in arrays.values():
        content.update(np.ascontiguousarray(array).data)
    digest = content.hexdigest()[:32]
    # The digest among the arrays: no two entries share a blob, which one would miss later.
    own = np.frombuffer(digest.encode(), dtype=np.uint8)
    meta = {**names, "decisions": prepared.decisions, **({"server": server} if server else {})}
    store.put("table", digest, {**arrays, "own": own}, meta)
    store.delete(DELETED, digest)
    use(store)
    return DatasetSpec(name="upload", table=digest)


def use(store: Store) -> None:
    """Let `datasets.load` of this process find its tables in a store."""

    def find(digest: str) -> Table:
        artifact = store.get("table", digest)
        if artifact is None:
            raise UploadError(
                "The uploaded data is no longer here: it was deleted, or it was uploaded to "
                "another server. Upload the file again."
            )
        features, classes = (tuple(artifact.meta[name]) for name in ("features", "classes"))
        made = artifact.meta.get("encoding")
        encoding = None if made is None else Encoding.from_json(made)
        arrays = artifact.arrays
        return Table(arrays["X"], arrays["y"], features, classes, encoding, arrays.get("groups"))

    datasets.find_tables_with(find)


def delete(store: Store, spec: DatasetSpec) -> None:
    """Delete a table and everything that was computed from it.

    What a job that is running on it puts afterwards is refused. Worker processes forget what
    they have in memory when other data takes its place.
    """
    if spec.table is None:
        raise UploadError(f"Only uploaded data can be deleted, got dataset {spec.name!r}.")
    _delete(store, spec.table)


def expire(store: Store, max_age: float = 86400.0) -> int:
    """Delete tables of sessions that ended without a word, and return how many.

    `max_age` is in seconds since a table was uploaded last.
    """
    old = time.time() - max_age
    for record in _older(store, DELETED, old):
        store.delete(DELETED, record)
    expired = _older(store, "table", old)
    for table in expired:
        _delete(store, table)
    return len(expired)


def sign_in(store: Store) -> str:
    """Return a name for this server, which counts as alive until its process ends.

    However it ends: the name is that of a file that the process keeps locked.
    """
    name = secrets.token_hex(8)
    if fcntl is not None:
        folder = store.root / _SERVERS
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder / name, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise StoreError("The store cannot be written.") from error
        # Never closed: the lock goes with the process.
        fcntl.flock(handle, fcntl.LOCK_EX)
    return name


def delete_abandoned(store: Store) -> int:
    """Delete tables whose server has ended, and return how many.

    A server that was killed could not do so itself.
    """
    gone = {path.name for path in (store.root / _SERVERS).glob("*") if _has_ended(path)}
    n_deleted = 0
    for table in _older(store, "table", np.inf):
        artifact = store.get("table", table)
        server = None if artifact is None else artifact.meta.get("server")
        if server and (server in gone or not (store.root / _SERVERS / server).exists()):
            _delete(store, table)
            n_deleted += 1
    for name in gone:
        with contextlib.suppress(OSError):
            (store.root / _SERVERS / name).unlink()
    return n_deleted


def _has_ended(server: Path) -> bool:
    if fcntl is None:
        return False
    try:
        handle = os.open(server, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _older(store: Store, kind: str, time_limit: float) -> list[str]:
    """Return the digests of a kind that were put before a time."""
    digests = []
    for index in (store.root / kind).glob("*/*.json"):
        with contextlib.suppress(OSError):
            if index.stat().st_mtime < time_limit:
                digests.append(index.stem)
    return digests


def _delete(store: Store, table: str) -> None:
    store.put(DELETED, table, {})
    _forget(store, table)
    datasets.forget()


def _forget(store: Store, table: str) -> None:
    """Delete all names that begin like a table's, and the arrays that only they had."""
    blobs: set[str] = set()
    for index in store.root.glob(f"*/{table[:2]}/{table[:16]}*.json"):
        if index.parent.parent.name == DELETED:
            continue
        with contextlib.suppress(OSError):
            blobs.update(read_blob_names(index))
        store.delete(index.parent.parent.name, index.stem)
    for damaged in store.root.glob(f"set-aside/*-{table[:16]}*"):
        with contextlib.suppress(OSError):
            damaged.unlink()
    if blobs:
        store.free(blobs)
