"""How small can the student be?"""

from dataclasses import replace

import streamlit as st

from distill_core import figures
from distill_core.studies import CapacitySpec, answers, sufficiency
from pages.frame.controls.problem import explain_errors
from pages.frame.controls.student import choose_ensemble, fill_student
from pages.frame.controls.url_state import explain_address, offer_undo_and_reset
from pages.frame.controls.widgets import ask, fill
from pages.frame.studies import pieces, results, run

# Figure, what it is, how to write it.
MEASURES = [
    ("agreement", "agreement with the ensemble", ".1%"),
    ("accuracy", "accuracy", ".1%"),
    ("kl", "KL from the ensemble, nats", ".3f"),
    ("ece", "calibration error (ECE, 10 bins)", ".1%"),
    ("distance", "mean distance to the ensemble’s boundary, slice units", ".2f"),
]
RULE = """
The widest student is the best that this loss can do here. Every narrower one is compared with
it, **paired by seed**: the same start, the same batches. From the widest down, a width passes as
long as the whole 95% interval of the agreement that it loses lies within the tolerance. The first
that does not pass ends the search, and the last that passed is the answer. As the order is fixed
in advance and the first failure ends the search, trying many widths does not raise the chance of
naming one that is too narrow: it stays below 5% (fixed-sequence testing, Maurer, Hothorn,
Lehmacher 1995). The price is caution: a width that fails by bad luck hides those below it, and
more seeds find smaller students.

From which width on distillation beats the twin is decided in the same way, with the gain over
the twin in place of the loss against the widest.
"""

st.title("How small can the student be?")
st.markdown(
    "Students of growing width learn from one ensemble, each from several random starts, and each "
    "beside a twin that learns from the labels alone."
)
explain_address("capacity")
with explain_errors():
    with st.sidebar:
        ensemble, plane = choose_ensemble()
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    with left:
        spec = fill(CapacitySpec(ensemble=ensemble, plane=plane), "seeds")
    with middle:
        tolerance = ask("tolerance")
    with right.popover("Depth and loss", icon=":material/tune:"):
        spec = fill_student(spec, "capacity")
    with st.sidebar:
        offer_undo_and_reset("capacity")
    found = run.follow(spec)

if found.summary["beats_twin"]:
    # The tolerance trains nothing: what is known is decided anew.
    summary = sufficiency.decide(found.summary, tolerance)
    asked = spec.replace(tolerance=tolerance)
    found = replace(found, spec=asked, summary=summary, answer=answers.capacity(summary))
results.write_answer(found)
# While parts are missing no width is called sufficient, in the figures either.
sufficient = None if found.partial else found.summary["sufficient"]
shown = {entry["width"]: entry for entry in found.summary["widths"]}
# The widest is no answer: it only says that no narrower one was shown to be enough.
enough = sufficient if sufficient != spec.widths[-1] else None
if sufficient is not None:
    entry, whole = shown[sufficient], found.summary["ensemble"]
    results.show_metrics(
        {
            "Sufficient width" if enough else "Widest tried": (f"{sufficient}", ""),
            "Its parameters": (f"{entry['parameters']:,}", f"{entry['compression']:,.0f} × fewer"),
            "Its agreement": results.format_value(entry["student"]["agreement"]),
            "Its accuracy": results.format_value(entry["student"]["accuracy"]),
            "Ensemble’s accuracy": results.format_count(whole["accuracy"], whole["n_rows"]),
        }
    )
example = shown[sufficient or max(shown)]
summary = results.choose_chance(
    found, {f"Agreement at width {example['width']}": example["student"]["agreement"]}
)
entries = summary["widths"]

left, right = st.columns([3, 2], gap="medium")
for place, (name, title, form) in zip(
    (left, right, right, *st.columns(2, gap="medium")), MEASURES, strict=True
):
    with place:
        results.draw_chart(
            figures.bands_figure(
                spec.widths,
                {m: {e["width"]: e[m][name] for e in entries} for m in ("student", "twin")},
                value_name=title,
                value_format=form,
                marked=enough,
                height=536 if place is left else 260,
            ),
            f"capacity-{name}",
            f"{title}, against the student's width, for student and twin, with 95% bands.",
        )
st.caption(
    f"Test data, {spec.n_seeds} student seeds, one ensemble of {ensemble.n_members}. Bands: 95% "
    "intervals; those of calibration, KL and distance speak of other seeds alone. A network "
    "without a boundary in the window has no distance."
)

pieces.draw_widths(spec, plane, enough)

with st.expander("How the rule works", icon=":material/rule:"):
    st.markdown(RULE)
    st.dataframe(
        [
            {
                "width": entry["width"],
                "parameters": entry["parameters"],
                "loses against the widest": figures.describe_band(entry["loss"], "+.2%"),
                "within the tolerance": sufficiency.is_within(entry["loss"], tolerance),
                "gains over the twin": figures.describe_band(entry["gain"]["agreement"], "+.2%"),
                "beyond noise": entry["gain"]["agreement"]["beyond_noise"],
            }
            for entry in entries
        ],
        hide_index=True,
    )
results.offer_files(found)
