import json
import os
import re

import pytest
from playwright.sync_api import expect

from benchmarks.browser import PROJECT
from tests.e2e.waiting import (
    ALPHA,
    LABELS,
    LINES,
    TEMPERATURE,
    WIDTH,
    digest,
    fits,
    painted,
    press,
    rest,
    stored,
)

pytestmark = pytest.mark.e2e


@pytest.fixture
def ready(page, app, watch):
    """Open a path of the app and wait for its picture."""

    def open_path(path="/"):
        seen = watch(page)
        page.goto(app + path)
        painted(page)
        return seen

    return open_path


def agreement(page):
    figure = page.get_by_test_id("stMetric").filter(has_text="Agreement, test data")
    return float(re.search(r"([\d.]+)%", figure.inner_text())[1])


def test_default_page_on_a_cold_store(page, serve, tmp_path):
    app = serve(PROJECT / "app.py", environment={**os.environ, "DISTILL_STORE": str(tmp_path)})
    page.goto(app)
    page.wait_for_function(
        f"() => document.querySelector('.js-plotly-plot') && ({LINES})().ensemble"
    )
    painted(page)


def test_first_visit_shows_a_growing_ensemble(page, app):
    page.goto(app + "/?data=moons&teachers=12&eseed=3")
    expect(page.get_by_test_id("stProgress")).to_be_visible(timeout=90_000)
    view = page.get_by_test_id("boundary-view")
    expect(view).to_have_attribute("data-state", "training", timeout=90_000)
    page.wait_for_function(f"() => ({LINES})().ensemble?.[0].length > 10")
    assert "student" not in page.evaluate(LINES)
    painted(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_sliders_move_the_student_and_never_the_ensemble(page, ready, store_folder):
    seen = ready("/?data=spirals&teachers=2&seed=21")
    rest(page)
    ensembles = stored(store_folder, "ensemble")
    lines, agreed = page.evaluate(LINES), agreement(page)
    press(page, WIDTH, "ArrowLeft", times=10)
    rest(page)
    narrow = page.evaluate(LINES)
    expect(page).to_have_url(re.compile("width=2(&|$)"))
    assert agreement(page) < agreed - 5
    assert narrow["student"] != lines["student"]
    assert narrow["ensemble"] == lines["ensemble"]
    press(page, WIDTH, "ArrowRight", times=10)
    expect(page).not_to_have_url(re.compile("width="))
    rest(page)
    assert page.evaluate(LINES) == lines, "the same setting must give the same picture"
    for slider in (TEMPERATURE, ALPHA):
        press(page, slider, "ArrowRight")
        moved = page.evaluate(LINES)
        assert moved["student"] != lines["student"]
        assert moved["ensemble"] == lines["ensemble"]
        assert moved["twin"] == lines["twin"], "the twin knows neither T nor alpha"
        press(page, slider, "ArrowLeft")
    assert stored(store_folder, "ensemble") == ensembles, "an ensemble was trained again"
    assert not seen.errors
    assert all(host.startswith("localhost") for host in seen.hosts)


def test_the_line_follows_a_slider_that_is_not_let_go(page, ready):
    ready("/?data=moons&teachers=2&seed=9")
    rest(page)
    view, before, lines = page.get_by_test_id("boundary-view"), digest(page), page.evaluate(LINES)
    address = page.url
    place = page.get_by_role("slider", name=WIDTH).locator("xpath=..").bounding_box()
    x, y = place["x"], place["y"]
    page.mouse.move(x, y)
    page.mouse.down()
    shown = []
    # In one step each: a stop that the hand only passes may be drawn, too.
    for way in (40, 80):
        page.mouse.move(x - way, y)
        page.wait_for_function(
            "d => document.querySelector('[data-testid=boundary-view]').dataset.student !== d",
            arg=(shown or [before])[-1],
        )
        shown.append(digest(page))
        expect(view).to_have_attribute("data-preview", digest(page))
    expect(view.locator(".bv-note")).to_contain_text("agreement")
    # The twin comes after the student.
    expect(view.locator(".bv-preview path")).to_have_count(2)
    expect(view.locator(".tracestudent").first).to_be_hidden()
    expect(view.locator(".tracetwin").first).to_be_hidden()
    assert page.url == address, "the page runs when the slider is let go, not before"
    drawn = view.locator(".bv-preview path").last.get_attribute("d")
    # Back where it began, nothing is left of it.
    page.mouse.move(x, y)
    expect(view).not_to_have_attribute("data-preview", re.compile("."))
    assert digest(page) == before
    page.mouse.move(x - 80, y)
    expect(view).to_have_attribute("data-preview", shown[-1])
    assert view.locator(".bv-preview path").last.get_attribute("d") == drawn
    page.mouse.up()
    painted(page, before)
    assert digest(page) == shown[-1]
    assert page.evaluate(LINES)["student"] != lines["student"]
    expect(view.locator(".bv-preview")).to_have_count(0)


def test_a_twin_that_stays_the_same_stays(page, ready):
    ready("/?data=moons&teachers=2&seed=12")
    rest(page)
    view, before = page.get_by_test_id("boundary-view"), digest(page)
    place = page.get_by_role("slider", name=TEMPERATURE).locator("xpath=..").bounding_box()
    page.mouse.move(place["x"], place["y"])
    page.mouse.down()
    page.mouse.move(place["x"] - 40, place["y"], steps=3)
    expect(view).to_have_attribute("data-preview", re.compile("."))
    expect(view.locator(".bv-preview path")).to_have_count(1)
    expect(view.locator(".tracestudent .js-line")).to_be_hidden()
    expect(view.locator(".tracetwin .js-line")).to_be_visible()
    page.mouse.up()
    painted(page, before)


def test_the_line_follows_though_the_first_answer_is_empty(page, ready):
    """So it is when an older request comes late and replaces the newer one."""
    ready("/?data=moons&teachers=2&seed=11")
    rest(page)
    asked = []

    def empty_at_first(route):
        if "whole=" in route.request.url:
            return route.continue_()
        asked.append(route.request.url)
        return route.fulfill(status=204) if len(asked) == 1 else route.continue_()

    page.route("**/boundary-view/student?*", empty_at_first)
    place = page.get_by_role("slider", name=WIDTH).locator("xpath=..").bounding_box()
    page.mouse.move(place["x"], place["y"])
    page.mouse.down()
    page.mouse.move(place["x"] - 40, place["y"])
    view = page.get_by_test_id("boundary-view")
    expect(view).to_have_attribute("data-preview", re.compile("."))
    assert len(asked) == 2
    assert asked[0] == asked[1]
    page.mouse.up()


def test_url_holds_the_state_and_a_bad_one_still_opens(page, ready):
    ready("/?data=moons&plane=discriminant&teachers=2&width=8&T=5&alpha=0.3&depth=1&seed=4")
    label = page.get_by_test_id("boundary-view").get_attribute("aria-label")
    for words in ("discriminant", "width 8", "depth 1", "T = 5", "alpha = 0.3", "seed 4"):
        assert words in label
    ready("/?data=atlantis&teachers=2&width=1e9&T=-1&alpha=nan&seed=x&pin=1+2&fx=99")
    expect(page.get_by_text("The pinned setting in this link cannot be read.")).to_be_visible()
    assert "width 64" in page.get_by_test_id("boundary-view").get_attribute("aria-label")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_click_asks_everyone(page, ready):
    ready("/?data=moons&teachers=2")
    page.get_by_test_id("boundary-view").locator(".nsewdrag").first.click(
        position={"x": 100, "y": 100}
    )
    expect(page.get_by_role("heading", name="What everyone answers")).to_be_visible()
    expect(page.get_by_text(re.compile("Of 2 teachers"))).to_be_visible()
    expect(page.get_by_text("ensemble, T = 3")).to_be_visible()


def test_pin_undo_and_reset(page, ready):
    ready("/?data=moons&teachers=2")
    page.get_by_role("button", name="Pin this student").click()
    expect(page).to_have_url(re.compile("pin=64"))
    press(page, WIDTH, "ArrowLeft", times=9)
    # A setting that was passed in a hurry is none to go back to.
    rest(page)
    press(page, WIDTH, "ArrowLeft")
    rest(page)
    expect(page.get_by_role("columnheader", name="pinned")).to_be_visible()
    assert {"pinned", "student"} <= page.evaluate(LINES).keys()
    before = digest(page)
    page.get_by_role("button", name="Undo").click()
    painted(page, before)
    expect(page).to_have_url(re.compile("width=3(&|$)"))
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page).not_to_have_url(re.compile("width="))
    expect(page).not_to_have_url(re.compile("data="))


