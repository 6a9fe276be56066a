"""The lesson's page without a browser: prediction before reveal, progress, wrong links."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from distill_core import jobs, lessons
from distill_core.geometry.problems import load_window
from distill_core.measures.distances import boundary_distance
from pages.frame.controls.settings import SETTINGS
from pages.frame.server import service
from tests.conftest import PROJECT
from tests.frame.test_app import InlineEngine
from tests.lessons.small import small_lesson


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lessons")
    (folder / "small.toml").write_text(small_lesson(), encoding="utf-8")
    (folder / "broken.toml").write_text("[[step]]\nnam = 1\n", encoding="utf-8")
    return folder


@pytest.fixture
def open_lesson(store, monkeypatch, folder):
    engine = InlineEngine(store)
    monkeypatch.setattr(service, "store", lambda: store)
    monkeypatch.setattr(service, "engine", lambda: engine)
    monkeypatch.setenv("DISTILL_LESSONS", str(folder))

    def start(**address):
        app = AppTest.from_file(str(PROJECT / "pages" / "lesson.py"), default_timeout=60)
        app.query_params.update({"lesson": "small", **address})
        app.run()
        assert not app.exception
        return app

    return start


def said(elements):
    return " ".join(element.value for element in elements).replace("\\", "")


def press(app, label):
    app = next(one for one in app.button if one.label == label).click().run()
    assert not app.exception
    return app


def test_nothing_is_revealed_before_a_prediction(open_lesson, store):
    app = open_lesson()
    assert "What happened" not in said(app.subheader)
    assert not app.select_slider
    show = app.button[0]
    assert show.disabled
    app.radio[0].set_value("untold").run()
    app = press(app, "Show what happens")
    assert app.query_params["guesses"] == "untold"
    assert "What happened" in said(app.subheader)
    assert [slider.label for slider in app.select_slider] == [SETTINGS["width"].label]
    assert app.select_slider[0].value == 16
    step = lessons.load("small").step[0]
    verdict = lessons.judge(step, lessons.look(step, store))
    text = lessons.write(step, verdict, "en", lessons.load("small").languages["en"])
    assert text in said(app.markdown)
    app = press(app, "Next step")
    assert app.query_params["step"] == "2"
    assert "What does the temperature do?" in said(app.header)
    assert "What happened" not in said(app.subheader)
    app = press(app, "Back")
    assert "What happened" in said(app.subheader)


def test_a_step_opens_in_its_own_state_whatever_the_address_says(open_lesson):
    app = open_lesson(guesses="above", width="2", data="moons", T="20")
    assert app.select_slider[0].value == 16
    assert not app.warning


def test_a_link_opens_where_it_was_in_german(open_lesson):
    app = open_lesson(lang="de", step="3", guesses="above -")
    assert "Wie viel Gewicht auf das Ensemble?" in said(app.header)
    assert app.select_slider[0].label == "Ihre Vorhersage"
    app.select_slider[0].set_value("0.5").run()
    app = press(app, "Zeigen, was geschieht")
    assert app.query_params["guesses"] == "above - 0.5"
    assert "Ihre Vorhersage: 0,5." in said(app.markdown)


def test_a_line_is_drawn_and_set_beside_the_students_boundary(open_lesson, store):
    app = open_lesson(step="4")
    show = next(one for one in app.button if one.label == "Show what happens")
    assert show.disabled
    assert not app.select_slider
    # Left to right through the middle, and a text that is no line.
    for text, is_disabled in (("0080ff80", False), ("0080", True), ("no line", True)):
        app.session_state["sketch small 4"] = {"line": text}
        app.run()
        assert not app.exception
        assert app.button[0].disabled == is_disabled
    app = open_lesson(step="4", guesses="- - - 0080ff80")
    picture = lessons.load("small").step[3].picture
    assert store.has("picture", picture.digest)
    window = load_window(picture.plane, picture.dataset)
    ours = jobs.read_section(store.get("picture", picture.digest), window)
    line = np.array([[-1, 0], [1, 0]]) * window.half + [window.u, window.v]
    off = boundary_distance(line, ours.lines).mean / (2 * window.half)
    assert f"{100 * off:.1f}% of the picture's side from the student" in said(app.markdown)


def test_a_line_that_is_none_is_said_and_reveals_nothing(open_lesson):
    for guess in ("0000", "x" * 9, "80808080", "0080ff80" * 30):
        app = open_lesson(step="4", guesses=f"- - - {guess}")
        assert "is none of this step's" in said(app.warning)
        assert "What happened" not in said(app.subheader)


@pytest.mark.parametrize("step", ["0", "10", "-1", "x", "1e0", "٣", "99999999999999"])
def test_a_step_that_does_not_exist_is_said(open_lesson, step):
    app = open_lesson(step=step)
    assert "This lesson has the steps 1 to 9" in said(app.warning)
    assert "Labels or probabilities?" in said(app.header)


@pytest.mark.parametrize("guess", ["![x](http://x.invalid)", "found", "0.5", "<b>"])
def test_a_prediction_that_is_none_is_said_and_reveals_nothing(open_lesson, guess):
    app = open_lesson(guesses=guess)
    assert "is none of this step's" in said(app.warning)
    assert "What happened" not in said(app.subheader)
    assert "](http" not in app.warning[0].value


def test_a_lesson_that_is_not_there_or_broken_is_said(open_lesson):
    app = open_lesson(lesson="../secret")
    assert "There is no lesson '../secret'; there are 'broken', 'distillation'" in said(app.error)
    app = open_lesson(lesson="broken")
    assert "broken.toml, line 2: there is no key 'step.0.nam'; allowed" in said(app.error)


def test_a_teacher_may_leave_out_a_language(open_lesson, folder):
    text = small_lesson()
    start, end = text.index("[languages.de]"), text.index("[[step]]")
    one = text[:start] + text[end:].split("[step.text.de]")[0]
    (folder / "english.toml").write_text(one, encoding="utf-8")
    app = open_lesson(lesson="english", lang="de")
    assert "Labels or probabilities?" in said(app.header)
