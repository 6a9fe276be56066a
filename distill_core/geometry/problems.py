"""From specs to what models see: inputs, labels, plane and window, kept in memory."""

from dataclasses import dataclass

import torch
from torch import Tensor

from distill_core.data import datasets
from distill_core.geometry import planes
from distill_core.geometry.planes import Plane, Window
from distill_core.specs import DatasetSpec, PlaneSpec, ProblemSpec


@dataclass(frozen=True, eq=False)
class Problem:
    """Inputs and labels as the models see them.

    Parameters
    ----------
    X_train, X_test : Tensor of shape (n, d) or (n, 2), float32
        All features or plane coordinates.
    y_train, y_test : Tensor of shape (n,), int64
        Labels.
    """

    X_train: Tensor
    y_train: Tensor
    X_test: Tensor
    y_test: Tensor


@datasets.remember(maxsize=8)
def load_problem(spec: ProblemSpec) -> Problem:
    """Return the inputs and labels that a problem means."""
    data = datasets.load(spec.dataset)
    X_train, X_test = data.X_train, data.X_test
    if spec.plane is not None:
        plane = load_plane(spec.plane, spec.dataset)
        X_train, X_test = plane.project(X_train), plane.project(X_test)
    return Problem(
        torch.tensor(X_train, dtype=torch.float32),
        torch.tensor(data.y_train),
        torch.tensor(X_test, dtype=torch.float32),
        torch.tensor(data.y_test),
    )


@datasets.remember(maxsize=64)
def load_plane(plane: PlaneSpec, dataset: DatasetSpec) -> Plane:
    """Return the plane that a spec means for a dataset."""
    return planes.choose(plane, datasets.load(dataset))


@datasets.remember(maxsize=64)
def measure_outside(plane: PlaneSpec, dataset: DatasetSpec) -> float:
    """Return which share of a plane's directions the training data does not span, from 0 to 1."""
    return load_plane(plane, dataset).share_outside(datasets.load(dataset).X_train)


@datasets.remember(maxsize=64)
def load_window(plane: PlaneSpec, dataset: DatasetSpec) -> Window:
    """Return the square of a plane that is shown, fixed by the training data alone."""
    data = datasets.load(dataset)
    return Window.around(load_plane(plane, dataset).project(data.X_train), data.y_train)
