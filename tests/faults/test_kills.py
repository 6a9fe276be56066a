"""Workers that die, disks that are full, bytes that change: no wrong answer comes of it."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from distill_core import jobs
from distill_core.engine import Engine
from distill_core.specs import DatasetSpec, EnsembleSpec, PictureSpec, ProblemSpec, StudentSpec
from distill_core.store import Store, StoreError
from tests.engine import engine_jobs

ENSEMBLE = EnsembleSpec(
    problem=ProblemSpec(dataset=DatasetSpec(name="moons")), n_members=2, hidden=(16,)
)


def picture_of(i):
    return PictureSpec(student=StudentSpec(ensemble=ENSEMBLE, width=4, seed=i))


def read_all(store, kind):
    return {
        path.stem: store.get(kind, path.stem)
        for path in sorted(store.root.glob(f"{kind}/*/*.json"))
    }


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    jobs.train_ensemble(ENSEMBLE, store)
    with jobs.start_engine(store, n_workers=2) as engine:
        engine.wait_ready(120)
        yield engine, store


def test_killed_workers_give_no_wrong_picture_and_nobody_waits_long(engine, many, tmp_path):
    """Each worker that is killed is at a picture of its own; all get theirs, and the right one."""
    engine, store = engine
    n_kills, waits, rng = many(100, 6), [], random.Random(0)
    for i in range(n_kills):
        began = time.monotonic()
        job = engine.request(f"visitor {i % 5}", jobs.evaluate_picture, picture_of(i))
        time.sleep(rng.uniform(0, 0.3))
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(rng.choice(engine.worker_pids()), signal.SIGKILL)
        assert job.wait(60)
        assert job.state == "done", job.error
        waits.append(time.monotonic() - began)
    # Of few, on a machine that runs all tests at once, the time says nothing.
    assert max(waits) < many(5, 60)
    other = Store(tmp_path / "undisturbed")
    for i in random.Random(1).sample(range(n_kills), many(20, 2)):
        jobs.evaluate_picture(picture_of(i), other)
        ours, theirs = (s.get("picture", picture_of(i).digest) for s in (store, other))
        assert ours.meta == theirs.meta
        for name, array in theirs.arrays.items():
            np.testing.assert_array_equal(ours.arrays[name], array)
    assert not list(store.root.glob("set-aside/*"))
    assert None not in read_all(store, "picture").values()


def test_a_job_that_hangs_loses_its_worker_and_the_next_visitor_is_served(store, monkeypatch):
    monkeypatch.setattr("distill_core.engine.scheduler.LAST_WORDS", 0.5)
    spec = StudentSpec()
    with Engine(store, n_workers=1, time_limit=1.0) as engine:
        engine.wait_ready(60)
        hung = engine.request("anna", engine_jobs.hang, spec)
        assert hung.wait(30)
        assert hung.state == "failed"
        assert "longer than the 1 seconds" in str(hung.error)
        after = engine.request("ben", engine_jobs.loop, spec.replace(width=8))
        assert after.wait(30)
        assert after.state == "done"


def test_every_byte_that_changes_is_noticed(store, many, monkeypatch, caplog):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    arrays = {"x": np.arange(12, dtype=np.float32), "y": np.ones(3, bool)}
    store.put("student", "0" * 32, arrays, {"epochs": 3})
    paths = [*store.root.glob("student/*/*"), *store.root.glob("blobs/*/*")]
    n_tried = 0
    for path in paths:
        good = path.read_bytes()
        for position in range(0, len(good), many(1, 7)):
            for change in (1, 0x80, 0xFF):
                spoilt = bytearray(good)
                spoilt[position] ^= change
                path.write_bytes(bytes(spoilt))
                assert store.get("student", "0" * 32) is None, (path.name, position, change)
                for aside in store.root.glob("set-aside/*"):
                    aside.unlink()
                store.put("student", "0" * 32, arrays, {"epochs": 3})
                n_tried += 1
    assert n_tried >= many(1200, 150)


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a file system of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_a_sentence_and_recovers_by_itself(small_disk):
    store = Store(small_disk / "store")
    store.put("student", "0" * 32, {"x": np.arange(1000.0)})
    (small_disk / "filler").write_bytes(b"x" * 900_000)
    for _ in range(20):
        with pytest.raises(StoreError, match="No space left on device") as told:
            store.put("student", "1" * 32, {"x": np.arange(50_000.0)})
    assert str(small_disk) not in str(told.value)
    assert store.get("student", "0" * 32).arrays["x"].sum() == np.arange(1000.0).sum()
    assert not store.has("student", "1" * 32)
    assert not list(store.root.rglob("*.tmp"))
    (small_disk / "filler").unlink()
    store.put("student", "1" * 32, {"x": np.arange(50_000.0)})
    assert store.get("student", "1" * 32).arrays["x"].size == 50_000
