"""Are the answers of "How small?" true? On small tables cut from data of which the rest is known.

Each table is a visitor's own: some rows of the tutorial's data. The whole study is run on it, and
what it answers is compared with what the same networks do on all the rows that it never saw.
"""

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import Claim, Outcome
from distill_core.data import datasets
from distill_core.data.datasets import Table
from distill_core.geometry.problems import load_plane
from distill_core.learning.losses import soft_targets
from distill_core.learning.networks import Stack
from distill_core.specs import DatasetSpec, EnsembleSpec, PlaneSpec, ProblemSpec
from distill_core.store import Store
from distill_core.studies import CapacitySpec, capacity, runner
from distill_core.studies import student_stacks as stacks
from distill_core.studies.chances import estimate_needed
from distill_core.studies.study import has_interval

# Tables and their rows, of which a fifth are test rows.
SIZES = ((60, 300), (20, 1500))
WORKERS = 2


@dataclass(frozen=True)
class Found:
    """What one study answered, and what is true of it.

    `sufficient` is None where no width below the widest was named; `lost` is what that width loses
    on the rows never seen, in points. `covered` says for each width below the widest whether the
    interval of its loss holds the loss there; `needed` is how many test rows would have decided
    on the next width.
    """

    sufficient: int | None
    lost: float
    tolerance: float
    covered: tuple[bool, ...]
    needed: int | None


def run(say: Callable[[str], None]) -> Outcome:
    """Answer on many tables and compare, in both views."""
    rows: list[dict[str, str | float]] = []
    held: list[float] = []
    wrong: list[float] = []
    with ProcessPoolExecutor(WORKERS) as processes:
        for view, plane in (("all features", None), ("slice", PlaneSpec())):
            for n_tables, n_rows in SIZES:
                say(f"{view}: {n_tables} tables of {n_rows} rows")
                jobs = [(plane, n_rows, number) for number in range(n_tables)]
                found = list(processes.map(answer, *zip(*jobs, strict=True)))
                named = [one for one in found if one.sufficient is not None]
                false = sum(one.lost >= one.tolerance for one in named)
                covered = float(np.mean([hit for one in found for hit in one.covered]))
                needed = [one.needed for one in found if one.needed is not None]
                wrong.append(false / len(found))
                held.append(covered)
                rows.append(
                    {
                        "": f"{view}, {n_rows:,} rows",
                        "tables": str(len(found)),
                        "a width is named": str(len(named)),
                        "falsely": str(false),
                        "cannot be told": str(len(found) - len(named)),
                        "loss covered, %": 100 * covered,
                        "test rows needed, median": f"{np.median(needed):,.0f}" if needed else "",
                    }
                )
    return Outcome(
        "The whole study 'How small?' on tables cut from the tutorial's data, a fifth of them test "
        f"rows.\nFalsely: on the other rows of {datasets.N_SAMPLES:,} the width named loses the "
        "tolerance or more.\nNeeded: what the page says it would take to decide on the next width.",
        rows,
        [
            Claim(
                f"At most 5% of the answers name a width falsely (worst {100 * max(wrong):.1f}%).",
                max(wrong) <= 0.05,
            ),
            Claim(
                f"Intervals of the loss hold it in at least 93% (least {100 * min(held):.1f}%).",
                min(held) >= 0.93,
            ),
        ],
    )


def answer(plane: PlaneSpec | None, n_rows: int, number: int, n_seeds: int = 16) -> Found:
    """Run the study on one table and compare its answer with the rows that it never saw."""
    torch.set_num_threads(1)
    data = datasets.load(DatasetSpec())
    X, y = np.vstack([data.X_train, data.X_test]), np.r_[data.y_train, data.y_test]
    order = np.random.default_rng([n_rows, number]).permutation(len(X))
    mine, rest = order[:n_rows], order[n_rows:]
    table = Table(X[mine].astype(np.float32), y[mine], data.feature_names, data.class_names)
    # Any name will do, but one for each table.
    digest = hashlib.sha256(f"{n_rows} {number}".encode()).hexdigest()[:32]
    datasets.find_tables_with(lambda _: table)
    dataset = DatasetSpec(name="upload", table=digest)
    ensemble = EnsembleSpec(problem=ProblemSpec(dataset=dataset, plane=plane))
    spec = CapacitySpec(ensemble=ensemble, n_seeds=n_seeds)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for task in runner.list_tasks(spec):
            # Distances of boundaries decide nothing.
            if task.job is not stacks.trace_boundaries and not task.done(store):
                task.job(task.spec, store)
        _, summary = capacity.result(spec, store)
        seen = _see(X, mine, rest, dataset, plane)
        agreement = dict(_agree(spec, store, seen))
    return _judge(summary, agreement)


def _judge(summary: Mapping[str, Any], agreement: Mapping[int, float]) -> Found:
    """Compare a summary with the true agreement by width."""
    entries, tolerance = summary["widths"], float(summary["tolerance"])
    widths = [entry["width"] for entry in entries]
    losses = {width: agreement[widths[-1]] - value for width, value in agreement.items()}
    covered = tuple(
        entry["loss"]["low"] <= losses[entry["width"]] <= entry["loss"]["high"]
        for entry in entries[:-1]
    )
    named = None if summary["sufficient"] == widths[-1] else summary["sufficient"]
    place = (len(widths) - 1 if named is None else widths.index(named)) - 1
    needed = None
    if place >= 0 and has_interval(entries[place]["loss"]):
        undecided = entries[place]["loss"]
        _, needed = estimate_needed(undecided, tolerance / 100 - undecided["mean"])
    lost = math.nan if named is None else 100 * losses[named]
    return Found(named, lost, tolerance, covered, needed)


def _see(
    X: NDArray[np.float64],
    mine: NDArray[np.int64],
    rest: NDArray[np.int64],
    dataset: DatasetSpec,
    plane: PlaneSpec | None,
) -> torch.Tensor:
    """Return the rows never seen as the models see them: standardised and projected alike."""
    data = datasets.load(dataset)
    # The same rows before and after say what the standardisation was.
    before, after = X[mine].astype(np.float32), np.vstack([data.X_train, data.X_test])
    scale = before.std(0) / after.std(0)
    seen = (X[rest] - before.mean(0)) / scale + after.mean(0)
    if plane is not None:
        seen = load_plane(plane, dataset).project(seen)
    return torch.tensor(seen, dtype=torch.float32)


def _agree(spec: CapacitySpec, store: Store, seen: torch.Tensor) -> Iterator[tuple[int, float]]:
    """Yield each width with its students' mean agreement with the ensemble on some rows."""

    def load(kind: str, digest: str) -> Stack:
        artifact = store.get(kind, digest)
        assert artifact is not None
        return Stack.from_arrays(artifact.arrays)

    teachers = load("ensemble", spec.ensemble.digest).logits(seen)
    whole = soft_targets(teachers, 1.0, spec.ensemble.combine).argmax(-1)
    for width in spec.widths:
        hits = []
        for seeds in stacks.split_seeds(spec.n_seeds, 4):
            part = load("students", spec.students(width, seeds).digest)
            # Students come first, then their twins.
            students = part.logits(seen)[: len(seeds)].argmax(-1)
            hits.append((students == whole).double().mean(1))
        yield width, float(torch.cat(hits).mean())
