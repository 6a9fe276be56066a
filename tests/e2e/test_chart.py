"""The charts of a page in a browser: what is drawn when, and what stays."""

import csv
import re
from xml.etree import ElementTree

import pytest
from playwright.sync_api import expect

from benchmarks.browser import PROJECT
from tests.e2e.test_boundary_view import APP, swipe_up

pytestmark = pytest.mark.e2e

PATIENCE = 30_000
N_CHARTS = 7

# Seven figures of which about three are in sight. The slider moves what the first one shows.
PAGE = """
import sys

import streamlit as st

sys.path.insert(0, {project!r})
import plotly.graph_objects as go
from distill_core.figures import learning_curves_layers
from pages.frame.studies import results

NAME = "<img src=x onerror='document.title=1'>%{{x}}"
end = st.slider("end", 0, 10, 5)
for i in range({n}):
    values = [0.0, 0.25, 0.5 if i else end / 10]
    figure = go.Figure(learning_curves_layers(values, values[::-1], value_name=NAME))
    figure.layout.height = 300
    results.draw_chart(figure, f"chart-{{i}}", f"Curve {{i}}, ends at {{values[-1]}}")
"""

# In which order the charts of a page were drawn.
ORDER = """
addEventListener("DOMContentLoaded", () => {
  window.order = [];
  new MutationObserver((changes) => changes.forEach(({ target }) => {
    if (target.dataset.state !== "drawn") return;
    window.order.push(Number(target.ariaLabel.match(/Curve (.),/)[1]));
  })).observe(document, { subtree: true, attributeFilter: ["data-state"] });
});
"""


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    page, app = folder / "page.py", folder / "app.py"
    page.write_text(PAGE.format(project=str(PROJECT), n=N_CHARTS))
    app.write_text(APP.format(project=str(PROJECT), page=str(page)))
    return serve(app)


@pytest.fixture
def opened(page, address):
    page.goto(address)
    all_drawn(page)
    return page


def chart(page, i):
    return page.get_by_role("figure", name=re.compile(f"^Curve {i},"))


def all_drawn(page):
    drawn = page.locator("[data-testid=chart][data-state=drawn] .scatterlayer .js-line")
    expect(drawn).to_have_count(2 * N_CHARTS, timeout=PATIENCE)


def last_value(page, i):
    return chart(page, i).evaluate(
        "root => root.querySelector('.js-plotly-plot')._fullData.find(t => t.uid == 'student').y[2]"
    )


def test_all_are_drawn_those_in_sight_first(new_page, address, watch):
    page = new_page()
    seen = watch(page)
    page.add_init_script(ORDER)
    page.goto(address)
    # Nobody scrolls, and still all of them come.
    all_drawn(page)
    assert page.evaluate("window.order") == list(range(N_CHARTS))
    assert chart(page, N_CHARTS - 1).bounding_box()["y"] > 1000
    expect(page.get_by_role("figure", name="Curve 3, ends at 0.5")).to_have_count(1)
    assert last_value(page, 0) == 0.5
    assert seen.errors == []
    assert seen.hosts == {address.removeprefix("http://")}


def test_whoever_scrolls_sees_the_figures_there_next(new_page, address):
    page = new_page(viewport={"width": 1280, "height": 320})
    page.add_init_script(ORDER)
    # Plotly comes only when the page has been scrolled to its end.
    held = []
    page.route("**/plotly-cartesian.min.js", lambda route: held.append(route))
    page.goto(address)
    last = chart(page, N_CHARTS - 1)
    last.scroll_into_view_if_needed(timeout=PATIENCE)
    expect(last).to_have_attribute("data-state", "waiting")
    # The place is reserved already.
    assert last.bounding_box()["height"] == 300
    held[0].continue_()
    all_drawn(page)
    assert page.evaluate("window.order")[0] == N_CHARTS - 1
    assert page.evaluate("window.order.slice(1)") == list(range(N_CHARTS - 1))


def test_an_update_keeps_node_zoom_and_the_others(opened):
    opened.evaluate("document.querySelectorAll('.js-plotly-plot').forEach(plot => plot.mine = 1)")
    opened.evaluate(
        """() => { window.redrawn = [];
            document.querySelectorAll('.js-plotly-plot').forEach((plot, i) =>
                plot.on('plotly_afterplot', () => window.redrawn.push(i))); }"""
    )
    box = chart(opened, 0).locator(".nsewdrag").bounding_box()
    opened.mouse.move(box["x"] + 200, box["y"] + 20)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 500, box["y"] + 120, steps=5)
    opened.mouse.up()
    read = "document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range"
    opened.wait_for_function(f"{read}[0] > 1.1")
    zoomed = opened.evaluate(read)
    opened.get_by_role("slider", name="end").press("ArrowRight")
    expect(opened.get_by_role("figure", name="Curve 0, ends at 0.6")).to_have_attribute(
        "data-state", "drawn"
    )
    assert last_value(opened, 0) == pytest.approx(0.6)
    assert opened.evaluate(read) == zoomed
    marks = "[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.mine)"
    assert opened.evaluate(marks) == [1] * N_CHARTS
    # Must not: draw the others once more.
    assert set(opened.evaluate("window.redrawn")) == {0}


