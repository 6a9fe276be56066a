"""Small teachers and students, trained in a moment."""

from distill_core.geometry.problems import load_problem
from distill_core.learning.training import fit_ensemble, fit_students
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PlaneSpec,
    ProblemSpec,
    Schedule,
    StudentSpec,
)

CENTRES = PlaneSpec()


def schedule(epochs=3, **changes):
    return Schedule(**{"epochs": epochs, "batch_size": 64, "learning_rate": 1e-2} | changes)


def teachers(dataset="moons", plane=CENTRES, **changes):
    """Return the spec of two small teachers, who see all features where plane is None."""
    if isinstance(dataset, str):
        dataset = DatasetSpec(name=dataset)
    problem = ProblemSpec(dataset=dataset, plane=plane)
    small = {"n_members": 2, "hidden": (16, 8), "schedule": schedule()}
    return EnsembleSpec(problem=problem, **small | changes)


def student(ensemble, **changes):
    """Return the spec of a small student with its teachers' schedule."""
    return StudentSpec(ensemble=ensemble, **{"width": 4, "schedule": ensemble.schedule} | changes)


def fit(*students):
    """Train the teachers of some students, then each student; return all their stacks."""
    ensemble = students[0].ensemble
    data = load_problem(ensemble.problem)
    fitted = fit_ensemble(ensemble, data.X_train, data.y_train)
    logits = fitted.logits(data.X_train)
    return fitted, *(fit_students([one], data.X_train, data.y_train, logits) for one in students)
