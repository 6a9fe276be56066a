import asyncio
import functools
import json
import operator
import threading
import time
from types import SimpleNamespace
from urllib.parse import urlencode

import numpy as np
import pytest
from starlette.requests import Request
from starlette.routing import Match

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    SpecError,
    StudentSpec,
)
from pages.frame.browser import preview_route
from pages.frame.controls.settings import SETTINGS
from pages.frame.server import pace, service, shared, visitors
from pages.frame.server.visitors import Visitor
from tests.frame.test_app import InlineEngine

ENSEMBLE = EnsembleSpec(
    problem=ProblemSpec(dataset=DatasetSpec(name="moons")), n_members=2, hidden=(16,)
)
PICTURE = PictureSpec(student=StudentSpec(ensemble=ENSEMBLE, width=8), plane=PlaneSpec())
SOMEBODY = Visitor("somebody")


class ReleasingEngine(InlineEngine):
    def release(self, visitor, slot):
        self.released = [*getattr(self, "released", []), (visitor, slot)]


@pytest.fixture
def engine(store, monkeypatch):
    engine = ReleasingEngine(store)
    # Another store is another server, which has kept nothing yet.
    shared._kept.clear()
    monkeypatch.setattr(shared, "_size", 0)
    monkeypatch.setattr(service, "store", lambda: store)
    monkeypatch.setattr(service, "engine", lambda: engine)
    visitors.admit(SOMEBODY)
    SOMEBODY.offer(PICTURE)
    return engine


@pytest.fixture
def ask(engine):
    route = preview_route.preview_routes()[0]

    def get(setting, visitor="somebody", path="/boundary-view/student", **more):
        text = setting if isinstance(setting, str) else setting.model_dump_json()
        query = urlencode({"visitor": visitor, "picture": text, **more}).encode()
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query}
        scope["headers"] = []
        assert route.matches(scope)[0] == Match.FULL
        return asyncio.run(route.endpoint(Request(scope)))

    return get


def read(body):
    """Read a message as the browser does."""
    length = int.from_bytes(body[:4], "little")
    content, rest = json.loads(body[4 : 4 + length]), body[4 + length :]

    def floats(start, n, low, step):
        planes = np.frombuffer(rest[start : start + 2 * n], np.uint8).reshape(2, n).astype(int)
        whole = np.cumsum(planes[0] + 256 * planes[1]) % 65536
        return np.where(whole == 65535, np.nan, low + step * whole)

    lines = {
        name: np.stack([floats(*line[axis]["at"]) for axis in "xy"], axis=1)
        for name, line in content["lines"].items()
    }
    return content, lines


def test_the_lines_are_those_of_the_picture(ask, store, engine):
    jobs.train_ensemble(ENSEMBLE, store)
    answer = ask(PICTURE)
    assert answer.status_code == 200
    content, lines = read(answer.body)
    stored = store.get("picture", PICTURE.digest)
    assert content["student"] == PICTURE.digest
    assert content["note"] == f"agreement {stored.meta['student']['agreement']:.1%}"
    for name, kept in (("student", "lines"), ("twin", "twin_lines")):
        assert len(stored.arrays[kept]) > 10
        np.testing.assert_allclose(lines[name], stored.arrays[kept], atol=1e-3)
    assert content["twin"] == preview_route.offer(PICTURE, SOMEBODY)["twin"]
    assert set(engine.released) == {("somebody", "history"), ("somebody", "replicates")}


def test_what_the_view_sends_back_is_the_same_setting():
    offered = json.loads(json.dumps(preview_route.offer(PICTURE, SOMEBODY)))
    assert PictureSpec(**offered["picture"]).digest == PICTURE.digest
    for slider in offered["sliders"].values():
        part = offered["picture"]
        for key in slider["way"]:
            part = part[key]
        assert part in [*slider["stops"], PICTURE.student.width]


def test_behind_a_base_path(ask, store):
    jobs.train_ensemble(ENSEMBLE, store)
    assert ask(PICTURE, path="/some/where/boundary-view/student").status_code == 200


