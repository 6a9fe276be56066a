"""The playground page without a browser: what it says when something cannot be drawn."""

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.engine import Job
from distill_core.learning.training import TrainingDivergedError
from pages.frame.controls.url_state import plain
from pages.frame.server import service
from tests.conftest import PROJECT


class InlineEngine:
    """Runs jobs at once in this process; those of `failing` widths diverge."""

    def __init__(self, store, failing=()):
        self.store = store
        self.failing = failing

    def visited(self):
        pass

    def request(self, visitor, make, spec, *, slot):
        job = Job(make.kind, spec.digest)
        if make.kind == "picture" and spec.student.width in self.failing:
            job.become("failed", TrainingDivergedError("Training diverged by step 3 of 9."))
        else:
            make(spec, self.store, lambda *_: None)
            job.become("done")
        return job


@pytest.fixture
def open_page(store, monkeypatch):
    def start(failing=(), **state):
        engine = InlineEngine(store, failing)
        monkeypatch.setattr(service, "store", lambda: store)
        monkeypatch.setattr(service, "engine", lambda: engine)
        app = AppTest.from_file(str(PROJECT / "pages" / "playground.py"), default_timeout=60)
        for key, value in {"data": "breast cancer", "teachers": 1, **state}.items():
            app.session_state[key] = value
        return app.run()

    return start


def words(app):
    return " ".join(element.value for element in (*app.markdown, *app.error, *app.info))


def test_answer_is_made_from_the_stored_numbers(open_page, store):
    app = open_page()
    assert not app.exception
    (path,) = (store.root / "student").glob("*/*.json")
    student = store.get("student", path.stem).meta["student"]
    assert f"**{student['agreement']:.1%}** of the test data" in words(app)
    assert "Over 8 student seeds" in words(app)


def test_diverged_training_says_so_and_keeps_the_last_good_picture(open_page):
    app = open_page(failing=(4,))
    app.select_slider(key="width").set_value(4).run()
    assert not app.exception
    assert "Training diverged by step 3 of 9." in words(app)
    assert "The last good picture is shown: width 64" in words(app)
    app.select_slider(key="width").set_value(8).run()
    assert not app.error


def test_contradictory_settings_are_said_in_a_sentence(open_page):
    app = open_page(plane="two features", fx=3, fy=3)
    assert not app.exception
    assert [error.value for error in app.error] == [
        plain("A plane needs two different features counted from 0, got (3, 3).")
    ]


def test_feature_that_the_data_does_not_have_is_said_in_a_sentence(open_page):
    app = open_page(data="moons", plane="two features", fx=0, fy=25)
    assert not app.exception
    assert "there is no number 25 here, they are 0 to 19" in app.warning[0].value
    assert not app.error
