"""What do T and alpha do? Every cell of a grid times seeds, against the hard-label twin.

Each cell is compared with the twin, paired by seed, and has its own interval. One cell in
forty would look better than the twin by chance alone, so the best of many cells proves
nothing by its own interval: what is said about the best holds for all cells at once (see
`judge_best`).
"""

import itertools
import math
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
from distill_core.measures.intervals import PSEUDO_DIFFERENCES
from distill_core.specs import EnsembleSpec, Schedule, Spec
from distill_core.store import Store
from distill_core.studies import student_stacks as stacks
from distill_core.studies.study import Band, Hits, Row, Task, bands, gains, subtract_hits

# Seeds trained in one stack: two with ten alphas take about a second, enough to be efficient.
_BLOCK = 2
# Seeds that a claim needs; draws of signs.
_FEWEST, _N_DRAWS = 4, 1999

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
    hits: dict[_Cell, dict[str, dict[int, NDArray[np.bool_]]]] = {}
    for width, seeds in itertools.product(spec.widths, stacks.split_seeds(spec.n_seeds, _BLOCK)):
        twins = spec.twins(width, seeds)
        of_twins = store.get("students", twins.digest)
        for temperature in spec.temperatures:
            students = spec.students(width, temperature, seeds)
            of_students = store.get("students", students.digest)
            for alpha in spec.alphas:
                part, of_cell = (twins, of_twins) if alpha == 0 else (students, of_students)
                if of_cell is None:
                    continue
                place = part.alphas.index(alpha)
                found = hits.setdefault((width, temperature, alpha), {})
                stacks.add_hits(found, of_cell, part, place)
                for j, seed in enumerate(seeds):
                    cell = {"width": width, "temperature": temperature, "alpha": alpha}
                    names = (*stacks.FIGURES, *stacks.SHARES)
                    figures = {name: float(of_cell.arrays[name][place, j]) for name in names}
                    rows.append({**cell, "seed": seed, **figures})
    return rows, summarise(spec, rows, hits)


def summarise(
    spec: SoftnessSpec, rows: Sequence[Row], hits: Mapping[_Cell, Hits]
) -> dict[str, Any]:
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
    agreement: dict[_Cell, dict[int, NDArray[Any]]] = {}
    cells = []
    for (width, temperature, alpha), of_cell in sorted(grouped.items()):
        twin = grouped.get((width, temperature, 0.0), [])
        ours = hits[width, temperature, alpha]
        theirs = hits.get((width, temperature, 0.0), {})
        cells.append(
            {
                "width": width,
                "temperature": temperature,
                "alpha": alpha,
                **bands(of_cell, (*stacks.FIGURES, *stacks.SHARES), ours),
                "gain": gains(of_cell, twin, stacks.FIGURES, ours, theirs),
            }
        )
        if alpha > 0 and theirs:
            a, b = ours["agreement"], theirs["agreement"]
            paired = [seed for seed in a if seed in b]
            gained = dict(zip(paired, subtract_hits(a, b), strict=True))
            agreement[width, temperature, alpha] = gained
    return {"n_seeds": spec.n_seeds, "cells": cells, "best": _find_best(agreement)}


def find_margin(gains: ArrayLike) -> float:
    """Return the margin m by which, with 95% confidence, no cell's mean gain is off.

    m is the 95% quantile of the largest |mean| over cells when whole seeds and whole test rows
    change sign at random (a wild bootstrap, Liu 1988, of both sources of chance; cells keep what
    they share, the twin above all). What seeds and rows have both of the rest is taken out once,
    and each cell is widened by Student's quantile over the normal one, see `crossed_interval`.

    Parameters
    ----------
    gains : array_like of shape (n_cells, n_seeds, n_rows)
        Gain over the twin of every cell with every seed on every test row; a single row stands
        for the mean over rows, and the margin then speaks of other seeds alone.

    Returns
    -------
    float
        In the units of the gains; infinite below four seeds.
    """
    values = np.asarray(gains, dtype=np.float32)
    n_cells, n, n_rows = values.shape
    if n < _FEWEST:
        return math.inf
    means = values.mean((1, 2), dtype=float)
    of_seeds = values.mean(2, dtype=float) - means[:, None]
    generator = np.random.default_rng(0)
    moved = generator.choice((-1.0, 1.0), size=(_N_DRAWS, n)) @ of_seeds.T / math.sqrt(n * (n - 1))
    seeds = (of_seeds**2).sum(1) / (n * (n - 1))
    variance, freedom = seeds, np.full(n_cells, n - 1.0)
    if n_rows > 1:
        of_rows = values.mean(1, dtype=float) - means[:, None]
        rest = (values**2).sum((1, 2), dtype=float) - n * n_rows * means**2
        rest -= n_rows * (of_seeds**2).sum(1) + n * (of_rows**2).sum(1)
        rest = np.maximum(rest, 0) / ((n - 1) * (n_rows - 1) * n * n_rows)
        of_rows = np.concatenate([of_rows, np.tile(PSEUDO_DIFFERENCES, (n_cells, 1))], axis=1)
        size = of_rows.shape[1]
        rows = (of_rows**2).sum(1) / (size * (size - 1))
        signs = generator.choice(np.array([-1, 1], np.float32), size=(len(moved), size))
        moved = moved + signs @ of_rows.T.astype(np.float32) / math.sqrt(size * (size - 1))
        variance = np.maximum(seeds + rows - rest, np.maximum(seeds, rows))
        moved *= np.sqrt(variance / (seeds + rows))
        freedom = np.maximum(variance**2 / (seeds**2 / (n - 1) + rows**2 / (n_rows - 1)), freedom)
    wider = stats.t.isf(0.025, freedom) / stats.norm.isf(0.025)
    return float(np.quantile(np.abs(moved * wider).max(1), 0.95))


