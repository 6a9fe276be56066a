"""Two real pages in Chromium beside a crowd: from a key on a slider to the painted boundary."""

import shutil
import threading

from playwright.sync_api import sync_playwright

from benchmarks.browser import FLAGS, Playground
from pages.frame.controls.settings import SETTINGS

_SLIDERS = [SETTINGS[key].label for key in ("T", "alpha", "width")]
# Seconds between two moves of the pages, in turn.
_PAUSE = 1.0
# Seconds in which Chromium, with empty pages, has come to rest.
_START = 3.0


class Canaries(threading.Thread):
    """Opens two pages when it is told to, and moves sliders on them until it is told to stop.

    `moves` are milliseconds to paint. `ready` says that Chromium is there, `opened` that its pages
    are.
    """

    def __init__(self, address: str, query: str = "") -> None:
        super().__init__(name="canaries", daemon=True)
        self._address, self._query = address, query
        self._begun, self._over = threading.Event(), threading.Event()
        self.ready, self.opened = threading.Event(), threading.Event()
        self.moves: list[float] = []
        self.errors: list[str] = []

    def run(self) -> None:
        """Start Chromium; once begun, open two pages and move their sliders in turn."""
        try:
            self._move_on()
        except Exception as error:
            self.errors.append(f"canary: {type(error).__name__} {str(error)[:200]}")
        finally:
            self.ready.set()
            self.opened.set()

    def begin(self) -> None:
        """Let it open its pages."""
        self._begun.set()

    def stop(self) -> None:
        """Let it end, and wait for that."""
        self._over.set()
        self._begun.set()
        self.join(60)

    def _move_on(self) -> None:
        with sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("google-chrome")
            chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
            pages = [
                Playground(chromium.new_page(bypass_csp=True), self._address) for _ in range(2)
            ]
            # Chromium is busy with itself for a while; that is nobody's answer.
            self._over.wait(_START)
            self.ready.set()
            self._begun.wait()
            for page in pages:
                page.open(f"/?{self._query}")
            self.opened.set()
            n = 0
            while not self._over.wait(_PAUSE):
                # Back and forth, so that no slider comes to its end.
                key = "ArrowRight" if n // (2 * len(_SLIDERS)) % 2 else "ArrowLeft"
                slider = _SLIDERS[n // 2 % len(_SLIDERS)]
                move = pages[n % 2].press(slider, key)
                self.moves.append(move.milliseconds / 1000)
                n += 1
            chromium.close()
