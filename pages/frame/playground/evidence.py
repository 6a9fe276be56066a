"""The words and numbers beside the picture; every claim with what it rests on."""

import numpy as np
import streamlit as st

from distill_core import figures, jobs
from distill_core.boundaries.probe import probe
from distill_core.data import datasets
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_plane
from distill_core.measures.shares import describe_count, format_share
from distill_core.specs import PictureSpec, StudentSpec
from distill_core.store import Artifact
from distill_core.studies import picture_answers
from pages.frame.browser.chart import chart_view
from pages.frame.controls import clicked_place
from pages.frame.controls.settings import describe
from pages.frame.controls.url_state import plain
from pages.frame.playground import classes
from pages.frame.playground.picture import Shown, repeat
from pages.frame.server import service, shared
from pages.frame.studies import results


def write_answer(shown: Shown) -> None:
    """Answer the page's question in a sentence or two made from the numbers."""
    ours, twin = (format_share(shown.student.meta[who]["agreement"]) for who in ("student", "twin"))
    st.markdown(
        f"The student answers like the ensemble on **{ours}** of {_count_rows(shown):,} test rows "
        f"and **{format_share(shown.area_agreement)}** of the shown area. Its twin, taught by "
        f"labels alone, reaches {twin} of the test rows. These are numbers of one seed."
    )
    if not len(shown.ours.lines):
        st.markdown("It gives **one answer on the whole shown area**: it has no boundary here.")
    replicates = shown.replicates
    if replicates is None:
        st.markdown(":gray[Repeating the setting with other seeds …]")
        return
    st.markdown(
        shared.say(
            shared.name(shown.picture.dataset, "gain", repeat(shown.picture).digest),
            lambda: _describe_gain(shown.picture.student, replicates),
        )
    )


def _describe_gain(student: StudentSpec, replicates: Artifact) -> str:
    students, twins = (
        jobs.read_hits(replicates.arrays[f"{who}_hits"], student.ensemble.problem)
        for who in ("student", "twin")
    )
    return picture_answers.describe_gain(students, twins, student.alpha)


def explain_view(shown: Shown) -> None:
    """Say what the models of the slice view do not see; nothing is trained to say it."""
    ensemble = shown.picture.student.ensemble
    if ensemble.problem.plane is None:
        return
    dataset = ensemble.problem.dataset
    free = ensemble.replace(problem=ensemble.problem.replace(plane=None))
    known = service.store().get("ensemble", free.digest)
    st.caption(
        picture_answers.describe_slice_view(
            datasets.load(dataset).X_test.shape[1],
            None if known is None else known.meta["accuracy"],
            own_data=dataset.table is not None,
        )
    )


def explain_places(shown: Shown) -> None:
    """Say which rows the picture cannot show: those on top of others, and classes outside."""
    picture = shown.picture
    said = shared.say(
        shared.name(picture.dataset, "places", picture.section.digest),
        lambda: _describe_places(picture, shown.whole.window),
    )
    if said:
        st.caption(said)


def _describe_places(picture: PictureSpec, window: Window) -> str:
    data = datasets.load(picture.dataset)
    uv = load_plane(picture.plane, picture.dataset).project(data.X_test)
    counts = np.unique(uv.round(9), axis=0, return_counts=True)[1]
    outside = {
        plain(name[:40]): (
            window.count_outside(uv[data.y_test == i]),
            int((data.y_test == i).sum()),
        )
        for i, name in enumerate(data.class_names)
    }
    # With all features rows at one place of the plane can still be told apart.
    sliced = picture.student.ensemble.problem.plane is not None
    at_one_place = counts.max() / len(uv) if sliced else 0.0
    return picture_answers.describe_places(at_one_place, len(uv), outside)


