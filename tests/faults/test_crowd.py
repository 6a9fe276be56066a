"""A crowd whose workers die: the server stays, and everybody is served."""

import contextlib
import json
import os
import random
import signal
import threading
import time
import urllib.request

import pytest

from benchmarks.browser import server
from tests.conftest import PROJECT
from tests.visitor import SMALL, Visitor

pytestmark = pytest.mark.reliability


@pytest.fixture
def crowded(tmp_path):
    environment = {**os.environ, "DISTILL_WARM": "0", "DISTILL_STORE": str(tmp_path)}
    path = PROJECT / "tests" / "e2e" / "watched_app.py"
    environment["PYTHONPATH"] = str(PROJECT)
    with server(path, environment=environment) as address:
        yield address.replace("localhost", "127.0.0.1")


def look(address):
    with urllib.request.urlopen(address + "/engine", timeout=30) as answer:
        return json.loads(answer.read())


def test_a_crowd_with_dying_workers_leaves_the_server_alive(crowded):
    """290 sessions, ten times over; each asks for a picture of its own."""
    rng, over = random.Random(0), threading.Event()
    n_killed = 0

    def kill():
        nonlocal n_killed
        while not over.wait(0.5):
            with contextlib.suppress(Exception):
                os.kill(rng.choice(look(crowded)["pids"]), signal.SIGKILL)
                n_killed += 1

    with Visitor(crowded) as first:
        first.run(timeout=120)
    killer = threading.Thread(target=kill)
    killer.start()
    failures = []

    def visit(number):
        try:
            with Visitor(crowded, f"127.0.0.{2 + number % 10}", open_timeout=120) as visitor:
                visitor.run(f"{SMALL}&seed={number % 40}", timeout=300)
        except Exception as error:
            failures.append(f"{number}: {type(error).__name__} {error}")

    try:
        for _ in range(10):
            crowd = [threading.Thread(target=visit, args=(i,)) for i in range(290)]
            for thread in crowd:
                thread.start()
            for thread in crowd:
                thread.join()
    finally:
        over.set()
        killer.join()
    assert failures == []
    assert n_killed > 0
    # Alive, with new workers, and as quick as before.
    time.sleep(2)
    with Visitor(crowded) as last:
        assert last.run(timeout=60) < 10
    assert len(look(crowded)["pids"]) > 0
