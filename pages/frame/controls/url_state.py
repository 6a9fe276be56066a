"""Widgets whose value is in the address: a link opens the same state, Undo goes back in it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from distill_core.specs import Schedule

SLICE, ALL_FEATURES = "slice", "all features"

# Every setting with its default: the page's whole state.
DEFAULTS: dict[str, Any] = {
    "data": "tutorial",
    "classes": 3,
    "arms": 2,
    "view": SLICE,
    "plane": "class centres",
    "fx": 0,
    "fy": 1,
    "pseed": 0,
    "corners": "",
    "found": "",
    "offset": 0.0,
    "one": 0,
    "teachers": 12,
    "eseed": 0,
    "width": 64,
    "depth": 2,
    "T": 3.0,
    "alpha": 0.7,
    "epochs": Schedule.STUDENT.epochs,
    "seed": 0,
}
# What no widget of Streamlit's own keeps in the address; `write` does.
BY_HAND = ("fx", "fy", "corners", "found", "one")

_WRITTEN, _STRANGE = "written to the address", "not understood in the address"


def choice(label: str, key: str, help: str, explained: Mapping[str, str]) -> str:
    """Ask for one of several by name, each with a line on when to use it."""
    options = list(explained)
    asked = st.query_params.get(key)
    strange: dict[str, str] = st.session_state.setdefault(_STRANGE, {})
    if key not in st.session_state and asked not in (None, *options):
        strange[key] = str(asked)
    # No format_func: the URL then holds the option's own name.
    chosen: str = st.selectbox(
        label,
        options,
        index=options.index(DEFAULTS[key]),
        key=key,
        bind="query-params",
        help="\n".join([help, "", *(f"- **{name}**: {line}" for name, line in explained.items())]),
    )
    if chosen != DEFAULTS[key]:
        strange.pop(key, None)
    if key in strange:
        st.warning(
            f"This link asks for {label.lower()} “{plain(strange[key][:60])}”, which does not "
            f"exist; “{chosen}” is shown instead."
        )
    st.caption(explained[chosen])
    return chosen


def stops(label: str, key: str, values: Sequence[Any], help: str) -> Any:
    """Ask for one of a few numbers by a slider."""
    return st.select_slider(
        label,
        values,
        DEFAULTS[key],
        format_func=lambda stop: f"{stop:g}",
        key=key,
        bind="query-params",
        help=help,
    )


def number(place: Any, label: str, key: str, low: int, high: int, help: str) -> int:
    """Ask for a whole number."""
    found: int = place.number_input(
        label, low, high, DEFAULTS[key], key=key, bind="query-params", help=help
    )
    return found


def named(
    place: Any, label: str, key: str, names: Sequence[str], help: str = "", *, bare: bool = False
) -> int:
    """Ask for one of several names, which may be a visitor's: the address has its number only.

    A `bare` one has no label on the screen and is not wide.
    """
    asked = read(key)
    strange: dict[str, str] = st.session_state.setdefault(_STRANGE, {})
    index = DEFAULTS[key] if asked == "" else whole_number(asked)
    if index is None or not 0 <= index < len(names):
        strange[key], index = str(asked), min(DEFAULTS[key], len(names) - 1)
    elif index != min(DEFAULTS[key], len(names) - 1):
        strange.pop(key, None)
    if key in strange:
        st.warning(
            f"{label}: there is no number {plain(strange[key][:20])} here, they are 0 to "
            f"{len(names) - 1}. Number {index} is shown instead."
        )
    st.session_state[key] = index
    chosen: int = place.selectbox(
        label,
        range(len(names)),
        format_func=lambda i: names[i],
        key=key,
        help=help or None,
        label_visibility="collapsed" if bare else "visible",
        width=240 if bare else "stretch",
    )
    write(key, chosen)
    return chosen


def read(key: str) -> Any:
    """Return a setting as it stands, before its widget is drawn."""
    in_address = st.query_params.get(key, "")
    written = st.session_state.setdefault(_WRITTEN, {})
    # The address wins when it was changed by somebody else: a link, the way back.
    if key not in st.session_state or (key in BY_HAND and in_address != written.get(key, "")):
        return in_address if in_address or key in BY_HAND else DEFAULTS[key]
    return st.session_state[key]


def write(key: str, value: Any) -> None:
    """Put a setting of `BY_HAND` into the address, its default by leaving it out."""
    text = "" if value == DEFAULTS[key] else str(value)
    if st.query_params.get(key, "") != text:
        if text:
            st.query_params[key] = text
        else:
            st.query_params.pop(key, None)
    st.session_state.setdefault(_WRITTEN, {})[key] = text


def whole_number(text: Any) -> int | None:
    """Return the whole number that a text is, or None."""
    try:
        return int(text)
    except ValueError:
        return None


def plain(text: str) -> str:
    """Return a string so that Markdown shows it letter by letter."""
    escaped = "".join("\\" + c if c in "\\`*_{}[]()<>#+-.!|$:~" else c for c in text)
    # What looks like an address becomes a link in spite of that, unless it is parted.
    return re.sub("/(?=/)|@|ww(?=w)", "\\g<0>\N{WORD JOINER}", escaped, flags=re.IGNORECASE)
