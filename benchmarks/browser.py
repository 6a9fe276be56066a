"""The app in a real browser: a server of its own, and how long a key press takes to be painted."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

PROJECT = Path(__file__).parents[1]
PATIENCE = 120.0  # seconds
# Below those that systems give to outgoing connections: a crowd has hundreds of these at a time.
_PORTS = range(20_000, 32_000)
# What Chromium itself would look up at every start: whatever else is looked up, a page wants.
_OWN_NAMES = ("update.googleapis.com", "accounts.google.com", "content-autofill.googleapis.com")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
FLAGS += [f"--host-resolver-rules={', '.join(f'MAP {name} ~NOTFOUND' for name in _OWN_NAMES)}"]
_VIEW = "[data-testid=boundary-view]"

# Before the page's own scripts: what comes in by websocket, when, and how long it is. What
# comes by HTTP the browser notes itself.
_LISTEN = """() => {
    window.received = [];
    performance.setResourceTimingBufferSize(10000);
    window.WebSocket = class extends WebSocket {
        constructor(...some) {
            super(...some);
            this.addEventListener('message', ({ data }) => {
                const bytes = data.byteLength ?? data.size ?? data.length;
                window.received.push({ at: performance.now(), bytes });
            });
        }
    };
}"""

# In the browser's own clock, from the event that the last key made, for each student: to the
# frame after the one in which the view says that it shows this other student, and until all of
# that student's picture is there and no longer a preview of its line.
_WATCH = """() => {
    const note = { student: null, began: null, painted: {}, whole: {} };
    const view = () => document.querySelector('[data-testid=boundary-view]');
    const look = () => {
        const { state, student, preview } = view()?.dataset ?? {};
        if (note.began === null || state !== 'ready' || student === note.student) return;
        const began = note.began;
        const mark = (name) => requestAnimationFrame(() => {
            if (note.began === began) note[name][student] ??= performance.now();
        });
        mark('painted');
        if (preview === undefined) mark('whole');
    };
    addEventListener('keydown', (event) => {
        const { student } = view().dataset;
        Object.assign(note, { student, began: event.timeStamp, painted: {}, whole: {} });
    }, { capture: true });
    new MutationObserver(look).observe(document.body, {
        subtree: true, childList: true, attributes: true,
        attributeFilter: ['data-student', 'data-state', 'data-preview'],
    });
    window.paintNote = note;
}"""
_TAKEN = """() => {
    const { student } = document.querySelector('[data-testid=boundary-view]').dataset;
    const { began } = window.paintNote;
    const [painted, whole] = ['painted', 'whole'].map((name) => window.paintNote[name][student]);
    const loaded = performance.getEntriesByType('resource')
        .map(({ responseEnd, encodedBodySize }) => ({ at: responseEnd, bytes: encodedBodySize }));
    const parts = [...window.received, ...loaded]
        .filter(({ at }) => at > began && at < whole).map(({ bytes }) => bytes);
    return [painted - began, whole - began, parts];
}"""


@dataclass(frozen=True)
class Move:
    """One move of a control.

    Parameters
    ----------
    student : str
        Digest of the picture that was painted.
    milliseconds : float
        From the key press until the new student's boundary is painted.
    whole : float
        Until the whole picture is there: fields, shaded differences, levels.
    largest, total : int
        Bytes that came from the server until then: the largest message, and all.
    """

    student: str
    milliseconds: float
    whole: float
    largest: int
    total: int


class Playground:
    """The playground in one tab; made by `playground`."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        page.add_init_script(f"({_LISTEN})()")

    def open(self, path: str) -> None:
        """Open a path and wait for its picture and all that belongs to it."""
        self._open(self.address + path)

    def reopen(self) -> None:
        """Open the same address in a new document, which remembers nothing."""
        self._open(self.page.url)

    def _open(self, address: str) -> None:
        self.page.goto("about:blank")
        self.page.goto(address)
        ready = f"() => document.querySelector('{_VIEW}')?.dataset.state === 'ready'"
        self.page.wait_for_function(ready, timeout=1e3 * PATIENCE)
        self.page.evaluate(_WATCH)
        self.rest()

    def press(self, control: str, *keys: str) -> Move:
        """Press keys on a control, wait for the picture, and return what it took from the last.

        Of more than one key, the settings on the way may be painted, too; they do not count.
        """
        numbers = self.page.get_by_role("spinbutton", name=control)
        self.page.get_by_role("slider", name=control).or_(numbers).focus()
        for key in keys:
            self.page.keyboard.press(key)
        drawn = "() => Object.keys(window.paintNote.whole).length > 0"
        self.page.wait_for_function(drawn, polling="raf", timeout=1e3 * PATIENCE)
        if len(keys) > 1:
            self.rest(0.1)
        milliseconds, whole, parts = self.page.evaluate(_TAKEN)
        student = self.page.locator(_VIEW).get_attribute("data-student") or ""
        return Move(student, milliseconds, whole, max(parts, default=0), sum(parts))

    def rest(self, seconds: float = 0.4) -> None:
        """Wait until the page has not been at work for a while."""
        quiet = """seconds => {
            const app = document.querySelector('[data-testid=stApp]');
            const rests = app.dataset.testScriptState === 'notRunning';
            window.restSince = rests ? (window.restSince ?? performance.now()) : null;
            return rests && performance.now() - window.restSince > 1e3 * seconds;
        }"""
        self.page.evaluate("() => { window.restSince = null; }")
        self.page.wait_for_function(quiet, arg=seconds, polling=20, timeout=1e3 * PATIENCE)


