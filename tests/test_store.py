import errno
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from distill_core.specs import StudentSpec
from distill_core.store import Store, StoreError
from tests.conftest import PROJECT

DIGEST = "0123456789abcdef" * 2
DTYPES = ["float64", "float32", "int64", "uint8", "bool"]


def some_arrays():
    rng = np.random.default_rng(0)
    return {
        "weight0": rng.normal(size=(2, 3, 5)).astype(np.float32),
        "labels": rng.integers(9, size=7),
    }


def files(store, pattern="*/*/*"):
    return sorted(path for path in store.root.glob(pattern) if path.is_file())


def index_and_blob(store):
    (index,) = files(store, "student/*/*.json")
    (blob,) = files(store, "blobs/*/*.safetensors")
    return index, blob


def assert_same(arrays, expected):
    assert arrays.keys() == expected.keys()
    for name, array in arrays.items():
        assert (array.dtype, array.shape) == (expected[name].dtype, expected[name].shape)
        np.testing.assert_array_equal(array, expected[name])


def child(code, *arguments, **environment):
    """Start a Python process that has imported the store and waits for nothing."""
    head = "import sys, time\nimport numpy as np\nfrom distill_core.store import Store\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + code, *map(str, arguments)],
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


# What comes back


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    arrays=st.dictionaries(
        st.text(max_size=12).filter(lambda name: name != "__metadata__"),
        hnp.arrays(
            st.sampled_from(DTYPES),
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        ),
        max_size=4,
    ),
    meta=st.dictionaries(st.text(), JSON_VALUES, max_size=4),
)
def test_what_is_put_comes_back(arrays, meta):
    with tempfile.TemporaryDirectory() as folder:
        Store(folder).put("study", DIGEST, arrays, meta)
        artifact = Store(folder).get("study", DIGEST)
    assert_same(artifact.arrays, arrays)
    assert artifact.meta == meta


def test_never_stored_is_none(store):
    assert store.get("student", DIGEST) is None
    assert not store.has("student", DIGEST)
    assert not store.root.exists()


def test_any_memory_order_comes_back_as_values(store):
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    arrays = {
        "columns": a[:, ::2],
        "transposed": a.T,
        "backwards": a[::-1],
        "broadcast": np.broadcast_to(a[0], (3, 6)),
        "big endian": a.astype(">f4"),
        "scalar": np.float64(3.5),
        "0-d": np.array(True),
    }
    store.put("section", DIGEST, arrays)
    back = store.get("section", DIGEST).arrays
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].shape == np.shape(array)


def test_non_finite_floats_come_back_bit_by_bit(store):
    lines = np.array([[np.nan, -0.0], [np.inf, -np.inf]], dtype=np.float32)
    store.put("section", DIGEST, {"lines": lines})
    assert store.get("section", DIGEST).arrays["lines"].tobytes() == lines.tobytes()


def test_arrays_are_writable_copies(store):
    store.put("student", DIGEST, some_arrays())
    first = store.get("student", DIGEST).arrays
    first["weight0"][:] = -1
    assert_same(store.get("student", DIGEST).arrays, some_arrays())


def test_a_second_put_replaces_the_first(store):
    store.put("student", DIGEST, {"a": np.zeros(3)}, {"turn": 1})
    store.put("student", DIGEST, {"a": np.ones(3)}, {"turn": 2})
    artifact = store.get("student", DIGEST)
    assert artifact.meta == {"turn": 2}
    assert artifact.arrays["a"].tolist() == [1, 1, 1]


def test_kinds_do_not_mix(store):
    store.put("student", DIGEST, {"a": np.zeros(1)})
    assert store.has("student", DIGEST)
    assert not store.has("ensemble", DIGEST)
    assert store.get("ensemble", DIGEST) is None


def test_equal_arrays_share_one_blob_and_the_same_again_writes_nothing(store, monkeypatch):
    store.put("student", DIGEST, some_arrays())
    store.put("ensemble", DIGEST, some_arrays())
    assert len(files(store, "blobs/*/*")) == 1
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("a put of the same content wrote"))
    store.put("student", DIGEST, some_arrays())


def test_the_index_is_canonical_json_of_the_documented_form(store):
    store.put("student", DIGEST, some_arrays(), {"b": [1, 0.5], "a": "Ä"})
    index, blob = index_and_blob(store)
    assert index == store.root / "student" / "01" / f"{DIGEST}.json"
    assert blob.parent.name == blob.stem[:2]
    value = json.loads(index.read_bytes())
    assert value["content"] == {
        "format": 1,
        "kind": "student",
        "digest": DIGEST,
        "blob": blob.stem,
        "meta": {"b": [1, 0.5], "a": "Ä"},
    }
    assert index.read_bytes() == json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_a_spec_digest_is_a_name(store):
    digest = StudentSpec().digest
    store.put("student", digest, some_arrays())
    assert store.has("student", digest)


