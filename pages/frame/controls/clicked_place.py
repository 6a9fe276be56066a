"""The place in the picture that was clicked last, as long as the same plane is shown."""

import streamlit as st

from distill_core.specs import PictureSpec, PlaneSpec, ProblemSpec

Place = tuple[float, float]

_KEY = "clicked place"


def name_problem(picture: PictureSpec) -> tuple[ProblemSpec, PlaneSpec]:
    """Return what two settings must share to be compared: the data, the view and the plane."""
    return picture.student.ensemble.problem, picture.plane


def read(picture: PictureSpec) -> Place | None:
    """Return the place (u, v) that was clicked on this problem's plane, if there is one."""
    problem, place = st.session_state.get(_KEY, (None, None))
    return place if problem == name_problem(picture) else None


def keep(picture: PictureSpec, place: Place) -> bool:
    """Keep a place (u, v) of this problem's plane; say whether it is a new one."""
    is_new = place != read(picture)
    st.session_state[_KEY] = name_problem(picture), place
    return is_new


def is_kept() -> bool:
    """Say whether a place is kept, of whatever plane."""
    return _KEY in st.session_state


def forget() -> None:
    """Remove the place."""
    st.session_state.pop(_KEY, None)
