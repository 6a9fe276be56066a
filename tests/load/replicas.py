"""`python -m tests.load.replicas`: one server and two, with one store, behind nginx and on Dask.

Visitors keep their server: whoever came to another one would be told so, which counts as an error.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import distributed

from benchmarks import Outcome
from benchmarks.browser import find_port
from benchmarks.tables import plain
from tests.load.__main__ import train_lesson
from tests.load.measuring import Served, serve
from tests.load.scenarios import Row, Run, measure_class, measure_cold
from tests.proxy import read_lines, run_nginx

TITLE = (
    "Two cores for servers, workers, nginx and visitors together. Seconds until the picture is "
    "there;\nmilliseconds of the servers' processors per answer; jobs that workers have run."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when nobody met an error, 1 when somebody did."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.replicas", description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[50, 120, 200])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is measured")
    parser.add_argument("--store", type=Path, help="a store in which the first lesson is trained")
    arguments = parser.parse_args(argv)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        store = arguments.store or Path(folder)
        train_lesson(store)
        for n in (1, 2):
            with serve_several(store, n) as (served, count):
                for row in measure(served, count, arguments.users, arguments.seconds, n):
                    rows.append({"servers": n, **row})
    shown = [{name: row[name] for name in _COLUMNS} for row in rows]
    print(plain(Outcome(TITLE, shown, [])))
    for row in rows:
        if row["first error"]:
            print(row["first error"], file=sys.stderr)
    return any(row["errors"] for row in rows)


_COLUMNS = (
    "servers", "", "answers", "p50 s", "p95 s", "max s", "join p95 s", "server ms", "jobs",
    "errors", "memory MB",
)  # fmt: skip


def measure(
    served: Served, count: Callable[[], int], users: Sequence[int], seconds: float, number: int
) -> list[Row]:
    """Let a class open an ensemble that nobody has trained; then crowds with the first lesson."""
    run = Run(served, [min(users)], seconds, canaries=False, query=f"data=moons&eseed={number}")
    before = count()
    asyncio.run(measure_cold(run))
    run.rows[-1]["jobs"] = count() - before
    for n in users:
        run.users, run.query, before = [n], "", count()
        asyncio.run(measure_class(run))
        run.rows[-1]["jobs"] = count() - before
    return run.rows


@contextlib.contextmanager
def serve_several(store: Path, n: int) -> Iterator[tuple[Served, Callable[[], int]]]:
    """Start a scheduler, two workers, `n` servers on one store and nginx.

    Yields the servers as one and a function that says how many jobs workers have run.
    """
    with contextlib.ExitStack() as stack:
        scheduler = f"tcp://127.0.0.1:{find_port()}"
        beside = [
            stack.enter_context(_run("scheduler", "--port", scheduler.rpartition(":")[2])),
            *(
                stack.enter_context(_run("worker", scheduler, "--nthreads", "1", "--no-nanny"))
                for _ in range(2)
            ),
        ]
        client = stack.enter_context(distributed.Client(scheduler, timeout=60))  # type: ignore[no-untyped-call]
        client.wait_for_workers(2)
        client.register_plugin(_Count(), name="count")
        servers = [stack.enter_context(serve(store, DISTILL_SCHEDULER=scheduler)) for _ in range(n)]
        port = find_port()
        lines = read_lines("map ").replace("listen 80", f"listen 127.0.0.1:{port}")
        places = "".join(f"server {one.address.rpartition('/')[2]};\n" for one in servers)
        for usual in ("server 127.0.0.1:8501;", "server 127.0.0.1:8502;"):
            assert usual in lines, "docs/deploy.md names two servers"
            lines = lines.replace(usual, places)
            places = ""
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(run_nginx(folder, lines, port, "/_stcore/health"))
        pids = [one.pid for one in servers]
        yield (
            Served(address.replace("localhost", "127.0.0.1"), pids[0], (*pids[1:],), (*beside,)),
            lambda: client.run_on_scheduler(_read_count),
        )


class _Count(distributed.SchedulerPlugin):
    """Counts the jobs that workers have run to their end."""

    def __init__(self) -> None:
        self.n = 0

    def transition(self, key: Any, start: str, finish: str, *_: Any, **__: Any) -> None:
        """Count one more."""
        self.n += (start, finish) == ("processing", "memory")


def _read_count(dask_scheduler: Any) -> int:
    return int(dask_scheduler.plugins["count"].n)


@contextlib.contextmanager
def _run(what: str, *options: str) -> Iterator[int]:
    """Run a part of Dask; yield its process id."""
    command = [sys.executable, "-m", "distributed.cli.dask_" + what, *options, "--no-dashboard"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
