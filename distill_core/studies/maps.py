"""The variance study on a plane: maps of uncertainty, and the boundaries of every repeat."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import model_validator
from scipy.special import entr

from distill_core import boundaries, jobs
from distill_core.engine.worker import Report
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_window
from distill_core.jobs import Arrays, artifact
from distill_core.learning.networks import Stack
from distill_core.measures import spread
from distill_core.specs import PlaneSpec, SectionSpec, Spec
from distill_core.store import Artifact, Store
from distill_core.studies.stability import GROUPS
from distill_core.studies.study import Task
from distill_core.studies.variance import VarianceSpec, repeat_task, train_repeat

# Grid points per side: for filled contours, and, coarser, for many lines.
_RESOLUTION, _LINE_RESOLUTION = boundaries.RESOLUTION, 60


class MapsSpec(Spec):
    """The seed repeats of a variance study, seen on a plane."""

    study: VarianceSpec = VarianceSpec()
    plane: PlaneSpec = PlaneSpec()

    @model_validator(mode="after")
    def _one_plane(self) -> "MapsSpec":
        SectionSpec(ensemble=self.study.student.ensemble, plane=self.plane)
        return self


@dataclass(frozen=True, eq=False)
class Maps:
    """What is seen on the plane.

    Parameters
    ----------
    window : Window
        The square that is shown.
    data, knowledge : ndarray of shape (r, r), float32
        Uncertainties of the first repeat's ensemble in nats, see `spread.uncertainty`;
        rows go up with v, columns with u.
    entropy : ndarray of shape (r, r), float32
        Entropy in nats of the first repeat's student: the only uncertainty it can express.
    lines : dict of str to list of ndarray
        For "teacher", "ensemble", "student" and "twin" the boundary (m, 2) of every repeat;
        of the teachers the first one's.
    """

    window: Window
    data: NDArray[np.float32]
    knowledge: NDArray[np.float32]
    entropy: NDArray[np.float32]
    lines: dict[str, list[NDArray[np.float32]]]


def task(spec: MapsSpec) -> Task:
    """Return the task that draws the maps; it is small and not part of the study's table."""
    needs = tuple(repeat_task(one) for one in spec.study.repeats("seeds"))
    return Task(draw_maps, spec, 0.3 + 0.4 * len(needs), needs)


@artifact("maps")
def draw_maps(spec: MapsSpec, store: Store, report: Report) -> Arrays:
    """Evaluate all models of the seed repeats on the plane; put what `read` returns."""
    ensemble = spec.study.student.ensemble
    window = load_window(spec.plane, ensemble.problem.dataset)
    repeats = spec.study.repeats("seeds")
    models = []
    for one in repeats:
        trained = jobs.load_or_make(store, train_repeat, one, report)
        teachers, _ = jobs.load_ensemble(one.student.ensemble, store, report)
        stacks = (teachers, Stack.from_arrays(trained.arrays))
        models.append([jobs.view_on_plane(s, ensemble.problem, spec.plane) for s in stacks])
    lines: dict[str, list[NDArray[np.float32]]] = {model: [] for model in GROUPS}
    for done, (teachers, pair) in enumerate(models):
        report(done, len(models))
        for model, function in (
            ("teacher", boundaries.member_model(teachers)),
            ("ensemble", boundaries.combined_model(teachers, ensemble.combine)),
            ("student", boundaries.member_model(pair, 0)),
            ("twin", boundaries.member_model(pair, 1)),
        ):
            lines[model].append(boundaries.boundary_lines(function, window, _LINE_RESOLUTION))
    grid = torch.tensor(window.grid(_RESOLUTION), dtype=torch.float32)
    teachers, pair = models[0]
    split = spread.uncertainty(torch.softmax(teachers.logits(grid).double(), -1).numpy())
    student = torch.softmax(pair.members([0]).logits(grid)[0].double(), -1).numpy()
    fields = {"data": split.data, "knowledge": split.knowledge, "entropy": entr(student).sum(-1)}
    shape = (_RESOLUTION, _RESOLUTION)
    arrays = {name: values.reshape(shape).astype(np.float32) for name, values in fields.items()}
    for model, pieces in lines.items():
        arrays |= jobs.pack_lines(model, pieces)
    return arrays


def read(spec: MapsSpec, found: Artifact) -> Maps:
    """Return the maps that the job put."""
    return Maps(
        load_window(spec.plane, spec.study.student.ensemble.problem.dataset),
        found.arrays["data"],
        found.arrays["knowledge"],
        found.arrays["entropy"],
        {model: jobs.read_lines(found, model) for model in GROUPS},
    )
