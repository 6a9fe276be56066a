"""Everybody in turn, each with its best number of threads; and the machine's own limit."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import threadpoolctl  # type: ignore[import-untyped]
import torch

Say = Callable[[str], None]
Row = dict[str, str | float]

# A seed of its own for warming up: imports, compilation, caches, the choice of threads.
_WARM_UP = 999


@dataclass(frozen=True)
class Runner:
    """One way to do the work.

    Parameters
    ----------
    run : callable
        A seed to the answers that are scored, or to None.
    threads : sequence of int
        Numbers of threads to choose the fastest from; none if it sees to that itself.
    share : float
        What part of the work a run does; its seconds are divided by it.
    """

    run: Callable[[int], Any]
    threads: Sequence[int] = ()
    share: float = 1.0


def race(
    runners: Mapping[str, Runner],
    seeds: Sequence[int],
    say: Say,
    score: Callable[[Any], float],
    *,
    reference: str,
) -> dict[str, Row]:
    """Run everybody for every seed in turn, so that a slower minute hits all alike.

    Returns
    -------
    dict of str to row
        Median seconds, how many times as fast as the runner `reference` (the median of the
        ratios within a seed), mean score in percent, the number of threads.
    """
    threads = {name: _fastest(name, runner, say) for name, runner in runners.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    percents: dict[str, list[float]] = {name: [] for name in runners}
    for seed in seeds:
        for name, runner in runners.items():
            answer, taken = _timed(runner, seed, threads[name])
            seconds[name].append(taken)
            if answer is not None:
                percents[name].append(100 * score(answer))
            say(f"seed {seed}, {name}: {taken:.3f} s")
    return {
        name: {
            "": name,
            "threads": str(threads[name] or "its own"),
            "seconds": statistics.median(seconds[name]),
            "times": statistics.median(
                r / s for r, s in zip(seconds[reference], seconds[name], strict=True)
            ),
            "percent": statistics.fmean(percents[name]) if percents[name] else "-",
        }
        for name in runners
    }


def sgemm_rate(n_threads: int) -> float:
    """Return what torch's own large matrix product reaches here, in GFLOP/s."""
    size = 1536
    a, b, out = (torch.randn(size, size) for _ in range(3))
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    seconds = []
    for _ in range(8):
        began = time.perf_counter()
        torch.mm(a, b, out=out)
        seconds.append(time.perf_counter() - began)
    torch.set_num_threads(before)
    return 2 * size**3 / min(seconds) / 1e9


def _fastest(name: str, runner: Runner, say: Say) -> int | None:
    """Warm a runner up and return the number of threads it is fastest with."""
    taken: dict[int | None, float] = {}
    choices: Sequence[int | None] = runner.threads or (None,)
    for n_threads in choices:
        # The first short run pays for what later ones find ready.
        for _ in range(2):
            taken[n_threads] = _timed(runner, _WARM_UP, n_threads)[1]
            if taken[n_threads] > 1:
                break
        say(f"warm-up, {name}, {n_threads or 'its own'} threads: {taken[n_threads]:.3f} s")
    return min(taken, key=lambda n_threads: taken[n_threads])


def _timed(runner: Runner, seed: int, n_threads: int | None) -> tuple[Any, float]:
    before = torch.get_num_threads()
    with threadpoolctl.threadpool_limits(n_threads):
        torch.set_num_threads(n_threads or before)
        began = time.perf_counter()
        answer = runner.run(seed)
        taken = (time.perf_counter() - began) / runner.share
    torch.set_num_threads(before)
    return answer, taken
