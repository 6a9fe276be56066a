"""The live view: from a setting to the picture in the browser, whatever must be trained first."""

import time
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from distill_core import boundaries, figures, jobs
from distill_core.boundaries.section import Section
from distill_core.data import datasets
from distill_core.engine import Job
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_window
from distill_core.measures import metrics
from distill_core.specs import PictureSpec, PlaneSpec, ReplicatesSpec, Spec
from distill_core.store import Artifact
from pages.frame.browser import preview_route
from pages.frame.browser.boundary_view import boundary_view
from pages.frame.controls import three_samples
from pages.frame.controls.settings import describe
from pages.frame.playground import captions, classes, layers
from pages.frame.server import service, waiting

# How long one run shows the same picture of a growing ensemble.
_GROWTH_STEP = 0.7
# How long the sliders must rest before what a picture can do without is computed: the browser
# needs the processor to paint first.
_REST = 0.4
_SHORT_REST = 0.15
# So long everything else waits for a new picture: what the browser gets in one go it draws in
# one go, and then the picture comes last; and while it draws, the processor may be the same.
_PICTURE_FIRST = 0.15


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


def show(
    picture: PictureSpec, pinned: PictureSpec | None, chosen: list[str], one: int | None = None
) -> Shown:
    """Draw a setting. While the ensemble grows, draw what there is and run the page again.

    Of more than two classes `one` is drawn against the rest, or all of them (None).

    Raises
    ------
    Unavailable
        When something that belongs to the picture could not be computed.
    """
    store = service.store()
    service.engine().visited()
    window = load_window(picture.plane, picture.student.ensemble.problem.dataset)
    ensemble = _grown(picture, window)
    rough = not store.has("section", picture.section.digest)
    section, made = _looked(picture)
    student = _made(jobs.train_student, picture.student, "Training the student")
    whole = jobs.read_section(section, window)
    ours, twins = (
        jobs.read_section(made, window, who).thin(whole.proba.shape[-1]) for who in ("", "twin_")
    )
    history = store.get("history", picture.digest)
    place = st.session_state.get("place")
    names = datasets.load(picture.student.ensemble.problem.dataset).class_names
    drawn, over, dashed = (classes.seen(section, one) for section in (whole, ours, twins))
    figure = figures.boundary_layers(
        drawn,
        over,
        twin=dashed,
        teachers=_teachers(picture) if "each teacher" in chosen and one is None else None,
        # Shading a rough look takes time, and its edges would be wrong.
        disagreement=None if rough else boundaries.disagreement(drawn, over),
        points=classes.sorted_out(layers.points(picture, chosen), one),
        corners=layers.corner_places(picture),
        pinned=None if pinned is None else _pinned_lines(pinned, window, one),
        pinned_name="" if pinned is None else f"pinned: {describe(pinned.student)}",
        marked=place,
        student_levels="student's levels" in chosen,
        class_names=classes.names(names, one),
        axis_titles=layers.axis_titles(picture),
    )
    result = boundary_view(
        figure,
        key="boundary",
        student_digest=picture.digest,
        state="ready",
        label=captions.in_words(whole, ours, picture),
        frames=None if history is None or one is not None else layers.frames(history),
        preview=None if one is not None else preview_route.offer(picture, waiting.visitor()),
    )
    if st.session_state.get("drawn") != picture.digest:
        st.session_state["drawn"] = picture.digest
        time.sleep(_PICTURE_FIRST)
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
    captions.say_what_is_hidden(picture, classes.note(names, one))
    three_samples.move(picture, place, layers.MAX_POINTS)
    return shown


