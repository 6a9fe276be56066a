"""The lesson walked from its first step to its last by keyboard alone, in both languages."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from distill_core import lessons
from distill_core.lessons import kinds
from tests.e2e.waiting import ENDLESS, LINES, nothing_serious, painted, settled

pytestmark = pytest.mark.e2e

FOCUSED = """() => {
    const at = document.activeElement;
    if (!at.matches('input, button, a, [role=slider], [role=application]')) return '';
    const label = at.closest('label');
    return at.getAttribute('aria-label') || label?.innerText || at.innerText || '';
}"""


def tab_to(page, words):
    """Press Tab until what has the focus says these words."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if words in page.evaluate(FOCUSED):
            return
    raise AssertionError(f"{words!r} cannot be reached by Tab")


def draw_by_keys(page):
    """Draw a line from the left to the right, with a point too many that is taken back."""
    for keys in (["ArrowLeft"] * 5, ["ArrowRight"] * 9, ["n", "ArrowUp"], ["Shift+ArrowUp"]):
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_lesson_is_walked_by_keyboard_alone(page, app, watch, language):
    seen = watch(page)
    lesson = lessons.load(lessons.DEFAULT)
    words = lessons.choose_words(language)
    page.goto(f"{app}/lesson?lesson=small" + "&lang=de" * (language == "de"))
    for number, step in enumerate(lesson.step, 1):
        text = step.text[language]
        expect(page.get_by_role("heading", name=text.title)).to_be_visible(timeout=ENDLESS)
        expect(page.get_by_role("heading", name=words.result)).to_have_count(0)
        settled(page)
        if number == 1:
            nothing_serious(page)
        by_drawing = kinds.KINDS[step.kind].by_drawing
        view = page.get_by_test_id("sketch" if by_drawing else "boundary-view")
        expect(view).to_have_attribute("data-state", "ready", timeout=ENDLESS)
        if by_drawing:
            tab_to(page, words.draw)
            draw_by_keys(page)
            settled(page)
        elif text.options or step.choices:
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
    nothing_serious(page)
    assert not seen.errors
    # Loaded anew the address opens the last step, with everything that was predicted.
    page.reload()
    expect(page.get_by_text(words.end)).to_be_visible(timeout=ENDLESS)


def draw_by_finger(phone, up):
    """Draw a line across the picture, this share of its side above the lower edge."""
    box = phone.locator(".drawing").bounding_box()
    side = min(box["width"], box["height"])
    left, top = (box[x] + (box[size] - side) / 2 for x, size in (("x", "width"), ("y", "height")))
    phone.mouse.move(left + 0.1 * side, top + (1 - up) * side)
    phone.mouse.down()
    phone.mouse.move(left + 0.9 * side, top + (1 - up) * side, steps=60)
    phone.mouse.up()


def test_a_class_draws_on_phones_and_the_presenter_sees_all_over_the_truth(page, phone, app):
    words = lessons.choose_words("en")
    presenter = page
    # On a phone one draws first and reads on below.
    phone.goto(f"{app}/lesson?lesson=small&step=4")
    expect(phone.get_by_test_id("sketch")).to_have_attribute("data-state", "ready", timeout=ENDLESS)
    order = (
        phone.get_by_text(words.draw + "."),
        phone.locator(".drawing"),
        phone.get_by_text(words.choose_first),
        phone.get_by_role("button", name=words.reveal),
        phone.get_by_role("button", name=words.together),
    )
    heights = [one.bounding_box()["y"] for one in order]
    assert heights == sorted(heights)
    presenter.goto(f"{app}/lesson?lesson=small&step=4")
    presenter.get_by_role("button", name=words.together).click()
    expect(presenter.get_by_text(words.answered.format(count=0))).to_be_visible(timeout=ENDLESS)
    (room,) = re.findall(r"room=(\w+)", presenter.url)
    for count, up in enumerate((0.3, 0.6), 1):
        phone.goto(f"{app}/join?room={room}")
        # Another learner each time.
        phone.evaluate("sessionStorage.clear()")
        phone.reload()
        send = phone.get_by_role("button", name=words.vote)
        expect(send).to_be_disabled()
        draw_by_finger(phone, up)
        expect(send).to_be_enabled()
        phone.get_by_role("button", name=words.draw_clear).click()
        expect(send).to_be_disabled()
        draw_by_finger(phone, up)
        assert phone.evaluate("scrollY") == 0
        send.click()
        expect(phone.get_by_text(words.voted)).to_be_visible()
        expect(presenter.get_by_text(words.answered.format(count=count))).to_be_visible()
    presenter.get_by_role("button", name=words.reveal_class).click()
    expect(presenter.get_by_text("Drawings of the class: 2.")).to_be_visible(timeout=ENDLESS)
    painted(presenter)
    lines = presenter.evaluate(LINES)
    up = np.array(lines["class-drawn"][1], float)
    (gap,) = np.flatnonzero(np.isnan(up))
    strokes = up[:gap], up[gap + 1 :]
    # Level, and as far apart as they were drawn.
    assert max(map(np.ptp, strokes)) < 0.05 * abs(strokes[0].mean() - strokes[1].mean())
    np.testing.assert_allclose(
        lines["drawn"][1], min(strokes, key=lambda one: abs(one[0] - lines["drawn"][1][0]))
    )
