"""The answer to "Does one student keep the ensemble's stability?"."""

from collections.abc import Mapping
from typing import Any

from distill_core.studies.answer import Answer
from distill_core.studies.answers.rows import find_sign, for_rows, say_needed, warn_of_few
from distill_core.studies.study import Band, format_interval, format_points

# Share of the total below which knowledge uncertainty is called little.
_LITTLE = 0.05
_CHANCE = "the chance of repeats and rows"
_CLAIMS = (
    "Claimed, with 95% confidence: how often answers flip when this training is repeated, for new "
    "rows of the same kind. Not claimed: that the answers are right, or how they change with other "
    "data, other sizes or another loss."
)


def variance(summary: Mapping[str, Any]) -> Answer:
    """Say for each source of change what the student keeps; see `variance.result`."""
    if not summary:
        return Answer("No repeat is trained yet.")
    over = {
        "seeds": "When only the seeds change",
        "resamples": "When only the training data changes (bootstrap)",
    }
    # In this order always: a summary that was kept has its keys sorted.
    found = [stability(summary[source], said) for source, said in over.items() if source in summary]
    notes = dict.fromkeys(note for one in found for note in one.notes)
    return Answer(" ".join(one.said for one in found), tuple(notes), found[0].claims)


def stability(part: Mapping[str, Any], over: str) -> Answer:
    """Say which stability the student keeps, from the summary of one source of change.

    Parameters
    ----------
    part : mapping
        See `stability.summarise`.
    over : str
        What changes from repeat to repeat, as the beginning of a sentence.
    """
    if part["n"] < 3:
        return Answer(
            f"{over}: {part['n']} of the 3 repeats that an interval needs. Take 8 or more.",
            claims=_CLAIMS,
        )
    groups = part["groups"].items()
    churn = {model: f"{format_points(figures['churn']['mean'])}%" for model, figures in groups}
    gap = {(d["model"], d["minus"]): d["churn"] for d in part["differences"]}
    gained, to_twin = gap["ensemble", "teacher"], gap["student", "twin"]
    both = (
        f"{over}, an ensemble flips {churn['ensemble']} of its predictions from one repeat to "
        f"another, a single teacher {churn['teacher']}"
    )
    notes = [
        f"{over}, ensemble minus single teacher is {format_points(gained['mean'], sign=True)} "
        f"points of flipped predictions {format_interval(gained)}{for_rows(gained)}."
    ]
    if find_sign(gained) >= 0:
        verdict = (
            "the ensemble is less steady, so there is no stability to keep"
            if find_sign(gained) > 0
            else "whether the ensemble is steadier cannot be told, nor what a student keeps of it"
        )
        what = f"{over}: to tell whether the ensemble is steadier"
        needed = (
            say_needed(what, gained, abs(gained["mean"]), "repeats")
            if not find_sign(gained)
            else []
        )
        return Answer(f"{both}: {verdict}.", (*notes, *needed, *warn_of_few(gained)), _CLAIMS)
    signs = (find_sign(gap["student", minus]) for minus in ("teacher", "ensemble", "twin"))
    verdict = _describe_kept(*signs)
    notes.append(f"{over}, {_about_churn(churn['twin'], to_twin)}")
    if not find_sign(to_twin):
        what = f"{over}: to tell student and twin apart"
        notes += say_needed(what, to_twin, abs(to_twin["mean"]), "repeats")
    return Answer(
        f"{both}, the distilled student {churn['student']}: {verdict}.",
        (*notes, *warn_of_few(gained)),
        _CLAIMS,
    )


def ledger(found: Mapping[str, Any]) -> str:
    """Say in words what `stability.ledger` found."""
    mean = {name: f"{found[name]['mean']:.4f}" for name in ("teacher", "ensemble", "diversity")}
    said = (
        f"A teacher's mean cross-entropy, {mean['teacher']} nats, is the ensemble's, "
        f"{mean['ensemble']}, plus the teachers' diversity, {mean['diversity']}. "
        f"The student's is {found['student']['mean']:.4f}, "
    )
    # With one repeat there is no interval to write, and no sign to claim.
    sign = find_sign(found["student_gap"])
    if sign == 0:
        said += "which cannot be told from the ensemble's"
    elif _is_nil(found["student_gap"]):
        said += "no different from the ensemble's to four digits"
    else:
        word = "above" if sign > 0 else "against"
        said += f"{_format_nats(found['student_gap'])} {word} the ensemble's"
    said += f"; its twin's is {found['twin']['mean']:.4f}, "
    return (
        said
        + {
            0: "which cannot be told from the student's.",
            1: "lower than the student's beyond chance.",
            -1: "higher than the student's beyond chance.",
        }[find_sign(found["gain"])]
    )


def uncertainty(found: Mapping[str, Any]) -> str:
    """Say in words what a student cannot express, from what `stability.uncertainty` found."""
    total, knowledge = found["total"]["mean"], found["knowledge"]["mean"]
    share = knowledge / total if total > 0 else 0.0
    size = {
        0: "not to be told from that total",
        1: "more than that total",
        -1: "less than that total",
    }[find_sign(found["excess"])]
    word = {
        0: "not to be told from the",
        1: "more than the",
        -1: "less than the",
    }[find_sign(found["own_excess"])]
    own = f", and {word} {found['own']['mean']:.3f} nats of the ensemble's own answer"
    lost = (
        "Here that is little to lose."
        if share < _LITTLE
        else "Where teachers contradict each other it cannot tell that from overlapping classes."
    )
    return (
        f"The ensemble's uncertainty on test data is {total:.3f} nats, of which {share:.0%} is "
        f"knowledge uncertainty: its teachers disagree. The student gives one probability per "
        f"point, with an entropy of {found['student']['mean']:.3f} nats, {size}{own}; it has no "
        f"way to say which part is disagreement. {lost}"
    )


def _describe_kept(to_teacher: int, to_ensemble: int, to_twin: int) -> str:
    """Say what stability is kept, from the signs of the differences in churn.

    A student keeps something of the ensemble only if it is steadier than its twin, too.
    """
    if to_teacher > 0:
        return "more than a single teacher, so the ensemble's stability is lost"
    if to_teacher == 0:
        less = "less steady than the ensemble and " if to_ensemble > 0 else ""
        return f"it is {less}not shown to be steadier than a single teacher"
    twin = "its twin, without any ensemble, is not shown to be less steady"
    part = "it keeps a part" if to_twin < 0 else twin
    but = "" if to_twin < 0 else f"; {twin}"
    return {
        1: f"steadier than a single teacher, less steady than the ensemble: {part}",
        0: f"steadier than a single teacher, and no loss against the ensemble is shown{but}",
        -1: f"steadier than a single teacher and even than the ensemble{but}",
    }[to_ensemble]


def _about_churn(churn: str, gap: Band) -> str:
    said = (
        f"the student's hard-label twin flips {churn} (student minus twin {format_interval(gap)} "
        f"points{for_rows(gap)}): "
    )
    return (
        said
        + {
            -1: f"distillation makes the student steadier, beyond {_CHANCE}.",
            0: f"within {_CHANCE}, so it is not shown that distillation makes it steadier.",
            1: f"distillation makes the student less steady, beyond {_CHANCE}.",
        }[find_sign(gap)]
    )


def _format_nats(found: Band) -> str:
    return f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"


def _is_nil(found: Band) -> bool:
    """Return whether a difference and its interval vanish when written with four digits."""
    return all(abs(found[name]) < 0.5e-4 for name in ("mean", "low", "high"))
