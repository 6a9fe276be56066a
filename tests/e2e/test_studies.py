import csv
import io
import json
import re

import pytest
from playwright.sync_api import expect

from tests.e2e.waiting import LABELS, fits, nothing_serious, settled, stored
from tests.visitor import Tab, Visitor

pytestmark = pytest.mark.e2e

# Small enough to be done in seconds.
SMALL = "data=moons&teachers=2&epochs=1"
CAPACITY = f"/capacity?{SMALL}&seeds=2"
SOFTNESS = f"/softness?{SMALL}&cellseeds=2&widths=8"
VARIANCE = f"/variance?{SMALL}&repeats=3&resamples=0"
# The kinds that are kept of studies; the server may train the default ensemble meanwhile.
KEPT = "students", "boundaries", "study"
# All names of traces that the page's figures have.
TRACES = """() => [...document.querySelectorAll('.js-plotly-plot')]
    .flatMap(plot => (plot.data || []).map(trace => trace.name))"""

# How far down each figure its bar of buttons reaches, in pixels.
BARS = """() => [...document.querySelectorAll('.chart')].map(chart => {
    const [bar, figure] = ['.modebar', '.main-svg'].map(
        name => chart.querySelector(name).getBoundingClientRect());
    return bar.bottom - figure.top; })"""


def run_button(page):
    return page.get_by_role("button", name=re.compile("^(Run|Continue) the study"))


def answer(page):
    return page.get_by_test_id("stMarkdownContainer").filter(
        has_text=re.compile("sufficient|highest|seeds change|One seed")
    )


