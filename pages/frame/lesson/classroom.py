"""The presenter's side of predicting together: a room, its link, what the class has answered."""

import contextlib
import io
import time
from collections import Counter
from urllib.parse import urlencode, urljoin

import numpy as np
import segno
import streamlit as st

from distill_core import jobs, lessons
from distill_core.boundaries.section import Section
from distill_core.figures import Points
from distill_core.geometry.problems import load_window
from distill_core.lessons import kinds
from pages.frame.controls.url_state import plain, read, write
from pages.frame.lesson import course
from pages.frame.lesson.course import Place
from pages.frame.playground import layers
from pages.frame.room.rooms import ROOMS, Question, RoomError
from pages.frame.server import pace, service

# Code and key of the room that this presenter has opened.
_KEY = "room opened"
# Points in the picture on a phone.
_MAX_POINTS = 120


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
    try:
        ROOMS.ask(*mine, _make_question(at), time.monotonic())
    except RoomError as error:
        st.warning(str(error))
        _forget()
        return
    _show_link(at, code)
    _watch(at, *mine)


def show_answers(at: Place) -> None:
    """Show what the class had predicted, beside what happened."""
    mine: tuple[str, str] | None = st.session_state.get(_KEY)
    if mine is None or mine[0] != read("room"):
        return
    try:
        answers = ROOMS.count(*mine, time.monotonic())
    except RoomError:
        _forget()
        return
    if answers:
        _draw_histogram(at, answers)


def draw_svg(whole: Section, points: Points | None) -> str:
    """Return the ensemble's boundary and some samples as a small SVG, made of numbers alone."""
    window = whole.window
    low, side = (window.u - window.half, window.v - window.half), 2 * window.half

    def place(uv: np.ndarray) -> np.ndarray:
        across = (uv[:, 0] - low[0]) / side
        up = 1 - (uv[:, 1] - low[1]) / side
        return np.round(400 * np.c_[across, up], 1)

    parts = []
    if points is not None:
        seen = place(points.uv[:_MAX_POINTS])
        parts += [
            f'<circle cx="{x}" cy="{y}" r="4" fill="{_COLOURS[int(label) % len(_COLOURS)]}"/>'
            for (x, y), label in zip(seen, points.y[:_MAX_POINTS], strict=True)
        ]
    gaps = np.flatnonzero(np.isnan(whole.lines[:, 0]))
    for line in np.split(whole.lines, gaps):
        kept = place(line[~np.isnan(line[:, 0])])[::2]
        if len(kept) > 1:
            way = " ".join(f"{x},{y}" for x, y in kept)
            parts.append(
                f'<polyline points="{way}" fill="none" stroke="currentColor" stroke-width="4"/>'
            )
    return f'<svg viewBox="0 0 400 400" role="img" aria-hidden="true">{"".join(parts)}</svg>'


# Blue and orange, as in the app's figures, then two that stay apart from them.
_COLOURS = ("#3d8fd1", "#e08a2e", "#7a5cc4", "#2f9e6e", "#c44f7a")


def _make_question(at: Place) -> Question:
    step = at.step
    kind = kinds.KINDS[step.kind]
    guesses = lessons.list_guesses(step)
    return Question(
        name=f"{at.name} {at.number} {at.language}",
        title=at.text.title,
        text=at.text.question,
        options={g: lessons.say_guess(step, g, at.language, at.of) for g in guesses},
        picture=_draw_picture(at),
        by_slider=not (kind.by_choice or step.choices),
        send=at.words.vote,
        thanks=at.words.voted,
    )


def _draw_picture(at: Place) -> str:
    """Return the step's picture before the reveal; "" until the ensemble has been drawn once."""
    picture = at.step.picture
    found = service.store().get(jobs.evaluate_section.kind, picture.section.digest)
    if found is None:
        return ""
    window = load_window(picture.plane, picture.dataset)
    return draw_svg(jobs.read_section(found, window), layers.load_points(picture, ["test points"]))


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


@st.fragment(run_every=pace.ROOM_POLL)
def _watch(at: Place, code: str, key: str) -> None:
    """Show how many have answered and what, again and again."""
    try:
        answers = ROOMS.count(code, key, time.monotonic())
    except RoomError as error:
        st.warning(str(error))
        return
    st.markdown(f"**{at.words.answered.format(count=answers.total())}**")
    if answers:
        st.button(
            at.words.reveal_class,
            type="primary",
            icon=":material/visibility:",
            key="reveal for the class",
            on_click=course.predict,
            args=(at, answers.most_common(1)[0][0]),
        )


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
