"""Does the student follow the ensemble?"""

import streamlit as st

from distill_core.data import datasets
from distill_core.specs import PictureSpec
from pages.frame.browser import preview_route
from pages.frame.controls import first_visit
from pages.frame.controls.pin import offer_pin, read_pin
from pages.frame.controls.problem import explain_errors
from pages.frame.controls.settings import describe
from pages.frame.controls.student import choose_ensemble, choose_student
from pages.frame.controls.url_state import explain_address, offer_undo_and_reset
from pages.frame.playground import classes, evidence, layers
from pages.frame.playground.picture import complete, draw
from pages.frame.server import visitors, waiting
from pages.frame.takeaway import models, report

preview_route.wait_for_line(visitors.identify())
st.title("Does the student follow the ensemble?")
st.markdown(
    "Many large networks vote; one small network learns to answer like them. "
    + first_visit.invite()
)
explain_address("playground")
with explain_errors():
    with st.sidebar:
        ensemble, plane = choose_ensemble()
    picture = PictureSpec(student=choose_student(ensemble), plane=plane)
    with st.sidebar:
        offer_undo_and_reset()
    pinned = read_pin(picture)

# The keys are those of frame.css, which sets the order of the parts on a phone.
with st.container(key="look"):
    left, right = st.columns([3, 2], gap="large")
with left:
    names = datasets.load(ensemble.problem.dataset).class_names
    with st.container(horizontal=True, key="layers"):
        chosen = layers.choose()
        one = classes.choose(names)
    try:
        shown = draw(picture, pinned, chosen, one)
        st.session_state["last good"] = picture
    except waiting.Unavailable as reason:
        st.error(str(reason), icon=":material/error:")
        last = st.session_state.get("last good")
        if last is None or last == picture:
            st.stop()
        st.info(f"The last good picture is shown: {describe(last.student)}.")
        shown = draw(last, None, chosen)
with right, st.container(key="answers"):
    evidence.draw_votes(shown)
    evidence.write_answer(shown)
    evidence.explain_view(shown)
    evidence.explain_places(shown)
with right, st.container(key="measures"):
    evidence.show_measures(shown)
    offer_pin(picture, pinned)
    evidence.compare_with_pinned(shown, pinned)
    evidence.write_loss(shown.picture.student)
    evidence.draw_learning_curves(shown)
models.offer(shown.picture)
if not report.is_under_way():
    complete(shown)
