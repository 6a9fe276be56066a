"""The two sources of chance apart: seeds alone, and how many seeds or rows a claim would need."""

import math
from collections.abc import Mapping
from typing import Any

from distill_core.studies.study import Band

# Times as many as there are: what lies beyond is no help to anybody.
_MOST = 100


def estimate_needed(found: Band, margin: float) -> tuple[int | None, int | None]:
    """Return how many seeds, or how many test rows, would bring an interval within a margin.

    Half the interval's length, squared, is taken as `a / n_seeds + b / n_rows`, with the first
    part from the interval of seeds alone. It is an estimate from the very figures that were
    undecided, and itself as uncertain as they are.

    Parameters
    ----------
    found : Band
        With `n_rows`, `seeds_low` and `seeds_high`, as `study.cross_band` gives it.
    margin : float
        How far the nearer limit lies from the mean, in the units of the band.

    Returns
    -------
    seeds, rows : int or None
        With the other as it is; None where that one alone cannot do it, or would need more
        than a hundred times as many.
    """
    if margin <= 0 or found["low"] is None or found.get("seeds_low") is None:
        return None, None
    half = (found["high"] - found["low"]) / 2
    seeds = min((found["seeds_high"] - found["seeds_low"]) / 2, half) ** 2
    rows = half**2 - seeds
    return (
        _scale(found["n"], seeds, margin**2 - rows),
        _scale(found["n_rows"], rows, margin**2 - seeds),
    )


def describe_needed(found: Band, margin: float, unit: str = "seeds") -> str:
    """Return `estimate_needed` in words, such as "about 40 seeds or 3,000 test rows"."""
    seeds, rows = estimate_needed(found, margin)
    wanted = ((seeds, unit), (rows, "test rows"))
    said = [f"{_round(n):,} {what}" for n, what in wanted if n is not None]
    if said:
        return f"about {' or '.join(said)}"
    return f"both more {unit} and more test rows"


def keep_seeds_alone(summary: Any) -> Any:
    """Return a summary whose intervals speak of other seeds on these very rows, where it has those.

    `beyond_noise` follows. Bands without such an interval, and all else, stay as they are.
    """
    if isinstance(summary, list | tuple):
        return [keep_seeds_alone(part) for part in summary]
    if not isinstance(summary, Mapping):
        return summary
    found = {name: keep_seeds_alone(part) for name, part in summary.items()}
    if found.get("seeds_low") is None:
        return found
    low, high = found["seeds_low"], found["seeds_high"]
    beyond = {"beyond_noise": low > 0 or high < 0} if "beyond_noise" in found else {}
    return {**found, "low": low, "high": high, **beyond}


def _scale(n: int, variance: float, allowed: float) -> int | None:
    if allowed <= 0:
        return None
    needed = max(math.ceil(n * variance / allowed), n + 1)
    return needed if needed <= _MOST * n else None


def _round(n: int) -> int:
    """Return a number with two digits that count; no more is known."""
    size = 10 ** max(0, len(str(n)) - 2)
    return math.ceil(n / size) * size
