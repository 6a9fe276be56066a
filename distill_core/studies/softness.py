"""What do T and alpha do? Every cell of a grid times seeds, against the hard-label twin.

Each cell is compared with the twin, paired by seed, and has its own interval. One cell in
forty would look better than the twin by chance alone, so the best of many cells proves
nothing by its own interval: what is said about the best holds for all cells at once (see
`judge_best`).
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, field_validator
from scipy import stats

from distill_core import specs
from distill_core.jobs import Combine
from distill_core.learning import losses
from distill_core.specs import EnsembleSpec, Schedule, Spec
from distill_core.store import Store
from distill_core.studies import student_stacks as stacks
from distill_core.studies.study import Band, Row, Task, bands, by_seed, gains, subtract_paired

# Seeds trained in one stack: two with ten alphas take about a second, enough to be efficient.
_BLOCK = 2
# Seeds that a claim needs; seeds up to which every choice of signs is tried.
_FEWEST, _ALL_SIGNS = 4, 13

# Width, temperature, alpha.
_Cell = tuple[Any, Any, Any]


class SoftnessSpec(Spec):
    """Which temperatures and alphas, at which widths, over how many student seeds 0, 1, 2, ...

    alpha = 0, the twin, always takes part.
    """

    ensemble: EnsembleSpec = EnsembleSpec()
    widths: tuple[specs.Width, ...] = (64,)
    depth: specs.Depth = 2
    temperatures: tuple[specs.Temperature, ...] = specs.TEMPERATURES
    alphas: tuple[specs.Alpha, ...] = specs.ALPHAS
    n_seeds: Annotated[int, Field(ge=1, le=256)] = 8
    schedule: Schedule = Schedule.STUDENT

    @field_validator("widths", "temperatures", "alphas")
    @classmethod
    def _in_order(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not 1 <= len(set(values)) <= 32:
            raise ValueError(
                "This study takes 1 to 32 widths, temperatures and alphas, "
                f"got {len(set(values))} different ones."
            )
        return tuple(sorted(set(values)))

    @field_validator("alphas")
    @classmethod
    def _with_twin(cls, alphas: tuple[float, ...]) -> tuple[float, ...]:
        if max(alphas) == 0:
            raise ValueError("This study needs an alpha above 0: alpha = 0 is the twin itself.")
        return tuple(sorted({0.0, *alphas}))

    def students(
        self, width: int, temperature: float, seeds: tuple[int, ...]
    ) -> stacks.StudentsSpec:
        """Return the distilled students of one temperature, all alphas, over some seeds."""
        return stacks.StudentsSpec(
            ensemble=self.ensemble,
            width=width,
            depth=self.depth,
            temperature=temperature,
            alphas=self.alphas[1:],
            seeds=seeds,
            schedule=self.schedule,
        )

    def twins(self, width: int, seeds: tuple[int, ...]) -> stacks.StudentsSpec:
        """Return the twins, which are the same at every temperature."""
        return self.students(width, 1.0, seeds).replace(alphas=(0.0,))


def tasks(spec: SoftnessSpec) -> list[Task]:
    """Return what has to be made, in the order in which it is best shown."""
    listed = stacks.ensemble_tasks(spec.ensemble)
    ensemble = listed[-1]
    for seeds, width in itertools.product(stacks.split_seeds(spec.n_seeds, _BLOCK), spec.widths):
        listed.append(stacks.students_task(spec.twins(width, seeds), ensemble))
        for temperature in spec.temperatures:
            listed.append(stacks.students_task(spec.students(width, temperature, seeds), ensemble))
    return listed


def result(spec: SoftnessSpec, store: Store) -> tuple[list[Row], dict[str, Any]]:
    """Return what the store has: a row per width, temperature, alpha and seed, and the summary.

    The twin is alpha = 0 at every temperature. Figures and shares are those of
    `student_stacks.train_students`.
    """
    rows: list[Row] = []
    for width, seeds in itertools.product(spec.widths, stacks.split_seeds(spec.n_seeds, _BLOCK)):
        twins = store.get("students", spec.twins(width, seeds).digest)
        for temperature in spec.temperatures:
            artifact = store.get("students", spec.students(width, temperature, seeds).digest)
            for alpha in spec.alphas:
                of_cell = twins if alpha == 0 else artifact
                if of_cell is None:
                    continue
                place = 0 if alpha == 0 else spec.alphas.index(alpha) - 1
                for j, seed in enumerate(seeds):
                    cell = {"width": width, "temperature": temperature, "alpha": alpha}
                    names = (*stacks.FIGURES, *stacks.SHARES)
                    figures = {name: float(of_cell.arrays[name][place, j]) for name in names}
                    rows.append({**cell, "seed": seed, **figures})
    return rows, summarise(spec, rows)


def summarise(spec: SoftnessSpec, rows: Sequence[Row]) -> dict[str, Any]:
    """Return means and intervals of every cell, and what choosing among them is worth.

    Returns
    -------
    dict
        `n_seeds`; `cells`: a list, each with `width`, `temperature`, `alpha`, a band per
        figure and share, and `gain`: the bands of the figures minus the twin's; `best`: a
        list with one entry per width whose cells are there: `width`, `temperature`, `alpha`
        of the cell with the highest agreement, and `choice`: the band of its
        gain in agreement, which allows for the choice (see `judge_best`), and `over_one`
        (see `_compare_with_one`).
    """
    grouped: dict[_Cell, list[Row]] = {}
    for row in rows:
        grouped.setdefault((row["width"], row["temperature"], row["alpha"]), []).append(row)
    agreement: dict[_Cell, dict[int, float]] = {}
    cells = []
    for (width, temperature, alpha), of_cell in sorted(grouped.items()):
        twin = grouped.get((width, temperature, 0.0), [])
        cells.append(
            {
                "width": width,
                "temperature": temperature,
                "alpha": alpha,
                **bands(of_cell, (*stacks.FIGURES, *stacks.SHARES)),
                "gain": gains(of_cell, twin, stacks.FIGURES),
            }
        )
        if alpha > 0:
            ours, theirs = by_seed(of_cell, "agreement"), by_seed(twin, "agreement")
            agreement[width, temperature, alpha] = subtract_paired(ours, theirs)
    best = [
        _find_best({k: v for k, v in agreement.items() if k[0] == width}) for width in spec.widths
    ]
    return {"n_seeds": spec.n_seeds, "cells": cells, "best": [one for one in best if one]}


def judge_best(gains: ArrayLike) -> tuple[int, Band]:
    """Return the best cell and an interval of its gain that allows for having been chosen.

    The margin m is such that with 95% confidence no cell's mean gain is off by more than
    m: the 95% quantile of the largest |mean| over cells when whole seeds change sign at
    random (a wild bootstrap, Liu 1988; cells keep what they share, the twin above all),
    widened by Student's quantile over the normal one, because seeds are few.

    Parameters
    ----------
    gains : array_like of shape (n_cells, n_seeds)
        Gain over the twin of every cell with every seed.

    Returns
    -------
    best : int
        The cell with the highest mean gain.
    choice : dict
        Its band with `beyond_noise`, and how many cells lie `above` and `below` the twin by
        more than m. Fewer than four seeds have no interval.
    """
    values = np.asarray(gains, dtype=float)
    n = values.shape[1]
    means = values.mean(1)
    best = int(means.argmax())
    choice: Band = {"mean": float(means[best]), "low": None, "high": None, "n": n}
    if n < _FEWEST:
        return best, {**choice, "beyond_noise": False, "above": 0, "below": 0}
    if n <= _ALL_SIGNS:
        signs = np.array(list(itertools.product((1, -1), repeat=n - 1)))
        signs = np.c_[np.ones(len(signs)), signs]
    else:
        signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(4999, n))
    rest = (values - means[:, None]) / np.sqrt(n * (n - 1))
    largest = np.abs(signs @ rest.T).max(1)
    wider = stats.t.isf(0.025, n - 1) / stats.norm.isf(0.025)
    margin = float(wider * np.quantile(largest, 0.95))
    above, below = int((means > margin).sum()), int((means < -margin).sum())
    low, high = choice["mean"] - margin, choice["mean"] + margin
    found = {**choice, "low": low, "high": high, "above": above, "below": below}
    return best, {**found, "beyond_noise": low > 0 or high < 0}


def soften(
    logits: NDArray[np.float32], temperatures: Sequence[float], combine: Combine = "logits"
) -> NDArray[np.float32]:
    """Return the ensemble's soft targets (n_temperatures, n, n_classes).

    They are those of chosen samples, from the teachers' logits (n_members, n, n_classes), such
    as `test_logits[:, samples]` of the artifact "ensemble".
    """
    z = torch.from_numpy(np.ascontiguousarray(logits))
    return np.stack([losses.soft_targets(z, t, combine).numpy() for t in temperatures])


def pick_samples(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return six samples, from the one the ensemble is surest of to the one it doubts most.

    They are evenly spaced by rank; the teachers' logits have shape (n_members, n, n_classes).
    """
    confidence = soften(logits, [1.0])[0].max(-1)
    ranked = np.argsort(-confidence, kind="stable")
    return ranked[np.linspace(0, len(ranked) - 1, 6).round().astype(int)]


