"""However a server ends, nothing of an upload stays behind."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest

from benchmarks.browser import find_port, wait_healthy
from distill_core import uploads
from distill_core.data import csv_files
from distill_core.data.tables import prepare
from distill_core.store import Store
from tests.conftest import FULL, PROJECT
from tests.faults.planted import SECRET, WORD


def find_traces(folder):
    """Return the files that have a value or a word of the planted table in them."""
    traces = (SECRET.tobytes(), WORD.encode())
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(trace in path.read_bytes() for trace in traces)]


class Server:
    """A server that can be ended in every way."""

    def __init__(self, folder, port=None):
        self.port = port or find_port()
        command = [sys.executable, "-m", "streamlit", "run", "tests/faults/planted_app.py"]
        environment = {**os.environ, "DISTILL_WARM": "0", "DISTILL_STORE": str(folder)}
        with tempfile.TemporaryFile() as written:
            self.process = subprocess.Popen(
                [*command, "--server.port", str(self.port)],
                cwd=PROJECT,
                env={**environment, "PYTHONPATH": str(PROJECT)},
                stdout=written,
                stderr=subprocess.STDOUT,
            )
            try:
                wait_healthy(self.process, f"http://127.0.0.1:{self.port}", written)
            except RuntimeError:
                self.process.kill()
                raise

    def ask(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=120) as answer:
            return answer.read()

    def end(self, how):
        """Send a signal; return the seconds until the process is gone."""
        began = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(60)
        return time.monotonic() - began


WAYS = [signal.SIGTERM, signal.SIGINT, signal.SIGKILL] if FULL else [signal.SIGTERM]


@pytest.mark.parametrize("how", WAYS, ids=lambda how: how.name)
def test_nothing_of_an_upload_outlives_its_server(tmp_path, how):
    server = Server(tmp_path)
    try:
        server.ask("/plant")
        assert find_traces(tmp_path), "the search itself must find something"
        # Somebody who holds a connection open does not hold up the end.
        with socket.create_connection(("127.0.0.1", server.port)) as open_connection:
            open_connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")
            assert server.end(how) < 10
    finally:
        server.process.kill()
    if how == signal.SIGKILL:
        after = Server(tmp_path)
        try:
            assert find_traces(tmp_path) == []
        finally:
            after.end(signal.SIGTERM)
    assert find_traces(tmp_path) == []


def test_the_next_server_deletes_what_a_killed_one_left(store):
    """The same without servers: a process that signs in, keeps a table and is killed."""
    code = """
import sys, time
from distill_core import uploads
from distill_core.data import csv_files
from distill_core.data.tables import prepare
from distill_core.store import Store
store = Store(sys.argv[1])
prepared = prepare(csv_files.read_file(uploads.SAMPLE), "kind")
print(uploads.keep(store, prepared, "owner", uploads.sign_in(store)).table, flush=True)
time.sleep(600)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, store.root], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    table = process.stdout.readline().strip()
    prepared = prepare(csv_files.read_file(uploads.SAMPLE), "kind")
    by_hand = uploads.keep(store, prepared, "a command line").table
    ours = uploads.keep(store, prepared, "ours", uploads.sign_in(store)).table
    # Its server is alive, and ours is.
    assert uploads.delete_abandoned(store) == 0
    store.put("students", table[:16] + "0" * 16, {})
    process.kill()
    process.communicate()
    assert uploads.delete_abandoned(store) == 1
    assert not store.has("table", table)
    assert not store.has("students", table[:16] + "0" * 16)
    assert store.has("table", by_hand)
    assert store.has("table", ours)


def test_a_damaged_table_that_was_set_aside_goes_with_it(store):
    prepared = prepare(csv_files.read_file(uploads.SAMPLE), "kind")
    spec = uploads.keep(store, prepared, "owner")
    (blob,) = store.root.glob("blobs/*/*")
    blob.write_bytes(blob.read_bytes()[:-1])
    assert store.get("table", spec.table) is None
    assert len(list(store.root.glob("set-aside/*"))) == 2
    uploads.delete(store, spec)
    assert list(store.root.glob("set-aside/*")) == []


def test_half_written_files_of_a_killed_writer_go_at_the_next_start(store):
    store.put("student", "0" * 32, {})
    half = store.root / "blobs" / "ab" / ".abcdefab-abc.tmp"
    half.parent.mkdir()
    half.write_bytes(b"half")
    orphan = store.root / "blobs" / "ab" / f"{'ab' * 32}.safetensors"
    orphan.write_bytes(b"whole")
    assert store.sweep() == 0, "another process may still be at it"
    with Store(store.root)._writing():
        assert store.sweep(at_once=True) == 0, "one is"
    assert store.sweep(at_once=True) == 2
    assert store.get("student", "0" * 32) is not None
