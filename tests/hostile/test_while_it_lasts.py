"""What attacks cost somebody else: their answers while it lasts and after it, and memory.

Every attack goes on for some seconds while another visitor, from another address, has the page
run again and again. Attackers have machines of their own, as a rule; here they take part of this
one, whose speed changes by itself, too. So answers are measured against a peer: the same few lines
of Python, run after each answer in the visitor's process. By hand and in `make reliability`.
"""

import contextlib
import functools
import itertools
import json
import multiprocessing
import os
import socket
import statistics
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.load.measuring import serve
from tests.visitor import RERUN, SMALL, Tab, Visitor

pytestmark = pytest.mark.reliability

GOOD, BAD = "127.0.0.2", "127.0.0.3"
# Seconds: of an attack, of the answers before it, until all is as before, until memory is back.
LASTS, BEFORE, NORMAL_AFTER, MEMORY_BACK = 8.0, 6.0, 2.0, 30.0
FACTOR = 1.5
# Seconds of a median, and bytes, that are noise of the machine.
NOISE, SLACK = 0.005, 25e6
# Seconds between two storms. Without them the server is busy refusing: 1.6 times.
AGAIN = 0.25
SPAWN = multiprocessing.get_context("spawn")
# What becomes of a socket whose place is taken or that is closed.
CLOSED = ConnectionClosed, InvalidHandshake, OSError


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return a server with the limits that it has when nobody sets any."""
    settings = {"DISTILL_SOCKETS": "", "DISTILL_SOCKETS_PER_ADDRESS": ""}
    with serve(tmp_path_factory.mktemp("attacked"), **settings) as served:
        # What is made for the first time is no effect of an attack.
        for query in (SMALL, ""):
            with Visitor(served.address, GOOD) as visitor:
                visitor.run(query)
                visitor.run(query)
        yield served


def storm(served, stop):
    """1,000 messages on one socket, and on the next soon after it is closed."""
    while not stop.is_set():
        with contextlib.suppress(*CLOSED), Visitor(served.address, BAD) as bad:
            for _ in range(1000):
                bad.send(RERUN)
        stop.wait(AGAIN)


def garbage(served, stop):
    """Frames that are no messages, and messages that are too long."""
    while not stop.is_set():
        for frame in (b"\xff" * 40, b"\x0a\x05hello", "text", b"x" * 300_000):
            with contextlib.suppress(*CLOSED), Visitor(served.address, BAD) as bad:
                bad.send(frame)
        stop.wait(AGAIN)


def long_jobs(served, stop):
    """Two visitors ask for the longest trainings that there are and leave, again and again."""
    number = 0
    while not stop.is_set():
        with contextlib.suppress(*CLOSED), Visitor(served.address, BAD) as bad:
            tab = Tab(SMALL)
            bad.send(tab.ask())
            for message in bad.read():
                tab.take(message.SerializeToString())
            for width, epochs in ((1024, 200), (128, 200)):
                number += 1
                picture = json.loads(json.dumps(tab.picture["preview"]["picture"]))
                student = picture["student"]
                student["width"], student["seed"] = width, number
                student["schedule"]["epochs"] = epochs
                ask(served, "/boundary-view/student", visitor=tab.visitor, picture=picture)
        time.sleep(0.2)


def foreign_pages(served, stop):
    """Sockets and questions of a page from elsewhere."""
    while not stop.is_set():
        with contextlib.suppress(*CLOSED):
            Visitor(served.address, BAD, origin="http://evil.example")


def never_read(served, stop):
    """200 sockets of one address, if they are let in, that ask for pages and read nothing."""
    with contextlib.ExitStack() as crowd:
        for _ in range(200):
            if stop.is_set():
                return
            with contextlib.suppress(*CLOSED):
                silent = crowd.enter_context(Visitor(served.address, BAD, max_queue=1))
                silent.send(RERUN)
        stop.wait()


def half_open(served, stop):
    """400 connections that say nothing."""
    port = int(served.address.rsplit(":", 1)[1])
    with contextlib.ExitStack() as crowd:
        for _ in range(400):
            with contextlib.suppress(OSError):
                crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
        stop.wait()


def waiting_questions(served, stop):
    """90 questions of one visitor at once, for stops that nobody has trained."""
    with Visitor(served.address, BAD) as bad:
        tab = Tab(SMALL)
        bad.send(tab.ask())
        for message in bad.read():
            tab.take(message.SerializeToString())
        picture = json.dumps(tab.picture["preview"]["picture"])
        rows = tab.picture["preview"]["sliders"].values()
        settings = itertools.product(*(row["stops"] for row in rows))

        def question(stops):
            asked = json.loads(picture)
            for row, value in zip(rows, stops, strict=True):
                *way, last = row["way"]
                functools.reduce(dict.__getitem__, way, asked)[last] = value
            ask(served, "/boundary-view/student", visitor=tab.visitor, picture=asked)

        while not stop.is_set():
            wave = itertools.islice(settings, 90)
            threads = [threading.Thread(target=question, args=(one,)) for one in wave]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            stop.wait(AGAIN)


def invented_names(served, stop):
    """Paths that nothing stands behind, to be compressed."""
    number = 0
    while not stop.is_set():
        number += 1
        for path in (f"/static/js/{number}.js", "/static/js/%00.js"):
            ask(served, path, Accept_Encoding="gzip")


def ask(served, path, Accept_Encoding="", **question):
    """Ask over HTTP, whatever the answer."""
    query = {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in question.items()
    }
    request = urllib.request.Request(
        f"{served.address}{path}?{urlencode(query)}" if query else served.address + path,
        headers={"Accept-Encoding": Accept_Encoding},
    )
    with (
        contextlib.suppress(urllib.error.URLError, OSError),
        urllib.request.urlopen(request, timeout=20) as answer,
    ):
        answer.read()


def go_on(attack, served, start, stop):
    """Attack, in a process of its own that leaves the processor to others, as another machine."""
    os.nice(10)
    start.set()
    attack(served, stop)


def answers(visitor, seconds):
    """Return how long answers take, one after the other, as somebody does who looks between.

    And how long the peer takes, in the median.
    """
    found, peers, end = [], [], time.monotonic() + seconds
    while time.monotonic() < end:
        found.append(visitor.run())
        peers.append(peer())
        time.sleep(0.25)
    return found, statistics.median(peers)


TREE = {str(i): {"values": [i, i / 7, str(i)], "name": f"name {i}"} for i in range(2000)}


def peer():
    """Return how many seconds some work takes that goes through a few megabytes, as a page's."""
    began = time.monotonic()
    json.loads(json.dumps(TREE, sort_keys=True))
    return time.monotonic() - began


