"""A server that is killed and started again under open pages."""

import json
import os
import shutil
import time

import pytest
from playwright.sync_api import sync_playwright

from benchmarks.browser import FLAGS
from tests.faults.test_endings import Server

pytestmark = pytest.mark.reliability

STATE = """() => {
    const view = document.querySelector("[data-testid=boundary-view]");
    return [location.search, view?.dataset.state, view?.dataset.student];
}"""
PATH = "/?data=moons&teachers=2&width=8&T=5"


def count(folder):
    return {
        kind.name: len(list(kind.glob("*/*.json"))) for kind in folder.iterdir() if kind.is_dir()
    }


def test_open_pages_are_back_in_their_state_and_nothing_is_trained_again(tmp_path, request):
    server = Server(tmp_path)
    request.addfinalizer(server.process.kill)
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_context(bypass_csp=True).new_page()
        page.goto(f"http://127.0.0.1:{server.port}{PATH}")
        ready = (
            "() => document.querySelector('[data-testid=boundary-view]')?.dataset.state === 'ready'"
        )
        page.wait_for_function(ready, timeout=120_000)
        # What rests on the picture is made a while later.
        page.wait_for_timeout(15_000)
        before, made = page.evaluate(STATE), count(tmp_path)
        server.process.kill()
        server.process.wait()
        page.get_by_text("Connection error", exact=False).or_(
            page.get_by_test_id("stConnectionStatus")
        ).first.wait_for(timeout=30_000)
        again = Server(tmp_path, server.port)
        request.addfinalizer(again.process.kill)
        began = time.monotonic()
        page.wait_for_function(
            "() => !document.querySelector('[data-testid=stConnectionStatus]')", timeout=60_000
        )
        page.wait_for_function(ready, timeout=60_000)
        seconds = time.monotonic() - began
        assert page.evaluate(STATE) == before
        page.wait_for_timeout(5000)
        after = count(tmp_path)
        browser.close()
    again.process.kill()
    again.process.wait()
    (tmp_path / "seconds").write_text(json.dumps(seconds))
    # Five seconds on a quiet machine.
    assert seconds < 5 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert {k: n for k, n in after.items() if k != "servers"} == {
        k: n for k, n in made.items() if k != "servers"
    }