def test_charts_follow_the_width_of_the_page(opened):
    for width in (420, 1500):
        opened.set_viewport_size({"width": width, "height": 900})
        opened.wait_for_function(
            """() => [...document.querySelectorAll('.chart')].every(chart =>
                Math.abs(chart.querySelector('.main-svg').getBoundingClientRect().width
                    - chart.parentElement.getBoundingClientRect().width) < 1)"""
        )
        assert chart(opened, 0).bounding_box()["height"] == 300
        # Must not: show scroll bars, the page's or a figure's own.
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_names_are_shown_letter_by_letter(opened):
    title = chart(opened, 0).locator(".gtitle")
    expect(title).to_have_text("<img src=x onerror='document.title=1'>%{x}")
    assert opened.locator(".chart img").count() == 0
    assert opened.title() != "1"


def test_a_figure_can_be_saved_and_fill_the_screen(opened):
    first = chart(opened, 0)
    first.hover()
    with opened.expect_download() as download:
        first.locator(".modebar-btn[data-title='Save as PNG']").click()
    assert download.value.suggested_filename == "chart-0.png"
    with open(download.value.path(), "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    with opened.expect_download() as download:
        first.locator(".modebar-btn[data-title='Save as SVG']").click()
    assert download.value.suggested_filename == "chart-0.svg"
    picture = ElementTree.parse(download.value.path())
    words = " ".join(picture.getroot().itertext())
    # Title, the figure's own title letter by letter, and the setting.
    assert "Curve 0, ends at 0.5" in words
    assert "<img src=x onerror='document.title=1'>%{x}" in words
    assert f"Setting: {opened.url}" in words
    with opened.expect_download() as download:
        first.locator(".modebar-btn[data-title*='CSV']").click()
    assert download.value.suggested_filename == "chart-0.csv"
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    ours = [(float(row["x"]), float(row["y"])) for row in rows if row["trace"] == "student"]
    assert ours == [(1, 0), (2, 0.25), (3, 0.5)]
    button = first.locator(".modebar-btn[data-title='Full screen']")
    button.click()
    fills = """() => {
        const box = document.querySelector('.chart .main-svg').getBoundingClientRect();
        return box.width > 0.9 * innerWidth && box.height > 0.9 * innerHeight; }"""
    opened.wait_for_function(fills)
    first.hover()
    button.click()
    opened.wait_for_function(
        "document.querySelector('.chart .main-svg').getBoundingClientRect().height === 300"
    )


def test_a_change_of_theme_recolours(opened):
    ground = chart(opened, 0).locator(".main-svg").first
    expect(ground).to_have_css("background-color", "rgb(252, 252, 251)")
    opened.emulate_media(color_scheme="dark")
    expect(ground).to_have_css("background-color", "rgb(20, 23, 28)")
    all_drawn(opened)


def test_a_finger_on_a_figure_scrolls_the_page(phone, address):
    phone.set_viewport_size({"width": 390, "height": 600})
    phone.goto(address)
    all_drawn(phone)
    assert phone.evaluate("document.scrollingElement.scrollWidth") <= 390
    box = chart(phone, 0).locator(".nsewdrag").bounding_box()
    swipe_up(phone, box["x"] + 100, box["y"] + 50, 150)
    above = box["y"] - 50
    phone.wait_for_function(
        f"document.querySelector('.nsewdrag').getBoundingClientRect().y < {above}"
    )


@pytest.mark.parametrize("missing", ["chart.js", "plotly-cartesian.min.js"])
def test_without_its_script_plain_charts_are_shown(page, address, missing):
    asked = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda frame: asked.append(frame)))
    page.route(f"**/boundary-view/**/{missing}", lambda route: route.abort())
    page.goto(address)
    plain = page.get_by_test_id("stPlotlyChart")
    expect(plain).to_have_count(N_CHARTS, timeout=PATIENCE)
    expect(plain.first.locator(".scatterlayer .js-line").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("chart")).to_have_count(0)
    # Must not: go on trying and rerunning for ever.
    page.wait_for_timeout(500)
    before = len(asked)
    page.wait_for_timeout(1000)
    assert len(asked) == before
    page.get_by_role("slider", name="end").press("ArrowRight")
    page.wait_for_function("document.querySelector('.js-plotly-plot')._fullData[1].y[2] > 0.55")
    expect(plain).to_have_count(N_CHARTS)
    expect(page.get_by_test_id("stException")).to_have_count(0)
