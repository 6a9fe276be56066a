"""How fast ensembles, single students and many students are trained, beside their peers."""

import functools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks import Claim, Outcome, notebook, peers
from distill_core import jobs, metrics, training
from distill_core.engine import Engine
from distill_core.losses import soft_targets
from distill_core.networks import Stack, n_parameters
from distill_core.problems import Problem, load_problem
from distill_core.specs import EnsembleSpec, ProblemSpec, Schedule, StudentSpec
from distill_core.store import Store

N_SEEDS = 5
N_REPEATS = 5
_BASE = EnsembleSpec(problem=ProblemSpec(plane=None))

Say = Callable[[str], None]
Row = dict[str, str | float]


def ensemble(say: Say) -> Outcome:
    """Twelve teachers: this project beside the notebook loop, vmap, scikit-learn and JAX."""
    problem = load_problem(_BASE.problem)
    y = problem.y_test.numpy()

    def notebook_loop(seed: int) -> Any:
        teachers = notebook.train_teachers(problem.X_train, problem.y_train, seed=seed)
        return notebook.ensemble_logits(teachers, problem.X_test).argmax(-1).numpy()

    def one_process(seed: int) -> Any:
        stack = training.fit_ensemble(_BASE.replace(seed=seed), problem.X_train, problem.y_train)
        return stack.logits(problem.X_test).mean(0).argmax(-1).numpy()

    def vmapped(seed: int) -> Any:
        return peers.vmap_teachers(problem, Schedule.ENSEMBLE, 12, seed).mean(0).argmax(-1).numpy()

    def scikit_learn(seed: int) -> Any:
        return (peers.sklearn_teachers(problem, Schedule.ENSEMBLE, 12, seed) > 0).astype(int)

    def with_jax(seed: int) -> Any:
        logits = peers.jax_networks(
            problem, Schedule.ENSEMBLE, 12, seed, hidden=_BASE.hidden, dropout=_BASE.dropout
        )
        return logits.mean(0).argmax(-1)

    store = Store(tempfile.mkdtemp())
    with Engine(store) as engine:
        engine.wait_ready(60)

        def workers(seed: int) -> Any:
            return _by_workers(engine, store, _BASE.replace(seed=seed))

        # A seed of its own warms everything up: imports, compilation, caches.
        peer_runs = {
            "this project, workers": workers,
            "this project, one process": one_process,
            "torch.func.vmap": vmapped,
            "scikit-learn, no dropout": scikit_learn,
            **({"JAX, compiled": with_jax} if peers.HAS_JAX else {}),
            "notebook loop": notebook_loop,
        }
        rows = _race(peer_runs, say, lambda labels: float(metrics.accuracy(labels, y)))
    by_name = {row[""]: row for row in rows}
    ours, loop = by_name["this project, workers"], by_name["notebook loop"]
    lost = float(loop["percent"]) - float(ours["percent"])
    claims = [
        Claim(
            f"At least 20 times as fast as the notebook loop ({float(ours['times']):.1f}).",
            float(ours["times"]) >= 20,
        ),
        Claim(f"Accuracy not lower by more than 0.2 points ({-lost:+.2f}).", lost <= 0.2 + 1e-9),
    ]
    if peers.HAS_JAX:
        ratio = float(by_name["JAX, compiled"]["seconds"]) / float(ours["seconds"])
        claims.append(
            Claim(f"No slower than warm compiled JAX ({ratio:.2f} times as fast).", ratio >= 1)
        )
    return Outcome(
        f"12 teachers on the tutorial's data, {N_SEEDS} seeds: median seconds, times as fast as "
        "the notebook loop, mean test accuracy in percent.\nThe loop has the tutorial's schedule, "
        "all others the project's. Sgemm on this machine: "
        f"{sgemm_rate(1):.0f} GFLOP/s with one thread, {sgemm_rate(2):.0f} with two.",
        rows,
        claims,
    )


def student(say: Say) -> Outcome:
    """One student of width 64: this project, which trains its twin too, beside the peers."""
    problem = load_problem(_BASE.problem)
    teachers = training.fit_ensemble(_BASE, problem.X_train, problem.y_train)
    train_logits = teachers.logits(problem.X_train)
    whole = teachers.logits(problem.X_test).mean(0).argmax(-1).numpy()

    def pair(seed: int) -> Any:
        spec = StudentSpec(ensemble=_BASE, seed=seed)
        stack = training.fit_students(
            [spec, spec.twin()], problem.X_train, problem.y_train, train_logits
        )
        return stack.logits(problem.X_test)[0].argmax(-1).numpy()

    def alone(seed: int) -> Any:
        spec = StudentSpec(ensemble=_BASE, seed=seed)
        stack = training.fit_students([spec], problem.X_train, problem.y_train, train_logits)
        return stack.logits(problem.X_test)[0].argmax(-1).numpy()

    def notebook_loop(seed: int) -> Any:
        network = notebook.train_student(
            problem.X_train, problem.y_train, train_logits.mean(0), seed=seed
        )
        return network(problem.X_test).argmax(-1).numpy()

    def scikit_learn(seed: int) -> Any:
        return peers.sklearn_student(problem, Schedule.STUDENT, seed)

    def with_jax(seed: int) -> Any:
        logits = peers.jax_networks(
            problem,
            Schedule.STUDENT,
            1,
            seed,
            hidden=(64, 32),
            targets=soft_targets(train_logits, 3.0),
            temperature=3.0,
            alpha=0.7,
        )
        return logits[0].argmax(-1)

    runs = {
        "this project, student alone": alone,
        "this project, student and twin": pair,
        "scikit-learn, hard labels": scikit_learn,
        **({"JAX, compiled": with_jax} if peers.HAS_JAX else {}),
        "notebook loop": notebook_loop,
    }
    rows = _race(runs, say, lambda labels: float(metrics.agreement(labels, whole)))
    by_name = {row[""]: row for row in rows}
    ours, loop = by_name["this project, student alone"], by_name["notebook loop"]
    other = float(by_name["scikit-learn, hard labels"]["seconds"]) / float(ours["seconds"])
    gained = float(ours["percent"]) - float(loop["percent"])
    return Outcome(
        f"One student, width 64, {N_SEEDS} seeds: median seconds, times as fast as the notebook "
        "loop, mean agreement with the ensemble in percent.\nThe loop has the tutorial's schedule, "
        "all others the project's.",
        rows,
        [
            Claim(
                f"At least 40 times as fast as the notebook loop ({float(ours['times']):.1f}).",
                float(ours["times"]) >= 40,
            ),
            Claim(f"Agreement not lower ({gained:+.2f} points).", gained >= 0),
            Claim(
                f"Faster than scikit-learn at the same number of steps ({other:.2f} times).",
                other > 1,
            ),
        ],
    )


