"""Workers of a Dask cluster, reached through Dask's own executor, events and plugins.

A worker need not share a disk with the server: a job works on a store folder of the
worker's own, what it looks for is sent along, and what it puts comes back as its result.
"""

import contextlib
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import distributed
from safetensors.numpy import load

from distill_core.engine.cluster_worker import Answer, Carried, Warmth, run
from distill_core.engine.worker import DIED_TWICE, Call, Cancelled, EngineError, OnReport
from distill_core.store import Store

# Seconds until a scheduler that does not answer counts as not there.
_CONNECT_SECONDS = 10


class ClusterWorkers:
    """The workers of a Dask scheduler; they run as many jobs at once as they have threads.

    Dask itself runs a killed worker's job again; one that loses two workers is given up.

    Parameters
    ----------
    address : str
        Of the scheduler.
    store : Store
        The server's store.
    preload : str or None
        A module that every worker imports before its first job.
    on_report : callable
        Receives what running jobs report.
    on_retry : callable
        Called with the attempt when Dask runs a job again.
    on_free : callable
        Called when the cluster has changed.
    """

    def __init__(
        self,
        address: str,
        store: Store,
        preload: str | None,
        on_report: OnReport,
        on_retry: Callable[[int], None],
        on_free: Callable[[], None],
    ) -> None:
        self._address = address
        self.store = store
        self._preload = preload
        self._on_report = on_report
        self._on_retry = on_retry
        self._on_free = on_free
        self.topic = f"distill-{uuid.uuid4().hex}"
        self.reserved: dict[int, _Reservation] = {}
        self._n_busy = 0
        self._capacity = 0
        self._failure: str | None = None
        self._reconnecting = False
        self._closed = False
        self._changed = threading.Condition()
        # Dask calls back on its event loop, which must wait neither for disks nor for itself.
        self._arrivals = ThreadPoolExecutor(1, "dask-arrivals")

    def start(self) -> None:
        """Connect to the scheduler; its workers run already.

        Raises
        ------
        EngineError
            When there is no scheduler, or its workers do not have this project installed.
        """
        try:
            connect: Any = distributed.Client
            self._client = connect(self._address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EngineError(f"{self.explain_loss()} ({error})") from error
        try:
            self._client.register_plugin(Warmth(self._preload))
        except Exception as error:
            self._client.close()
            raise EngineError(
                f"The workers of {self._address} cannot run this project's jobs ({error}): "
                "install the same version of it there."
            ) from error
        self._connection = self._client.scheduler_comm
        self._executor = self._client.get_executor(pure=False)
        self._client.subscribe_topic(self.topic, self._event)
        self._client.subscribe_topic("all", self._cluster_event)
        self._measure()

    def acquire(self) -> "_Reservation | None":
        """Return a worker when fewer jobs run than the cluster has threads."""
        with self._changed:
            if self._n_busy >= self._capacity or self._lost():
                return None
            self._n_busy += 1
            return _Reservation(self)

    def pids(self) -> list[int]:
        """Return the process ids of the workers, each on its own machine."""
        return list(self._client.run(os.getpid).values())

    def size(self) -> int:
        """Return how many jobs the cluster runs at once."""
        return self._capacity

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until the cluster has a worker; say whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self._capacity > 0, timeout)

    def failure(self) -> str | None:
        """Return why the cluster cannot be used, or None."""
        return self._failure

    def revive(self) -> None:
        """Connect anew when the scheduler was lost; returns at once."""
        with self._changed:
            if self._reconnecting or self._closed or not self._lost():
                return
            self._reconnecting = True
            self._failure = None
        self.later(self._reconnect)

    def close(self) -> None:
        """Cancel the jobs that run and leave the cluster as it is."""
        self._closed = True
        for worker in list(self.reserved.values()):
            worker.cancel()
        for topic in ("all", self.topic):
            self._client.unsubscribe_topic(topic)
        self._client.close()
        self._arrivals.shutdown()

    def submit(self, *arguments: Any) -> "Future[Answer]":
        """Hand `run` and its arguments to the cluster."""
        future: Future[Answer] = self._executor.submit(run, *arguments)
        return future

    def later(self, function: Callable[..., None], *arguments: Any) -> None:
        """Do something off Dask's event loop; nothing any more after `close`."""
        with contextlib.suppress(RuntimeError):
            self._arrivals.submit(function, *arguments)

    def give_back(self, attempt: int) -> None:
        """Take note that a worker is free."""
        with self._changed:
            self.reserved.pop(attempt, None)
            self._n_busy -= 1

    def explain_loss(self) -> str:
        """Say that the scheduler is gone."""
        return f"The Dask scheduler at {self._address} cannot be reached; is it running?"

    def _lost(self) -> bool:
        """Say whether the scheduler that we connected to is gone; the next one knows nothing."""
        connection = self._client.scheduler_comm
        return connection is not self._connection or connection.closed()

    def _reconnect(self) -> None:
        self._client.close()
        try:
            self.start()
        except EngineError as error:
            self._failure = str(error)
        self._reconnecting = False
        self._on_free()

    def _measure(self) -> None:
        capacity = self._client.scheduler_info(n_workers=0)["total_threads"]
        with self._changed:
            self._capacity = capacity
            self._changed.notify_all()

    def _cluster_event(self, event: tuple[float, Mapping[str, Any]]) -> None:
        if event[1].get("action") in ("add-worker", "remove-worker"):
            self.later(self._resized)

    def _resized(self) -> None:
        self._measure()
        self._on_free()

    def _event(self, event: tuple[float, Mapping[str, Any]]) -> None:
        message = event[1]
        attempt = message["attempt"]
        worker = self.reserved.get(attempt)
        if worker is None:
            return
        if "total" in message:
            arrays = load(message["arrays"]) if message["arrays"] else None
            self._on_report(attempt, message["done"], message["total"], arrays)
            return
        worker.n_starts += 1
        if worker.n_starts == 2:
            self._on_retry(attempt)
        elif worker.n_starts > 2:
            self.later(worker.cancel, attempt, EngineError(DIED_TWICE))


