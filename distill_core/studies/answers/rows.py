"""What answers say of test rows: of which they speak, how many there are, how many it takes."""

from collections.abc import Mapping
from typing import Any

from distill_core.measures.shares import format_share
from distill_core.studies.chances import describe_needed
from distill_core.studies.study import Band

# What every claim allows for, in words.
CHANCE = "the chance of seeds and rows"
# Test rows below which a share is so coarse that the answer says so.
_FEW = 200


def find_sign(found: Band) -> int:
    """Return 1 or -1 when a difference is beyond noise, else 0."""
    if not found["beyond_noise"]:
        return 0
    return 1 if found["mean"] > 0 else -1


def for_rows(found: Band) -> str:
    """Say of which rows a claim speaks: ", for rows like these 1,000", or nothing."""
    n_rows = found.get("n_rows")
    return "" if n_rows is None else f", for rows like these {n_rows:,}"


def warn_of_few(found: Band) -> list[str]:
    """Say that test data is small; an empty list where it is not, or not known."""
    n_rows = found.get("n_rows")
    if n_rows is None or n_rows >= _FEW:
        return []
    return [
        f"The test data is small: with {n_rows} rows a single one is {100 / n_rows:.1f} points, "
        "and differences of a few points cannot be told."
    ]


def say_needed(what: str, found: Band, margin: float, unit: str = "seeds") -> list[str]:
    """Say how many seeds or rows would decide; an empty list where that cannot be estimated.

    Parameters
    ----------
    what : str
        What cannot be told, as the beginning of a sentence.
    found, margin
        See `chances.estimate_needed`.
    unit : str
        What is repeated.
    """
    if margin <= 0 or found.get("seeds_low") is None:
        return []
    return [f"{what}, {describe_needed(found, margin, unit)} would be needed (an estimate)."]


def compare_chances(what: str, found: Mapping[str, Any]) -> str:
    """Say how wide an interval is for seeds alone, and for rows too; nothing if that is unknown.

    Parameters
    ----------
    what : str
        Whose share it is, as the beginning of a sentence.
    found : Band
        Of a share, as `study.cross_band` gives it, from which nothing was taken.
    """
    if found.get("seeds_low") is None:
        return ""
    seeds, both = (
        f"{format_share(found[low])} to {format_share(found[high])}"
        for low, high in (("seeds_low", "seeds_high"), ("low", "high"))
    )
    return (
        f"{what}: other seeds on these very {found['n_rows']:,} test rows would give {seeds}; "
        f"other seeds and other rows of the same kind {both}."
    )
