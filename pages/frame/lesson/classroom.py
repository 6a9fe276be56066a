"""The presenter's side of predicting together: a room, its link, what the class has answered."""

import contextlib
import io
import time
from collections import Counter
from urllib.parse import urlencode, urljoin

import segno
import streamlit as st

from distill_core import lessons
from distill_core.lessons import drawings, kinds
from pages.frame.controls.url_state import plain, read, write
from pages.frame.lesson import course, drawn
from pages.frame.lesson.course import Place
from pages.frame.room.rooms import ROOMS, Question, RoomError
from pages.frame.server import pace, waiting

# Code and key of the room that this presenter has opened.
_KEY = "room opened"


def lead(at: Place) -> None:
    """Offer a room or, in it, ask this step's question and show what the class has answered."""
    mine: tuple[str, str] | None = st.session_state.get(_KEY)
    code = read("room")
    if mine is None or mine[0] != code:
        if code:
            link = f"join?{urlencode({'room': code, 'lang': at.language})}"
            said = f"{at.words.room_of_another} [{plain(code[:12])}]({link})"
            st.info(said, icon=":material/groups:")
        st.button(at.words.together, icon=":material/groups:", on_click=_open)
        return
    question = _make_question(at)
    if question.drawing is not None and not question.picture:
        # It could not be drawn, which the page has said.
        return
    try:
        ROOMS.ask(*mine, question, time.monotonic())
    except RoomError as error:
        st.warning(str(error))
        _forget()
        return
    _show_link(at, code)
    _watch(at, *mine)


def show_answers(at: Place) -> None:
    """Show what the class had predicted, beside what happened; lines are in the picture."""
    if lines := list_lines(at):
        if said := drawn.sum_up(lines, at):
            st.markdown(f"**{plain(said)}**")
    elif answers := count_answers():
        _draw_histogram(at, answers)


def list_lines(at: Place) -> list[str]:
    """Return the lines that the class has drawn in this step."""
    if not kinds.KINDS[at.step.kind].by_drawing:
        return []
    return [text for text in count_answers().elements() if drawings.parse(text) is not None]


def count_answers() -> Counter[str]:
    """Return how often each answer was given in the room that this presenter has opened."""
    mine: tuple[str, str] | None = st.session_state.get(_KEY)
    if mine is None or mine[0] != read("room"):
        return Counter()
    try:
        return ROOMS.count(*mine, time.monotonic())
    except RoomError:
        _forget()
        return Counter()


def _make_question(at: Place) -> Question:
    step = at.step
    kind = kinds.KINDS[step.kind]
    guesses = lessons.list_guesses(step)
    return Question(
        name=f"{at.name} {at.number} {at.language}",
        title=at.text.title,
        text=at.text.question,
        options={g: lessons.say_guess(step, g, at.language, at.of) for g in guesses},
        picture=drawn.draw_picture(step.picture),
        by_slider=bool(kind.stops) and not step.choices,
        drawing=drawn.word_sketch(at.words) if kind.by_drawing else None,
        send=at.words.vote,
        thanks=at.words.voted,
    )


def _show_link(at: Place, code: str) -> None:
    path = f"join?{urlencode({'room': code, 'lang': at.language})}"
    link = urljoin(st.context.url or "", path)
    image = io.BytesIO()
    segno.make(link, micro=False).save(image, kind="png", scale=5, border=4)
    left, right = st.columns([1, 2], vertical_alignment="center")
    left.image(image.getvalue())
    right.markdown(f"**{plain(code)}**")
    right.code(link, language=None, wrap_lines=True)
    right.button(at.words.end_room, icon=":material/close:", on_click=_close)


@waiting.look_again(every=pace.ROOM_POLL)
def _watch(at: Place, code: str, key: str) -> None:
    """Show how many have answered and what, again and again."""
    try:
        answers = ROOMS.count(code, key, time.monotonic())
    except RoomError as error:
        st.warning(str(error))
        return
    st.markdown(f"**{at.words.answered.format(count=answers.total())}**")
    if answers and st.button(
        at.words.reveal_class,
        type="primary",
        icon=":material/visibility:",
        key="reveal for the class",
    ):
        _reveal(at, answers)
        # A button of a fragment runs that fragment alone.
        st.rerun()


def _reveal(at: Place, answers: Counter[str]) -> None:
    """Take the class's most frequent answer, or its most central line, as the prediction."""
    by_drawing = kinds.KINDS[at.step.kind].by_drawing
    chosen = drawings.pick_central(list(answers)) if by_drawing else answers.most_common(1)[0][0]
    course.predict(at, chosen)


def _draw_histogram(at: Place, answers: Counter[str]) -> None:
    total = answers.total()
    st.markdown(f"**{at.words.class_said.format(count=total)}**")
    kind = kinds.KINDS[at.step.kind]
    for guess in lessons.list_guesses(at.step):
        count = answers[guess]
        if count or kind.by_choice or at.step.choices:
            name = lessons.say_guess(at.step, guess, at.language, at.of)
            st.progress(count / total, f"{plain(name)}: {count}")


def _open() -> None:
    try:
        st.session_state[_KEY] = mine = ROOMS.open(time.monotonic())
    except RoomError as error:
        st.toast(str(error))
        return
    write("room", mine[0])


def _close() -> None:
    mine: tuple[str, str] | None = st.session_state.get(_KEY)
    if mine is not None:
        # One that has ended by itself is ended.
        with contextlib.suppress(RoomError):
            ROOMS.close(*mine, time.monotonic())
    _forget()


def _forget() -> None:
    st.session_state.pop(_KEY, None)
    write("room", "")
