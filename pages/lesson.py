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
    talk.offer_steps(at, guess)
with view:
    shown = pictures.draw_step(at, guess, classroom.list_lines(at))
    # Before a prediction a report would tell.
    if guess is not None:
        report.offer_picture(shown)
with result:
    if guess is None:
        # After the picture: phones get it with the question.
        classroom.lead(at)
    else:
        found = pictures.load_evidence(at.step, at.words)
        classroom.show_answers(at)
        talk.write_result(at, guess, found)
