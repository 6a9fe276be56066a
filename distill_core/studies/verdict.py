"""Is it worth it? The rule that makes a verdict of the student's leads over its rivals.

A lead is the student's accuracy minus a rival's, paired by seed and test row. A rival is *small*
if it has no more bytes than the student, give or take a quarter; the others cost more.

- **use X instead**: X is small and shown to be better than the student, or X costs more and the
  student is shown to lose more than the tolerance against it. Any of many rivals may do so by
  chance, so these intervals hold for all of them at once (Bonferroni).
- **distil**: the student is shown to be better than *every* small rival, its hard-label twin among
  them, and to lose less than the tolerance against the ensemble. All of that has to be shown,
  each by its own 95% interval, so looking at several makes this claim rarer, not more frequent
  (intersection-union test, Berger 1982).
- Otherwise it **cannot be told** from these rows.

Where no model differs from another, at most one study in forty says the first by chance, and
fewer than one in forty the second.
"""

from collections.abc import Mapping
from typing import Any

from distill_core.studies.study import Band, has_interval

# Times the student's bytes up to which a rival counts as small.
_ABOUT = 1.25
# Seeds below which no verdict is given.
FEWEST_SEEDS = 4


def decide(summary: Mapping[str, Any], tolerance: float | None = None) -> dict[str, Any]:
    """Return a summary with its verdict made anew, for another tolerance in points if given.

    Parameters
    ----------
    summary : mapping
        See `worth.summarise`.

    Returns
    -------
    dict
        The summary with `tolerance` and `verdict`: None while student or rivals are missing, else
        a dict with `kind` ("distil", "use" or "unknown"), `model` (which to use instead, or
        None), `small` (whether that one is), `small_rivals`, `not_beaten` (those that the student
        is not shown to be better than), `within` (whether it is shown to lose less than the
        tolerance against the ensemble), `safe` (of the small rivals that are shown to lose less
        than the tolerance against the student the one with the fewest bytes, or None), and
        `n_rivals`.
    """
    tolerance = summary["tolerance"] if tolerance is None else tolerance
    return {**summary, "tolerance": tolerance, "verdict": _decide(summary, tolerance / 100)}


def _decide(summary: Mapping[str, Any], tolerance: float) -> dict[str, Any] | None:
    models = {entry["model"]: entry for entry in summary["models"]}
    if not {"student", "twin", "ensemble", "logistic"} <= set(models):
        return None
    most = _ABOUT * models["student"]["bytes"]
    rivals = [entry for entry in models.values() if entry["model"] != "student"]
    small = [entry for entry in rivals if entry["bytes"] <= most]
    known = summary["n_seeds"] >= FEWEST_SEEDS
    not_beaten = [e["model"] for e in small if not (known and _is_above(e["lead"], 0))]
    within = known and _is_above(models["ensemble"]["lead"], -tolerance)
    instead = [
        entry
        for entry in rivals
        if known and _is_below(entry["lead_at_once"], 0 if entry in small else -tolerance)
    ]
    safe = [e for e in small if known and _is_below(e["lead_at_once"], tolerance)]
    found: dict[str, Any] = {
        "kind": "unknown",
        "model": None,
        "small": None,
        "small_rivals": [entry["model"] for entry in small],
        "not_beaten": not_beaten,
        "within": within,
        "safe": min(safe, key=lambda entry: entry["bytes"])["model"] if safe else None,
        "n_rivals": len(rivals),
    }
    if instead:
        # Of those that are shown to be better the smallest, if it loses little against the best.
        best = max(entry["accuracy"]["mean"] for entry in instead)
        near = [entry for entry in instead if entry["accuracy"]["mean"] >= best - tolerance]
        chosen = min(near, key=lambda entry: (entry["bytes"], -entry["accuracy"]["mean"]))
        return {**found, "kind": "use", "model": chosen["model"], "small": chosen in small}
    return {**found, "kind": "distil"} if within and not not_beaten else found


def _is_above(lead: Band, value: float) -> bool:
    return has_interval(lead) and bool(lead["low"] > value)


def _is_below(lead: Band, value: float) -> bool:
    return has_interval(lead) and bool(lead["high"] < value)
