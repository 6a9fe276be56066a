import gzip
import json
import re
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from benchmarks.browser import PROJECT

pytestmark = pytest.mark.e2e

# Milliseconds for a first visit on a machine that has much else to do.
PATIENCE = 60_000

APP = """
import sys

sys.path.insert(0, {project!r})
import streamlit as st

from pages.frame.browser.assets import plotly_route

app = st.App({page!r}, routes=[plotly_route()])
"""

# A student whose boundary is a circle; its radius is what is trained here.
PAGE = """
import json
import sys
from types import SimpleNamespace

import numpy as np
import streamlit as st

sys.path.insert(0, {project!r})
from distill_core import figures
from distill_core.geometry.planes import Window
from pages.frame.browser.boundary_view import Drawn, boundary_view

elsewhere = st.toggle("elsewhere")
WINDOW = Window(0, 1, 5) if elsewhere else Window(0.5, -0.25, 4.0)


def circle(radius):
    angle = np.linspace(0, 2 * np.pi, 181)
    return radius * np.c_[np.cos(angle), np.sin(angle)].astype(np.float32)


def section(radius):
    u, v = np.meshgrid(*WINDOW.axes(100))
    p = 1 / (1 + np.exp(2 * (np.hypot(u, v) - radius)))
    return SimpleNamespace(
        window=WINDOW, proba=np.stack([1 - p, p]).astype(np.float32), lines=circle(radius)
    )


state = st.query_params.get("state", "ready")
radius = st.slider("radius", 10, 35, 20) / 10
rings = np.vstack([circle(3), [[np.nan, np.nan]], circle(radius)[::-1]])
uv = np.random.default_rng(0).normal(size=(300, 2))
more = st.toggle("more layers", True)
figure = figures.boundary_layers(
    section(3),
    section(radius),
    twin=section(2.2),
    disagreement=rings if more else None,
    points=figures.Points(uv, (np.hypot(*uv.T) < 1).astype(int)),
    student_levels=not more,
    class_names=("<img src=x onerror='document.title=1'>", "b & %{{x}} </span>"),
)
frames = [(f"epoch {{i + 1}} of 12", circle(radius * (i + 1) / 12)) for i in range(12)]
label = f"A circle of radius {{radius}} inside one of 3"
clicked = boundary_view(
    lambda: Drawn(figure, label, frames if state == "ready" else ()),
    key="view",
    student_digest=f"radius {{radius}}" + " elsewhere" * elsewhere,
    state=state,
    height=500,
)
st.session_state.setdefault("clicks", []).extend([dict(zip("uv", clicked))] if clicked else [])
st.text("clicks: " + json.dumps(st.session_state.clicks))
"""

READ = """
() => {
  const layout = document.querySelector(".bv-plot")._fullLayout;
  return [layout.xaxis.range, layout.yaxis.range];
}
"""


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    page = folder / "page.py"
    page.write_text(PAGE.format(project=str(PROJECT)))
    app = folder / "app.py"
    app.write_text(APP.format(project=str(PROJECT), page=str(page)))
    return serve(app)


@pytest.fixture
def opened(page, address):
    page.goto(address)
    drawn(page, 2.0)
    return page


def drawn(page, radius):
    """Wait until the student with this radius is on the screen and return the view."""
    view = page.get_by_test_id("boundary-view")
    expect(view).to_have_attribute("data-student", f"radius {radius}", timeout=PATIENCE)
    return view


def student_path(page):
    return page.locator(".scatterlayer .tracestudent .js-line").get_attribute("d")


def drawn_radii(page):
    """Read the radii of the student's line off the screen: smallest and largest."""
    path = student_path(page)
    points = [tuple(map(float, p)) for p in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]
    box = plane(page)
    scale = 8 / box["width"]
    radii = [abs(complex(x * scale - 3.5, y * scale - 3.75)) for x, y in points]
    return min(radii), max(radii)


def plane(page):
    """Return the box of the square on the screen, in pixels."""
    return page.locator(".bv-plot .nsewdrag").bounding_box()


def pixel(page, u, v):
    box = plane(page)
    return (
        box["x"] + (u - 0.5 + 4) / 8 * box["width"],
        box["y"] + (4 - (v + 0.25)) / 8 * box["height"],
    )


def move_slider(page, steps):
    slider = page.get_by_role("slider", name="radius")
    slider.focus()
    for _ in range(abs(steps)):
        slider.press("ArrowRight" if steps > 0 else "ArrowLeft")


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=6)
    page.mouse.up()