def test_root_is_the_argument_then_the_environment_then_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_STORE", str(tmp_path / "env"))
    assert Store(tmp_path / "given").root == tmp_path / "given"
    assert Store().root == tmp_path / "env"
    monkeypatch.setenv("DISTILL_STORE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Store().root.name == "distillation-playground"
    monkeypatch.chdir(tmp_path)
    assert Store("here").root == tmp_path / "here"


# Damage


def spoil(store, path, data, caplog):
    """Put other bytes in a file's place; the store must notice, say so and set aside."""
    good = path.read_bytes()
    n_aside = len(files(store, "set-aside/*"))
    path.write_bytes(data)
    caplog.clear()
    assert store.get("student", DIGEST) is None
    assert not store.has("student", DIGEST)
    assert not path.exists()
    assert len(files(store, "set-aside/*")) > n_aside
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"Stored student {DIGEST} is damaged and set aside: ")
    store.put("student", DIGEST, some_arrays(), {"epochs": 12})
    assert path.read_bytes() == good
    assert_same(store.get("student", DIGEST).arrays, some_arrays())


@pytest.mark.parametrize("which", [0, 1], ids=["index", "blob"])
def test_a_flipped_bit_anywhere_is_noticed(store, caplog, monkeypatch, which):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    store.put("student", DIGEST, some_arrays(), {"epochs": 12})
    path = index_and_blob(store)[which]
    good = path.read_bytes()
    rng = np.random.default_rng(which)
    for position in range(0, len(good), 3):
        spoilt = bytearray(good)
        spoilt[position] ^= 1 << int(rng.integers(8))
        spoil(store, path, bytes(spoilt), caplog)


