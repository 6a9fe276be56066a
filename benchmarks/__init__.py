"""Measurements that back the project's choices: `python -m benchmarks <name> [--json]`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A sentence that a benchmark checks, and whether it held."""

    sentence: str
    holds: bool


@dataclass(frozen=True)
class Outcome:
    """What a benchmark measured: rows of a table with the same columns, and its claims."""

    title: str
    rows: list[dict[str, str | float]]
    claims: list[Claim]