def swipe_up(page, x, y, way):
    session = page.context.new_cdp_session(page)
    for kind, places in [
        ("touchStart", [0]),
        *[("touchMove", [way * i / 10]) for i in range(1, 11)],
        ("touchEnd", []),
    ]:
        points = [{"x": x, "y": y - place} for place in places]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_it_is_painted_and_says_what_it_shows(page, address, watch):
    seen = watch(page)
    page.goto(address)
    view = drawn(page, 2.0)
    expect(view).to_have_attribute("data-state", "ready")
    words = "A circle of radius 2.0 inside one of 3"
    expect(page.get_by_role("figure", name=words)).to_be_visible()
    low, high = drawn_radii(page)
    assert low == pytest.approx(2, abs=0.02)
    assert high == pytest.approx(2, abs=0.02)
    box = plane(page)
    assert box["width"] == pytest.approx(box["height"], abs=0.5)
    assert seen.errors == []
    # Must not: ask anyone else for anything.
    assert seen.hosts == {address.removeprefix("http://")}


def test_the_drawn_lines_are_those_that_python_sent(opened):
    data = opened.evaluate(
        """() => document.querySelector(".bv-plot").data.filter(t => t.uid === "disagreement")
            .map(t => [Array.from(t.x), Array.from(t.y)])[0]"""
    )
    x, y = data
    assert len(x) == 181 + 1 + 181
    gap = [i for i, value in enumerate(x) if value is None or value != value]
    assert gap == [181]
    radii = [abs(complex(a, b)) for a, b in zip(x, y, strict=True) if a is not None and a == a]
    assert radii[:181] == pytest.approx([3] * 181, abs=2e-4)
    assert radii[181:] == pytest.approx([2] * 181, abs=2e-4)
    field = opened.evaluate(
        """() => { const z = document.querySelector(".bv-plot")._fullData[0].z;
            return [z.length, z[0].length, z[0][0], z[50][40], z[99][99]]; }"""
    )

    def level(u, v):
        return round(255 / (1 + 2.718281828 ** (2 * (abs(complex(u, v)) - 3))))

    assert field[:2] == [100, 100]
    assert field[2:] == [
        level(-3.5, -4.25),
        level(-3.5 + 40 * 8 / 99, -4.25 + 50 * 8 / 99),
        level(4.5, 3.75),
    ]


def test_an_update_keeps_zoom_and_node(opened):
    opened.evaluate("document.querySelector('.bv-plot').mine = 'the same'")
    drag(opened, pixel(opened, -2, 2), pixel(opened, 2, -2))
    opened.wait_for_function(f"({READ})()[0][1] < 4")
    zoomed = opened.evaluate(READ)
    before = student_path(opened)
    move_slider(opened, 5)
    drawn(opened, 2.5)
    assert opened.evaluate(READ) == zoomed
    assert opened.evaluate("document.querySelector('.bv-plot').mine") == "the same"
    assert student_path(opened) != before
    # Must not: a drag is no click.
    expect(opened.get_by_text("clicks: []")).to_be_visible()
    opened.mouse.dblclick(*pixel(opened, 0, 0))
    opened.wait_for_function(f"({READ})()[0][1] === 4.5")
    # Must not: nor is the double click that leads back.
    opened.wait_for_timeout(500)
    expect(opened.get_by_text("clicks: []")).to_be_visible()


SLOW = """() => {
    const react = Plotly.react;
    Plotly.react = async (...some) => {
        await new Promise((go) => { window.goOn = go; });
        return react(...some);
    };
}"""


def look(page, tmp_path, name):
    """Return what is seen of the plane without its frame, as numbers (h, w, 3)."""
    page.mouse.move(0, 0)
    box = plane(page)
    inner = {"x": box["x"] + 3, "y": box["y"] + 3}
    size = {"width": box["width"] - 6, "height": box["height"] - 6}
    page.screenshot(path=tmp_path / name, clip=inner | size)
    return np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(float)


