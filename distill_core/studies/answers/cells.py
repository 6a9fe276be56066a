"""The answer to "What do T and alpha do?"."""

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.studies.answer import Answer
from distill_core.studies.answers.rows import CHANCE, for_rows, warn_of_few
from distill_core.studies.study import format_interval, format_points

# Share below which two means of agreement differ by rounding only.
_TIE = 1e-12
# Times as many seeds and rows as there are: what lies beyond is no help to anybody.
_MOST = 100
_CLAIMS = (
    "Claimed, with 95% confidence: that somewhere on this grid a setting is better than its twin, "
    "or another T than T = 1, for new seeds and new rows of the same kind. Not claimed: that the "
    "best setting here is the best one everywhere, or that its neighbours are worse."
)


def softness(summary: Mapping[str, Any]) -> Answer:
    """Say which setting is best and whether the choice is worth it; see `softness.summarise`."""
    best = summary["best"]
    if not best:
        return Answer("No cell and its twin are trained yet.")
    notes = [note for entry in best for note in _about_cells(entry, summary)]
    few = warn_of_few(best[0]["choice"])
    if len(best) == 1:
        parts = (_about_best(best[0], summary), _about_temperature(best[0]))
        return Answer(" ".join(filter(None, parts)), (*notes, *few), _CLAIMS)
    details = [
        part
        for entry in best
        for part in (_about_best(entry, summary), _about_temperature(entry))
        if part
    ]
    return Answer(_about_widths(best), (*details, *notes, *few), _CLAIMS)


def _about_widths(best: Sequence[Mapping[str, Any]]) -> str:
    """Say in two sentences at which widths distillation helps, and at which T matters."""
    known = [entry for entry in best if entry["choice"]["low"] is not None]
    if not known:
        return "Fewer than 4 seeds: whether any gain is more than chance cannot be said."
    choices = [(entry["width"], entry["choice"]) for entry in known]
    ahead = [w for w, choice in choices if choice["beyond_noise"] and choice["mean"] > 0]
    behind = [w for w, choice in choices if choice["beyond_noise"] and choice["mean"] < 0]
    open_ = [w for w, choice in choices if not choice["beyond_noise"]]
    parts = [
        f"the best setting beats the twin at {_list(ahead)}" * bool(ahead),
        f"every setting is below the twin at {_list(behind)}" * bool(behind),
        f"no setting is shown to be better than the twin at {_list(open_)}" * bool(open_),
    ]
    said = "; ".join(filter(None, parts))
    rows = for_rows(known[0]["choice"])
    said = f"Beyond {CHANCE}{rows}, {said}."
    compared = [(entry["width"], entry["over_one"]) for entry in known if entry.get("over_one")]
    if not compared:
        return said
    matters = [w for w, over in compared if over["above"] or over["below"]]
    rest = [w for w, _ in compared if w not in matters]
    parts = [
        f"T matters at {_list(matters)}" * bool(matters),
        f"whether it does at {_list(rest)} cannot be told" * bool(matters and rest),
        f"whether T matters at {_list(rest)} cannot be told" * bool(rest and not matters),
    ]
    more = "; ".join(filter(None, parts))
    return f"{said} {more[0].upper()}{more[1:]}."


def _about_best(entry: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Say what the best setting of a width gains over the twin, and how sure that is."""
    choice, n_cells = entry["choice"], len(_select_cells(entry, summary))
    said = (
        f"At width {entry['width']}, the best of {n_cells} settings, T = {entry['temperature']:g} "
        f"and alpha = {entry['alpha']:g}, has {format_points(choice['mean'], sign=True, digits=2)} "
        "points of agreement against the twin"
    )
    if choice["low"] is None:
        return f"{said}; with fewer than 4 seeds, whether that is more than chance cannot be said."
    said += f" {format_interval(choice)}, allowing for the choice{for_rows(choice)}: "
    if not choice["beyond_noise"]:
        return f"{said}within {CHANCE}, so no setting tried is shown to be better than the twin."
    if choice["mean"] > 0:
        return f"{said}beyond {CHANCE}."
    return f"{said}beyond {CHANCE}, but below the twin."


def _about_cells(entry: Mapping[str, Any], summary: Mapping[str, Any]) -> list[str]:
    """Return notes on a width: how high its best setting reaches, and how many others gain."""
    cells = _select_cells(entry, summary)
    place = entry["temperature"], entry["alpha"]
    best = next(c for c in cells if (c["temperature"], c["alpha"]) == place)
    highest = best["agreement"]["mean"]
    ties = sum(abs(c["agreement"]["mean"] - highest) < _TIE for c in cells) - 1
    others = f", and so does {ties} other setting" if ties == 1 else f", and so do {ties} others"
    choice = entry["choice"]
    notes = [
        f"At width {entry['width']}, T = {place[0]:g} and alpha = {place[1]:g} reaches "
        f"{format_points(highest)}% agreement with the ensemble{others * bool(ties)}."
    ]
    if choice["above"]:
        notes.append(_count(entry["width"], choice["above"], "better"))
    if choice["below"]:
        notes.append(_count(entry["width"], choice["below"], "worse"))
    return notes + _say_what_lacks(entry)


def _count(width: int, n: int, word: str) -> str:
    many = f"{n} settings of the grid are" if n > 1 else f"{n} setting of the grid is"
    return f"At width {width}, {many} {word} than the twin beyond chance."


def _say_what_lacks(entry: Mapping[str, Any]) -> list[str]:
    """Say how many more seeds and rows would decide on a gain that is within chance."""
    choice = entry["choice"]
    if choice["low"] is None or choice["beyond_noise"] or choice["mean"] <= 0:
        return []
    times = ((choice["high"] - choice["mean"]) / choice["mean"]) ** 2
    if times > _MOST:
        return []
    return [
        f"To tell a gain of this size at width {entry['width']}, about {max(times, 1.1):.2g} times "
        "as many seeds and test rows would be needed (an estimate)."
    ]


def _select_cells(entry: Mapping[str, Any], summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [c for c in summary["cells"] if c["width"] == entry["width"] and c["alpha"] > 0]


def _list(widths: Sequence[int]) -> str:
    return f"width{'s' * (len(widths) > 1)} {', '.join(str(width) for width in widths)}"


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
