"""What do T and alpha do?"""

import streamlit as st

from distill_core import figures
from distill_core.studies import SoftnessSpec
from pages.frame.controls.problem import explain_errors
from pages.frame.controls.settings import SETTINGS
from pages.frame.controls.student import choose_ensemble, fill_student
from pages.frame.controls.url_state import explain_address, offer_undo_and_reset
from pages.frame.controls.widgets import ask, fill
from pages.frame.studies import pieces, results, run

# Figure, what it is, how to write it; its differences times what in which unit; less is better.
MEASURES = [
    ("agreement", "agreement", ".1%", 100, "points", False),
    ("accuracy", "accuracy", ".1%", 100, "points", False),
    ("kl", "KL from the ensemble", ".4f", 1000, "0.001 nats", True),
    ("ece", "calibration error (ECE)", ".1%", 100, "points", True),
]
SHARES = dict(zip(SETTINGS["when"].options, ("first_", ""), strict=True))

st.title("What do T and alpha do?")
st.markdown(
    "T softens what the ensemble says, alpha weighs it against the labels. Every cell of the grid "
    "is trained from several random starts and compared with its hard-label twin (alpha = 0)."
)
explain_address("softness")
with explain_errors():
    with st.sidebar:
        ensemble, _ = choose_ensemble()
    left, middle, right = st.columns([5, 22, 8], vertical_alignment="bottom")
    with left:
        spec = fill(SoftnessSpec(ensemble=ensemble), "cellseeds")
    with middle:
        spec = fill(spec, "widths")
    with right.popover("Depth and epochs", icon=":material/tune:"):
        spec = fill_student(spec, "softness")
    with st.sidebar:
        offer_undo_and_reset("softness")
    found = run.follow(spec)

results.write_answer(found)
best = {entry["width"]: (entry["temperature"], entry["alpha"]) for entry in found.summary["best"]}
first = next((cell for cell in found.summary["cells"] if cell["width"] in best), None)
summary = results.choose_chance(
    found,
    {}
    if first is None
    else {
        f"Agreement at width {first['width']}, T = {first['temperature']:g}, alpha = "
        f"{first['alpha']:g}": first["agreement"]
    },
)
for width in spec.widths:
    if width not in best:
        # No cell has its twin yet: a grid would be empty.
        continue
    cells = [cell for cell in summary["cells"] if cell["width"] == width]
    st.header(f"Every T and alpha against the twin, width {width}")
    results.draw_charts(
        2,
        [
            (
                figures.cells_figure(
                    cells,
                    name,
                    value_name=title,
                    value_format=form,
                    factor=factor,
                    unit=unit,
                    lower_is_better=lower_is_better,
                    best=best[width] if name == "agreement" and not found.partial else None,
                ),
                f"softness-{width}-{name}",
                f"{title} at every T and alpha, minus the twin's, width {width}.",
            )
            for name, title, form, factor, unit, lower_is_better in MEASURES
        ],
    )
st.caption(
    f"Test data, {spec.n_seeds} seeds. Blue: better than the twin, orange: worse; the fullest "
    "colour is the largest difference in its figure. Hatched: within noise of the twin, by "
    "its own interval; those of calibration and KL speak of other seeds alone. Every cell is "
    "judged by its own interval, so that one in twenty lies beyond noise by chance alone; the "
    "sentence above allows for having looked at all of them."
)

pieces.draw_soft_targets(ensemble)

width = spec.widths[-1]
cells = [cell for cell in summary["cells"] if cell["width"] == width]
st.header("How much of the training comes from the ensemble")
when = ask("when")
results.draw_charts(
    2,
    [
        (
            figures.shares_figure(cells, SHARES[when] + name, value_name=f"{title}, {when}"),
            f"softness-{name}",
            f"The {title} that comes from the ensemble, against alpha, a line per temperature.",
        )
        for name, title in (
            ("loss_share", "share of the loss"),
            ("gradient_share", "share of the gradient"),
        )
    ],
)
st.caption(
    f"Width {width}, training data, mean over seeds. alpha is a weight, not a share: how much the "
    "ensemble drives the training also depends on T and on how far the student is."
)
results.offer_files(found)
