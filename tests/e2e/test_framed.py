"""The app in a frame on a page of another site, directly and behind nginx with a path prefix."""

import contextlib
import http.server
import os
import shutil
import threading

import pytest
from playwright.sync_api import expect

from benchmarks.browser import FLAGS, PROJECT, find_port
from distill_core import uploads
from tests.e2e.conftest import DESKTOP
from tests.e2e.waiting import ENDLESS, WIDTH
from tests.proxy import find_nginx, read_lines, run_nginx

pytestmark = pytest.mark.e2e

SMALL = "embed=true&data=moons&teachers=2"


class Course(http.server.BaseHTTPRequestHandler):
    """A course page that frames the address behind its question mark."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        framed = self.path.partition("?")[2]
        page = f'<!doctype html><iframe id="app" width="1200" height="900" src="{framed}"></iframe>'
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def course():
    """Serve course pages; yield their origin, which is another site than the app's localhost."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Course) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{pages.server_port}"
        pages.shutdown()


@pytest.fixture(scope="module")
def listed():
    with course() as origin:
        yield origin


@pytest.fixture(scope="module")
def framed_app(serve, listed, tmp_path_factory):
    environment = {
        **os.environ,
        "DISTILL_STORE": str(tmp_path_factory.mktemp("store")),
        "DISTILL_FRAME_ANCESTORS": listed,
    }
    return serve(PROJECT / "app.py", "--server.baseUrlPath", "class", environment=environment)


@pytest.fixture(scope="module")
def behind_nginx(framed_app, tmp_path_factory):
    """Return the app's address behind nginx, with the lines that docs/deploy.md gives."""
    if find_nginx() is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    port = find_port()
    location = read_lines("location ").replace(
        "http://127.0.0.1:8501", framed_app.replace("localhost", "127.0.0.1")
    )
    lines = f"server {{ listen 127.0.0.1:{port}; {location} }}"
    with run_nginx(tmp_path_factory.mktemp("nginx"), lines, port, "/class/healthz") as address:
        yield address


@pytest.fixture(scope="module")
def strict_page(browser):
    """Return a page of a browser that keeps no cookies of sites in frames."""
    browser = browser.browser_type.launch(
        executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
        args=[*FLAGS, "--test-third-party-cookie-phaseout"],
    )
    with contextlib.closing(browser):
        yield browser.new_context(viewport=DESKTOP, bypass_csp=False).new_page()


def open_framed(page, origin, address):
    page.goto(f"{origin}/?{address}")
    return page.query_selector("#app").content_frame()


@pytest.mark.parametrize("way", ["framed_app", "behind_nginx"])
def test_a_listed_page_frames_picture_slider_and_upload(request, strict_page, listed, way):
    page, address = strict_page, request.getfixturevalue(way)
    sent = []
    page.on("request", lambda one: one.method == "PUT" and sent.append(one))
    frame = open_framed(page, listed, f"{address}/class/?{SMALL}")
    view = frame.get_by_test_id("boundary-view")
    expect(view).to_have_attribute("data-state", "ready", timeout=ENDLESS)
    student = view.get_attribute("data-student")
    slider = frame.get_by_role("slider", name=WIDTH)
    slider.focus()
    slider.press("ArrowLeft")
    expect(view).not_to_have_attribute("data-student", student, timeout=ENDLESS)
    frame = open_framed(page, listed, f"{address}/class/?embed=true&data=your+own+data&teachers=2")
    frame.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(uploads.SAMPLE)
    expect(frame.get_by_text("Your file was read.")).to_be_visible(timeout=ENDLESS)
    (upload,) = sent
    assert "cookie" not in upload.all_headers()
    assert upload.response().status == 204


def test_another_page_is_refused(strict_page, framed_app):
    said = []
    strict_page.on("console", lambda message: said.append(message.text))
    with course() as other:
        open_framed(strict_page, other, f"{framed_app}/class/?{SMALL}")
        expect(strict_page.locator("#app")).to_be_visible()
        strict_page.wait_for_load_state("networkidle")
        assert any("frame-ancestors" in text for text in said), said
        frame = strict_page.query_selector("#app").content_frame()
        assert frame.query_selector("[data-testid=stApp]") is None