def done(page):
    """Wait until the study on the page is complete."""
    # First that there is a result at all: before it, nothing is partial either.
    expect(page.get_by_role("button", name="Table (CSV)")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=90_000)
    expect(page.get_by_text("Partial:")).to_have_count(0)
    expect(run_button(page)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def table(page):
    """Download the study's table and return its rows."""
    # The button comes last in a run; until then it offers the table of the run before.
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    return list(csv.DictReader(io.StringIO(download.value.path().read_text())))


def shown(page, **counts):
    """Wait until the page's figures have so many traces of these names."""
    page.wait_for_function(
        f"""counts => Object.entries(counts).every(([name, n]) =>
            ({TRACES})().filter(other => other === name.replaceAll('_', ' ')).length === n)""",
        arg=counts,
    )


def test_a_capacity_study_grows_and_answers_and_opens_again(page, app, store_folder, watch):
    page.goto(app + CAPACITY)
    expect(page.get_by_role("heading", name="How small can the student be?")).to_be_visible()
    expect(page.get_by_text("Nothing is computed for this setting yet.")).to_be_visible()
    expect(page.get_by_text(re.compile("This takes about .* second"))).to_be_visible()
    before = stored(store_folder, *KEPT)
    run_button(page).click()
    expect(page.get_by_test_id("stProgress")).to_contain_text("left")
    done(page)
    assert len(stored(store_folder, *KEPT) - before) > 28
    expect(answer(page).last).to_be_visible()
    # Five figures over widths, and four planes.
    shown(page, student=9, ensemble=4)
    rows = table(page)
    assert len(rows) == 14 * 2 * 2
    assert {row["model"] for row in rows} == {"student", "twin"}
    # Once more: the same answer, and nothing is trained.
    sentence, kept = answer(page).last.inner_text(), stored(store_folder, *KEPT)
    seen = watch(page)
    page.reload()
    expect(answer(page).last).to_have_text(sentence)
    expect(run_button(page)).to_have_count(0)
    assert stored(store_folder, *KEPT) == kept
    assert all(host.startswith("localhost") for host in seen.hosts)
    nothing_serious(page)


def test_the_tolerance_changes_the_answer_and_trains_nothing(page, app, store_folder):
    page.goto(app + f"/capacity?{SMALL}&seeds=4&tolerance=0.1")
    run_button(page).click()
    done(page)
    kept, strict = stored(store_folder, *KEPT), answer(page).last.inner_text()
    # Must not: call a width sufficient that the sentence does not call so.
    assert strict.startswith("No narrower student is shown to be sufficient")
    expect(page.get_by_test_id("stMetric").first).to_contain_text("Widest tried")
    page.goto(app + f"/capacity?{SMALL}&seeds=4&tolerance=20")
    done(page)
    assert answer(page).last.inner_text() != strict
    expect(page.get_by_test_id("stMetric").first).to_contain_text("Sufficient width")
    assert stored(store_folder, *KEPT) == kept
    with page.expect_download() as download:
        page.get_by_role("button", name="Spec (JSON)").click()
    content = json.loads(download.value.path().read_text())
    assert content["study"] == "capacity"
    assert content["spec"]["tolerance"] == 20
    assert content["spec"]["n_seeds"] == 4
    page.get_by_text("How the rule works").click()
    expect(page.get_by_text("paired by seed")).to_be_visible()


def test_a_cancelled_study_keeps_what_is_done(page, app):
    page.goto(app + "/capacity?data=moons&teachers=2&seeds=16")
    run_button(page).click()
    expect(page.get_by_text("Partial:")).to_be_visible(timeout=90_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Continue the study")).to_be_visible()
    expect(page.get_by_text("Partial:")).to_be_visible()
    # A new setting is answered at once, and the old study does not come back.
    page.get_by_role("spinbutton", name=LABELS["seeds"]).fill("17")
    page.get_by_role("spinbutton", name=LABELS["seeds"]).press("Enter")
    expect(page).to_have_url(re.compile("seeds=17"))
    expect(run_button(page)).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_have_count(0)


def test_a_control_moved_meanwhile_is_answered_at_once(page, app):
    page.goto(app + "/capacity?data=moons&teachers=2&seeds=20")
    run_button(page).click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    seeds = page.get_by_role("spinbutton", name=LABELS["seeds"])
    seeds.fill("2")
    seeds.press("Enter")
    expect(page).to_have_url(re.compile("seeds=2(&|$)"))
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(run_button(page)).to_be_visible()


def test_a_look_that_comes_late_draws_over_nothing(app):
    tab = Tab("data=moons&teachers=2&seeds=20", "capacity")
    with Visitor(app) as visitor:

        def ask(*args):
            visitor.send(tab.ask(*args))
            return [str(tab.take(message.SerializeToString())) for message in visitor.read()]

        ask()
        # "Continue" where another test has begun it.
        (label,) = (name for name in tab.widgets if name.endswith(" the study"))
        ask({label: {"triggerValue": True}})
        watching, _ = tab.repeated
        ask({LABELS["seeds"]: {"intValue": "2"}})
        assert tab.repeated is None
        # The browser had asked for this before it heard of the new page.
        drawn = ask(None, watching)
    assert any(re.search('"(Run|Continue) the study"', text) for text in drawn)


def test_softness_shows_the_grid_and_what_is_within_noise(page, app):
    page.goto(app + SOFTNESS)
    expect(page.get_by_role("heading", name="What do T and alpha do?")).to_be_visible()
    run_button(page).click()
    done(page)
    expect(page.get_by_text("At width 8, the best of 80 settings")).to_be_visible()
    shown(page, cells=4, highest_agreement=1, class_0=6, alpha=2)
    rows = table(page)
    assert len(rows) == 8 * 11 * 2
    # Two seeds cannot show much: some cells are hatched, and say so on hover.
    heatmap = page.locator(".js-plotly-plot").first
    heatmap.scroll_into_view_if_needed()
    box = heatmap.locator(".nsewdrag").bounding_box()
    hatched = page.evaluate(
        """() => { const traces = document.querySelector('.js-plotly-plot').data;
            const noise = traces.find(trace => trace.name.startsWith('hatched'));
            return [noise.x[3], noise.y[3]].map(Math.round); }"""
    )
    column, row = hatched
    page.mouse.move(box["x"] + box["width"] * (column + 0.5) / 11, box["y"] + 5)
    page.mouse.move(
        box["x"] + box["width"] * (column + 0.5) / 11,
        box["y"] + box["height"] * (1 - (row + 0.5) / 8),
    )
    expect(heatmap.locator(".hoverlayer")).to_contain_text("within chance")
    nothing_serious(page)


def test_variance_shows_ledger_maps_and_boundaries(page, app):
    page.goto(app + VARIANCE)
    title = "Does one student keep the ensemble's stability?"
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    run_button(page).click()
    done(page)
    expect(page.get_by_text("When only the seeds change").first).to_be_visible()
    residual = page.get_by_text(re.compile(r"Largest residual: \S+ nats"))
    assert float(re.search(r"residual: (\S+) nats", residual.inner_text())[1]) < 1e-6
    expect(page.get_by_text("it has no way to say which part is disagreement")).to_be_visible()
    # Six figures of groups, the ledger, and the boundaries of every repeat.
    shown(page, seeds=6, single_teacher=8, diversity=1, map=3)
    assert len(table(page)) == 3 * 4
    nothing_serious(page)
    # Other planes need other models in the slice view, so only a button is there.
    page.goto(app + VARIANCE + "&plane=discriminant")
    expect(run_button(page)).to_be_visible()


def test_settings_go_along_from_page_to_page(page, app):
    page.goto(app + VARIANCE)
    expect(page.get_by_role("button", name="Table (CSV)")).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="How soft?").click()
    expect(page.get_by_role("heading", name="What do T and alpha do?")).to_be_visible()
    expect(page).to_have_url(re.compile("data=moons"))
    expect(page).to_have_url(re.compile("teachers=2"))
    expect(page.get_by_role("combobox", name=LABELS["data"])).to_have_value("moons")
    seeds = page.get_by_role("spinbutton", name=LABELS["cellseeds"])
    seeds.fill("5")
    seeds.press("Enter")
    expect(page).to_have_url(re.compile("cellseeds=5"))
    page.get_by_role("link", name="How stable?").click()
    expect(page.get_by_role("spinbutton", name=LABELS["repeats"])).to_have_value("3")
    expect(page.get_by_role("button", name="Table (CSV)")).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="How soft?").click()
    expect(seeds).to_have_value("5")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_what_takes_long_asks_first(page, app):
    page.goto(app + "/variance?teachers=24&repeats=32&resamples=32")
    expect(page.get_by_text(re.compile("This takes about .* minutes"))).to_be_visible()
    run_button(page).click()
    sure = page.get_by_role("button", name="Run it all the same")
    expect(sure).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    page.get_by_role("button", name="Do not run it").click()
    expect(sure).to_have_count(0)


