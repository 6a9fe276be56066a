"""Workers forked from a copy of their server: what they share, and that they come and go alike.

Every server is a process of its own here: a process has one fork server, and keeps it.
"""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from tests.conftest import PROJECT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a copy is made on Linux alone")

SERVER = """
import json, os, signal, sys, threading, time
from multiprocessing import forkserver
from pathlib import Path
from distill_core.engine import Engine, template
from distill_core.engine.apart import run_apart
from distill_core.specs import StudentSpec
from distill_core.store import Store
from tests.engine import engine_jobs

def read_parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

def say(**facts):
    print(json.dumps(facts), flush=True)

if __name__ == "__main__":
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    # Stands for all that is loaded: written to by nobody.
    ballast = bytearray(os.urandom(50_000_000))
    forked = template.fork("tests.engine.engine_jobs")
    again = template.fork("tests.engine.engine_jobs")
    engine = Engine(Store(sys.argv[1]), n_workers=2)
    assert engine.wait_ready(100)
    before = engine.worker_pids()
"""


def serve(tmp_path, body):
    """Run a server that ends with `body`; return what it says."""
    script = tmp_path / "server.py"
    script.write_text(SERVER + textwrap.indent(textwrap.dedent(body), "    "))
    done = subprocess.run(
        [sys.executable, script, str(tmp_path / "store")],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_workers_share_what_the_server_has_loaded(tmp_path):
    said = serve(
        tmp_path,
        """
        shared = [
            int(line.split()[1]) * 1024
            for line in Path(f"/proc/{before[0]}/smaps_rollup").read_text().splitlines()
            if line.startswith(("Rss", "Pss:"))
        ]
        say(forked=forked, again=again, parents=[read_parent(pid) for pid in before],
            grandparents=[read_parent(read_parent(pid)) for pid in before], own=os.getpid(),
            rss=shared[0], pss=shared[1])
        """,
    )
    # A process has one such copy.
    assert (said["forked"], said["again"]) == (True, False)
    assert len(set(said["parents"])) == 1
    assert said["parents"][0] != said["own"]
    assert set(said["grandparents"]) == {said["own"]}
    # The ballast is there and stands in memory once for server, copy and two workers.
    assert said["rss"] - said["pss"] > 0.7 * 50e6


def test_a_killed_worker_is_replaced_by_a_fork_of_the_same_copy(tmp_path):
    said = serve(
        tmp_path,
        """
        parents = {read_parent(pid) for pid in before}
        os.kill(before[0], signal.SIGKILL)
        while set(engine.worker_pids()) & {before[0]} or len(engine.worker_pids()) < 2:
            time.sleep(0.01)
        parents |= {read_parent(pid) for pid in engine.worker_pids()}
        job = engine.request("a", engine_jobs.note, StudentSpec())
        job.wait(60)
        say(parents=len(parents), state=job.state, root=run_apart(os.getcwd, seconds=30,
            memory=2**30))
        """,
    )
    assert said == {"parents": 1, "state": "done", "root": str(PROJECT)}


def test_without_the_copy_another_fork_server_takes_its_place(tmp_path):
    said = serve(
        tmp_path,
        """
        (copy,) = {read_parent(pid) for pid in before}
        os.kill(copy, signal.SIGKILL)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        while set(engine.worker_pids()) & set(before) or len(engine.worker_pids()) < 2:
            time.sleep(0.01)
        job = engine.request("a", engine_jobs.note, StudentSpec())
        job.wait(60)
        say(state=job.state)
        """,
    )
    assert said == {"state": "done"}


def test_an_unknown_fork_server_is_left_alone(tmp_path):
    said = serve(
        tmp_path,
        """
        forkserver.main = lambda listener, preload: None
        vars(forkserver._forkserver).update(dict.fromkeys(
            ("_forkserver_address", "_forkserver_alive_fd", "_forkserver_pid")))
        say(known=template._is_known())
        """,
    )
    assert said == {"known": False}
