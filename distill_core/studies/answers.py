"""The answers of the studies in words: numbers in, sentences out, nothing else.

A sentence claims only what an interval shows; what is within noise, or has no interval, is
said to be so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.studies.study import Band, format_interval, format_points, has_interval

_CHANCE = "the chance of seeds and rows"
# Share of the total below which knowledge uncertainty is called little.
_LITTLE = 0.05
# Share below which two means of agreement differ by rounding only.
_TIE = 1e-12


def capacity(summary: Mapping[str, Any]) -> str:
    """Say which width is enough and from which on distillation helps; see `capacity.summarise`."""
    entries = summary["widths"]
    if len(entries) < 2 or not summary["beats_twin"]:
        return "The widest student, against which the others are measured, is not trained yet."
    if summary["n_seeds"] == 1:
        return (
            "One seed: an interval cannot be given, so no width can be called sufficient and no "
            "gain real. Take 8 seeds or more."
        )
    return f"{_about_width(summary)} {_about_twin(summary)}"


def softness(summary: Mapping[str, Any]) -> str:
    """Say which setting is best and whether the choice is worth it; see `softness.summarise`."""
    if not summary["best"]:
        return "No cell and its twin are trained yet."
    return " ".join(
        said
        for entry in summary["best"]
        for said in (_about_cells(entry, summary), _about_temperature(entry))
        if said
    )


def variance(summary: Mapping[str, Any]) -> str:
    """Say for each source of change what the student keeps; see `variance.result`."""
    if not summary:
        return "No repeat is trained yet."
    over = {
        "seeds": "When only the seeds change",
        "resamples": "When only the training data changes (bootstrap)",
    }
    # In this order always: a summary that was kept has its keys sorted.
    return " ".join(
        stability(summary[source], said) for source, said in over.items() if source in summary
    )


def stability(part: Mapping[str, Any], over: str) -> str:
    """Say which stability the student keeps, from the summary of one source of change.

    Parameters
    ----------
    part : mapping
        See `stability.summarise`.
    over : str
        What changes from repeat to repeat, as the beginning of a sentence.
    """
    if part["n"] < 3:
        return f"{over}: {part['n']} of the 3 repeats that an interval needs. Take 8 or more."
    groups = part["groups"].items()
    churn = {model: f"{format_points(figures['churn']['mean'])}%" for model, figures in groups}
    gap = {(d["model"], d["minus"]): d["churn"] for d in part["differences"]}
    both = f"an ensemble flips {churn['ensemble']} of its predictions from one repeat to another"
    gained = gap["ensemble", "teacher"]
    if _sign(gained) >= 0:
        verdict = (
            "the ensemble is less steady, so there is no stability to keep"
            if _sign(gained) > 0
            else "whether the ensemble is steadier cannot be told, nor what a student keeps of it"
        )
        return (
            f"{over}, {both}, a single teacher {churn['teacher']} (difference "
            f"{format_interval(gained)} points): {verdict}."
        )
    signs = (_sign(gap["student", minus]) for minus in ("teacher", "ensemble", "twin"))
    verdict = _describe_kept(*signs)
    return (
        f"{over}, {both}, a single teacher {churn['teacher']}. The distilled student flips "
        f"{churn['student']}: {verdict}. {_about_churn(churn['twin'], gap['student', 'twin'])}"
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
    sign = _sign(found["student_gap"])
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
            1: "lower than the student's beyond noise.",
            -1: "higher than the student's beyond noise.",
        }[_sign(found["gain"])]
    )


def uncertainty(found: Mapping[str, Any]) -> str:
    """Say in words what a student cannot express, from what `stability.uncertainty` found."""
    total, knowledge = found["total"]["mean"], found["knowledge"]["mean"]
    share = knowledge / total if total > 0 else 0.0
    size = {
        0: "not to be told from that total",
        1: "more than that total",
        -1: "less than that total",
    }[_sign(found["excess"])]
    word = {
        0: "not to be told from the",
        1: "more than the",
        -1: "less than the",
    }[_sign(found["own_excess"])]
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


def _about_width(summary: Mapping[str, Any]) -> str:
    entries, tolerance = summary["widths"], summary["tolerance"]
    widest = entries[-1]["width"]
    by_width = {entry["width"]: entry for entry in entries}
    if summary["sufficient"] is None:
        return "The seeds are too few to say which width is sufficient."
    entry = by_width[summary["sufficient"]]
    unit = "point" if tolerance == 1 else "points"
    size = (
        f"{entry['parameters']:,} parameters, {entry['compression']:,.0f} times fewer than the "
        "ensemble"
    )
    if entry["width"] == widest:
        return (
            f"No narrower student is shown to be sufficient: at width {entries[-2]['width']} it "
            f"may lose more than {tolerance:g} {unit} of agreement against width {widest}, the "
            f"widest tried ({size})."
        )
    narrowest = ", the narrowest tried," if entry is entries[0] else ""
    return (
        f"Width {entry['width']}{narrowest} is sufficient: with 95% confidence{_for_rows(entry)} "
        "its agreement with "
        f"the ensemble is less than {tolerance:g} {unit} below that of width {widest}, the widest "
        f"tried, and so is that of every width between. It has {size}."
    )


def _about_twin(summary: Mapping[str, Any]) -> str:
    """Say at which widths distillation helps in agreement, at which it harms, and in accuracy."""
    entries = summary["widths"]
    widths = [entry["width"] for entry in entries]
    first, accuracy = (summary["beats_twin"][name] for name in ("agreement", "accuracy"))
    gained = entries[-1]["gain"]["agreement"]
    if not has_interval(gained):
        return "The seeds are too few to compare distillation with the hard-label twin."
    ahead = [width for width in widths if first is not None and width >= first]
    alone = [width for width in _select_widths(entries, "agreement", 1) if width not in ahead]
    behind = _select_widths(entries, "agreement", -1)
    beats = f"distillation beats the hard-label twin in agreement, beyond {_CHANCE}"
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
    behind = _select_widths(entries, "accuracy", -1)
    harm = f"; it is worse than the twin at {_list_widths(behind)}" if behind else ""
    if accuracy is None:
        return f"{said}. In accuracy no such width is shown{harm}."
    return f"{said}. In accuracy it does so from width {accuracy} on{harm}."


def _select_widths(entries: Sequence[Mapping[str, Any]], name: str, sign: int) -> list[int]:
    """Return the widths at which the gain over the twin, taken alone, has this sign."""
    return [entry["width"] for entry in entries if _sign(entry["gain"][name]) == sign]


def _for_rows(entry: Mapping[str, Any]) -> str:
    """Say of which rows a claim about a loss speaks."""
    n_rows = entry["loss"].get("n_rows")
    return "" if n_rows is None else f", and for rows like these {n_rows:,},"


def _list_widths(widths: Sequence[int]) -> str:
    noun = "width" if len(widths) == 1 else "widths"
    return f"{noun} {', '.join(str(width) for width in widths)}"


def _about_cells(entry: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Say what is known at one width."""
    cells = [c for c in summary["cells"] if c["width"] == entry["width"] and c["alpha"] > 0]
    place = entry["temperature"], entry["alpha"]
    best = next(c for c in cells if (c["temperature"], c["alpha"]) == place)
    highest = best["agreement"]["mean"]
    ties = sum(abs(c["agreement"]["mean"] - highest) < _TIE for c in cells) - 1
    others = (
        f" and at {ties} other setting{'s' if ties > 1 else ''} exactly as high" if ties else ""
    )
    said = (
        f"At width {entry['width']} agreement with the ensemble is highest at "
        f"T = {place[0]:g} and alpha = {place[1]:g}{others}: {format_points(highest)}%, "
        f"{format_points(best['gain']['agreement']['mean'], sign=True)} points against the twin."
    )
    choice = entry["choice"]
    if choice["low"] is None:
        return f"{said} Fewer than 4 seeds: whether that is more than chance cannot be said."
    said += (
        f" Allowing for the choice among {len(cells)} settings, that is {format_interval(choice)}: "
    )
    if not choice["beyond_noise"]:
        said += f"within {_CHANCE}, so no setting tried is shown to be better than the twin"
    elif choice["mean"] > 0:
        said += f"beyond {_CHANCE}, and so is the gain of {choice['above']} settings in all"
    else:
        said += f"beyond {_CHANCE}, but below the twin"
    if choice["below"]:
        said += f"; {choice['below']} of them are worse than the twin beyond noise"
    return said + "."


