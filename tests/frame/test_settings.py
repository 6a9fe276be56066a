"""The table of settings: written once, read everywhere; what an address asks for and cannot get."""

import ast
import dataclasses

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.specs import EnsembleSpec, PictureSpec, StudentSpec
from pages.frame.browser import preview_route
from pages.frame.controls import locks, pin, settings
from pages.frame.controls.settings import SETTINGS
from pages.frame.server import service
from tests.conftest import PROJECT
from tests.frame.test_app import InlineEngine

TABLE = PROJECT / "pages" / "frame" / "controls" / "settings.py"
WIDGETS = TABLE.with_name("widgets.py")
SOURCES = [
    path for room in ("pages", "distill_core", "benchmarks") for path in (PROJECT / room).rglob("*")
]
ROWS = list(SETTINGS.values())
WIDGET_KINDS = "selectbox", "select_slider", "slider", "number_input", "button_group"


def page():
    import streamlit as st

    from distill_core.specs import PictureSpec
    from pages.frame.controls.pin import read_pin
    from pages.frame.controls.student import choose_ensemble, choose_student
    from pages.frame.controls.url_state import explain_address, offer_undo_and_reset

    explain_address("playground")
    ensemble, plane = choose_ensemble()
    picture = PictureSpec(student=choose_student(ensemble), plane=plane)
    offer_undo_and_reset()
    st.session_state["asked"] = picture
    st.session_state["pinned"] = read_pin(picture)


def start(address):
    app = AppTest.from_function(page, default_timeout=60)
    app.query_params.update(address)
    app.run()
    assert not app.exception
    return app


def student(app):
    return app.session_state["asked"].student


def warnings(app):
    return [one.value.replace("\\", "") for one in app.warning]


# Written once