def judge_best(gains: ArrayLike, margin: float) -> tuple[int, Band]:
    """Return the best cell and an interval of its gain that allows for having been chosen.

    Parameters
    ----------
    gains : array_like of shape (n_cells, n_seeds, n_rows)
        As `find_margin` takes them; some of its cells.
    margin : float
        From `find_margin`, for all cells that are looked at.

    Returns
    -------
    best : int
        The cell with the highest mean gain.
    choice : dict
        Its band with `beyond_noise`, and how many cells lie `above` and `below` the twin by
        more than the margin. An infinite margin gives no interval.
    """
    values = np.asarray(gains)
    means = values.mean((1, 2), dtype=float)
    best = int(means.argmax())
    mean, n_rows = float(means[best]), values.shape[2]
    choice: Band = {"mean": mean, "low": None, "high": None, "n": values.shape[1]}
    choice |= {"n_rows": n_rows} if n_rows > 1 else {}
    above, below = int((means > margin).sum()), int((means < -margin).sum())
    if math.isfinite(margin):
        choice |= {"low": mean - margin, "high": mean + margin}
    return best, {**choice, "beyond_noise": abs(mean) > margin, "above": above, "below": below}


def soften(
    logits: NDArray[np.float32], temperatures: Sequence[float], combine: Combine = "logits"
) -> NDArray[np.float32]:
    """Return the ensemble's soft targets (n_temperatures, n, n_classes).

    They are those of chosen samples, from the teachers' logits (n_members, n, n_classes), such
    as `test_logits[:, samples]` of the artifact "ensemble".
    """
    z = torch.tensor(logits)
    return np.stack([losses.soft_targets(z, t, combine).numpy() for t in temperatures])


def pick_samples(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return six samples, from the one the ensemble is surest of to the one it doubts most.

    They are evenly spaced by rank; the teachers' logits have shape (n_members, n, n_classes).
    """
    confidence = soften(logits, [1.0])[0].max(-1)
    ranked = np.argsort(-confidence, kind="stable")
    return ranked[np.linspace(0, len(ranked) - 1, 6).round().astype(int)]


def _find_best(gains: Mapping[_Cell, Mapping[int, NDArray[Any]]]) -> list[dict[str, Any]]:
    """Return the best cell of each width, judged on the seeds that all cells of all widths have."""
    if not gains:
        return []
    seeds = sorted(set.intersection(*(set(of_cell) for of_cell in gains.values())))
    if not seeds:
        return []
    # Small numbers, and many of them: a grid has 88 cells a width.
    values = {cell: np.stack([of[seed] for seed in seeds]) for cell, of in gains.items()}
    margin = find_margin(np.stack(list(values.values())))
    over_one = _compare_with_one(values)
    found = []
    for width in sorted({cell[0] for cell in values}):
        cells = [cell for cell in values if cell[0] == width]
        best, choice = judge_best(np.stack([values[cell] for cell in cells]), margin)
        _, temperature, alpha = cells[best]
        found.append(
            {
                "width": width,
                "temperature": temperature,
                "alpha": alpha,
                "choice": choice,
                "over_one": over_one.get(width),
            }
        )
    return found


def _compare_with_one(gains: Mapping[_Cell, NDArray[Any]]) -> dict[Any, dict[str, Any]]:
    """Return by width what another temperature than 1 gains at the same alpha, paired by seed.

    All widths, temperatures and alphas are judged at once, so that the choice among them is
    allowed for. The band is that of the best, with its `temperature`, `alpha`, and how many
    settings `n_settings` there were. Without T = 1, or with it alone, there is nothing to compare.
    """
    over = {
        cell: values - gains[cell[0], 1.0, cell[2]]
        for cell, values in gains.items()
        if cell[1] != 1 and (cell[0], 1.0, cell[2]) in gains
    }
    if not over:
        return {}
    margin = find_margin(np.stack(list(over.values())))
    found = {}
    for width in sorted({cell[0] for cell in over}):
        cells = [cell for cell in over if cell[0] == width]
        best, choice = judge_best(np.stack([over[cell] for cell in cells]), margin)
        _, temperature, alpha = cells[best]
        place = {"temperature": temperature, "alpha": alpha, "n_settings": len(cells)}
        found[width] = {**choice, **place}
    return found
