"""Beside a job on a Dask worker: a store of its own, its report, how it learns to stop."""

import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import threadpoolctl  # type: ignore[import-untyped]
from distributed.diagnostics.plugin import WorkerPlugin
from numpy.typing import NDArray
from safetensors.numpy import save

from distill_core.engine.worker import Arrays, Call, Reporter, execute, preload
from distill_core.store import Artifact, Store

Name = tuple[str, str]  # kind, digest
Carried = dict[Name, Artifact | None]  # None: the server has nothing of that name
Answer = tuple[Name | None, Carried]  # what the job wants and lacks; else what it made


# For each task whose thread is at work: set when the task was cancelled.
_executing: dict[Any, threading.Event] = {}


class Warmth(WorkerPlugin):
    """Warms every worker that is or will be there, and tells a job that it was cancelled."""

    name = "distill-core"
    idempotent = True

    def __init__(self, module: str | None) -> None:
        self._module = module

    def setup(self, worker: distributed.Worker) -> None:
        """Warm a worker before it takes its first job."""
        preload(self._module)

    def transition(self, key: Any, start: str, finish: str, **_: Any) -> None:
        """Mark a task that Dask releases while it executes: its thread goes on."""
        if finish == "executing":
            _executing[key] = threading.Event()
        elif start == "executing" and finish == "released":
            _executing[key].set()
        elif start in ("executing", "cancelled"):
            _executing.pop(key, None)


class _MissingError(Exception):
    """A job looked for something that the server may have."""

    def __init__(self, kind: str, digest: str) -> None:
        super().__init__(f"{kind} {digest} is not here yet.")
        self.wanted = kind, digest


class _WorkerStore(Store):
    """The worker's own folder; what it lacks is asked of the server once."""

    def __init__(self, root: Path, carried: Carried) -> None:
        super().__init__(root)
        self._absent = {name for name, artifact in carried.items() if artifact is None}
        for name, artifact in carried.items():
            if artifact is not None and not super().has(*name):
                super().put(*name, artifact.arrays, artifact.meta)
        self.made: list[Name] = []

    def put(
        self,
        kind: str,
        digest: str,
        arrays: Mapping[str, NDArray[Any]],
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        super().put(kind, digest, arrays, meta)
        self.made.append((kind, digest))

    def get(self, kind: str, digest: str) -> Artifact | None:
        artifact = super().get(kind, digest)
        if artifact is None:
            self._ask(kind, digest)
        return artifact

    def has(self, kind: str, digest: str) -> bool:
        found = super().has(kind, digest)
        if not found:
            self._ask(kind, digest)
        return found

    def _ask(self, kind: str, digest: str) -> None:
        if (kind, digest) not in (*self._absent, *self.made):
            raise _MissingError(kind, digest)


def run(topic: str, attempt: int, call: Call, carried: Carried) -> Answer:
    """Run a job; return what it wants and lacks, or else what it made."""
    worker = distributed.get_worker()
    cancelled = _executing[worker.get_current_task()]

    def send(done: int, total: int, arrays: Arrays | None) -> None:
        data = None if arrays is None else save({k: _in_order(a) for k, a in arrays.items()})
        message = {"attempt": attempt, "done": done, "total": total, "arrays": data}
        worker.log_event(topic, message)

    # The job has begun, for the first time or anew on another worker.
    worker.log_event(topic, {"attempt": attempt})
    _limit(threading.get_ident())
    store = _WorkerStore(Path(worker.local_directory) / "store", carried)
    try:
        execute(call, store, Reporter(cancelled.is_set, send))
    except _MissingError as error:
        return error.wanted, {}
    return None, {name: Store.get(store, *name) for name in store.made}


@functools.cache
def _limit(thread: int) -> None:
    """Keep this thread to itself: some libraries hold their limit for each thread apart."""
    threadpoolctl.threadpool_limits(1)


def _in_order(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, order="C")
