"""What studies draw beside their figures: boundaries, maps of the plane, soft targets."""

import streamlit as st

from distill_core import figures, jobs
from distill_core.data import datasets
from distill_core.geometry.problems import load_problem, load_window
from distill_core.specs import TEMPERATURES, EnsembleSpec, PlaneSpec, ProblemSpec, SectionSpec
from distill_core.studies import CapacitySpec, capacity, maps, softness
from pages.frame.controls.widgets import ask
from pages.frame.server import service
from pages.frame.studies import results


def draw_widths(spec: CapacitySpec, plane: PlaneSpec, enough: int | None) -> None:
    """Draw the boundaries at a few widths, as soon as the ensemble's is there."""
    ensemble = spec.ensemble
    section = service.store().get("section", SectionSpec(ensemble=ensemble, plane=plane).digest)
    if section is None:
        return
    dataset = ensemble.problem.dataset
    st.header("The boundary at a few widths")
    who = ask("who")
    whole = jobs.read_section(section, load_window(plane, dataset))
    lines = capacity.load_boundaries(
        spec, service.store(), results.pick_widths(spec.widths, enough)
    )
    results.draw_charts(
        4,
        [
            (
                figures.small_plane_figure(
                    whole.window,
                    {"ensemble": [whole.lines], who: models[who]},
                    title=f"width {width}" + " (sufficient)" * (width == enough),
                    field_of=whole,
                    class_names=datasets.load(dataset).class_names,
                ),
                f"capacity-width-{width}",
                f"Boundaries of {who}s of width {width} over the ensemble's.",
            )
            for width, models in lines.items()
        ],
    )
    st.caption(
        f"The thick line is the ensemble's boundary, each thin one a seed's."
        f"{_say_cut(ensemble.problem)}"
    )


def draw_uncertainty(view: maps.Maps, problem: ProblemSpec) -> None:
    """Draw maps of both kinds of the ensemble's uncertainty, and the student's entropy."""
    parts = [
        (view.data, "ensemble", "data uncertainty: classes overlap"),
        (view.knowledge, "ensemble", "knowledge uncertainty: teachers disagree"),
        (view.entropy, "student", "the student's entropy, nothing more"),
    ]
    scale = ask("scale")
    top = max(float(values.max()) for values, _, _ in parts)
    results.draw_charts(
        3,
        [
            (
                figures.map_figure(
                    view.window,
                    values,
                    title=title,
                    top=top if scale == "one for all maps" else float(values.max()),
                    lines={model: view.lines[model][:1]},
                ),
                f"variance-map-{i}",
                f"A map of the plane: {title}, in nats.",
            )
            for i, (values, model, title) in enumerate(parts)
        ],
    )
    st.caption(
        f"The first repeat, in nats (Depeweg et al. 2018; Malinin et al. 2020).{_say_cut(problem)}"
    )


def draw_repeats(view: maps.Maps) -> None:
    """Draw the boundary of every repeat, a picture for each group of models."""
    results.draw_charts(
        4,
        [
            (
                figures.small_plane_figure(
                    view.window, {model: lines}, title=figures.GROUPS[model]
                ),
                f"variance-lines-{model}",
                f"The boundary of the {figures.GROUPS[model]} in each of {len(lines)} repeats.",
            )
            for model, lines in view.lines.items()
        ],
    )
    st.caption("Repeats over seeds; of each ensemble the first teacher stands for single ones.")


def draw_soft_targets(ensemble: EnsembleSpec) -> None:
    """Draw what the students are shown, as soon as the ensemble is there."""
    teachers = service.store().get("ensemble", ensemble.digest)
    if teachers is None:
        return
    st.header("What the students are shown: soft targets")
    problem, logits = ensemble.problem, teachers.arrays["test_logits"]
    chosen = softness.pick_samples(logits)
    names, y = datasets.load(problem.dataset).class_names, load_problem(problem).y_test
    figure = figures.soft_targets_figure(
        softness.soften(logits[:, chosen], TEMPERATURES, ensemble.combine),
        TEMPERATURES,
        titles=[(f"test sample {i}:", names[int(y[i])]) for i in chosen],
        class_names=names,
    )
    words = "The ensemble's probabilities of samples against T."
    results.draw_chart(figure, "softness-targets", words)
    st.caption(
        "Six test samples with their labels, from the one that the ensemble is surest of to the "
        "one that it doubts most. As T grows, every answer tends to even odds."
    )


def _say_cut(problem: ProblemSpec) -> str:
    return " The models see all features: this is a cut." * (problem.plane is None)
