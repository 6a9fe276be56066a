"""What every model answers at one place of a plane."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from distill_core.geometry.problems import load_plane
from distill_core.learning import losses
from distill_core.learning.networks import Stack
from distill_core.specs import PictureSpec
from distill_core.store import Artifact


@dataclass(frozen=True, eq=False)
class Probe:
    """Probabilities at one place; the last axis runs over the classes.

    Parameters
    ----------
    u, v : float
        The place in slice units.
    teachers : ndarray of shape (n_members, n_classes)
        Each teacher's probabilities.
    soft_targets, softened : ndarray of shape (n_classes,)
        The ensemble's probabilities at T = 1 and at the student's T.
    student, twin : ndarray of shape (n_classes,)
        What the student and its hard-label twin answer.
    """

    u: float
    v: float
    teachers: NDArray[np.float32]
    soft_targets: NDArray[np.float32]
    softened: NDArray[np.float32]
    student: NDArray[np.float32]
    twin: NDArray[np.float32]


def probe(spec: PictureSpec, u: float, v: float, ensemble: Artifact, student: Artifact) -> Probe:
    """Ask every model for its answer at (u, v), in slice units.

    Ensemble and student are what the jobs of these names have put for this spec.
    """
    problem = spec.student.ensemble.problem
    place = np.array([[u, v]])
    if problem.plane is None:
        place = load_plane(spec.plane, problem.dataset).lift(place)
    X = torch.tensor(place, dtype=torch.float32)
    logits = Stack.from_arrays(ensemble.arrays).logits(X)
    pair = torch.softmax(Stack.from_arrays(student.arrays).logits(X), -1)[:, 0].numpy()
    combine = spec.student.ensemble.combine
    soft, softened = (
        losses.soft_targets(logits, t, combine)[0].numpy() for t in (1.0, spec.student.temperature)
    )
    teachers = torch.softmax(logits, -1)[:, 0].numpy()
    return Probe(u, v, teachers, soft, softened, pair[0], pair[1])
