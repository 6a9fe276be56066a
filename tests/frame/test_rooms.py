"""Predicting together: what a room counts and refuses, and two hundred learners at once."""

import asyncio
import json
import random
import time
from collections import Counter

import httpx
import pytest
from starlette.applications import Starlette

from pages.frame.room import rooms, route
from pages.frame.room.rooms import Question, RoomError, Rooms

ASKED = Question(name="1", title="Which?", text="Choose.", options={"a": "A", "b": "B"})
TOKENS = [f"{number:032x}" for number in range(600)]


@pytest.fixture
def room():
    rooms = Rooms()
    code, key = rooms.open(0)
    rooms.ask(code, key, ASKED, 0)
    return rooms, code, key


def test_every_learner_counts_once_and_the_last_answer_holds(room):
    rooms, code, key = room
    for token in TOKENS[:3]:
        rooms.vote(code, token, "1", "a", 1)
        rooms.vote(code, token, "1", "a", 1)
    rooms.vote(code, TOKENS[2], "1", "b", 2)
    assert rooms.count(code, key, 2) == Counter(a=2, b=1)
    assert rooms.look(code, TOKENS[2], 2) == (ASKED, "b")


def test_a_late_joiner_sees_the_question_and_a_new_question_forgets_the_answers(room):
    rooms, code, key = room
    rooms.vote(code, TOKENS[0], "1", "a", 1)
    assert rooms.look(code, TOKENS[9], 5) == (ASKED, None)
    again = Question(**{**ASKED.__dict__, "picture": "<svg/>"})
    rooms.ask(code, key, again, 6)
    assert rooms.count(code, key, 6) == Counter(a=1), "the same question keeps its answers"
    rooms.ask(code, key, Question(name="2", title="", text="", options={"c": "C"}), 7)
    assert not rooms.count(code, key, 7)
    with pytest.raises(RoomError, match="This question is over"):
        rooms.vote(code, TOKENS[0], "1", "a", 8)
    with pytest.raises(RoomError, match="no such answer"):
        rooms.vote(code, TOKENS[0], "2", "a", 8)


def test_a_room_ends_by_itself_and_no_earlier(room):
    opened, code, key = room
    opened.look(code, TOKENS[0], rooms.ENDS_AFTER)
    with pytest.raises(RoomError, match="does not exist or has ended"):
        opened.look(code, TOKENS[0], rooms.ENDS_AFTER + 1)
    with pytest.raises(RoomError, match="has ended"):
        opened.count(code, key, rooms.ENDS_AFTER + 1)


def test_only_the_presenter_counts_asks_and_ends(room):
    opened, code, key = room
    for call in (
        lambda: opened.count(code, "0" * 32, 1),
        lambda: opened.ask(code, "", ASKED, 1),
        lambda: opened.close(code, key[::-1] + "x", 1),
    ):
        with pytest.raises(RoomError, match="another presenter's"):
            call()
    opened.close(code, key, 1)
    with pytest.raises(RoomError, match="does not exist"):
        opened.look(code, TOKENS[0], 1)


def test_rooms_and_people_are_bounded(room):
    opened, code, _ = room
    for token in TOKENS[: rooms.MAX_PEOPLE]:
        opened.look(code, token, 1)
    with pytest.raises(RoomError, match="it takes 500 people"):
        opened.look(code, TOKENS[rooms.MAX_PEOPLE], 1)
    opened.vote(code, TOKENS[0], "1", "a", 1)
    for _ in range(rooms.MAX_ROOMS - 1):
        opened.open(1)
    with pytest.raises(RoomError, match="takes 50 rooms"):
        opened.open(1)
    opened.open(rooms.ENDS_AFTER + 2)


DRAWN = Question(name="3", title="Where?", text="Draw.", options={}, drawing={"label": "Draw"})
LINE = "0080ff80"


