"""Tables of visitors, from the file that comes in until nothing is left of it."""

import os
import re
import sys
import time

import numpy as np
import pytest

from distill_core import jobs, uploads
from distill_core.data import csv_files, datasets
from distill_core.data.csv_files import UploadError, read
from distill_core.data.sheets import Options
from distill_core.data.tables import prepare
from distill_core.geometry.planes import choose
from distill_core.geometry.problems import load_problem
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    SpecError,
    StudentSpec,
)
from distill_core.store import Store, StoreError
from tests import tiny
from tests.data.hostile import GOOD, HOSTILE, MAX_BYTES


def answered(content, store):
    """What a visitor is told: a sentence, or a table that was kept."""
    try:
        sheet = read(content, Options(max_bytes=MAX_BYTES))
        prepared = prepare(sheet, sheet.columns[-1].name)
        uploads.keep(store, prepared, owner="visitor")
    except UploadError as error:
        return str(error), None
    return "", prepared


def peak(name):
    return int(re.search(rf"{name}:\s+(\d+)", open("/proc/self/status").read())[1]) * 1024


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_gets_a_sentence_or_a_good_table(name, store):
    make, expected = HOSTILE[name]
    content = make()
    begin = time.process_time()
    sentence, prepared = answered(content, store)
    assert time.process_time() - begin < 2
    if expected is GOOD:
        assert sentence == ""
        table = prepared.table
        assert table.X.dtype == np.float32
        assert np.isfinite(table.X).all()
        assert len(table.class_names) == 2
        assert np.bincount(table.y).min() >= 8
        shown = (*table.feature_names, *table.class_names)
        assert len(set(table.feature_names)) == table.X.shape[1] >= 2
        assert all(0 < len(text) <= 70 and text.isprintable() for text in shown)
        assert all("\n" not in text and len(text) < 1000 for text in prepared.decisions)
    else:
        assert expected in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence
        assert len(sentence) < 400
        assert not list(store.root.glob("table/*/*"))


def test_there_are_more_than_forty_hostile_files():
    assert len(HOSTILE) > 80


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux' /proc")
def test_no_hostile_file_takes_100_megabytes(python, tmp_path):
    """Each in the same fresh process, its peak reset before; the file itself does not count."""
    code = """
import gc, sys
from pathlib import Path
from distill_core.store import Store
from tests.test_uploads import HOSTILE, answered, peak

store = Store(sys.argv[1])
answered(HOSTILE["equal names"][0](), store)
# What the imports left is not to be searched for garbage a hundred times.
gc.freeze()
for name, (make, _) in HOSTILE.items():
    content = make()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = peak("VmRSS")
    answered(content, store)
    print((peak("VmHWM") - before) // 2**20, name)
"""
    grown = [line.split(" ", 1) for line in python(code, tmp_path).splitlines()]
    assert len(grown) == len(HOSTILE)
    assert [pair for pair in grown if int(pair[0]) >= 100] == []


def test_nothing_in_a_file_is_run(tmp_path, store):
    """The words of the corpus are data: no import, no process, no file outside the store."""
    events = []
    watching = [True]

    def hook(event, arguments):
        kind = event.split(".")[0]
        if watching[0] and kind in ("subprocess", "os", "socket", "exec", "compile", "import"):
            events.append((event, str(arguments)[:80]))

    made = [make() for make, _ in HOSTILE.values() if len(make()) < 100_000]
    for content in made:
        answered(content, store)
    sys.addaudithook(hook)
    try:
        for content in made:
            answered(content, store)
    finally:
        watching[0] = False
    # The store's own work on files is all there is.
    files = {"os.listdir", "os.scandir", "os.rename", "os.remove", "os.mkdir", "os.utime"}
    assert [e for e in events if e[0] not in files] == []


# In the store


@pytest.fixture
def birds(store):
    sheet = csv_files.read_file(uploads.SAMPLE)
    return uploads.keep(store, prepare(sheet, "kind"), owner="me")


def test_upload_is_a_dataset_like_any_other(store, birds):
    data = datasets.load(birds)
    assert data.n_classes == 3
    np.testing.assert_allclose(data.X_train.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(data.X_train.std(0), 1, atol=1e-9)
    shares = [np.bincount(y) / len(y) for y in (data.y_train, data.y_test)]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.02)
    assert data.feature_names[0] == "bill length mm"
    for kind in ("class centres", "discriminant", "three samples"):
        choose(PlaneSpec(kind=kind), data)


def test_digest_is_of_content_and_owner(store):
    prepared = prepare(csv_files.read_file(uploads.SAMPLE), "kind")
    one, again = (uploads.keep(store, prepared, owner="a") for _ in range(2))
    other = uploads.keep(store, prepared, owner="b")
    assert one == again
    assert one.table != other.table
    changed = prepare(csv_files.read_file(uploads.SAMPLE), "sex")
    assert uploads.keep(store, changed, owner="a").table != one.table


def test_everything_computed_from_a_table_begins_with_its_name(birds):
    free = ProblemSpec(dataset=birds, plane=None)
    ensemble = EnsembleSpec(problem=free)
    student = StudentSpec(ensemble=ensemble)
    specs = [birds, free, ensemble, student, PictureSpec(student=student), student.twin()]
    assert {spec.digest[:16] for spec in specs} == {birds.table[:16]}
    assert len({spec.digest for spec in specs}) == len(specs)
    assert StudentSpec().digest[:16] != EnsembleSpec().digest[:16]


