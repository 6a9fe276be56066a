"""What an answer costs on this machine: time, throughput, memory, measured while somebody waits.

A time is no function of a spec: it is measured whenever it is looked at, and the store never has
it. All models of `contenders` run in this process on one thread, one after another.
"""

import contextlib
import math
import os
import platform
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from distill_core.specs import SpecError
from distill_core.studies.contenders import BATCHES, Contender

# Seconds that one measurement takes, and calls that it needs at least; calls before it.
_SECONDS, _FEWEST, _N_WARM = 0.1, 15, 5


@dataclass(frozen=True)
class Cost:
    """What was measured of a contender.

    Seconds of a call, `median` and 95th percentile `p95`, in the order of `BATCHES`; `memory` is
    the most bytes that a call with the larger batch holds at once, beside model and inputs.
    """

    model: str
    form: str
    median: tuple[float, ...]
    p95: tuple[float, ...]
    memory: int
    bytes: int | None = None

    @property
    def throughput(self) -> float:
        """Rows answered in a second, in large batches."""
        return BATCHES[-1] / self.median[-1]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        times = {
            f"{name}_seconds_{n}": values[i]
            for name, values in (("median", self.median), ("p95", self.p95))
            for i, n in enumerate(BATCHES)
        }
        own = {"memory": self.memory, "bytes": self.bytes, "throughput": self.throughput}
        return {"model": self.model, "form": self.form, **times, **own}


def measure(contender: Contender) -> Cost:
    """Return what a contender costs here and now; takes about a third of a second."""
    median, p95 = zip(
        *(measure_seconds(contender.predict, contender.X[:n]) for n in BATCHES), strict=True
    )
    memory = measure_memory(contender.predict, contender.X)
    return Cost(contender.model, contender.form, median, p95, memory, contender.bytes)


def measure_seconds(
    predict: Callable[[Any], Any], X: Any, seconds: float = _SECONDS
) -> tuple[float, float]:
    """Return the median and the 95th percentile of the seconds that a call takes, on one thread.

    Calls are timed one by one, for so many seconds and at least 15 times, after a few that count
    for nothing.
    """
    taken: list[float] = []
    with one_thread():
        for _ in range(_N_WARM):
            predict(X)
        end = time.perf_counter() + seconds
        while len(taken) < _FEWEST or time.perf_counter() < end:
            began = time.perf_counter()
            predict(X)
            taken.append(time.perf_counter() - began)
    return float(np.median(taken)), float(np.quantile(taken, 0.95))


def measure_memory(predict: Callable[[Any], Any], X: Any) -> int:
    """Return the most bytes that a call holds at once, in tensors or in NumPy's arrays."""
    with one_thread():
        if isinstance(X, Tensor):
            with _TensorBytes() as tensors:
                predict(X)
            return tensors.most
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            predict(X)
            # Python's own objects are traced too; they are small beside a thousand rows.
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Have torch use one thread, as NumPy's products do everywhere here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe_machine() -> str:
    """Say on what was measured, and with how many threads."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((x.partition(":")[2].strip() for x in lines if x[:10] == "model name"), name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{name}, {cores} core{'' if cores == 1 else 's'}, {platform.system()}; torch "
        f"{torch.__version__}, Python {platform.python_version()}; one process, one thread"
    )


def read_price(text: str) -> float:
    """Return the price of an hour of a machine that a text says.

    Raises
    ------
    SpecError
        When it is no number above 0, or too large to be one.
    """
    shown = text.strip()[:40]
    try:
        price = float(text.strip().replace(",", ".", 1))
    except ValueError:
        price = math.nan
    if not 0 < price <= 1e6:
        raise SpecError(
            "The price of an hour should be a number above 0 and up to 1,000,000, such as 0.10; "
            f"got {shown!r}."
        )
    return price


def to_json(measured: Sequence[Cost], price: float | None = None) -> list[dict[str, Any]]:
    """Return what was measured as plain JSON values, with the price of a million answers."""
    return [
        cost.to_json() | ({} if price is None else {"price": price_per_million(cost, price)})
        for cost in measured
    ]


def price_per_million(cost: Cost, price: float) -> float:
    """Return what a million answers cost, in large batches, at a price for an hour."""
    return price / 3600 * 1e6 / cost.throughput


def find_fastest(measured: Sequence[Cost]) -> dict[str, Cost]:
    """Return by model the form with full precision that is faster in large batches."""
    found: dict[str, Cost] = {}
    for cost in measured:
        known = found.get(cost.model)
        if cost.form != "int8" and (known is None or cost.median[-1] < known.median[-1]):
            found[cost.model] = cost
    return found


def compare_times(measured: Sequence[Cost]) -> tuple[float, ...] | None:
    """Return how many times faster the student is than the ensemble, for each of `BATCHES`.

    The ensemble is taken in the form that is faster in each. None while one is not measured.
    """
    of: dict[str, list[tuple[float, ...]]] = {}
    for cost in measured:
        if cost.form != "int8":
            of.setdefault(cost.model, []).append(cost.median)
    if not {"student", "ensemble"} <= set(of):
        return None
    own, whole = (np.min(of[model], axis=0) for model in ("student", "ensemble"))
    return tuple(float(ratio) for ratio in whole / own)


def format_times(ratio: float) -> str:
    """Return how many times faster something is, no more precise than it is known."""
    return f"{ratio:.2g} times" if ratio < 10 else f"{ratio:,.0f} times"


class _TensorBytes(TorchFunctionMode):
    """Counts the bytes of the tensors that calls return while they live; remembers the most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Inputs and weights are there before; what shares their memory is not new.
        for given in tree_leaves((args, kwargs)):
            if isinstance(given, Tensor):
                self._known.add(given.untyped_storage()._cdata)
        out = func(*args, **(kwargs or {}))
        for made in tree_leaves(out):
            if isinstance(made, Tensor):
                self._count(made.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self._known:
            return
        self._known.add(storage._cdata)
        self.now += storage.nbytes()
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, storage._cdata, storage.nbytes())

    def _forget(self, key: int, n: int) -> None:
        self._known.discard(key)
        self.now -= n