@pytest.mark.parametrize(
    "answer", ["", "a", "0080", "80808080", LINE * 100, "<svg>", "0080FF80", LINE + " "]
)
def test_only_a_line_answers_where_a_line_is_drawn(room, answer):
    opened, code, key = room
    with pytest.raises(RoomError, match="no such answer"):
        opened.vote(code, TOKENS[0], "1", LINE, 1)
    opened.ask(code, key, DRAWN, 1)
    with pytest.raises(RoomError, match="no such answer"):
        opened.vote(code, TOKENS[0], "3", answer, 1)
    assert not opened.count(code, key, 1)
    opened.vote(code, TOKENS[0], "3", LINE, 1)
    assert opened.count(code, key, 1) == Counter({LINE: 1})


@pytest.mark.parametrize("token", ["", "x" * 32, "A" * 32, "0" * 31, "0" * 33, "é" * 32])
def test_a_token_that_is_none_is_refused(room, token):
    opened, code, _ = room
    with pytest.raises(RoomError, match="should be 32 hexadecimal digits"):
        opened.vote(code, token, "1", "a", 1)


@pytest.fixture
def served(room, monkeypatch):
    opened, code, key = room
    monkeypatch.setattr(route, "ROOMS", opened)
    # The room's clock stands at 0 in these tests.
    monkeypatch.setattr(route, "_now", lambda: 1.0)
    return Starlette(routes=route.room_routes()), opened, code, key


def client(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://room")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"room": 1}',
        b"\xff\xfe",
        b"[" * 900,
        json.dumps({"room": [], "token": {}, "name": 1, "answer": None}).encode(),
    ],
)
def test_junk_is_answered_in_a_sentence_and_counts_nothing(served, body):
    app, opened, code, key = served

    async def send():
        async with client(app) as browser:
            assert (await browser.post("/join/vote", content=body)).status_code == 422
            assert (await browser.post("/join/vote", content=b"0" * 5000)).status_code == 413
            assert (await browser.get("/join/question")).status_code == 404
            assert (await browser.get(f"/join/question?room={code}&token=x")).status_code == 404
            assert (await browser.get("/join/secret")).status_code == 404

    asyncio.run(send())
    assert not opened.count(code, key, 2)


def test_the_page_needs_no_inline_script_and_speaks_german(served):
    app, *_ = served

    async def load():
        async with client(app) as browser:
            return [
                (await browser.get(path)).text
                for path in ("/join?room=X", "/join?room=X&lang=de", "/class/join", "/join/room.js")
            ]

    english, german, behind_prefix, script = asyncio.run(load())
    assert "Wait for the question." in english
    assert "Warten Sie auf die Frage." in german
    assert behind_prefix == english
    assert "<script>" not in english
    assert "join/vote" in script


def test_two_hundred_learners_lose_no_vote_and_double_none(served):
    app, opened, code, key = served
    chance = random.Random(7)
    wanted = {token: chance.choice("ab") for token in TOKENS[:200]}
    broken = set(chance.sample(sorted(wanted), 20))
    lags = []

    async def learn(browser, token, answer):
        await asyncio.sleep(chance.random() * 3)
        found = (await browser.get(f"/join/question?room={code}&token={token}")).json()
        vote = {"room": code, "token": token, "name": found["name"], "answer": answer}
        # Who lost the connection does not know whether the vote has arrived, and sends it again.
        for _ in range(1 + (token in broken)):
            sent = await browser.post("/join/vote", content=json.dumps(vote))
            assert sent.status_code == 200

    async def watch(done):
        before = time.perf_counter()
        while not done.is_set():
            opened.count(code, key, 1)
            await asyncio.sleep(0.05)
            now = time.perf_counter()
            lags.append(now - before)
            before = now

    async def run():
        done = asyncio.Event()
        presenter = asyncio.create_task(watch(done))
        async with client(app) as browser:
            await asyncio.gather(*(learn(browser, *one) for one in wanted.items()))
        done.set()
        await presenter

    asyncio.run(run())
    assert opened.count(code, key, 2) == Counter(wanted.values())
    assert sorted(lags)[int(0.95 * len(lags))] < 1
