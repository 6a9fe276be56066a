"""From what was measured to what may be said: an outcome, its numbers, and the prediction beside.

An outcome other than the last of its kind is reached only where an interval carries it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distill_core.lessons import drawings
from distill_core.lessons.kinds import KINDS
from distill_core.lessons.reading import Language, Step
from distill_core.lessons.words import Words
from distill_core.studies.study import Band, has_interval

# Points become commas and commas points.
_SWAPPED = str.maketrans(".,", ",.")


@dataclass(frozen=True)
class Verdict:
    """How a step ended.

    Parameters
    ----------
    outcome : str
        One of its kind's.
    numbers : mapping
        What its claim may write, in the units in which it is written, as text with a decimal point.
    truth : float, optional
        Where the prediction's slider should have stood; None where an outcome is predicted or
        nothing can be told.
    between : (float, float), optional
        The interval of the truth, where it has one.
    """

    outcome: str
    numbers: Mapping[str, str]
    truth: float | None = None
    between: tuple[float, float] | None = None


def judge(step: Step, found: Mapping[str, Any]) -> Verdict:
    """Return how a step ended, from what `evidence.look` found."""
    if step.kind == "alpha":
        return _judge_alpha(found)
    if step.kind in ("width", "size"):
        return _judge_width(found)
    if step.kind == "knowledge":
        return _judge_knowledge(found)
    if step.kind in ("steady", "keeps"):
        model, minus = ("ensemble", "teacher") if step.kind == "steady" else ("student", "twin")
        gap = next(
            d["churn"] for d in found["differences"] if (d["model"], d["minus"]) == (model, minus)
        )
        groups = found["groups"]
        shown = {name: _percent(groups[name]["churn"]["mean"]) for name in groups}
        return _judge_sign(gap, shown)
    shown = {"student": _percent(found["student"]), "twin": _percent(found["twin"])}
    shown |= {"first": f"{100 * found['first']:+.1f}"}
    shown |= {"temperature": f"{step.state.temperature:g}", "widest": shown["twin"]}
    return _judge_sign(found["difference"], shown)


def write(step: Step, verdict: Verdict, language: str, of: Language) -> str:
    """Return what a step says of its runs in a language."""
    text = step.text[language].claims[verdict.outcome]
    return text.format(
        **{name: localise(value, of.decimal) for name, value in verdict.numbers.items()}
    )


def compare(
    step: Step, verdict: Verdict, guess: str, language: str, of: Language, words: Words
) -> str:
    """Return a sentence that sets a chosen prediction beside what happened.

    For a drawn one see `compare_line`.

    Parameters
    ----------
    guess : str
        The outcome that was chosen, or the number, as `is_guess` allows it.
    """
    kind = KINDS[step.kind]
    if kind.by_choice:
        options = step.text[language].options
        said = {"guess": options[guess], "truth": options[verdict.outcome]}
        if guess == verdict.outcome:
            return words.as_predicted.format(**said)
        if verdict.outcome == kind.outcomes[-1]:
            return words.not_told.format(**said)
        return words.otherwise.format(**said)
    number = float(guess)
    said = {"guess": say_number(step, number, of)}
    if verdict.truth is None:
        return words.no_number.format(**said)
    said["truth"] = say_number(step, verdict.truth, of)
    if verdict.between is not None:
        low, high = verdict.between
        said |= {"low": say_number(step, low, of), "high": say_number(step, high, of)}
        if low <= number <= high:
            return words.inside.format(**said)
        return (words.below if number < low else words.above).format(**said)
    if number == verdict.truth:
        return words.exact.format(**said)
    return (words.too_small if number < verdict.truth else words.too_large).format(**said)


def compare_line(off: float | None, copied: float | None, of: Language, words: Words) -> str:
    """Return a sentence that sets a drawn line beside the student's boundary.

    Parameters
    ----------
    off, copied : float, optional
        How far the drawn line, and the ensemble's boundary, lie from the student's, as shares of
        the picture's side; None where there is no such boundary.
    """
    if off is None:
        return words.line_nowhere
    said = {"off": localise(_percent(off), of.decimal)}
    if copied is None:
        return words.line_off.format(**said)
    said["copied"] = localise(_percent(copied), of.decimal)
    return (words.line_closer if off < copied else words.line_farther).format(**said)


def is_guess(step: Step, text: str) -> bool:
    """Say whether a text, of an address or a phone, is a prediction that the step asks for."""
    if KINDS[step.kind].by_drawing:
        return drawings.parse(text) is not None
    return text in list_guesses(step)


def list_guesses(step: Step) -> list[str]:
    """Return all predictions among which a step lets choose, as addresses have them.

    None where a line is drawn.
    """
    kind = KINDS[step.kind]
    if kind.by_choice:
        return list(kind.outcomes)
    return [f"{stop:g}" for stop in (step.choices or kind.stops)]


def say_guess(step: Step, guess: str, language: str, of: Language) -> str:
    """Return a prediction as it is read."""
    if KINDS[step.kind].by_choice:
        return step.text[language].options[guess]
    return say_number(step, float(guess), of)


def say_number(step: Step, number: float, of: Language) -> str:
    """Return a number of a prediction as it is read."""
    text = f"{100 * number:.0f} %" if KINDS[step.kind].percent else f"{number:g}"
    return localise(text, of.decimal)


def localise(number: str, decimal: str) -> str:
    """Return a number with the decimal sign of a language: 1,234.5 or 1.234,5."""
    if decimal == ".":
        return number
    return number.translate(_SWAPPED)


def _judge_sign(gap: Band, shown: Mapping[str, str]) -> Verdict:
    """Return whether a paired difference is beyond the chance of seeds and rows, and which way."""
    numbers = {**shown, **_numbers(gap)}
    if not has_interval(gap) or not gap["beyond_noise"]:
        return Verdict("untold", numbers)
    return Verdict("above" if gap["mean"] > 0 else "below", numbers)


def _judge_alpha(found: Mapping[str, Any]) -> Verdict:
    """Return the smallest alpha from which on every one that was tried is ahead of the twin.

    From the largest down, in an order fixed in advance; the first that is not ahead ends it.
    """
    first = None
    for entry in sorted(found["alphas"], key=lambda entry: -entry["alpha"]):
        gap = entry["difference"]
        if not (has_interval(gap) and gap["beyond_noise"] and gap["mean"] > 0):
            break
        first = entry
    shown = first or max(found["alphas"], key=lambda entry: entry["alpha"])
    numbers = {"alpha": f"{shown['alpha']:g}", **_numbers(shown["difference"])}
    if first is None:
        return Verdict("untold", numbers)
    return Verdict("found", numbers, float(first["alpha"]))


def _judge_width(found: Mapping[str, Any]) -> Verdict:
    entries, enough = found["widths"], found["sufficient"]
    widest = entries[-1]["width"]
    # The widest is no answer: nothing narrower was shown to be enough.
    known = enough is not None and enough != widest
    entry = next(e for e in entries if e["width"] == (enough if known else entries[-2]["width"]))
    loss = entry["loss"]
    numbers = {
        "n": f"{loss['n']}",
        "rows": f"{loss.get('n_rows') or 0:,}",
        "width": f"{entry['width']}",
        "widest": f"{widest}",
        "tolerance": f"{found['tolerance']:g}",
        "parameters": f"{entry['parameters']:,}",
        "compression": f"{entry['compression']:,.0f}",
        "lost": _points(loss["mean"]),
        "high": _points(loss["high"]),
    }
    if not known:
        return Verdict("untold", numbers)
    return Verdict("found", numbers, float(entry["width"]))


def _judge_knowledge(found: Mapping[str, Any]) -> Verdict:
    total, part = found["uncertainty"]["total"], found["uncertainty"]["knowledge"]
    whole = total["mean"]
    known = has_interval(part) and whole > 0 and part["low"] > 0
    share = part["mean"] / whole if whole else 0.0
    # Outwards to whole per cent, as predictions have them.
    between = (
        (math.floor(100 * part["low"] / whole) / 100, math.ceil(100 * part["high"] / whole) / 100)
        if known
        else None
    )
    numbers = {
        "n": f"{part['n']}",
        "rows": f"{part.get('n_rows') or 0:,}",
        "share": f"{100 * share:.1f}",
        "total": f"{whole:.3f}",
        "knowledge": f"{part['mean']:.3f}",
        "low": "?" if between is None else f"{100 * between[0]:.0f}",
        "high": "?" if between is None else f"{100 * between[1]:.0f}",
    }
    if between is None:
        return Verdict("untold", numbers)
    return Verdict("found", numbers, share, between)


def _numbers(gap: Band) -> dict[str, str]:
    return {
        "n": f"{gap['n']}",
        "rows": f"{gap.get('n_rows') or 0:,}",
        "difference": _points(gap["mean"], sign=True),
        "low": _points(gap["low"], sign=True),
        "high": _points(gap["high"], sign=True),
    }


def _points(share: float | None, *, sign: bool = False) -> str:
    return "?" if share is None else f"{100 * share:{'+' if sign else ''}.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
