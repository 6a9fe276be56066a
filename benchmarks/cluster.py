"""Many students on a Dask cluster on this machine: one worker beside two."""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence

import distributed

from benchmarks import Claim
from benchmarks.racing import Row, Say
from distill_core import jobs
from distill_core.engine import Engine
from distill_core.specs import EnsembleSpec, ReplicatesSpec, StudentSpec
from distill_core.store import Store

N_REPEATS = 3
N_STUDENTS = 512
# Students per job, twins included. The first is the one that the claim is about: its 16 jobs
# share out evenly.
CHUNKS = (32, 64, 128)
PATIENCE = 600.0
AT_LEAST = 1.7


def compare(
    say: Say,
    n_students: int = N_STUDENTS,
    chunks: Sequence[int] = CHUNKS,
    n_repeats: int = N_REPEATS,
    base: StudentSpec = StudentSpec(ensemble=EnsembleSpec(n_members=2)),  # noqa: B008
) -> tuple[list[Row], list[Claim]]:
    """Train students through the engine on one worker and on two, in turn.

    Each worker is a process with one thread, warmed up before; the results come back to
    the server's store, as in the app. Half of the students are the others' twins.
    """
    seconds: dict[tuple[int, int], list[float]] = {}
    with contextlib.ExitStack() as running:
        engines = {n: running.enter_context(_engine(n, base)) for n in (1, 2)}
        fresh = iter(range(10**6))
        for engine in engines.values():
            # Twice: then every worker has had its first job of this shape and its teachers.
            for _ in range(2):
                _train(engine, base, 4 * chunks[0], chunks[0], fresh)
        for repeat in range(n_repeats):
            for chunk in chunks:
                for n, engine in engines.items():
                    began = time.perf_counter()
                    _train(engine, base, n_students, chunk, fresh)
                    took = time.perf_counter() - began
                    seconds.setdefault((chunk, n), []).append(took)
                    say(f"repeat {repeat}, {n} workers, chunks of {chunk}: {took:.2f} s")
    medians = {key: statistics.median(times) for key, times in seconds.items()}
    rows: list[Row] = [
        {
            "": f"{n_students} students, jobs of {chunk}, {n} Dask worker{'s' * (n > 1)}",
            "seconds": medians[chunk, n],
            "per unit": medians[chunk, n] / medians[chunk, 1],
        }
        for chunk in sorted(chunks)
        for n in engines
    ]
    gain = medians[chunks[0], 1] / medians[chunks[0], 2]
    sentence = (
        f"Two Dask workers finish {n_students} students in jobs of {chunks[0]} at least "
        f"{AT_LEAST} times as fast as one ({gain:.2f})."
    )
    return rows, [Claim(sentence, gain >= AT_LEAST)]


@contextlib.contextmanager
def _engine(n_workers: int, base: StudentSpec) -> Iterator[Engine]:
    """Yield an engine on a cluster of its own, with a store that has the teachers."""
    # Port 0: any free one, as two clusters run side by side.
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
    ):
        store = Store(folder)
        jobs.train_ensemble(base.ensemble, store)
        with jobs.start_engine(store, scheduler=cluster.scheduler_address) as engine:
            if not engine.wait_ready(PATIENCE):
                raise RuntimeError("The Dask cluster has no worker.")
            yield engine


def _train(
    engine: Engine, base: StudentSpec, n_students: int, chunk: int, fresh: Iterator[int]
) -> None:
    """Train students that nobody has trained before, twins included, and wait for them."""
    waiting = []
    for _ in range(n_students // chunk):
        # Temperatures of no meaning, so that the store cannot answer.
        student = base.replace(temperature=2 + 1e-4 * next(fresh))
        spec = ReplicatesSpec(student=student, n_seeds=chunk // 2)
        waiting.append(engine.request("benchmark", jobs.train_replicates, spec, slot=spec.digest))
    for job in waiting:
        if not job.wait(PATIENCE) or job.state != "done":
            raise RuntimeError(f"A job did not come to its end: {job!r}, {job.error}")
