import functools

import numpy as np
import pytest

from distill_core import jobs
from distill_core.__main__ import main
from distill_core.jobs import lessons
from distill_core.learning import training
from distill_core.specs import ALPHAS, TEMPERATURES, WIDTHS, PictureSpec, SpecError, StudentSpec
from distill_core.store import Store
from tests import tiny

ENSEMBLE = tiny.teachers("wine", hidden=(8,), schedule=tiny.schedule(1))
PICTURE = PictureSpec(student=tiny.student(ENSEMBLE, width=6))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    jobs.train_sweep(PICTURE, store)
    return store


def test_a_sweep_puts_every_stop_of_temperature_and_alpha(swept):
    stops = jobs.list_stops(PICTURE)
    assert len({stop.digest for stop in stops}) == len(TEMPERATURES) * len(ALPHAS)
    for stop in stops:
        assert swept.has("student", stop.student.digest)
        assert swept.has("picture", stop.digest)
    assert swept.has("sweep", PICTURE.digest)


def test_a_sweep_puts_what_single_jobs_would_byte_for_byte(swept, store):
    for stop in jobs.list_stops(PICTURE)[::13]:
        jobs.evaluate_picture(stop, store)
        for kind, digest in (("student", stop.student.digest), ("picture", stop.digest)):
            alone, together = (place.get(kind, digest) for place in (store, swept))
            assert alone.meta == together.meta
            assert alone.arrays.keys() == together.arrays.keys()
            for name, array in alone.arrays.items():
                np.testing.assert_array_equal(array, together.arrays[name], err_msg=name)


def test_what_is_there_is_not_trained_again(swept, monkeypatch):
    monkeypatch.setattr(training, "fit_students", None)
    jobs.train_sweep(PICTURE, swept)


def test_sweeps_begin_near_the_pictures_own_width():
    widths = [one.student.width for one in lessons.sweeps(PictureSpec())]
    assert sorted(widths) == list(WIDTHS)
    assert widths[0] == 64
    assert set(widths[1:3]) == {48, 96}
    between = PictureSpec(student=StudentSpec(width=50))
    assert {one.student.width for one in lessons.sweeps(between)[:2]} == {48, 64}


def test_an_unknown_lesson_gets_a_sentence():
    with pytest.raises(SpecError, match="should be one of 'first look'"):
        lessons.lesson("last look")


def test_the_command_fills_the_store(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DISTILL_STORE", str(tmp_path))
    monkeypatch.setattr(lessons, "LESSONS", {"small": PICTURE})
    monkeypatch.setattr(lessons, "sweeps", lambda picture: [picture])
    one_worker = functools.partial(jobs.start_engine, n_workers=1)
    monkeypatch.setattr(jobs, "start_engine", one_worker)
    assert main(["warm", "--lesson", "small"]) == 0
    assert "lesson 'small'" in capsys.readouterr().out
    store = Store(tmp_path)
    assert all(store.has("picture", stop.digest) for stop in jobs.list_stops(PICTURE))
    assert store.has("section", PICTURE.section.digest)


def test_the_command_refuses_an_unknown_lesson(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["warm", "--lesson", "nothing"])
    assert exit.value.code == 2
    assert "should be one of" in capsys.readouterr().err
