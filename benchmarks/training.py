"""How fast ensembles, single students and many students are trained, beside their peers."""

import functools
import tempfile
import time
from collections.abc import Iterable
from typing import Any

import torch

from benchmarks import Claim, Outcome, notebook, peers
from benchmarks.racing import Row, Runner, Say, race, sgemm_rate
from distill_core import jobs
from distill_core.engine import Engine
from distill_core.geometry.problems import Problem, load_problem
from distill_core.learning import training
from distill_core.learning.losses import soft_targets
from distill_core.learning.networks import n_parameters
from distill_core.measures import metrics
from distill_core.specs import EnsembleSpec, ProblemSpec, Schedule, StudentSpec
from distill_core.store import Store

N_SEEDS = 5
# The loop trains one teacher after another, so two of the twelve tell its time.
N_TIMED = 2
_BASE = EnsembleSpec(problem=ProblemSpec(plane=None))
_LOOP = "notebook loop"
_OURS = "this project, workers"
_SAME = "this project, tutorial's schedule"
_JAX = "JAX, compiled"


def ensemble(say: Say) -> Outcome:
    """Twelve teachers: this project beside the notebook loop, vmap, scikit-learn and JAX."""
    problem = load_problem(_BASE.problem)
    y = problem.y_test.numpy()
    store = Store(tempfile.mkdtemp())
    with jobs.start_engine(store) as engine:
        engine.wait_ready(60)

        def workers(seed: int) -> Any:
            return _by_workers(engine, store, _BASE.replace(seed=seed))

        def tutorials_schedule(seed: int) -> Any:
            spec = _BASE.replace(seed=seed, schedule=Schedule.TUTORIAL_ENSEMBLE)
            return _by_workers(engine, store, spec)

        runners = {
            _OURS: Runner(workers),
            _SAME: Runner(tutorials_schedule),
            **_teacher_peers(problem),
        }
        rows = race(
            runners,
            range(N_SEEDS),
            say,
            lambda labels: float(metrics.accuracy(labels, y)),
            reference=_LOOP,
        )
    # Tests hold the stacked training equal to separate networks.
    rows[_LOOP]["percent"] = rows[_SAME]["percent"]
    times, lost = float(rows[_OURS]["times"]), _behind(rows, _LOOP, _OURS)
    claims = [
        Claim(f"At least 20 times as fast as the notebook loop ({times:.1f}).", times >= 20),
        Claim(f"Accuracy not lower by more than 0.2 points ({-lost:+.2f}).", lost <= 0.2 + 1e-9),
    ]
    if peers.HAS_JAX:
        ratio = float(rows[_JAX]["seconds"]) / float(rows[_OURS]["seconds"])
        claims.append(
            Claim(f"No slower than warm compiled JAX ({ratio:.2f} times as fast).", ratio >= 1)
        )
    return Outcome(
        f"12 teachers on the tutorial's data, {N_SEEDS} seeds: median seconds, times as fast as "
        "the notebook loop, mean test accuracy in percent.\nThe loop has the tutorial's schedule; "
        f"it is timed on {N_TIMED} of its 12 teachers, which it trains one after another, and its "
        "accuracy is that of the\nstacked training with its schedule. All others have the "
        "project's schedule. Workers are two processes with one thread each.\n"
        f"Sgemm on this machine: {sgemm_rate(1):.0f} GFLOP/s with one thread, "
        f"{sgemm_rate(2):.0f} with two.",
        list(rows.values()),
        claims,
    )


def _teacher_peers(problem: Problem) -> dict[str, Runner]:
    """Return the ways to train twelve teachers in this process."""

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

    def loop(seed: int) -> None:
        notebook.train_teachers(problem.X_train, problem.y_train, n_members=N_TIMED, seed=seed)

    return {
        "this project, one process": Runner(one_process, [1]),
        "torch.func.vmap": Runner(vmapped, [1, 2]),
        "scikit-learn, no dropout": Runner(scikit_learn, [1, 2]),
        **({_JAX: Runner(with_jax)} if peers.HAS_JAX else {}),
        _LOOP: Runner(loop, [1, 2], share=N_TIMED / _BASE.n_members),
    }


