"""The live view: from a setting to the picture in the browser, whatever must be trained first."""

import functools
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
from distill_core.specs import PictureSpec, PlaneSpec, ReplicatesSpec, Spec
from distill_core.store import Artifact
from pages.frame.browser import preview_route
from pages.frame.browser.boundary_view import Drawn, boundary_view
from pages.frame.controls import clicked_place, present, three_samples
from pages.frame.controls.settings import describe
from pages.frame.playground import captions, classes, layers, neighbours
from pages.frame.server import crowd, pace, service, shared, visitors, waiting


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

    @functools.cached_property
    def area_agreement(self) -> float:
        """Share of the shown area on which student and ensemble give the same answer."""
        return self.ours.agreement(self.whole)


@functools.lru_cache(maxsize=256)
def repeat(picture: PictureSpec) -> ReplicatesSpec:
    """Return the same setting over seeds."""
    return ReplicatesSpec(student=picture.student.replace(seed=0))


def draw(
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
    service.engine().visited(visitors.identify().name)
    window = load_window(picture.plane, picture.dataset)
    ensemble = _train_teachers(picture, window)
    rough = not store.has("section", picture.section.digest)
    section, models = _evaluate(picture, rough)
    student = waiting.make_one(jobs.train_student, picture.student, "Training the student")
    whole = jobs.read_section(section, window)
    ours, twins = (
        jobs.read_section(models, window, who).thin(whole.proba.shape[-1]) for who in ("", "twin_")
    )
    history = store.get("history", picture.digest)
    place = clicked_place.read(picture)
    names = datasets.load(picture.dataset).class_names
    with_teachers = "each teacher" in chosen and one is None
    teachers = _load_teachers(picture) if with_teachers else None
    line = None if pinned is None else _load_pinned(pinned, window, one)

    def make() -> Drawn:
        drawn, over, dashed = (classes.select(section, one) for section in (whole, ours, twins))
        figure = figures.boundary_layers(
            drawn,
            over,
            twin=dashed,
            teachers=teachers,
            # Shading a rough look takes time, and its edges would be wrong.
            disagreement=None if rough else boundaries.disagreement(drawn, over),
            points=classes.sort_points(layers.load_points(picture, chosen), one),
            corners=layers.find_corners(picture),
            pinned=line,
            pinned_name="" if pinned is None else f"pinned: {describe(pinned.student)}",
            marked=place,
            student_levels="student's levels" in chosen,
            class_names=classes.name_drawn(names, one),
            axis_titles=layers.name_axes(picture),
            units=layers.read_units(picture),
        )
        label = captions.describe(whole, ours, picture)
        frames = () if history is None or one is not None else layers.load_frames(history)
        return Drawn(figure, label, frames)

    height = present.limit_height(620)
    known = rough, history is None, one, place, tuple(chosen), pinned and pinned.digest, height
    clicked = boundary_view(
        make,
        key="boundary",
        student_digest=picture.digest,
        state="ready",
        preview=None if one is not None else preview_route.offer(picture, visitors.identify()),
        shared=shared.name(picture.dataset, "picture", picture.digest, *known),
        height=height,
    )
    if st.session_state.get("drawn") != picture.digest:
        st.session_state["drawn"] = picture.digest
        time.sleep(pace.PICTURE_FIRST)
    if clicked is not None and clicked_place.keep(picture, clicked):
        st.rerun()
    shown = Shown(
        picture,
        ensemble,
        student,
        whole,
        ours,
        twins,
        history,
        store.get("replicates", repeat(picture).digest),
        place,
    )
    neighbours.train_ahead(picture)
    captions.explain_limits(picture, classes.explain_colours(names, one))
    three_samples.move(picture, place, layers.MAX_POINTS)
    return shown


def complete(shown: Shown) -> None:
    """When the sliders rest: make what the picture can do without, then run the page again."""
    crowd.note_run(visitors.identify().name)
    missing = [name for name in ("history", "replicates") if getattr(shown, name) is None]
    if not missing and service.store().has("section", shown.picture.section.digest):
        return
    rest = crowd.rest()
    if rest is None:
        _complete(shown.picture, missing)
    else:
        # The browser says when it is time; until then nothing of this visitor runs here.
        due = time.monotonic() + rest / 2
        waiting.look_again(rest)(_complete_later)(shown.picture, missing, due)


def _complete_later(picture: PictureSpec, missing: list[str], due: float) -> None:
    """Complete a picture when it is due; before that, this has only been put on the page."""
    if time.monotonic() >= due:
        _complete(picture, missing, rests=True)


def _complete(picture: PictureSpec, missing: list[str], rests: bool = False) -> None:
    """Make what is missing of a picture that is shown, and run the page again."""
    visitor, finer = visitors.identify(), False
    if not service.store().has("section", picture.section.digest):
        if not rests:
            waiting.rest(pace.SHORT_REST)
        found = visitor.request(jobs.evaluate_section, picture.section, slot="section")
        if isinstance(found, Job):
            waiting.wait([found], "Looking closely")
        finer = not isinstance(found, Job) or found.state == "done"
        # Where many wait for their first picture, the better one comes with all the rest.
        if finer and not waiting.is_crowded():
            st.rerun()
    wanted: dict[str, tuple[jobs.Job, Spec]] = {}
    if "history" in missing:
        wanted["history"] = jobs.trace_history, picture
    if "replicates" in missing:
        wanted["replicates"] = jobs.train_replicates, repeat(picture)
    if not wanted:
        if finer:
            st.rerun()
        return
    if not rests:
        waiting.rest(pace.LONG_REST)
    more = waiting.request(wanted)
    waiting.wait([job for job in more if isinstance(job, Job)], "Repeating with other seeds")
    # Another visitor may have had it made in the meantime.
    if finer or any(isinstance(one, Artifact) or one.state == "done" for one in more):
        st.rerun()


def _train_teachers(picture: PictureSpec, window: Window) -> Artifact:
    """Return the trained ensemble; as long as there is none, draw how far it is and run again."""
    store, spec = service.store(), picture.student.ensemble
    whole = store.get("ensemble", spec.digest)
    if whole is not None:
        return whole
    parts = waiting.list_teachers(spec)
    running = [job for job in waiting.request(parts) if isinstance(job, Job)]
    if not running:
        return waiting.make_one(jobs.train_ensemble, spec, "Joining the teachers")
    words = f"Training {spec.n_members} teachers"
    bar = waiting.Bar(st.empty(), words)
    bar.draw(running)
    snapshots = [job.snapshot for job in running if job.snapshot is not None]
    growing = bool(snapshots) and picture.plane == (spec.problem.plane or PlaneSpec())
    growing = growing and not waiting.is_crowded()
    if growing:
        figure = figures.boundary_layers(
            jobs.read_growth(snapshots, window),
            class_names=datasets.load(spec.problem.dataset).class_names,
            axis_titles=layers.name_axes(picture),
            units=layers.read_units(picture),
        )
        label = "The ensemble is still being trained; its boundary so far is shown."
        boundary_view(
            lambda: Drawn(figure, label), key="boundary", student_digest="", state="training"
        )
    if waiting.wait(running, words, at_most=pace.GROWTH_STEP, bar=bar):
        for job in running:
            waiting.load_result(job)
        # A view is drawn once in a run.
        if not growing:
            return waiting.make_one(jobs.train_ensemble, spec, "Joining the teachers")
    st.rerun()


def _evaluate(picture: PictureSpec, rough: bool) -> list[Artifact]:
    """Return what ensemble and student say; of a plane not seen before, first the rough look."""
    look = jobs.evaluate_rough_section if rough else jobs.evaluate_section
    # Both at once: there are two workers.
    wanted = {"section": (look, picture.section), "student": (jobs.evaluate_picture, picture)}
    return waiting.make(wanted, "Training the student")


def _load_pinned(pinned: PictureSpec, window: Window, one: int | None) -> NDArray[np.float32]:
    found = waiting.make_one(jobs.evaluate_picture, pinned, "Training the pinned student", "pinned")
    return classes.select(jobs.read_section(found, window), one).lines


def _load_teachers(picture: PictureSpec) -> NDArray[np.float32]:
    lines = waiting.make_one(jobs.trace_teachers, picture.section, "Asking each teacher")
    return boundaries.join_lines([part for part in jobs.read_lines(lines, "member") if len(part)])
