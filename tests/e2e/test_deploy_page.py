"""The page "Worth it?" in a real browser: figures, a recommendation, times, a price, a report."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.waiting import fits, nothing_serious

pytestmark = pytest.mark.e2e

DEPLOY = "/deploy?data=moons&teachers=2&epochs=1&width=8&trials=4"
# Where a model stands on the axis of costs.
COST = """() => document.querySelector('.js-plotly-plot')?.data
    ?.find(({ uid }) => uid === 'student')?.x[0]"""


def line(page, name):
    return page.get_by_test_id("stMarkdown").filter(has_text=re.compile(f"^{name}: "))


def test_the_page_recommends_measures_and_hands_over_a_report(page, app, watch):
    seen = watch(page)
    page.goto(app + DEPLOY)
    # Sizes do not wait for what is trained.
    expect(page.get_by_test_id("stMetric").filter(has_text="Smaller")).to_contain_text("times")
    expect(line(page, "Asked")).to_contain_text("take the place of the 2 large networks")
    said = line(page, "Recommended")
    expect(said).to_contain_text(re.compile("Distil|Use .* instead|Cannot be told"), timeout=90_000)
    expect(line(page, "How sure")).to_contain_text("confidence")
    expect(page.get_by_text("Measured now on")).to_be_visible(timeout=90_000)
    expect(page.get_by_test_id("stMetric").filter(has_text="Faster")).to_be_visible()

    page.get_by_role("radio", name="price", exact=True).click()
    page.wait_for_function(f"() => ({COST})() < 1")
    before = page.evaluate(COST)
    price = page.get_by_role("textbox", name="Price of an hour")
    price.fill("0.20")
    price.press("Enter")
    page.wait_for_function(f"before => ({COST})() !== before", arg=before)
    assert page.evaluate(COST) == pytest.approx(2 * before)
    price.fill("-1")
    price.press("Enter")
    expect(page.get_by_text("should be a number above 0")).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("button", name="Report").click()
    report = download.value.path().read_text()
    assert "Recommended" in report
    assert "faster with 1,000 cases at once" in report
    nothing_serious(page)
    page.set_viewport_size({"width": 390, "height": 844})
    fits(page)
    assert seen.errors == []