def test_without_an_ensemble_nothing_is_trained(ask, store):
    assert ask(PICTURE).status_code == 204
    assert store.get("student", PICTURE.student.digest) is None


def test_strangers_are_not_served(ask):
    assert ask(PICTURE, visitor="a stranger").status_code == 403


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("", 422, "not a setting"),
        ("[1]", 422, "not a setting"),
        ("[" * 3999, 422, "not a setting"),
        ('{"student": {"width": 0}}', 422, "width"),
        ('{"student": {"alpha": NaN}}', 422, "alpha"),
        ("x" * 4001, 413, "4,000"),
    ],
)
def test_bad_settings_get_a_sentence(ask, text, status, words):
    answer = ask(text)
    assert answer.status_code == status
    assert words in answer.body.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"width": 1024},
        {"width": 7},
        {"temperature": 3.3},
        {"schedule": PICTURE.student.schedule.replace(epochs=200, batch_size=8)},
        {"seed": 3},
        {"ensemble": ENSEMBLE.replace(n_members=3)},
        {"ensemble": ENSEMBLE.replace(problem=ProblemSpec(dataset=DatasetSpec(name="rings")))},
    ],
    ids=lambda change: " ".join(change),
)
def test_only_stops_of_what_a_page_shows_are_served(ask, engine, store, change):
    jobs.train_ensemble(ENSEMBLE, store)
    setting = PICTURE.model_dump(mode="json")
    for key, value in change.items():
        setting["student"][key] = (
            value if isinstance(value, int | float | dict) else value.model_dump(mode="json")
        )
    answer = ask(json.dumps(setting))
    assert answer.status_code == 403
    assert "Only the stops of the sliders" in answer.body.decode()
    assert not list((store.root / "picture").glob("*/*"))


def test_somebody_elses_table_is_not_served(ask, store):
    table = "ab" * 16
    dataset = DatasetSpec(name="upload", table=table)
    theirs = PICTURE.replace(
        student=PICTURE.student.replace(
            ensemble=ENSEMBLE.replace(problem=ProblemSpec(dataset=dataset))
        )
    )
    assert ask(theirs).status_code == 403
    # Not even if a page of theirs should offer it.
    with pytest.raises(SpecError, match="in use in another session or was deleted"):
        SOMEBODY.request(jobs.evaluate_picture, theirs)
    owner = Visitor("owner")
    owner.table = dataset
    store.put("picture", theirs.digest, {"x": np.zeros(1)})
    assert owner.request(jobs.evaluate_picture, theirs).arrays["x"].tolist() == [0]


def test_a_name_ends_with_its_session_and_what_it_asked_for_is_given_up(
    ask, store, engine, monkeypatch
):
    jobs.train_ensemble(ENSEMBLE, store)
    alive = {"their session": True}
    runtime = SimpleNamespace(is_active_session=lambda session: alive[session])
    monkeypatch.setattr(visitors.Runtime, "exists", lambda: True)
    monkeypatch.setattr(visitors.Runtime, "instance", lambda: runtime)
    monkeypatch.setattr(visitors, "_visitors", {})
    visitor = Visitor("they", "their session")
    visitors.admit(visitor)
    visitor.offer(PICTURE)
    assert ask(PICTURE, visitor="they").status_code == 200
    alive["their session"] = False
    assert ask(PICTURE, visitor="they").status_code == 403
    released = []
    monkeypatch.setattr(engine, "release", lambda *what: released.append(what))
    monkeypatch.setattr(pace, "LEAVE_GRACE", 0.0)
    visitors.dismiss_absent()
    assert released == [("they",), ("they study",)]
    assert visitors.count() == 0