def texts(path):
    """Return all strings of a Python file; the list of its public names is none of them."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    parts = [part for part in body if not ast.unparse(part).startswith("__all__")]
    nodes = [node for part in parts for node in ast.walk(part)]
    return {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_label_and_help_text_stands_in_the_table_alone():
    said = {row.label for row in ROWS} | {row.help for row in ROWS if row.help}
    said |= {line for row in ROWS if isinstance(row.options, dict) for line in row.options.values()}
    written = texts(TABLE)
    assert said <= written
    for path in SOURCES:
        if path.suffix == ".py" and path != TABLE:
            assert not said & texts(path), path
        if path.suffix == ".js":
            assert not [text for text in said if f'"{text}"' in path.read_text()], path


def test_keys_and_defaults_are_given_to_widgets_by_the_table_alone():
    """Outside, nothing is bound to the address, and no widget has the key of a setting."""
    for path in (path for path in SOURCES if path.suffix == ".py" and path != TABLE):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value == "query-params":
                assert path == WIDGETS
            if isinstance(node, ast.keyword) and node.arg == "key":
                is_literal = isinstance(node.value, ast.Constant)
                assert not (is_literal and node.value.value in SETTINGS), (path, node.lineno)
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "st.query_params":
                assert not isinstance(node.slice, ast.Constant), (path, node.lineno)


def test_keys_are_different_and_defaults_are_allowed():
    assert len(SETTINGS) == len(settings._ROWS)
    for row in ROWS:
        if row.by_hand:
            continue
        values = row.default if row.widget in ("pills", "some") else (row.default,)
        assert row.parse([row.text(value) for value in values]) == row.default, row.key
        if row.spec is not None and row.widget != "choice":
            assert row.put(row.spec, row.default) == row.spec


# What the table is read for


def test_sliders_of_the_preview_are_those_of_the_table():
    picture = PictureSpec()
    sliders = preview_route._sliders()
    known = {SETTINGS[key].label for key in ("width", "depth", "T", "alpha", "epochs")}
    assert known <= sliders.keys()
    for slider in sliders.values():
        value = picture
        for name in slider["way"]:
            value = getattr(value, name)
        assert value in slider["stops"]


def test_a_pin_holds_every_setting_of_the_student():
    one = StudentSpec(width=3, depth=1, temperature=1.5, alpha=0.2, seed=10**6)
    one = SETTINGS["epochs"].put(one, 48)
    # What settings that came later add stands behind.
    assert pin._write(one).startswith("3 1 1.5 0.2 48 1000000")
    app = start({"pin": pin._write(one)})
    assert app.session_state["pinned"].student == one
    first = start({"pin": "3 1 1.5 0.2 48 1000000"})
    assert first.session_state["pinned"].student == one
    said = "width 3, depth 1, T = 1.5, alpha = 0.2, 48 epochs, seed 1000000"
    assert settings.describe(one).startswith(said)


@pytest.mark.parametrize(
    "text", ["1 2", "a b c d e f", "", "0 2 3 0.7 12 0", "64 2 3 0.7 12 0" + 9 * " 1"]
)
def test_a_bad_pin_is_said(text):
    app = start({"pin": text})
    assert app.session_state["pinned"] is None
    assert "The pinned setting in this link cannot be read." in warnings(app)[-1]


def test_a_pin_is_no_markup():
    app = start({"pin": "[Sign-in](http://x.invalid) 3 3 0.7 200 5"})
    (said,) = [one.value for one in app.warning]
    assert "Sign" in said
    assert "[Sign" not in said.replace("\\[", "")
    assert "](" not in said
    assert "//" not in said


def test_teachers_are_combined_as_asked():
    assert student(start({})).ensemble.combine == "logits"
    app = start({"combine": "probabilities"})
    assert student(app).ensemble == EnsembleSpec(combine="probabilities")
    assert not app.warning


@pytest.mark.parametrize(
    ("address", "field"),
    [({"width": "8"}, "width"), ({"epochs": "24"}, "epochs"), ({"seed": "3"}, "seed")],
)
def test_undo_and_reset_know_every_setting_of_the_student(address, field):
    app = start(address)
    label = SETTINGS[field].label
    widgets = (*app.select_slider, *app.number_input)
    next(one for one in widgets if one.label == label).set_value(SETTINGS[field].options[1]).run()
    moved = student(app)
    next(one for one in app.button if one.label == "Undo").click().run()
    assert student(app) == student(start(address)) != moved
    next(one for one in app.button if one.label == "Reset").click().run()
    assert student(app) == StudentSpec()


@pytest.mark.parametrize(
    "name", ["playground", "capacity", "softness", "variance", "deploy", "slices"]
)
def test_a_page_shows_the_settings_that_the_table_says(store, monkeypatch, name):
    engine = InlineEngine(store)
    engine.worker_pids = list
    monkeypatch.setattr(service, "store", lambda: store)
    monkeypatch.setattr(service, "engine", lambda: engine)
    app = AppTest.from_file(str(PROJECT / "pages" / f"{name}.py"), default_timeout=60)
    app.query_params.update({"data": "breast cancer", "teachers": "1", "epochs": "63"})
    app.run()
    assert not app.exception
    assert [one for one in warnings(app) if "epochs “63”" in one]
    drawn = {one.key for kind in WIDGET_KINDS for one in getattr(app, kind)}
    asked = {
        row.key
        for row in ROWS
        if name in row.pages and row.spec is not None and row.when is None and not row.by_hand
    }
    assert asked <= drawn
    assert all(name in SETTINGS[key].pages for key in drawn if key in SETTINGS)


# What an address cannot have


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"width": "33"}, "student width “33”, which cannot be set; “64” is shown instead. The "
         "nearest is “32”."),
        ({"width": "63"}, "student width “63”, which cannot be set; “64” is shown instead."),
        ({"T": "abc"}, "temperature T “abc”, which cannot be set; “3” is shown instead."),
        ({"T": "nan"}, "temperature T “nan”, which cannot be set; “3” is shown instead."),
        ({"teachers": "99"}, "number of teachers “99”, which cannot be set; “12” is shown instead. "
         "The nearest is “24”."),
        ({"seed": "-1"}, "student seed “-1”, which cannot be set; “0” is shown instead."),
        ({"data": "mons"}, "dataset “mons”, which does not exist; “tutorial” is shown instead. The "
         "nearest is “moons”."),
        ({"combine": "votes"}, "mean of “votes”, which does not exist; “logits” is shown"),
        ({"dataset": "moons"}, "a setting “dataset”, which does not exist. The nearest is “data”."),
        ({"temperature": "5"}, "“temperature”, which does not exist. The nearest is “T”."),
        ({"xyzzy": "5"}, "a setting “xyzzy”, which does not exist."),
        ({"[a](http://x)": "5"}, "a setting “[a](http:"),
    ],
)  # fmt: skip
def test_what_a_link_asks_for_in_vain_is_said(address, said):
    app = start(address)
    (warning,) = warnings(app)
    assert warning.startswith("This link asks for ")
    assert said in warning
    assert student(app) == StudentSpec()
    app.run()
    assert warnings(app) == [warning], "nobody has moved anything"


@pytest.mark.parametrize(
    "address",
    [
        {"tolerance": "99"},
        {"seeds": "8", "near": "10%", "steps": "60"},
        {"classes": "9"},
        {"offset": "99"},
        {"width": ""},
        {"embed": "true", "embed_options": "dark_theme"},
        {"width": "64", "T": "3", "alpha": "0.7", "offset": "0.1", "show": "each teacher"},
    ],
)
def test_what_another_page_shows_is_no_mistake(address):
    assert not start(address).warning


@pytest.mark.parametrize(
    ("address", "other", "own"),
    [
        ({"width": "63"}, "T", "width"),
        ({"t": "5"}, "width", "T"),
        ({"xyzzy": "1"}, None, "alpha"),
    ],
)
def test_a_sentence_goes_when_its_control_moves(address, other, own):
    app = start(address)
    if other:
        app.select_slider(key=other).set_value(SETTINGS[other].options[0]).run()
        assert len(app.warning) == 1
    app.select_slider(key=own).set_value(SETTINGS[own].options[0]).run()
    assert not app.warning
    app.select_slider(key=own).set_value(SETTINGS[own].default).run()
    assert not app.warning


# Settings that a visitor cannot move


def restricted(monkeypatch, key, access):
    monkeypatch.setitem(SETTINGS, key, dataclasses.replace(SETTINGS[key], access=access))


@pytest.mark.parametrize("access", ["locked", "hidden"])
@pytest.mark.parametrize(
    ("key", "text", "value"),
    [("width", "8", 8), ("width", None, 64), ("width", "63", 64), ("epochs", "24", 24)],
)
def test_a_locked_or_hidden_setting_is_that_of_the_link(monkeypatch, access, key, text, value):
    restricted(monkeypatch, key, access)
    app = start({} if text is None else {key: text})
    assert SETTINGS[key].value_in(student(app)) == value
    sliders = [one for one in app.select_slider if one.label == SETTINGS[key].label]
    assert [one.disabled for one in sliders] == ([True] if access == "locked" else [])
    # A reset leaves it alone.
    app.select_slider(key="alpha").set_value(0.1).run()
    next(one for one in app.button if one.label == "Reset").click().run()
    assert SETTINGS[key].value_in(student(app)) == value
    assert student(app).alpha == SETTINGS["alpha"].default


@pytest.mark.parametrize("access", ["locked", "hidden"])
@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("data", "wine"),
        ("view", "all features"),
        ("plane", "discriminant"),
        ("teachers", "2"),
        ("combine", "probabilities"),
        ("eseed", "3"),
    ],
)
def test_every_kind_of_widget_can_be_locked_and_hidden(monkeypatch, access, key, text):
    picture = start({key: text}).session_state["asked"]
    restricted(monkeypatch, key, access)
    app = start({key: text})
    assert app.session_state["asked"] == picture != PictureSpec()
    drawn = [one for one in (*app.selectbox, *app.slider, *app.number_input) if one.key == key]
    assert all(one.disabled for one in drawn)
    assert not (drawn and access == "hidden")


# Settings that a link fixes


@pytest.mark.parametrize("way", ["lock", "hide"])
@pytest.mark.parametrize(("text", "value"), [("8", 8), (None, 64), ("63", 64)])
def test_a_link_fixes_a_setting_whatever_a_client_sends(way, text, value, caplog):
    app = start({way: "width T", **({} if text is None else {"width": text})})
    assert student(app).width == value
    sliders = [one for one in app.select_slider if one.key == "width"]
    assert [one.disabled for one in sliders] == ([True] if way == "lock" else [])
    for slider in sliders:
        # What a client can send past the page: a value for the widget.
        slider.proto.disabled = False
        slider.set_value(128).run()
        assert student(app).width == value
    # The address that the session saw first decides, whatever comes later.
    app.query_params["width"] = "2"
    app.query_params.pop(way)
    app.run()
    assert student(app).width == value
    assert "A change of the setting width" in caplog.text
    app.session_state["width"] = 128
    app.run()
    assert student(app).width == value
    app.select_slider(key="alpha").set_value(0.1).run()
    next(one for one in app.button if one.label == "Reset").click().run()
    assert student(app).width == value
    assert student(app).alpha == SETTINGS["alpha"].default
    assert not app.exception


@pytest.mark.parametrize("way", ["lock", "hide"])
@pytest.mark.parametrize(
    ("key", "text"), [("data", "wine"), ("view", "all features"), ("teachers", "2"), ("eseed", "3")]
)
def test_every_kind_of_widget_is_fixed_by_a_link(way, key, text):
    picture = start({key: text}).session_state["asked"]
    app = start({key: text, way: key})
    assert app.session_state["asked"] == picture != PictureSpec()
    app.session_state[key] = SETTINGS[key].default
    app.run()
    assert app.session_state["asked"] == picture


def test_a_link_that_locks_what_is_not_there_is_said():
    app = start({"lock": "width nothing lang", "hide": "<b>"})
    said = warnings(app)
    assert any("“nothing”, which is no control" in one for one in said)
    assert any("“<b>”" in one for one in said)
    assert student(app) == StudentSpec()


def test_a_link_for_a_class_opens_what_it_was_made_from():
    link = locks.write_link(
        "http://x/", [("width", "8"), ("lock", "T"), ("plane", "two features")], lock=["width"]
    )
    assert link == "http://x/?width=8&plane=two+features&lock=width"
    assert locks.write_link("http://x/", [], lock=[], hide=[]) == "http://x/"
