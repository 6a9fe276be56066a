"""The controls of data and plane without a browser: what they return and what they say."""

import threading
import types

import pytest
from streamlit.testing.v1 import AppTest

from distill_core import jobs, uploads
from distill_core.data import datasets
from distill_core.geometry import planes
from distill_core.specs import DatasetSpec, PlaneSpec, ProblemSpec
from pages.frame.controls import three_samples, url_state
from pages.frame.controls.settings import SETTINGS, UPLOAD
from pages.frame.server import pace, service, upload_expiry
from tests.frame.test_app import InlineEngine

WINE = DatasetSpec(name="wine")
# Samples of wine: three of three classes, as a link has them, and three of one class.
MIXED = planes.find_typical_samples(datasets.load(WINE))[::-1]
LINK = " ".join(map(str, MIXED))
SAME_CLASS = " ".join(map(str, (datasets.load(WINE).y_train == 0).nonzero()[0][:3]))


def page():
    import streamlit as st

    from pages.frame.controls.problem import choose_problem, explain_errors
    from pages.frame.controls.url_state import explain_address, offer_undo_and_reset

    explain_address("playground")
    with explain_errors():
        st.session_state["asked"] = choose_problem()
        offer_undo_and_reset()


class Released(InlineEngine):
    """Takes note of whose jobs were stopped."""

    def __init__(self, store):
        super().__init__(store)
        self.released = []

    def release(self, visitor):
        self.released.append(visitor)


@pytest.fixture
def start(store, monkeypatch):
    engine = Released(store)
    uploads.use(store)
    monkeypatch.setattr(service, "store", lambda: store)
    monkeypatch.setattr(service, "engine", lambda: engine)

    def run(address=None, **state):
        app = AppTest.from_function(page, default_timeout=60)
        app.query_params.update(address or {})
        for key, value in state.items():
            app.session_state[key] = value
        app.run()
        assert not app.exception
        return app

    run.engine = engine
    return run


def asked(app):
    return app.session_state["asked"]


def words(elements):
    return " ".join(element.value for element in elements).replace("\\", "")


def button(app, label):
    return next(one for one in app.button if one.label == label)


def test_every_dataset_and_plane_has_a_line_on_when_to_use_it(start):
    for name in SETTINGS["data"].options:
        if name == UPLOAD:
            continue
        app = start(data=name)
        assert asked(app)[0].dataset.name == name
        assert SETTINGS["data"].options[name] in words(app.caption)
    for kind in SETTINGS["plane"].options:
        app = start(data="wine", plane=kind)
        assert SETTINGS["plane"].options[kind] in words(app.caption)


@pytest.mark.parametrize(("data", "key"), [("blobs", "classes"), ("spirals", "arms")])
def test_classes_are_counted_out(start, data, key):
    app = start(data=data)
    usual = asked(app)[0].dataset
    assert usual == DatasetSpec(name=data)
    app.select_slider(key=key).set_value(5).run()
    assert asked(app)[0].dataset.n_classes == 5
    assert not app.error


def test_the_offset_is_there_for_models_of_all_features_only(start):
    app = start(data="wine")
    assert not app.slider
    assert "No offset in the slice view" in words(app.caption)
    app = start(data="wine", view="all features")
    app.slider(key="offset").set_value(1.5).run()
    asked_problem, plane = asked(app)
    assert asked_problem.plane is None
    assert plane == PlaneSpec(offset=1.5)


def test_features_are_asked_by_name_and_kept_by_number(start):
    app = start(data="wine", plane="two features")
    names = datasets.load(WINE).feature_names
    assert app.selectbox(key="fx").options == list(names)
    app.selectbox(key="fy").set_value(12).run()
    assert asked(app)[1].features == (0, 12)
    assert app.query_params["fy"] == "12"
    # Fewer features: back to one that there is, with a word.
    app.selectbox(key="data").set_value("wine").run()
    assert not app.warning
    app = start({"fx": "99", "fy": "x"}, data="wine", plane="two features")
    assert asked(app)[1].features == (0, 1)
    assert "no number 99 here, they are 0 to 12" in words(app.warning)
    assert "no number x here" in words(app.warning)


