"""Does this slice tell the truth?"""

import streamlit as st

from distill_core.jobs import faithfulness
from distill_core.specs import PictureSpec, StudentSpec
from pages.frame.controls.problem import explain_errors
from pages.frame.controls.student import choose_ensemble, fill_student
from pages.frame.controls.url_state import explain_address, offer_undo_and_reset, plain
from pages.frame.controls.widgets import ask
from pages.frame.server import waiting
from pages.frame.slices import meter, plane_names, side_by_side, tour
from pages.frame.takeaway import report

st.title("Does this slice tell the truth?")
st.markdown(
    "The picture has two dimensions, the models may see many more. Does the colour under a point "
    "say what the model answers for that point?"
)
explain_address("slices")
with explain_errors():
    with st.sidebar:
        ensemble, chosen = choose_ensemble()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        near = ask("near")
    with right.popover("Student and loss", icon=":material/tune:"):
        student = fill_student(StudentSpec(ensemble=ensemble), "slices")
    with st.sidebar:
        offer_undo_and_reset("slices")
    is_free = ensemble.problem.plane is None
    plane = plane_names.load_kept(chosen, ensemble.problem.dataset) if is_free else chosen
    picture = PictureSpec(student=student, plane=plane)

try:
    waiting.train_teachers(ensemble)
    seen = waiting.make_one(faithfulness.measure_slice, picture, "Training the student", "look")
    look = meter.read_look(picture, seen, near)
    meter.write_answer(look)
    meter.show_figures(look, near)
    if plane != chosen:
        words, button = st.columns([3, 1], vertical_alignment="center")
        words.info(f"The plane kept from a tour: {plain(plane_names.describe(plane))}.")
        button.button("Let it go", on_click=plane_names.let_go, width="stretch")
    meter.draw_picture(look)
    if is_free:
        st.header("A tour through planes")
        tour.offer(student, plane)
        st.header("The same two models on other planes")
        found = side_by_side.look_at_planes(student, plane, near)
        side_by_side.draw_pictures(found)
        st.header("Does agreement depend on the plane?")
        side_by_side.draw_agreement(found, side_by_side.measure_random_planes(student))
        side_by_side.offer_table(found)
    else:
        st.caption(
            "Other planes are other models in the slice view, so there is nothing to set side by "
            "side: with all features the same two models can be seen on every plane."
        )
    report.offer_picture(picture)
except waiting.Unavailable as reason:
    st.error(plain(str(reason)), icon=":material/error:")