@pytest.mark.parametrize("name", ["capacity", "softness", "variance"])
def test_bad_links_still_open(page, app, name):
    bad = "data=atlantis&teachers=1e9&seeds=x&cellseeds=-3&repeats=0.5&tolerance=nan&T=-1&widths=7"
    page.goto(f"{app}/{name}?{bad}")
    expect(run_button(page)).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize("name", ["capacity", "variance"])
def test_a_setting_that_cannot_be_used_is_said(page, app, name):
    page.goto(f"{app}/{name}?{SMALL}&alpha=0")
    expect(page.get_by_test_id("stAlert")).to_contain_text("alpha")
    expect(run_button(page)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize(
    ("path", "scheme"),
    [(CAPACITY, "light"), (SOFTNESS, "dark"), (VARIANCE, "light")],
    ids=["small", "soft", "stable"],
)
def test_phone(phone, app, path, scheme):
    phone.emulate_media(color_scheme=scheme)
    phone.goto(app + path)
    expect(phone.get_by_role("button", name="Table (CSV)")).to_be_visible(timeout=30_000)
    expect(phone.locator(".chart:not([data-state=drawn])")).to_have_count(0)
    fits(phone)
    # The bar of buttons can be reached, and lies on no figure's title.
    phone.locator(".chart .modebar-btn[data-title='Save as PNG']").first.tap(trial=True)
    assert max(phone.evaluate(BARS)) <= 0.5
    ground = phone.evaluate(
        "getComputedStyle(document.querySelector('.js-plotly-plot .main-svg')).backgroundColor"
    )
    assert ground == ("rgb(20, 23, 28)" if scheme == "dark" else "rgb(252, 252, 251)")
