"""The picture in words: for those who do not see it, and what nobody sees in it."""

import numpy as np
import streamlit as st

from distill_core.boundaries.section import Section
from distill_core.data import datasets
from distill_core.geometry.problems import load_plane, measure_outside
from distill_core.jobs import faithfulness
from distill_core.measures.shares import format_share
from distill_core.specs import PictureSpec
from distill_core.store import Artifact
from distill_core.studies import picture_answers
from pages.frame.controls import settings
from pages.frame.playground import classes, layers
from pages.frame.server import service, shared


def describe(whole: Section, ours: Section, picture: PictureSpec) -> str:
    """Return what is seen: how far ensemble and student agree, how many lines, whose area."""
    names = datasets.load(picture.dataset).class_names
    count = len(ours.lines) and 1 + int(np.isnan(ours.lines[:, 0]).sum())
    pieces = "no boundary" if not count else "one boundary line" if count == 1 else f"{count} lines"
    return (
        f"Decision boundaries on the plane {picture.plane.kind}. Ensemble and student "
        f"({settings.describe(picture.student)}) give the same answer on "
        f"{format_share(ours.agreement(whole))} of the shown area. The student has {pieces} in the "
        f"window; of the area the ensemble gives {classes.describe_shares(whole, names)}."
    )


def explain_limits(picture: PictureSpec, note: str | None) -> None:
    """Say below the picture what it leaves out and where it may mislead."""
    look = None
    if picture.student.ensemble.problem.plane is None:
        look = service.store().get(faithfulness.measure_slice.kind, picture.digest)
    said = shared.say(
        shared.name(picture.dataset, "limits", picture.digest, look is None, note),
        lambda: _describe_limits(picture, note, look),
    )
    with st.container(key="limits"):
        st.caption(said)


def _describe_limits(picture: PictureSpec, note: str | None, look: Artifact | None) -> str:
    data = datasets.load(picture.dataset)
    plane = load_plane(picture.plane, picture.dataset)
    notes = [
        f"The shaded area is where student and ensemble differ. Of each kind of points at most "
        f"{layers.MAX_POINTS} are drawn. Click anywhere to ask every model for its answer there, "
        "or press arrow keys and Enter in the picture."
    ]
    if note is not None:
        notes.append(note)
    if picture.student.ensemble.problem.plane is None and data.n_features > 2:
        # The points that the page "Is it true?" shows, so that both pages say the same.
        shown = data.X_test[: faithfulness.N_SHOWN]
        counted = (
            "How often the colour under a point is not the ensemble's own answer for it is counted "
            "on the page **Is it true?**"
            if look is None
            else picture_answers.describe_own_colour(
                int(look.arrays["own_colour"][0].sum()), len(shown)
            )
        )
        distance = picture_answers.describe_distance(plane.distance(shown), shown.shape[1])
        notes.append(f"**The models see all features; this is a cut.** {counted}  \n{distance}")
    elif data.n_features == 2:
        notes.append("The data has two features: the picture shows all that the models see.")
    outside = measure_outside(picture.plane, picture.dataset)
    if outside > 0.01:
        notes.append(
            f"**This plane leaves the data**: {outside:.0%} of its directions lie outside the span "
            "of the training data, where no model has ever been asked."
        )
    return "  \n".join(notes)
