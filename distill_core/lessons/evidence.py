"""What is trained for a step, and what was measured of it: paired differences with intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core import jobs, studies
from distill_core.lessons.kinds import TRIED_ALPHAS, TRIED_WIDTHS
from distill_core.lessons.reading import Step
from distill_core.store import Store
from distill_core.studies import CapacitySpec, Task, VarianceSpec
from distill_core.studies import student_stacks as stacks
from distill_core.studies.study import cross_difference, subtract_hits

# Seeds of students, and repeats of everything: fewest that allow a verdict.
N_SEEDS = 8
# By figure and seed, on which test rows a student hits.
_Hits = dict[str, dict[int, NDArray[np.bool_]]]


def list_tasks(step: Step) -> list[Task]:
    """Return what has to be made for a step, its picture first."""
    picture = step.picture
    listed = stacks.ensemble_tasks(picture.student.ensemble)
    ensemble = listed[-1]
    listed += [
        Task(jobs.evaluate_section, picture.section, 0.5, (ensemble,)),
        Task(jobs.evaluate_picture, picture, 0.5, (ensemble,)),
    ]
    spec = _spec(step)
    if isinstance(spec, CapacitySpec | VarianceSpec):
        more = studies.list_tasks(spec)
    else:
        more = [stacks.students_task(part, ensemble) for part in spec]
    known = {(task.job.kind, task.digest) for task in listed}
    return [*listed, *(task for task in more if (task.job.kind, task.digest) not in known)]


def look(step: Step, store: Store) -> Mapping[str, Any] | None:
    """Return what was measured for a step; None while something is missing.

    Of "gain", "noise", "temperature", "line": the band `difference` and what else the kind's claims
    write. Of "alpha": `alphas`, a list of `alpha` and `difference`. Else the summary of the study:
    see `capacity.summarise` and `stability.summarise`.
    """
    spec = _spec(step)
    if isinstance(spec, CapacitySpec | VarianceSpec):
        found = studies.look(spec, store)
        if found.partial:
            return None
        return found.summary if isinstance(spec, CapacitySpec) else found.summary["seeds"]
    hits: list[list[_Hits]] = []
    first: dict[str, float] = {}
    for part in spec:
        artifact = store.get(stacks.train_students.kind, part.digest)
        if artifact is None:
            return None
        places: list[_Hits] = [{} for _ in part.alphas]
        for place, of_alpha in enumerate(places):
            stacks.add_hits(of_alpha, artifact, part, place)
        hits.append(places)
        first = first or {
            "student": float(artifact.arrays["accuracy"][0, 0]),
            "twin": float(artifact.arrays["accuracy"][-1, 0]),
        }
    return _compare(step, spec, hits, first)


def _spec(step: Step) -> "CapacitySpec | VarianceSpec | list[stacks.StudentsSpec]":
    student, plane = step.picture.student, step.picture.plane
    if step.kind in ("width", "size"):
        return CapacitySpec(
            ensemble=student.ensemble,
            plane=plane,
            widths=TRIED_WIDTHS,
            depth=student.depth,
            temperature=student.temperature,
            alpha=student.alpha,
            n_seeds=N_SEEDS,
        )
    if step.kind in ("steady", "keeps", "knowledge"):
        return VarianceSpec(student=student, n_repeats=N_SEEDS, n_resamples=0)
    one = stacks.StudentsSpec(
        ensemble=student.ensemble,
        width=student.width,
        depth=student.depth,
        temperature=student.temperature,
        alphas=(*TRIED_ALPHAS, 0.0) if step.kind == "alpha" else (student.alpha, 0.0),
        seeds=tuple(range(N_SEEDS)),
    )
    if step.kind == "temperature":
        return [one, one.replace(temperature=1.0)]
    return [one, one.replace(width=TRIED_WIDTHS[-1])] if step.kind == "line" else [one]


def _compare(
    step: Step,
    spec: list[stacks.StudentsSpec],
    hits: list[list[_Hits]],
    first: Mapping[str, float],
) -> dict[str, Any]:
    """Return paired differences of hits, by seed and test row."""
    figure = "accuracy" if step.kind == "noise" else "agreement"
    places = hits[0]
    if step.kind == "alpha":
        twin = places[-1][figure]
        return {
            "alphas": [
                {"alpha": alpha, "difference": cross_difference(subtract_hits(one[figure], twin))}
                for alpha, one in zip(spec[0].alphas[:-1], places, strict=False)
            ]
        }
    ours, theirs = places[0][figure], (hits[1][0] if len(hits) > 1 else places[-1])[figure]
    found: dict[str, Any] = {"difference": cross_difference(subtract_hits(ours, theirs))}
    found["student"], found["twin"] = (float(np.mean(list(one.values()))) for one in (ours, theirs))
    found["first"] = first["student"] - first["twin"]
    return found
