"""`python -m tests.load.reliability [NAME ...]`: measure crowds, write what was promised and found.

The figures of each scenario's last run are kept in `figures.json`; the first part of RELIABILITY.md
is written from them, and from nothing else.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.browser import PROJECT
from tests.load.__main__ import measure, train_lesson
from tests.load.scenarios import SCENARIOS, Row

FIGURES = Path(__file__).with_name("figures.json")
PAGE = PROJECT / "RELIABILITY.md"
BEGIN, END = "<!-- users per core: begin -->", "<!-- users per core: end -->"
# Seconds of a crowd, of a soak in place of half an hour, and sessions of a day in place of 2,000:
# `make reliability` takes twenty minutes.
_SECONDS, _SOAK, _SESSIONS = 15.0, 45.0, 400


@dataclass(frozen=True)
class Promise:
    """What a row of a scenario must show.

    Parameters
    ----------
    words : str
        For people.
    scenario, row : str
        Whose figures, and which of its rows by name.
    column : str
        The figure.
    most : float
        What it may be at most.
    """

    words: str
    scenario: str
    row: str
    column: str
    most: float


PROMISES = (
    Promise(
        "An answer costs the server 30 ms of processor time",
        "class",
        "class, 50",
        "server ms",
        30,
    ),
    Promise(
        "50 users, warm lesson: p95",
        "class",
        "class, 50",
        "p95 s",
        0.1,
    ),
    Promise(
        "120 users: p95",
        "class",
        "class, 120",
        "p95 s",
        0.4,
    ),
    Promise(
        "200 users: p95",
        "class",
        "class, 200",
        "p95 s",
        2.0,
    ),
    Promise(
        "200 come within 20 s: the last picture",
        "join",
        "join, 200",
        "max s",
        5.0,
    ),
    Promise(
        "50 on a setting never trained: join, p95",
        "shared",
        "cold but shared, 50",
        "join p95 s",
        2.0,
    ),
    Promise(
        "50 on a setting never trained: answers, p95",
        "shared",
        "cold but shared, 50",
        "p95 s",
        0.3,
    ),
    Promise(
        "50 users after a day of sessions: p95",
        "day",
        "class, after the day, 50",
        "p95 s",
        0.12,
    ),
    Promise(
        "50 on a setting never trained, after that day: join, p95",
        "day",
        "cold but shared, after the day, 50",
        "join p95 s",
        2.0,
    ),
    Promise(
        "50 on a setting never trained, after that day: answers, p95",
        "day",
        "cold but shared, after the day, 50",
        "p95 s",
        0.3,
    ),
    Promise(
        f"Growth in {_SOAK:.0f} s of a soak, MB",
        "soak",
        "soak, 30",
        "growth MB",
        50,
    ),
    Promise(
        "Server, workers and first lesson, MB (PSS), 50 users",
        "class",
        "class, 50",
        "memory MB",
        650,
    ),
)


def main() -> int:
    """Measure, keep the figures, write the page; 1 when somebody met an error."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.reliability", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--store", type=Path, help="a store in which the first lesson is trained")
    arguments = parser.parse_args()
    figures: dict[str, Any] = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    names = arguments.names or list(SCENARIOS)
    failed = False
    with tempfile.TemporaryDirectory() as trained:
        if arguments.store is None and any(SCENARIOS[name][3] for name in names):
            train_lesson(Path(trained))
        for name in names:
            failed |= _measure(name, arguments.store or Path(trained), figures)
    return int(failed)


def _measure(name: str, trained: Path, figures: dict[str, Any]) -> bool:
    """Measure a scenario, write its figures and the page; say whether somebody met an error."""
    seconds = _SOAK if name == "soak" else _SECONDS
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        if SCENARIOS[name][3]:
            # Each scenario finds the lesson alone, not what others have trained since.
            shutil.copytree(trained, store)
        rows = measure(name, store, seconds=seconds, warm=False, sessions=_SESSIONS)
    figures[name] = {"cores": os.cpu_count(), "rows": rows}
    # After each: what was measured is kept if the next one is interrupted.
    FIGURES.write_text(json.dumps(figures, indent=1, default=str) + "\n", "utf-8")
    PAGE.write_text(put(PAGE.read_text("utf-8"), write(figures)), "utf-8")
    return any(row["errors"] for row in rows)


def write(figures: dict[str, Any]) -> str:
    """Return the first part of the page."""
    lines = ["| Promise | Test | At most | Measured | Others | |", "|---|---|--:|--:|--:|---|"]
    for promise in PROMISES:
        row = _find(figures, promise)
        command = f"`python -m tests.load {promise.scenario}`"
        most = f"{promise.most:g}"
        if row is None:
            lines.append(f"| {promise.words} | {command} | {most} | not measured | | |")
            continue
        value = row[promise.column]
        held = isinstance(value, int | float) and value <= promise.most and not row["errors"]
        lines.append(
            f"| {promise.words} | {command} | {most} | {_cell(value)} | {_cell(row['others'])} | "
            f"{'held' if held else 'not held'} |"
        )
    columns = ["", *_COLUMNS]
    lines += ["", "| " + " | ".join(columns) + " |", "|---|" + "--:|" * len(_COLUMNS)]
    for one in figures.values():
        for row in one["rows"]:
            cells = [row[""], *(_cell(row.get(column, "-")) for column in _COLUMNS)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


_COLUMNS = (
    "users", "answers", "p50 s", "p95 s", "max s", "join p95 s", "canary p50 s", "canary p95 s",
    "server ms", "workers ms", "others", "errors", "memory MB",
)  # fmt: skip


def put(page: str, part: str) -> str:
    """Return the page with its measured part replaced.

    Raises
    ------
    ValueError
        When the page does not say where it stands.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The page has no {BEGIN} ... {END}.")
    return f"{before}{BEGIN}\n{part}\n{END}{after}"


def _find(figures: dict[str, Any], promise: Promise) -> Row | None:
    rows: list[Row] = figures.get(promise.scenario, {}).get("rows", [])
    return next((row for row in rows if row[""] == promise.row), None)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if value < 10 else f"{value:.0f}"
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
