"""Jobs for the tests of the engine, where every worker can import them."""

import os
import signal
import time

import numpy as np

from distill_core.specs import SpecError


def loop(spec, store, report):
    """Report every millisecond, 10 times per epoch."""
    steps = 10 * spec.schedule.epochs
    report(0, steps, {"pid": np.array([os.getpid()])})
    for step in range(1, steps + 1):
        time.sleep(0.001)
        report(step, steps, {"square": np.array([step**2])} if step % 25 == 0 else None)
    store.put("loop", spec.digest, {"pid": np.array([os.getpid()])})


def linger(spec, store, report):
    """Go on for ten minutes."""
    lingering.append(spec)
    try:
        report(0, 600_000, {"pid": np.array([os.getpid()])})
        for step in range(600_000):
            time.sleep(0.001)
            report(step, 600_000)
    finally:
        lingering.remove(spec)


lingering = []


def n_lingering():
    """Return how many such jobs are at work in this process."""
    return len(lingering)


def train(spec, store, report):
    """Train a real student on what the store has, and put its weights."""
    import torch

    from distill_core.learning.training import fit_students

    logits = torch.from_numpy(store.get("teachers", spec.ensemble.digest).arrays["logits"])
    X = torch.linspace(-2, 2, 2 * logits.shape[1]).view(-1, 2)
    stack = fit_students(
        [spec, spec.twin()],
        X,
        torch.arange(len(X)) % 2,
        logits,
        on_step=lambda done, total, _: report(done, total),
    )
    store.put("weights", spec.digest, stack.to_arrays(), {"k": stack.k})


def hang(spec, store, report):
    """Report once and never again, whatever is asked."""
    report(0, 1)
    time.sleep(600)


def note(spec, store, report):
    """Put something at once."""
    store.put("note", spec.digest, {"pid": np.array([os.getpid()])})


def tally(spec, store, report):
    """Note each time that it is run, take a moment, put something."""
    with (store.root / "ran").open("a") as file:
        file.write(f"{spec.digest}\n")
    time.sleep(0.2)
    store.put("tally", spec.digest, {"pid": np.array([os.getpid()])})


def litter(spec, store, report):
    """Leave 100 MB that are free, below something that is not."""
    pieces = [bytearray(b"x" * 100_000) for _ in range(1000)]
    kept.append(pieces[-1])
    store.put("litter", spec.digest, {"pid": np.array([os.getpid()])})


kept = []


def die(spec, store, report):
    """Take the worker along."""
    report(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def diverge(spec, store, report):
    from distill_core.learning.training import TrainingDivergedError

    raise TrainingDivergedError("A weight is no longer a finite number.")


def misfit(spec, store, report):
    raise SpecError("width should be less, got more.")


def divide(spec, store, report):
    1 / 0  # noqa: B018


def leave(spec, store, report):
    raise SystemExit(3)


def forget(spec, store, report):
    """Put nothing."""


def nowhere(spec, store, report):
    """Look like a function that workers cannot import."""


loop.kind, note.kind, train.kind, hang.kind = "loop", "note", "weights", "hung"
litter.kind, tally.kind = "litter", "tally"
for job in (linger, die, diverge, misfit, divide, leave, forget, nowhere):
    job.kind = "thing"
nowhere.__module__ = "tests.gone"