class _Reservation:
    """One job on the cluster, from its submission to its last result."""

    def __init__(self, workers: ClusterWorkers) -> None:
        self._workers = workers
        self._outcome: Future[None] = Future()
        self._inner: Future[Answer] | None = None
        self._cancelled: Exception | None = None
        self.n_starts = 0

    def submit(self, attempt: int, call: Call) -> Future[None]:
        """Start a job."""
        self._attempt, self._call = attempt, call
        self._workers.reserved[attempt] = self
        self._send({})
        return self._outcome

    def cancel(self, attempt: int = 0, why: Exception | None = None) -> None:
        """Cancel the task; the worker's thread is free after the job's next report."""
        self._cancelled = why or Cancelled()
        inner = self._inner
        if inner is not None:
            inner.cancel()

    def kill(self) -> None:
        """Let go of the task: its process belongs to the cluster."""
        self.cancel()

    def _send(self, carried: Carried) -> None:
        self.n_starts = 0
        try:
            inner = self._workers.submit(self._workers.topic, self._attempt, self._call, carried)
        except Exception as error:
            self._end(EngineError(f"{self._workers.explain_loss()} ({error})"))
            return
        self._inner = inner
        inner.add_done_callback(lambda future: self._workers.later(self._arrived, future, carried))
        if self._cancelled:
            inner.cancel()

    def _arrived(self, inner: "Future[Answer]", carried: Carried) -> None:
        """Put what the job made into the server's store, or send what it lacked."""
        # The last reference: Dask keeps a result, and makes it anew if it gets lost, as long
        # as somebody holds its future.
        self._inner = None
        try:
            if inner.cancelled():
                raise self._cancelled or EngineError(self._workers.explain_loss())
            wanted, made = inner.result()
            if wanted is not None:
                self._send({**carried, wanted: self._workers.store.get(*wanted)})
                return
            for name, artifact in made.items():
                if artifact is not None:
                    self._workers.store.put(*name, artifact.arrays, artifact.meta)
        except distributed.KilledWorker:
            self._end(EngineError("Every worker that ran this job died; it was given up."))
        except Exception as error:
            self._end(error)
        else:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        self._workers.give_back(self._attempt)
        if error is None:
            self._outcome.set_result(None)
        else:
            self._outcome.set_exception(error)