def student(say: Say) -> Outcome:
    """One student of width 64, alone and with the twin the project trains, beside the peers."""
    problem = load_problem(_BASE.problem)
    teachers = training.fit_ensemble(_BASE, problem.X_train, problem.y_train)
    train_logits = teachers.logits(problem.X_train)
    whole = teachers.logits(problem.X_test).mean(0).argmax(-1).numpy()

    def ours(seed: int, *, twin: bool) -> Any:
        spec = StudentSpec(ensemble=_BASE, seed=seed)
        specs = [spec, spec.twin()] if twin else [spec]
        stack = training.fit_students(specs, problem.X_train, problem.y_train, train_logits)
        return stack.logits(problem.X_test)[0].argmax(-1).numpy()

    def loop(seed: int) -> Any:
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

    alone, pair, hard = "this project, student alone", "this project, with twin", "scikit-learn"
    rows = race(
        {
            alone: Runner(functools.partial(ours, twin=False), [1]),
            pair: Runner(functools.partial(ours, twin=True), [1]),
            hard: Runner(scikit_learn, [1, 2]),
            **({_JAX: Runner(with_jax)} if peers.HAS_JAX else {}),
            _LOOP: Runner(loop, [1, 2]),
        },
        range(N_SEEDS),
        say,
        lambda labels: float(metrics.agreement(labels, whole)),
        reference=_LOOP,
    )
    times, gained = float(rows[alone]["times"]), -_behind(rows, _LOOP, alone)
    other = float(rows[hard]["seconds"]) / float(rows[alone]["seconds"])
    cost = float(rows[pair]["seconds"]) / float(rows[alone]["seconds"])
    return Outcome(
        f"One student, width 64, {N_SEEDS} seeds: median seconds, times as fast as the notebook "
        "loop, mean agreement with the ensemble in percent.\nThe loop has the tutorial's schedule, "
        "all others the project's; scikit-learn learns from labels alone.\n"
        f"The twin beside it makes a student cost {cost:.2f} times as much.",
        list(rows.values()),
        [
            Claim(f"At least 40 times as fast as the notebook loop ({times:.1f}).", times >= 40),
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
    rates: list[float] = []

    def seconds(k: int) -> float:
        say(f"{k} students")
        specs = [StudentSpec(ensemble=_BASE, seed=seed) for seed in range(k)]
        rates.append(sgemm_rate(1))
        began = time.process_time()
        training.fit_students(specs, problem.X_train, problem.y_train, logits)
        return time.process_time() - began

    # The best of several: the limit is what the machine can do, not what it does on average.
    best = {k: min(seconds(k) for _ in range(n)) for k, n in ((1, 9), (8, 9), (64, 5), (512, 1))}
    rate, flop = max(rates), _flop(StudentSpec(ensemble=_BASE), problem) / 1e9
    rows: dict[int, Row] = {
        k: {
            "": f"{k} stacked",
            "seconds": taken,
            "students / s": k / taken,
            "GFLOP/s": k * flop / taken,
            "share of sgemm": k * flop / taken / rate,
        }
        for k, taken in best.items()
    }
    share = float(rows[64]["share of sgemm"])
    return Outcome(
        "Students of width 64 on one thread: processor seconds, the best of several runs. Sgemm on "
        f"one thread, between the runs, at its best: {rate:.0f} GFLOP/s.\nOnly the multiplications "
        "and additions of the products in the forward and backward pass are counted.",
        list(rows.values()),
        [Claim(f"64 stacked use at least half of the sgemm rate ({share:.2f}).", share >= 0.5)],
    )


def _behind(rows: dict[str, Row], one: str, other: str) -> float:
    """Return by how many points of percent `other` is behind `one`."""
    return float(rows[one]["percent"]) - float(rows[other]["percent"])


def _by_workers(engine: Engine, store: Store, spec: EnsembleSpec) -> Any:
    """Train an ensemble as the app does, storing included; return test labels."""
    waiting = [
        engine.request("benchmark", jobs.train_ensemble_part, part, slot=str(part))
        for part in spec.parts
    ]
    _finished(waiting)
    _finished([engine.request("benchmark", jobs.train_ensemble, spec)])
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