def test_three_samples_are_typical_ones_or_those_of_the_address(start):
    app = start(data="wine", plane="three samples")
    assert asked(app)[1].samples is None
    app = start({"corners": LINK}, data="wine", plane="three samples")
    assert asked(app)[1].samples == MIXED
    assert asked(app)[0].plane == asked(app)[1]
    # Samples of one dataset mean nothing in another.
    app.selectbox(key="data").set_value("digits").run()
    assert asked(app)[1].samples is None
    assert "corners" not in app.query_params


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 2", "“1 2” is not three whole numbers."),
        ("a b c", "is not three whole numbers."),
        ("1 2 3.5", "is not three whole numbers."),
        ("0 1 99999", "This data has training samples 0 to 141"),
        ("5 5 6", "three different training samples"),
        ("-1 5 6", "three different training samples"),
        (SAME_CLASS, "should be of at least two classes"),
        ("![a](http://x.invalid) 1 2", "is not three whole numbers."),
    ],
)
def test_a_bad_link_of_samples_opens_with_a_sentence(start, text, said):
    app = start({"corners": text}, data="wine", plane="three samples")
    assert asked(app)[1] == PlaneSpec(kind="three samples")
    assert said in words(app.warning)


def test_most_disagreement_offers_the_view_that_it_needs(start):
    app = start(data="wine", plane="most disagreement", teachers=1)
    assert asked(app)[1] == PlaneSpec()
    assert "class centres is shown" in words(app.info)
    button(app, "Show all features").click().run()
    asked_problem, plane = asked(app)
    assert asked_problem.plane is None
    assert plane.kind == "three samples"
    assert app.query_params["found"] == " ".join(map(str, plane.samples))


def test_most_disagreement_stays_until_it_is_searched_again(start, store):
    options = {"data": "wine", "plane": "most disagreement", "view": "all features", "teachers": 1}
    app = start({"width": "2", "epochs": "1"}, **options)
    _, plane = asked(app)
    (path,) = (store.root / "disagreement").glob("*/*.json")
    assert plane == jobs.read_disagreement(store.get("disagreement", path.stem))
    assert "Found for the student of width 2" in words(app.caption)
    app.query_params["width"] = "4"
    app.run()
    assert asked(app)[1] == plane
    assert len(list((store.root / "disagreement").glob("*/*.json"))) == 1
    button(app, "Search again").click().run()
    assert "Found for the student of width 4" in words(app.caption)
    assert len(list((store.root / "disagreement").glob("*/*.json"))) == 2
    # A link holds the plane: nothing is searched.
    app = start({"found": LINK}, **options)
    assert asked(app)[1].samples == MIXED
    assert len(list((store.root / "disagreement").glob("*/*.json"))) == 2


def test_undo_and_reset_bring_back_what_is_kept_by_hand(start):
    app = start(data="wine", plane="three samples")
    app.session_state["corners"] = LINK
    app.run()
    assert asked(app)[1].samples == MIXED
    button(app, "Undo").click().run()
    assert asked(app)[1].samples is None
    assert "corners" not in app.query_params
    app = start({"corners": LINK, "found": "3 4 5", "one": "7"}, data="wine", plane="three samples")
    button(app, "Reset").click().run()
    assert not {"corners", "found", "one"} & app.query_params.keys()
    assert asked(app) == (ProblemSpec(), PlaneSpec())


def test_unknown_names_in_a_link_are_said(start):
    app = start({"data": "atlantis", "plane": "<b>"})
    assert asked(app) == (ProblemSpec(), PlaneSpec())
    assert "dataset “atlantis”, which does not exist; “tutorial” is shown" in words(app.warning)
    assert "plane “<b>”" in words(app.warning)


def test_corner_candidates_of_one_class_are_refused(start):
    sentence = three_samples.parse(SAME_CLASS, WINE)[1]
    assert "at least two classes" in sentence
    typical = planes.find_typical_samples(datasets.load(WINE))
    assert three_samples.parse(" ".join(map(str, typical)), WINE) == (typical, "")


# The visitor's own data


def with_sample(start):
    app = start(data=UPLOAD)
    assert "A link holds no data" in words(app.info)
    return button(app, "Try the sample").click().run()


def label_of(app):
    (found,) = [one for one in app.selectbox if one.label == "Label column"]
    return found


