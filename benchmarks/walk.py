"""One visitor who looks for a moment and moves on: how often the next setting is there already."""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import Claim, Outcome
from benchmarks.browser import Move, playground
from benchmarks.latency import ALPHA, TEMPERATURE, WIDTH
from benchmarks.racing import Say
from distill_core.specs import ALPHAS, TEMPERATURES, WIDTHS, StudentSpec

_STOPS = {WIDTH: WIDTHS, TEMPERATURE: TEMPERATURES, ALPHA: ALPHAS}
_START = {
    WIDTH: WIDTHS.index(StudentSpec().width),
    TEMPERATURE: TEMPERATURES.index(StudentSpec().temperature),
    ALPHA: ALPHAS.index(StudentSpec().alpha),
}
# Data of its own, and seconds from one move to the next.
_PATH, _BETWEEN = "/?data=moons&seed=11", 1.5
N_MOVES, P50_MS, P95_MS = 60, 60, 200
# How often a hand stays at its slider, goes on in its direction, and takes two stops.
_STAYS, _GOES_ON, _TWO = 0.7, 0.8, 0.4

Step = tuple[str, int]  # a slider, and by how many stops


def plan(n_moves: int = N_MOVES, seed: int = 0) -> list[Step]:
    """Return a walk of one or two stops at a time that never comes back to a setting."""
    rng = np.random.default_rng(seed)
    at = dict(_START)
    seen = {tuple(at.values())}
    walk: list[Step] = []
    slider, way = WIDTH, -1
    while len(walk) < n_moves:
        if rng.random() > _STAYS:
            slider = str(rng.choice(list(_STOPS)))
        if rng.random() > _GOES_ON:
            way = -way
        offset = way * (2 if rng.random() < _TWO else 1)
        after = {**at, slider: at[slider] + offset}
        if not 0 <= after[slider] < len(_STOPS[slider]) or tuple(after.values()) in seen:
            slider, way = str(rng.choice(list(_STOPS))), int(rng.choice([-1, 1]))
            continue
        at = after
        seen.add(tuple(at.values()))
        walk.append((slider, offset))
    return walk


def run(say: Say, n_moves: int = N_MOVES) -> Outcome:
    """Walk on data that nobody has seen; every setting is new to the visitor."""
    moves: list[Move] = []
    known = 0
    with tempfile.TemporaryDirectory() as folder, playground(Path(folder)) as page:
        page.open(_PATH)
        for slider, offset in plan(n_moves):
            next_at = time.monotonic() + _BETWEEN
            stored = {path.stem for path in Path(folder).glob("picture/*/*.json")}
            key = "ArrowRight" if offset > 0 else "ArrowLeft"
            move = page.press(slider, *[key] * abs(offset))
            was_there = move.student in stored
            known += was_there
            moves.append(move)
            how = "trained ahead" if was_there else "new"
            say(f"{slider}, {offset:+d}: {move.milliseconds:.0f} ms, {how}")
            time.sleep(max(0.0, next_at - time.monotonic()))
    return summary(moves, known)


def summary(moves: list[Move], known: int) -> Outcome:
    """Return quantiles and claims; `known` pictures were in the store before the key."""
    took = [move.milliseconds for move in moves]
    p50, p95 = (float(np.quantile(took, share)) for share in (0.5, 0.95))
    return Outcome(
        f"Control to paint in Chromium, one visitor on data never seen before, one or two stops "
        f"at a time and {_BETWEEN:g} s from move to move: milliseconds from the last key press to "
        "the frame after the boundary is painted. Trained ahead: the picture was stored before "
        "the key.",
        [{"moves": len(moves), "trained ahead": known, "p50 ms": p50, "p95 ms": p95}],
        [
            Claim(f"p50 under {P50_MS} ms ({p50:.0f}).", p50 < P50_MS),
            Claim(f"p95 under {P95_MS} ms ({p95:.0f}).", p95 < P95_MS),
        ],
    )
