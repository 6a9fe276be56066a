"""Controls: widgets, bound to the URL, to specs. What they say is validated by the core."""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from distill_core import specs
from distill_core.specs import (
    EnsembleSpec,
    PictureSpec,
    ProblemSpec,
    Schedule,
    SpecError,
    StudentSpec,
)
from pages.frame.controls.problem import problem
from pages.frame.controls.upload import NoDataYet
from pages.frame.controls.url_state import BY_HAND, DEFAULTS, number, plain, stops, write

__all__ = [
    "DEFAULTS",
    "describe",
    "ensemble",
    "pin",
    "pinned",
    "plain",
    "problem",
    "say",
    "student",
    "undo_and_reset",
]

# Settings that Undo can go back to.
_MAX_STEPS = 100


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
    seed = number(
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
        chosen_width = stops(
            "Student width",
            "width",
            specs.WIDTHS,
            "Units in the student's first hidden layer; the second has half as many. 64 is the "
            "tutorial's student.",
        )
    with temperature:
        chosen_temperature = stops(
            "Temperature T",
            "T",
            specs.TEMPERATURES,
            "Softens the ensemble's probabilities before the student learns them: at T = 1 they "
            "are as sharp as the ensemble is sure, at T = 20 nearly even.",
        )
    with alpha:
        chosen_alpha = stops(
            "alpha (weight on the ensemble)",
            "alpha",
            specs.ALPHAS,
            "1: learn from the ensemble alone. 0: learn from the labels alone, which makes the "
            "student its own hard-label twin. Many codebases weigh the labels with alpha instead.",
        )
    with more.popover("More", icon=":material/tune:", width="stretch"):
        depth = stops(
            "Student depth", "depth", specs.DEPTHS, "Hidden layers; each is half as wide."
        )
        epochs = stops(
            "Epochs",
            "epochs",
            specs.EPOCHS,
            "How often the student sees all training data. 12 is enough to match the tutorial's "
            "50 slower ones.",
        )
        seed = number(
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


def say(error: SpecError) -> None:
    """Say why nothing can be shown for the present setting, and what to do."""
    if isinstance(error, NoDataYet):
        st.info(plain(str(error)), icon=":material/upload_file:")
    else:
        st.error(plain(str(error)), icon=":material/error:")


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
        on_click=lambda: _back_to(steps.pop() and steps[-1]),
        help="Back to the setting before this one.",
    )
    reset.button(
        "Reset",
        icon=":material/restart_alt:",
        width="stretch",
        disabled=all(now[key] == DEFAULTS[key] for key in now),
        on_click=_reset,
        args=(now,),
        help="All controls back to where they began.",
    )


def _back_to(setting: Mapping[str, Any]) -> None:
    st.session_state.update(setting)
    for key in BY_HAND:
        if key in setting:
            write(key, setting[key])


def _reset(now: Iterable[str]) -> None:
    """Go back to the defaults, those of controls that are not on the screen included."""
    for key in DEFAULTS:
        if key not in now:
            st.query_params.pop(key, None)
    _back_to({key: DEFAULTS[key] for key in now})


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
