"""The report of a study: its answer, its main figure, what it does not claim."""

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.data import datasets
from distill_core.exports import svg_charts
from distill_core.exports.page import Figure, Report
from distill_core.exports.report import name_data, warn_of_slice
from distill_core.measures.shares import format_share
from distill_core.specs import EnsembleSpec
from distill_core.studies import Study, WorthSpec, answers, costs, picture_answers
from distill_core.studies.contenders import SAME_COST
from distill_core.studies.costs import Cost

_TITLES = {
    "capacity": "How small can the student be?",
    "softness": "What do T and alpha do?",
    "variance": "Does one student keep the ensemble's stability?",
}
_ASKED = {
    "capacity": "How many units a student needs to answer as the ensemble does",
    "softness": "Which temperature T and which weight alpha on the ensemble teach a student best",
    "variance": "Whether a student changes its mind as little as the ensemble when all is trained "
    "again",
}
_MODELS = {
    "teacher": "single teacher",
    "ensemble": "ensemble",
    "student": "student",
    "twin": "twin",
}


def report_study(
    study: Study, link: str = "", command: str = "", measured: Sequence[Cost] = ()
) -> Report:
    """Return the report of a study that is finished.

    Parameters
    ----------
    link, command : str
        What opens it again in the app, and what makes it again from a command line.
    measured : sequence of Cost
        What answers cost where they were measured; only the study `worth` speaks of that.

    Raises
    ------
    ValueError
        When parts are missing: there is no answer to report.
    """
    if study.partial:
        raise ValueError(f"{study.n_done} of {study.n_tasks} parts are done; there is no answer.")
    if isinstance(study.spec, WorthSpec):
        return _report_worth(study, link, command, measured)
    ensemble, answer = study.ensemble, study.verdict
    data = datasets.load(ensemble.problem.dataset)
    n = ensemble.n_members
    pictures, table = _DRAWN[study.name](study.summary)
    return Report(
        title=_TITLES[study.name],
        asked=(
            f"{_ASKED[study.name]}; one ensemble of {n} {'network' if n == 1 else 'networks'}, "
            f"{name_data(ensemble.problem.dataset)}, {data.n_classes} classes."
        ),
        found=answer.said,
        found_name="Found",
        sure=answer.claims
        or f"Intervals are 95%, for other seeds and other rows like these {len(data.y_test):,}.",
        pictures=pictures,
        table=table,
        method=[
            f"Students and their twins, taught by labels alone, were trained from several random "
            f"starts; all answered the same {len(data.y_test):,} test rows that nobody had learned "
            "from.",
            "A student and its twin have the same start and the same batches: what differs between "
            "them is the ensemble's teaching alone.",
        ],
        limits=[picture_answers.name_view(ensemble), *answer.notes],
        settings=describe_study(study, ensemble),
        link=link,
        command=command,
    )


def describe_study(study: Study, ensemble: EnsembleSpec) -> dict[str, str]:
    """Return the whole setting of a study in words, by name."""
    spec: dict[str, Any] = study.spec.model_dump(mode="json")
    spec.pop("ensemble", None)
    settings = {
        "data": name_data(ensemble.problem.dataset),
        "view": "all features" if ensemble.problem.plane is None else "slice",
        "teachers": f"{ensemble.n_members}, {'-'.join(map(str, ensemble.hidden))} hidden units",
        "seed of the ensemble": str(ensemble.seed),
    }
    student = spec.pop("student", {})
    student.pop("ensemble", None)
    return settings | {
        name.replace("_", " "): _write(value) for name, value in {**student, **spec}.items()
    }