def _find_best(gains: Mapping[_Cell, Mapping[int, float]]) -> dict[str, Any] | None:
    """Return the best cell of one width, judged on the seeds that all its cells have."""
    if not gains:
        return None
    seeds = sorted(set.intersection(*(set(of_cell) for of_cell in gains.values())))
    if not seeds:
        return None
    cells = list(gains)
    best, choice = judge_best([[gains[cell][seed] for seed in seeds] for cell in cells])
    width, temperature, alpha = cells[best]
    return {
        "width": width,
        "temperature": temperature,
        "alpha": alpha,
        "choice": choice,
        "over_one": _compare_with_one(gains, seeds),
    }


def _compare_with_one(
    gains: Mapping[_Cell, Mapping[int, float]], seeds: Sequence[int]
) -> dict[str, Any] | None:
    """Return what another temperature than 1 gains at the same alpha, paired by seed.

    All temperatures and alphas are judged at once, so that the choice among them is allowed
    for. The band is that of the best, with its `temperature`, `alpha`, and how many settings
    `n_settings` there were. Without T = 1, or with it alone, there is nothing to compare.
    """
    cells = [c for c in gains if c[1] != 1 and (c[0], 1.0, c[2]) in gains]
    if not cells:
        return None
    best, choice = judge_best(
        [[gains[c][s] - gains[c[0], 1.0, c[2]][s] for s in seeds] for c in cells]
    )
    _, temperature, alpha = cells[best]
    return {**choice, "temperature": temperature, "alpha": alpha, "n_settings": len(cells)}