def test_a_picture_of_another_plane_is_sketched_before_plotly_draws_it(opened, tmp_path):
    before = look(opened, tmp_path, "before.png")
    opened.evaluate(SLOW)
    opened.get_by_text("more layers").click()
    opened.wait_for_function("() => window.goOn")
    # The same plane with other layers is not sketched.
    assert opened.get_by_test_id("boundary-view").get_attribute("data-preview") is None
    opened.evaluate("() => { window.goOn(); window.goOn = null; }")
    opened.get_by_text("elsewhere").click()
    opened.wait_for_function("() => window.goOn")
    view = opened.get_by_test_id("boundary-view")
    expect(view).to_have_attribute("data-student", "radius 2.0 elsewhere")
    expect(view).to_have_attribute("data-preview", "radius 2.0 elsewhere")
    # The numbers at the axes would be those of the plane before.
    expect(opened.locator(".bv-plot .xtick text").first).to_be_hidden()
    sketched = look(opened, tmp_path, "sketched.png")
    opened.evaluate("() => window.goOn()")
    expect(view).not_to_have_attribute("data-preview", re.compile("."))
    expect(view.locator("canvas")).to_have_count(0)
    expect(opened.locator(".bv-plot .xtick text").first).to_be_visible()
    drawn = look(opened, tmp_path, "drawn.png")
    apart = np.abs(sketched - drawn).mean()
    assert apart < 0.1 * np.abs(before - drawn).mean()
    # All but thin levels is where Plotly has it.
    assert (np.abs(sketched - drawn).max(2) > 64).mean() < 0.03


def test_a_hidden_layer_stays_hidden(opened):
    twin = opened.get_by_role("button", name="twin (hard labels)")
    line = opened.locator(".scatterlayer .tracetwin .js-line")
    expect(twin).to_have_attribute("aria-pressed", "true")
    expect(line).to_have_count(1)
    twin.click()
    expect(line).to_have_count(0)
    move_slider(opened, 1)
    drawn(opened, 2.1)
    expect(twin).to_have_attribute("aria-pressed", "false")
    expect(line).to_have_count(0)
    expect(opened.locator(".scatterlayer .tracestudent .js-line")).to_have_count(1)
    twin.press("Enter")
    expect(line).to_have_count(1)


def test_layers_come_and_go(opened, watch):
    seen = watch(opened)
    twin = opened.get_by_role("button", name="twin (hard labels)")
    twin.click()
    for more in (False, True, False):
        opened.get_by_text("more layers").click()
        expect(opened.get_by_role("button", name="disagreement")).to_have_count(int(more))
        expect(opened.get_by_role("button", name="student’s levels")).to_have_count(int(not more))
        expect(opened.locator(".scatterlayer .tracetwin")).to_have_count(0)
        expect(opened.locator(".scatterlayer .tracestudent")).to_have_count(1)
    assert seen.errors == []


def test_it_follows_the_width_of_the_page(opened):
    for width in (420, 1600, 500):
        opened.set_viewport_size({"width": width, "height": 900})
        opened.wait_for_function(
            """() => {
                const [view, plot, bar] = [".boundary-view", ".bv-plot .main-svg", ".bv-player"]
                    .map((name) => document.querySelector(name).getBoundingClientRect());
                const side = Math.min(500, view.width - 66);
                return plot.right <= view.right + 1 && plot.left >= view.left - 1
                    && plot.bottom <= bar.top + 1 && Math.abs(plot.width - 66 - side) < 9;
            }"""
        )
        box = plane(opened)
        assert box["width"] == pytest.approx(box["height"], abs=0.5)


def test_a_click_asks_about_the_place_that_the_hover_names(opened):
    opened.mouse.move(*pixel(opened, -2.33, 2.87))
    hover = opened.locator(".hoverlayer")
    expect(hover).to_contain_text(re.compile(r"u .*, v "))
    said = re.search(r"u (.\d+\.\d+), v (\d+\.\d+)", hover.text_content())
    opened.mouse.down()
    opened.mouse.up()
    shown = opened.get_by_text(re.compile(r"clicks: \[\{"))
    (clicked,) = json.loads(shown.inner_text().removeprefix("clicks: "))
    assert (f"{clicked['u']:.2f}", f"{clicked['v']:.2f}") == (
        said[1].replace("\N{MINUS SIGN}", "-"),
        said[2],
    )


