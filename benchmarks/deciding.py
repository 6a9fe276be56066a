"""From opening the page "Worth it?" to its recommendation, in Chromium."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from benchmarks import Claim, Outcome
from benchmarks.browser import PATIENCE, app
from benchmarks.latency import wait_until_still
from benchmarks.racing import Row, Say

# Seconds.
FIRST_FIGURES, VERDICT, AGAIN = 2.0, 30.0, 2.0
# What each is seen by.
_SEEN = {
    "first figures": "() => document.querySelector('[data-testid=stMetricValue]') !== null",
    "recommendation": """() => [...document.querySelectorAll('[data-testid=stMarkdown]')].some(
        ({ innerText }) => innerText.startsWith('Recommended:')
            && !innerText.includes('No recommendation yet'))""",
    "times measured": "() => document.body.innerText.includes('Measured now on')",
}


def run(say: Say, path: str = "", n_again: int = 5) -> Outcome:
    """Open the page on a store that has no more than the server trains ahead, then again.

    Parameters
    ----------
    say : callable
        Gets a line per opening.
    path : str
        A setting of the page, such as `?data=moons`; the usual one if empty.
    n_again : int
        How often it is opened again, each time by a visitor who was never there.
    """
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as (page, address):
        wait_until_still(Path(folder))
        first = _open(page, f"{address}/deploy{path}")
        say(str(first))
        again = []
        for _ in range(n_again):
            again.append(_open(page, f"{address}/deploy{path}"))
            say(str(again[-1]))
    return summary(first, again)


def summary(first: dict[str, float], again: list[dict[str, float]]) -> Outcome:
    """Return seconds and claims; of the further openings the slowest."""
    slowest = {name: max(one[name] for one in again) for name in _SEEN}
    rows: list[Row] = [
        {"opened": name, **{f"{what}, s": seconds for what, seconds in took.items()}}
        for name, took in (
            ("first", first),
            (f"again, slowest of {len(again)}", slowest),
        )
    ]
    figures, verdict, later = (
        first["first figures"],
        first["recommendation"],
        slowest["recommendation"],
    )
    return Outcome(
        'Opening the page "Worth it?" in Chromium: seconds from the request until what is named '
        "is on the page. Before the first opening the store has what the server trains ahead, the "
        "ensemble among it, but nothing of the study.",
        rows,
        [
            Claim(
                f"First figures within {FIRST_FIGURES:g} s ({figures:.1f}).",
                figures <= FIRST_FIGURES,
            ),
            Claim(f"The recommendation within {VERDICT:g} s ({verdict:.1f}).", verdict <= VERDICT),
            Claim(f"Opened again, it is there within {AGAIN:g} s ({later:.1f}).", later <= AGAIN),
        ],
    )


def _open(page: Page, address: str) -> dict[str, float]:
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    took = {}
    for name, seen in _SEEN.items():
        page.wait_for_function(seen, timeout=1e3 * PATIENCE)
        took[name] = time.perf_counter() - began
    return took
