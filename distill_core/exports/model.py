"""One student with all that stands before it: from raw columns to class probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core import jobs
from distill_core.data import datasets
from distill_core.exports.predictor import Predictor
from distill_core.exports.setting import hide_table
from distill_core.geometry.problems import load_plane
from distill_core.jobs import artifacts
from distill_core.learning.networks import Stack
from distill_core.specs import SpecError, StudentSpec
from distill_core.store import Store

FORMAT = "distillation-playground student, 1"
_MISSING = (
    "A missing number, and a missing or unknown category, count as the mean of the training data. "
    "Rows with missing values were left out of training, so answers for them were never tested."
)

# Raw rows to probabilities (n, n_classes).
Predict = Callable[[list[list[Any]]], NDArray[Any]]


class ExportError(SpecError):
    """Something cannot be exported; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """A trained student that takes raw rows.

    Parameters
    ----------
    card : dict
        JSON values: what the model takes and gives, which setting it was trained with, what it
        reached on test data.
    arrays : dict of str to ndarray
        All numbers, by the names that `predictor.Predictor` reads.
    test_rows : list of rows
        The test data as raw columns.
    test_proba : ndarray of shape (n_test, n_classes)
        What the student itself answers on the test data.
    """

    card: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    test_rows: list[list[Any]]
    test_proba: NDArray[np.float32]


@dataclass(frozen=True)
class Check:
    """How far an export's probabilities are from the student's own, at most, on test rows."""

    difference: float
    n_rows: int

    def describe(self) -> str:
        """Say it in a sentence."""
        return (
            f"On {self.n_rows:,} raw test rows its probabilities differ from the student's own by "
            f"at most {self.difference:.0e}."
        )


def build(
    spec: StudentSpec, store: Store, report: Callable[..., None] = jobs.report_nothing
) -> ExportedModel:
    """Return a student as an exported model; it is trained now if the store does not have it.

    Raises
    ------
    ExportError
        When the features cannot be written in terms of the columns that they come from.
    """
    found = artifacts.load_or_make(store, jobs.train_student, spec, report)
    problem = spec.ensemble.problem
    data = datasets.load(problem.dataset)
    encoding = data.encoding
    if encoding is None:
        raise ExportError(
            "This data holds columns too large or too small to compute with in their own units, "
            "so that a model of raw columns cannot be made. Leave these columns out."
        )
    pair = Stack.from_arrays(found.arrays)
    own = pair.members([0])
    arrays: dict[str, NDArray[Any]] = {
        "centre": np.array([f.centre for f in encoding.features]),
        "spread": np.array([f.spread for f in encoding.features]),
    }
    if problem.plane is not None:
        plane = load_plane(problem.plane, problem.dataset)
        arrays |= {"origin": plane.origin, "basis": plane.basis}
    arrays |= {name: array[0] for name, array in own.to_arrays().items() if "weight" in name}
    arrays |= {name: array[0, 0] for name, array in own.to_arrays().items() if "bias" in name}
    card = {
        "format": FORMAT,
        "columns": [
            {"name": column.name, "categories": column.categories and list(column.categories)}
            for column in encoding.columns
        ],
        "features": [
            {"name": name, "column": f.column, "category": f.category}
            for name, f in zip(data.feature_names, encoding.features, strict=True)
        ],
        "classes": list(data.class_names),
        "view": "all features" if problem.plane is None else "slice",
        "layers": list(own.sizes),
        "missing values": _MISSING,
        "setting": hide_table(spec.model_dump(mode="json")),
        "test data": {"rows": len(data.y_test), **found.meta["student"]},
    }
    proba = jobs.predict_test(own, spec.ensemble)[0]
    return ExportedModel(card, arrays, encoding.decode(data.X_test), proba)


def check(model: ExportedModel, predict: Predict) -> Check:
    """Return how far what an export answers on raw test rows is from the student's own answers."""
    difference = np.abs(predict(model.test_rows) - model.test_proba).max()
    return Check(float(difference), len(model.test_rows))


def check_numpy(model: ExportedModel) -> Check:
    """Check what the Python file and the safetensors file hold."""
    return check(model, Predictor(model.card, model.arrays).predict_proba)