def test_questions_of_one_visitor_are_limited_and_wait_without_threads(
    ask, store, engine, monkeypatch
):
    jobs.train_ensemble(ENSEMBLE, store)
    job = Job("picture", PICTURE.digest)
    monkeypatch.setattr(engine, "request", lambda *_, **__: job)
    other = Visitor("somebody else")
    visitors.admit(other)
    other.offer(PICTURE)
    endpoint = preview_route.preview_routes()[0].endpoint

    def question(name):
        query = urlencode({"visitor": name, "picture": PICTURE.model_dump_json()}).encode()
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": query, "headers": []}
        return endpoint(Request(scope))

    async def storm():
        waiting = [asyncio.create_task(question("somebody")) for _ in range(90)]
        theirs = asyncio.create_task(question("somebody else"))
        done, _ = await asyncio.wait(waiting, timeout=1, return_when=asyncio.ALL_COMPLETED)
        refused = [task.result().status_code for task in done]
        began = time.monotonic()
        # Threads that read the store are free all the while.
        await preview_route._off_loop(time.sleep, 0)
        free_after = time.monotonic() - began
        job.become("cancelled")
        return refused, free_after, [(await task).status_code for task in (*waiting, theirs)][-1]

    refused, free_after, theirs = asyncio.run(storm())
    assert refused == [429] * 82
    assert free_after < 0.5
    assert theirs == 204
    assert SOMEBODY.n_asking == 0


def test_only_so_many_visitors_are_remembered(monkeypatch):
    monkeypatch.setattr(visitors, "_visitors", {})
    monkeypatch.setattr(visitors, "_MAX_VISITORS", 3)
    for i in range(5):
        visitors.admit(Visitor(f"visitor {i}"))
    assert [visitors.find(f"visitor {i}") is None for i in range(5)] == [True] * 2 + [False] * 3


def ask_beside(student, visitor="somebody"):
    query = urlencode({"visitor": visitor, "student": student}).encode()
    scope = {"type": "http", "method": "GET", "path": "/boundary-view/beside", "headers": []}
    scope["query_string"] = query
    route = preview_route.preview_routes()[1]
    assert route.matches(scope)[0] == Match.FULL
    return asyncio.run(route.endpoint(Request(scope)))


def read_parts(body):
    length = int.from_bytes(body[:4], "little")
    rest, found = body[4 + length :], {}
    for label, stop, n in json.loads(body[4 : 4 + length])["parts"]:
        found[label, stop], rest = rest[:n], rest[n:]
    assert not rest
    return found


def test_what_is_stored_beside_a_picture_comes_at_once_and_nothing_is_trained(ask, store):
    jobs.train_ensemble(ENSEMBLE, store)
    assert ask_beside(PICTURE.digest).status_code == 204
    assert store.get("student", PICTURE.student.digest) is None
    offered = preview_route.offer(PICTURE, SOMEBODY)
    beside = {}
    for label, slider in offered["sliders"].items():
        *way, key = slider["way"]
        setting = PICTURE.model_dump(mode="json")
        part = functools.reduce(operator.getitem, way, setting)
        own = slider["stops"].index(part[key])
        for at in {max(own - 1, 0), min(own + 1, len(slider["stops"]) - 1)} - {own}:
            part[key] = slider["stops"][at]
            beside[label, part[key]] = PictureSpec(**setting)
    assert len(beside) > 4
    *most, last = beside
    lines = {key: ask(beside[key]).body for key in most}
    assert read_parts(ask_beside(PICTURE.digest).body) == lines
    # What is complete is kept; what is not, is looked at again.
    lines[last] = ask(beside[last]).body
    assert read_parts(ask_beside(PICTURE.digest).body) == lines
    assert ask_beside(PICTURE.digest).body is ask_beside(PICTURE.digest).body


def test_only_what_lies_beside_an_own_picture_is_given(engine):
    stranger = Visitor("stranger")
    visitors.admit(stranger)
    for name, digest in (
        ("stranger", PICTURE.digest),
        ("nobody", PICTURE.digest),
        ("somebody", "0" * 64),
    ):
        assert ask_beside(digest, name).status_code == 403


def test_a_locked_slider_has_nothing_beside_it(engine, monkeypatch):
    labels = {label for label, *_ in preview_route._list_beside(PICTURE)}
    is_open = type(SETTINGS["width"]).is_open
    closed = property(lambda row: row.key != "width" and is_open.fget(row))
    monkeypatch.setattr(type(SETTINGS["width"]), "is_open", closed)
    left = {label for label, *_ in preview_route._list_beside(PICTURE)}
    assert labels - left == {SETTINGS["width"].label}


