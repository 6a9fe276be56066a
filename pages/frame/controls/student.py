"""Who teaches and who learns: from widgets to an ensemble and a student."""

from typing import TypeVar

import streamlit as st

from distill_core.specs import EnsembleSpec, PlaneSpec, Spec, StudentSpec
from pages.frame.controls.problem import choose_problem
from pages.frame.controls.settings import of_spec
from pages.frame.controls.widgets import ask, fill

S = TypeVar("S", bound=Spec)


def choose_ensemble() -> tuple[EnsembleSpec, PlaneSpec]:
    """Ask who teaches what: `choose_problem`, then how many teachers, how combined, which seed.

    Return the ensemble and the plane that is shown.
    """
    problem, plane = choose_problem()
    ensemble = EnsembleSpec(problem=problem)
    return fill(ensemble, *(row.key for row in of_spec(EnsembleSpec))), plane


def choose_student(ensemble: EnsembleSpec) -> StudentSpec:
    """Ask for capacity, temperature, weight and seed; return the student."""
    student = StudentSpec(ensemble=ensemble)
    # Its widths, and two by two on a phone, are those of frame.css.
    with st.container(key="student", horizontal=True, vertical_alignment="bottom"):
        for row in of_spec(StudentSpec):
            if row.on_top:
                student = row.put(student, ask(row.key))
        menu = st.popover("More", icon=":material/tune:", width="stretch")
    with menu:
        for row in of_spec(StudentSpec):
            if not row.on_top:
                student = row.put(student, ask(row.key))
    return student


def fill_student(spec: S, page: str) -> S:
    """Ask for a student's settings that a page has; return the spec of its study with them."""
    return fill(spec, *(row.key for row in of_spec(StudentSpec, page)))
