"""`python -m tests.load NAME`: let a crowd use a server of its own, and say what it was like."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import Outcome
from benchmarks.browser import PROJECT
from benchmarks.tables import plain
from tests.load.measuring import serve
from tests.load.scenarios import SCENARIOS, SESSIONS_A_DAY, Row, Run
from tests.load.uploading import measure_upload


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when nobody met an error, 1 when somebody did."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("name", choices=sorted(_ALL))
    parser.add_argument("--users", type=int, nargs="+", help="users at once, crowd by crowd")
    parser.add_argument("--seconds", type=float, help="how long a crowd is measured")
    parser.add_argument("--query", default="", help="settings of the page, such as data=moons")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of a file that is sent")
    parser.add_argument("--sessions", type=int, default=SESSIONS_A_DAY, help="of a day")
    parser.add_argument("--store", type=Path, help="a store to go on with; default: a new one")
    parser.add_argument("--no-canaries", action="store_true", help="without Chromium")
    parser.add_argument("--json", type=Path, help="a file for the same as JSON")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        store = arguments.store or Path(folder)
        rows = measure(
            arguments.name,
            store,
            users=arguments.users,
            seconds=arguments.seconds,
            query=arguments.query,
            canaries=not arguments.no_canaries,
            n_rows=arguments.rows,
            sessions=arguments.sessions,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    print(plain(Outcome(TITLE, [_short(row) for row in rows], [])))
    for row in rows:
        if row["first error"]:
            print(f"{row['']}: {row['first error']}", file=sys.stderr)
    return any(row["errors"] for row in rows)


_ALL = {**SCENARIOS, "upload": (measure_upload, [4], 30.0, True)}
# Files of a million rows are let in.
_LARGE = {"DISTILL_UPLOAD_LIMIT": "1000", "DISTILL_UPLOADS_TOGETHER": "4000"}
TITLE = (
    "Seconds from the last move of a slider until its picture arrives; of canaries, until it is "
    "painted. Milliseconds of processor time per answer, of the server's process and of its "
    "workers.\nOthers: cores that all else on the machine kept busy meanwhile, the measuring "
    "process and Chromium included."
)


def measure(
    name: str,
    store: Path,
    *,
    users: list[int] | None = None,
    seconds: float | None = None,
    query: str = "",
    canaries: bool = True,
    warm: bool | None = None,
    n_rows: int = 0,
    sessions: int = SESSIONS_A_DAY,
) -> list[Row]:
    """Run a scenario on a server of its own; return its rows."""
    scenario, usual_users, usual_seconds, is_warm = _ALL[name]
    if is_warm if warm is None else warm:
        train_lesson(store)
    settings = _LARGE if name == "upload" else {}
    with serve(store, **settings) as served:
        run = Run(
            served,
            users or usual_users,
            seconds or usual_seconds,
            canaries,
            query,
            n_rows=n_rows,
            sessions=sessions,
        )
        asyncio.run(scenario(run))
    return run.rows


def train_lesson(store: Path) -> None:
    """Train the first picture's ensemble and stops, as before a class."""
    command = [sys.executable, "-m", "distill_core", "warm"]
    environment = {**os.environ, "DISTILL_STORE": str(store)}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True)


def _short(row: Row) -> Row:
    return {
        name: value for name, value in row.items() if name not in ("first error", "seconds", "said")
    }


if __name__ == "__main__":
    sys.exit(main())
