"""How small may the student be? Widths times seeds, student and hard-label twin.

The rule is in `sufficiency`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from distill_core import jobs, specs
from distill_core.specs import EnsembleSpec, PlaneSpec, Schedule, SectionSpec, Spec
from distill_core.store import Store
from distill_core.studies import student_stacks as stacks
from distill_core.studies import sufficiency
from distill_core.studies.study import Hits, Row, Task, bands, cross_difference, gains

# Seeds trained in one stack: wide enough to be efficient, small enough to show soon.
_BLOCK = 4
# Figures of which the summary has bands.
_SHOWN = (*stacks.FIGURES, "distance", "hausdorff_95")
# Seconds for one boundary and its distance.
_PER_BOUNDARY = 7e-3


class CapacitySpec(Spec):
    """Which widths, with which loss, over how many student seeds 0, 1, 2, ...

    `tolerance` is in percentage points of agreement; the plane is where boundaries are
    compared.
    """

    ensemble: EnsembleSpec = EnsembleSpec()
    plane: PlaneSpec = PlaneSpec()
    widths: tuple[specs.Width, ...] = specs.WIDTHS
    depth: specs.Depth = 2
    temperature: specs.Temperature = 3.0
    alpha: specs.Alpha = 0.7
    n_seeds: Annotated[int, Field(ge=1, le=256)] = 16
    tolerance: Annotated[float, Field(gt=0, le=50)] = 1.0
    schedule: Schedule = Schedule.STUDENT

    @field_validator("widths")
    @classmethod
    def _in_order(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if not 2 <= len(set(widths)) <= 32:
            raise ValueError(f"This study needs 2 to 32 different widths, got {len(set(widths))}.")
        return tuple(sorted(set(widths)))

    @model_validator(mode="after")
    def _one_plane(self) -> "CapacitySpec":
        SectionSpec(ensemble=self.ensemble, plane=self.plane)
        return self

    def students(self, width: int, seeds: tuple[int, ...]) -> stacks.StudentsSpec:
        """Return the student and its twin at one width over some seeds."""
        return stacks.StudentsSpec(
            ensemble=self.ensemble,
            width=width,
            depth=self.depth,
            temperature=self.temperature,
            alphas=(self.alpha, 0.0),
            seeds=seeds,
            schedule=self.schedule,
        )


def tasks(spec: CapacitySpec) -> list[Task]:
    """Return what has to be made, in the order in which it is best shown.

    Raises SpecError when alpha is 0: there is nothing to compare.
    """
    stacks.check_has_twin(spec.alpha)
    listed = stacks.ensemble_tasks(spec.ensemble)
    ensemble = listed[-1]
    section_spec = SectionSpec(ensemble=spec.ensemble, plane=spec.plane)
    section = Task(jobs.evaluate_section, section_spec, 0.5, (ensemble,))
    for seeds in stacks.split_seeds(spec.n_seeds, _BLOCK):
        trained = [
            stacks.students_task(spec.students(width, seeds), ensemble) for width in spec.widths
        ]
        listed += trained
        if section not in listed:
            listed.append(section)
        listed += [
            Task(
                stacks.trace_boundaries,
                stacks.BoundariesSpec(students=part.spec, plane=spec.plane),
                2 * len(seeds) * _PER_BOUNDARY,
                (part, section),
            )
            for part in trained
        ]
    return listed


def result(spec: CapacitySpec, store: Store) -> tuple[list[Row], dict[str, Any]]:
    """Return what the store has: a row per width, model and seed, and the summary.

    The models are "student" and "twin". Distances of boundaries are None where they are not
    known yet or there is no boundary.
    """
    rows: list[Row] = []
    hits: dict[tuple[int, str], dict[str, dict[int, NDArray[np.bool_]]]] = {}
    for width in spec.widths:
        for seeds in stacks.split_seeds(spec.n_seeds, _BLOCK):
            part = spec.students(width, seeds)
            artifact = store.get("students", part.digest)
            if artifact is None:
                continue
            apart = store.get(
                "boundaries", stacks.BoundariesSpec(students=part, plane=spec.plane).digest
            )
            for i, model in enumerate(("student", "twin")):
                stacks.add_hits(hits.setdefault((width, model), {}), artifact, part, i)
                for j, seed in enumerate(seeds):
                    row: Row = {"width": width, "model": model, "seed": seed}
                    row |= {name: float(artifact.arrays[name][i, j]) for name in stacks.FIGURES}
                    for name in ("distance", "hausdorff_95"):
                        value = None if apart is None else float(apart.arrays[name][i, j])
                        row[name] = None if value is None or np.isnan(value) else value
                    rows.append(row)
    return rows, summarise(spec, rows, hits, stacks.find_ensemble_hits(spec.ensemble, store))


def summarise(
    spec: CapacitySpec,
    rows: Sequence[Row],
    hits: Mapping[tuple[int, str], Hits],
    of_ensemble: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Return means, intervals and decisions from the rows, and from the hits on test rows.

    Bands of agreement and accuracy allow for other seeds and other test rows, the rest for seeds.

    `tolerance` is in points; `widths` is a list in ascending order, each with `width`,
    `parameters`, `compression`, the bands of `student`, `twin` and `gain` (student minus twin)
    by figure, `loss`: the band of the agreement it loses against the widest student, and
    `to_ensemble`: that of its accuracy minus the ensemble's. Then `n_seeds`, `ensemble` with its
    `accuracy` on `n_rows` rows (from `of_ensemble` (n_rows,), on which it is right; neither without
    that), `sufficient` (a width or None) and `beats_twin` (the same, for `agreement` and
    `accuracy`).
    """
    whole = spec.ensemble.n_members * stacks.count_parameters(spec.ensemble, spec.ensemble.hidden)
    grouped: dict[int, dict[str, list[Row]]] = {}
    for row in rows:
        models = grouped.setdefault(row["width"], {"student": [], "twin": []})  # type: ignore[arg-type]
        models[str(row["model"])].append(row)
    widest = grouped.get(spec.widths[-1], {}).get("student", [])
    of_widest = hits.get((spec.widths[-1], "student"), {})
    entries = []
    for width, models in sorted(grouped.items()):
        of = {model: hits.get((width, model), {}) for model in models}
        hidden = spec.students(width, (0,)).students[0].hidden
        n_parameters = stacks.count_parameters(spec.ensemble, hidden)
        entries.append(
            {
                "width": width,
                "parameters": n_parameters,
                "compression": whole / n_parameters,
                **{model: bands(models[model], _SHOWN, of[model]) for model in models},
                "gain": gains(models["student"], models["twin"], _SHOWN, of["student"], of["twin"]),
                "loss": gains(widest, models["student"], ["agreement"], of_widest, of["student"])[
                    "agreement"
                ],
                **_compare_with_ensemble(of["student"], of_ensemble),
            }
        )
    summary: dict[str, Any] = {"tolerance": spec.tolerance, "n_seeds": spec.n_seeds}
    if of_ensemble is not None:
        n_rows = len(of_ensemble)
        summary["ensemble"] = {"accuracy": float(of_ensemble.mean()), "n_rows": n_rows}
    summary["widths"] = entries
    complete = [entry["width"] for entry in entries][-1:] == [spec.widths[-1]]
    return (
        sufficiency.decide(summary)
        if complete
        else {**summary, "sufficient": None, "beats_twin": {}}
    )


