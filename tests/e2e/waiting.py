"""What tests wait for: the picture of a setting, its first line, the end of all work."""

import itertools
import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from pages.frame.controls.settings import SETTINGS

# Milliseconds that a machine with much else to do may need.
ENDLESS = 90_000
LABELS = {key: row.label for key, row in SETTINGS.items()}
WIDTH, TEMPERATURE, ALPHA = (LABELS[key] for key in ("width", "T", "alpha"))
# All of axe, and what of it looks at colours: in another theme nothing else is another.
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}
# The picture's lines as the browser has them: {uid: [[x...], [y...]]}.
LINES = """() => Object.fromEntries(
    document.querySelector('[data-testid=boundary-view] .js-plotly-plot').data
        .filter(t => t.mode === 'lines').map(t => [t.uid, [Array.from(t.x), Array.from(t.y)]]))"""
# The whole picture of another student is there.
PAINTED = """digest => {
    const view = document.querySelector('[data-testid=boundary-view]');
    return view?.dataset.state === 'ready' && !view.dataset.preview
        && view.dataset.student !== digest;
}"""
# The student's new line is there, on the short way or the long one.
FIRST_PAINTED = """digest => {
    const view = document.querySelector('[data-testid=boundary-view]');
    return view.dataset.student !== digest;
}"""


def painted(page, before=""):
    """Wait for the whole picture of another student than `before`."""
    page.wait_for_function(PAINTED, arg=before, timeout=ENDLESS)


def digest(page):
    """Return which student is on the screen."""
    return page.get_by_test_id("boundary-view").get_attribute("data-student")


def press(page, slider, key, times=1, until=PAINTED):
    """Move a slider by keys and wait for the new picture."""
    before = digest(page)
    handle = page.get_by_role("slider", name=slider)
    handle.focus()
    for _ in range(times):
        handle.press(key)
    page.wait_for_function(until, arg=before, polling="raf", timeout=ENDLESS)


def settled(page):
    """Wait until nothing runs any more, what is just about to begin included; must not see an
    exception.
    """
    page.wait_for_timeout(300)
    expect(page.get_by_test_id("stApp")).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=ENDLESS
    )
    expect(page.get_by_test_id("stException")).to_have_count(0)


def rest(page):
    """Wait until the playground has drawn everything and nothing is computed any more."""
    expect(page.get_by_text(re.compile(r"^Over \d+ student seeds"))).to_be_visible(timeout=ENDLESS)
    settled(page)


def stored(folder, *kinds):
    """Return the digests of all artifacts of some kinds."""
    return {path.stem for kind in kinds for path in folder.glob(f"{kind}/*/*.json")}


def fits(page):
    """Hold that the page need not be scrolled sideways."""
    # Not the window's: a phone's grows with what does not fit.
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.viewport_size["width"], "the page must not scroll sideways"


def headings_in_order(page):
    """Hold that the page begins with its title and that no level of headings is left out."""
    levels = page.evaluate(
        """() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')]
            .filter(one => one.checkVisibility()).map(one => Number(one.tagName[1]))"""
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels


def nothing_serious(page):
    """Hold that axe finds nothing serious on the page, in either theme; leave it in light."""
    headings_in_order(page)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        settled(page)
        options = {"resultTypes": ["violations"], **RULES[scheme]}
        serious = [
            (one["id"], node["target"], node["failureSummary"][:300])
            for one in Axe().run(page, options=options).response["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
        assert serious == [], scheme
