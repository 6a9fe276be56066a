"""Does one student keep the ensemble's stability?"""

import streamlit as st

from distill_core import figures
from distill_core.specs import StudentSpec
from distill_core.studies import VarianceSpec, answers, maps
from pages.frame.controls.problem import explain_errors
from pages.frame.controls.student import choose_ensemble, fill_student
from pages.frame.controls.url_state import explain_address, offer_undo_and_reset, plain
from pages.frame.controls.widgets import ask, fill
from pages.frame.server import service
from pages.frame.studies import pieces, results, run

# Figure, what it is, how to write it.
MEASURES = [
    ("churn", "churn: predictions that flip", ".1%"),
    ("seed_variance", "variance: KL to the mean, nats", ".3f"),
    ("accuracy", "accuracy", ".1%"),
    ("squared_loss", "squared loss (Brier)", ".3f"),
    ("squared_bias", "of it squared bias", ".3f"),
    ("squared_variance", "of it variance", ".3f"),
]

st.title("Does one student keep the ensemble's stability?")
st.markdown(
    "Train everything again, with other seeds or on a resample of the data: what changes its mind "
    "less, a single network, the ensemble, or the one student that learned from it?"
)
explain_address("variance")
with explain_errors():
    with st.sidebar:
        ensemble, plane = choose_ensemble()
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    with left:
        spec = fill(VarianceSpec(), "repeats")
    with middle:
        spec = fill(spec, "resamples")
    with right.popover("Student and loss", icon=":material/tune:"):
        spec = spec.replace(student=fill_student(StudentSpec(ensemble=ensemble), "variance"))
    seen = maps.MapsSpec(study=spec, plane=plane)
    with st.sidebar:
        offer_undo_and_reset("variance")
    found = run.follow(spec, [maps.task(seen)])

results.write_answer(found)
first = next(iter(found.summary.values()))
churn = first["groups"]["student"]["churn"]
summary = results.choose_chance(found, {"Predictions that flip, student": churn})
# What comes from the store has its names in alphabetical order.
summary = dict(sorted(summary.items(), reverse=True))
results.draw_charts(
    3,
    [
        (
            figures.groups_figure(
                {
                    source: {group: of_group[name] for group, of_group in part["groups"].items()}
                    for source, part in summary.items()
                },
                value_name=title,
                value_format=form,
            ),
            f"variance-{name}",
            f"{title}: single teacher, ensemble, student and twin, with 95% intervals.",
        )
        for name, title, form in MEASURES
    ],
)
st.caption(
    "● seeds, ◇ resamples. Test data. A "
    "teacher's figures are the mean over its ensemble. "
    "Intervals of churn, variance and bias come from the jackknife over repeats, which needs at "
    "least three. Squared bias is measured against the labels, so label noise is part of it."
)
with st.expander("All figures as a table", icon=":material/table:"):
    st.dataframe(results.tabulate_groups(summary), hide_index=True)

st.header("Where the cross-entropy goes")
source = ask("over", list(summary))
ledger = summary[source]["ledger"]
if not found.partial:
    st.markdown(plain(answers.ledger(found.summary[source]["ledger"])))
results.draw_chart(
    figures.ledger_figure(ledger),
    "variance-ledger",
    "Cross-entropy: mean teacher, minus diversity, is the ensemble's; then student and twin.",
)
st.caption(
    "Exactly, for every repeat: mean teacher = ensemble + diversity (Wood et al. 2023). Largest "
    f"residual: {ledger['residual']:.1e} nats. The axis does not begin at 0."
)

artifact = service.store().get("maps", seen.digest)
if artifact is not None:
    view = maps.read(seen, artifact)
    st.header("What the student cannot express")
    if not found.partial:
        st.markdown(plain(answers.uncertainty(found.summary["seeds"]["uncertainty"])))
    pieces.draw_uncertainty(view, ensemble.problem)
    st.header("The boundary of every repeat")
    pieces.draw_repeats(view)
results.offer_files(found)