def show_measures(shown: Shown) -> None:
    """Show the figures of this setting, each with its change since the last one."""
    now = _figures(shown.student, shown.area_agreement, shown.ensemble)
    before = _before(shown.picture, now)
    n_rows = _count_rows(shown)
    # Two by two, by frame.css: a column for each would be as many messages more.
    with st.container(key="figures", horizontal=True):
        for key, label, form, change, help in _MEASURES:
            delta = change(now[key] - before[key]) if before else None
            count = f" {describe_count(now[key], n_rows)}." if key in _COUNTED else ""
            st.metric(
                label,
                form(now[key]),
                None if delta is None or _is_zero(delta) else delta,
                delta_color=_DELTA_COLOURS.get(key, "normal"),  # type: ignore[arg-type]
                help=f"{help}{count}",
            )
    st.caption(
        "Arrows: change since the setting before, same data, view and plane. Agreement, accuracy "
        f"and KL: {n_rows:,} test rows, one seed; the tooltips have the intervals."
    )


def compare_with_pinned(shown: Shown, pinned: PictureSpec | None) -> None:
    """Show the figures of this setting beside those of the pinned one."""
    if pinned is None or pinned == shown.picture:
        return
    store, window = service.store(), shown.whole.window
    student = store.get("student", pinned.student.digest)
    picture = store.get("picture", pinned.digest)
    if student is None or picture is None:
        return
    seen = jobs.read_section(picture, window).thin(shown.whole.proba.shape[-1])
    now = _figures(shown.student, shown.area_agreement, shown.ensemble)
    then = _figures(student, seen.agreement(shown.whole), shown.ensemble)
    rows = [
        f"| {label} | {form(then[key])} | {form(now[key])} |"
        for key, label, form, _, _ in _MEASURES
        if key != "ensemble"
    ]
    st.markdown("\n".join(["| | pinned | now |", "|:--|--:|--:|", *rows]))
    st.caption(f"Pinned: {describe(pinned.student)}. Now: {describe(shown.picture.student)}.")


def write_loss(student: StudentSpec) -> None:
    """Show the loss with the present numbers in it."""
    t, a = f"{student.temperature:g}", student.alpha
    soft = r"\mathrm{softmax}\left(z_\mathrm{ensemble} / T\right)"
    if student.ensemble.combine == "probabilities":
        soft = r"\overline{\mathrm{softmax}\left(z_\mathrm{teacher} / T\right)}"
    with st.expander("The loss, with these numbers", icon=":material/function:", expanded=True):
        st.latex(
            rf"""\begin{{aligned}}\mathcal{{L}} =\;& {a:g}\cdot {t}^2\cdot
            \mathrm{{KL}}\!\left(p^{{({t})}} \,\middle\|\, q^{{({t})}}\right)\\
            &+\; {round(1 - a, 2):g}\cdot \mathrm{{CE}}\left(y,\ q^{{(1)}}\right)\\[4pt]
            p^{{(T)}} =\;& {soft}\\
            q^{{(T)}} =\;& \mathrm{{softmax}}\left(z_\mathrm{{student}} / T\right)
            \end{{aligned}}"""
        )
        st.caption(
            "alpha weighs the ensemble, 1 - alpha the labels. For large T, T² keeps the size of "
            "the ensemble's gradient (Hinton, Vinyals, Dean 2015); at small T it can still grow "
            "with T."
        )


def draw_learning_curves(shown: Shown) -> None:
    """Show how student and twin came to agree with the ensemble."""
    if shown.history is None:
        return
    curves = shown.history.arrays["curves"]
    with st.expander("Learning curves", icon=":material/show_chart:", expanded=True):
        chart_view(
            lambda: figures.learning_curves_layers(
                curves[:, 0, 1], curves[:, 1, 1], value_name="agreement, test data"
            ),
            key="curves",
            height=figures.CURVES_HEIGHT,
            shared=shared.name(shown.picture.dataset, "curves", shown.picture.digest),
            label=f"Agreement with the ensemble on test data after each epoch: the student ends at "
            f"{format_share(curves[-1, 0, 1])}, its twin at {format_share(curves[-1, 1, 1])}.",
        )


