"""What pages hand over: students as files, reports, bundles; and what they say of them."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from distill_core import jobs, studies
from distill_core.engine import Job
from distill_core.learning.training import TrainingDivergedError
from distill_core.specs import DatasetSpec, EnsembleSpec, ProblemSpec
from distill_core.studies import CapacitySpec
from pages.frame.server import service
from tests.conftest import PROJECT
from tests.frame.test_app import InlineEngine


@pytest.fixture
def open_page(store, monkeypatch):
    def start(page="playground", engine=None, **state):
        engine = engine or InlineEngine(store)
        monkeypatch.setattr(service, "store", lambda: store)
        monkeypatch.setattr(service, "engine", lambda: engine)
        app = AppTest.from_file(str(PROJECT / "pages" / f"{page}.py"), default_timeout=60)
        usual = {"data": "breast cancer", "teachers": 1, "take away": True}
        for key, value in {**usual, **state}.items():
            app.session_state[key] = value
        return app.run()

    return start


def downloads(app):
    return [button.proto.label for button in app.get("download_button")]


def choose(app, name):
    (control,) = (c for c in app.segmented_control if str(c.key).startswith("format "))
    return control.set_value(name).run()


def press(app, label):
    return next(button for button in app.button if button.label == label).click().run()


def test_what_is_folded_away_is_not_drawn_and_a_report_is_kept(open_page):
    app = open_page(**{"take away": False})
    assert "Report" not in [button.label for button in app.button]
    app.session_state["take away"] = True
    press(app.run(), "Report")
    made = downloads(app)
    assert made
    for is_open, seen in ((False, []), (True, made)):
        app.session_state["take away"] = is_open
        assert downloads(app.run()) == seen


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("ONNX", ["student.onnx"]),
        ("Python", ["student.py"]),
        ("safetensors", ["student.safetensors", "student.json"]),
    ],
)
def test_a_student_is_made_when_asked_for_and_its_check_is_said(name, files, open_page):
    app = open_page()
    assert downloads(app) == []
    app = choose(app, name)
    assert not app.exception
    assert downloads(app) == [f"Download {file}" for file in files]
    captions = " ".join(caption.value for caption in app.caption)
    (difference,) = re.findall(
        r"differ from the student's own by at most (\S+?)\\?\. ", captions + " "
    )
    assert float(difference.replace("\\", "")) < 1e-5
    assert ("Opset 17" in captions) == (name == "ONNX")
    # Another student is not made unasked.
    app.select_slider(key="width").set_value(8).run()
    assert downloads(app) == []


def test_a_server_without_onnx_names_it(open_page, monkeypatch):
    app = open_page()
    monkeypatch.setattr("pages.frame.takeaway.models.find_spec", lambda name: None)
    app = choose(app, "ONNX")
    assert downloads(app) == []
    assert "lacks the package onnx" in app.info[-1].value


def test_a_report_is_trained_for_when_asked_for(open_page, store):
    app = open_page()
    assert not any((store.root / "answers").glob("*/*.json"))
    app = press(app, "Report")
    assert not app.exception
    assert len(list((store.root / "answers").glob("*/*.json"))) == 1
    assert downloads(app) == ["Download the report", "Everything (zip)"]
    app.select_slider(key="width").set_value(8).run()
    assert downloads(app) == []
    assert "Report" in [button.label for button in app.button]


def test_a_report_that_cannot_be_computed_says_so(open_page, store):
    class Failing(InlineEngine):
        def request(self, visitor, make, spec, *, slot):
            if make is not jobs.collect_answers:
                return super().request(visitor, make, spec, slot=slot)
            job = Job(make.kind, spec.digest)
            job.become("failed", TrainingDivergedError("Training diverged by step 3 of 9."))
            return job

    app = press(open_page(engine=Failing(store)), "Report")
    assert not app.exception
    assert "Training diverged by step 3 of 9" in app.error[-1].value.replace("\\", "")
    assert downloads(app) == []


class Slow(InlineEngine):
    """Never comes to an end with the repeated trainings."""

    def __init__(self, store):
        super().__init__(store)
        self.job = Job(jobs.collect_answers.kind, "0" * 32)
        self.released = []

    def request(self, visitor, make, spec, *, slot):
        if make is not jobs.collect_answers:
            return super().request(visitor, make, spec, slot=slot)
        self.job.become("running")
        return self.job

    def release(self, visitor, slot=None):
        self.released.append(slot)


@pytest.mark.parametrize("way", ["Cancel", "another setting"])
def test_a_report_under_way_can_be_cancelled(way, open_page, store):
    engine = Slow(store)
    app = press(open_page(engine=engine), "Report")
    assert "Cancel" in [button.label for button in app.button]
    assert "Report" not in [button.label for button in app.button]
    if way == "Cancel":
        app = press(app, "Cancel")
    else:
        app = app.select_slider(key="width").set_value(8).run()
    assert not app.exception
    assert {"report answers", "report picture", "report section"} <= set(engine.released)
    assert "Report" in [button.label for button in app.button]
    assert "Cancel" not in [button.label for button in app.button]
    assert downloads(app) == []


def test_a_report_under_way_is_watched_where_it_is_folded_away(open_page, store):
    app = press(open_page(engine=Slow(store)), "Report")
    app.session_state["take away"] = False
    assert "Cancel" in [button.label for button in app.run().button]


def test_every_page_has_one_report_button(open_page, store):
    spec = EnsembleSpec(problem=ProblemSpec(dataset=DatasetSpec(name="breast cancer")), n_members=1)
    for page in ("playground", "slices"):
        labels = [button.label for button in open_page(page).button]
        assert labels.count("Report") == 1
    study = CapacitySpec(ensemble=spec, n_seeds=2)
    tasks = studies.list_missing(study, store)
    for task in tasks[:-1]:
        task.job(task.spec, store)
    app = open_page("capacity", seeds=2)
    (button,) = [b for b in app.get("download_button") if b.proto.label == "Report"]
    assert button.proto.disabled
    tasks[-1].job(tasks[-1].spec, store)
    app = open_page("capacity", seeds=2)
    (button,) = [b for b in app.get("download_button") if b.proto.label == "Report"]
    assert not button.proto.disabled
