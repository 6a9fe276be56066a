"""`python -m tests.load.record NAME`: keep what somebody does on the playground, to replay it.

A window of Chromium opens on a server of its own; whatever is done there until it is closed is
added to `sessions.json`, as the messages that the page has sent, with their pauses.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.browser import FLAGS, Playground
from tests.load.measuring import serve
from tests.load.scenarios import SESSIONS, list_sessions
from tests.visitor import Tab, read_moves

# Without a screen: sliders, keys and pauses in seconds, much as somebody tries things out.
WALK = [
    ("Student width", "ArrowLeft", 1.2),
    ("Student width", "ArrowLeft", 0.5),
    ("Student width", "ArrowLeft", 0.5),
    ("Student width", "ArrowRight", 2.8),
    ("Temperature T", "ArrowRight", 4.1),
    ("Temperature T", "ArrowRight", 0.7),
    ("Temperature T", "ArrowRight", 0.7),
    ("alpha (weight on the ensemble)", "ArrowLeft", 6.3),
    ("alpha (weight on the ensemble)", "ArrowLeft", 1.1),
    ("Temperature T", "ArrowLeft", 3.4),
    ("Student width", "ArrowRight", 5.0),
    ("Student width", "ArrowRight", 0.9),
]


def record(by_hand: bool) -> list[dict[str, object]]:
    """Return the moves that a page has reported until its window was closed."""
    sent: list[tuple[float, bytes]] = []
    tab, began = Tab(), 0.0

    def listen(socket: object) -> None:
        socket.on("framesent", lambda data: sent.append((time.monotonic() - began, data)))  # type: ignore[attr-defined]
        socket.on("framereceived", lambda data: isinstance(data, bytes) and tab.take(data))  # type: ignore[attr-defined]

    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder)) as served,
        sync_playwright() as playwright,
    ):
        path = shutil.which("chromium") or shutil.which("google-chrome")
        chromium = playwright.chromium.launch(
            executable_path=path, args=FLAGS, headless=not by_hand
        )
        page: Page = chromium.new_page(bypass_csp=True)
        page.on("websocket", listen)
        playground = Playground(page, served.address)
        playground.open("/")
        began = time.monotonic()
        sent[:-1] = []
        if by_hand:
            page.wait_for_event("close", timeout=0)
        else:
            for label, key, pause in WALK:
                page.wait_for_timeout(1000 * pause)
                playground.press(label, key)
            playground.rest()
        chromium.close()
    return read_moves([(at, data) for at, data in sent if isinstance(data, bytes)], tab)


def main() -> None:
    """Record a session and add it to those that there are."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.record", description=__doc__)
    parser.add_argument("name", help="what the session is called")
    parser.add_argument(
        "--walk", action="store_true", help="no window: a walk that is written here"
    )
    arguments = parser.parse_args()
    moves = record(by_hand=not arguments.walk)
    by = "a walk in Chromium" if arguments.walk else "somebody in Chromium"
    sessions = [one for one in list_sessions() if one["name"] != arguments.name]
    sessions.append({"name": arguments.name, "by": by, "moves": moves})
    SESSIONS.write_text(json.dumps(sessions, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
