import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from distill_core import uploads
from tests.data import hostile
from tests.e2e.test_many_classes import PAGES, SMALL, address
from tests.e2e.waiting import ENDLESS, LABELS, fits, settled

pytestmark = pytest.mark.e2e

STUDIES = [name for name in ("capacity", "softness", "variance") if name in PAGES]
OWN = "data=your+own+data"


@pytest.fixture
def dialogs(page):
    """Return the dialogs that a page has opened, by their messages."""
    opened = []

    def dismiss(dialog):
        opened.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    yield opened
    page.remove_listener("dialog", dismiss)


def run(page):
    """Run the study of a page to its end, whatever of it is done."""
    page.get_by_role("button", name=re.compile("^(Run|Continue) the study")).click()
    expect(page.get_by_role("button", name="Table (CSV)")).to_be_visible(timeout=ENDLESS)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=ENDLESS)
    settled(page)


def upload(page, path):
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(path)


def use(page, path=uploads.SAMPLE):
    """Upload a file and use it as it is understood."""
    upload(page, path)
    button = page.get_by_role("button", name="Use this data")
    button.click(timeout=ENDLESS)
    expect(page.get_by_text("In use:")).to_be_visible(timeout=ENDLESS)


def everywhere(page, names=PAGES):
    """Yield every page, opened by its link, as soon as nothing runs on it any more."""
    links = page.get_by_test_id("stSidebarNavLink")
    assert links.count() == len(PAGES)
    for i in range(len(PAGES)):
        links.nth(i).click()
        expect(page.get_by_test_id("stHeading").first).to_be_visible(timeout=ENDLESS)
        settled(page)
        name = page.url.partition("?")[0].rpartition("/")[2] or "playground"
        assert name in names
        yield name
    # The last page does not speak of data; the one before does.
    links.nth(len(PAGES) - 2).click()
    settled(page)


def delete(page, store_folder, table, word):
    """Delete the data; hold that no file has the digest of its table in its name, or this word."""
    page.get_by_role("button", name="Delete my data").click()
    expect(page.get_by_text("A link holds no data")).to_be_visible(timeout=ENDLESS)
    settled(page)
    kept = [path for path in store_folder.rglob("*") if path.is_file()]
    assert not [p for p in kept if table.stem[:16] in p.name and "deleted" not in str(p)]
    assert not [p for p in kept if word in p.read_bytes()]


def test_own_data_is_explained_chosen_and_deleted(page, app, watch, store_folder):
    seen = watch(page)
    page.goto(app + address("playground", f"{OWN}&{SMALL}"))
    expect(page.get_by_text("A link holds no data")).to_be_visible(timeout=ENDLESS)
    expect(page.get_by_test_id("boundary-view")).to_have_count(0)
    # A menu closes when the page has to scroll.
    page.set_viewport_size({"width": 1280, "height": 1900})
    upload(page, uploads.SAMPLE)
    # What was decided is said before anything is trained.
    expect(page.get_by_text("327 rows, 4 features, 3 classes.")).to_be_visible()
    expect(page.get_by_text("Left out: 15 rows with a missing value")).to_be_visible()
    assert not list(store_folder.glob("table/*/*"))
    settled(page)
    features = page.get_by_role("combobox", name="Features")
    for column in ("bill length mm", "island", "sex"):
        features.fill(column)
        page.get_by_role("option", name=column).click()
        expect(page.get_by_test_id("stMultiSelect")).to_contain_text(column)
        settled(page)
    page.keyboard.press("Escape")
    expect(page.get_by_text("becomes 3 features, 0 or 1.")).to_be_visible()
    page.get_by_role("button", name="Use this data").click()
    expect(page.get_by_text("In use: 5 features")).to_be_visible(timeout=ENDLESS)
    expect(page.get_by_test_id("boundary-view")).to_have_attribute(
        "data-state", "ready", timeout=ENDLESS
    )
    (table,) = store_folder.glob("table/*/*.json")
    # Later the live view may ask about a picture of what is deleted, and is refused.
    assert not seen.errors
    delete(page, store_folder, table, b"bill length")
    assert all(host.startswith("localhost") for host in seen.hosts)


def test_each_session_has_its_own_data_only(page, new_page, app):
    one, other = page, new_page()
    one.goto(app + address("capacity", OWN))
    use(one)
    other.goto(app + address("capacity", OWN))
    expect(other.get_by_text("A link holds no data")).to_be_visible(timeout=ENDLESS)
    expect(other.get_by_text("In use:")).to_have_count(0)