def _write(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_write(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, list | tuple):
        return ", ".join(map(_write, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _report_worth(study: Study, link: str, command: str, measured: Sequence[Cost]) -> Report:
    """Return the report that recommends: distil, use something else, or that it cannot be told."""
    spec, summary, ensemble = study.spec, study.summary, study.ensemble
    assert isinstance(spec, WorthSpec)
    said = [answers.say_how_sure(summary), *answers.say_safe(summary)]
    lost, between = answers.say_loss(summary)
    smaller = spec.ensemble_size.bytes / spec.student_size.bytes
    own, whole = (answers.format_bytes(s.bytes) for s in (spec.student_size, spec.ensemble_size))
    figures = [
        (lost, f"cases lost of 1,000 against all teachers, 95% interval {between}"),
        (f"{smaller:,.0f} times", f"smaller: {own} for {whole}"),
    ]
    times = costs.compare_times(measured)
    if times is not None:
        many = f"faster with 1,000 cases at once; {costs.format_times(times[0])} with one"
        figures.append((costs.format_times(times[1]), many))
    title = "Bytes against accuracy on test data"
    drawn = svg_charts.draw_costs(
        _list_points(summary), "size", "accuracy", title, answers.format_bytes
    )
    n, n_rows = ensemble.n_members, summary["n_rows"]
    return Report(
        title=f"Is one small network worth teaching in place of {n} large one{'s'[: n > 1]}?",
        asked=f"{answers.ask(summary)} On {name_data(ensemble.problem.dataset)}.",
        found=" ".join([answers.recommend(summary), *said[1:]]),
        sure=said[0] or "Not at all: no comparison has an interval.",
        figures=figures,
        pictures=[Figure(drawn, f"{title}. Dotted: the smallest models that reach each accuracy.")],
        table=_tabulate_rivals(summary, measured),
        method=[
            f"Student, its twin, trees and forests were trained {summary['n_seeds']} times from "
            f"other random starts; all answered the same {n_rows:,} rows that nobody had learned "
            "from.",
            "Trees and forests have at most about the student's bytes. They, and the single "
            "teachers, were chosen on the rows to learn from, never on those of the test.",
            "Distilling is recommended only where the student is shown to be better than every "
            "model of about its size, and to lose little against all teachers together.",
            *_say_where_measured(measured),
        ],
        limits=[
            *warn_of_slice(ensemble),
            *(note for note in study.answer.notes if note not in said),
            f"It is taken for granted that {10 * summary['tolerance']:g} cases of 1,000 may be "
            "lost for what is saved, and that all errors cost the same.",
            "It speaks of this ensemble, and of rows like these; data may change.",
        ],
        settings=describe_study(study, ensemble),
        link=link,
        command=command,
    )


def _say_where_measured(measured: Sequence[Cost]) -> list[str]:
    if not measured:
        return ["Times were not measured for this report."]
    return [f"Times are medians of single calls on {costs.describe_machine()}."]


def _list_points(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what `draw_costs` draws; the first teachers are many and share one name."""
    return [
        {
            "model": entry["model"],
            "name": _name_in_key(entry["model"]),
            "cost": entry["bytes"],
            "value": entry["accuracy"],
        }
        for entry in summary["models"]
        if entry["accuracy"]["mean"] is not None
    ]


def _name_in_key(model: str) -> str:
    return "fewer teachers" if model.startswith("teachers-") else answers.name_model(model)


def _tabulate_rivals(summary: Mapping[str, Any], measured: Sequence[Cost]) -> list[tuple[str, ...]]:
    """Return a row for each model but those of fewer teachers, which the chart shows."""
    of = costs.find_fastest(measured)
    rows: list[tuple[str, ...]] = [
        ("model", "size", "accuracy", "student's lead, points", "1,000 cases, ms")
    ]
    for entry in summary["models"]:
        model = entry["model"]
        if model.startswith("teachers-"):
            continue
        cost = of.get(SAME_COST.get(model, model))
        rows.append(
            (
                answers.name_model(model),
                answers.format_bytes(entry["bytes"]),
                _share(entry["accuracy"]),
                _points(entry["lead"]).replace("*", "") if "lead" in entry else "-",
                "-" if cost is None else f"{1e3 * cost.median[1]:.3g}",
            )
        )
    return rows if measured else [row[:-1] for row in rows]


Drawn = tuple[Sequence[Figure], Sequence[Sequence[str]]]


def _draw_capacity(summary: Mapping[str, Any]) -> Drawn:
    entries = summary["widths"]
    title = "Agreement with the ensemble on test data, by the student's width"
    drawn = svg_charts.draw_bands(
        [entry["width"] for entry in entries],
        {m: [entry[m]["agreement"] for entry in entries] for m in ("student", "twin")},
        "width of the student",
        "agreement with the ensemble",
        title,
    )
    rows = [("width", "weights", "agreement", "accuracy", "gain over the twin, points")]
    rows += [
        (
            f"{entry['width']}",
            f"{entry['parameters']:,}",
            _share(entry["student"]["agreement"]),
            _share(entry["student"]["accuracy"]),
            _points(entry["gain"]["agreement"]),
        )
        for entry in entries
    ]
    return [Figure(drawn, f"{title}: means with 95% intervals.")], rows


def _draw_softness(summary: Mapping[str, Any]) -> Drawn:
    cells = summary["cells"]
    width = max(cell["width"] for cell in cells)
    found = {
        (c["temperature"], c["alpha"]): c["gain"]["agreement"] for c in cells if c["width"] == width
    }
    alphas = sorted({alpha for _, alpha in found})
    rows = [(f"T, at width {width}", *(f"alpha {alpha:g}" for alpha in alphas))]
    for temperature in sorted({temperature for temperature, _ in found}):
        line = [found.get((temperature, alpha)) for alpha in alphas]
        rows.append(
            (f"{temperature:g}", *("" if one is None else _mean_points(one) for one in line))
        )
    return [], rows


def _draw_variance(summary: Mapping[str, Any]) -> Drawn:
    pictures = []
    for source in sorted(summary, reverse=True):
        groups = summary[source]["groups"]
        title = f"Predictions that flip when all is trained again, repeats over {source}"
        drawn = svg_charts.draw_groups(
            {shown: groups[name]["churn"] for name, shown in _MODELS.items()}, format_share, title
        )
        pictures.append(Figure(drawn, f"{title}: share of test rows, with 95% intervals."))
    rows = [("repeats over", "model", "accuracy", "predictions that flip")]
    rows += [
        (source, shown, _share(groups[name]["accuracy"]), _share(groups[name]["churn"]))
        for source in sorted(summary, reverse=True)
        for groups in [summary[source]["groups"]]
        for name, shown in _MODELS.items()
    ]
    return pictures, rows


def _share(found: Mapping[str, Any]) -> str:
    if found["mean"] is None:
        return "-"
    if found["low"] is None:
        return format_share(found["mean"])
    mean, low, high = (format_share(found[end]) for end in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def _points(found: Mapping[str, Any]) -> str:
    if found["mean"] is None or found["low"] is None:
        return _mean_points(found)
    return f"{_mean_points(found)} ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})"


def _mean_points(found: Mapping[str, Any]) -> str:
    """Return a mean in points, with a star where its interval lies beyond 0."""
    if found["mean"] is None:
        return "-"
    return f"{100 * found['mean']:+.1f}{'*' * bool(found.get('beyond_noise'))}"


_DRAWN = {"capacity": _draw_capacity, "softness": _draw_softness, "variance": _draw_variance}
