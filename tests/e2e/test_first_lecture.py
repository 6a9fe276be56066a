"""The first ten minutes of a lecturer: a locked link on a phone, a vote of the class, the truth."""

import time

import pytest
from playwright.sync_api import expect

from distill_core import lessons
from tests.e2e.waiting import ENDLESS, LABELS, painted, press, rest

pytestmark = [pytest.mark.e2e, pytest.mark.reliability]

PROJECTOR = {"width": 1280, "height": 720}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_from_the_bare_address_to_a_discussed_step(new_page, app, tmp_path):
    began, taken = time.monotonic(), []

    def note(page, step):
        page.wait_for_timeout(500)
        taken.append(f"{step}: {time.monotonic() - began:.0f} s")
        page.screenshot(path=tmp_path / f"{len(taken)} {step}.png")

    phone = new_page(**PHONE)
    projector = new_page(viewport=PROJECTOR)
    # 1. The bare address: a picture, and what to do with it.
    projector.goto(app)
    painted(projector)
    expect(projector.get_by_text("widen the student")).to_be_visible()
    note(projector, "bare address")
    # 2. The state that the class shall see.
    press(projector, LABELS["width"], "ArrowRight", times=2)
    rest(projector)
    # 3. A link in which the width cannot be moved.
    projector.get_by_role("button", name="Link for a class").click()
    dialog = projector.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Locked").click()
    projector.get_by_role("option", name=LABELS["width"]).click()
    projector.keyboard.press("Escape")
    link = dialog.get_by_test_id("stCode")
    expect(link).to_contain_text("lock=width", timeout=ENDLESS)
    note(projector, "locked link")
    phone.goto(link.inner_text().strip())
    painted(phone)
    expect(phone.get_by_role("slider", name=LABELS["width"])).to_be_disabled()
    expect(phone.get_by_role("slider", name=LABELS["T"])).to_be_enabled()
    note(phone, "locked phone")
    # 4. The lesson's first step, predicted together.
    lesson = lessons.load(lessons.DEFAULT)
    words, step = lessons.choose_words("en"), lesson.step[0].text["en"]
    projector.goto(f"{app}/lesson?present=1")
    expect(projector.get_by_role("heading", name=step.title)).to_be_visible(timeout=ENDLESS)
    projector.get_by_role("button", name=words.together).click()
    join = projector.get_by_test_id("stCode")
    expect(join).to_contain_text("join?room=", timeout=ENDLESS)
    note(projector, "room")
    phone.goto(join.inner_text().strip())
    phone.get_by_role("radio").first.check(timeout=ENDLESS)
    note(phone, "vote")
    phone.get_by_role("button", name=words.vote).click()
    expect(phone.get_by_text(words.voted)).to_be_visible()
    expect(projector.get_by_text(words.answered.format(count=1))).to_be_visible(timeout=ENDLESS)
    # 5. What the class has said, then the truth, then words to discuss.
    projector.get_by_role("button", name=words.reveal_class).click()
    expect(projector.get_by_role("heading", name=words.result)).to_be_visible(timeout=ENDLESS)
    expect(projector.get_by_text(words.class_said.format(count=1))).to_be_visible()
    note(projector, "revealed")
    print(*taken, sep="\n")
    print(f"Pictures: {tmp_path}")
    assert time.monotonic() - began < 600
