"""Controls of the studies, bound to the URL; those of a student are the playground's."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from distill_core import specs
from distill_core.specs import Schedule
from pages.frame.controls import url_state


def setting(*names: str) -> dict[str, Any]:
    """Ask for a student's settings, the same as in the playground; return values for a spec.

    Parameters
    ----------
    *names : str
        Of "width", "depth", "temperature", "alpha", "epochs".
    """
    found = {name: url_state.stops(*_SETTINGS[name]) for name in names}
    if "epochs" in found:
        found["schedule"] = Schedule.STUDENT.replace(epochs=found.pop("epochs"))
    return found


def count(label: str, key: str, low: int, high: int, default: int, help: str) -> int:
    """Ask for a whole number, bound to the URL."""
    number: int = st.number_input(
        label, low, high, default, key=key, bind="query-params", help=help
    )
    return number


def number(label: str, key: str, low: float, high: float, default: float, help: str) -> float:
    """Ask for a number, bound to the URL."""
    found: float = st.number_input(
        label, low, high, default, step=0.1, key=key, bind="query-params", help=help
    )
    return found


def several(label: str, key: str, options: Sequence[Any], default: Sequence[Any]) -> Any:
    """Ask for some of several, bound to the URL; none means the default."""
    found = st.pills(
        label,
        options,
        selection_mode="multi",
        default=default,
        key=key,
        bind="query-params",
    )
    return tuple(found or default)


def choice(label: str, key: str, options: Sequence[str]) -> str:
    """Ask for one of a few, bound to the URL."""
    found: str = st.segmented_control(
        label, options, default=options[0], required=True, key=key, bind="query-params"
    )
    return found


_SETTINGS: dict[str, tuple[str, str, Sequence[Any], str]] = {
    "width": (
        "Student width",
        "width",
        specs.WIDTHS,
        "Units in the student's first hidden layer; each further layer has half as many.",
    ),
    "depth": ("Student depth", "depth", specs.DEPTHS, "Hidden layers; each is half as wide."),
    "temperature": (
        "Temperature T",
        "T",
        specs.TEMPERATURES,
        "Softens the ensemble's probabilities before the student learns them.",
    ),
    "alpha": (
        "alpha (weight on the ensemble)",
        "alpha",
        specs.ALPHAS,
        "1: learn from the ensemble alone. The twin always has 0: labels alone.",
    ),
    "epochs": ("Epochs", "epochs", specs.EPOCHS, "How often a student sees all training data."),
}