@pytest.mark.parametrize("which", [0, 1], ids=["index", "blob"])
def test_truncation_and_additions_are_noticed(store, caplog, which):
    store.put("student", DIGEST, some_arrays(), {"epochs": 12})
    path = index_and_blob(store)[which]
    good = path.read_bytes()
    for data in (b"", good[:1], good[: len(good) // 2], good[:-1], good + b" ", good + good):
        spoil(store, path, data, caplog)


@pytest.mark.parametrize("data", [b"[]", b"{}", b"null", b"not JSON", b"\xff\xfe", b"[" * 10000])
def test_an_index_that_is_something_else_is_noticed(store, caplog, data):
    store.put("student", DIGEST, some_arrays(), {"epochs": 12})
    spoil(store, index_and_blob(store)[0], data, caplog)


def test_a_missing_blob_is_noticed(store, caplog):
    store.put("student", DIGEST, some_arrays())
    index_and_blob(store)[1].unlink()
    assert store.get("student", DIGEST) is None
    assert "its arrays are missing" in caplog.text
    assert not store.has("student", DIGEST)


def test_another_format_version_is_noticed(store, caplog, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("distill_core.store._FORMAT", 2)
        store.put("student", DIGEST, some_arrays())
    assert store.get("student", DIGEST) is None
    assert "has format 2, not 1" in caplog.text
    assert not store.has("student", DIGEST)


def test_an_index_under_another_name_is_noticed(store, caplog):
    store.put("student", DIGEST, some_arrays())
    index, _ = index_and_blob(store)
    other = "01" + "0" * 30
    index.rename(index.with_name(f"{other}.json"))
    assert store.get("student", other) is None
    assert "belongs to another name" in caplog.text


def test_a_damaged_blob_is_replaced_by_the_next_put(store):
    store.put("student", DIGEST, some_arrays())
    index_and_blob(store)[1].write_bytes(b"spoilt")
    store.put("ensemble", DIGEST, some_arrays())
    assert_same(store.get("ensemble", DIGEST).arrays, some_arrays())
    assert_same(store.get("student", DIGEST).arrays, some_arrays())


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_a_file_that_cannot_be_opened_stays_in_its_place(store, caplog, monkeypatch, suffix):
    store.put("student", DIGEST, some_arrays())
    read_bytes = Path.read_bytes

    def refuse(path):
        if path.suffix == suffix:
            raise OSError(errno.EMFILE, "Too many open files")
        return read_bytes(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert store.get("student", DIGEST) is None
    assert "cannot be read" in caplog.text
    assert "Too many open files" in caplog.text
    assert_same(store.get("student", DIGEST).arrays, some_arrays())


def test_damage_that_cannot_be_moved_is_still_only_a_warning(store, caplog):
    store.put("student", DIGEST, some_arrays())
    index_and_blob(store)[0].write_bytes(b"spoilt")
    (store.root / "set-aside").write_text("a file where the folder should be")
    assert store.get("student", DIGEST) is None
    assert "cannot be set aside" in caplog.text


# Several processes, and processes that die


def test_killed_writers_leave_whole_artifacts_or_none(store, caplog):
    code = """
store = Store(sys.argv[1])
print("ready", flush=True)
for i in range(10**9):
    array = np.full(50_000, i)
    store.put("student", f"{i % 7:032x}", {"a": array}, {"i": i})
"""
    rng = np.random.default_rng(0)
    n_found = n_temporary = 0
    for _ in range(12):
        process = child(code, store.root)
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        n_temporary += len(files(store, "*/??/*.tmp"))
        for i in range(7):
            artifact = store.get("student", f"{i:032x}")
            if artifact is not None:
                n_found += 1
                assert set(artifact.arrays["a"]) == {artifact.meta["i"]}
        for path in files(store, "*/??/*"):
            os.utime(path, (0, 0))
        store.sweep()
        assert files(store, "*/??/*.tmp") == []
    assert n_found > 0
    assert n_temporary > 0, "no kill hit a write: the test shows nothing"
    assert caplog.records == []


def test_two_processes_write_the_same_name_while_a_third_reads(store, caplog, tmp_path):
    enough = tmp_path / "enough"
    code = """
from pathlib import Path
store = Store(sys.argv[1])
print("ready", flush=True)
i = int(sys.argv[2])
while not Path(sys.argv[4]).exists():
    i += 2
    array = np.full(2_000, i % 10)
    store.put("student", sys.argv[3], {"a": array}, {"i": i % 10})
"""
    writers = [child(code, store.root, parity, DIGEST, enough) for parity in (0, 1)]
    for writer in writers:
        writer.stdout.readline()
    seen = Counter()
    # Until both have written amid many reads; a writer that fails ends it too.
    while min(seen[0], seen[1]) < 50 and all(writer.poll() is None for writer in writers):
        artifact = store.get("student", DIGEST)
        if artifact is not None or seen:
            assert set(artifact.arrays["a"]) == {artifact.meta["i"]}
            seen[artifact.meta["i"] % 2] += 1
    enough.touch()
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    assert seen.keys() == {0, 1}
    assert caplog.records == []
    assert files(store, "*/??/*.tmp") == []


def test_two_processes_write_the_same_bytes(tmp_path):
    code = """
arrays = {"b": np.arange(6.0).reshape(2, 3), "a": np.ones(3, bool), "c": np.zeros((0, 2), "f4")}
meta = {"z": 0.1, "a": {"k": [1, 2], "b": None}}
order = int(sys.argv[2])
Store(sys.argv[1]).put(
    "study", "f" * 32, dict(list(arrays.items())[::order]), dict(list(meta.items())[::order])
)
"""
    contents = []
    for order, seed in ((1, "1"), (-1, "2")):
        store = Store(tmp_path / seed)
        process = child(code, store.root, order, PYTHONHASHSEED=seed)
        process.communicate()
        assert process.returncode == 0
        contents.append({p.relative_to(store.root): p.read_bytes() for p in files(store)})
    assert len(contents[0]) == 2
    assert contents[0] == contents[1]


def test_sweep_removes_old_orphans_only(store):
    store.put("student", DIGEST, some_arrays())
    store.put("ensemble", DIGEST, {"a": np.zeros(2)})
    store.put("section", DIGEST, {"a": np.ones(2)})
    store.delete("ensemble", DIGEST)
    store.delete("section", DIGEST)
    old_temp = store.root / "student" / "01" / ".01234567-abc.tmp"
    new_temp = store.root / "blobs" / "ab" / ".abcdefab-abc.tmp"
    new_temp.parent.mkdir(exist_ok=True)
    for temp in (old_temp, new_temp):
        temp.write_bytes(b"half")
    for path in files(store):
        os.utime(path, (0, 0) if path != new_temp else None)
    store.put("section", DIGEST, {"a": np.ones(2)})
    assert store.sweep() == 2  # The old temporary file and the blob of zeros.
    assert new_temp.exists()
    assert not old_temp.exists()
    assert_same(store.get("student", DIGEST).arrays, some_arrays())
    assert store.get("section", DIGEST).arrays["a"].tolist() == [1, 1]
    assert store.sweep() == 0


def test_a_blob_about_to_be_named_again_survives_a_sweep(store):
    store.put("student", DIGEST, some_arrays())
    index, blob = index_and_blob(store)
    os.utime(blob, (0, 0))
    store.put("student", DIGEST, some_arrays())
    index.unlink()  # As if the sweep came between the two writes of a put.
    assert store.sweep() == 0
    assert blob.exists()


def test_sweep_spares_everything_when_an_index_cannot_be_read(store, caplog, monkeypatch):
    store.put("student", DIGEST, some_arrays())
    for path in files(store):
        os.utime(path, (0, 0))

    def refuse(_):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert store.sweep() == 0
    assert "cannot be swept" in caplog.text
    assert_same(store.get("student", DIGEST).arrays, some_arrays())


def test_sweep_of_a_store_that_is_not_there(store):
    assert store.sweep() == 0


def test_delete_forgets_one_name(store):
    store.put("student", DIGEST, some_arrays())
    store.put("ensemble", DIGEST, some_arrays())
    store.delete("student", DIGEST)
    store.delete("student", DIGEST)
    assert not store.has("student", DIGEST)
    assert_same(store.get("ensemble", DIGEST).arrays, some_arrays())


# What is refused


@pytest.mark.parametrize(
    "kind",
    ["", "..", "../x", "a/b", "/tmp", "Student", "a b", "a\n", "a\0", "-a", "a.b", "blobs",
     "set-aside", "é", "a" * 41, None, 3],
)  # fmt: skip
@pytest.mark.parametrize("method", ["put", "get", "has", "delete"])
def test_kinds_that_could_escape_are_refused(store, method, kind):
    arguments = [{}] if method == "put" else []
    with pytest.raises(StoreError, match="A kind is a lower-case word of letters"):
        getattr(store, method)(kind, DIGEST, *arguments)
    assert not store.root.exists()


@pytest.mark.parametrize(
    "digest",
    ["", "..", "../../../../etc/passwd", DIGEST.upper(), DIGEST[:-1], DIGEST + "0", DIGEST + "\n",
     "g" * 32, "/" * 32, "." * 32, "٣" * 32, None, 0],
)  # fmt: skip
@pytest.mark.parametrize("method", ["put", "get", "has", "delete"])
def test_digests_that_could_escape_are_refused(store, method, digest):
    arguments = [{}] if method == "put" else []
    with pytest.raises(StoreError, match="A digest has 32 hexadecimal digits, got "):
        getattr(store, method)("student", digest, *arguments)
    assert not store.root.exists()


@pytest.mark.parametrize(
    "meta",
    [{"a": float("nan")}, {"a": [float("inf")]}, {"a": {1, 2}}, {"a": np.float32(1)},
     {1: 0, "1": 0}, {"a": b"bytes"}, "text"],
)  # fmt: skip
def test_meta_that_is_not_json_is_a_sentence(store, meta):
    with pytest.raises(StoreError, match=r"The meta of student .* must be JSON without NaN"):
        store.put("student", DIGEST, {}, meta)
    assert not store.root.exists()


@pytest.mark.parametrize(
    "array",
    [np.array(["text"]), np.array([None]), np.zeros(2, complex), [1.0, 2.0], None,
     np.zeros(1, "datetime64[s]"), np.zeros(1, [("a", "f4")]), np.zeros(1, np.longdouble)],
)  # fmt: skip
def test_arrays_of_other_types_are_a_sentence(store, array):
    with pytest.raises(StoreError, match="Array 'a' must hold booleans, integers or floats"):
        store.put("student", DIGEST, {"a": array})
    assert not store.root.exists()


@pytest.mark.parametrize("name", ["__metadata__", 3, None])
def test_array_names_that_cannot_be_stored_are_a_sentence(store, name):
    with pytest.raises(StoreError, match="cannot be the name of a stored array"):
        store.put("student", DIGEST, {name: np.zeros(2)})


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    store = Store(tmp_path / "file")
    with pytest.raises(StoreError, match=r"The store cannot be written .*free some") as told:
        store.put("student", DIGEST, some_arrays())
    # Visitors read it, and where the store is is not for them.
    assert str(tmp_path) not in str(told.value)
    assert str(tmp_path) in caplog.text
    assert store.get("student", DIGEST) is None
    assert not store.has("student", DIGEST)
    assert store.sweep() == 0


def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(store, monkeypatch):
    store.put("student", DIGEST, some_arrays())
    before = files(store)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.put("student", DIGEST, {"a": np.zeros(3)})
    assert files(store) == before
    assert_same(store.get("student", DIGEST).arrays, some_arrays())


def test_a_write_that_breaks_off_half_way_leaves_nothing(store):
    code = """
import resource
from distill_core.store import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    Store(sys.argv[1]).put("student", sys.argv[2], {"a": np.zeros(10_000)})
except StoreError as error:
    print(error)
"""
    process = child(code, store.root, DIGEST)
    said, _ = process.communicate()
    assert process.returncode == 0
    assert "The store cannot be written (File too large)" in said
    assert files(store) == []
