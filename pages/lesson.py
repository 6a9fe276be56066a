"""Predict first, then see"""

import streamlit as st

from pages.frame.controls.url_state import explain_address
from pages.frame.lesson import classroom, course, pictures, talk
from pages.frame.takeaway import report

explain_address("lesson")
at = course.open_course()
st.title(at.title)
talk.show_progress(at)
words, view = st.columns([6, 7], gap="large")
with words:
    talk.write_question(at)
    guess = talk.ask_prediction(at)
    result = st.container()
    if guess is None:
        classroom.lead(at)
    talk.offer_steps(at, guess)
with view:
    shown = pictures.draw_step(at.step, is_open=guess is not None, words=at.words)
    # Before a prediction a report would tell.
    if guess is not None:
        report.offer_picture(shown)
if guess is not None:
    with result:
        classroom.show_answers(at)
        talk.write_result(at, guess, pictures.load_evidence(at.step, at.words))
