"""Controls: widgets, bound to the URL, to specs. What they say is validated by the core."""

from collections.abc import Sequence
from typing import Any, get_args

import streamlit as st

from distill_core import specs
from distill_core.problems import load_plane
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    Schedule,
    SpecError,
    StudentSpec,
)

SLICE, ALL_FEATURES = "slice", "all features"

DATASETS = {
    "tutorial": "20 features, 10 of them informative",
    "moons": "two half moons",
    "rings": "four rings, the class changes from ring to ring",
    "spirals": "two arms that wind around each other",
    "checkerboard": "four by four squares",
    "breast cancer": "30 features, measured on 569 tumours",
}
PLANES = {
    "class centres": "where the clusters of the classes lie; a good first look",
    "principal components": "where the data spreads most",
    "discriminant": "where the classes part best",
    "two features": "the axes you know; may leave the data",
    "random": "an honest draw",
}

# Settings that Undo can go back to.
_MAX_STEPS = 100

# Every bound widget with its default: the page's whole state.
DEFAULTS: dict[str, Any] = {
    "data": "tutorial",
    "view": SLICE,
    "plane": "class centres",
    "fx": 0,
    "fy": 1,
    "pseed": 0,
    "teachers": 12,
    "eseed": 0,
    "width": 64,
    "depth": 2,
    "T": 3.0,
    "alpha": 0.7,
    "epochs": Schedule.STUDENT.epochs,
    "seed": 0,
}


def problem() -> tuple[ProblemSpec, PlaneSpec]:
    """Ask which data, plane and view; return what the models see and what is shown.

    Raises
    ------
    SpecError
        When the data does not have what the plane needs.
    """
    name = _choice(
        "Dataset",
        "data",
        get_args(specs.DatasetName),
        "What is to be classified. The shapes lie on a plane that is turned and hidden among 18 "
        "more dimensions of noise; the tutorial's data and breast cancer have no such plane.",
        DATASETS,
    )
    view = st.segmented_control(
        "View",
        [SLICE, ALL_FEATURES],
        default=DEFAULTS["view"],
        required=True,
        key="view",
        bind="query-params",
        help="**slice**: the models are trained on the two plane coordinates only, so the picture "
        "is the whole model. **all features**: the models see every feature and the picture "
        "is the cut through the plane; most points do not lie on it.",
    )
    kind = _choice(
        "Plane",
        "plane",
        get_args(specs.PlaneKind),
        "The 2-D slice of feature space on which everything is drawn.",
        PLANES,
    )
    features = seed = None
    if kind == "two features":
        left, right = st.columns(2)
        features = (
            _number(left, "Feature across", "fx", 0, 29, "Counted from 0."),
            _number(right, "Feature up", "fy", 0, 29, "Counted from 0."),
        )
    if kind == "random":
        seed = _number(st, "Plane seed", "pseed", 0, 9999, "Another seed is another random plane.")
    plane = PlaneSpec(kind=kind, features=features, seed=seed)
    dataset = DatasetSpec(name=name)
    load_plane(plane, dataset)  # Says so if the data does not have these features.
    return ProblemSpec(dataset=dataset, plane=plane if view == SLICE else None), plane


def ensemble(problem: ProblemSpec) -> EnsembleSpec:
    """Ask how many teachers and which seed; return the ensemble."""
    n_members = st.slider(
        "Number of teachers",
        1,
        specs.MAX_MEMBERS,
        DEFAULTS["teachers"],
        key="teachers",
        bind="query-params",
        help="How many separately trained networks (256-128-64 hidden units each) make up the "
        "ensemble. Their logits are averaged.",
    )
    seed = _number(
        st,
        "Ensemble seed",
        "eseed",
        0,
        9999,
        "Where the teachers' random starts, batch orders and dropout come from. Another seed "
        "trains another ensemble.",
    )
    return EnsembleSpec(problem=problem, n_members=n_members, seed=seed)


