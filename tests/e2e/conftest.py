import contextlib
import os
import shutil
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from benchmarks.browser import FLAGS, PROJECT, server
from tests.lessons.small import small_lesson

# A busy machine may need a while for what is instant elsewhere.
expect.set_options(timeout=15_000)

DESKTOP = {"width": 1280, "height": 1000}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def serve():
    """Start `streamlit run <script>` and return its address; all servers end with the tests."""
    with contextlib.ExitStack() as running:

        def start(script, *options, environment=os.environ):
            # Work ahead would take the cores from what is tested.
            environment = {"DISTILL_WARM": "0", "DISTILL_NEIGHBOURS": "0", **environment}
            return running.enter_context(server(script, *options, environment=environment))

        yield start


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def app(serve, store_folder, tmp_path_factory):
    """Return the address of one server for all tests that need none of their own.

    It has one lesson more, "small".
    """
    lessons = tmp_path_factory.mktemp("lessons")
    (lessons / "small.toml").write_text(small_lesson(), encoding="utf-8")
    places = {"DISTILL_STORE": str(store_folder), "DISTILL_LESSONS": str(lessons)}
    return serve(PROJECT / "app.py", environment={**os.environ, **places})


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=FLAGS,
        )
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser):
    """Return a function that opens a page; keywords as for Playwright's `new_context`."""
    with contextlib.ExitStack() as contexts:

        def open_page(**options):
            context = browser.new_context(**{"viewport": DESKTOP, "bypass_csp": True, **options})
            context.set_default_timeout(90_000)
            contexts.callback(context.close)
            return context.new_page()

        yield open_page


@contextlib.contextmanager
def open_tab(browser, **options):
    # Playwright waits for conditions by eval, which the server's policy forbids to scripts.
    with contextlib.closing(browser.new_context(bypass_csp=True, **options)) as context:
        context.set_default_timeout(90_000)
        yield context.new_page()


@contextlib.contextmanager
def emptied(tab, size):
    tab.set_viewport_size(size)
    yield tab
    tab.unroute_all(behavior="ignoreErrors")
    tab.emulate_media(color_scheme="light")
    tab.goto("about:blank")


@pytest.fixture(scope="session")
def tab(browser):
    with open_tab(browser) as tab:
        yield tab


@pytest.fixture(scope="session")
def phones_tab(browser):
    with open_tab(browser, viewport=PHONE, is_mobile=True, has_touch=True) as tab:
        yield tab


@pytest.fixture
def page(tab):
    """Return an empty page; the tab is always the same one, which has compiled all scripts."""
    with emptied(tab, DESKTOP) as page:
        yield page


@pytest.fixture
def phone(phones_tab):
    """Return an empty page of a phone, whose tab is always the same one, too."""
    with emptied(phones_tab, PHONE) as phone:
        yield phone


@dataclass
class Seen:
    """What a page did that nobody looks at."""

    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@pytest.fixture
def watch():
    """Return a function that records a page's errors and the hosts it asks, until the test ends."""
    listening = []

    def listen(page, event, action):
        page.on(event, action)
        listening.append((page, event, action))

    def record(page):
        seen = Seen()

        def on_console(message):
            if message.type == "error":
                seen.errors.append(message.text)

        def on_request(request):
            if request.url.startswith("http"):
                seen.hosts.add(urlsplit(request.url).netloc)

        listen(page, "console", on_console)
        listen(page, "pageerror", lambda error: seen.errors.append(str(error)))
        listen(page, "request", on_request)
        listen(page, "websocket", lambda socket: seen.hosts.add(urlsplit(socket.url).netloc))
        return seen

    yield record
    for page, event, action in listening:
        page.remove_listener(event, action)
