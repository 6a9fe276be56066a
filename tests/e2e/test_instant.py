"""What visitors do to the engine: moves in a row, many at once, a worker that dies."""

import contextlib
import json
import os
import re
import signal
import time
import urllib.request

import pytest
from playwright.sync_api import expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from benchmarks.browser import PROJECT
from tests.conftest import FULL
from tests.e2e.waiting import FIRST_PAINTED, WIDTH, digest, painted, press, rest

pytestmark = pytest.mark.e2e

RANGES = """() => {
    const { xaxis, yaxis } = document.querySelector(
        '[data-testid=boundary-view] .js-plotly-plot')._fullLayout;
    return [...xaxis.range, ...yaxis.range];
}"""
TEACHERS = "?data=moons&teachers=2"


@pytest.fixture(scope="module")
def app(serve, tmp_path_factory):
    store = str(tmp_path_factory.mktemp("store"))
    script = PROJECT / "tests" / "e2e" / "watched_app.py"
    return serve(script, environment={**os.environ, "DISTILL_STORE": store})


def look_at(app):
    """Return what the engine of a server does."""
    with urllib.request.urlopen(f"{app}/engine", timeout=30) as answer:
        return json.load(answer)


@pytest.fixture
def look(app):
    """Return a function that looks at the engine."""
    return lambda: look_at(app)


@pytest.fixture
def ready(page, app):
    def open_path(path):
        page.goto(f"{app}/{path}")
        painted(page)
        rest(page)

    return open_path


def test_of_twenty_moves_the_last_is_shown(page, ready, look):
    ready(f"{TEACHERS}&seed=1")
    done = look()["counts"]["picture"]["done"]
    before = digest(page)
    handle = page.get_by_role("slider", name=WIDTH)
    for i in range(20):
        handle.press("ArrowLeft" if i < 10 else "ArrowRight" if i < 13 else "ArrowLeft")
        page.wait_for_timeout(90)
    expect(page).to_have_url(re.compile("width=1(&|$)"))
    painted(page, before)
    expect(page.get_by_test_id("boundary-view")).to_have_attribute(
        "aria-label", re.compile(r"\(width 1, "), timeout=90_000
    )
    seen = look()
    running, waiting = seen["most"]["picture"]
    print(
        f"20 moves: at most {running} running and {waiting} waiting, "
        f"{seen['counts']['picture']['done'] - done} of 14 trained to the end"
    )
    assert running <= 1
    assert waiting <= 1
    # As fast as keys can be pressed, there and back.
    rest(page)
    before = digest(page)
    for key in ["ArrowRight"] * 9 + ["ArrowLeft"] * 6 + ["ArrowRight"] * 5:
        handle.press(key)
    expect(page).to_have_url(re.compile("width=24(&|$)"))
    rest(page)
    painted(page, before)
    expect(page.get_by_test_id("boundary-view")).to_have_attribute(
        "aria-label", re.compile(r"\(width 24, ")
    )
    expect(page.get_by_test_id("stException")).to_have_count(0)


@contextlib.contextmanager
def visitor(app, query):
    """Open what the server takes for a browser's tab; yield a wait for its page's end."""
    address = app.replace("http", "ws") + "/_stcore/stream"
    # What nobody has read yet must neither stop the reading nor the answers to pings.
    patient = {"max_size": None, "max_queue": None, "ping_interval": None}
    with connect(address, subprotocols=["streamlit"], **patient) as socket:
        message = BackMsg()
        message.rerun_script.query_string = query
        socket.send(message.SerializeToString())

        def wait(patience=120):
            end = time.monotonic() + patience
            answer = ForwardMsg()
            while answer.WhichOneof("type") != "script_finished" or (
                answer.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY
            ):
                answer.ParseFromString(socket.recv(timeout=end - time.monotonic()))

        yield wait


def test_thirty_visitors_want_the_same(page, app, look):
    query = "data=moons&teachers=3&seed=2&width=24"
    before = look()["made"]
    with contextlib.ExitStack() as others:
        waits = [others.enter_context(visitor(app, query)) for _ in range(29)]
        page.goto(f"{app}/?{query}")
        painted(page)
        for wait in waits:
            wait()
    rest(page)
    new = {
        kind: {name: n for name, n in them.items() if name not in before.get(kind, {})}
        for kind, them in look()["made"].items()
    }
    print(f"30 visitors, one new setting: all served by these jobs: {new}")
    assert new["picture"] == {digest(page): 1}
    assert len(new["ensemble-part"]) == 1
    assert {n for them in new.values() for n in them.values()} == {1}, "made twice"


def test_zoom_survives_many_moves(page, ready):
    ready(f"{TEACHERS}&seed=3")
    drag = page.get_by_test_id("boundary-view").locator(".nsewdrag").first
    box = drag.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 260, steps=5)
    page.mouse.up()
    whole, zoomed = box["width"], page.evaluate(RANGES)
    page.evaluate("() => { document.querySelector('.js-plotly-plot').mark = 'the same node'; }")
    for i in range(50 if FULL else 15):
        press(page, WIDTH, "ArrowLeft" if i % 10 < 5 else "ArrowRight", until=FIRST_PAINTED)
    rest(page)
    painted(page)
    assert page.evaluate(RANGES) == zoomed
    assert whole > 300
    assert page.evaluate("document.querySelector('.js-plotly-plot').mark") == "the same node"


@pytest.fixture
def on_a_cluster(serve, cluster, tmp_path):
    """Return the address of a server whose jobs run on a Dask cluster."""
    scheduler = {"DISTILL_SCHEDULER": cluster.scheduler_address}
    store = {"DISTILL_STORE": str(tmp_path / "store")}
    script = PROJECT / "tests" / "e2e" / "watched_app.py"
    return serve(script, environment={**os.environ, **store, **scheduler})


def test_a_worker_killed_at_work_costs_only_time(page, app):
    assert kill_workers(page, app, 1) == 1


@pytest.mark.reliability
def test_dask_workers_killed_at_work_cost_only_time(page, on_a_cluster):
    # All of them: which of them has what, the scheduler decides.
    assert kill_workers(page, on_a_cluster, 2) >= 1


def kill_workers(page, app, count):
    """Kill workers amid their jobs, hold that the visitor sees the result; count jobs run again."""
    # Asked beforehand: a cluster at work takes its time to answer.
    end = time.monotonic() + 60
    while len(pids := look_at(app)["pids"]) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    killed = pids[:count]
    page.goto(f"{app}/?teachers=12&view=all+features&eseed=5&seed=4")
    # Two parts: both workers are in the middle of their teachers.
    expect(page.get_by_text(re.compile(r"teachers: \d\d%"))).to_be_visible(timeout=90_000)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    painted(page)
    rest(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    after = look_at(app)
    retried = sum(counts["retried"] for counts in after["counts"].values())
    print(f"{count} workers killed at work: {retried} jobs run again, {len(after['pids'])} workers")
    assert not set(killed) & set(after["pids"])
    return retried
