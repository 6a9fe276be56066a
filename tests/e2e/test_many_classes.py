"""Data of two to ten classes on every page, and every page as it first opens for axe."""

import pytest
from playwright.sync_api import expect

from benchmarks.browser import PROJECT
from tests.e2e.waiting import ENDLESS, LABELS, nothing_serious, settled

pytestmark = pytest.mark.e2e

# Small enough to be done in seconds.
SMALL = "teachers=1&width=4&epochs=1&seeds=2&cellseeds=1&widths=4&repeats=2&resamples=0"
PAGES = sorted(path.stem for path in (PROJECT / "pages").glob("*.py"))


def address(name, query):
    return f"/{'' if name == 'playground' else name}?{query}"


DATA = {"wine": 3, "digits&view=all+features": 10, "breast+cancer": 2, "blobs&classes=5": 5}


def list_pages():
    """Yield pages and data: every page with three classes, the playground with all."""
    for data, n_classes in DATA.items():
        # The lesson has data of its own.
        for name in sorted({*PAGES} - {"lesson"}):
            usual = data == "wine" or name == "playground"
            marks = () if usual else pytest.mark.reliability
            id = f"{data.partition('&')[0]}-{name}"
            yield pytest.param(name, data, n_classes, marks=marks, id=id)


@pytest.mark.parametrize(("name", "data", "n_classes"), list(list_pages()))
def test_data_of_more_classes_opens_every_page(page, app, watch, name, data, n_classes):
    seen = watch(page)
    page.goto(app + address(name, f"data={data}&{SMALL}"))
    expect(page.get_by_test_id("stHeading").first).to_be_visible(timeout=ENDLESS)
    if name in ("playground", "slices"):
        view = page.get_by_test_id("boundary-view")
        expect(view).to_have_attribute("data-state", "ready", timeout=ENDLESS)
    if name == "playground":
        expect(page.get_by_role("combobox", name=LABELS["one"])).to_have_count(int(n_classes > 2))
    settled(page)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    if n_classes <= 3:
        nothing_serious(page)
    assert not seen.errors
    assert all(host.startswith("localhost") for host in seen.hosts)
