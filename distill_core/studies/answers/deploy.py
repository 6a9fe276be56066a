"""The answer to "What does the student save, and is it worth it?".

What was asked, what is recommended, how sure that is; every claim is one that `verdict` decided.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.studies.answer import Answer
from distill_core.studies.answers.rows import say_needed, warn_of_few
from distill_core.studies.study import Band, format_interval, format_points
from distill_core.studies.verdict import FEWEST_SEEDS

_CLAIMS = (
    "Claimed: for this ensemble, these settings, and data of the same kind. Not claimed: that "
    "other widths, T or alpha, or rivals tuned by an expert, would give the same recommendation."
)
_NAMES = {
    "student": "the student",
    "twin": "its twin taught without the teachers",
    "ensemble": "the whole ensemble",
    "best-teacher": "the best single teacher",
    "nearest-teacher": "the teacher nearest to the ensemble",
    "teachers-1": "the first teacher alone",
    "logistic": "logistic regression",
    "tree": "a small tree",
    "forest": "a small forest",
}


def worth(summary: Mapping[str, Any]) -> Answer:
    """Say what is recommended and how sure that is; see `worth.summarise`."""
    found = summary["verdict"]
    if found is None or summary["n_seeds"] < FEWEST_SEEDS:
        return Answer(recommend(summary))
    lead = _by_name(summary)["twin"]["lead"]
    notes = [say_how_sure(summary), *say_safe(summary)]
    if found["kind"] == "unknown" and "twin" in found["not_beaten"]:
        what = "To tell student and twin apart in accuracy"
        notes += say_needed(what, lead, abs(lead["mean"]))
    claims = "" if found["kind"] == "unknown" else _CLAIMS
    return Answer(recommend(summary), (*notes, *warn_of_few(lead)), claims)


def name_model(model: str) -> str:
    """Return a model of `worth.summarise` as it stands in a sentence."""
    return _NAMES.get(model) or f"the first {model.removeprefix('teachers-')} teachers"


def ask(summary: Mapping[str, Any]) -> str:
    """Say in one sentence what the study asks."""
    n = summary["n_teachers"]
    models = _by_name(summary)
    own, whole = (
        f" ({format_bytes(models[model]['bytes'])})" if model in models else ""
        for model in ("student", "ensemble")
    )
    teachers = "large network" if n == 1 else f"{n} large networks"
    return (
        f"Can one small network, the student{own}, take the place of the {teachers}{whole} that "
        f"{'teaches' if n == 1 else 'teach'} it, or does something simpler do as well?"
    )


def recommend(summary: Mapping[str, Any]) -> str:
    """Say the verdict: distil, use something else instead, or that it cannot be told."""
    found = summary["verdict"]
    if found is None:
        return "No recommendation yet: the student and its rivals are not all trained."
    if summary["n_seeds"] < FEWEST_SEEDS:
        return (
            f"Cannot be told from {_count(summary['n_seeds'], 'random start')}: a recommendation "
            f"takes {FEWEST_SEEDS} or more."
        )
    models, tolerance = _by_name(summary), _count(summary["tolerance"], "point")
    own, whole = (models[model]["bytes"] for model in ("student", "ensemble"))
    if found["kind"] == "distil":
        return (
            "Distil. The student is shown to be more accurate than every rival of about its size "
            f"({_list(found['small_rivals'], 'and')}), and to lose less than {tolerance} against "
            f"the ensemble, which has {whole / own:,.0f} times its bytes."
        )
    if found["kind"] == "use":
        entry = models[found["model"]]
        more = _reverse(entry["lead_at_once"])
        said = (
            f"Use {name_model(found['model'])} instead. It is shown to be more accurate than the "
            f"student, by {format_points(more['mean'])} points {format_interval(more)}"
        )
        if found["small"]:
            return (
                f"{said}, and has {format_bytes(entry['bytes'])} where the student has "
                f"{format_bytes(own)}."
            )
        return (
            f"{said}: more than the {tolerance} that may be lost for a model "
            f"{entry['bytes'] / own:,.0f} times smaller."
        )
    reasons = []
    if found["not_beaten"]:
        reasons.append(
            f"the student is not shown to be more accurate than {_list(found['not_beaten'])}"
        )
    if not found["within"]:
        who = "it" if reasons else "the student"
        reasons.append(f"{who} is not shown to lose less than {tolerance} against the ensemble")
    return f"Cannot be told from these rows. {_begin(', and '.join(reasons))}."


def say_how_sure(summary: Mapping[str, Any]) -> str:
    """Say how sure the verdict is, and of what it speaks; nothing where there is none."""
    found = summary["verdict"]
    if found is None or summary["n_seeds"] < FEWEST_SEEDS:
        return ""
    over = (
        f"for other random starts than these {summary['n_seeds']} and other rows like these "
        f"{summary['n_rows']:,}"
    )
    if found["kind"] == "distil":
        return f"Each of these comparisons holds with 95% confidence, {over}."
    if found["kind"] == "use":
        return (
            f"That holds with 95% confidence, {over}, with the choice among {found['n_rivals']} "
            "rivals allowed for."
        )
    against = found["not_beaten"][0] if found["not_beaten"] else "ensemble"
    lead = _by_name(summary)[against]["lead"]
    ends = [format_points(lead[end], sign=True, digits=2) for end in ("low", "high")]
    return (
        f"The student's lead over {name_model(against)} is "
        f"{format_points(lead['mean'], sign=True, digits=2)} points of accuracy; with 95% "
        f"confidence it lies between {ends[0]} and {ends[1]} {over}. More rows or starts may tell."
    )


def say_loss(summary: Mapping[str, Any]) -> tuple[str, str]:
    """Return the cases that the student loses against the ensemble per thousand, and the interval.

    Lost are cases that the ensemble has right, less those that only the student has right.
    """
    lost = _reverse(_by_name(summary)["ensemble"]["lead"])
    mean = f"{1000 * lost['mean']:.1f}".replace("-0.0", "0.0")
    if lost["low"] is None:
        return mean, "no interval"
    return mean, f"{1000 * lost['low']:.1f} to {1000 * lost['high']:.1f}"


def format_bytes(n: float) -> str:
    """Return a number of bytes with its unit, such as 9.4 KB."""
    for unit, size in (("MB", 1e6), ("KB", 1e3)):
        if n >= size:
            return f"{n / size:.1f} {unit}" if n < 100 * size else f"{n / size:,.0f} {unit}"
    return f"{n:.0f} bytes"


def say_safe(summary: Mapping[str, Any]) -> list[str]:
    """Name a small rival that is shown to lose little against a student that is not recommended."""
    found = summary["verdict"]
    if found["kind"] != "unknown" or not found["safe"]:
        return []
    entry = _by_name(summary)[found["safe"]]
    return [
        f"Whoever must choose now: {name_model(found['safe'])}, with "
        f"{format_bytes(entry['bytes'])}, is shown to lose less than "
        f"{_count(summary['tolerance'], 'point')} against the student."
    ]


def _by_name(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {entry["model"]: entry for entry in summary["models"]}


def _reverse(lead: Band) -> Band:
    """Return the band of the rival's accuracy minus the student's."""
    ends = {"low": lead["high"], "high": lead["low"]}
    return {"mean": -lead["mean"]} | {
        name: None if value is None else -value for name, value in ends.items()
    }


def _list(models: Sequence[str], word: str = "or") -> str:
    names = [name_model(model) for model in models]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]


def _count(n: float, noun: str) -> str:
    return f"{n:g} {noun}{'' if n == 1 else 's'}"
