"""Every page as those see it who use a phone, a keyboard, a projector or a screen reader."""

import re
from base64 import b64decode

import pytest
from playwright.sync_api import expect

from pages.frame.controls import first_visit
from pages.frame.controls.settings import SETTINGS
from tests.e2e.waiting import (
    ALPHA,
    ENDLESS,
    TEMPERATURE,
    WIDTH,
    fits,
    headings_in_order,
    painted,
    rest,
)

pytestmark = pytest.mark.e2e

SMALL = "data=moons&teachers=2"


def bottom(one):
    box = one.bounding_box()
    return box["y"] + box["height"]


def test_a_first_visit_takes_little_from_a_shared_network(new_page, app):
    """All bytes on the wire until the page rests, answers and websocket together."""
    sent, page = [], new_page()
    protocol = page.context.new_cdp_session(page)
    protocol.send("Network.enable")
    protocol.on("Network.loadingFinished", lambda told: sent.append(told["encodedDataLength"]))
    protocol.on(
        "Network.webSocketFrameReceived",
        lambda told: sent.append(len(b64decode(told["response"]["payloadData"]))),
    )
    page.goto(f"{app}/?{SMALL}")
    painted(page)
    rest(page)
    print(f"{sum(sent) / 1e6:.2f} MB in {len(sent)} pieces")
    # Must not: see nothing of what it counts.
    assert sum(sent) > 1_000_000
    assert sum(sent) <= 2_200_000


def test_a_phone_shows_picture_and_sliders_on_one_screen(page, app):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{app}/?{SMALL}")
    painted(page)
    rest(page)
    fits(page)
    for name in (WIDTH, TEMPERATURE, ALPHA):
        assert bottom(page.get_by_role("slider", name=name)) < 844
    view = page.get_by_test_id("boundary-view")
    plot = view.locator(".bv-plot")
    assert plot.bounding_box()["width"] > 300
    assert bottom(plot) <= 844
    # The answer to a click comes next, before everything else that is said.
    plot.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    answer = page.get_by_role("heading", name="What everyone answers")
    expect(answer).to_be_visible()
    assert 0 < answer.bounding_box()["y"] - bottom(view) < 200
    assert answer.bounding_box()["y"] < page.locator(".st-key-limits").bounding_box()["y"]


def test_a_place_is_chosen_by_keyboard_and_answered_beside_the_picture(page, app):
    page.goto(f"{app}/?{SMALL}")
    painted(page)
    plot = page.get_by_test_id("boundary-view").locator(".bv-plot")
    plot.focus()
    page.keyboard.press("Enter")
    expect(plot.locator(".bv-mark")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    mark = plot.locator(".bv-mark").inner_text()
    page.keyboard.press("Enter")
    u, v = (part.split()[1] for part in mark.split(", "))
    answer = page.get_by_role("heading", name=f"What everyone answers at ({u}, {v})")
    expect(answer).to_be_visible(timeout=ENDLESS)
    headings_in_order(page)
    box, picture = answer.bounding_box(), plot.bounding_box()
    assert picture["y"] - 100 < box["y"] < picture["y"] + picture["height"]


def test_the_presenters_view_fits_a_projector(page, app):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{app}/?{SMALL}&present=1")
    painted(page)
    assert bottom(page.get_by_test_id("boundary-view").locator(".bv-plot")) <= 720
    for name in (WIDTH, TEMPERATURE, ALPHA):
        assert bottom(page.get_by_role("slider", name=name)) < 200


def test_a_newcomer_is_offered_the_lesson(page, app):
    page.goto(app)
    offer = page.get_by_role("link", name="New here? The lesson")
    expect(offer).to_be_visible(timeout=ENDLESS)
    # The first picture shows the question: a student that is too narrow, and a way to mend it.
    expect(page).to_have_url(re.compile(rf"\?width={first_visit.WIDTH}$"))
    width, invited = page.get_by_role("slider", name=WIDTH), page.get_by_text("widen the student")
    expect(width).to_have_attribute("aria-valuetext", str(first_visit.WIDTH))
    expect(invited).to_be_visible()
    offer.click()
    expect(page.get_by_text("Step 1 of")).to_be_visible(timeout=ENDLESS)
    # It is no setting of the visitor's that other pages should have.
    assert "width" not in page.url
    page.goto(f"{app}/?{SMALL}")
    painted(page)
    expect(offer).to_have_count(0)
    expect(invited).to_have_count(0)
    expect(width).to_have_attribute("aria-valuetext", str(SETTINGS["width"].default))
    assert "width" not in page.url
