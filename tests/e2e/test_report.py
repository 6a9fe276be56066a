"""The report in a real browser: nothing is fetched, two pages of paper, accessible."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from distill_core.exports.page import write_html
from distill_core.exports.report import report_picture
from distill_core.exports.study_report import report_study
from distill_core.specs import PictureSpec, PlaneSpec
from distill_core.store import Store
from distill_core.studies import CapacitySpec, SoftnessSpec, VarianceSpec, WorthSpec, runner
from tests import tiny

pytestmark = pytest.mark.e2e


LONG = {"link": "http://localhost/x?" + "y" * 300, "command": "z " * 90}


def report_of(name, store):
    """Return the report of a picture of some data, or of a study."""
    if name in ("moons", "digits"):
        ensemble = tiny.teachers(name, None)
        spec = PictureSpec(student=tiny.student(ensemble), plane=PlaneSpec())
        return report_picture(spec, store, **LONG)
    ensemble = tiny.teachers("moons")
    spec = {
        "capacity": CapacitySpec(ensemble=ensemble, widths=(2, 8), n_seeds=3),
        "softness": SoftnessSpec(ensemble=ensemble, widths=(4,), n_seeds=2),
        "variance": VarianceSpec(student=tiny.student(ensemble), n_repeats=3, n_resamples=2),
        "worth": WorthSpec(student=tiny.student(ensemble), n_seeds=4),
    }[name]
    return report_study(runner.run(spec, store), **LONG)


@pytest.fixture(
    scope="module", params=["moons", "digits", "capacity", "softness", "variance", "worth"]
)
def report(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    made = report_of(request.param, Store(folder / "store"))
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
