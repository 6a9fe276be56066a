"""Do the intervals cover what they say? On pools of really trained students.

A pool has many students and twins of each width, trained by different seeds on one part of the
data, and what they answer on all the rest. The pool is the population: a study draws some of its
seeds and some of its rows, with replacement, and its 95% interval should hold the pool's mean in
95 of 100 studies.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import Claim, Outcome
from distill_core.data import datasets
from distill_core.geometry import planes
from distill_core.learning import losses, training
from distill_core.measures.intervals import PSEUDO_DIFFERENCES, PSEUDO_SHARES, crossed_interval
from distill_core.specs import EnsembleSpec, PlaneSpec, ProblemSpec, StudentSpec
from distill_core.studies.softness import find_margin

N_SEEDS, N_TRAIN, N_DRAWS = 256, 1500, 500
# Studies of all widths at once: each takes a tenth of a second.
N_CHOICES = 300
WIDTHS = (2, 4, 8, 16, 32, 64, 128)
STUDIES = [(n_seeds, n_rows) for n_seeds in (8, 16) for n_rows in (60, 300, 1000, 4000)]
# Students trained in one stack.
_TOGETHER = 64

# Values by seed and row, (n_seeds, n_rows).
Pool = NDArray[np.int8]


def run(say: Callable[[str], None]) -> Outcome:
    """Measure coverage by figure, seeds, rows and width, in both views."""
    rows: list[dict[str, str | float]] = []
    for view, problem in (("slice", ProblemSpec()), ("all features", ProblemSpec(plane=None))):
        say(f"{view}: training {2 * N_SEEDS} students at each of {len(WIDTHS)} widths")
        pools = _train_pools(EnsembleSpec(problem=problem))
        for figure, of_width in pools.items():
            for n_seeds, n_rows in STUDIES:
                say(f"{view}, {figure}, {n_seeds} seeds, {n_rows} rows")
                row: dict[str, str | float] = {"": f"{view}, {figure}"}
                row |= {"seeds": str(n_seeds), "rows": str(n_rows)}
                for width in WIDTHS:
                    # The widest loses nothing against itself.
                    pool = of_width.get(width)
                    held = None if pool is None else _measure(pool, n_seeds, n_rows, figure)
                    row[f"width {width}"] = "" if held is None else 100 * held
                row["all widths"] = (
                    100 * _measure_choice(of_width, n_seeds, n_rows) if figure == "gain" else ""
                )
                rows.append(row)

    def collect(widths: Sequence[int]) -> NDArray[np.float64]:
        found = [row[f"width {width}"] for row in rows for width in widths]
        return np.array([value for value in found if value != ""], float)

    covered, wide = collect(WIDTHS), collect(WIDTHS[2:])
    together = [float(row["all widths"]) for row in rows if row["all widths"] != ""]
    return Outcome(
        f"Percent of {N_DRAWS} studies whose 95% interval holds the mean of the population, by\n"
        f"width. Population: {N_SEEDS} seeds, {datasets.N_SAMPLES - N_TRAIN:,} rows.\nAll widths: "
        f"percent of {N_CHOICES} studies in which no width is said to gain or lose when, by\n"
        "construction, none does (`softness.find_margin`).",
        rows,
        [
            Claim(
                f"Half of the figures are 93 to 97.5 or more ({np.median(covered):.1f}).",
                bool(np.median(covered) >= 93),
            ),
            Claim(
                "From width 8 on, 19 of 20 figures are at least 90 "
                f"({np.quantile(wide, 0.05):.1f}).",
                bool(np.quantile(wide, 0.05) >= 90),
            ),
            Claim(
                "Where no width gains, at most one study in 20 says that one does, the choice "
                f"among {len(WIDTHS)} widths included (worst {100 - min(together):.1f}%, mean "
                f"{100 - np.mean(together):.1f}%).",
                bool(min(together) >= 95 - 2 * 100 * np.sqrt(0.05 * 0.95 / N_CHOICES)),
            ),
        ],
    )


def _train_pools(spec: EnsembleSpec) -> dict[str, dict[int, Pool]]:
    """Return by figure and width what each seed gives on each row of the population."""
    data = datasets.load(spec.problem.dataset)
    X, y = np.vstack([data.X_train, data.X_test]), np.r_[data.y_train, data.y_test]
    if spec.problem.plane is not None:
        X = planes.choose(PlaneSpec(), data).project(X)
    order = np.random.default_rng(1).permutation(len(X))
    X, y = X[order], y[order]
    seen, labels = torch.tensor(X[:N_TRAIN], dtype=torch.float32), torch.tensor(y[:N_TRAIN])
    fresh, truth = torch.tensor(X[N_TRAIN:], dtype=torch.float32), y[N_TRAIN:]
    ensemble = training.fit_ensemble(spec, seen, labels)
    logits = ensemble.logits(seen)
    whole = losses.soft_targets(ensemble.logits(fresh), 1.0).argmax(-1).numpy()

    def answer(width: int, alpha: float) -> Iterator[NDArray[np.int64]]:
        for first in range(0, N_SEEDS, _TOGETHER):
            students = [
                StudentSpec(ensemble=spec, width=width, alpha=alpha, seed=seed)
                for seed in range(first, first + _TOGETHER)
            ]
            stack = training.fit_students(students, seen, labels, logits)
            yield stack.logits(fresh).argmax(-1).numpy()

    pools: dict[str, dict[int, Pool]] = {
        name: {} for name in ("agreement", "gain", "loss", "accuracy difference")
    }
    for width in WIDTHS:
        student = np.concatenate(list(answer(width, 0.7)))
        twin = np.concatenate(list(answer(width, 0.0)))
        agrees = (student == whole).astype(np.int8)
        pools["agreement"][width] = agrees
        pools["gain"][width] = agrees - (twin == whole)
        pools["accuracy difference"][width] = (student == truth).astype(np.int8) - (whole == truth)
    for width in WIDTHS[:-1]:
        widest = pools["agreement"][WIDTHS[-1]]
        pools["loss"][width] = widest - pools["agreement"][width]
    return pools


def _measure(pool: Pool, n_seeds: int, n_rows: int, figure: str) -> float:
    """Return the share of studies whose interval holds the mean of the pool."""
    generator = np.random.default_rng([n_seeds, n_rows])
    pseudo = PSEUDO_SHARES if figure == "agreement" else PSEUDO_DIFFERENCES
    mean, held = float(pool.mean()), 0
    for _ in range(N_DRAWS):
        seeds = generator.integers(len(pool), size=n_seeds)
        rows = generator.integers(pool.shape[1], size=n_rows)
        found = crossed_interval(pool[np.ix_(seeds, rows)], pseudo)
        held += found.low <= mean <= found.high
    return held / N_DRAWS


def _measure_choice(of_width: Mapping[int, Pool], n_seeds: int, n_rows: int) -> float:
    """Return the share of studies that claim nothing when no width has a true gain."""
    generator = np.random.default_rng([n_seeds, n_rows, 1])
    pools = [pool - pool.mean(dtype=np.float32) for pool in of_width.values()]
    held = 0
    for _ in range(N_CHOICES):
        drawn = np.ix_(
            generator.integers(len(pools[0]), size=n_seeds),
            generator.integers(pools[0].shape[1], size=n_rows),
        )
        gains = np.stack([pool[drawn] for pool in pools])
        held += bool((np.abs(gains.mean((1, 2))) <= find_margin(gains)).all())
    return held / N_CHOICES