def picture_of(dataset):
    return PictureSpec(student=tiny.student(tiny.teachers(dataset, hidden=(8, 8))))


def test_a_fresh_process_trains_on_an_upload_with_only_the_store(store, birds, python):
    picture = picture_of(birds)
    code = """
import sys
from distill_core import jobs
from distill_core.specs import PictureSpec
from distill_core.store import Store
jobs.evaluate_picture(PictureSpec.model_validate_json(sys.argv[2]), Store(sys.argv[1]))
"""
    python(code, store.root, picture.model_dump_json())
    assert store.get("picture", picture.digest).arrays["proba"].shape[0] == 2


def test_delete_removes_the_table_and_all_that_was_trained_on_it_and_nothing_else(store, birds):
    other = uploads.keep(store, prepare(csv_files.read_file(uploads.SAMPLE), "kind"), owner="you")
    mine, yours, plain = (picture_of(d) for d in (birds, other, DatasetSpec(name="wine")))
    for picture in (mine, yours, plain):
        jobs.evaluate_picture(picture, store)
        jobs.evaluate_section(picture.section, store)
    # The note that a table was deleted has the same empty blob for all tables.
    store.put("note", "0" * 32, {})
    before = contents(store)
    uploads.delete(store, birds)

    left = contents(store)
    assert left < before
    assert not [name for name in left if birds.table[:16] in name and "deleted" not in name]
    # Not a byte of the table: its blob went at once, although blobs usually wait for a sweep.
    for name in left:
        assert b"bill length" not in (store.root / name).read_bytes() or other.table in name
    gone = [name for name in before - left if name.startswith("blobs")]
    assert gone
    for picture in (yours, plain):
        assert store.get("picture", picture.digest) is not None
        assert store.get("ensemble", picture.student.ensemble.digest) is not None
    assert datasets.load(other).n_classes == 3
    with pytest.raises(UploadError, match="no longer here"):
        datasets.load(birds)
    with pytest.raises(SpecError, match="Upload the file again"):
        load_problem(mine.student.ensemble.problem)
    assert store.get("table", birds.table) is None
    uploads.delete(store, birds)


def contents(store):
    return {
        str(path.relative_to(store.root))
        for path in store.root.rglob("*")
        if path.is_file() and "deleted" not in str(path.relative_to(store.root))
    }


def test_only_uploads_can_be_deleted(store):
    with pytest.raises(UploadError, match="got dataset 'tutorial'"):
        uploads.delete(store, DatasetSpec())


def test_what_a_late_job_puts_after_the_end_is_refused(store, birds):
    picture = picture_of(birds)
    store.put("student", "ab" * 16, {"x": np.ones(3)})
    uploads.delete(store, birds)
    before = sorted(store.root.rglob("*"))
    with pytest.raises(StoreError, match="was deleted; nothing is kept"):
        store.put("picture", picture.digest, {"x": np.arange(5)})
    assert not store.has("picture", picture.digest)
    assert sorted(store.root.rglob("*")) == before


def test_what_is_put_in_the_moment_of_the_deletion_does_not_stay(store, birds, monkeypatch):
    picture = picture_of(birds)
    write = Store._write

    def write_and_delete(self, path, data):
        write(self, path, data)
        if path.suffix == ".json" and path.parent.parent.name == "picture":
            uploads.delete(store, birds)

    monkeypatch.setattr(Store, "_write", write_and_delete)
    with pytest.raises(StoreError, match="was deleted"):
        store.put("picture", picture.digest, {"x": np.arange(5)})
    assert not store.has("picture", picture.digest)
    assert not any(b"picture" in path.read_bytes() for path in store.root.glob("*/*/*.json"))
    assert len(list(store.root.glob("blobs/*/*"))) == 1, "of the note that it was deleted"


def test_the_same_file_may_come_back_after_it_was_deleted(store, birds):
    uploads.delete(store, birds)
    prepared = prepare(csv_files.read_file(uploads.SAMPLE), "kind")
    assert uploads.keep(store, prepared, owner="me") == birds
    uploads.expire(store)
    assert datasets.load(birds).n_classes == 3


def test_tables_of_sessions_long_gone_expire(store, birds):
    young = uploads.keep(store, prepare(csv_files.read_file(uploads.SAMPLE), "kind"), owner="you")
    (index,) = (store.root / "table").glob(f"*/{birds.table}.json")
    day_ago = time.time() - 90_000
    os.utime(index, (day_ago, day_ago))
    assert uploads.expire(store) == 1
    assert not store.has("table", birds.table)
    assert store.has("table", young.table)
    assert uploads.expire(store) == 0


def test_a_damaged_table_is_said_to_be_gone(store, birds):
    for blob in (store.root / "blobs").rglob("*.safetensors"):
        data = bytearray(blob.read_bytes())
        data[-1] ^= 1
        blob.write_bytes(data)
    datasets.forget()
    with pytest.raises(UploadError, match="no longer here"):
        datasets.load(birds)


def test_without_a_store_a_process_says_so(python):
    code = """
from distill_core.data import datasets
from distill_core.specs import DatasetSpec, SpecError
try:
    datasets.load(DatasetSpec(name="upload", table="a" * 32))
except SpecError as error:
    print(error)
"""
    assert "does not know where uploaded tables are" in python(code)
