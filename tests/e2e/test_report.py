"""The report in a real browser: nothing is fetched, two pages of paper, accessible."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from distill_core.exports.page import write_html
from distill_core.exports.report import report_picture
from distill_core.specs import PictureSpec, PlaneSpec
from distill_core.store import Store
from tests import tiny

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=["moons", "digits"])
def report(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    ensemble = tiny.teachers(request.param, None)
    spec = PictureSpec(student=tiny.student(ensemble), plane=PlaneSpec())
    made = report_picture(
        spec, Store(folder / "store"), "http://localhost/x?" + "y" * 300, "z " * 90
    )
    path = folder / "report.html"
    path.write_text(write_html(made), encoding="utf-8")
    return path


def test_report_makes_no_request_and_fits_on_two_pages(report, new_page):
    asked = []
    page = new_page(offline=True, bypass_csp=False)
    page.on("request", lambda request: asked.append(request.url))
    failed = []
    page.on("console", lambda message: failed.append(message.text))
    page.goto(report.as_uri())
    assert asked == [report.as_uri()]
    assert failed == []
    content = page.pdf(prefer_css_page_size=True)
    (count,) = re.findall(rb"/Count (\d+)", content)
    assert 1 <= int(count) <= 2
    (box,) = set(re.findall(rb"/MediaBox \[([^\]]*)\]", content))
    width, height = map(float, box.split()[2:])
    assert (width, height) == pytest.approx((595, 842), abs=2)
    # Nothing sticks out to the side on a phone.
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_report_passes_axe(report, page):
    page.goto(report.as_uri())
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["impact"]) for one in found] == []
