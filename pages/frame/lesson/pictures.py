"""The picture of a step, before and after the prediction, and what was measured for it."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from distill_core import boundaries, figures, jobs, lessons
from distill_core.data import datasets
from distill_core.engine import Job
from distill_core.geometry.problems import load_window
from distill_core.lessons import Step, Words, kinds
from distill_core.specs import PictureSpec, StudentSpec
from pages.frame.browser import preview_route
from pages.frame.browser.boundary_view import Drawn, boundary_view
from pages.frame.controls import present
from pages.frame.controls.settings import of_spec
from pages.frame.controls.widgets import ask
from pages.frame.lesson import drawn
from pages.frame.lesson.course import Place
from pages.frame.playground import captions, layers
from pages.frame.server import service, shared, visitors, waiting

# Pixels: the picture of a lesson stands beside its words.
_HEIGHT = 560


def draw_step(at: Place, guess: str | None, lines: Sequence[str] = ()) -> PictureSpec:
    """Draw the ensemble alone or, once a prediction is made, the student and its controls.

    Where a line is to be predicted, the first is a picture to draw in, and the second has the
    predicted line and a class's `lines`. Return the picture that is shown.
    """
    step, words = at.step, at.words
    by_drawing = kinds.KINDS[step.kind].by_drawing
    picture = step.picture if guess is None else _choose(step)
    service.engine().visited(visitors.identify().name)
    try:
        if by_drawing and guess is None:
            waiting.train_teachers(picture.student.ensemble)
            waiting.make_one(jobs.evaluate_section, picture.section, words.preparing)
            drawn.ask_line(at)
        else:
            _draw(picture, words, guess, lines, by_drawing)
    except waiting.Unavailable as reason:
        st.error(str(reason), icon=":material/error:")
    return picture


def load_evidence(step: Step, words: Words) -> Mapping[str, Any] | None:
    """Return what was measured for a step; what is missing is trained first."""
    store = service.store()
    found = lessons.look(step, store)
    if found is not None:
        return found
    rest = [task for task in lessons.list_tasks(step) if not task.done(store)]
    while rest:
        ready = [task for task in rest if all(other.done(store) for other in task.needs)]
        if not ready:
            break
        visitor = visitors.identify()
        asked = [
            visitor.request(task.job, task.spec, slot=f"lesson {place}")
            for place, task in enumerate(ready)
        ]
        running = [job for job in asked if isinstance(job, Job)]
        waiting.wait(running, words.preparing)
        for job in running:
            if job.error is not None:
                st.error(str(job.error), icon=":material/error:")
                st.stop()
        rest = [task for task in rest if not task.done(store)]
    return lessons.look(step, store)


def _choose(step: Step) -> PictureSpec:
    """Ask for the settings that the step lets be moved."""
    student = step.picture.student
    rows = [row for row in of_spec(StudentSpec) if row.path in step.controls]
    for row, column in zip(rows, st.columns(max(1, len(rows))), strict=False):
        with column:
            # Of this step alone: it begins as the step does, whatever the address holds.
            start = row.value_in(student)
            student = row.put(student, ask(row.key, place=f"step {step.name}", start=start))
    return step.picture.replace(student=student)


def _draw(
    picture: PictureSpec, words: Words, guess: str | None, lines: Sequence[str], by_drawing: bool
) -> None:
    is_open = guess is not None
    own = guess if by_drawing and guess is not None else ""
    ensemble = picture.student.ensemble
    waiting.train_teachers(ensemble)
    wanted: dict[str, Any] = {"section": (jobs.evaluate_section, picture.section)}
    if is_open:
        wanted["student"] = (jobs.evaluate_picture, picture)
    section, *models = waiting.make(wanted, words.preparing)
    window = load_window(picture.plane, picture.dataset)
    whole = jobs.read_section(section, window)
    ours = twins = None
    if models:
        ours, twins = (
            jobs.read_section(models[0], window, who).thin(whole.proba.shape[-1])
            for who in ("", "twin_")
        )

    def make() -> Drawn:
        figure = figures.boundary_layers(
            whole,
            ours,
            twin=twins,
            disagreement=None if ours is None else boundaries.disagreement(whole, ours),
            points=layers.load_points(picture, ["test points"]),
            class_names=datasets.load(picture.dataset).class_names,
            axis_titles=layers.name_axes(picture),
            drawn=drawn.name_lines(lines, own, picture, words),
        )
        return Drawn(figure, captions.describe(whole, whole if ours is None else ours, picture), ())

    height = present.limit_height(_HEIGHT)
    # Words differ by language, and stand in the legend beside the lines.
    predicted = drawn.digest([own, *lines, words.drawn]) if own or lines else ""
    boundary_view(
        make,
        key="lesson picture",
        student_digest=picture.digest if is_open else picture.section.digest,
        state="ready",
        preview=preview_route.offer(picture, visitors.identify()) if is_open else None,
        shared=shared.name(picture.dataset, "lesson", picture.digest, is_open, height, predicted),
        height=height,
    )
