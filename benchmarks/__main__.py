"""`python -m benchmarks <name> [--json]`: run one benchmark, print it, fail if a claim fails."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

import torch

from benchmarks import (
    answers,
    boundaries,
    costs,
    coverage,
    deciding,
    engine,
    exports,
    latency,
    reading,
    room,
    rows,
    scale,
    schedules,
    tables,
    training,
    walk,
)

BENCHMARKS = {
    "answers": answers.run,
    "boundary": boundaries.run,
    "costs": costs.run,
    "coverage": coverage.run,
    "deciding": deciding.run,
    "engine": engine.run,
    "ensemble": training.ensemble,
    "exports": exports.run,
    "latency": latency.run,
    "room": room.run,
    "rows": rows.run,
    "scale": scale.run,
    "schedules": schedules.run,
    "student": training.student,
    "sweep": training.sweep,
    "tables": reading.run,
    "walk": walk.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when all claims hold, 1 when one does not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    # One thread, as in the workers: nothing then depends on what else the machine does but time.
    torch.set_num_threads(1)
    outcome = BENCHMARKS[arguments.name](lambda line: print(line, file=sys.stderr, flush=True))
    if arguments.json:
        print(json.dumps(dataclasses.asdict(outcome), indent=2, allow_nan=False))
    else:
        print(tables.plain(outcome))
    return 0 if all(claim.holds for claim in outcome.claims) else 1


if __name__ == "__main__":
    sys.exit(main())