def draw_votes(shown: Shown) -> None:
    """Show what every model answers at the place that was clicked."""
    if shown.clicked is None:
        return
    u, v = shown.clicked
    found = probe(shown.picture, u, v, shown.ensemble, shown.student)
    student = shown.picture.student
    st.header(f"What everyone answers at ({u:.2f}, {v:.2f})")
    names = datasets.load(student.ensemble.problem.dataset).class_names
    counts = [int((found.teachers.argmax(-1) == label).sum()) for label in range(len(names))]
    st.markdown(classes.describe_votes(counts, names))
    results.draw_chart(
        figures.votes_figure(
            found.teachers,
            {
                "ensemble, T = 1": found.soft_targets,
                f"ensemble, T = {student.temperature:g}": found.softened,
            },
            found.student,
            class_names=names,
        ),
        "votes",
        "Probabilities that each teacher, the ensemble and the student give to the classes there.",
    )
    st.button(
        "Remove the place",
        icon=":material/close:",
        on_click=clicked_place.forget,
        help="Takes the mark out of the picture, and these answers off the page.",
    )


_ACCURACY = (
    "Share of the test data that is classified as labelled. In the slice view nobody sees more "
    "than two of all directions, so that even the best answer is often wrong."
)
# Shares of counted test rows.
_COUNTED = ("agreement", "student", "twin", "ensemble")


def _points(change: float) -> str:
    return f"{100 * change:+.1f} points"


# Key, label, how its value is written, and its change, help.
_MEASURES = [
    (
        "agreement",
        "Agreement, test data",
        format_share,
        _points,
        "Share of the test data on which student and ensemble give the same answer. It says "
        "nothing about who is right.",
    ),
    (
        "area",
        "Agreement, slice area",
        format_share,
        _points,
        "Share of the shown square on which they give the same answer, whether or not any data "
        "lies there.",
    ),
    ("student", "Accuracy, student", format_share, _points, _ACCURACY),
    ("twin", "Accuracy, twin", format_share, _points, _ACCURACY),
    ("ensemble", "Accuracy, ensemble", format_share, _points, _ACCURACY),
    (
        "kl",
        "KL from ensemble",
        "{:.4f}".format,
        "{:+.4f}".format,
        "Mean Kullback-Leibler divergence of the student's probabilities from the ensemble's on "
        "the test data, in nats. 0: the same probabilities.",
    ),
    (
        "parameters",
        "Student's parameters",
        "{:,.0f}".format,
        "{:+,.0f}".format,
        "Weights and biases of the student.",
    ),
    (
        "compression",
        "Compression",
        "{:,.0f} ×".format,
        "{:+,.0f}".format,
        "Parameters of all teachers together over those of the student.",
    ),
]
_DELTA_COLOURS = {"kl": "inverse", "parameters": "off", "compression": "off"}


def _count_rows(shown: Shown) -> int:
    """Return how many test rows the figures are of."""
    return len(datasets.load(shown.picture.dataset).X_test)


def _figures(student: Artifact, area: float, ensemble: Artifact) -> dict[str, float]:
    ours, twin = student.meta["student"], student.meta["twin"]
    return {
        "agreement": ours["agreement"],
        "area": area,
        "ensemble": ensemble.meta["accuracy"],
        "student": ours["accuracy"],
        "twin": twin["accuracy"],
        "kl": ours["kl"],
        "parameters": student.meta["n_parameters"],
        "compression": student.meta["compression"],
    }


def _before(picture: PictureSpec, now: dict[str, float]) -> dict[str, float] | None:
    """Return the figures of the last other setting, and remember the present ones.

    None if that was on other data, in another view or on another plane: the change would be
    that of the problem.
    """
    problem = clicked_place.name_problem(picture)
    last, before = st.session_state.get("measures", (None, None))
    if last is None or last[0] != picture:
        is_same = last is not None and clicked_place.name_problem(last[0]) == problem
        before = last[1] if is_same else None
    # Always the latest: a rough look at a plane is followed by a fine one.
    st.session_state["measures"] = ((picture, now), before)
    return before


def _is_zero(change: str) -> bool:
    return not any(digit in change for digit in "123456789")
