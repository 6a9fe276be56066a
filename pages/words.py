"""What do the words mean?"""

import streamlit as st

from pages.frame.controls.prepared import list_links
from pages.frame.controls.settings import SETTINGS
from pages.frame.controls.url_state import explain_address

# Word, what it means here.
WORDS = (
    ("Ensemble", "Several large networks, the teachers, whose outputs are averaged."),
    ("Student", "One small network that learns from the ensemble's probabilities and the labels."),
    (
        "Twin",
        "The same student: same start, same batches, but taught by labels alone (alpha = 0). What "
        "distillation adds is student minus twin.",
    ),
    ("Soft target", "The ensemble's probabilities at temperature T, which the student learns."),
    (
        SETTINGS["T"].label,
        "Logits are divided by T before the softmax; a larger T makes probabilities more even.",
    ),
    ("alpha", "The weight on the ensemble in the loss; 1 - alpha is that on the labels."),
    (
        "Slice view",
        "Models are trained on the two coordinates of a plane; the picture is the whole model.",
    ),
    ("All features", "Models see every feature; the picture is a cut along the plane."),
    ("Decision boundary", "Where the most probable class changes."),
    ("Seed", "The number from which random starts, batch orders and dropout come."),
    (
        "95% interval",
        "Made so that it holds the true value in 95 of 100 repetitions: over seeds and, where the "
        "page says so, over other test rows of the same kind.",
    ),
)
# Measure, formula, range, source.
MEASURES = (
    (
        "Agreement",
        "mean(a = b), a and b two models' answers",
        "0 to 1",
        "fidelity of Stanton et al. 2021",
    ),
    ("Accuracy", "mean(a = y), y the labels", "0 to 1", "-"),
    (
        "KL from the ensemble",
        "mean Σ p ln(p / q), p the ensemble's, q the student's probabilities",
        "0 to 27.6 nats",
        "Kullback, Leibler 1951",
    ),
    ("Cross-entropy", "-mean ln q(y)", "0 or more, nats", "log score of Good 1952"),
    ("Squared loss (Brier)", "mean Σ (q - [class = y])²", "0 to 2", "Brier 1950"),
    (
        "Calibration error (ECE)",
        "Σ (n_b / n) |accuracy_b - confidence_b| over ten bins b of confidence",
        "0 to 1",
        "Guo et al. 2017",
    ),
    (
        "Distance of boundaries",
        "mean distance of points along either line from the other line",
        "0 or more, units of the plane",
        "Heimann et al. 2009",
    ),
    (
        "Churn",
        "mean(a ≠ b) over pairs of repeats of one model",
        "0 to 1",
        "Milani Fard et al. 2016",
    ),
    (
        "Variance over seeds",
        "mean KL of the repeats from their geometric mean",
        "0 or more, nats",
        "Wood et al. 2023",
    ),
    (
        "Diversity",
        "mean KL of the teachers from their geometric mean; mean teacher's cross-entropy minus "
        "the ensemble's",
        "0 or more, nats",
        "Wood et al. 2023",
    ),
    (
        "Knowledge uncertainty",
        "H(mean p) - mean H(p), H the entropy: contradiction between teachers",
        "0 to ln(classes), nats",
        "Depeweg et al. 2018",
    ),
    ("Data uncertainty", "mean H(p)", "0 to ln(classes), nats", "Depeweg et al. 2018"),
    (
        "Compression",
        "parameters of all teachers / parameters of the student",
        "more than 0",
        "-",
    ),
    (
        "Own colour",
        "share of points whose answer is the colour under their place in the picture",
        "0 to 1",
        "-",
    ),
)

st.title("What do the words mean?")
explain_address("words")
st.markdown("\n".join(f"- **{word}**: {meaning}" for word, meaning in WORDS))
st.header("Every measure")
rows = [" | ".join(["", *(cell.replace("|", "\\|") for cell in row), ""]) for row in MEASURES]
st.markdown(
    "\n".join(
        ["| Measure | Formula | Range | Source |", "|:--|:--|:--|:--|", *map(str.strip, rows)]
    )
)
st.header("Prepared links for a class")
st.markdown(
    "Each opens what it says, with the controls locked that would lead away from it. “Link for a "
    "class” in the side panel makes one of your own, with a QR code."
)
st.markdown(list_links())
