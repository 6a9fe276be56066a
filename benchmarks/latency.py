"""From a key on a control to the painted boundary, in Chromium: students and planes."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import Claim, Outcome
from benchmarks.browser import Move, Playground, playground
from benchmarks.racing import Row, Say
from pages.frame.controls.settings import SETTINGS

WIDTH, TEMPERATURE, ALPHA = (SETTINGS[key].label for key in ("width", "T", "alpha"))
# Along the temperatures, back and forth from the default of 3, and after each row one step of
# another slider: no setting comes twice.
_ROWS = ((3, ALPHA), (7, ALPHA), (7, ALPHA), (7, WIDTH), (7, WIDTH))
_STEP = {ALPHA: "ArrowRight", WIDTH: "ArrowLeft"}
WALK: tuple[tuple[str, str], ...] = tuple(
    step
    for row, (length, then) in enumerate(_ROWS)
    for step in (
        *[(TEMPERATURE, "ArrowRight" if row % 2 else "ArrowLeft")] * length,
        (then, _STEP[then]),
    )
)
_BACK = {"ArrowLeft": "ArrowRight", "ArrowRight": "ArrowLeft"}
# Of a student: one that no lesson has.
_SEED = 7
PLANES = 20
COLD_MS, WARM_MS, PLANE_MS, MOST_KB = 250, 100, 300, 30


def run(
    say: Say, walk: Sequence[tuple[str, str]] = WALK, path: str = "", planes: int = PLANES
) -> Outcome:
    """Walk over settings that nobody has trained, back over the same ones, then over planes.

    Parameters
    ----------
    say : callable
        Gets a line per move.
    walk : sequence of (str, str)
        Sliders and keys.
    path : str
        Further settings of the page, such as `&data=moons`.
    planes : int
        How many planes to look at, of which none was seen before.
    """
    # Every setting and plane is one that nothing was trained for.
    alone = {"DISTILL_NEIGHBOURS": "0"}
    with tempfile.TemporaryDirectory() as folder, playground(Path(folder), **alone) as page:
        page.open(f"/?seed={_SEED}{path}")
        wait_until_still(Path(folder))
        page.rest()
        cold, warm = [], []
        for slider, key in walk:
            before = _stored(Path(folder), "picture")
            cold.append(_moved(page, slider, key, say))
            if cold[-1].student in before:
                raise RuntimeError("This setting was trained before; the walk must not meet one.")
        # What the browser remembers of the way there shall not help on the way back.
        page.reopen()
        for slider, key in reversed(walk):
            before = _stored(Path(folder), "picture")
            warm.append(_moved(page, slider, _BACK[key], say))
            if warm[-1].student not in before:
                raise RuntimeError("This setting was not stored; the way back must be known.")
        page.open(f"/?view=all+features&plane=random&pseed=500{path}")
        trained = _stored(Path(folder), "ensemble", "student")
        turned = [_moved(page, SETTINGS["pseed"].label, "ArrowUp", say) for _ in range(planes)]
        if _stored(Path(folder), "ensemble", "student") != trained:
            raise RuntimeError("A plane change has trained something; it must only ask the models.")
    return summary(cold, warm, turned)


def summary(cold: Sequence[Move], warm: Sequence[Move], turned: Sequence[Move]) -> Outcome:
    """Return quantiles and claims of moves to new settings, to stored ones, and to planes."""
    names = "never trained", "from the store", "a plane never seen"
    rows = [_row(*named) for named in zip(names, (cold, warm, turned), strict=True)]
    p95 = [float(row["p95 ms"]) for row in rows]
    largest = max(float(row["largest message KB"]) for row in rows)
    return Outcome(
        "Control to paint in Chromium, one visitor, from rest: milliseconds from the key press to "
        "the frame after the student's boundary is painted, in the browser's own clock; 50th and "
        "95th percentile over the moves. Whole: until the fields are drawn anew, too.\n"
        "From the store: the page was opened anew; at rest it fetches what lies one stop "
        "further, if it is stored.\nA plane: all features, nothing is trained; at first it is "
        "sketched, with every third line of the grid; whole is Plotly's picture of that, the "
        "fine one follows.\nMessages: "
        "what the server sent until then, by websocket or HTTP.",
        rows,
        [
            Claim(f"Never trained: p95 under {COLD_MS} ms ({p95[0]:.0f}).", p95[0] < COLD_MS),
            Claim(f"From the store: p95 under {WARM_MS} ms ({p95[1]:.0f}).", p95[1] < WARM_MS),
            Claim(f"A plane: p95 under {PLANE_MS} ms ({p95[2]:.0f}).", p95[2] < PLANE_MS),
            Claim(f"An update takes at most {MOST_KB} KB ({largest:.1f}).", largest <= MOST_KB),
        ],
    )


def _row(name: str, moves: Sequence[Move]) -> Row:
    took, whole = ([m.milliseconds for m in moves], [m.whole for m in moves])
    return {
        "": name,
        "moves": len(moves),
        "p50 ms": float(np.quantile(took, 0.5)),
        "p95 ms": float(np.quantile(took, 0.95)),
        "whole p50 ms": float(np.quantile(whole, 0.5)),
        "whole p95 ms": float(np.quantile(whole, 0.95)),
        "largest message KB": max(move.largest for move in moves) / 1000,
        "all messages KB, p50": float(np.median([move.total for move in moves])) / 1000,
    }


def _moved(page: Playground, control: str, key: str, say: Say) -> Move:
    move = page.press(control, key)
    say(f"{control}, {key}: {move.milliseconds:.0f} ms, {move.total} bytes")
    page.rest()
    return move


def _stored(folder: Path, *kinds: str) -> set[str]:
    return {path.stem for kind in kinds for path in folder.glob(f"{kind}/*/*.json")}


def wait_until_still(folder: Path, seconds: float = 2.0, patience: float = 120.0) -> None:
    """Wait until the server trains nothing ahead any more: no new file for a while."""
    end, since, seen = time.monotonic() + patience, time.monotonic(), -1
    while time.monotonic() < min(end, since + seconds):
        count = sum(1 for _ in folder.rglob("*"))
        if count != seen:
            since, seen = time.monotonic(), count
        time.sleep(0.1)
