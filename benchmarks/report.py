"""`python -m benchmarks.report`: run all benchmarks and write their tables to BENCHMARKS.md."""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import Claim, Outcome, tables

PROJECT = Path(__file__).parents[1]
ORDER = (
    "ensemble",
    "student",
    "sweep",
    "schedules",
    "coverage",
    "answers",
    "boundary",
    "tables",
    "rows",
    "exports",
    "costs",
    "scale",
    "engine",
    "latency",
    "walk",
    "room",
    "deciding",
)
_PACKAGES = (
    "torch", "numpy", "scikit-learn", "jax", "contourpy", "distributed", "streamlit", "plotly",
    "pandas", "pyarrow", "duckdb", "clevercsv",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when all benchmarks ran and all claims hold, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(ORDER)}")
    parser.add_argument("--to", type=Path, default=PROJECT / "BENCHMARKS.md", metavar="FILE")
    arguments = parser.parse_args(argv)
    unknown = sorted(set(arguments.names) - set(ORDER))
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}, only {', '.join(ORDER)}")
    outcomes = {name: measured(name) for name in arguments.names or ORDER}
    arguments.to.write_text(document(outcomes, machine()), encoding="utf-8")
    good = (o is not None and all(claim.holds for claim in o.claims) for o in outcomes.values())
    return 0 if all(good) else 1


def measured(name: str) -> Outcome | None:
    """Run a benchmark in a process of its own; None when it did not come to its end."""
    command = [sys.executable, "-m", "benchmarks", name, "--json"]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    try:
        return outcome(json.loads(done.stdout))
    except json.JSONDecodeError:
        print(f"{name} did not come to its end.", file=sys.stderr)
        return None


def outcome(values: Mapping[str, Any]) -> Outcome:
    """Return the outcome that a benchmark printed as JSON."""
    claims = [Claim(**claim) for claim in values["claims"]]
    return Outcome(values["title"], values["rows"], claims)


def document(outcomes: Mapping[str, Outcome | None], facts: Mapping[str, str]) -> str:
    """Return BENCHMARKS.md."""
    parts = [
        "# Benchmarks",
        "Written by `make benchmarks`; one of them alone: `python -m benchmarks NAME`, as JSON "
        "with `--json`. Each runs in a process of its own. What a table compares was measured in "
        "one run, in turn, so trust the ratios more than the seconds. A peer has its best fair "
        "settings.",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        _failures(outcomes),
    ]
    for name, found in outcomes.items():
        body = "It did not come to its end." if found is None else tables.markdown(found)
        parts.append(f"## {name}\n\n{body}")
    return "\n\n".join(part for part in parts if part) + "\n"


def machine() -> dict[str, str]:
    """Return what the figures depend on: processor, cores, versions; nothing that names it."""
    cores = getattr(os, "sched_getaffinity", lambda _: ())(0)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": f"{_processor()}, {len(cores) or os.cpu_count()} cores",
        "system": f"{platform.system()}, {platform.machine()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version}" for name, version in _versions().items()),
    }


def _failures(outcomes: Mapping[str, Outcome | None]) -> str:
    """Say first what did not hold."""
    failed = [
        f"- **{name}**: {claim.sentence}"
        for name, found in outcomes.items()
        if found is not None
        for claim in found.claims
        if not claim.holds
    ]
    count = sum(len(found.claims) for found in outcomes.values() if found is not None)
    if not failed:
        return f"All {count} claims below hold on this machine."
    return "\n".join([f"Of {count} claims these do not hold on this machine:", "", *failed])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


if __name__ == "__main__":
    sys.exit(main())