def test_a_click_anywhere_on_the_plane_reaches_python(opened):
    opened.mouse.click(*pixel(opened, -2.3, 2.9))
    expect(opened.get_by_text(re.compile(r"clicks: \[\{"))).to_be_visible()
    opened.mouse.click(*pixel(opened, 3.7, -1.1))
    shown = opened.get_by_text(re.compile(r"clicks: \[\{.*\}, \{"))
    clicks = json.loads(shown.inner_text().removeprefix("clicks: "))
    assert [(c["u"], c["v"]) for c in clicks] == [
        (pytest.approx(-2.3, abs=0.05), pytest.approx(2.9, abs=0.05)),
        (pytest.approx(3.7, abs=0.05), pytest.approx(-1.1, abs=0.05)),
    ]
    # Must not: a place beside the plane is no place on it.
    box = plane(opened)
    opened.mouse.click(box["x"] - 20, box["y"] + 50)
    move_slider(opened, 1)
    drawn(opened, 2.1)
    assert json.loads(shown.inner_text().removeprefix("clicks: ")) == clicks


def test_playback_draws_the_way_and_ends_at_the_boundary(opened):
    view = drawn(opened, 2.0)
    final = student_path(opened)
    scrub = opened.get_by_role("slider", name="Moment in the student's training")
    play = opened.get_by_role("button", name="Play the training")
    disagreement = opened.locator(".scatterlayer .tracedisagreement")
    expect(view).to_have_attribute("data-frame", "11")
    expect(disagreement).to_have_css("opacity", "1")
    scrub.press("Home")
    expect(view).to_have_attribute("data-frame", "0")
    expect(opened.get_by_text("epoch 1 of 12")).to_be_visible()
    assert drawn_radii(opened) == pytest.approx((2 / 12, 2 / 12), abs=0.02)
    # Must not: shade what only the final student gets wrong.
    expect(disagreement).to_have_css("opacity", "0")
    still = opened.get_by_text("its twin and all numbers are those of the end")
    expect(still).to_be_visible()
    scrub.press("ArrowRight")
    expect(view).to_have_attribute("data-frame", "1")
    assert drawn_radii(opened) == pytest.approx((2 / 6, 2 / 6), abs=0.02)
    # The page runs again, with the same picture: the frame stays.
    opened.mouse.click(*pixel(opened, 3, 3))
    expect(opened.get_by_text(re.compile(r"clicks: \[\{"))).to_be_visible()
    expect(view).to_have_attribute("data-frame", "1")
    play.click()
    expect(opened.get_by_role("button", name="Pause")).to_be_visible()
    expect(view).to_have_attribute("data-frame", "11")
    expect(play).to_be_visible()
    assert student_path(opened) == final
    expect(still).to_be_hidden()
    expect(disagreement).to_have_css("opacity", "1")


def test_playback_starts_again_and_gives_way_to_an_update(opened):
    view = drawn(opened, 2.0)
    opened.get_by_role("button", name="Play the training").click()
    expect(view).not_to_have_attribute("data-frame", "11")
    opened.get_by_role("button", name="Pause").click()
    # What is being drawn just now is drawn to its end.
    opened.wait_for_timeout(700)
    frame = view.get_attribute("data-frame")
    opened.wait_for_timeout(700)
    assert view.get_attribute("data-frame") == frame != "11"
    # Must not: an update leaves the new student at an old frame.
    move_slider(opened, 3)
    expect(drawn(opened, 2.3)).to_have_attribute("data-frame", "11")
    assert drawn_radii(opened) == pytest.approx((2.3, 2.3), abs=0.02)


def test_of_many_moves_the_last_is_shown(opened, watch):
    seen = watch(opened)
    move_slider(opened, 12)
    drawn(opened, 3.2)
    opened.wait_for_timeout(500)
    drawn(opened, 3.2)
    assert drawn_radii(opened)[1] == pytest.approx(3.2, abs=0.02)
    assert seen.errors == []


def test_hover_tells_the_place_and_both_probabilities(opened):
    opened.mouse.move(*pixel(opened, 2.0, 0.0))
    hover = opened.locator(".bv-plot .hoverlayer")
    expect(hover).to_contain_text("ensemble 88 %")
    expect(hover).to_contain_text(re.compile(r"student (49|50|51) %"))
    expect(hover).to_contain_text(re.compile(r"u (1.9|2.0)\d, v −?0.0\d"))


def test_names_are_shown_letter_by_letter(page, address, watch):
    seen = watch(page)
    page.goto(address)
    drawn(page, 2.0)
    for name in ("<img src=x onerror='document.title=1'>", "b & %{x} </span>"):
        expect(page.get_by_role("button", name=name)).to_be_visible()
    title = page.locator(".bv-plot .annotation-text")
    expect(title).to_have_text("ensemble: probability of b & %{x} </span>")
    page.mouse.move(*pixel(page, 2.0, 0.0))
    expect(page.locator(".bv-plot .hoverlayer")).to_contain_text("b & %{x} </span>")
    # Must not: become a part of the page.
    assert page.locator(".boundary-view img").count() == 0
    assert page.title() != "1"
    assert seen.errors == []


