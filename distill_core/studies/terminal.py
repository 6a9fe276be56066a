"""Studies as plain text for a terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distill_core.studies import picture_answers
from distill_core.studies.answers import ask, format_bytes, name_model
from distill_core.studies.costs import Cost, price_per_million
from distill_core.studies.stability import GROUPS
from distill_core.studies.study import Band, Study


def table(study: Study) -> str:
    """Return a study's answer and its figures as lines of text.

    Percentages and points with their 95% interval over seeds and test rows; `*` marks a
    difference beyond chance.
    """
    answer = study.verdict
    notes = [f"- {note}" for note in answer.notes]
    claims = ["", f"{answer.claims} {picture_answers.name_view(study.ensemble)}".strip()]
    body = _TABLES[study.name](study.summary)
    return "\n".join([answer.said, *notes, *claims, "", *body, "", _LEGEND])


_LEGEND = (
    "In brackets: 95% interval over seeds and test rows. *: beyond chance. Agreement is with the "
    "ensemble, on test data."
)


def _capacity(summary: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{'width':>5} {'parameters':>10} {'smaller':>8}  {'agreement %':<22} {'twin %':<22} "
        f"{'gain, points':<24} {'accuracy %':<22} {'boundary':<8}"
    ]
    for entry in summary["widths"]:
        student, twin, gain = entry["student"], entry["twin"], entry["gain"]["agreement"]
        apart = student["distance"]["mean"]
        lines.append(
            f"{entry['width']:>5} {entry['parameters']:>10,} {entry['compression']:>7,.0f}x  "
            f"{_percent(student['agreement']):<22} {_percent(twin['agreement']):<22} "
            f"{_gain(gain):<24} {_percent(student['accuracy']):<22} "
            f"{'none' if apart is None else f'{apart:.3f}':<8}"
        )
    return [*lines, "", "boundary: mean distance to the ensemble's, in units of the plane."]


def _softness(summary: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for width in dict.fromkeys(cell["width"] for cell in summary["cells"]):
        cells = {(c["temperature"], c["alpha"]): c for c in summary["cells"] if c["width"] == width}
        alphas = sorted({alpha for _, alpha in cells})
        lines += [
            f"Width {width}: agreement minus the twin's, in points; T down, alpha across",
            "      " + "".join(f"{alpha:>8g}" for alpha in alphas),
        ]
        for temperature in sorted({temperature for temperature, _ in cells}):
            line = f"{temperature:>6g}"
            for alpha in alphas:
                cell = cells.get((temperature, alpha))
                found = None if cell is None else cell["gain"]["agreement"]
                known = found is not None and found["mean"] is not None
                line += (
                    f"{100 * found['mean']:>+7.1f}{_mark(found)}" if known and found else " " * 8
                )
            lines.append(line)
        lines.append("")
    return lines[:-1]


def _variance(summary: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for source, part in summary.items():
        lines.append(f"{part['n']} repeats over {source}")
        for name, title, shown in _FIGURES:
            values = [shown(part["groups"][model][name]) for model in GROUPS]
            lines.append(f"  {title:<28}" + "".join(f"{value:<26}" for value in values))
        entries = part["ledger"]
        lines.append(
            f"  cross-entropy: teacher {_nats(entries['teacher'])} = ensemble "
            f"{_nats(entries['ensemble'])} + diversity {_nats(entries['diversity'])} "
            f"(residual {entries['residual']:.0e})"
        )
        lines.append("")
    header = "  " + " " * 28 + "".join(f"{model:<26}" for model in GROUPS)
    return [header, *lines[:-1]] if lines else []


def costs(measured: Sequence[Cost], machine: str, price: float | None) -> str:
    """Return what was measured of every model as lines of text, with a price where there is one."""
    lines = [
        f"Measured on {machine}.",
        f"{'':<28}{'one case, us':>22}{'1,000 cases, ms':>20}{'cases a second':>16}"
        f"{'peak memory':>13}" + ("" if price is None else f"{'price, million':>16}"),
    ]
    for cost in measured:
        (one, many), (slow_one, slow_many) = cost.median, cost.p95
        lines.append(
            f"{name_model(cost.model).removeprefix('the ')[:28]:<28}"
            f"{f'{1e6 * one:,.0f} (p95 {1e6 * slow_one:,.0f})':>22}"
            f"{f'{1e3 * many:,.2f} (p95 {1e3 * slow_many:,.2f})':>20}"
            f"{cost.throughput:>16,.0f}{format_bytes(cost.memory):>13}"
            + ("" if price is None else f"{price_per_million(cost, price):>16.2g}")
            + f"  {cost.form}"
        )
    return "\n".join(lines)


def _worth(summary: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{'':<36}{'bytes':>9} {'parameters':>10} {'operations':>10}  {'accuracy %':<20}"
        f"{'agreement %':<22}{'student minus it, points':<24}"
    ]
    for entry in summary["models"]:
        name = name_model(entry["model"]).removeprefix("the ").removeprefix("its ")
        lead = _gain(entry["lead"]) if "lead" in entry else ""
        lines.append(
            f"{name:<36}{format_bytes(entry['bytes']):>9} {entry['parameters']:>10,} "
            f"{entry['operations']:>10,}  {_percent(entry['accuracy']):<20}"
            f"{_percent(entry['agreement']):<22}{lead}"
        )
    return [ask(summary), "", *lines, "", "operations: multiply-adds, of trees comparisons."]


def _write(found: Band, form: str, factor: float = 1.0) -> str:
    """Return a band times a factor, each number in a format."""
    if found["mean"] is None:
        return "-"
    mean = f"{factor * found['mean']:{form}}"
    if found["low"] is None:
        return mean
    return f"{mean} [{factor * found['low']:{form}}, {factor * found['high']:{form}}]"


def _percent(found: Band) -> str:
    return _write(found, ".1f", 100)


def _nats(found: Band) -> str:
    return _write(found, ".4f")


def _gain(found: Band) -> str:
    return _write(found, "+.1f", 100) + _mark(found)


def _mark(found: Band) -> str:
    return "*" if found["beyond_noise"] else " "


_FIGURES: list[tuple[str, str, Callable[[Band], str]]] = [
    ("accuracy", "accuracy, %", _percent),
    ("agreement", "agreement, %", _percent),
    ("churn", "churn, %", _percent),
    ("seed_variance", "seed variance, nats", _nats),
    ("squared_loss", "squared loss", _nats),
    ("squared_bias", "  its bias", _nats),
    ("squared_variance", "  its variance", _nats),
    ("zero_one_loss", "0-1 loss, %", _percent),
]
_TABLES = {"capacity": _capacity, "softness": _softness, "variance": _variance, "worth": _worth}
