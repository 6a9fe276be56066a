"""The rivals of a student that are no networks: fitted, and what they answer on test data."""

import dataclasses
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from distill_core.engine.worker import Report
from distill_core.geometry.problems import load_problem
from distill_core.jobs.artifacts import Arrays, artifact
from distill_core.learning import rivals
from distill_core.learning.rivals import RIVALS, RivalName, Shape, Size
from distill_core.specs import ProblemSpec, Seed, Spec
from distill_core.store import Artifact, Store


class RivalsSpec(Spec):
    """Logistic regression, a tree and a forest of at most about `budget` bytes, over some seeds."""

    problem: ProblemSpec = ProblemSpec()
    budget: Annotated[int, Field(ge=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=64)] = (0,)


@artifact("rivals")
def fit_rivals(spec: RivalsSpec, store: Store, report: Report) -> tuple[Arrays, dict[str, Any]]:
    """Fit the rivals; put what they answer on test data, and how large they are.

    Arrays: by name of `RIVALS` the labels (n_seeds, n_rows), uint8. The models themselves are not
    kept: they are fitted again in milliseconds, see `refit_rival`.
    """
    problem = load_problem(spec.problem)
    X, y, X_test = problem.X_train.numpy(), problem.y_train.numpy(), problem.X_test.numpy()
    shapes = rivals.choose_shapes(X, y, spec.budget)
    labels: dict[str, NDArray[np.uint8]] = {}
    sizes: dict[str, list[dict[str, int]]] = {}
    for name in RIVALS:
        answers: list[NDArray[np.uint8]] = []
        for done, seed in enumerate(spec.seeds):
            report(len(labels) * len(spec.seeds) + done, len(RIVALS) * len(spec.seeds))
            # It is the same at every seed.
            if name != "logistic" or not answers:
                model = rivals.fit(name, shapes.get(name), X, y, seed)
            answers.append(model.predict(X_test).astype(np.uint8))
            sizes.setdefault(name, []).append(dataclasses.asdict(rivals.measure_size(model, X)))
        labels[name] = np.stack(answers)
    meta = {"sizes": sizes, "shapes": {n: dataclasses.asdict(s) for n, s in shapes.items()}}
    return labels, meta


def read_sizes(artifact: Artifact, name: RivalName) -> list[Size]:
    """Return the size of a rival at each seed."""
    return [Size(**size) for size in artifact.meta["sizes"][name]]


def refit_rival(spec: RivalsSpec, artifact: Artifact, name: RivalName) -> rivals.Classifier:
    """Return a rival of the first seed, fitted once more as `fit_rivals` did."""
    problem = load_problem(spec.problem)
    kept = artifact.meta["shapes"].get(name)
    shape = None if kept is None else Shape(**kept)
    X, y = problem.X_train.numpy(), problem.y_train.numpy()
    return rivals.fit(name, shape, X, y, spec.seeds[0])
