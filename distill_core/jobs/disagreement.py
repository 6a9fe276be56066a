"""The plane on which an ensemble and its student differ most: searched once, then kept."""

import numpy as np

from distill_core import boundaries
from distill_core.boundaries import faithfulness
from distill_core.data import datasets
from distill_core.engine.worker import Report
from distill_core.jobs.artifacts import Arrays, artifact, load_or_make
from distill_core.jobs.students import train_student
from distill_core.jobs.teachers import load_ensemble
from distill_core.learning.networks import Stack
from distill_core.specs import PlaneSpec, SpecError, StudentSpec
from distill_core.store import Artifact, Store

# How the work is shared out between training what is missing and searching.
_STEPS = 3


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
    stack, _ = load_ensemble(spec.ensemble, store, report)
    report(1, _STEPS)
    pair = load_or_make(store, train_student, spec, report)
    report(2, _STEPS)
    ours = boundaries.member_model(Stack.from_arrays(pair.arrays))
    whole = boundaries.combined_model(stack, spec.ensemble.combine)
    plane = faithfulness.find_most_disagreement(whole, ours, datasets.load(problem.dataset))
    return {"samples": np.array(plane.samples)}


def read_disagreement(found: Artifact) -> PlaneSpec:
    """Return the plane that `search_most_disagreement` put, of the kind "three samples"."""
    i, j, k = found.arrays["samples"].tolist()
    return PlaneSpec(kind="three samples", samples=(i, j, k))
