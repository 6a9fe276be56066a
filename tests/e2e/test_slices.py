"""The page of slices in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    StudentSpec,
)
from distill_core.store import Store
from tests.e2e.waiting import ENDLESS, LABELS, fits, nothing_serious, rest, settled, stored

pytestmark = pytest.mark.e2e

FREE = "view=all+features"
SMALL = "data=moons&teachers=2"
NEW_PICTURE = """digest => {
    const view = document.querySelector('[data-testid=boundary-view]');
    return view?.dataset.state === 'ready' && view.dataset.student !== digest;
}"""
# Which steps of the tour have been drawn, frame by frame.
STEPS = """last => {
    const tour = document.querySelector('[data-testid=tour-view]');
    window.drawn = [];
    let before = tour.dataset.step;
    const look = () => {
        if (tour.dataset.step !== before) {
            before = tour.dataset.step;
            window.drawn.push(Number(before));
        }
        if (window.drawn.length < 2 || Number(before) < last) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""


def opened(page, app, query, *, whole=True):
    """Open the page and wait for its picture, and for all of it."""
    page.goto(f"{app}/slices?{query}")
    page.wait_for_function(NEW_PICTURE, arg="", timeout=ENDLESS)
    if whole:
        expect(page.get_by_role("button", name="Meter table (CSV)")).to_be_visible(timeout=ENDLESS)
    settled(page)


def metric(page, label):
    return page.get_by_test_id("stMetric").filter(has_text=label).inner_text()


def student(name="moons", n_members=2, plane=None):
    problem = ProblemSpec(dataset=DatasetSpec(name=name), plane=plane)
    return StudentSpec(ensemble=EnsembleSpec(problem=problem, n_members=n_members))


def test_meter_and_table_say_what_the_store_holds(page, app, store_folder):
    opened(page, app, f"{SMALL}&{FREE}")
    picture = PictureSpec(student=student())
    artifact = Store(store_folder).get("slice", picture.digest)
    for row, who in enumerate(("ensemble", "student")):
        own = artifact.arrays["own_colour"][row]
        said = metric(page, f"Own colour, {who}")
        assert f"{own.mean():.1%}" in said
        assert f"{own.sum()} of {len(own)} points" in said
    hollow = page.evaluate(
        "() => document.querySelector('.bv-plot').data.find(t => t.uid === 'astray').x.length"
    )
    assert hollow == (artifact.arrays["own_colour"][0] == 0).sum()
    expect(page.get_by_text(f"{artifact.arrays['own_colour'][0].sum()} (")).to_be_visible()
    # Planes side by side, and their table.
    expect(
        page.get_by_text(re.compile(r"^On 40 random planes|On 40 random planes"))
    ).to_be_visible()
    expect(page.get_by_text("own colour").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Meter table (CSV)").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("plane,points,")
    assert len(lines) == 9
    assert "most disagreement" in lines[-1]
    share = float(lines[1].split(",")[2])
    assert f"{share:.1%}" in metric(page, "Own colour, ensemble")


def test_the_distance_that_counts_as_near_is_a_slider(page, app):
    opened(page, app, f"{SMALL}&{FREE}")
    before = metric(page, "Near the plane")
    handle = page.get_by_role("slider", name=LABELS["near"])
    handle.focus()
    for _ in range(4):
        handle.press("ArrowRight")
    expect(page).to_have_url(re.compile("near=100"))
    settled(page)
    assert metric(page, "Near the plane") != before
    # Test points may lie farther out than all of the training data.
    assert int(re.search(r"(\d+) points", metric(page, "Near the plane"))[1]) >= 390


def test_the_warning_comes_and_goes_with_the_picture(page, app):
    warning = page.get_by_text("Do not read single points off this picture")
    opened(page, app, f"{SMALL}&{FREE}&plane=random")
    expect(warning).to_be_visible()
    expect(page.get_by_text("No", exact=False).first).to_be_visible()
    page.get_by_text("slice", exact=True).click()
    expect(page.get_by_text("Yes, by construction.")).to_be_visible(timeout=ENDLESS)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=boundary-view]')?.dataset.state === 'ready'",
        timeout=ENDLESS,
    )
    settled(page)
    expect(warning).to_have_count(0)
    assert "100.0%" in metric(page, "Own colour, ensemble")
    expect(page.get_by_role("button", name="Make the tour")).to_have_count(0)


def test_a_tour_plays_smoothly_and_a_plane_is_kept(page, app, store_folder):
    opened(page, app, f"{SMALL}&{FREE}")
    trained = stored(store_folder, "ensemble", "student")
    page.get_by_role("button", name="Make the tour").click()
    tour = page.get_by_test_id("tour-view")
    expect(tour).to_have_attribute("data-step", "0", timeout=ENDLESS)
    settled(page)
    page.wait_for_timeout(1500)
    page.evaluate(STEPS, 59)
    tour.get_by_role("button", name="Play the tour").click()
    page.wait_for_function("() => window.drawn.at(-1) === 59", timeout=ENDLESS)
    # Smooth: hardly a step is left out, although the way has its time.
    assert len(page.evaluate("window.drawn")) >= 50

    place = tour.get_by_role("slider", name="Place on the tour")
    place.fill("7")
    expect(tour).to_have_attribute("data-step", "7")
    words = tour.locator(".bv-moment").inner_text()
    assert "principal components" in words
    before = page.get_by_test_id("boundary-view").get_attribute("data-student")
    tour.get_by_role("button", name="Keep this plane").click()
    page.wait_for_function(NEW_PICTURE, arg=before, timeout=ENDLESS)
    expect(page).to_have_url(re.compile("kept=class"))
    expect(page.get_by_text(f"The plane kept from a tour: {words}.")).to_be_visible()
    settled(page)
    kept = page.get_by_test_id("boundary-view").get_attribute("data-student")
    assert stored(store_folder, "ensemble", "student") == trained
    nothing_serious(page)

    # The address alone brings it back; another plane of the sidebar takes its place.
    page.goto(page.url)
    page.wait_for_function(NEW_PICTURE, arg="", timeout=ENDLESS)
    assert page.get_by_test_id("boundary-view").get_attribute("data-student") == kept
    settled(page)
    page.get_by_role("button", name="Let it go").click()
    page.wait_for_function(NEW_PICTURE, arg=kept, timeout=ENDLESS)
    expect(page).not_to_have_url(re.compile("kept="))
    assert page.get_by_test_id("boundary-view").get_attribute("data-student") == before


def test_a_strange_kept_plane_still_opens(page, app):
    opened(page, app, f"{SMALL}&{FREE}&kept=<b>nowhere</b>", whole=False)
    expect(page.get_by_text("The plane in this link cannot be used.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(phone, app, scheme):
    phone.emulate_media(color_scheme=scheme)
    opened(phone, app, f"{SMALL}&{FREE}")
    if phone.get_by_role("button", name="Make the tour").count():
        phone.get_by_role("button", name="Make the tour").click()
    expect(phone.get_by_test_id("tour-view")).to_have_attribute("data-step", "0", timeout=ENDLESS)
    fits(phone)
    canvas = phone.get_by_test_id("tour-view").locator(".tv-canvas")
    assert canvas.bounding_box()["width"] <= 390
    # The middle of the left edge: the page's theme is the picture's.
    pixel = canvas.evaluate("c => [...c.getContext('2d').getImageData(3, c.height / 2, 1, 1).data]")
    assert (sum(pixel[:3]) < 450) == (scheme == "dark")


def test_a_plane_change_trains_nothing(page, app, store_folder):
    page.goto(f"{app}/?{SMALL}&{FREE}&plane=random&pseed=500")
    page.wait_for_function(NEW_PICTURE, arg="", timeout=ENDLESS)
    rest(page)
    kinds = "ensemble-part", "ensemble", "student"
    trained = stored(store_folder, *kinds)
    seeds = page.get_by_test_id("stNumberInput").filter(has_text=LABELS["pseed"])
    for _ in range(3):
        before = page.get_by_test_id("boundary-view").get_attribute("data-student")
        seeds.get_by_test_id("stNumberInputStepUp").click()
        page.wait_for_function(NEW_PICTURE, arg=before, timeout=ENDLESS)
        rest(page)
    assert stored(store_folder, *kinds) == trained, "a plane change has trained something"
    seen = PictureSpec(student=student(), plane=PlaneSpec(kind="random", seed=503))
    assert seen.digest in stored(store_folder, "picture")
