"""A visitor's own table in the store: put, found again, and deleted with all it led to.

A table is stored under a digest of its content and its owner; all that is computed from it
has the table's first 16 digits in front of its own name (see `Spec.digest`). How a file
becomes a table is in `data.csv_files` and `data.tables`.
"""

import contextlib
import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.data import datasets
from distill_core.data.datasets import Table
from distill_core.data.sheets import UploadError
from distill_core.data.tables import Prepared
from distill_core.specs import DatasetSpec, canonical_json
from distill_core.store import BLOB_NAME, Store

# Made-up measurements of three kinds of birds, to try the upload with.
SAMPLE = Path(__file__).parent / "data" / "birds.csv"


def keep(store: Store, prepared: Prepared, owner: str = "") -> DatasetSpec:
    """Store a table and return the dataset that it is.

    The owner is a secret of the visitor's session: another visitor who uploads the same file
    gets an entry of another name, and none of them can delete or guess the other's.
    """
    table = prepared.table
    names = {"features": table.feature_names, "classes": table.class_names}
    content = hashlib.sha256(canonical_json({"format": 1, "owner": owner, **names}))
    more = {"groups": table.groups, "mean": table.mean, "scale": table.scale}
    arrays: dict[str, NDArray[Any]] = {"X": table.X, "y": table.y}
    arrays |= {name: array for name, array in more.items() if array is not None}
    for array in arrays.values():
        content.update(np.ascontiguousarray(array).data)
    digest = content.hexdigest()[:32]
    # The digest among the arrays: no two entries share a blob, which one would miss later.
    own = np.frombuffer(digest.encode(), dtype=np.uint8)
    meta = {**names, "decisions": prepared.decisions}
    store.put("table", digest, {**arrays, "own": own}, meta)
    store.delete("deleted-table", digest)
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
        arrays = artifact.arrays
        more = {name: arrays[name] for name in ("groups", "mean", "scale") if name in arrays}
        return Table(arrays["X"], arrays["y"], features, classes, **more)

    datasets.find_tables_with(find)


def delete(store: Store, spec: DatasetSpec) -> None:
    """Delete a table and everything that was computed from it.

    A job that is running on it may still put its result: stop it first, or leave that
    result to `expire`. Worker processes forget what they have in memory when other data
    takes its place.
    """
    if spec.table is None:
        raise UploadError(f"Only uploaded data can be deleted, got dataset {spec.name!r}.")
    _delete(store, spec.table)


def expire(store: Store, max_age: float = 86400.0) -> int:
    """Delete tables of sessions that ended without a word, and return how many.

    `max_age` is in seconds since a table was uploaded last.
    """
    old = time.time() - max_age
    for record in _older(store, "deleted-table", np.inf):
        # What a job put after its table was deleted.
        _forget(store, record)
    for record in _older(store, "deleted-table", old):
        store.delete("deleted-table", record)
    expired = _older(store, "table", old)
    for table in expired:
        _delete(store, table)
    return len(expired)


def _older(store: Store, kind: str, time_limit: float) -> list[str]:
    """Return the digests of a kind that were put before a time."""
    digests = []
    for index in (store.root / kind).glob("*/*.json"):
        with contextlib.suppress(OSError):
            if index.stat().st_mtime < time_limit:
                digests.append(index.stem)
    return digests


def _delete(store: Store, table: str) -> None:
    store.put("deleted-table", table, {})
    _forget(store, table)
    datasets.forget()


def _forget(store: Store, table: str) -> None:
    """Delete all names that begin like a table's, and the arrays that only they had."""
    blobs = set()
    for index in store.root.glob(f"*/{table[:2]}/{table[:16]}*.json"):
        if index.parent.parent.name == "deleted-table":
            continue
        with contextlib.suppress(OSError):
            blobs.update(BLOB_NAME.findall(index.read_bytes()))
        store.delete(index.parent.parent.name, index.stem)
    if not blobs:
        return
    for index in store.root.glob("*/*/*.json"):
        with contextlib.suppress(OSError):
            blobs.difference_update(BLOB_NAME.findall(index.read_bytes()))
    for blob in (sha.decode() for sha in blobs):
        with contextlib.suppress(OSError):
            (store.root / "blobs" / blob[:2] / f"{blob}.safetensors").unlink()
