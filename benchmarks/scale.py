"""What more costs: more teachers, students, samples, grid points; and what more workers save."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch

from benchmarks import Outcome, cluster
from benchmarks.racing import Row, Say, sgemm_rate
from distill_core.boundaries import boundary_lines, combined_model, section
from distill_core.geometry.problems import load_plane, load_problem, load_window
from distill_core.learning import training
from distill_core.learning.networks import Stack
from distill_core.specs import EnsembleSpec, PlaneSpec, ProblemSpec, StudentSpec

N_REPEATS = 3
TEACHERS = (1, 3, 6, 12)
STUDENTS = (1, 4, 16, 64, 256)
SAMPLES = (1000, 4000, 16000)
GRIDS = (50, 100, 200, 400)
_BASE = EnsembleSpec(problem=ProblemSpec(plane=None))


def run(say: Say) -> Outcome:
    """All of it, in one process but for the cluster's part."""
    alone = in_one_process(say)
    rows, claims = cluster.compare(say)
    return Outcome(
        f"Cost against size: medians of {N_REPEATS} repeats on one thread, "
        f"{cluster.N_REPEATS} on the cluster. Per unit: seconds per teacher, student, sample or "
        "grid point, as a multiple of the first line of its kind; on the cluster, as a multiple "
        f"of one worker.\nSgemm with one thread in the same run: {sgemm_rate(1):.0f} GFLOP/s.",
        alone + rows,
        claims,
    )


def in_one_process(
    say: Say,
    teachers: Sequence[int] = TEACHERS,
    students: Sequence[int] = STUDENTS,
    samples: Sequence[int] = SAMPLES,
    grids: Sequence[int] = GRIDS,
    base: EnsembleSpec = _BASE,
) -> list[Row]:
    """Return a row per number of teachers, students, samples and grid points."""
    problem = load_problem(base.problem)
    X, y = problem.X_train, problem.y_train

    def ensemble_of(n: int) -> Stack:
        return training.fit_ensemble(base.replace(n_members=n), X, y)

    def students_of(n: int, n_samples: int = len(X)) -> Stack:
        # What teachers say costs no time here, and changes none.
        logits = torch.randn(1, n_samples, 2, generator=torch.Generator().manual_seed(0))
        specs = [StudentSpec(ensemble=base, seed=seed) for seed in range(n)]
        some = torch.arange(n_samples) % len(X)
        return training.fit_students(specs, X[some], y[some], logits)

    count = max(teachers)
    plane, dataset = PlaneSpec(), base.problem.dataset
    on = load_plane(plane, dataset)
    model = combined_model(ensemble_of(count).on_plane(on.origin, on.basis))
    window = load_window(plane, dataset)
    return [
        *_rows("{} teachers", teachers, ensemble_of, say),
        *_rows("{} students stacked", students, students_of, say),
        *_rows("one student, {} samples", samples, lambda n: students_of(1, n), say),
        *_rows(
            f"field and lines of {count} teachers, grid {{}}²",
            grids,
            lambda n: section(model, window, n),
            say,
            squared=True,
        ),
        *_rows(
            f"lines alone of {count} teachers, grid {{}}²",
            grids,
            lambda n: boundary_lines(model, window, n),
            say,
            squared=True,
        ),
    ]


def _rows(
    name: str,
    sizes: Sequence[int],
    run: Callable[[int], object],
    say: Say,
    *,
    squared: bool = False,
) -> list[Row]:
    """Measure all sizes in turn, repeat by repeat, so that a slower minute hits all alike."""
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    run(sizes[0])
    for _ in range(N_REPEATS):
        for size in sizes:
            began = time.perf_counter()
            run(size)
            seconds[size].append(time.perf_counter() - began)
    medians = {size: statistics.median(times) for size, times in seconds.items()}
    units = {size: size**2 if squared else size for size in sizes}
    first = medians[sizes[0]] / units[sizes[0]]
    rows: list[Row] = [
        {
            "": name.format(size),
            "seconds": medians[size],
            "per unit": medians[size] / units[size] / first,
        }
        for size in sizes
    ]
    say("\n".join(str(row) for row in rows))
    return rows
