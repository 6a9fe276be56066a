"""The server's policy as a browser keeps it: the page works, and nothing else does."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


@pytest.fixture
def strict(new_page):
    """Return an empty page of a tab that keeps the server's policy, as visitors' tabs do."""
    return new_page(bypass_csp=False)


def test_the_page_works_under_its_policy_and_inline_scripts_do_not_run(strict, app, watch):
    seen = watch(strict)
    strict.goto(f"{app}/?data=moons&teachers=1")
    expect(strict.get_by_test_id("boundary-view")).to_have_attribute(
        "data-state", "ready", timeout=120_000
    )
    assert [text for text in seen.errors if "Content Security Policy" in text] == []
    strict.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hasRun = true";
            document.body.append(script);
        }"""
    )
    assert strict.evaluate("window.hasRun") is None
    assert any("Content Security Policy" in text for text in seen.errors), "it must have been tried"
    # Nobody else can be asked either.
    sent = strict.evaluate(
        """() => fetch("http://203.0.113.1/").then(() => "sent", (error) => error.message)"""
    )
    assert sent == "Failed to fetch"
    assert any("connect-src" in text for text in seen.errors)


NASTY = "[Sign-in](http://evil.example/) ![x](http://evil.example/x.png) <b onclick=alert(1)>b</b>"


def test_no_word_of_an_address_becomes_a_link_or_a_picture(page, app, watch):
    seen = watch(page)
    nasty = {key: NASTY for key in ("width", "T", "corners", "found", "nothing")}
    query = urlencode({"teachers": 1, "data": "moons", "pin": f"{NASTY} 3 3 0.7 200", **nasty})
    page.goto(f"{app}/?{query}")
    expect(page.get_by_test_id("boundary-view")).to_have_attribute(
        "data-state", "ready", timeout=120_000
    )
    expect(page.get_by_text("The pinned setting in this link cannot be read")).to_be_visible()
    expect(page.locator("a[href*='evil'], img[src*='evil'], [onclick]")).to_have_count(0)
    assert not any("evil" in host for host in seen.hosts)
    assert seen.errors == []