def test_the_student_comes_before_its_twin(ask, store, engine, monkeypatch):
    jobs.train_ensemble(ENSEMBLE, store)
    job = Job("picture", PICTURE.digest, "running")
    monkeypatch.setattr(engine, "request", lambda *_, **__: job)
    line = np.array([[0, 1], [2, 3], [4, 5]], np.float32)
    job.show(1, 2, {"lines": line, "agreement": np.array(0.875)})
    content, lines = read(ask(PICTURE).body)
    assert set(lines) == {"student"}
    np.testing.assert_allclose(lines["student"], line, atol=1e-3)
    assert content["student"] == PICTURE.digest
    assert content["note"] == "agreement 87.5%"
    # Who wants both waits until the job has ended.
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(PICTURE, whole=1)))
    asking.start()
    asking.join(0.2)
    assert not answers
    jobs.evaluate_picture(PICTURE, store)
    job.become("done")
    asking.join()
    assert set(read(answers[0].body)[1]) == {"student", "twin"}


def test_a_job_that_shows_something_else_is_no_answer_yet(ask, store, engine, monkeypatch):
    jobs.train_ensemble(ENSEMBLE, store)
    job = Job("picture", PICTURE.digest, "running")
    monkeypatch.setattr(engine, "request", lambda *_, **__: job)
    job.show(1, 2, {"logits": np.zeros(3), "weight": np.array(1)})
    assert ask(PICTURE).status_code == 204


def test_a_twin_has_one_name_at_every_temperature_and_alpha(ask, store):
    jobs.train_ensemble(ENSEMBLE, store)
    offered = preview_route.offer(PICTURE, SOMEBODY)["twin"]

    def named(**change):
        setting = PICTURE.replace(student=PICTURE.student.replace(**change))
        SOMEBODY.offer(setting)
        return read(ask(setting).body)[0]["twin"]

    assert named(temperature=7.0, alpha=0.25) == offered
    assert named(width=6) != offered
    assert named(seed=1) != offered


@pytest.fixture
def slow_job(ask, store, engine, monkeypatch):
    """Return a job that a line waits for; the test ends it."""
    jobs.train_ensemble(ENSEMBLE, store)
    job = Job("picture", PICTURE.digest)
    monkeypatch.setattr(engine, "request", lambda *_, **__: job)
    asking = threading.Thread(target=ask, args=[PICTURE])
    asking.start()
    while SOMEBODY.line is None:
        time.sleep(0.001)
    yield job
    job.become("done")
    asking.join()
    assert SOMEBODY.line is None


def seconds(visitor):
    began = time.monotonic()
    preview_route.wait_for_line(visitor)
    return time.monotonic() - began


def test_a_page_lets_the_line_of_its_own_visitor_go_first(slow_job, monkeypatch):
    monkeypatch.setattr(pace, "LINE_FIRST", 60)
    assert seconds(Visitor("somebody else")) < 10
    threading.Timer(0.1, slow_job.become, ["done"]).start()
    assert seconds(SOMEBODY) < 10
    assert slow_job.finished


def test_a_page_waits_for_the_line_and_not_for_the_twin(slow_job, monkeypatch):
    monkeypatch.setattr(pace, "LINE_FIRST", 60)
    # Only a running job can show something.
    slow_job.become("running")
    arrays = {"lines": np.zeros((2, 2), np.float32), "agreement": np.array(1.0)}
    threading.Timer(0.1, slow_job.show, [1, 2, arrays]).start()
    assert seconds(SOMEBODY) < 10
    assert not slow_job.finished


def test_a_page_does_not_wait_long_for_a_line(slow_job, monkeypatch):
    monkeypatch.setattr(pace, "LINE_FIRST", 0.1)
    assert seconds(SOMEBODY) > 0.05
    assert not slow_job.finished


def test_a_page_whose_view_asks_for_nothing_does_not_wait(engine, monkeypatch):
    monkeypatch.setattr(pace, "LINE_FIRST", 60)
    monkeypatch.setattr(pace, "LINE_TO_SCREEN", 60)
    assert seconds(SOMEBODY) < 10
