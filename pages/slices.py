"""Does this slice tell the truth?"""

import streamlit as st

from distill_core.jobs import faithfulness as slices
from distill_core.specs import PictureSpec, SpecError, StudentSpec
from pages.frame.controls import student as controls
from pages.frame.controls import study
from pages.frame.server import waiting
from pages.frame.server.waiting_slices import made, teachers
from pages.frame.slices import meter, plane_names, side_by_side, tour

NEAR = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)

st.title("Does this slice tell the truth?")
st.markdown(
    "The picture has two dimensions, the models may see many more. Does the colour under a point "
    "say what the model answers for that point?"
)
try:
    with st.sidebar:
        problem, chosen = controls.problem()
        ensemble = controls.ensemble(problem)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        near = st.select_slider(
            "Near the plane: the nearest share of the data",
            NEAR,
            0.1,
            format_func=lambda share: f"{share:.0%}",
            key="near",
            bind="query-params",
            help="Sets the distance h up to which a point counts as near. It trains nothing.",
        )
    with right.popover("Student and loss", icon=":material/tune:"):
        setting = study.setting("width", "depth", "temperature", "alpha", "epochs")
        seed = study.count("Student seed", "seed", 0, 9999, 0, "The student's random start.")
    student = StudentSpec(ensemble=ensemble, seed=seed, **setting)
    is_free = problem.plane is None
    plane = plane_names.kept_or(chosen, problem.dataset) if is_free else chosen
    picture = PictureSpec(student=student, plane=plane)
except SpecError as error:
    controls.say(error)
    st.stop()

try:
    teachers(ensemble)
    (seen,) = made([("slice", slices.look, picture)], "Training the student", "look")
    look = meter.read(picture, seen, near)
    meter.answer(look)
    meter.figures_of(look, near)
    if plane != chosen:
        words, button = st.columns([3, 1], vertical_alignment="center")
        words.info(f"The plane kept from a tour: {controls.plain(plane_names.shown(plane))}.")
        button.button("Let it go", on_click=plane_names.let_go, width="stretch")
    meter.picture(look)
    if is_free:
        st.subheader("A tour through planes")
        tour.offer(student, plane)
        st.subheader("The same two models on other planes")
        found = side_by_side.looks(student, plane, near)
        side_by_side.pictures(found)
        st.subheader("Does agreement depend on the plane?")
        side_by_side.agreement(found, side_by_side.reproducibility(student))
        side_by_side.table(found)
    else:
        st.caption(
            "Other planes are other models in the slice view, so there is nothing to set side by "
            "side: with all features the same two models can be seen on every plane."
        )
except waiting.Unavailable as reason:
    st.error(controls.plain(str(reason)), icon=":material/error:")