def test_the_sample_is_decided_about_in_words_used_and_deleted(start, store):
    app = with_sample(start)
    assert "327 rows, 4 features, 3 classes." in words(app.markdown)
    assert "15 rows with a missing value" in words(app.markdown)
    assert not (store.root / "table").exists()
    button(app, "Use this data").click().run()
    dataset = asked(app)[0].dataset
    assert datasets.load(dataset).class_names == ("Alba", "Borea", "Cresta")
    assert "146 × Alba, 67 × Borea, 114 × Cresta" in words(app.success)
    # Another label: the table before goes, and what ran on it is stopped.
    label_of(app).set_value("sex").run()
    assert asked(app)[0].dataset == dataset
    button(app, "Use this data").click().run()
    assert asked(app)[0].dataset != dataset
    assert not store.has("table", dataset.table)
    assert any("study" in visitor for visitor in start.engine.released)
    button(app, "Delete my data").click().run()
    assert not list((store.root / "table").glob("*/*.json"))
    assert "A link holds no data" in words(app.info)


@pytest.mark.parametrize(("address", "plane"), [({}, None), ({"view": "slice"}, PlaneSpec())])
def test_own_data_is_seen_with_all_features_unless_the_link_says_slice(start, address, plane):
    app = start({"data": UPLOAD, **address})
    button(app, "Try the sample").click().run()
    button(app, "Use this data").click().run()
    assert asked(app)[0].plane == plane
    app.segmented_control(key="view").set_value("slice").run()
    assert asked(app)[0].plane == PlaneSpec()


def test_columns_that_cannot_be_used_leave_the_data_in_use(start):
    app = with_sample(start)
    button(app, "Use this data").click().run()
    dataset = asked(app)[0].dataset
    label_of(app).set_value("bill length mm").run()
    assert "at most 10 classes are allowed" in words(app.error)
    assert asked(app)[0].dataset == dataset
    assert "In use" in words(app.success)


def test_deleted_behind_the_visitors_back_is_said(start, store):
    app = with_sample(start)
    button(app, "Use this data").click().run()
    uploads.delete(store, asked(app)[0].dataset)
    app.run()
    assert not app.exception
    assert "no longer here" in words(app.error)


@pytest.mark.parametrize("text", ["http://x.invalid/a", "WWW.x.invalid", "a@x.invalid", "<b>*x*"])
def test_plain_text_is_no_markup_and_no_link(text):
    shown = url_state.plain(text)
    assert shown.replace("\\", "").replace("\N{WORD JOINER}", "") == text
    assert "//" not in shown
    assert "@x" not in shown
    assert "www\\." not in shown.lower()


def test_what_was_uploaded_is_deleted_when_the_session_has_ended(start, store, monkeypatch):
    app = with_sample(start)
    button(app, "Use this data").click().run()
    dataset = asked(app)[0].dataset
    (visitor,) = (one for one in upload_expiry._watched if one.table == dataset)
    monkeypatch.setattr(pace, "UPLOAD_GRACE", 0.0)
    alive = types.SimpleNamespace(is_active_session=lambda name: name == visitor.session)
    monkeypatch.setattr(upload_expiry.Runtime, "exists", lambda: True)
    monkeypatch.setattr(upload_expiry.Runtime, "instance", lambda: alive)
    # Somebody had all caches emptied, or the connection came back: nothing is deleted.
    ended(visitor)
    assert store.has("table", dataset.table)
    monkeypatch.setattr(upload_expiry.Runtime, "exists", lambda: False)
    ended(visitor)
    assert not store.has("table", dataset.table)
    assert {visitor.name, visitor.study} <= set(start.engine.released)
    assert visitor not in upload_expiry._watched


def ended(visitor):
    """Do what Streamlit does when a session ends, and wait for what follows."""
    before = set(threading.enumerate())
    upload_expiry._delete_later(visitor)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)


def study_page():
    import streamlit as st

    from pages.frame.controls.problem import choose_problem
    from pages.frame.controls.url_state import offer_undo_and_reset
    from pages.frame.controls.widgets import ask

    choose_problem()
    st.session_state["asked"] = ask("seeds")
    offer_undo_and_reset("capacity")
    # Drawn later than the buttons, as what a study's page draws beside its figures.
    ask("who")


def test_study_pages_have_undo_and_reset(store, monkeypatch):
    monkeypatch.setattr(service, "store", lambda: store)
    app = AppTest.from_function(study_page, default_timeout=60).run()
    usual = asked(app)
    app.run()
    assert button(app, "Undo").disabled, "a control that is drawn later is no step"
    assert button(app, "Reset").disabled
    app.number_input(key="seeds").set_value(7).run()
    button(app, "Undo").click().run()
    assert asked(app) == usual
    app.number_input(key="seeds").set_value(9).run()
    app.selectbox(key="data").set_value("wine").run()
    button(app, "Reset").click().run()
    assert asked(app) == usual
    assert app.selectbox(key="data").value == "tutorial"
