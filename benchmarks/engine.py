"""How long the engine itself takes: to stop a job, to wake a visitor, to report."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import Claim, Outcome
from distill_core.engine import Engine, Job
from distill_core.engine.worker import Report
from distill_core.specs import Spec, StudentSpec
from distill_core.store import Store

TRIES = 24
# Seconds: until a setting that replaces another is at work; from the end of a job until its
# visitor knows; of one report with nothing to send.
BEGINS, WOKEN, REPORT = 0.25, 0.005, 2e-6
_PATIENCE = 30.0


def linger(spec: Spec, store: Store, report: Report) -> None:
    """Go on for a minute, as a long training that reports each step."""
    for step in range(60_000):
        report(step, 60_000, {"step": np.array([step])} if step == 0 else None)
        time.sleep(0.001)


def note(spec: Spec, store: Store, report: Report) -> None:
    """Put the time at which it began; as the very last thing, write the time to a file."""
    store.put("note", spec.digest, {"began": np.array([time.monotonic()])})
    (store.root / "last").write_text(repr(time.monotonic()))


def cost(spec: Spec, store: Store, report: Report) -> None:
    """Put what a report costs when there is nothing to send, in seconds."""
    best = np.inf
    for _ in range(20):
        start = time.perf_counter()
        for step in range(5000):
            report(step, 5000)
        best = min(best, (time.perf_counter() - start) / 5000)
    store.put("cost", spec.digest, {"seconds": np.array([best])})


# The kinds of artifacts that these jobs put, as the engine wants to know them.
for _job in (linger, note, cost):
    _job.kind = _job.__name__  # type: ignore[attr-defined]


def run(say: Callable[[str], None]) -> Outcome:
    """Measure on one worker, with real processes."""
    begins, woken = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        with Engine(store, n_workers=1) as engine:
            engine.wait_ready(_PATIENCE)
            for seed in range(TRIES):
                long = _request(engine, linger, seed)
                long.wait_snapshot(_PATIENCE)
                asked = time.monotonic()
                _finish(_request(engine, note, seed))
                woken.append(time.monotonic() - float((store.root / "last").read_text()))
                found = store.get("note", StudentSpec(seed=seed).digest)
                assert found is not None
                begins.append(float(found.arrays["began"][0]) - asked)
                say(f"begins {1e3 * begins[-1]:.1f} ms, woken {1e3 * woken[-1]:.2f} ms")
            _finish(_request(engine, cost, 0))
        found = store.get("cost", StudentSpec(seed=0).digest)
        assert found is not None
        seconds = float(found.arrays["seconds"][0])
    rows: list[dict[str, str | float]] = [
        _row("a setting begins in place of another", begins),
        _row("a visitor knows that a job has ended", woken),
        {"": "one report with nothing to send", "p50 ms": 1e3 * seconds, "p95 ms": 1e3 * seconds},
    ]
    p95, quarter = np.quantile(begins, 0.95), np.quantile(woken, 0.25)
    return Outcome(
        f"The engine, one worker process, {TRIES} tries; of reports the best of 20 times 5,000.",
        rows,
        [
            Claim(
                f"Stopped and replaced within {1e3 * BEGINS:.0f} ms ({1e3 * p95:.0f}, p95).",
                bool(p95 < BEGINS),
            ),
            # The lower quarter: other work on the machine delays some.
            Claim(
                f"Woken within {1e3 * WOKEN:.0f} ms ({1e3 * quarter:.2f}, lower quartile).",
                bool(quarter < WOKEN),
            ),
            Claim(
                f"A report under {1e6 * REPORT:.0f} microseconds ({1e6 * seconds:.2f}).",
                seconds < REPORT,
            ),
        ],
    )


def _request(engine: Engine, job: Callable[..., None], seed: int) -> Job:
    asked = engine.request("a visitor", job, StudentSpec(seed=seed), slot="student")  # type: ignore[arg-type]
    assert isinstance(asked, Job)
    return asked


def _finish(job: Job) -> None:
    if not job.wait(_PATIENCE) or job.error is not None:
        raise RuntimeError(f"{job} did not come to its end: {job.error}")


def _row(name: str, seconds: list[float]) -> dict[str, str | float]:
    quantiles = {f"p{p} ms": 1e3 * float(np.quantile(seconds, p / 100)) for p in (50, 95)}
    return {"": name, **quantiles}
