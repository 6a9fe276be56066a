"""The live view: from a setting to the picture in the browser, whatever must be trained first."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from distill_core import boundary, datasets, figures, jobs, metrics
from distill_core.boundary import Section
from distill_core.planes import Window
from distill_core.problems import load_plane, load_window
from distill_core.specs import PictureSpec, PlaneSpec, ReplicatesSpec, Spec
from distill_core.store import Artifact
from pages.frame import controls, service, status
from pages.frame.boundary_view import boundary_view

LAYERS = ["test points", "training points", "student's levels", "each teacher"]
# More points than this hide the boundary that they are to explain.
_MAX_POINTS = 400
# How long one run shows the same picture of a growing ensemble.
_GROWTH_STEP = 0.7
# How long the sliders must rest before what a picture can do without is computed: the browser
# needs the processor to paint first.
_REST = 0.4


@dataclass(frozen=True, eq=False)
class Shown:
    """Everything on the screen that belongs to one setting.

    Parameters
    ----------
    picture : PictureSpec
        The setting.
    ensemble, student : Artifact
        The trained models.
    whole, ours, twins : Section
        What ensemble, student and twin say on the shown part of the plane.
    history, replicates : Artifact, optional
        The way through training, and the setting with other seeds; None until ready.
    clicked : tuple of float, optional
        The place (u, v) that was clicked last.
    """

    picture: PictureSpec
    ensemble: Artifact
    student: Artifact
    whole: Section
    ours: Section
    twins: Section
    history: Artifact | None
    replicates: Artifact | None
    clicked: tuple[float, float] | None

    @property
    def area_agreement(self) -> float:
        """Share of the shown area on which student and ensemble give the same answer."""
        return float(metrics.agreement(self.ours.labels.ravel(), self.whole.labels.ravel()))


def replicates_of(picture: PictureSpec) -> ReplicatesSpec:
    """Return the same setting over seeds."""
    return ReplicatesSpec(student=picture.student.replace(seed=0))


def choose_layers() -> list[str]:
    """Ask what to draw besides the boundaries."""
    return st.pills(
        "Layers",
        LAYERS,
        selection_mode="multi",
        default=LAYERS[:1],
        key="show",
        bind="query-params",
        label_visibility="collapsed",
    )


def show(picture: PictureSpec, pinned: PictureSpec | None, layers: list[str]) -> Shown:
    """Draw a setting. While the ensemble grows, draw what there is and run the page again.

    Raises
    ------
    Unavailable
        When something that belongs to the picture could not be computed.
    """
    store = service.store()
    window = load_window(picture.plane, picture.student.ensemble.problem.dataset)
    ensemble = _grown(picture, window)
    section = _made("section", jobs.section, picture.section, "Looking at the plane")
    made = _made("picture", jobs.picture, picture, "Training the student")
    student = _made("student", jobs.student, picture.student, "Training the student")
    whole = jobs.read_section(section, window)
    ours, twins = (jobs.read_section(made, window, who) for who in ("", "twin_"))
    history = store.get("history", picture.digest)
    place = st.session_state.get("place")
    figure = figures.boundary_figure(
        whole,
        ours,
        twin=twins,
        teachers=_teachers(section) if "each teacher" in layers else None,
        disagreement=boundary.disagreement(whole, ours),
        points=_points(picture, layers),
        pinned=None if pinned is None else _pinned_lines(pinned),
        pinned_name="" if pinned is None else f"pinned: {controls.describe(pinned)}",
        marked=place,
        student_levels="student's levels" in layers,
        class_names=datasets.load(picture.student.ensemble.problem.dataset).class_names,
        axis_titles=_axis_titles(picture),
    )
    result = boundary_view(
        figure,
        key="boundary",
        student_digest=picture.digest,
        state="ready",
        label=_in_words(whole, ours, picture),
        frames=None if history is None else _frames(history),
    )
    if result.clicked:
        place = (float(result.clicked["u"]), float(result.clicked["v"]))
        if place != st.session_state.get("place"):
            st.session_state["place"] = place
            st.rerun()
    shown = Shown(
        picture,
        ensemble,
        student,
        whole,
        ours,
        twins,
        history,
        store.get("replicates", replicates_of(picture).digest),
        place,
    )
    _say_what_is_hidden(shown)
    return shown


def complete(shown: Shown) -> None:
    """When the sliders rest: make what the picture can do without, then run the page again."""
    wanted: list[tuple[str, Any, Spec, Artifact | None]] = [
        ("history", jobs.history, shown.picture, shown.history),
        ("replicates", jobs.replicates, replicates_of(shown.picture), shown.replicates),
    ]
    if all(artifact is not None for _, _, _, artifact in wanted):
        return
    status.rest(_REST)
    pending = [
        job
        for kind, function, spec, artifact in wanted
        if artifact is None
        and not isinstance(job := status.request(kind, function, spec, slot=kind), Artifact)
    ]
    status.wait(pending, "Repeating with other seeds")
    if any(job.state == "done" for job in pending):
        st.rerun()


def _grown(picture: PictureSpec, window: Window) -> Artifact:
    """Return the trained ensemble; as long as there is none, draw how far it is and run again."""
    store, spec = service.store(), picture.student.ensemble
    whole = store.get("ensemble", spec.digest)
    if whole is not None:
        return whole
    parts = [
        status.request("ensemble-part", jobs.ensemble_part, part, slot=f"teachers {part.part}")
        for part in spec.parts
    ]
    running = [part for part in parts if not isinstance(part, Artifact)]
    if not running:
        return _made("ensemble", jobs.ensemble, spec, "Joining the teachers")
    words = f"Training {spec.n_members} teachers"
    place = st.empty()
    status.bar(place, running, words)
    snapshots = [job.snapshot for job in running if job.snapshot is not None]
    if snapshots and picture.plane == (spec.problem.plane or PlaneSpec()):
        boundary_view(
            figures.boundary_figure(
                jobs.read_growth(snapshots, window), axis_titles=_axis_titles(picture)
            ),
            key="boundary",
            student_digest="",
            state="training",
            label="The ensemble is still being trained; its boundary so far is shown.",
        )
    if status.wait(running, words, at_most=_GROWTH_STEP, place=place):
        for job in running:
            status.result(job, "ensemble-part")
    st.rerun()


def _made(kind: str, function: Any, spec: Spec, words: str) -> Artifact:
    found = status.request(kind, function, spec, slot="student")
    if isinstance(found, Artifact):
        return found
    status.wait([found], words)
    return status.result(found, kind)


def _pinned_lines(pinned: PictureSpec) -> NDArray[np.float32]:
    found = status.request("picture", jobs.picture, pinned, slot="pinned")
    if not isinstance(found, Artifact):
        status.wait([found], "Training the pinned student")
        found = status.result(found, "picture")
    lines: NDArray[np.float32] = found.arrays["lines"]
    return lines


def _teachers(section: Artifact) -> NDArray[np.float32]:
    return boundary.joined([part for part in jobs.read_lines(section, "member") if len(part)])


def _points(picture: PictureSpec, layers: list[str]) -> figures.Points | None:
    data = datasets.load(picture.student.ensemble.problem.dataset)
    plane = load_plane(picture.plane, picture.student.ensemble.problem.dataset)
    parts = {
        "training points": (data.X_train, data.y_train),
        "test points": (data.X_test, data.y_test),
    }
    chosen = [parts[name] for name in parts if name in layers]
    if not chosen:
        return None
    # The split is random already: the first points are a fair sample.
    X, y = (np.concatenate([part[i][:_MAX_POINTS] for part in chosen]) for i in (0, 1))
    return figures.Points(plane.project(X), y)


def _frames(history: Artifact) -> list[tuple[str, NDArray[np.float32]]]:
    lines = jobs.read_lines(history, "frame")
    return [(f"epoch {i} of {len(lines)}", part) for i, part in enumerate(lines, 1)]


def _axis_titles(picture: PictureSpec) -> tuple[str, str]:
    names = datasets.load(picture.student.ensemble.problem.dataset).feature_names
    if picture.plane.features is not None:
        across, up = (names[i] for i in picture.plane.features)
        return f"{across} (standard deviations)", f"{up} (standard deviations)"
    return f"{picture.plane.kind}, first axis (slice units)", "second axis (slice units)"


def _in_words(whole: Section, ours: Section, picture: PictureSpec) -> str:
    agree = float(metrics.agreement(ours.labels.ravel(), whole.labels.ravel()))
    count = len(ours.lines) and 1 + int(np.isnan(ours.lines[:, 0]).sum())
    pieces = "no boundary" if not count else "one boundary line" if count == 1 else f"{count} lines"
    return (
        f"Decision boundaries on the plane {picture.plane.kind}. Ensemble and student "
        f"({controls.describe(picture)}) give the same answer on {agree:.1%} of the shown area. "
        f"The student has {pieces} in the window; the ensemble gives {whole.share[1]:.0%} of the "
        "area to class 1."
    )


def _say_what_is_hidden(shown: Shown) -> None:
    data = datasets.load(shown.picture.student.ensemble.problem.dataset)
    plane = load_plane(shown.picture.plane, shown.picture.student.ensemble.problem.dataset)
    notes = [
        f"The shaded area is where student and ensemble differ. Of each kind of points at most "
        f"{_MAX_POINTS} are drawn. Click anywhere to ask every model for its answer there."
    ]
    if shown.picture.student.ensemble.problem.plane is None:
        distance = float(np.median(plane.distance(data.X_test)))
        notes.append(
            "**The models see all features; this is a cut.** Half of the test points lie more than "
            f"{distance:.1f} standard deviations off the plane, so the colour under a point is "
            "often not the models' answer for it."
        )
    outside = plane.share_outside(data.X_train)
    if outside > 0.01:
        notes.append(
            f"**This plane leaves the data**: {outside:.0%} of its directions lie outside the span "
            "of the training data, where no model has ever been asked."
        )
    st.caption("  \n".join(notes))