def complete(shown: Shown) -> None:
    """When the sliders rest: make what the picture can do without, then run the page again."""
    finer = False
    if not service.store().has("section", shown.picture.section.digest):
        waiting.rest(_SHORT_REST)
        found = waiting.request(jobs.evaluate_section, shown.picture.section, slot="section")
        if isinstance(found, Job):
            waiting.wait([found], "Looking closely")
        finer = not isinstance(found, Job) or found.state == "done"
        # Where many wait for their first picture, the better one comes with all the rest.
        if finer and not waiting.is_crowded():
            st.rerun()
    wanted: list[tuple[jobs.Job, Spec, Artifact | None]] = [
        (jobs.trace_history, shown.picture, shown.history),
        (jobs.train_replicates, replicates_of(shown.picture), shown.replicates),
    ]
    if all(artifact is not None for _, _, artifact in wanted):
        if finer:
            st.rerun()
        return
    waiting.rest(_REST)
    more = [
        waiting.request(job, spec, slot=job.kind)
        for job, spec, artifact in wanted
        if artifact is None
    ]
    waiting.wait([job for job in more if isinstance(job, Job)], "Repeating with other seeds")
    # Another visitor may have had it made in the meantime.
    if finer or any(isinstance(one, Artifact) or one.state == "done" for one in more):
        st.rerun()


def _grown(picture: PictureSpec, window: Window) -> Artifact:
    """Return the trained ensemble; as long as there is none, draw how far it is and run again."""
    store, spec = service.store(), picture.student.ensemble
    whole = store.get("ensemble", spec.digest)
    if whole is not None:
        return whole
    parts = [
        waiting.request(jobs.train_ensemble_part, part, slot=f"teachers {part.part}")
        for part in spec.parts
    ]
    running = [part for part in parts if not isinstance(part, Artifact)]
    if not running:
        return _made(jobs.train_ensemble, spec, "Joining the teachers")
    words = f"Training {spec.n_members} teachers"
    place = st.empty()
    waiting.bar(place, running, words)
    snapshots = [job.snapshot for job in running if job.snapshot is not None]
    growing = bool(snapshots) and picture.plane == (spec.problem.plane or PlaneSpec())
    if growing:
        boundary_view(
            figures.boundary_layers(
                jobs.read_growth(snapshots, window),
                class_names=datasets.load(spec.problem.dataset).class_names,
                axis_titles=layers.axis_titles(picture),
            ),
            key="boundary",
            student_digest="",
            state="training",
            label="The ensemble is still being trained; its boundary so far is shown.",
        )
    if waiting.wait(running, words, at_most=_GROWTH_STEP, place=place):
        for job in running:
            waiting.result(job)
        # A view is drawn once in a run.
        if not growing:
            return _made(jobs.train_ensemble, spec, "Joining the teachers")
    st.rerun()


def _made(job: jobs.Job, spec: Spec, words: str) -> Artifact:
    found = waiting.request(job, spec, slot="student")
    if isinstance(found, Artifact):
        return found
    waiting.wait([found], words)
    return waiting.result(found)


def _pinned_lines(pinned: PictureSpec, window: Window, one: int | None) -> NDArray[np.float32]:
    found = waiting.request(jobs.evaluate_picture, pinned, slot="pinned")
    if not isinstance(found, Artifact):
        waiting.wait([found], "Training the pinned student")
        found = waiting.result(found)
    return classes.seen(jobs.read_section(found, window), one).lines


def _looked(picture: PictureSpec) -> tuple[Artifact, Artifact]:
    """Return what ensemble and student say; of a plane not seen before, first the rough look."""
    section = service.store().get("section", picture.section.digest) or waiting.request(
        jobs.evaluate_rough_section, picture.section, slot="section"
    )
    made = waiting.request(jobs.evaluate_picture, picture, slot="student")
    # Both at once: there are two workers.
    waiting.wait([job for job in (section, made) if isinstance(job, Job)], "Training the student")
    return (
        waiting.result(section) if isinstance(section, Job) else section,
        waiting.result(made) if isinstance(made, Job) else made,
    )


def _teachers(picture: PictureSpec) -> NDArray[np.float32]:
    lines = _made(jobs.trace_teachers, picture.section, "Asking each teacher")
    return boundaries.join_lines([part for part in jobs.read_lines(lines, "member") if len(part)])