def student(ensemble: EnsembleSpec) -> StudentSpec:
    """Ask for capacity, temperature, weight and seed; return the student."""
    width, temperature, alpha, more = st.columns([3, 3, 3, 1.4], vertical_alignment="bottom")
    with width:
        chosen_width = _stops(
            "Student width",
            "width",
            specs.WIDTHS,
            "Units in the student's first hidden layer; the second has half as many. 64 is the "
            "tutorial's student.",
        )
    with temperature:
        chosen_temperature = _stops(
            "Temperature T",
            "T",
            specs.TEMPERATURES,
            "Softens the ensemble's probabilities before the student learns them: at T = 1 they "
            "are as sharp as the ensemble is sure, at T = 20 nearly even.",
        )
    with alpha:
        chosen_alpha = _stops(
            "alpha (weight on the ensemble)",
            "alpha",
            specs.ALPHAS,
            "1: learn from the ensemble alone. 0: learn from the labels alone, which makes the "
            "student its own hard-label twin. Many codebases weigh the labels with alpha instead.",
        )
    with more.popover("More", icon=":material/tune:", width="stretch"):
        depth = _stops(
            "Student depth", "depth", specs.DEPTHS, "Hidden layers; each is half as wide."
        )
        epochs = _stops(
            "Epochs",
            "epochs",
            specs.EPOCHS,
            "How often the student sees all training data. 12 is enough to match the tutorial's "
            "50 slower ones.",
        )
        seed = _number(
            st,
            "Student seed",
            "seed",
            0,
            9999,
            "The student's random start and batch order. Its twin shares both.",
        )
    return StudentSpec(
        ensemble=ensemble,
        width=chosen_width,
        depth=depth,
        temperature=chosen_temperature,
        alpha=chosen_alpha,
        seed=seed,
        schedule=Schedule.STUDENT.replace(epochs=epochs),
    )


def undo_and_reset() -> None:
    """Offer one step back and the way to the beginning."""
    now = {key: st.session_state[key] for key in DEFAULTS if key in st.session_state}
    steps = st.session_state.setdefault("steps", [])
    if not steps or steps[-1] != now:
        steps.append(now)
        del steps[:-_MAX_STEPS]
    back, reset = st.columns(2)
    back.button(
        "Undo",
        icon=":material/undo:",
        width="stretch",
        disabled=len(steps) < 2,
        on_click=lambda: st.session_state.update(steps.pop() and steps[-1]),
        help="Back to the setting before this one.",
    )
    reset.button(
        "Reset",
        icon=":material/restart_alt:",
        width="stretch",
        disabled=all(now[key] == DEFAULTS[key] for key in now),
        on_click=lambda: st.session_state.update({key: DEFAULTS[key] for key in now}),
        help="All controls back to where they began.",
    )


def pin(picture: PictureSpec, pinned: PictureSpec | None) -> None:
    """Offer to keep this setting on the screen, or to let it go."""
    if pinned is None:
        st.button(
            "Pin this student",
            icon=":material/keep:",
            on_click=lambda: st.query_params.update({"pin": _pin_text(picture)}),
            help="Keeps its boundary in the picture and its figures beside the next ones.",
        )
    else:
        st.button(
            f"Unpin ({describe(pinned)})",
            icon=":material/keep_off:",
            on_click=_unpin,
            help="Takes the pinned student out of the picture.",
        )


def pinned(picture: PictureSpec) -> PictureSpec | None:
    """Return the pinned student on the present problem, as the URL has it."""
    text = st.query_params.get("pin")
    if text is None:
        return None
    try:
        width, depth, temperature, alpha, epochs, seed = text.split(" ")
        student = picture.student.replace(
            width=width,
            depth=depth,
            temperature=temperature,
            alpha=alpha,
            seed=seed,
            schedule=Schedule.STUDENT.replace(epochs=epochs),
        )
    except ValueError as error:
        why = str(error) if isinstance(error, SpecError) else "It is not six numbers."
        st.warning(f"The pinned setting in this link cannot be read. {why}")
        return None
    return picture.replace(student=student)


def _unpin() -> None:
    st.query_params.pop("pin", None)


def _pin_text(picture: PictureSpec) -> str:
    s = picture.student
    return f"{s.width} {s.depth} {s.temperature:g} {s.alpha:g} {s.schedule.epochs} {s.seed}"


def describe(picture: PictureSpec) -> str:
    """Say a student's setting in a few words."""
    s = picture.student
    return (
        f"width {s.width}, depth {s.depth}, T = {s.temperature:g}, alpha = {s.alpha:g}, "
        f"{s.schedule.epochs} epochs, seed {s.seed}"
    )


def _choice(
    label: str, key: str, options: Sequence[str], help: str, explained: dict[str, str]
) -> Any:
    # No format_func: the URL then holds the option's own name.
    return st.selectbox(
        label,
        options,
        index=list(options).index(DEFAULTS[key]),
        key=key,
        bind="query-params",
        help="\n".join([help, "", *(f"- **{name}**: {explained[name]}" for name in options)]),
    )


def _stops(label: str, key: str, stops: Sequence[Any], help: str) -> Any:
    return st.select_slider(
        label,
        stops,
        DEFAULTS[key],
        format_func=lambda stop: f"{stop:g}",
        key=key,
        bind="query-params",
        help=help,
    )


def _number(place: Any, label: str, key: str, low: int, high: int, help: str) -> int:
    number: int = place.number_input(
        label, low, high, DEFAULTS[key], key=key, bind="query-params", help=help
    )
    return number


def plain(text: str) -> str:
    """Return a string so that Markdown shows it letter by letter."""
    return "".join("\\" + c if c in "\\`*_{}[]()<>#+-.!|$:~" else c for c in text)
