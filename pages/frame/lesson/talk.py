"""What a step says and asks: progress, question, prediction, result, the way on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from distill_core import lessons
from distill_core.lessons import kinds
from pages.frame.controls.url_state import plain
from pages.frame.lesson import course, drawn
from pages.frame.lesson.course import Place

_PLAYGROUND = str(Path(__file__).resolve().parents[2] / "playground.py")


def show_progress(at: Place) -> None:
    """Show which step of how many this is."""
    if at.number == 1:
        st.markdown(plain(at.of.about))
    st.progress(at.number / at.total, plain(at.words.step.format(number=at.number, total=at.total)))


def write_question(at: Place) -> None:
    """Write what the step is about."""
    st.header(plain(at.text.title))
    st.markdown(plain(at.text.question))


def ask_prediction(at: Place) -> str | None:
    """Ask for a prediction; return the one that was made, or None while there is none."""
    if at.guess:
        return at.guess
    if kinds.KINDS[at.step.kind].by_drawing:
        st.markdown(f"**{at.words.draw}.**")
        _offer_reveal(at, drawn.read_line(at))
        return None
    guesses = lessons.list_guesses(at.step)
    names = {g: lessons.say_guess(at.step, g, at.language, at.of) for g in guesses}
    key = f"prediction {at.name} {at.number} {at.language}"
    kind = kinds.KINDS[at.step.kind]
    chosen: str | None
    if kind.by_choice or at.step.choices:
        chosen = st.radio(
            at.words.predict,
            guesses,
            index=None,
            format_func=lambda guess: plain(names[guess]),
            key=key,
        )
    else:
        chosen = st.select_slider(
            at.words.predict, guesses, guesses[0], format_func=names.get, key=key
        )
    _offer_reveal(at, chosen)
    return None


def write_result(at: Place, guess: str, found: Mapping[str, Any] | None) -> None:
    """Set the prediction beside what happened, with the numbers of this step's runs."""
    if found is None:
        st.info(at.words.preparing, icon=":material/hourglass_top:")
        return
    verdict = lessons.judge(at.step, found)
    with st.container(border=True):
        st.subheader(at.words.result)
        said = (
            drawn.compare(at, guess)
            if kinds.KINDS[at.step.kind].by_drawing
            else lessons.compare(at.step, verdict, guess, at.language, at.of, at.words)
        )
        st.markdown(f"**{plain(said)}**")
        st.markdown(plain(lessons.write(at.step, verdict, at.language, at.of)))
        st.caption(at.words.chance)
    st.markdown(f"**{at.words.watch}.** {plain(at.text.watch)}")


def offer_steps(at: Place, guess: str | None) -> None:
    """Offer the steps before and after; the next one once this one has been predicted."""
    row = st.container(horizontal=True)
    if at.number > 1:
        row.button(
            at.words.back,
            icon=":material/arrow_back:",
            on_click=course.go_to,
            args=(at.number - 1,),
        )
    if guess is None:
        return
    if at.number < at.total:
        row.button(
            at.words.next,
            type="primary",
            icon=":material/arrow_forward:",
            on_click=course.go_to,
            args=(at.number + 1,),
        )
        return
    row.button(
        at.words.again,
        icon=":material/restart_alt:",
        on_click=course.begin_again,
    )
    st.success(at.words.end, icon=":material/school:")
    st.page_link(_PLAYGROUND, label=at.words.to_playground, icon=":material/join_inner:")


def _offer_reveal(at: Place, chosen: str | None) -> None:
    """Offer to show what happens, once there is a prediction."""
    if chosen is None:
        st.caption(at.words.choose_first)
    st.button(
        at.words.reveal,
        type="primary",
        icon=":material/visibility:",
        disabled=chosen is None,
        on_click=course.predict,
        args=(at, chosen),
    )
