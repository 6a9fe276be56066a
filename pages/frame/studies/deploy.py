"""What the page "Worth it?" shows: three lines, what is saved, costs measured now, the picture."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from distill_core import figures
from distill_core.specs import SpecError
from distill_core.studies import Study, WorthSpec, answers, contenders, costs, picture_answers
from distill_core.studies.answers import format_bytes, name_model
from distill_core.studies.contenders import Contender
from distill_core.studies.costs import Cost
from pages.frame.controls.url_state import plain
from pages.frame.controls.widgets import ask
from pages.frame.server import pace, service, waiting
from pages.frame.studies import results

RULE = """
The student's **lead** over a rival is its accuracy minus the rival's, on the same test rows and,
where both are trained from a seed, at the same seed. *Small* is a rival with no more bytes than
the student, give or take a quarter: its twin, and mostly logistic regression, a tree, a forest.

- **Use X instead**: X is small and shown to be better than the student; or X costs more, and the
  student is shown to lose more than the points that may be lost. One of many rivals may look
  better by chance, so these intervals hold for all of them at once (Bonferroni).
- **Distil**: the student is shown to be better than *every* small rival, and to lose less than
  those points against the ensemble. Each has to be shown at 95% confidence.
- Otherwise it **cannot be told** from these rows.

The ensemble is given; seeds are those of students, twins, trees and forests. The best teacher and
the teacher nearest to the ensemble are chosen on training data, and so is the size of tree and
forest, by cross-validation, up to the student's bytes.
"""
# Places in the row of what is saved and lost.
N_SAVINGS = 6
# What was measured, by the digest of its student, for this visitor.
_MEASURED = "costs measured"
# What is being measured.
_NOW = "costs being measured"
# Seconds for which a look measures, and begins another model.
_STEP = 0.3
# Visitors measure in turn: two at once would each find the machine slow.
_TURN = threading.Lock()
# Seconds and places of the cost axes that were measured.
_BATCH = {"one case": 0, "1,000 cases": 1}


def write_three_lines(found: Study) -> None:
    """Say what was asked, what is recommended, how sure that is."""
    summary = found.summary
    said = "No recommendation yet: the student and its rivals are being compared."
    sure = "Figures so far stand below and may still change."
    if not found.partial:
        said, sure = answers.recommend(summary), answers.say_how_sure(summary)
    first, _, rest = said.partition(". ")
    st.markdown(f"Asked: {plain(answers.ask(summary))}")
    st.markdown(f"Recommended: **{plain(first.rstrip('.'))}.** {plain(rest)}")
    st.markdown(f"How sure: {plain(sure or 'Not at all: no comparison has an interval.')}")
    notes = [] if found.partial else [note for note in found.answer.notes if note != sure]
    if notes:
        st.markdown("\n".join(f"- {plain(note)}" for note in notes))
    view = picture_answers.name_view(found.ensemble)
    claims = "" if found.partial else found.verdict.claims
    st.caption(plain(f"{view} {claims}".strip()))


def show_sizes(spec: WorthSpec, places: Sequence[DeltaGenerator]) -> None:
    """Show how much smaller the student is, in the first two places."""
    own, whole = spec.student_size, spec.ensemble_size
    shown = {
        "Smaller": (
            costs.format_times(whole.bytes / own.bytes),
            f"{format_bytes(own.bytes)} for {format_bytes(whole.bytes)}",
        ),
        "Fewer multiply-adds": (
            costs.format_times(whole.operations / own.operations),
            f"{own.operations:,} for {whole.operations:,}",
        ),
    }
    results.show_metrics(shown, places)


def show_losses(found: Study, places: Sequence[DeltaGenerator]) -> None:
    """Show what the student loses and, once it is measured, how much faster it is."""
    assert isinstance(found.spec, WorthSpec)
    models = {entry["model"]: entry for entry in found.summary["models"]}
    shown = {}
    if "student" in models:
        shown["Lost of 1,000 cases"] = answers.say_loss(found.summary)
        shown["Accuracy, student"] = results.format_value(models["student"]["accuracy"])
        shown["Accuracy, ensemble"] = results.format_value(models["ensemble"]["accuracy"])
    if times := costs.compare_times(read_measured(found.spec)):
        one, many = map(costs.format_times, times)
        shown["Faster, 1,000 cases"] = (many, f"one case: {one}")
    results.show_metrics(shown, places[2:])


def read_measured(spec: WorthSpec) -> list[Cost]:
    """Return what was measured for this visitor; empty before that is finished."""
    measured: list[Cost] = st.session_state.get(_MEASURED, {}).get(spec.student.digest, [])
    return measured


@st.fragment
def show_costs(found: Study) -> None:
    """Draw cost against quality; measure the times first, if they are not known yet."""
    if found.partial:
        return
    kept: dict[str, list[Cost]] = st.session_state.setdefault(_MEASURED, {})
    left, right, typed = st.columns([5, 3, 2], vertical_alignment="bottom")
    with left:
        axis = ask("cost")
    with right:
        quality = ask("quality")
    with typed:
        text = ask("price")
    price = None
    try:
        price = costs.read_price(text)
    except SpecError as error:
        st.warning(plain(str(error)), icon=":material/payments:")
    assert isinstance(found.spec, WorthSpec)
    # The points that may be lost change no cost.
    measured = kept.get(found.spec.student.digest, [])
    _draw(found, measured, axis, quality, price)
    if not measured:
        _measure(found, price)
        return
    _show_table(found, measured, price)
    words, again = st.columns([4, 1], vertical_alignment="center")
    words.caption(
        f"Measured now on {costs.describe_machine()}. Times are medians of single calls, p95 the "
        "time that 95 of 100 calls do not exceed; while others use this server they are longer. "
        "Networks run in torch, the others in scikit-learn as installed."
    )
    if again.button("Measure again", icon=":material/timer:", width="stretch"):
        kept.clear()
        st.rerun(scope="fragment")


def show_leads(summary: Mapping[str, Any]) -> None:
    """Show the student's lead over each rival."""
    st.dataframe(
        [
            {
                "rival": name_model(entry["model"]),
                "bytes": entry["bytes"],
                "student's lead in accuracy": figures.describe_band(entry["lead"], "+.2%"),
                "of all at once": figures.describe_band(entry["lead_at_once"], "+.2%"),
            }
            for entry in summary["models"]
            if "lead" in entry
        ],
        hide_index=True,
    )


