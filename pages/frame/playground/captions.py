"""The picture in words: for those who do not see it, and what nobody sees in it."""

import numpy as np
import streamlit as st

from distill_core.boundaries.section import Section
from distill_core.data import datasets
from distill_core.geometry.problems import load_plane
from distill_core.specs import PictureSpec
from pages.frame.controls import settings
from pages.frame.playground import classes, layers


def describe(whole: Section, ours: Section, picture: PictureSpec) -> str:
    """Return what is seen: how far ensemble and student agree, how many lines, whose area."""
    names = datasets.load(picture.dataset).class_names
    count = len(ours.lines) and 1 + int(np.isnan(ours.lines[:, 0]).sum())
    pieces = "no boundary" if not count else "one boundary line" if count == 1 else f"{count} lines"
    return (
        f"Decision boundaries on the plane {picture.plane.kind}. Ensemble and student "
        f"({settings.describe(picture.student)}) give the same answer on "
        f"{ours.agreement(whole):.1%} of the shown area. The student has {pieces} in the window; "
        f"of the area the ensemble gives {classes.describe_shares(whole, names)}."
    )


def explain_limits(picture: PictureSpec, note: str | None) -> None:
    """Say below the picture what it leaves out and where it may mislead."""
    data = datasets.load(picture.dataset)
    plane = load_plane(picture.plane, picture.dataset)
    notes = [
        f"The shaded area is where student and ensemble differ. Of each kind of points at most "
        f"{layers.MAX_POINTS} are drawn. Click anywhere to ask every model for its answer there."
    ]
    if note is not None:
        notes.append(note)
    if picture.student.ensemble.problem.plane is None:
        distance = float(np.median(plane.distance(data.X_test)))
        notes.append(
            "**The models see all features; this is a cut.** Half of the test points lie more than "
            f"{distance:.1f} standard deviations off the plane, so the colour under a point is "
            "often not the models' answer for it: the page **Is it true?** counts how often."
        )
    outside = plane.share_outside(data.X_train)
    if outside > 0.01:
        notes.append(
            f"**This plane leaves the data**: {outside:.0%} of its directions lie outside the span "
            "of the training data, where no model has ever been asked."
        )
    st.caption("  \n".join(notes))
