"""The playground page without a browser: what it says when something cannot be drawn."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from distill_core import jobs, studies
from distill_core.data import datasets
from distill_core.engine import Job
from distill_core.learning.training import TrainingDivergedError
from distill_core.specs import DatasetSpec, EnsembleSpec, PlaneSpec, ProblemSpec
from distill_core.studies import CapacitySpec, SoftnessSpec, examples
from pages.frame.controls.url_state import plain
from pages.frame.server import service
from tests.conftest import PROJECT


class InlineEngine:
    """Runs jobs at once in this process; those of `failing` widths diverge."""

    def __init__(self, store, failing=()):
        self.store = store
        self.failing = failing

    def visited(self, visitor):
        pass

    def release(self, visitor, slot=None):
        pass

    def guess(self, visitor, job, specs):
        self.guessed = specs

    def worker_pids(self):
        return [1, 2]

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
    def start(failing=(), page="playground", **state):
        engine = InlineEngine(store, failing)
        monkeypatch.setattr(service, "store", lambda: store)
        monkeypatch.setattr(service, "engine", lambda: engine)
        app = AppTest.from_file(str(PROJECT / "pages" / f"{page}.py"), default_timeout=60)
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
    n_rows = len(datasets.load(DatasetSpec(name="breast cancer")).X_test)
    assert f"**{student['agreement']:.1%}** of {n_rows} test rows" in words(app)
    agreement = next(one for one in app.metric if one.label == "Agreement, test data")
    assert f"of {n_rows} test rows; for other rows like these" in agreement.help
    assert "Over 8 student seeds" in words(app)


def test_diverged_training_says_so_and_keeps_the_last_good_picture(open_page):
    app = open_page(failing=(4,))
    app.select_slider(key="width").set_value(4).run()
    assert not app.exception
    assert "Training diverged by step 3 of 9." in words(app)
    assert "The last good picture is shown: width 64" in words(app)
    app.select_slider(key="width").set_value(8).run()
    assert not app.error


def labels(app):
    return [button.label for button in app.button]


def press(app, label):
    return next(button for button in app.button if button.label == label).click().run()


def test_arrows_compare_settings_of_one_problem_only(open_page):
    app = open_page()
    assert not any(metric.delta for metric in app.metric)
    app.select_slider(key="width").set_value(8).run()
    assert any(metric.delta for metric in app.metric)
    app.selectbox(key="data").set_value("wine").run()
    assert not any(metric.delta for metric in app.metric)
    app.select_slider(key="width").set_value(64).run()
    assert any(metric.delta for metric in app.metric)
    app.selectbox(key="plane").set_value("principal components").run()
    assert not any(metric.delta for metric in app.metric)


def click(app, u=0.1, v=0.2):
    """Put a place where a click in the picture would."""
    problem = ProblemSpec(dataset=DatasetSpec(name="breast cancer"))
    app.session_state["clicked place"] = (problem, PlaneSpec()), (u, v)
    return app.run()


def test_a_clicked_place_is_removed_and_goes_with_its_plane(open_page):
    app = open_page()
    assert "Remove the place" not in labels(app)
    assert "What everyone answers at (0.10, 0.20)" in [title.value for title in click(app).header]
    press(app, "Remove the place")
    assert not app.header
    assert click(app).header
    app.selectbox(key="plane").set_value("principal components").run()
    assert not app.header
    app.selectbox(key="plane").set_value("class centres").run()
    assert click(app).header
    app.selectbox(key="data").set_value("wine").run()
    assert not app.header


def test_reset_takes_pin_and_place_along(open_page):
    app = click(open_page())
    press(app, "Pin this student")
    assert "pin" in app.query_params
    press(app, "Reset")
    assert "pin" not in app.query_params
    assert "clicked place" not in app.session_state


def test_a_click_is_answered_beside_the_picture(open_page):
    app = click(open_page())
    texts = [str(one.value) for one in app.main if one.type in ("header", "markdown")]
    first, answer = (
        next(i for i, text in enumerate(texts) if part in text)
        for part in ("What everyone answers", "The student answers like")
    )
    assert first < answer


def test_a_pin_names_what_differs(open_page):
    app = open_page()
    press(app, "Pin this student")
    assert "Unpin" in labels(app)
    app.select_slider(key="width").set_value(8).run()
    assert "Unpin (width 64)" in labels(app)
    app.select_slider(key="T").set_value(1).run()
    app.select_slider(key="alpha").set_value(1.0).run()
    assert "Unpin (width 64, T = 3 and 1 more)" in labels(app)


def test_the_slice_view_explains_its_accuracy(open_page, store):
    app = open_page()
    captions = " ".join(caption.value for caption in app.caption)
    assert "**Models here see 2 of 30 directions** (slice view); what they reach" in captions
    app.segmented_control(key="view").set_value("all features").run()
    assert "see 2 of" not in " ".join(caption.value for caption in app.caption)
    assert "often not the models' answer" not in " ".join(c.value for c in app.caption)
    app.segmented_control(key="view").set_value("slice").run()
    captions = " ".join(caption.value for caption in app.caption)
    assert re.search(r"with all features the ensemble reaches \d\d\.\d% of the test", captions)


def test_a_study_of_which_only_the_teachers_are_there_has_not_begun(open_page, store):
    spec = EnsembleSpec(problem=ProblemSpec(dataset=DatasetSpec(name="breast cancer")), n_members=1)
    jobs.train_ensemble(spec, store)
    app = open_page(page="capacity")
    assert "Nothing is computed for this setting yet." in words(app)
    assert "Run the study" in labels(app)
    # What it will look like, of the default setting, and said to be nobody's own result.
    assert "A stored example, not your result" in words(app)
    example = examples.load("capacity")
    assert any(example.digest[:12] in one.label for one in app.expander)
    assert plain(example.first) in words(app)
    assert "Continue the study" not in labels(app)
    assert not any("parts are done" in caption.value for caption in app.caption)
    study = CapacitySpec(ensemble=spec)
    first = next(task for task in studies.list_missing(study, store) if task.job.kind == "students")
    first.job(first.spec, store)
    app = open_page(page="capacity")
    assert "Continue the study" in labels(app)
    assert "stored example" not in words(app)


def test_no_grid_stands_where_no_cell_has_its_twin(open_page, store):
    spec = EnsembleSpec(problem=ProblemSpec(dataset=DatasetSpec(name="breast cancer")), n_members=1)
    missing = studies.list_missing(SoftnessSpec(ensemble=spec, widths=(8,), n_seeds=2), store)
    until = [task.job.kind for task in missing].index("students")
    for task in missing[: until + 1]:
        task.job(task.spec, store)
    app = open_page(page="softness", widths=(8,), cellseeds=2)
    assert not app.exception
    assert "No answer yet" in words(app)
    assert not any("against the twin" in title.value for title in app.header)
    missing[until + 1].job(missing[until + 1].spec, store)
    app = open_page(page="softness", widths=(8,), cellseeds=2)
    assert any("against the twin" in title.value for title in app.header)


def test_is_it_true_offers_all_features_and_both_pages_say_one_distance(open_page):
    app = open_page(page="slices", data="moons")
    assert "Yes, by construction." in words(app)
    press(app, "See it with all features")
    assert not app.exception
    assert app.session_state["view"] == "all features"
    assert "Yes, by construction." not in words(app)
    assert "See it with all features" not in labels(app)
    far = r"Half of the test points lie more than [\d.]+ standard deviations off the plane"
    said = " ".join(caption.value for caption in app.caption)
    playground = open_page(view="all features", data="moons")
    captions = " ".join(caption.value for caption in playground.caption)
    assert re.search(far, said)[0] == re.search(far, captions)[0]
    # What one page has counted, the other says.
    assert "often" not in captions
    (counted,) = re.findall(r"for \*\*(\d+) of (\d+)\*\* test points", captions)
    assert f"**{int(counted[1]) - int(counted[0])} (" in words(app)


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