@contextlib.contextmanager
def playground(store: Path, log: Path | None = None, /, **environment: str) -> Iterator[Playground]:
    """Start a server on a store folder and Chromium on a page of it; end both afterwards.

    `log` is a file for what the server writes; further keywords are environment variables of it.
    """
    with app(store, log, **environment) as (page, address):
        yield Playground(page, address)


@contextlib.contextmanager
def app(store: Path, log: Path | None = None, /, **environment: str) -> Iterator[tuple[Page, str]]:
    """Start a server on a store folder and Chromium; yield an empty page and the address.

    `log` and further keywords as for `playground`.
    """
    environment = {**os.environ, "DISTILL_STORE": str(store), **environment}
    serving = server(PROJECT / "app.py", environment=environment, log=log)
    with serving as address, sync_playwright() as playwright:
        chromium = launch(playwright)
        # Waiting for conditions needs eval, which the server's policy forbids to scripts.
        yield chromium.new_page(viewport={"width": 1440, "height": 1000}, bypass_csp=True), address
        chromium.close()


def launch(playwright: Playwright) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=FLAGS
    )


@contextlib.contextmanager
def server(
    script: Path, *options: str, environment: Mapping[str, str], log: Path | None = None
) -> Iterator[str]:
    """Run `streamlit run <script>` on a free port; yield its address as soon as it answers.

    What it writes goes to `log`, or to a file that is thrown away.

    Raises
    ------
    RuntimeError
        When it does not start; the message holds what it wrote.
    """
    port = str(find_port())
    command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
    command += ["--server.port", port, "--server.headless", "true"]
    with log.open("w+b") if log else tempfile.TemporaryFile() as written:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=dict(environment), stdout=written, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://localhost:{port}"
            prefix = "--server.baseUrlPath"
            base = f"/{options[options.index(prefix) + 1]}" if prefix in options else ""
            wait_healthy(process, address + base, written)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def find_port() -> int:
    """Return a port that nobody uses, and that no outgoing connection is given meanwhile."""
    ports = list(_PORTS)
    random.SystemRandom().shuffle(ports)
    for port in ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"All ports from {_PORTS[0]} to {_PORTS[-1]} are in use.")


def wait_healthy(process: "subprocess.Popen[bytes]", address: str, written: IO[bytes]) -> None:
    """Wait until a server answers.

    Raises
    ------
    RuntimeError
        When it ends before, or takes too long; the message holds what it has written.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    written.seek(0)
    raise RuntimeError(f"The server did not start:\n{written.read().decode()}")
