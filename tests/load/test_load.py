"""A small crowd: that all are served, and what they are shown is what they asked for."""

import asyncio

import pytest

from tests.load.measuring import require_loopback, serve
from tests.load.reliability import BEGIN, END, put, write
from tests.load.scenarios import (
    MOST_USERS,
    Run,
    list_sessions,
    measure_class,
    measure_storm,
    measure_watched,
)
from tests.load.visitor import LimitError, Tally
from tests.visitor import SMALL, Tab, Widget, read_moves


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("crowd")) as served:
        yield served


@pytest.mark.load
def test_a_small_class_is_served(served):
    run = Run(served, [6], 8.0, canaries=False, query=SMALL)
    asyncio.run(measure_class(run))
    (row,) = run.rows
    assert row["first error"] == ""
    assert row["errors"] == 0
    assert row["answers"] > 0
    assert row["server ms"] > 0
    assert row["memory MB"] > 0


@pytest.mark.reliability
@pytest.mark.load
@pytest.mark.parametrize(
    ("measure", "users", "seconds"), [(measure_storm, 3, 10.0), (measure_watched, 4, 6.0)]
)
def test_a_few_are_served(served, measure, users, seconds):
    run = Run(served, [users], seconds, canaries=False, query=SMALL)
    asyncio.run(measure(run))
    (row,) = run.rows
    assert row["first error"] == ""
    assert row["errors"] == 0
    assert row["answers"] > 0


@pytest.mark.parametrize("address", ["http://192.0.2.1:8501", "http://example.org"])
def test_load_is_for_this_machine_alone(address):
    with pytest.raises(ValueError, match="on this machine"):
        require_loopback(address)


def test_a_run_is_bounded():
    with pytest.raises(ValueError, match="at most"):
        Run(None, [MOST_USERS + 1], 1.0)
    tally = Tally(2)
    tally.count()
    tally.count()
    with pytest.raises(LimitError):
        tally.count()


def test_what_a_tab_sends_is_read_as_what_was_done():
    """The way there is replayed, the way back is how sessions are recorded."""
    tab = Tab()
    tab.widgets["Student width"] = Widget("$$ID-1-width", "Student width", "width", ["8", "16"])
    sent = [(0.0, tab.ask()), (1.5, tab.move("Student width", "16")), (2.0, tab.ask())]
    moved = {"Student width": {"stringArrayValue": {"data": ["16"]}}}
    assert read_moves(sent, tab) == [{"at": 1.5, "values": moved}]
    assert tab.query == {"width": "16"}


def test_recorded_sessions_move_sliders():
    for session in list_sessions():
        assert any("Student width" in move["values"] for move in session["moves"])
    assert list_sessions()


def test_the_page_says_what_was_measured_and_what_was_not():
    row = {"": "class, 50", "p95 s": 0.3, "server ms": 20.0, "memory MB": 500.0, "others": 0.2}
    row |= {"errors": 0}
    part = write({"class": {"cores": 2, "rows": [row]}})
    lines = {line.split(" | ")[0]: line for line in part.splitlines()}
    assert lines["| 50 users, warm lesson: p95"].endswith("| 0.1 | 0.30 | 0.20 | not held |")
    assert "| 20 | 0.20 | held |" in lines["| An answer costs the server 30 ms of processor time"]
    assert "not measured" in lines["| 120 users: p95"]
    # Whoever met an error kept no promise.
    assert "| held |" not in write({"class": {"rows": [row | {"errors": 1}]}})


def test_the_page_is_written_between_its_marks():
    page = f"before {BEGIN} old {END} after"
    assert put(page, "new") == f"before {BEGIN}\nnew\n{END} after"
    with pytest.raises(ValueError, match="has no"):
        put("nothing", "new")
