"""The lesson walked from its first step to its last by keyboard alone, in both languages."""

import os

import pytest
from playwright.sync_api import expect

from benchmarks.browser import PROJECT
from distill_core import lessons
from tests.e2e.waiting import ENDLESS, settled
from tests.lessons.small import small_lesson

pytestmark = pytest.mark.e2e

FOCUSED = """() => {
    const at = document.activeElement;
    if (!at.matches('input, button, a, [role=slider]')) return '';
    const label = at.closest('label');
    return at.getAttribute('aria-label') || label?.innerText || at.innerText || '';
}"""


@pytest.fixture(scope="module")
def lesson_app(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lessons")
    (folder / "small.toml").write_text(small_lesson(), encoding="utf-8")
    environment = {
        **os.environ,
        "DISTILL_STORE": str(tmp_path_factory.mktemp("store")),
        "DISTILL_LESSONS": str(folder),
    }
    return serve(PROJECT / "app.py", environment=environment)


def tab_to(page, words):
    """Press Tab until what has the focus says these words."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if words in page.evaluate(FOCUSED):
            return
    raise AssertionError(f"{words!r} cannot be reached by Tab")


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_lesson_is_walked_by_keyboard_alone(page, lesson_app, watch, language):
    seen = watch(page)
    lesson = lessons.load(lessons.DEFAULT)
    words = lessons.choose_words(language)
    page.goto(f"{lesson_app}/lesson?lesson=small" + "&lang=de" * (language == "de"))
    for number, step in enumerate(lesson.step, 1):
        text = step.text[language]
        expect(page.get_by_role("heading", name=text.title)).to_be_visible(timeout=ENDLESS)
        expect(page.get_by_role("heading", name=words.result)).to_have_count(0)
        settled(page)
        view = page.get_by_test_id("boundary-view")
        expect(view).to_have_attribute("data-state", "ready", timeout=ENDLESS)
        if text.options or step.choices:
            tab_to(page, text.options.get("above", f"{(step.choices or (0,))[0]}"))
            page.keyboard.press("Space")
        else:
            tab_to(page, words.predict)
            page.keyboard.press("ArrowRight")
        show = page.get_by_role("button", name=words.reveal)
        expect(show).to_be_enabled()
        tab_to(page, words.reveal)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=words.result)).to_be_visible(timeout=ENDLESS)
        settled(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        on = words.next if number < len(lesson.step) else words.again
        expect(page.get_by_role("button", name=on)).to_be_visible()
        if number < len(lesson.step):
            tab_to(page, on)
            page.keyboard.press("Enter")
    expect(page.get_by_text(words.end)).to_be_visible()
    assert not [error for error in seen.errors if "404" not in error]
    # Loaded anew the address opens the last step, with everything that was predicted.
    page.reload()
    expect(page.get_by_text(words.end)).to_be_visible(timeout=ENDLESS)
