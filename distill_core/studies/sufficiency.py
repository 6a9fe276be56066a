"""Which width is enough, and from which on distillation helps: the rule.

Which width is enough is decided from the widest student down. Each narrower one is
compared with the widest, paired by seed; as long as the whole 95% interval of the agreement
it loses stays within the tolerance, the next narrower one is looked at, and the last that
passed is the answer. Because the order is fixed in advance and the first failure ends the
search, looking at many widths does not raise the chance of naming one that is too narrow
(fixed-sequence testing, Maurer, Hothorn, Lehmacher 1995): at a width that loses exactly the
tolerance it is the chance of one end of a 95% interval to miss, measured as 2 to 3% in the
tests. From which width on distillation beats the twin is decided in the same way, with the
gain over the twin instead.

The price is caution: a width that fails by bad luck hides those below it. And seeds show
what seeds can: a collapse that strikes one student in fifty is unlikely to be among sixteen.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.studies.study import Band, has_interval


def decide(summary: Mapping[str, Any], tolerance: float | None = None) -> dict[str, Any]:
    """Return a summary with its decisions made anew, for another tolerance in points if given."""
    tolerance = summary["tolerance"] if tolerance is None else tolerance
    entries = summary["widths"]
    enough = [is_within(entry["loss"], tolerance) for entry in entries[:-1]]
    ahead = {
        name: [
            bool(e["gain"][name]["beyond_noise"] and e["gain"][name]["mean"] > 0) for e in entries
        ]
        for name in ("agreement", "accuracy")
    }
    last = len(entries) - 1
    known = last > 0 and has_interval(entries[-2]["loss"])
    sufficient = entries[find_unbroken_run([*enough, True])]["width"] if known else None
    return {
        **summary,
        "tolerance": tolerance,
        "sufficient": sufficient,
        "beats_twin": {
            name: entries[first]["width"] if (first := find_unbroken_run(flags)) <= last else None
            for name, flags in ahead.items()
        },
    }


def is_within(loss: Band, tolerance: float) -> bool:
    """Say whether an interval of lost agreement lies wholly within a tolerance in points."""
    return has_interval(loss) and 100 * loss["high"] < tolerance


def find_unbroken_run(passed: Sequence[bool]) -> int:
    """Return where the unbroken run of passes at the end begins; the length if there is none."""
    first = len(passed)
    while first > 0 and passed[first - 1]:
        first -= 1
    return first
