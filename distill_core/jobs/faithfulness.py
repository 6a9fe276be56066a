"""Does a slice tell the truth: the meter of a plane, many planes, the worst, tours between."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from distill_core import boundaries
from distill_core.boundaries import faithfulness
from distill_core.boundaries.faithfulness import NEAR_SHARE, Meter
from distill_core.boundaries.refinement import Model
from distill_core.boundaries.section import Section
from distill_core.data import datasets
from distill_core.engine.worker import Report
from distill_core.geometry import tours
from distill_core.geometry.planes import Plane
from distill_core.geometry.problems import load_plane, load_window
from distill_core.jobs import artifacts
from distill_core.jobs.artifacts import Arrays, artifact
from distill_core.jobs.students import Result, train_student
from distill_core.jobs.teachers import ROUGH_RESOLUTION, load_ensemble
from distill_core.learning.networks import Stack
from distill_core.specs import PictureSpec, PlaneSpec, Seed, Spec, SpecError, StudentSpec
from distill_core.store import Artifact, Store

# Test points that a picture shows; the meter counts exactly these.
N_SHOWN = 400
# A tour's pictures are small, and each is seen for a moment.
TOUR_RESOLUTION, TOUR_POINTS = 40, 200
STEPS_PER_PART = 6
_MAX_STOPS = 8


class ReproducibilitySpec(Spec):
    """An ensemble, its student and the twin, compared on random planes through samples."""

    student: StudentSpec = StudentSpec()
    n_planes: Annotated[int, Field(ge=2, le=400)] = 40
    seed: Seed = 0

    @model_validator(mode="after")
    def _all_features(self) -> "ReproducibilitySpec":
        _check_all_features(self.student)
        return self


class TourSpec(Spec):
    """A student and its ensemble, seen on the way from plane to plane."""

    student: StudentSpec = StudentSpec()
    stops: Annotated[tuple[PlaneSpec, ...], Field(min_length=2, max_length=_MAX_STOPS)]
    n_steps: Annotated[int, Field(ge=2, le=240)] = 60

    @model_validator(mode="after")
    def _possible(self) -> "TourSpec":
        _check_all_features(self.student)
        if "between" in (stop.kind for stop in self.stops):
            raise ValueError("The stops of a tour must be planes of other kinds than 'between'.")
        return self

    @property
    def parts(self) -> list["TourPartSpec"]:
        """The parts in which the tour is made, so that several workers share it."""
        n_parts = -(-self.n_steps // STEPS_PER_PART)
        return [TourPartSpec(tour=self, part=part) for part in range(n_parts)]


class TourPartSpec(Spec):
    """Some steps of a tour."""

    tour: TourSpec
    part: Annotated[int, Field(ge=0)]


@artifact("slice")
def measure_slice(spec: PictureSpec, store: Store, report: Report) -> Result:
    """Put what is seen on a plane, roughly, and how far it speaks for the points shown.

    Arrays: the sections of the ensemble and of the `student_`. Of the first `N_SHOWN` test points:
    `distance` (n,), and `answers` and `own_colour` (3, n) of ensemble, student and twin.
    """
    teachers, pair = _trained(spec.student, store, report)
    problem = spec.student.ensemble.problem
    data = datasets.load(problem.dataset)
    plane = load_plane(spec.plane, problem.dataset)
    window = load_window(spec.plane, problem.dataset)
    stacks = [(teachers, spec.student.ensemble.combine)]
    stacks += [(pair.members([i]), "logits") for i in range(2)]
    X = data.X_test[:N_SHOWN]
    models = [_of_points(boundaries.combined_model(s, c), spec, plane) for s, c in stacks]
    meter = faithfulness.measure(plane, X, models, data.X_train)
    whole, ours, twins = (
        boundaries.section(
            boundaries.combined_model(artifacts.view_on_plane(s, problem, spec.plane), c),
            window,
            ROUGH_RESOLUTION,
        )
        for s, c in stacks
    )
    arrays = {
        **artifacts.pack_section(whole),
        **artifacts.pack_section(ours, "student_"),
        "own_colour": meter.own_colour.astype(np.uint8),
        "answers": np.stack([model(X).argmax(1) for model in models]),
        "distance": meter.distance,
    }
    meta = {
        "outside": meter.outside,
        "area": {"student": ours.agreement(whole), "twin": twins.agreement(whole)},
    }
    return arrays, meta


def read_meter(spec: PictureSpec, found: Artifact, near_share: float = NEAR_SHARE) -> Meter:
    """Return the meter that `measure_slice` put, of ensemble, student and twin in this order.

    Its h is the distance from the plane that holds a share (0 to 1) of the training data.
    """
    dataset = spec.student.ensemble.problem.dataset
    plane = load_plane(spec.plane, dataset)
    return Meter(
        found.arrays["own_colour"].astype(bool),
        found.arrays["distance"],
        faithfulness.near_distance(plane, datasets.load(dataset).X_train, near_share),
        found.meta["outside"],
    )


@artifact("reproducibility")
def measure_reproducibility(spec: ReproducibilitySpec, store: Store, report: Report) -> Arrays:
    """Put the agreement of each two models on random planes, (n_planes,) each.

    Arrays `student` and `twin`: with the ensemble; `pair`: student with twin.
    """
    teachers, pair = _trained(spec.student, store, report)
    data = datasets.load(spec.student.ensemble.problem.dataset)
    whole = boundaries.combined_model(teachers, spec.student.ensemble.combine)
    ours, twin = (boundaries.member_model(pair, i) for i in range(2))
    arrays = {}
    for done, (name, a, b) in enumerate(
        (("student", whole, ours), ("twin", whole, twin), ("pair", ours, twin))
    ):
        report(done, 3)
        compared = faithfulness.reproducibility(a, b, data, spec.n_planes, spec.seed)
        arrays[name] = compared.agreement
    return arrays


@artifact("disagreement")
def search_most_disagreement(spec: StudentSpec, store: Store, report: Report) -> Arrays:
    """Search the plane of most disagreement; put its three training samples.

    Trains ensemble and student first if the store does not have them.

    Raises
    ------
    SpecError
        When the models see a plane only: they cannot be asked off it.
    """
    problem = spec.ensemble.problem
    if problem.plane is not None:
        raise SpecError(
            "The plane of most disagreement is searched among models that see all features, "
            f"got models that see the plane {problem.plane.kind!r} only."
        )
    load_ensemble(spec.ensemble, store, report)
    report(1, 3)
    teachers, pair = _trained(spec, store, report)
    report(2, 3)
    whole = boundaries.combined_model(teachers, spec.ensemble.combine)
    ours, data = boundaries.member_model(pair), datasets.load(problem.dataset)
    plane = faithfulness.find_most_disagreement(whole, ours, data)
    return {"samples": np.array(plane.samples)}


def read_disagreement(found: Artifact) -> PlaneSpec:
    """Return the plane that `search_most_disagreement` put, of the kind "three samples"."""
    i, j, k = found.arrays["samples"].tolist()
    return PlaneSpec(kind="three samples", samples=(i, j, k))


@artifact("tour-part")
def evaluate_tour_part(spec: TourPartSpec, store: Store, report: Report) -> Arrays:
    """Put some steps of a tour, everything the browser plays back.

    Arrays, s steps and n points: `labels` and `sure` (s, r, r), the ensemble's answers and
    how sure it is from 0 to 255; lines of `ensemble` and `student`; `uv` (s, n, 2),
    `distance` (s, n) and `own_colour` (s, n) of points; `basis` (s, 2, d).
    """
    tour = spec.tour
    teachers, pair = _trained(tour.student, store, report)
    dataset = tour.student.ensemble.problem.dataset
    data = datasets.load(dataset)
    every = tours.list_steps(tour.stops, tour.n_steps, dataset)
    window = tours.fit_window(every, data.X_train)
    X, combine = data.X_test[:TOUR_POINTS], tour.student.ensemble.combine
    answers = boundaries.combined_model(teachers, combine)(X).argmax(1)
    first = spec.part * STEPS_PER_PART
    mine = every[first : first + STEPS_PER_PART]
    seen: list[tuple[Section, NDArray[np.float32]]] = []
    colours = []
    for step in mine:
        report(len(seen), len(mine))
        on = step.plane.origin, step.plane.basis
        model = boundaries.combined_model(teachers.on_plane(*on), combine)
        ours = boundaries.member_model(pair.on_plane(*on))
        lines = boundaries.boundary_lines(ours, window, TOUR_RESOLUTION)
        seen.append((boundaries.section(model, window, TOUR_RESOLUTION), lines))
        colours.append(model(step.plane.project(X)).argmax(1))
    proba = np.stack([section.proba for section, _ in seen])
    return {
        "labels": proba.argmax(1).astype(np.uint8),
        "sure": np.rint(255 * proba.max(1)).astype(np.uint8),
        "uv": np.stack([step.plane.project(X) for step in mine]).astype(np.float32),
        "distance": np.stack([step.plane.distance(X) for step in mine]).astype(np.float32),
        "own_colour": (np.stack(colours) == answers).astype(np.uint8),
        "basis": np.stack([step.plane.basis for step in mine]).astype(np.float32),
        **artifacts.pack_lines("ensemble", [section.lines for section, _ in seen]),
        **artifacts.pack_lines("student", [lines for _, lines in seen]),
    }


def _trained(spec: StudentSpec, store: Store, report: Report) -> tuple[Stack, Stack]:
    """Return the teachers, and the student with its twin."""
    teachers, _ = load_ensemble(spec.ensemble, store, report)
    pair = artifacts.load_or_make(store, train_student, spec, report)
    return teachers, Stack.from_arrays(pair.arrays)


def _of_points(model: Model, spec: PictureSpec, plane: Plane) -> Model:
    """Return a model as a function of points (n, d), whatever it was trained on."""
    if spec.student.ensemble.problem.plane is None:
        return model
    return lambda X: model(plane.project(X))


def _check_all_features(spec: StudentSpec) -> None:
    plane = spec.ensemble.problem.plane
    if plane is not None:
        raise ValueError(
            "Planes can be compared when models see all features; these see the plane "
            f"{plane.kind!r} only."
        )