def sweep(say: Say) -> Outcome:
    """Students per second when 1, 8, 64 or 512 are stacked, and their share of the sgemm rate."""
    problem = load_problem(_BASE.problem)
    logits = torch.randn(1, len(problem.X_train), 2, generator=torch.Generator().manual_seed(0))
    rate = sgemm_rate(1)
    rows: list[Row] = []
    for k in (1, 8, 64, 512):
        say(f"{k} students")
        specs = [StudentSpec(ensemble=_BASE, seed=seed) for seed in range(k)]
        fit = functools.partial(
            training.fit_students, specs, problem.X_train, problem.y_train, logits
        )
        seconds = statistics.median(_timed(fit) for _ in range(5 if k < 100 else 1))
        done = k * _flop(specs[0], problem) / seconds / 1e9
        rows.append(
            {
                "": f"{k} stacked",
                "seconds": seconds,
                "students / s": k / seconds,
                "GFLOP/s": done,
                "share of sgemm": done / rate,
            }
        )
    share = float(rows[2]["share of sgemm"])
    return Outcome(
        f"Students of width 64 on one thread; sgemm on the same thread: {rate:.0f} GFLOP/s. Only "
        "the multiplications of forward and backward pass are counted.",
        rows,
        [Claim(f"64 stacked use at least half of the sgemm rate ({share:.2f}).", share >= 0.5)],
    )


def sgemm_rate(n_threads: int) -> float:
    """Return what torch's own large matrix product reaches here, in GFLOP/s."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    a, b = torch.randn(1536, 1536), torch.randn(1536, 1536)
    out = torch.empty(1536, 1536)
    seconds = min(_timed(lambda: torch.mm(a, b, out=out)) for _ in range(12))
    torch.set_num_threads(before)
    return 2 * 1536**3 / seconds / 1e9


def _race(
    runs: Mapping[str, Callable[[int], Any]], say: Say, score: Callable[[Any], float]
) -> list[Row]:
    """Run everybody for every seed in turn, so that a slower minute hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    percents: dict[str, list[float]] = {name: [] for name in runs}
    for name, run in runs.items():
        if name != "notebook loop":
            run(999)
    for seed in range(N_SEEDS):
        for name, run in runs.items():
            began = time.perf_counter()
            answer = run(seed)
            seconds[name].append(time.perf_counter() - began)
            percents[name].append(100 * score(answer))
            say(f"seed {seed}, {name}: {seconds[name][-1]:.3f} s, {percents[name][-1]:.1f}%")
    loop = statistics.median(seconds["notebook loop"])
    return [
        {
            "": name,
            "seconds": statistics.median(seconds[name]),
            "times": loop / statistics.median(seconds[name]),
            "percent": statistics.fmean(percents[name]),
        }
        for name in runs
    ]


def _by_workers(engine: Engine, store: Store, spec: EnsembleSpec) -> Any:
    """Train an ensemble as the app does, storing included; return test labels."""
    waiting = [
        engine.request("benchmark", jobs.ensemble_part, part, kind="ensemble-part", slot=str(part))
        for part in spec.parts
    ]
    _finished(waiting)
    _finished([engine.request("benchmark", jobs.ensemble, spec, kind="ensemble")])
    artifact = store.get("ensemble", spec.digest)
    assert artifact is not None
    return artifact.arrays["test_logits"].mean(0).argmax(-1)


def _finished(waiting: Iterable[Any]) -> None:
    for job in waiting:
        if not job.wait(600) or job.state != "done":
            raise RuntimeError(f"A job did not come to its end: {job!r}, {job.error}")


def _flop(spec: StudentSpec, problem: Problem) -> float:
    """Return the multiplications and additions of one training, biases left out."""
    sizes = (problem.X_train.shape[1], *spec.hidden, 2)
    weights = n_parameters(sizes) - sum(sizes[1:])
    # Forward, gradient of the weights, gradient of the inputs except the first layer's.
    per_sample = 2 * (3 * weights - sizes[0] * sizes[1])
    return float(per_sample * len(problem.X_train) * spec.schedule.epochs)


def _timed(function: Callable[[], Tensor | Stack]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began
