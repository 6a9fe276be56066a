"""One plane: the answer in a sentence, the meter, and the picture with its warning."""

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from distill_core import boundaries, figures, jobs
from distill_core.boundaries.faithfulness import Meter
from distill_core.data import datasets
from distill_core.geometry.problems import load_plane, load_window
from distill_core.jobs import faithfulness
from distill_core.measures.shares import format_share
from distill_core.specs import PictureSpec
from distill_core.store import Artifact
from distill_core.studies import picture_answers
from pages.frame.browser.boundary_view import Drawn, boundary_view
from pages.frame.controls import locks
from pages.frame.controls.settings import ALL_FEATURES
from pages.frame.server import waiting
from pages.frame.slices import plane_names
from pages.frame.studies import results


@dataclass(frozen=True, eq=False)
class Look:
    """A plane that was looked at.

    Parameters
    ----------
    picture : PictureSpec
        The student and the plane.
    seen : Artifact
        What `measure_slice` has put.
    meter : Meter
        Of ensemble and student.
    called : str
        The plane in words.
    """

    picture: PictureSpec
    seen: Artifact
    meter: Meter
    called: str

    @property
    def is_free(self) -> bool:
        """Whether the models see all features, so that the picture is only a cut."""
        return self.picture.student.ensemble.problem.plane is None

    @property
    def n_features(self) -> int:
        """How many features the data has."""
        return datasets.load(self.picture.student.ensemble.problem.dataset).X_test.shape[1]

    @property
    def one_colour(self) -> float:
        """Share of points that the best single colour everywhere would be right for."""
        answers = self.seen.arrays["answers"][0]
        return float(np.bincount(answers).max() / len(answers))


def read_look(picture: PictureSpec, seen: Artifact, near: float, called: str = "") -> Look:
    """Return a look at a plane, of ensemble and student only."""
    meter = faithfulness.read_meter(picture, seen, near)
    of_two = replace(meter, own_colour=meter.own_colour[:2])
    return Look(picture, seen, of_two, called or plane_names.describe(picture.plane))


def write_answer(look: Look) -> None:
    """Answer the page's question in sentences made from the numbers."""
    meter, n = look.meter, len(look.meter.distance)
    with st.container(border=True):
        if not look.is_free:
            st.markdown(
                f"**Yes, by construction.** In the slice view the picture is the model: it was "
                f"trained on these two coordinates, so all {n} points lie on their own colour. "
                "The meter has something to measure when the models see more than the picture "
                "shows."
            )
            st.button(
                "See it with all features",
                type="primary",
                icon=":material/view_in_ar:",
                disabled=not locks.is_open("view"),
                on_click=lambda: st.session_state.update(view=ALL_FEATURES),
                help="Changes the view; models of all features are trained if there are none yet.",
            )
            return
        st.markdown(picture_answers.judge_slice(meter, look.one_colour))


def show_figures(look: Look, near: float) -> None:
    """Show the meter's figures in a row."""
    meter, n = look.meter, len(look.meter.distance)
    near_shares = ["none" if np.isnan(s) else format_share(s, 0) for s in meter.near_shares]
    results.show_metrics(
        {
            "Own colour, ensemble": (
                format_share(meter.shares[0]),
                f"{meter.own_colour[0].sum()} of {n} points",
            ),
            "Own colour, student": (
                format_share(meter.shares[1]),
                f"{meter.own_colour[1].sum()} of {n} points",
            ),
            "Near the plane": (f"{meter.n_near} points", f"{near_shares[0]} own colour"),
            "Outside the data": (f"{meter.outside:.0%}", "of its directions"),
        }
    )
    st.caption(
        f"Near: within h = {meter.h:.2f} standard deviations, which holds {near:.0%} of the "
        "training data. "
        + f"{picture_answers.describe_distance(meter.distance, look.n_features)} "
        + (
            "Own colour: the model’s answer at the place where a point is drawn is its answer for "
            "the point itself, with all its features."
            if look.is_free
            else "In the slice view the models never see what is off the plane, so the distance "
            "changes no colour; these shares are 100% whatever the data."
        )
    )


def draw_picture(look: Look) -> None:
    """Draw the plane with its points; a picture that cannot be trusted says so above it."""
    warning = picture_answers.warn(look.meter) if look.is_free else None
    if warning is not None:
        st.warning(warning, icon=":material/warning:")
    spec, dataset = look.picture, look.picture.dataset
    wanted = {
        "slice section": (jobs.evaluate_section, spec.section),
        "slice picture": (jobs.evaluate_picture, spec),
    }
    section, models = waiting.make(wanted, "Looking at the plane")
    window, data = load_window(spec.plane, dataset), datasets.load(dataset)
    whole, ours = (jobs.read_section(part, window) for part in (section, models))
    n, meter = len(look.meter.distance), look.meter
    points = figures.Points(
        load_plane(spec.plane, dataset).project(data.X_test[:n]),
        data.y_test[:n],
        opacity=meter.opacity if look.is_free else None,
        answers=look.seen.arrays["answers"][0],
        own_colour=meter.own_colour[0],
        distance=meter.distance,
    )
    figure = figures.boundary_layers(
        whole,
        ours,
        disagreement=boundaries.disagreement(whole, ours),
        points=points,
        class_names=data.class_names,
    )
    label = (
        f"The plane {look.called}. {format_share(meter.shares[0], 0)} of {n} points lie on a "
        "colour that is the ensemble's own prediction for them; the others are hollow."
    )
    boundary_view(
        lambda: Drawn(figure, label),
        key="slice",
        student_digest=spec.digest,
        state="ready",
        height=560,
    )
    if look.is_free:
        st.caption(
            "A filled point lies on the colour of the ensemble’s own prediction for it, a hollow "
            "one does not. Points fade with their distance off the plane: half as strong at h. "
            "Hover a point for its own prediction and its distance."
        )
