import re

import pytest
from playwright.sync_api import expect

from tests.e2e.waiting import ENDLESS, LABELS, WIDTH, settled

pytestmark = pytest.mark.e2e

SMALL = "teachers=1&width=4&epochs=1"
# Where on the screen the n-th drawn point of a class is, in pixels of the plane.
POINT = """([label, n]) => {
    const plot = document.querySelector('[data-testid=boundary-view] .js-plotly-plot');
    const trace = plot.data.find(trace => trace.uid === `class-${label}`);
    const {xaxis, yaxis} = plot._fullLayout;
    return [xaxis.l2p(trace.x[n]), yaxis.l2p(trace.y[n])];
}"""
LAYERS = """() => document.querySelector('[data-testid=boundary-view] .js-plotly-plot')
    .data.map(trace => trace.uid)"""


@pytest.fixture
def page(page):
    page.set_viewport_size({"width": 1280, "height": 1600})
    return page


def ready(page):
    expect(page.get_by_test_id("boundary-view")).to_have_attribute(
        "data-state", "ready", timeout=ENDLESS
    )
    settled(page)


def choose(page, label, option):
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).click()
    settled(page)


def test_corners_are_clicked_kept_and_undone(page, app):
    query = f"data=wine&view=all+features&plane=three+samples&show=training+points&{SMALL}"
    page.goto(f"{app}/?{query}")
    ready(page)
    assert "corners" in page.evaluate(LAYERS)
    expect(page.get_by_text("Corners, numbered in the picture")).to_be_visible()
    x, y = page.evaluate(POINT, [1, 0])
    page.get_by_test_id("boundary-view").locator(".nsewdrag").first.click(position={"x": x, "y": y})
    page.get_by_role("button", name="Corner 2").click()
    expect(page).to_have_url(re.compile(r"corners=\d+\+\d+\+\d+"))
    ready(page)
    expect(page.get_by_role("button", name="Corner 2")).to_have_count(0)
    address = page.url
    page.get_by_role("button", name="Undo").click()
    expect(page).not_to_have_url(re.compile("corners="))
    settled(page)
    page.goto(address)
    ready(page)
    said = re.search(r"corners=(\d+)\+(\d+)\+(\d+)", address)
    expect(page.get_by_text(f"2 is training sample {said[2]}")).to_be_visible()


def test_most_disagreement_is_found_and_stays(page, app):
    page.goto(f"{app}/?data=wine&plane=most+disagreement&{SMALL}")
    ready(page)
    expect(page.get_by_text("the plane of class centres is shown")).to_be_visible()
    page.get_by_role("button", name="Show all features").click()
    expect(page.get_by_text("Found for the student of width 4")).to_be_visible(timeout=ENDLESS)
    ready(page)
    found = re.search("found=[^&]*", page.url)[0]
    page.get_by_role("slider", name=WIDTH).press("ArrowRight")
    expect(page).to_have_url(re.compile("width=6"))
    ready(page)
    assert found in page.url
    page.get_by_role("button", name="Search again").click()
    expect(page.get_by_text("Found for the student of width 6")).to_be_visible(timeout=ENDLESS)
    # Samples of one dataset mean nothing in another: it is searched again.
    choose(page, LABELS["data"], "digits")
    ready(page)
    assert found not in page.url
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page).not_to_have_url(re.compile("found="))


def test_one_class_against_the_rest(page, app):
    page.goto(f"{app}/?data=digits&{SMALL}&show=each+teacher")
    ready(page)
    assert {"class-9", "teachers"} <= set(page.evaluate(LAYERS))
    choose(page, LABELS["one"], "8 against the rest")
    expect(page).to_have_url(re.compile("one=9"))
    ready(page)
    page.wait_for_function(f"() => !({LAYERS})().includes('class-9')")
    assert "teachers" not in page.evaluate(LAYERS), "these lines border every class"
    expect(page.get_by_text("8 against the rest", exact=True).last).to_be_visible()
    page.reload()
    ready(page)
    assert "class-9" not in page.evaluate(LAYERS)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("data=atlantis&plane=upside+down", "dataset “atlantis”, which does not exist"),
        ("data=wine&plane=three+samples&corners=1+2", "is not three whole numbers"),
        ("data=wine&plane=two+features&fx=99&fy=x", "no number 99 here, they are 0 to 12"),
        ("data=blobs&classes=77&offset=1e9&view=sideways&one=55", "no number 55 here"),
    ],
)
def test_bad_links_open_with_a_sentence(page, app, address, said):
    page.goto(f"{app}/?{address}&{SMALL}")
    expect(page.get_by_text(said)).to_be_visible(timeout=ENDLESS)
    ready(page)
