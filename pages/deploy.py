"""What does the student save, and is it worth it?"""

from dataclasses import replace

import streamlit as st

from distill_core.specs import StudentSpec
from distill_core.studies import WorthSpec, answers, verdict
from pages.frame.controls.problem import explain_errors
from pages.frame.controls.student import choose_ensemble, fill_student
from pages.frame.controls.url_state import explain_address, offer_undo_and_reset
from pages.frame.controls.widgets import ask, fill
from pages.frame.studies import deploy, results, run

# Seconds; a study that takes no longer begins when the page is opened.
AT_ONCE = 30.0

st.title("What does the student save, and is it worth it?")
explain_address("deploy")
st.space("small")
lines = st.container(border=True)
with explain_errors():
    with st.sidebar:
        ensemble, _ = choose_ensemble()
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    with left:
        spec = fill(WorthSpec(), "trials")
    with middle:
        tolerance = ask("maylose")
    with right.popover("Student and loss", icon=":material/tune:"):
        student = fill_student(StudentSpec(ensemble=ensemble), "deploy")
    spec = spec.replace(student=student)
    with st.sidebar:
        offer_undo_and_reset("deploy")
    places = st.columns(deploy.N_SAVINGS)
    # Sizes wait for nothing.
    deploy.show_sizes(spec, places)
    found = run.follow(spec, at_once=AT_ONCE)

# The tolerance trains nothing: what is known is decided anew.
summary = verdict.decide(found.summary, tolerance)
asked = spec.replace(tolerance=tolerance)
found = replace(found, spec=asked, summary=summary, answer=answers.worth(summary))
with lines:
    deploy.write_three_lines(found)
deploy.show_losses(found, places)
deploy.show_costs(found)
with st.expander("How the recommendation is made", icon=":material/rule:"):
    st.markdown(deploy.RULE)
    deploy.show_leads(summary)
if found.rows:
    results.offer_files(found, deploy.read_measured(asked))