def _about_temperature(entry: Mapping[str, Any]) -> str:
    """Say whether T matters at one width; nothing where T = 1 was not compared."""
    found = entry.get("over_one")
    if not found:
        return ""
    where = f"at width {entry['width']}"
    if found["low"] is None:
        return f"Whether T matters {where} cannot be told from fewer than 4 seeds."
    if not found["above"] and not found["below"]:
        return (
            f"Whether T matters {where} cannot be told: no T tried differs from T = 1 at the same "
            "alpha beyond chance."
        )
    if found["above"]:
        return (
            f"T matters {where}: T = {found['temperature']:g} gains "
            f"{format_points(found['mean'], sign=True, digits=2)} points {format_interval(found)} "
            f"over T = 1 at alpha = {found['alpha']:g}, allowing for the choice among "
            f"{found['n_settings']} settings."
        )
    return (
        f"T matters {where}: no T tried is shown to be better than T = 1 at the same alpha, and "
        f"{found['below']} of {found['n_settings']} settings are worse beyond chance."
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
    part = (
        "it keeps a part"
        if to_twin < 0
        else "its twin, without any ensemble, is not shown to be less steady"
    )
    return {
        1: f"steadier than a single teacher, less steady than the ensemble: {part}",
        0: "steadier than a single teacher, and no loss against the ensemble is shown",
        -1: "steadier than a single teacher and even than the ensemble",
    }[to_ensemble]


def _about_churn(churn: str, gap: Band) -> str:
    said = f"Its hard-label twin flips {churn} (student minus twin {format_interval(gap)} points): "
    return (
        said
        + {
            -1: "distillation makes it steadier, beyond noise.",
            0: "within noise, so it is not shown that distillation makes it steadier.",
            1: "distillation makes it less steady, beyond noise.",
        }[_sign(gap)]
    )


def _sign(found: Band) -> int:
    """Return 1 or -1 when a difference is beyond noise, else 0."""
    if not found["beyond_noise"]:
        return 0
    return 1 if found["mean"] > 0 else -1


def _format_nats(found: Band) -> str:
    return f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"


def _is_nil(found: Band) -> bool:
    """Return whether a difference and its interval vanish when written with four digits."""
    return all(abs(found[name]) < 0.5e-4 for name in ("mean", "low", "high"))
