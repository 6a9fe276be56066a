"""The answer to "How small can the student be?"."""

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.measures.shares import format_share
from distill_core.studies.answer import Answer
from distill_core.studies.answers.rows import CHANCE, find_sign, for_rows, say_needed, warn_of_few
from distill_core.studies.study import format_interval, format_points, has_interval

_CLAIMS = (
    "Claimed, with 95% confidence: for new student seeds and new rows of the same kind. Not "
    "claimed: that a narrower student cannot do it, or that another ensemble, loss or data set "
    "gives the same width."
)


def capacity(summary: Mapping[str, Any]) -> Answer:
    """Say which width is enough and from which on distillation helps; see `capacity.summarise`."""
    entries = summary["widths"]
    if len(entries) < 2 or not summary["beats_twin"]:
        return Answer(
            "The widest student, against which the others are measured, is not trained yet."
        )
    if summary["n_seeds"] == 1:
        return Answer(
            "One seed: an interval cannot be given, so no width can be called sufficient and no "
            "gain real. Take 8 seeds or more."
        )
    about_width, *notes = _about_width(summary)
    about_twin, *more = _about_twin(summary)
    few = warn_of_few(entries[-1]["gain"]["agreement"])
    return Answer(f"{about_width} {about_twin}", (*notes, *more, *few), _CLAIMS)


def _about_width(summary: Mapping[str, Any]) -> list[str]:
    """Say which width is sufficient; then, as notes, what it has and how right it is."""
    entries, tolerance = summary["widths"], summary["tolerance"]
    widest = entries[-1]["width"]
    if summary["sufficient"] is None:
        return ["The seeds are too few to say which width is sufficient."]
    place = [entry["width"] for entry in entries].index(summary["sufficient"])
    entry = entries[place]
    limit = f"{tolerance:g} point" + "s" * (tolerance != 1)
    notes = [*_compare_with_ensemble(summary, entry), *_say_what_lacks(entries, place, tolerance)]
    size = (
        f"Width {entry['width']} has {entry['parameters']:,} parameters, "
        f"{entry['compression']:,.0f} times fewer than the ensemble"
    )
    if entry["width"] == widest:
        return [
            f"No narrower student is shown to be sufficient: at width {entries[-2]['width']} it "
            f"may lose more than {limit} of agreement against width {widest}, the widest tried.",
            f"{size}.",
            *notes,
        ]
    narrowest = ", the narrowest tried," if place == 0 else ""
    between = "; every width between passes, too" if place < len(entries) - 2 else ""
    return [
        f"Width {entry['width']}{narrowest} is sufficient: with 95% confidence, its agreement with "
        f"the ensemble is less than {limit} below that of width {widest}, the widest tried"
        f"{for_rows(entry['loss'])}.",
        f"{size}{between}.",
        *notes,
    ]


def _compare_with_ensemble(summary: Mapping[str, Any], entry: Mapping[str, Any]) -> list[str]:
    """Say how often a student and the ensemble are right, and what lies between them."""
    whole, gap = summary.get("ensemble"), entry.get("to_ensemble")
    if not whole or not gap:
        return []
    said = (
        f"At width {entry['width']} the student is right on "
        f"{format_share(entry['student']['accuracy']['mean'])} of the test data, the ensemble on "
        f"{format_share(whole['accuracy'])}: {format_points(gap['mean'], sign=True)} points"
    )
    if not has_interval(gap):
        return [f"{said}, without an interval."]
    beyond = "" if gap["beyond_noise"] else f", which cannot be told from {CHANCE}"
    return [f"{said} {format_interval(gap)}{beyond}."]


def _say_what_lacks(
    entries: Sequence[Mapping[str, Any]], place: int, tolerance: float
) -> list[str]:
    """Say how many seeds or rows it would take to decide on the next narrower width."""
    failed = place - 1 if place < len(entries) - 1 else len(entries) - 2
    if failed < 0:
        return []
    loss = entries[failed]["loss"]
    if not has_interval(loss):
        return []
    what = f"To tell whether width {entries[failed]['width']} is sufficient"
    return say_needed(what, loss, tolerance / 100 - loss["mean"])


def _about_twin(summary: Mapping[str, Any]) -> list[str]:
    """Say at which widths distillation helps in agreement, at which it harms; then in accuracy."""
    entries = summary["widths"]
    widths = [entry["width"] for entry in entries]
    first, accuracy = (summary["beats_twin"][name] for name in ("agreement", "accuracy"))
    gained = entries[-1]["gain"]["agreement"]
    if not has_interval(gained):
        return ["The seeds are too few to compare distillation with the hard-label twin."]
    ahead = [width for width in widths if first is not None and width >= first]
    alone = [width for width in _select_widths(entries, "agreement", 1) if width not in ahead]
    behind = _select_widths(entries, "agreement", -1)
    beats = f"distillation beats the hard-label twin in agreement, beyond {CHANCE}"
    if ahead == widths:
        said = f"At every width tried {beats}"
    elif len(ahead) == 1:
        said = f"At width {first}, the widest, {beats}"
    elif ahead:
        said = f"From width {first} on {beats}"
    elif alone or behind:
        said = f"There is no width from which on {beats}"
    else:
        mean = format_points(gained["mean"], sign=True)
        said = (
            f"At no width can distillation be told from the hard-label twin in agreement (width "
            f"{widths[-1]}: {mean} points {format_interval(gained)})"
        )
    if alone:
        said += f"; taken alone, it {'also ' * bool(ahead)}does so at {_list_widths(alone)}"
    if behind:
        said += f"; it is worse than the twin at {_list_widths(behind)}"
    return [f"{said}.", *_say_lacking_gain(entries, ahead), _about_accuracy(entries, accuracy)]


def _about_accuracy(entries: Sequence[Mapping[str, Any]], first: int | None) -> str:
    """Say from which width on distillation helps in accuracy, and where it harms."""
    behind = _select_widths(entries, "accuracy", -1)
    harm = f"; it is worse than the twin at {_list_widths(behind)}" if behind else ""
    if first is None:
        return f"In accuracy there is no width from which on it is shown to beat the twin{harm}."
    return f"In accuracy distillation beats the twin from width {first} on{harm}."


def _say_lacking_gain(entries: Sequence[Mapping[str, Any]], ahead: Sequence[int]) -> list[str]:
    """Say what it would take to tell the widest student from its twin."""
    found = entries[-1]["gain"]["agreement"]
    if ahead or found["beyond_noise"]:
        return []
    what = f"To tell student and twin apart at width {entries[-1]['width']}"
    return say_needed(what, found, abs(found["mean"]))


def _select_widths(entries: Sequence[Mapping[str, Any]], name: str, sign: int) -> list[int]:
    """Return the widths at which the gain over the twin, taken alone, has this sign."""
    return [entry["width"] for entry in entries if find_sign(entry["gain"][name]) == sign]


def _list_widths(widths: Sequence[int]) -> str:
    noun = "width" if len(widths) == 1 else "widths"
    return f"{noun} {', '.join(str(width) for width in widths)}"
