import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.cached_store import CachedStore
from distill_core.store import Store

NAMES = [f"{i:032x}" for i in range(4)]


def put(store, digest=NAMES[0], value=1.0, size=100):
    store.put("student", digest, {"weight": np.full(size, value)}, {"value": value})


def value_of(artifact):
    return (
        None if artifact is None else (artifact.meta["value"], float(artifact.arrays["weight"][0]))
    )


def test_what_was_read_once_is_not_read_again(tmp_path, monkeypatch):
    store = CachedStore(tmp_path)
    put(store)
    first = store.get("student", NAMES[0])
    monkeypatch.setattr(Store, "get", lambda *_: pytest.fail("read again"))
    assert store.get("student", NAMES[0]) is first


def test_who_come_at_once_have_it_read_once(tmp_path, monkeypatch):
    store, read, n_read = CachedStore(tmp_path), CachedStore._read, []
    put(store)
    second = threading.Barrier(2)

    def read_slowly(self, *name):
        n_read.append(name)
        # Whoever reads waits for somebody else who does.
        with contextlib.suppress(threading.BrokenBarrierError):
            second.wait(0.2)
        return read(self, *name)

    monkeypatch.setattr(CachedStore, "_read", read_slowly)
    with ThreadPoolExecutor(8) as visitors:
        found = list(visitors.map(lambda _: store.get("student", NAMES[0]), range(8)))
    assert len(n_read) == 1
    assert all(one is found[0] for one in found)


def test_nobody_can_write_into_what_others_read(tmp_path):
    store = CachedStore(tmp_path)
    put(store)
    with pytest.raises(ValueError, match="read-only"):
        store.get("student", NAMES[0]).arrays["weight"][0] = 2.0


@pytest.mark.parametrize("other", [Store, CachedStore])
def test_what_another_process_puts_or_deletes_is_noticed(tmp_path, other):
    store = CachedStore(tmp_path)
    put(store)
    store.get("student", NAMES[0])
    put(other(tmp_path), value=2.0)
    assert value_of(store.get("student", NAMES[0])) == (2.0, 2.0)
    other(tmp_path).delete("student", NAMES[0])
    assert store.get("student", NAMES[0]) is None
    assert (len(store._kept), store._size) == (0, 0)


def test_what_is_deleted_here_does_not_stay_in_memory(tmp_path):
    store = CachedStore(tmp_path)
    put(store)
    store.get("student", NAMES[0])
    store.delete("student", NAMES[0])
    assert (len(store._kept), store._size) == (0, 0)


@pytest.mark.parametrize("pattern", ["student/*/*.json", "blobs/*/*"])
def test_damage_of_what_is_in_memory_is_noticed_at_the_next_read(tmp_path, pattern):
    store = CachedStore(tmp_path)
    put(store)
    store.get("student", NAMES[0])
    (path,) = tmp_path.glob(pattern)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert store.get("student", NAMES[0]) is None
    assert any((tmp_path / "set-aside").iterdir())
    put(store)
    assert value_of(store.get("student", NAMES[0])) == (1.0, 1.0)


def test_a_read_is_noted_though_it_comes_from_memory(tmp_path):
    store = CachedStore(tmp_path)
    put(store)
    store.get("student", NAMES[0])
    (index,) = tmp_path.glob("student/*/*.json")
    written = index.stat().st_mtime_ns
    os.utime(index, ns=(0, written))
    store.get("student", NAMES[0])
    # The size limit of a store removes first what was read longest ago.
    assert index.stat().st_atime > 1e9
    assert index.stat().st_mtime_ns == written


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "get", "delete", "deleted elsewhere"]),
                  st.sampled_from(NAMES), st.integers(1, 300)),
        max_size=30,
    )
)  # fmt: skip
def test_it_answers_as_a_store_does_and_keeps_its_limit(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("store")
    cached, plain = CachedStore(folder, limit=4_000), Store(folder)
    for step, digest, number in steps:
        if step == "put":
            put(plain, digest, float(number), size=number)
        elif step == "delete":
            cached.delete("student", digest)
        elif step == "deleted elsewhere":
            plain.delete("student", digest)
        got, wanted = (value_of(store.get("student", digest)) for store in (cached, plain))
        assert got == wanted
        assert cached._size == sum(kept.n_bytes for kept in cached._kept.values()) <= 4_000
