import os
import random
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from distill_core.engine import Cancelled, Engine, EngineError, Job
from distill_core.engine import cluster as cluster_module
from distill_core.learning.training import TrainingDivergedError
from distill_core.specs import Schedule, SpecError, StudentSpec
from distill_core.store import Store
from tests.conftest import PROJECT
from tests.engine import engine_jobs

PATIENCE = 30.0  # seconds, so that a fault fails a test and does not hang it


def student(seed, epochs=1):
    """Return a spec; a loop over it lasts 10 ms per epoch and a little more."""
    schedule = Schedule(epochs=epochs, batch_size=16, learning_rate=1e-2)
    return StudentSpec(seed=seed, width=8, schedule=schedule)


@pytest.fixture
def engine(store):
    with Engine(store, n_workers=2) as engine:
        assert engine.wait_ready(PATIENCE)
        yield engine


@pytest.fixture
def lone(store):
    """Return an engine with one worker."""
    with Engine(store, n_workers=1) as engine:
        assert engine.wait_ready(PATIENCE)
        yield engine


@pytest.fixture
def dask_engine(cluster, store):
    with Engine(store, scheduler=cluster.scheduler_address) as engine:
        assert engine.wait_ready(PATIENCE)
        yield engine


def until(condition, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def finished(job):
    assert job.wait(PATIENCE), f"{job} did not finish"
    return job


def started(job):
    """Wait for the job's first words and return the process id in them."""
    assert job.wait_snapshot(PATIENCE), f"{job} did not start"
    assert not job.finished, job.error
    return int(job.snapshot["pid"][0]) if "pid" in job.snapshot else None


def alive(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status != "Z"


def put_teachers(store, spec):
    logits = np.random.default_rng(0).normal(size=(3, 48, 2)).astype(np.float32)
    store.put("teachers", spec.ensemble.digest, {"logits": logits})


def files(store):
    return {
        str(p.relative_to(store.root)): p.read_bytes() for p in store.root.rglob("*") if p.is_file()
    }


def test_a_cancelled_job_makes_room_for_the_next(lone, store):
    spec = student(0, 200)
    job = lone.request("a", engine_jobs.loop, spec)
    started(job)
    after = lone.request("a", engine_jobs.note, student(1))
    assert finished(job).state == "cancelled"
    assert isinstance(job.error, Cancelled)
    assert finished(after).state == "done"
    assert not store.has("loop", spec.digest)


def test_work_ahead_goes_on_when_visitors_were_quiet(lone, monkeypatch):
    monkeypatch.setattr("distill_core.engine.turns._PATIENCE", (0.0, 0.2, 0.2))
    ahead = lone.request(None, engine_jobs.loop, student(0, 20))
    started(ahead)
    assert finished(lone.request("a", engine_jobs.note, student(1))).state == "done"
    assert lone.counts()["loop"]["preempted"] == 1
    assert finished(ahead).state == "done"


# What comes back while a job runs, and how fast.


def test_progress_and_snapshots_arrive_while_the_job_runs(engine):
    job = engine.request("a", engine_jobs.loop, student(0, 30))
    progress, squares = [], []
    while not job.wait(0.002):
        progress.append(job.progress)
        if job.snapshot and "square" in job.snapshot:
            squares.append(int(job.snapshot["square"][0]))
    assert progress == sorted(progress)
    assert job.progress == (300, 300)
    assert len(set(progress)) >= 5
    assert int(job.snapshot["square"][0]) == 300**2
    assert len(set(squares)) >= 3


def test_the_first_snapshot_can_be_waited_for():
    job = Job("loop", student(0).digest, "running")
    assert not job.wait_snapshot(0.01)
    job.show(1, 2, None)
    assert not job.wait_snapshot(0.01), "progress is no snapshot"
    threading.Timer(0.05, job.show, [1, 2, {"square": np.array([1])}]).start()
    assert job.wait_snapshot(PATIENCE)
    assert not job.finished
    ended = Job("loop", student(0).digest, "running")
    threading.Timer(0.05, ended.become, ["cancelled"]).start()
    assert ended.wait_snapshot(PATIENCE)
    assert ended.snapshot is None


# Errors.


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (engine_jobs.diverge, TrainingDivergedError, "no longer a finite number"),
        (engine_jobs.misfit, SpecError, "width should be less, got more"),
        (engine_jobs.divide, EngineError, "stopped with ZeroDivisionError: division by zero"),
        (engine_jobs.leave, EngineError, "stopped with SystemExit: 3"),
        (engine_jobs.forget, EngineError, "ended without storing a thing"),
        (engine_jobs.nowhere, EngineError, "stopped with ModuleNotFoundError"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_errors_arrive_as_sentences(lone, function, error, words):
    job = finished(lone.request("a", function, student(0)))
    assert job.state == "failed"
    assert type(job.error) is error
    assert words in str(job.error)
    # For a moment the same question has the same answer, and nothing runs.
    assert lone.request("b", function, student(0)) is job
    assert lone.counts()["thing"]["failed"] == 1
    assert finished(lone.request("a", engine_jobs.note, student(1))).state == "done"


# Deaths.


def test_a_killed_worker_is_replaced_and_its_job_finishes(engine):
    job = engine.request("a", engine_jobs.loop, student(0, 40))
    pid = started(job)
    assert pid in engine.worker_pids()
    os.kill(pid, signal.SIGKILL)
    assert finished(job).state == "done"
    assert engine.counts()["loop"] | {"done": 1, "retried": 1} == engine.counts()["loop"]
    until(lambda: len(engine.worker_pids()) == 2)
    assert pid not in engine.worker_pids()


def test_a_job_that_loses_two_workers_fails(engine):
    job = finished(engine.request("a", engine_jobs.die, student(0)))
    assert job.state == "failed"
    assert type(job.error) is EngineError
    assert "died twice" in str(job.error)
    counts = engine.counts()["thing"]
    assert (counts["retried"], counts["failed"]) == (1, 1)
    assert finished(engine.request("a", engine_jobs.note, student(1))).state == "done"


def test_all_workers_killed_at_once_cost_one_retry(engine):
    job = engine.request("a", engine_jobs.loop, student(0, 40))
    started(job)
    for pid in engine.worker_pids():
        os.kill(pid, signal.SIGKILL)
    assert finished(job).state == "done"
    assert engine.counts()["loop"]["retried"] == 1


def test_a_job_that_was_stopped_is_not_retried_when_its_worker_dies(lone):
    job = lone.request("a", engine_jobs.loop, student(0, 200))
    pid = started(job)
    os.kill(pid, signal.SIGSTOP)
    lone.release("a")
    os.kill(pid, signal.SIGKILL)
    assert finished(job).state == "cancelled"
    assert lone.counts()["loop"]["retried"] == 0


def test_close_ends_jobs_and_processes(store):
    engine = Engine(store, n_workers=2)
    assert engine.wait_ready(PATIENCE)
    pids = engine.worker_pids()
    running = engine.request("a", engine_jobs.loop, student(0, 200))
    other = engine.request("b", engine_jobs.loop, student(1, 200))
    waiting = engine.request("c", engine_jobs.loop, student(2, 200))
    started(running)
    started(other)
    engine.close()
    assert not any(alive(pid) for pid in pids)
    assert engine.worker_pids() == []
    for job in (running, other, waiting):
        assert job.state == "cancelled"
        assert str(job.error) == "The engine was closed."
    with pytest.raises(EngineError, match="closed"):
        engine.request("a", engine_jobs.note, student(0))
    engine.close()


SERVER = """
import time
import types
from pathlib import Path
from distill_core.engine import Engine, template
from distill_core.specs import StudentSpec
from distill_core.store import Store
from tests.engine import engine_jobs

if __name__ == "__main__":
    {begin}
    engine = Engine(Store({root!r}), n_workers=1)
    assert engine.wait_ready(100)
    job = engine.request("a", engine_jobs.linger, StudentSpec())
    assert job.wait_snapshot(100)
    (pid,) = engine.worker_pids()
    # The process that it was forked from ends with it.
    print(pid, Path(f"/proc/{{pid}}/stat").read_text().split()[3], flush=True)
    {end}
"""


def test_no_worker_outlives_its_server(tmp_path):
    """The server ends by itself with a job at work, or is killed."""
    servers = {}
    fork = 'template.fork("tests.engine.engine_jobs")'
    for name, begin, end in (
        ("exit", "", ""),
        ("kill", "", "time.sleep(60)"),
        ("exit, copied", fork, ""),
        ("kill, copied", fork, "time.sleep(60)"),
    ):
        script = tmp_path / f"{name}.py"
        root = str(tmp_path / name)
        script.write_text(SERVER.format(root=root, begin=begin, end=end))
        servers[name] = subprocess.Popen(
            [sys.executable, script],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        for name, server in servers.items():
            pids = [int(pid) for pid in server.stdout.readline().split()]
            assert pids, f"{name}: the server did not get so far"
            if "kill" in name:
                assert all(alive(pid) for pid in pids)
                server.kill()
            assert server.wait(PATIENCE) == (0 if "exit" in name else -signal.SIGKILL)
            until(lambda pids=pids: not any(alive(pid) for pid in pids), 2)
    finally:
        for server in servers.values():
            server.kill()
            server.wait(PATIENCE)
            server.stdout.close()


def read_resident(pid):
    """Return the bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux and its C library")
def test_a_worker_at_rest_gives_memory_back(lone):
    (pid,) = lone.worker_pids()
    finished(lone.request("a", engine_jobs.note, student(0)))
    before = read_resident(pid)
    assert finished(lone.request("a", engine_jobs.litter, student(1))).state == "done"
    assert read_resident(pid) > before + 50e6
    until(lambda: read_resident(pid) < before + 20e6)


def test_many_visitors_with_changing_wishes_all_get_their_last(engine):
    """Ten visitors, ten quick changes each, out of a few shared specs."""
    last = {}

    def visit(name):
        choice = random.Random(name)
        for _ in range(10):
            spec = student(choice.randrange(12), 3)
            last[name] = engine.request(name, engine_jobs.loop, spec)
            time.sleep(choice.random() * 0.02)

    threads = [threading.Thread(target=visit, args=(f"v{i}",)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [finished(job).state for job in last.values()] == ["done"] * 10
    assert engine.counts()["loop"]["done"] <= 12
    until(lambda: engine.jobs() == [])


# Dask.


def test_the_same_bytes_in_process_in_the_pool_and_on_dask(tmp_path, cluster):
    spec = student(7, 3)
    roots = {name: Store(tmp_path / name) for name in ("in process", "pool", "dask")}
    for store in roots.values():
        put_teachers(store, spec)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    engine_jobs.train(spec, roots["in process"], lambda *_: None)
    torch.set_num_threads(n_threads)
    engines = {
        "pool": Engine(roots["pool"], n_workers=1),
        "dask": Engine(roots["dask"], scheduler=cluster.scheduler_address),
    }
    for engine in engines.values():
        with engine:
            job = finished(engine.request("a", engine_jobs.train, spec))
            assert job.state == "done", job.error
    expected = files(roots["in process"])
    assert len(expected) == 4  # two blobs, two indices
    # Servers say to each other in a file what they are at.
    assert files(roots["pool"]) == {**expected, "in-work": b""}
    assert files(roots["dask"]) == {**expected, "in-work": b""}


def test_dask_progress_snapshots_and_cancelling(dask_engine):
    job = dask_engine.request("a", engine_jobs.loop, student(0, 200))
    started(job)
    until(lambda: "square" in job.snapshot)
    assert 25 <= job.progress[0] < 2000
    other = dask_engine.request("b", engine_jobs.loop, student(1, 200))
    started(other)
    # Both workers are taken: only when a job is off its worker can the next one run.
    after = dask_engine.request("a", engine_jobs.note, student(2))
    assert finished(job).state == "cancelled"
    assert finished(after).state == "done", after.error
    dask_engine.release("b")
    assert finished(other).state == "cancelled"


def test_twenty_moves_leave_no_job_behind_on_dask(dask_engine, cluster):
    distributed = pytest.importorskip("distributed")
    for seed in range(20):
        dask_engine.request("hand", engine_jobs.linger, student(seed))
        # From before the job has reached its worker to well after.
        time.sleep(0.003 * (seed % 8))
    last = dask_engine.request("hand", engine_jobs.note, student(0))
    assert finished(last).state == "done", last.error
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        until(lambda: not any(client.run(engine_jobs.n_lingering).values()))


def test_a_killed_dask_worker_costs_one_retry_and_two_the_job(dask_engine):
    job = dask_engine.request("a", engine_jobs.loop, student(0, 40))
    pid = started(job)
    assert pid in dask_engine.worker_pids()
    os.kill(pid, signal.SIGKILL)
    assert finished(job).state == "done", job.error
    assert dask_engine.counts()["loop"]["retried"] == 1
    doomed = finished(dask_engine.request("a", engine_jobs.die, student(0)))
    assert doomed.state == "failed"
    assert type(doomed.error) is EngineError
    assert "died" in str(doomed.error)
    after = finished(dask_engine.request("a", engine_jobs.note, student(3)))
    assert after.state == "done", after.error


@pytest.mark.parametrize("function", [engine_jobs.diverge, engine_jobs.divide])
def test_dask_errors_are_the_local_ones(dask_engine, lone, function):
    errors = [
        finished(engine.request("a", function, student(0))).error for engine in (dask_engine, lone)
    ]
    assert type(errors[0]) is type(errors[1])
    assert str(errors[0]) == str(errors[1])


def test_a_scheduler_that_is_not_there_is_said(store, monkeypatch):
    monkeypatch.setattr(cluster_module, "_CONNECT_SECONDS", 0.5)
    monkeypatch.setenv("DISTILL_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.raises(EngineError, match=r"tcp://127\.0\.0\.1:9 cannot be reached"):
        Engine(store)


def test_a_worker_never_runs_the_servers_main_module(tmp_path):
    """Streamlit puts the running page in the place of `__main__`; a new worker must not run it."""
    page = tmp_path / "page.py"
    witness = tmp_path / "witness"
    page.write_text(f"open({str(witness)!r}, 'w').close()\n")
    stand_in = types.ModuleType("__main__")
    stand_in.__file__ = str(page)
    before, sys.modules["__main__"] = sys.modules["__main__"], stand_in
    try:
        with Engine(Store(tmp_path / "store"), n_workers=1) as engine:
            assert engine.wait_ready(60)
            assert sys.modules["__main__"] is stand_in
    finally:
        sys.modules["__main__"] = before
    assert not witness.exists()
