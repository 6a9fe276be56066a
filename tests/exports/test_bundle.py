"""The bundle: what is in it, the same bytes every time, and that it trains again to the same."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from distill_core import uploads
from distill_core.data import csv_files, datasets
from distill_core.data.tables import prepare
from distill_core.exports import report, reproduction
from distill_core.exports.bundle import make_bundle
from distill_core.exports.digests import hash_arrays
from distill_core.exports.page import write_html
from distill_core.exports.report import report_picture
from distill_core.exports.study_report import report_study
from distill_core.specs import PictureSpec, PlaneSpec
from distill_core.store import Store
from distill_core.studies import CapacitySpec, SoftnessSpec, VarianceSpec, runner
from tests import tiny
from tests.conftest import PROJECT


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


def bundle(dataset, store):
    ensemble = tiny.teachers(dataset, None)
    picture = PictureSpec(student=tiny.student(ensemble), plane=PlaneSpec())
    return picture, make_bundle(picture, store, report_picture(picture, store))


def unpack(content, folder):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    return folder


def read(content, name):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name).decode()


def test_bundle_holds_what_it_says_and_is_the_same_but_for_times(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "_compare_times", lambda *_: (2.0, 3.0))
    picture, content = bundle("wine", kept)
    assert content == bundle("wine", Store(tmp_path))[1]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    listed = [line.split(" ")[0] for line in read(content, "README.txt").splitlines()]
    for name in listed:
        assert name in names or any(other.startswith(name) for other in names)
    assert PictureSpec(**json.loads(read(content, "setting.json"))) == picture
    rows = list(csv.DictReader(io.StringIO(read(content, "tables/answers.csv"))))
    data = datasets.load(picture.dataset)
    assert [row["class"] for row in rows] == [data.class_names[y] for y in data.y_test]
    seeds = list(csv.DictReader(io.StringIO(read(content, "tables/seeds.csv"))))
    assert len(seeds) == 16
    first = sum(row["student"] == row["class"] for row in rows)
    assert int(seeds[0]["right"]) == first
    figure = json.loads(read(content, "figures/picture.json"))
    assert {"data", "layout"} <= set(figure)
    assert read(content, "figures/picture.svg").startswith("<svg xmlns=")


def test_the_script_gives_the_same_digests_in_another_process(kept, tmp_path):
    _, content = bundle("wine", kept)
    done = subprocess.run(
        [sys.executable, "reproduce.py"],
        cwd=unpack(content, tmp_path),
        env={**os.environ, "PYTHONPATH": str(PROJECT), "DISTILL_STORE": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": the same, ") == 2


def test_another_setting_has_other_digests(kept, tmp_path, capsys):
    _, content = bundle("wine", kept)
    path = unpack(content, tmp_path) / "setting.json"
    found = json.loads(path.read_text())
    found["student"]["seed"] = 1
    path.write_text(json.dumps(found))
    assert reproduction.main(tmp_path, []) == 1
    said = capsys.readouterr().out
    assert "student and twin: NOT the same" in said
    assert "teachers: the same" in said


def test_a_bundle_of_own_data_asks_for_the_file(kept, tmp_path):
    sheet = csv_files.read_file(uploads.SAMPLE)
    names = [column.name for column in sheet.columns if column.name != "kind"]
    dataset = uploads.keep(kept, prepare(sheet, "kind", names), owner="somebody's secret")
    _, content = bundle(dataset, kept)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert not any(dataset.table.encode() in archive.read(name) for name in archive.namelist())
    unpack(content, tmp_path)
    with pytest.raises(SystemExit, match="give --csv FILE --label COLUMN"):
        reproduction.main(tmp_path, [])
    more = ["--csv", str(uploads.SAMPLE), "--label", "kind", "--features", *names]
    assert reproduction.main(tmp_path, more) == 0
    # Another choice of columns is other data.
    assert reproduction.main(tmp_path, more[:-1]) == 1


def test_digest_of_arrays_sees_names_types_shapes_and_values():
    a = {"w": np.arange(6.0).reshape(2, 3)}
    changed = [
        {"v": a["w"]},
        {"w": a["w"].astype(np.float32)},
        {"w": a["w"].reshape(3, 2)},
        {"w": a["w"] + 1e-15},
        {**a, "x": np.zeros(1)},
    ]
    digests = {hash_arrays(one) for one in [a, *changed]}
    assert len(digests) == 1 + len(changed)
    assert hash_arrays({"w": np.asfortranarray(a["w"])}) == hash_arrays(a)
    assert hash_arrays({"w": a["w"].astype(">f8")}) == hash_arrays(a)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda e: CapacitySpec(ensemble=e, widths=(2, 8), n_seeds=3), "width of the student"),
        (lambda e: SoftnessSpec(ensemble=e, widths=(4,), n_seeds=2), "T, at width 4"),
        (
            lambda e: VarianceSpec(student=tiny.student(e), n_repeats=3, n_resamples=2),
            "Predictions that flip",
        ),
    ],
    ids=["capacity", "softness", "variance"],
)
def test_every_study_has_a_report_and_none_before_it_is_done(make, words, kept):
    spec = make(tiny.teachers("wine"))
    with pytest.raises(ValueError, match="there is no answer"):
        report_study(runner.look(spec, kept))
    study = runner.run(spec, kept)
    said = report_study(study, link="http://localhost/capacity")
    assert said.found == study.verdict.said
    page = write_html(said)
    assert words in page
    assert "Found" in page
    assert "View: slice" in page
