"""Which data, which view, which plane: from widgets to what the models see and what is shown."""

import contextlib
from collections.abc import Iterator

import streamlit as st

from distill_core.data import datasets
from distill_core.geometry.problems import load_plane
from distill_core.specs import DatasetSpec, PlaneSpec, ProblemSpec, SpecError
from pages.frame.controls import most_disagreement, three_samples, upload
from pages.frame.controls.settings import MOST_DISAGREEMENT, SLICE, UPLOAD
from pages.frame.controls.url_state import plain
from pages.frame.controls.widgets import ask, ask_name, fill


def choose_problem() -> tuple[ProblemSpec, PlaneSpec]:
    """Ask which data, plane and view; return what the models see and what is shown.

    Raises
    ------
    SpecError
        When the data does not have what the plane needs, or there is no data yet.
    """
    dataset = _choose_dataset()
    view = ask("view")
    plane = _choose_plane(dataset, view)
    if view == SLICE:
        st.caption("No offset in the slice view: every point is projected onto the plane.")
    else:
        plane = fill(plane, "offset")
    load_plane(plane, dataset)  # Says so if the data has no such plane.
    return ProblemSpec(dataset=dataset, plane=plane if view == SLICE else None), plane


@contextlib.contextmanager
def explain_errors() -> Iterator[None]:
    """End the page with why nothing can be shown for the present setting, and what to do."""
    try:
        with upload.place_choices():
            yield
    except upload.NoDataYet as error:
        st.info(plain(str(error)), icon=":material/upload_file:")
        st.stop()
    except SpecError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.stop()


def _choose_dataset() -> DatasetSpec:
    name = ask("data")
    if name == UPLOAD:
        return upload.ask()
    dataset = DatasetSpec(name=name)
    if dataset.n_classes is None:
        return dataset
    return fill(dataset, "classes" if name == "blobs" else "arms")


def _choose_plane(dataset: DatasetSpec, view: str) -> PlaneSpec:
    kind = ask("plane")
    if kind == "two features":
        names = datasets.load(dataset).feature_names
        return PlaneSpec(kind=kind, features=(ask_name("fx", names), ask_name("fy", names)))
    if kind == "random":
        return fill(PlaneSpec(kind=kind), "pseed")
    if kind == "three samples":
        return three_samples.ask(dataset)
    if kind == MOST_DISAGREEMENT:
        return most_disagreement.ask(dataset, view)
    return PlaneSpec(kind=kind)
