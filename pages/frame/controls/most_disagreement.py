"""The plane of most disagreement: searched when it is first asked for, then kept."""

import streamlit as st

from distill_core import jobs, specs
from distill_core.specs import DatasetSpec, PlaneSpec, SpecError, StudentSpec
from distill_core.store import Artifact
from pages.frame.controls import locks, three_samples
from pages.frame.controls.settings import ALL_FEATURES, SLICE, describe, of_spec
from pages.frame.controls.url_state import read
from pages.frame.server import service, visitors, waiting

# For which dataset and which setting the present plane was found.
_FOR = "found for"


def ask(dataset: DatasetSpec, view: str) -> PlaneSpec:
    """Return the plane that was found, or search it now; offer to search again.

    The plane stays when sliders move: what moves in the picture is then the student alone.

    Raises
    ------
    SpecError
        When the search failed.
    """
    if view == SLICE:
        return _not_here()
    text = str(read("found"))
    for_dataset, words = st.session_state.get(_FOR, (dataset.digest, ""))
    samples, _ = three_samples.parse(text if for_dataset == dataset.digest else "", dataset)
    again = st.button(
        "Search again",
        icon=":material/travel_explore:",
        width="stretch",
        disabled=not locks.is_open("found"),
        help="Searches the plane anew, for ensemble and student as they are set now.",
    )
    if samples is None or again:
        student = present_student(dataset)
        samples, words = _search(student), describe(student)
    st.session_state[_FOR] = dataset.digest, words
    three_samples.keep("found", " ".join(map(str, samples)))
    st.caption(
        f"Found for the student of {words or 'this link'}. The plane stays where it is when you "
        "move a slider; search again for the new setting."
    )
    return PlaneSpec(kind="three samples", samples=samples)


def present_student(dataset: DatasetSpec) -> StudentSpec:
    """Return the student as it is set now, taught by models that see all features."""
    ensemble = specs.EnsembleSpec(problem=specs.ProblemSpec(dataset=dataset, plane=None))
    for row in of_spec(specs.EnsembleSpec):
        ensemble = row.put(ensemble, read(row.key))
    student = StudentSpec(ensemble=ensemble)
    for row in of_spec(StudentSpec):
        student = row.put(student, read(row.key))
    return student


def _search(student: StudentSpec) -> tuple[int, int, int]:
    words = "Searching the plane of most disagreement"
    has_teachers = service.store().has("ensemble", student.ensemble.digest)
    parts = [] if has_teachers else waiting.request(waiting.list_teachers(student.ensemble))
    waiting.wait([part for part in parts if not isinstance(part, Artifact)], "First the teachers")
    found = visitors.identify().request(jobs.search_most_disagreement, student, slot="search")
    if not isinstance(found, Artifact):
        waiting.wait([found], words, bar=waiting.Bar(st.empty(), words))
        try:
            found = waiting.load_result(found)
        except waiting.Unavailable as reason:
            raise SpecError(f"The plane of most disagreement was not found. {reason}") from None
    samples = jobs.read_disagreement(found).samples
    assert samples is not None
    return samples


def _not_here() -> PlaneSpec:
    st.info(
        "The plane of most disagreement is searched among models that see all features. In the "
        "slice view the models know their own plane only, so the plane of class centres is shown."
    )
    st.button(
        "Show all features",
        icon=":material/view_in_ar:",
        width="stretch",
        on_click=lambda: st.session_state.update(view=ALL_FEATURES),
    )
    return PlaneSpec()
