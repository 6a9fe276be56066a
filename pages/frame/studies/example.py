"""What a study will look like, before it is run: a stored example, and said to be one."""

import json
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from distill_core import figures
from distill_core.studies import examples
from distill_core.studies.examples import Example
from pages.frame.browser.chart import chart_view
from pages.frame.controls.url_state import plain

_TITLE = "example, not your result"


def show(study: str) -> None:
    """Show the stored example of a study, if there is one."""
    found = examples.load(study)
    if found is None:
        return
    origin = f"Stored example of the default setting, spec {found.digest[:12]}"
    figure, words = _FIGURES[study](found)
    figure.add_annotation(
        text=_TITLE,
        **{"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False},
        opacity=0.28,
        font={"size": 26},
    )
    with st.container(border=True, key="example"):
        st.badge("A stored example, not your result", icon=":material/visibility:", color="orange")
        st.markdown(
            f"This is what the page shows once it has run, here for **the default setting** "
            f"({_say_setting(found.spec)}). There the answer begins: {plain(found.first)}"
        )
        chart_view(
            figure,
            key=f"{study}-example",
            label=f"{_TITLE.capitalize()}. {words}",
            setting=f"{origin}, not this page's setting",
        )
        with st.expander(f"{origin}: everything that was asked"):
            st.code(json.dumps(found.spec, indent=1), language="json", height=260)
            st.caption(f"Made by `{examples.COMMAND}`, in the project's folder.")


def _say_setting(spec: Any) -> str:
    student = spec.get("student", spec)
    ensemble = student["ensemble"]
    n = spec.get("n_seeds") or spec["n_repeats"]
    what = "repeats" if "n_repeats" in spec else "student seeds"
    return (
        f"data “{ensemble['problem']['dataset']['name']}”, {ensemble['n_members']} teachers of "
        f"ensemble seed {ensemble['seed']}, {n} {what}"
    )


def _draw_capacity(found: Example) -> tuple[go.Figure, str]:
    bands = {
        model: {entry["width"]: entry[model]["agreement"] for entry in found.shown}
        for model in ("student", "twin")
    }
    title = "agreement with the ensemble"
    figure = figures.bands_figure(
        [entry["width"] for entry in found.shown], bands, value_name=title, height=300
    )
    return figure, f"{title}, against the student's width, for student and twin, with 95% bands."


def _draw_softness(found: Example) -> tuple[go.Figure, str]:
    figure = figures.cells_figure(found.shown, "agreement", value_name="agreement")
    width = found.shown[0]["width"]
    return figure, f"agreement at every T and alpha, minus the twin's, width {width}."


def _draw_variance(found: Example) -> tuple[go.Figure, str]:
    # What comes from a file has its names in alphabetical order.
    bands = {
        source: {group: of_group["churn"] for group, of_group in groups.items()}
        for source, groups in sorted(found.shown.items(), reverse=True)
    }
    title = "churn: predictions that flip"
    words = f"{title}: single teacher, ensemble, student and twin, with 95% intervals."
    return figures.groups_figure(bands, value_name=title), words


_FIGURES = {"capacity": _draw_capacity, "softness": _draw_softness, "variance": _draw_variance}