ATTACKS = (
    storm,
    garbage,
    long_jobs,
    foreign_pages,
    never_read,
    half_open,
    waiting_questions,
    invented_names,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_nobody_else_waits_and_memory_comes_back(served, attack):
    with Visitor(served.address, GOOD) as visitor:
        visitor.run()
        time.sleep(3)
        memory = served.measure().memory
        usual, peer_before = answers(visitor, BEFORE)
        usual = statistics.median(usual)
        start, stop = SPAWN.Event(), SPAWN.Event()
        attacker = SPAWN.Process(target=go_on, args=(attack, served, start, stop), daemon=True)
        attacker.start()
        assert start.wait(60)
        meanwhile, peer_meanwhile = answers(visitor, LASTS)
        stop.set()
        attacker.join(30)
        time.sleep(NORMAL_AFTER)
        # As long as before: the first answers after a rest take longer, attack or not.
        after, peer_after = answers(visitor, BEFORE)
        ended = time.monotonic()
        most = kept = served.measure().memory
        while (
            kept > memory + SLACK and time.monotonic() < ended + MEMORY_BACK - NORMAL_AFTER - BEFORE
        ):
            time.sleep(0.5)
            kept = served.measure().memory
    # At the speed that the machine had before.
    half = statistics.median(meanwhile) * peer_before / peer_meanwhile
    after = statistics.median(after) * peer_before / peer_after
    print(
        f"{attack.__name__}: {usual:.3f} s before, {half:.3f} s while it lasts "
        f"({half / usual:.2f} times, longest {max(meanwhile):.2f} s), {after:.3f} s after, "
        f"the peer took {peer_before:.3f}, {peer_meanwhile:.3f}, {peer_after:.3f} s; "
        f"{memory / 1e6:.0f} MB before, {most / 1e6:.0f} after it, {kept / 1e6:.0f} at last"
    )
    assert half < FACTOR * usual + NOISE
    assert after < FACTOR * usual + NOISE
    assert kept < memory + SLACK