def test_while_training_a_badge_and_no_playback(page, address):
    page.goto(f"{address}/?state=training")
    view = drawn(page, 2.0)
    expect(view).to_have_attribute("data-state", "training")
    expect(view.get_by_text("training", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Play the training")).to_have_count(0)
    assert view.get_attribute("data-frame") is None


@pytest.mark.parametrize(("scheme", "light"), [("light", False), ("dark", True)])
def test_colours_follow_the_theme(page, address, scheme, light):
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    drawn(page, 2.0)

    def brightness(selector):
        colour = page.locator(selector).first.evaluate("e => getComputedStyle(e).stroke")
        return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 765

    ensemble = brightness(".scatterlayer .traceensemble .js-line")
    assert ensemble > 0.9 if light else ensemble < 0.15
    student = brightness(".scatterlayer .tracestudent .js-line")
    assert 0.2 < student < 0.8


def test_a_change_of_theme_needs_no_python(opened):
    line = opened.locator(".scatterlayer .traceensemble .js-line")
    expect(line).to_have_css("stroke", "rgb(20, 22, 26)")
    opened.emulate_media(color_scheme="dark")
    expect(line).to_have_css("stroke", "rgb(247, 248, 250)")


def test_it_fits_a_phone(phone, address):
    phone.set_viewport_size({"width": 390, "height": 600})
    phone.goto(address)
    view = drawn(phone, 2.0)
    box = plane(phone)
    assert box["width"] == pytest.approx(box["height"], abs=0.5)
    assert box["width"] > 280
    outer = view.bounding_box()
    assert outer["x"] >= 0
    assert outer["x"] + outer["width"] <= 390
    phone.touchscreen.tap(*pixel(phone, 1, 1))
    expect(phone.get_by_text(re.compile(r"clicks: \[\{"))).to_be_visible()
    # Must not: make the page scroll sideways, or keep a finger on the picture from scrolling.
    assert phone.evaluate("document.scrollingElement.scrollWidth") <= 390
    swipe_up(phone, *pixel(phone, 0, 0), 150)
    above = box["y"] - 50
    phone.wait_for_function(
        f"document.querySelector('.bv-plot .nsewdrag').getBoundingClientRect().y < {above}"
    )


@pytest.mark.parametrize("missing", ["view.js", "plotly-cartesian.min.js"])
def test_without_its_script_a_plain_chart_is_shown(page, address, missing):
    asked = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda frame: asked.append(frame)))
    page.route(f"**/boundary-view/**/{missing}", lambda route: route.abort())
    page.goto(address)
    expect(page.get_by_text("a plain chart is shown instead")).to_be_visible(timeout=PATIENCE)
    chart = page.get_by_test_id("stPlotlyChart")
    expect(chart.locator(".scatterlayer .js-line").first).to_be_visible(timeout=PATIENCE)
    box = chart.locator(".nsewdrag").bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=2)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(chart.locator(".hoverlayer")).to_contain_text(re.compile(r"ensemble \d+ %"))
    expect(chart.locator(".hoverlayer")).to_contain_text(re.compile(r"student \d+ %"))
    # Must not: go on trying and rerunning for ever.
    page.wait_for_timeout(500)
    before = len(asked)
    page.wait_for_timeout(1000)
    assert len(asked) == before
    move_slider(page, 1)
    expect(page.get_by_text("a plain chart is shown instead")).to_have_count(1)
    expect(chart).to_have_count(1)


def fetch(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return answer.read(), answer.headers


def test_files_are_kept_for_ever_and_sent_compressed(page, address):
    urls = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(address)
    drawn(page, 2.0)
    script = next(url for url in urls if url.endswith("plotly-cartesian.min.js"))
    body, headers = fetch(script)
    assert len(body) > 1_000_000
    assert "Content-Encoding" not in headers
    short, headers = fetch(script, **{"Accept-Encoding": "br, gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert "immutable" in headers["Cache-Control"]
    assert headers["Content-Type"].startswith("text/javascript")
    assert gzip.decompress(short) == body
    for wrong in (
        script.replace("plotly-cartesian.min.js", "assets.py"),
        re.sub("[0-9a-f]{12}", "0123456789ab", script),
    ):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(wrong)