@dataclass
class _Measuring:
    """A measurement that goes on while a visitor watches."""

    digest: str
    rest: Iterator[Contender]
    measured: list[Cost] = field(default_factory=list)


@waiting.look_again(every=pace.STUDY_POLL)
def _measure(found: Study, price: float | None) -> None:
    """Measure a few models and show them, again and again until all are known.

    Between two looks the server has time for others, and for this page's own widgets. The first
    look measures nothing: the page is drawn before.
    """
    assert isinstance(found.spec, WorthSpec)
    digest = found.spec.student.digest
    now: _Measuring | None = st.session_state.get(_NOW)
    if now is None or now.digest != digest:
        rest = contenders.list_contenders(found.spec, service.store())
        st.session_state[_NOW] = _Measuring(digest, rest)
        st.caption("Measuring begins …")
        return
    end = time.monotonic() + _STEP
    while time.monotonic() < end:
        one = next(now.rest, None)
        if one is None:
            st.session_state[_MEASURED] = {digest: now.measured}
            del st.session_state[_NOW]
            st.rerun()
        with _TURN:
            now.measured.append(costs.measure(one))
    _show_table(found, now.measured, price)


def _draw(
    found: Study, measured: Sequence[Cost], axis: str, quality: str, price: float | None
) -> None:
    """Draw cost against quality, on the axis that is asked for if it is known."""
    of = costs.find_fastest(measured)
    points = []
    for entry in found.summary["models"]:
        cost = of.get(contenders.SAME_COST.get(entry["model"], entry["model"]))
        value = _read_cost(entry, cost, axis, price)
        if value is None:
            continue
        points.append(
            {
                "model": entry["model"],
                "name": name_model(entry["model"]),
                "cost": value,
                "value": entry[quality],
                "details": _describe(entry, cost, price),
            }
        )
    if not points:
        st.caption(
            "The price is missing." if axis not in _BATCH and price is None else "Measuring …"
        )
        return
    name = {
        "bytes": "bytes",
        "one case": "milliseconds for one case",
        "1,000 cases": "milliseconds for 1,000 cases",
        "price": "price of a million answers",
    }[axis]
    results.draw_chart(
        figures.deploy_figure(points, cost_name=name, value_name=f"{quality} on test data"),
        "deploy",
        f"Every model's {name} against its {quality}, with 95% intervals and the Pareto front.",
    )
    st.caption(
        f"Test data, {found.summary['n_seeds']} seeds; bars: 95% intervals for other seeds and "
        "other test rows. All models find the same rows hard: the differences that the "
        "recommendation rests on are surer than these bars. Pareto front: no model is cheaper and "
        "as good, by the means alone."
    )


def _read_cost(
    entry: Mapping[str, Any], cost: Cost | None, axis: str, price: float | None
) -> float | None:
    """Return what a model costs on an axis, or None while that is not known."""
    if axis == "bytes":
        return float(entry["bytes"])
    if cost is None:
        return None
    if axis in _BATCH:
        return 1e3 * cost.median[_BATCH[axis]]
    return None if price is None else costs.price_per_million(cost, price)


def _describe(entry: Mapping[str, Any], cost: Cost | None, price: float | None) -> list[str]:
    """Return what the hover text says of a model."""
    said = [
        f"{format_bytes(entry['bytes'])}, {entry['parameters']:,} parameters",
        f"{entry['operations']:,} operations an answer",
    ]
    if cost is not None:
        one, many = cost.median
        said.append(f"{1e3 * one:.3g} ms for one case, {1e3 * many:.3g} ms for 1,000")
        said.append(f"{cost.throughput:,.0f} cases a second")
    if cost is not None and price is not None:
        said.append(f"{costs.price_per_million(cost, price):.2g} for a million answers")
    return said


def _show_table(found: Study, measured: Sequence[Cost], price: float | None) -> None:
    """Show a row for each measured model and form, large numbers in groups of three digits."""
    large = ("bytes", "parameters", "operations", "cases a second", "peak memory, bytes")
    st.dataframe(
        _tabulate(found, measured, price),
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="localized") for name in large},
    )


def _tabulate(
    found: Study, measured: Sequence[Cost], price: float | None
) -> list[dict[str, str | int | float | None]]:
    """Return a row for each measured model and form."""
    models = {entry["model"]: entry for entry in found.summary["models"]}
    return [
        {
            "model": name_model(cost.model),
            "form": cost.form,
            "bytes": cost.bytes or models[cost.model]["bytes"],
            "parameters": models[cost.model]["parameters"],
            "operations": models[cost.model]["operations"],
            "one case, ms": round(1e3 * cost.median[0], 4),
            "p95, ms": round(1e3 * cost.p95[0], 4),
            "1,000 cases, ms": round(1e3 * cost.median[1], 3),
            "p95 of these, ms": round(1e3 * cost.p95[1], 3),
            "cases a second": round(cost.throughput),
            "peak memory, bytes": cost.memory,
            "price of a million": None
            if price is None
            else float(f"{costs.price_per_million(cost, price):.3g}"),
        }
        for cost in measured
    ]
