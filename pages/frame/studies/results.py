"""What a study's page shows: the answer, figures side by side, the files to take along."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from distill_core import figures
from distill_core.exports.setting import hide_table
from distill_core.measures.shares import format_share
from distill_core.studies import Study, answers, picture_answers
from distill_core.studies.chances import keep_seeds_alone
from distill_core.studies.costs import Cost
from distill_core.studies.study import NO_VERDICT
from pages.frame.browser.chart import chart_view
from pages.frame.controls.settings import SEEDS_ALONE
from pages.frame.controls.url_state import plain
from pages.frame.controls.widgets import ask
from pages.frame.studies import example, run
from pages.frame.takeaway import report

# Notes that stand below an answer; more of them are folded away, so that it stays short.
_MOST_NOTES = 2


def write_answer(found: Study) -> None:
    """Show the answer, its first sentence in bold, and what qualifies it below.

    What is partial gives no verdict.
    """
    if not found.rows:
        running = run.is_running(found.spec)
        st.info(
            "The first numbers come when the ensemble is trained."
            if running
            else "Nothing is computed for this setting yet.",
            icon=":material/hourglass_top:" if running else ":material/science:",
        )
        if not running:
            example.show(found.name)
        st.stop()
    answer = found.verdict
    with st.container(border=True):
        if found.partial:
            st.badge(f"Partial: {found.n_done} of {found.n_tasks} parts", icon=":material/pending:")
            st.markdown(NO_VERDICT)
            return
        first, *rest = re.split(r"(?<=\.) (?=[A-Z])", answer.said, maxsplit=1)
        st.markdown(" ".join([f"**{plain(first)}**", *map(plain, rest)]))
        view = picture_answers.name_view(found.ensemble)
        st.caption(plain(f"{answer.claims} {view}".strip()))
        notes = [f"- {plain(note)}" for note in answer.notes]
        if notes:
            st.markdown("\n".join(notes[:_MOST_NOTES]))
        if notes[_MOST_NOTES:]:
            with st.expander(f"{len(notes) - _MOST_NOTES} more on what this rests on"):
                st.markdown("\n".join(notes[_MOST_NOTES:]))


def choose_chance(found: Study, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Ask whether intervals allow for seeds alone, and return the summary with such intervals.

    The difference is explained with the visitor's own numbers: `examples` are bands of shares
    under the words that name them, of which the first that is known is taken.
    """
    chosen = ask("chance")
    said = [answers.compare_chances(name, band) for name, band in examples.items()]
    st.caption(plain(next(filter(None, said), "")))
    if chosen != SEEDS_ALONE:
        return found.summary
    alone: dict[str, Any] = keep_seeds_alone(found.summary)
    return alone


def draw_chart(figure: go.Figure, key: str, words: str) -> None:
    """Draw a figure; `words` say what is seen to those who do not see it."""
    chart_view(figure, key=key, label=words)


def draw_charts(columns: int | Sequence[int], drawn: Iterable[tuple[go.Figure, str, str]]) -> None:
    """Draw figures side by side, row by row; each as `draw_chart` takes it."""
    places: list[Any] = []
    for figure, key, words in drawn:
        places = places or st.columns(columns, gap="medium")
        with places.pop(0):
            draw_chart(figure, key, words)


def show_metrics(
    values: Mapping[str, tuple[str, str]], places: Sequence[DeltaGenerator] | None = None
) -> None:
    """Show figures in a row: by name a value and what is to be said below it."""
    for column, (label, (value, below)) in zip(
        st.columns(len(values)) if places is None else places, values.items(), strict=False
    ):
        column.metric(label, value, below or None, delta_color="off", delta_arrow="off")


def format_value(found: Mapping[str, Any]) -> tuple[str, str]:
    """Return the mean and the interval of a share's band as `show_metrics` shows them."""
    known = found["low"] is not None
    ends = " to ".join(format_share(found[end]) for end in ("low", "high")) if known else ""
    return format_share(found["mean"]), ends or "no interval"


def format_count(share: float, n: int) -> tuple[str, str]:
    """Return one counted share, and of how many rows, as `show_metrics` shows them."""
    return format_share(share), f"{round(share * n):,} of {n:,} rows"


def tabulate_groups(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return all figures of a variance study, a row for each source and group."""
    return [
        {"repeats over": source, "model": figures.GROUPS[group]}
        | {
            name.replace("_", " "): figures.describe_band(value, ".4f")
            if isinstance(value, dict)
            else "not known"
            if value is None
            else f"{value:.4f}"
            for name, value in of_group.items()
        }
        for source, part in summary.items()
        for group, of_group in part["groups"].items()
    ]


def pick_widths(widths: Sequence[int], chosen: int | None) -> list[int]:
    """Return four widths from narrow to wide to show as examples, the chosen one among them."""
    at = {round(i) for i in np.linspace(1, len(widths) - 1, min(4, len(widths)))}
    picked = [widths[i] for i in sorted(at)]
    if chosen is not None and chosen not in picked:
        nearest = min(picked, key=lambda width: abs(math.log2(width / chosen)))
        picked[picked.index(nearest)] = chosen
    return picked


def offer_files(found: Study, measured: Sequence[Cost] = ()) -> None:
    """Offer the report, with what was measured, the table and the spec as files."""
    name = f"{found.name}-{found.spec.digest[:8]}"
    spec = {"study": found.name, "spec": hide_table(found.spec.model_dump(mode="json"))}
    told, table, setting, words = st.columns([1, 1, 1, 3], vertical_alignment="center")
    with told:
        report.offer_study(found, measured)
    table.download_button(
        "Table (CSV)",
        found.to_csv,
        f"{name}.csv",
        "text/csv",
        icon=":material/table:",
        on_click="ignore",
        width="stretch",
        help="One row per setting and seed.",
    )
    setting.download_button(
        "Spec (JSON)",
        json.dumps(spec, indent=2),
        f"{name}.json",
        "application/json",
        icon=":material/data_object:",
        on_click="ignore",
        width="stretch",
        help="Everything that this study was asked; the same spec gives the same numbers.",
    )
    words.caption(
        "The signs above each figure save it as PNG or SVG, with this setting, and its numbers "
        "as CSV. This page's address holds the whole "
        "setting, though never data of your own: whoever opens it sees the same, without "
        "computing it again."
    )
