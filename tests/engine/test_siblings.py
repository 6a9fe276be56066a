"""Servers that share a store, as processes of their own."""

import subprocess
import sys

import pytest

from distill_core.engine.siblings import Neighbours
from tests.conftest import PROJECT

DIGEST, OTHER = "0" * 32, "1" * 32
OTHER_SERVER = """
import sys
from pathlib import Path
from distill_core.engine.siblings import Neighbours

neighbours = Neighbours(Path(sys.argv[1]))
for line in sys.stdin:
    step, kind, digest = line.split()
    print(getattr(neighbours, step)(kind, digest), flush=True)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


@pytest.fixture
def other(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_SERVER, str(tmp_path / "store")],
        **{"cwd": PROJECT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True},
    ) as process:

        def tell(step, kind, digest):
            print(step, kind, digest, file=process.stdin, flush=True)
            return process.stdout.readline().strip()

        tell.process = process
        yield tell
        process.kill()


def test_two_servers_do_not_make_the_same(tmp_path, other):
    here = Neighbours(tmp_path / "store")
    assert other("begin", "student", DIGEST) == "True"
    assert not here.begin("student", DIGEST)
    assert here.begin("picture", DIGEST)
    assert here.begin("student", OTHER)
    assert other("begin", "student", OTHER) == "False"
    other("end", "student", DIGEST)
    assert here.begin("student", DIGEST)
    assert other("begin", "student", DIGEST) == "False"


def test_what_a_server_that_died_was_at_is_free(tmp_path, other):
    here = Neighbours(tmp_path / "store")
    assert other("begin", "student", DIGEST) == "True"
    other.process.kill()
    other.process.wait()
    assert here.begin("student", DIGEST)


def test_it_is_free_when_all_attempts_of_a_server_have_ended(tmp_path, other):
    here = Neighbours(tmp_path / "store")
    assert here.begin("student", DIGEST)
    assert here.begin("student", DIGEST)
    here.end("student", DIGEST)
    assert other("begin", "student", DIGEST) == "False"
    here.end("student", DIGEST)
    assert other("begin", "student", DIGEST) == "True"


def test_a_store_that_cannot_be_written_to_keeps_nobody_from_working(tmp_path):
    (tmp_path / "file").write_text("")
    assert Neighbours(tmp_path / "file").begin("student", DIGEST)


ENGINE = """
import sys
from distill_core.engine import Engine
from distill_core.store import Store
from tests.engine import engine_jobs
from tests.engine.test_engine import student

with Engine(Store(sys.argv[1]), n_workers=1) as engine:
    engine.wait_ready()
    print("ready", flush=True)
    sys.stdin.readline()
    jobs = [engine.request(f"visitor {i}", engine_jobs.tally, student(i)) for i in range(5)]
    print(*(job.wait(60) and job.state for job in jobs))
"""


def test_two_servers_share_the_work_and_do_none_of_it_twice(tmp_path):
    pipes = {"cwd": PROJECT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", ENGINE, str(tmp_path / "store")]
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as two:
        assert [server.stdout.readline() for server in (one, two)] == ["ready\n"] * 2
        for server in (one, two):
            server.stdin.write("go\n")
            server.stdin.flush()
        assert [server.communicate(timeout=90)[0].split() for server in (one, two)] == [
            ["done"] * 5
        ] * 2
    ran = (tmp_path / "store" / "ran").read_text().split()
    assert len(ran) == len(set(ran)) == 5
