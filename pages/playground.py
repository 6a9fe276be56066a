"""Does the student follow the ensemble?"""

import streamlit as st

from distill_core.data import datasets
from distill_core.specs import PictureSpec, SpecError
from pages.frame.browser import preview_route
from pages.frame.controls import student as controls
from pages.frame.playground import classes, evidence, layers
from pages.frame.playground import picture as live
from pages.frame.server import waiting

preview_route.goes_first(waiting.visitor())
st.title("Does the student follow the ensemble?")
st.markdown(
    "Many large networks vote; one small network learns to answer like them. Move a slider and "
    "watch how closely its decision boundary follows."
)

try:
    with st.sidebar:
        problem, plane = controls.problem()
        ensemble = controls.ensemble(problem)
    picture = PictureSpec(student=controls.student(ensemble), plane=plane)
    with st.sidebar:
        controls.undo_and_reset()
    pinned = controls.pinned(picture)
except SpecError as error:
    controls.say(error)
    st.stop()

left, right = st.columns([3, 2], gap="large")
with left:
    names = datasets.load(problem.dataset).class_names
    with st.container(horizontal=True):
        chosen = layers.choose()
        one = classes.choose(names)
    try:
        shown = live.show(picture, pinned, chosen, one)
        st.session_state["last good"] = picture
    except waiting.Unavailable as reason:
        st.error(str(reason), icon=":material/error:")
        last = st.session_state.get("last good")
        if last is None or last == picture:
            st.stop()
        st.info(f"The last good picture is shown: {controls.describe(last)}.")
        shown = live.show(last, None, chosen)
with right:
    evidence.answer(shown)
    evidence.measures(shown)
    controls.pin(picture, pinned)
    evidence.comparison(shown, pinned)
    evidence.loss(shown.picture.student)
    evidence.learning(shown)
evidence.votes(shown)
live.complete(shown)