def memory(app):
    """Return the bytes that the server's own process holds."""
    port = app.rpartition(":")[2]
    for status in Path("/proc").glob("[0-9]*/status"):
        with open(status.parent / "cmdline", "rb") as file:
            words = file.read().split(b"\0")
        if b"--server.port" in words and port.encode() in words:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read_text())[1]) * 1024
    raise AssertionError("The server's process was not found.")


def offer(page, name, folder):
    """Upload a hostile file and wait until the page says something about it."""
    content = hostile.HOSTILE[name][0]()
    path = folder / f"hostile{len(list(folder.iterdir()))}.csv"
    path.write_bytes(content)
    answer = page.get_by_text(re.compile(f"(“|Columns of ){path.name}(” cannot|$)"))
    # Streamlit's own limit comes first.
    if len(content) > 50_000_000:
        answer = page.get_by_text("File must be 50.0MB or smaller.").first
    upload(page, path)
    expect(answer, name).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    path.write_bytes(b"")


# In every run all of them are read in tests/test_uploads.py.
@pytest.mark.reliability
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' /proc")
def test_hostile_files_get_a_sentence_and_nothing_is_lost(page, dialogs, app, watch, tmp_path):
    seen = watch(page)
    page.goto(app + address("variance", f"{OWN}&{SMALL}"))
    use(page)
    settled(page)
    before = memory(app)
    for name in list(hostile.HOSTILE)[::6]:
        offer(page, name, tmp_path)
    settled(page)
    grown = (memory(app) - before) / 1024**2
    assert grown < 100
    # Must not: lose what was in use, ask another server, open a dialog.
    expect(page.get_by_text("146 × Alba")).to_be_visible()
    assert all(host.startswith("localhost") for host in seen.hosts)
    assert not dialogs


NAMES = (
    "<img src=http://x.invalid/a onerror=alert(1)>",
    "![a](http://x.invalid/b.png)",
    "=HYPERLINK(1)",
    "$\\href{http://x.invalid}{x}$ :red[x] # **x**",
)


def test_own_data_goes_through_every_page_and_its_names_are_text(
    page, dialogs, app, watch, tmp_path, store_folder
):
    """Column and class names that are markup are seen as they are, wherever they are seen."""
    before = {*store_folder.glob("table/*/*.json")}
    path = tmp_path / "markup.csv"
    header = ",".join(f'"{name}"' for name in (*NAMES[:3], "class"))
    path.write_bytes(
        hostile.csv(
            header, hostile.X, hostile.Z, lambda i: (i * 7) % 13, lambda i: NAMES[i % 4], n=200
        )
    )
    seen = watch(page)
    query = f"{OWN}&{SMALL}&plane=two+features&view=all+features&show=test+points"
    page.goto(app + address("playground", query))
    use(page, path)
    view = page.get_by_test_id("boundary-view")
    expect(view).to_have_attribute("data-state", "ready", timeout=ENDLESS)
    settled(page)
    expect(view).to_contain_text(NAMES[1])
    page.get_by_role("combobox", name=LABELS["one"]).click()
    expect(page.get_by_role("option", name=f"{NAMES[0]} against the rest")).to_be_visible()
    page.keyboard.press("Escape")
    view.locator(".nsewdrag").first.click(position={"x": 150, "y": 150})
    expect(page.get_by_text("Of 1 teachers")).to_be_visible(timeout=ENDLESS)
    (table,) = {*store_folder.glob("table/*/*.json")} - before
    for name in everywhere(page):
        if name in ("lesson", "words"):
            # They have no data, or pictures of their own.
            continue
        expect(page.get_by_text("In use: 3 features")).to_be_visible()
        expect(page).to_have_url(re.compile("data=your"))
        if name in STUDIES:
            run(page)
        if name == "softness":
            with page.expect_download() as download:
                page.get_by_role("button", name="Table (CSV)").click()
            cells = csv.reader(io.StringIO(download.value.path().read_text()))
            assert not [cell for row in cells for cell in row if re.match(r"[=@]|[+-]\D", cell)]
    assert all(host.startswith("localhost") for host in seen.hosts)
    assert not dialogs
    assert page.locator("img[src*=invalid], a[href*=invalid]").count() == 0
    # Nothing of the data is in the address, which may be passed on.
    assert table.stem not in page.url
    assert "HYPERLINK" not in page.url
    delete(page, store_folder, table, b"HYPERLINK")
    assert not seen.errors


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(phone, app, scheme):
    phone.emulate_media(color_scheme=scheme)
    phone.goto(app + address("playground", f"{OWN}&{SMALL}"))
    expect(phone.get_by_text("A link holds no data")).to_be_visible(timeout=ENDLESS)
    fits(phone)