def test_playback_ends_at_the_final_boundary(page, ready):
    ready("/?data=moons&teachers=2")
    rest(page)
    final = page.evaluate(LINES)["student"]
    view = page.get_by_test_id("boundary-view")
    view.get_by_role("slider").fill("0")
    expect(view).to_have_attribute("data-frame", "0")
    assert page.evaluate(LINES)["student"] != final
    view.get_by_role("slider").fill("11")
    expect(view).to_have_attribute("data-frame", "11")
    assert page.evaluate(LINES)["student"] == final


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(phone, app, scheme):
    phone.emulate_media(color_scheme=scheme)
    phone.goto(app + "/?data=moons&teachers=2")
    painted(phone)
    fits(phone)
    box = phone.get_by_test_id("boundary-view").bounding_box()
    assert box["width"] <= 390
    expect(phone.get_by_role("slider", name=WIDTH)).to_be_visible()


def test_all_features_changes_the_plane_without_training(page, ready, store_folder):
    ready("/?data=moons&view=all+features&teachers=2")
    rest(page)
    trained = stored(store_folder, "ensemble", "student")
    before = digest(page)
    page.get_by_role("combobox", name=LABELS["plane"]).click()
    page.get_by_role("option", name="principal components").click()
    painted(page, before)
    rest(page)
    assert stored(store_folder, "ensemble", "student") == trained
    expect(page.get_by_text("The models see all features; this is a cut.")).to_be_visible()


def test_damaged_artifact_is_set_aside_and_trained_anew(page, ready, store_folder):
    ready("/?data=moons&teachers=2&width=24")
    rest(page)
    lines = page.evaluate(LINES)
    name = digest(page)
    index = next(path for path in store_folder.glob("picture/*/*.json") if path.stem == name)
    blob = json.loads(index.read_text())["content"]["blob"]
    path = next(store_folder.glob(f"blobs/*/{blob}.safetensors"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    ready("/?data=moons&teachers=2&width=24")
    assert page.evaluate(LINES) == lines
    assert any((store_folder / "set-aside").iterdir())


def test_security_headers_hold_in_the_browser(new_page, app, watch):
    page = new_page(bypass_csp=False)
    seen = watch(page)
    answer = page.goto(app + "/?data=moons&teachers=2")
    expect(page.get_by_test_id("boundary-view")).to_have_attribute(
        "data-state", "ready", timeout=90_000
    )
    rest(page)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert not [error for error in seen.errors if "Content Security" in error]
    script = page.locator("script[src*='static/js']").first.get_attribute("src")
    answer = page.request.get(f"{app}/{script.removeprefix('./')}")
    assert answer.headers["content-encoding"] == "gzip"
