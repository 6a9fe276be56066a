"""The store's size limit, and what else may lie in its folder."""

import os
import time

import numpy as np
import pytest

from distill_core import eviction, uploads
from distill_core.data import csv_files
from distill_core.data.tables import prepare
from distill_core.jobs import lessons
from distill_core.specs import PictureSpec
from distill_core.store import StoreError


def name(i):
    return f"{i:032x}"


@pytest.fixture
def full(store):
    """Return a store with ten artifacts of 8 KB, number 0 used longest ago."""
    for i in range(10):
        store.put("student", name(i), {"x": np.full(1000, float(i))})
    for path in store.root.glob("*/*/*"):
        os.utime(path, (0, 0))
    for i in range(10):
        (index,) = store.root.glob(f"student/*/{name(i)}.json")
        os.utime(index, (1000 + i, 1000))
    return store


def left(store):
    return [i for i in range(10) if store.has("student", name(i))]


def test_what_was_used_least_recently_goes_first(full):
    size = eviction.measure(full)
    assert eviction.evict(full, size) == 0
    n_deleted = eviction.evict(full, 0.55 * size)
    assert n_deleted == 6
    assert left(full) == [6, 7, 8, 9]
    assert eviction.measure(full) < 0.55 * size
    for i in left(full):
        assert full.get("student", name(i)).arrays["x"][0] == i
    assert len(list(full.root.glob("blobs/*/*"))) == 4


def test_what_was_just_read_stays_and_its_put_keeps_its_time(full):
    (index,) = full.root.glob(f"student/*/{name(0)}.json")
    full.get("student", name(0))
    assert index.stat().st_mtime == 1000
    assert index.stat().st_atime > time.time() - 60
    eviction.evict(full, 1)
    assert left(full) == [0]


def test_a_lesson_and_uploads_stay(full):
    prepared = prepare(csv_files.read_file(uploads.SAMPLE), "kind")
    table = uploads.keep(full, prepared, owner="they").table
    for path in full.root.glob("*/*/*"):
        os.utime(path, (0, 0))
    eviction.evict(full, 1, keep={name(3)})
    assert left(full) == [3]
    assert full.get("table", table) is not None


def test_arrays_that_another_name_shares_stay(full):
    full.put("ensemble", name(99), {"x": np.full(1000, 2.0)})
    eviction.evict(full, 1)
    assert left(full) == []
    assert full.get("ensemble", name(99)).arrays["x"][0] == 2


def test_a_lesson_names_all_that_its_stops_need():
    digests = set(lessons.list_digests(PictureSpec()))
    assert len(digests) > 2 * lessons.N_STOPS
    assert {PictureSpec().digest, PictureSpec().student.digest} <= digests
    assert PictureSpec().student.ensemble.digest in digests


@pytest.mark.parametrize(
    ("text", "limit"),
    [("", None), ("500 MB", 5e8), ("2GB", 2e9), ("1.5 GiB", 1.5e9), ("1000", 1000), ("3 k", 3000)],
)
def test_the_limit_is_read_in_words(monkeypatch, text, limit):
    monkeypatch.setenv("DISTILL_STORE_LIMIT", text)
    assert eviction.read_limit() == limit


@pytest.mark.parametrize("text", ["much", "-1 GB", "2 GB or so", "1e9"])
def test_a_limit_that_is_no_size_is_said_in_a_sentence(monkeypatch, text):
    monkeypatch.setenv("DISTILL_STORE_LIMIT", text)
    with pytest.raises(StoreError, match="should be a size such as 500 MB"):
        eviction.read_limit()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_in_the_store_keeps_nobody_waiting(store, python):
    """In a process of its own: a reader that waits for a pipe cannot be interrupted."""
    store.put("student", name(1), {"x": np.zeros(3)})
    (index,) = store.root.glob("student/*/*.json")
    (blob,) = store.root.glob("blobs/*/*")
    for path in (index.with_name(f"{name(2)}.json"), blob.with_name(f"{'0' * 64}.safetensors")):
        os.mkfifo(path)
    (store.root / "table" / "00").mkdir(parents=True)
    os.mkfifo(store.root / "table" / "00" / f"{name(2)}.json")
    code = """
import sys
from distill_core import eviction, uploads
from distill_core.store import Store
store = Store(sys.argv[1])
print(store.get("student", f"{2:032x}"), store.sweep(), uploads.expire(store, -1), sep=",")
uploads.delete_abandoned(store)
eviction.evict(store, 1)
"""
    assert python(code, store.root) == "None,0,1"
