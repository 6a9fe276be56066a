"""What a million rows take to be read, and whether others are answered while a file is read."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow
from playwright.sync_api import sync_playwright
from pyarrow import csv, parquet
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from benchmarks import Claim, Outcome, browser
from distill_core.data.sheets import MAX_CELLS, read_upload_limit

N_ROWS, N_COLUMNS = 1_000_000, 50
# Bytes that a number takes while it is read: twice its 8, a code, and as much again for a while.
_BYTES = 2 * (8 + 8 + 2)
# Bytes of what is imported, and of one batch of rows.
_BASE = 512 * 1024**2
# Rows made at once, and bytes of one at least.
_CHUNK, _ROW = 100_000, 320
# Runs of a page that are not counted and that are; seconds between them.
_WARM, _RUNS, _PAUSE = 10, 60, 0.15

_READ = """
import json, re, sys, time
from distill_core import data
from distill_core.data.tables import prepare
begin = time.perf_counter()
sheet = data.read(sys.argv[1])
read = time.perf_counter() - begin
table = prepare(sheet, "kind").table
status = open("/proc/self/status").read()
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) * 1024
took = time.perf_counter() - begin
print(json.dumps([sheet.n_read, sheet.n_rows, len(table.y), read, took, peak]))
"""


def run(say: Callable[[str], None]) -> Outcome:
    """Read both files, each in a process of its own, then send one to a server."""
    rows: list[dict[str, str | float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for path in _write(Path(folder), N_ROWS):
            say(f"reading {path.name}")
            done = subprocess.run(
                [sys.executable, "-c", _READ, str(path)], stdout=subprocess.PIPE, check=True
            )
            n_read, n_kept, n_used, read, took, peak = json.loads(done.stdout)
            rows.append(
                {
                    "": f"{n_read:,} rows x {N_COLUMNS}, {path.suffix[1:]}",
                    "MB": path.stat().st_size / 1e6,
                    "read, s": read,
                    "and made a table, s": took,
                    "peak, MB": peak / 1e6,
                    "rows kept": str(n_kept),
                    "rows used": str(n_used),
                }
            )
            say(str(rows[-1]))
        peak = max(float(row["peak, MB"]) for row in rows)
    bound = (MAX_CELLS * _BYTES + _BASE) / 1e6
    waits, claim = _ask_meanwhile(say)
    return Outcome(
        "A large table is read with bounded memory: of more numbers than fit, a random part of\n"
        "the rows is kept. Then a visitor sends a file as large as allowed to a server, while\n"
        "another one has the page run again and again.",
        [*rows, *waits],
        [
            Claim(f"Reading takes at most {bound:,.0f} MB of memory ({peak:,.0f}).", peak <= bound),
            claim,
        ],
    )


def _write(folder: Path, n_rows: int) -> list[Path]:
    """Write the same table as CSV and as Parquet; return where."""
    paths = [folder / "table.csv", folder / "table.parquet"]
    generator = np.random.default_rng(0)
    names = [f"x{i}" for i in range(N_COLUMNS - 1)]
    schema = pyarrow.schema([*((name, pyarrow.float64()) for name in names), ("kind", "string")])
    with csv.CSVWriter(paths[0], schema) as text, parquet.ParquetWriter(paths[1], schema) as packed:
        for first in range(0, n_rows, _CHUNK):
            n = min(_CHUNK, n_rows - first)
            values = generator.normal(size=(len(names), n)).round(4)
            kind = pyarrow.array(np.where(values[0] + values[1] > 0, "high", "low"))
            table = pyarrow.table([*values, kind], schema=schema)
            text.write_table(table)
            packed.write_table(table)
    return paths


def _ask_meanwhile(say: Callable[[str], None]) -> tuple[list[dict[str, str | float]], Claim]:
    """Measure how soon a page runs, before and while another visitor's file is read."""
    limit = read_upload_limit()
    environment = {**os.environ, "DISTILL_WARM": "0"}
    script = browser.PROJECT / "app.py"
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        browser.server(script, environment={**environment, "DISTILL_STORE": folder}) as address,
        contextlib.closing(browser.launch(playwright)) as chromium,
    ):
        path = _write(Path(folder), limit // _ROW)[0]
        content = path.read_bytes()[: int(0.98 * limit)]
        path.write_bytes(content[: content.rindex(b"\n") + 1])
        page = chromium.new_page(bypass_csp=True)
        page.goto(f"{address}/?data=your+own+data&teachers=1")
        sender = page.get_by_test_id("stFileUploaderDropzoneInput")
        sender.wait_for(state="attached", timeout=1000 * browser.PATIENCE)
        with _Visitor(address) as other:
            other.run_for(_WARM, threading.Event())
            quiet = other.run_for(_RUNS, threading.Event())
            say(f"quiet: {_describe(quiet)}")
            read = threading.Event()
            with ThreadPoolExecutor(1) as thread:
                busy = thread.submit(other.run_for, 100 * _RUNS, read)
                began = time.perf_counter()
                try:
                    sender.set_input_files(path)
                    said = page.get_by_text("What was decided")
                    said.wait_for(timeout=1000 * browser.PATIENCE)
                finally:
                    seconds = time.perf_counter() - began
                    read.set()
    say(f"while {seconds:.1f} s are taken: {_describe(busy.result())}")
    ratio = float(np.quantile(busy.result(), 0.95) / np.quantile(quiet, 0.95))
    megabytes = len(content) / 1024**2
    rows: list[dict[str, str | float]] = [
        {"": f"another's page, nobody sends: {_describe(quiet)}"},
        {
            "": f"while {megabytes:.0f} MB are sent and read, {seconds:.0f} s: "
            f"{_describe(busy.result())}"
        },
    ]
    return rows, Claim(
        f"Others are answered meanwhile, the 95th of 100 within 1.5 times ({ratio:.2f}).",
        ratio <= 1.5,
    )


class _Visitor:
    """A visitor without a browser, who has a page run again and again."""

    def __init__(self, address: str) -> None:
        self._socket = connect(
            f"{address.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
        )

    def __enter__(self) -> "_Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def run_for(self, n: int, end: threading.Event) -> list[float]:
        """Have the page run n times or until the end; return the seconds of each run."""
        times: list[float] = []
        while len(times) < n and not end.is_set():
            began = time.perf_counter()
            message = BackMsg()
            message.rerun_script.query_string = "data=moons&teachers=1"
            self._socket.send(message.SerializeToString())
            while self._read().script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                pass
            times.append(time.perf_counter() - began)
            end.wait(_PAUSE)
        return times

    def _read(self) -> ForwardMsg:
        while True:
            content = self._socket.recv(timeout=browser.PATIENCE)
            message = ForwardMsg.FromString(content)
            if message.WhichOneof("type") == "script_finished":
                return message


def _describe(times: list[float]) -> str:
    middle, late = (1000 * float(np.quantile(times, q)) for q in (0.5, 0.95))
    return f"{len(times)} runs, median {middle:.0f} ms, p95 {late:.0f} ms"
