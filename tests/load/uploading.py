"""Somebody sends a large file while others move sliders: what it takes, and what others notice."""

import asyncio
import os
import random
import shutil
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.browser import FLAGS
from benchmarks.rows import write_tables
from tests.load.scenarios import Run, crowd, move_slider
from tests.load.visitor import LightVisitor

# Milliseconds after which a file counts as not answered.
_PATIENCE = 600_000
_NICE = 10
_OWN = "?data=your+own+data"


class Uploader(threading.Thread):
    """A page in Chromium that sends a file and waits until the page says what is in it."""

    def __init__(self, address: str, path: Path) -> None:
        super().__init__(name="uploader", daemon=True)
        self._address, self._path = address, path
        self.ready, self.go = threading.Event(), threading.Event()
        self.seconds = float("nan")
        self.said = ""

    def run(self) -> None:
        """Open the page, wait until it is told to go on, send the file."""
        # A sender has a machine of their own: here their browser steps back for server and crowd.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            with sync_playwright() as playwright:
                executable = shutil.which("chromium") or shutil.which("google-chrome")
                chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS)
                page = chromium.new_page(bypass_csp=True)
                page.goto(self._address + "/" + _OWN)
                chooser = page.get_by_test_id("stFileUploaderDropzoneInput")
                chooser.wait_for(state="attached", timeout=_PATIENCE)
                page.wait_for_timeout(2000)
                self.ready.set()
                self.go.wait(_PATIENCE / 1000)
                began = time.monotonic()
                chooser.set_input_files(self._path)
                said = page.get_by_text("What was decided:").or_(
                    page.get_by_test_id("stAlertContentError")
                )
                said.first.wait_for(timeout=_PATIENCE)
                self.seconds = time.monotonic() - began
                self.said = said.first.inner_text()
                chromium.close()
        finally:
            self.ready.set()


async def _move_often(visitor: LightVisitor, rng: random.Random) -> None:
    """Move a slider about once a second: what is measured does not last long."""
    await asyncio.sleep(rng.uniform(0.5, 1.5))
    await move_slider(visitor, rng)


async def measure_upload(run: Run) -> None:
    """A few visitors; then somebody sends a table of a million rows beside them, as each kind."""
    with tempfile.TemporaryDirectory() as folder:
        for path in write_tables(Path(folder), run.n_rows):
            size = path.stat().st_size / 1e6
            uploader = Uploader(run.served.address, path)
            uploader.start()
            await asyncio.to_thread(uploader.ready.wait)
            for n in run.users:
                name = f"{path.suffix[1:]} of {size:.0f} MB"
                async with crowd(run, f"before {name}", n, 2.0, _move_often) as tally:
                    await tally.wait_for(n, 60)
                    tally.answers.clear()
                    tally.watch()
                    await asyncio.sleep(run.seconds)
                run.rows[-1] |= {"answered after s": "-", "said": ""}
                async with crowd(run, f"during {name}", n, 2.0, _move_often) as tally:
                    await tally.wait_for(n, 60)
                    tally.answers.clear()
                    tally.watch()
                    uploader.go.set()
                    await asyncio.to_thread(uploader.join)
                run.rows[-1] |= {"answered after s": uploader.seconds, "said": uploader.said}
