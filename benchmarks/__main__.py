"""`python -m benchmarks <name> [--json]`: run one benchmark, print it, fail if a claim fails."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

import torch

from benchmarks import Outcome, schedules, training

BENCHMARKS = {
    "ensemble": training.ensemble,
    "schedules": schedules.run,
    "student": training.student,
    "sweep": training.sweep,
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
    print(json.dumps(dataclasses.asdict(outcome), indent=2) if arguments.json else _text(outcome))
    return 0 if all(claim.holds for claim in outcome.claims) else 1


def _text(outcome: Outcome) -> str:
    table = [list(outcome.rows[0]), *([_cell(v) for v in row.values()] for row in outcome.rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(
            # The first column names the row, the others are numbers.
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    claims = [f"{'holds' if c.holds else 'FAILS'}: {c.sentence}" for c in outcome.claims]
    return "\n".join([outcome.title, "", lines[0], "-" * len(lines[0]), *lines[1:], "", *claims])


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