def _compare_with_ensemble(
    of_student: Hits, of_ensemble: NDArray[np.bool_] | None
) -> dict[str, Any]:
    """Return the band of a student's accuracy minus the ensemble's, paired by test row."""
    if of_ensemble is None or not of_student:
        return {}
    right = np.stack(list(of_student["accuracy"].values())).astype(np.int8)
    return {"to_ensemble": cross_difference(right - of_ensemble)}


def load_boundaries(
    spec: CapacitySpec, store: Store, widths: Sequence[int]
) -> dict[int, dict[str, list[NDArray[np.float32]]]]:
    """Return the boundaries that the store has at some widths, for small pictures.

    By width and model ("student" or "twin") a boundary (m, 2) per seed; see `Section.lines`. The
    ensemble's own line is that of the artifact "section" (`jobs.read_section`).
    """
    found: dict[int, dict[str, list[NDArray[np.float32]]]] = {}
    for width in widths:
        found[width] = {"student": [], "twin": []}
        for seeds in stacks.split_seeds(spec.n_seeds, _BLOCK):
            part = stacks.BoundariesSpec(students=spec.students(width, seeds), plane=spec.plane)
            artifact = store.get("boundaries", part.digest)
            if artifact is not None:
                lines = jobs.read_lines(artifact, "student")
                found[width]["student"].extend(lines[: len(seeds)])
                found[width]["twin"].extend(lines[len(seeds) :])
    return found
