"""What does the student save, and is it worth it? The student beside its rivals.

The ensemble is given, as for those who have one: students, twins, trees and forests are trained
anew with every seed, and teachers are those of the ensemble. What follows from the figures is
decided in `verdict`; what answers cost in time is no function of a spec and is measured by
`costs`, whenever somebody looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from distill_core.geometry.problems import load_problem
from distill_core.jobs.rivals import RivalsSpec, fit_rivals, read_sizes
from distill_core.learning import losses
from distill_core.learning.rivals import RIVALS, Size, network_size
from distill_core.measures import metrics
from distill_core.measures.intervals import PSEUDO_SHARES
from distill_core.specs import EnsembleSpec, Spec, StudentSpec
from distill_core.store import Artifact, Store
from distill_core.studies import student_stacks as stacks
from distill_core.studies import verdict
from distill_core.studies.study import Row, Task, cross_band, cross_difference, subtract_hits

FIGURES = ("accuracy", "agreement")
# Seeds trained in one stack, as in `capacity`: the two share their students.
_BLOCK = 4
# Seconds to fit a forest on one row, and how many fits the choice of shapes takes.
_PER_ROW, _N_FITS = 6e-5, 20

# By figure and seed, on which test rows a model hits.
_OfModel = dict[str, dict[int, NDArray[np.bool_]]]


class WorthSpec(Spec):
    """Which student on which ensemble, over how many student seeds 0, 1, 2, ...

    `tolerance` is in points of accuracy: how many may be lost for what is saved.
    """

    student: StudentSpec = StudentSpec()
    n_seeds: Annotated[int, Field(ge=1, le=64)] = 8
    tolerance: Annotated[float, Field(gt=0, le=50)] = 1.0

    @model_validator(mode="after")
    def _usable(self) -> "WorthSpec":
        if self.student.seed != 0:
            raise ValueError(
                f"This study uses the student seeds 0 to n - 1; give seed 0, got "
                f"{self.student.seed}."
            )
        return self

    @property
    def ensemble(self) -> EnsembleSpec:
        """The ensemble that the student learns from."""
        return self.student.ensemble

    @property
    def student_size(self) -> Size:
        """The size of the student and of its twin."""
        return network_size(_layer_sizes(self.ensemble, self.student.hidden))

    @property
    def ensemble_size(self) -> Size:
        """The size of all teachers together."""
        return network_size(
            _layer_sizes(self.ensemble, self.ensemble.hidden), self.ensemble.n_members
        )

    @property
    def rivals(self) -> RivalsSpec:
        """The rivals that are no networks, with as many bytes as the student."""
        return RivalsSpec(
            problem=self.ensemble.problem,
            budget=self.student_size.bytes,
            seeds=tuple(range(self.n_seeds)),
        )

    @property
    def blocks(self) -> list[tuple[int, ...]]:
        """The seeds in the blocks in which they are trained."""
        return list(stacks.split_seeds(self.n_seeds, _BLOCK))

    def students(self, seeds: tuple[int, ...]) -> stacks.StudentsSpec:
        """Return the student and its twin over some seeds."""
        return stacks.StudentsSpec(
            ensemble=self.ensemble,
            width=self.student.width,
            depth=self.student.depth,
            temperature=self.student.temperature,
            alphas=(self.student.alpha, 0.0),
            seeds=seeds,
            schedule=self.student.schedule,
        )


def tasks(spec: WorthSpec) -> list[Task]:
    """Return what has to be made, in the order in which it is best shown.

    Raises SpecError when alpha is 0: there is nothing to compare.
    """
    stacks.check_has_twin(spec.student.alpha)
    listed = stacks.ensemble_tasks(spec.ensemble)
    n_rows = len(load_problem(spec.ensemble.problem).X_train)
    # The longest first: the other worker trains students meanwhile.
    rivals = Task(fit_rivals, spec.rivals, (_N_FITS + spec.n_seeds) * _PER_ROW * n_rows)
    students = [stacks.students_task(spec.students(seeds), listed[-1]) for seeds in spec.blocks]
    return [*listed, rivals, *students]


def result(spec: WorthSpec, store: Store) -> tuple[list[Row], dict[str, Any]]:
    """Return what the store has: a row per model and seed, and the summary.

    Rows have `model`, `seed`, the figures and what the model is made of (see `Size`). Teachers and
    the ensemble have the same figures at every seed. Without the ensemble nothing can be compared.
    """
    ensemble = store.get("ensemble", spec.ensemble.digest)
    if ensemble is None:
        return [], summarise(spec, [], {}, {})
    y = load_problem(spec.ensemble.problem).y_test.numpy()
    whole = _combine(spec.ensemble, ensemble.arrays["test_logits"])
    seeds = range(spec.n_seeds)
    hits: dict[str, _OfModel] = {}
    sizes: dict[str, list[Size]] = {}
    for block in spec.blocks:
        part = spec.students(block)
        found = store.get("students", part.digest)
        if found is not None:
            for place, model in enumerate(("student", "twin")):
                stacks.add_hits(hits.setdefault(model, {}), found, part, place)
                sizes[model] = [spec.student_size] * spec.n_seeds
    for model, labels, size in _list_teachers(spec.ensemble, ensemble):
        hits[model] = {name: dict.fromkeys(seeds, labels == of) for name, of in _of(y, whole)}
        sizes[model] = [size] * spec.n_seeds
    fitted = store.get("rivals", spec.rivals.digest)
    for model in RIVALS if fitted is not None else ():
        assert fitted is not None
        answers = fitted.arrays[model]
        hits[model] = {
            name: {seed: answers[seed] == of for seed in seeds} for name, of in _of(y, whole)
        }
        sizes[model] = read_sizes(fitted, model)
    rows: list[Row] = [
        {
            "model": model,
            "seed": seed,
            **{name: float(of[name][seed].mean()) for name in FIGURES},
            "parameters": sizes[model][seed].parameters,
            "operations": sizes[model][seed].operations,
            "bytes": sizes[model][seed].bytes,
        }
        for model, of in hits.items()
        for seed in sorted(of["accuracy"])
    ]
    return rows, summarise(spec, rows, hits, sizes)


def summarise(
    spec: WorthSpec,
    rows: Sequence[Row],
    hits: Mapping[str, _OfModel],
    sizes: Mapping[str, Sequence[Size]],
) -> dict[str, Any]:
    """Return what every model reaches and costs, and the verdict.

    Returns
    -------
    dict
        `n_seeds`, `tolerance` in points, `n_teachers`, `n_rows` of the test data; `models`: a
        list, each with `model`, `parameters`, `operations`, `bytes` (means over seeds), a band
        per figure and, of all but the student, `lead`: the band of the student's accuracy minus
        its own, paired, and `lead_at_once`: the same, holding for all rivals at once; `verdict`,
        see `verdict.decide`.
    """
    ours = hits.get("student", {}).get("accuracy", {})
    n_rivals = len(hits) - bool(ours)
    models = []
    for model, of in hits.items():
        size = [sizes[model][seed] for seed in sorted(of["accuracy"])]
        entry: dict[str, Any] = {"model": model} | {
            name: round(float(np.mean([getattr(one, name) for one in size])))
            for name in ("parameters", "operations", "bytes")
        }
        for name in FIGURES:
            entry[name] = cross_band(np.stack(list(of[name].values())), PSEUDO_SHARES, name)
        if model != "student" and ours:
            lead = subtract_hits(ours, of["accuracy"])
            entry["lead"] = cross_difference(lead)
            entry["lead_at_once"] = cross_difference(lead, n_compared=n_rivals)
        models.append(entry)
    summary = {
        "tolerance": spec.tolerance,
        "n_seeds": spec.n_seeds,
        "n_teachers": spec.ensemble.n_members,
        "n_rows": len(next(iter(ours.values()))) if ours else None,
        "models": models,
    }
    return verdict.decide(summary)


def name_teachers(n: int) -> str:
    """Return the name of the model that is the first n teachers of an ensemble."""
    return f"teachers-{n}"


def _list_teachers(spec: EnsembleSpec, found: Artifact) -> Iterator[tuple[str, NDArray[Any], Size]]:
    """Yield what is made of an ensemble's teachers: name, labels on test data, size.

    The best teacher and the one nearest to the ensemble are chosen on training data.
    """
    sizes = _layer_sizes(spec, spec.hidden)
    test = found.arrays["test_logits"]
    yield "ensemble", _combine(spec, test), network_size(sizes, spec.n_members)
    if spec.n_members == 1:
        return
    best, nearest = choose_teachers(spec, found)
    yield "best-teacher", test[best].argmax(-1), network_size(sizes)
    yield "nearest-teacher", test[nearest].argmax(-1), network_size(sizes)
    for n in range(1, spec.n_members):
        yield name_teachers(n), _combine(spec, test[:n]), network_size(sizes, n)


def choose_teachers(spec: EnsembleSpec, found: Artifact) -> tuple[int, int]:
    """Return the best teacher and the one that is nearest to the ensemble, on training data.

    The best has the highest accuracy, the nearest the highest agreement; of equal ones the one
    with the lower cross-entropy, with labels or with the ensemble's probabilities.
    """
    logits = found.arrays["train_logits"]
    y = load_problem(spec.problem).y_train.numpy()
    target = losses.soft_targets(torch.tensor(logits), 1.0, spec.combine).numpy()
    labels = logits.argmax(-1)
    best = (metrics.accuracy(labels, y), -metrics.cross_entropy(logits, y))
    likeness = (target * metrics.as_log_proba(logits)).sum(-1).mean(-1)
    nearest = (metrics.agreement(labels, target.argmax(-1)), likeness)
    first, second = (
        max(range(len(logits)), key=lambda m: (high[m], then[m])) for high, then in (best, nearest)
    )
    return first, second


def _combine(spec: EnsembleSpec, logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the labels of some teachers together, from their logits."""
    z = torch.tensor(logits)
    labels: NDArray[np.int64] = losses.soft_targets(z, 1.0, spec.combine).numpy().argmax(-1)
    return labels


def _of(y: NDArray[Any], whole: NDArray[Any]) -> tuple[tuple[str, NDArray[Any]], ...]:
    """Return with what labels have to agree for each figure."""
    return tuple(zip(FIGURES, (y, whole), strict=True))


def _layer_sizes(spec: EnsembleSpec, hidden: Sequence[int]) -> tuple[int, ...]:
    problem = load_problem(spec.problem)
    return (problem.X_train.shape[1], *hidden, int(problem.y_train.max()) + 1)
