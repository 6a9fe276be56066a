"""Rows of the table of settings as widgets whose value is in the address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from distill_core.specs import Spec
from pages.frame.controls import locks
from pages.frame.controls.setting import MAX_TYPED, Setting
from pages.frame.controls.settings import SETTINGS
from pages.frame.controls.url_state import plain, read, write

S = TypeVar("S", bound=Spec)

_STRANGE = "not understood in the address"


def ask(
    key: str, options: Sequence[Any] | None = None, *, place: str = "", start: Any = None
) -> Any:
    """Draw the widget of a setting and return its value.

    A hidden setting has no widget, a locked one none that can be moved: theirs is the value of
    the address, or the default. `options` are those of the table that there are just now. With a
    `place` of its own, such as a step of a lesson, it begins at `start` there and is not kept in
    the address.
    """
    row = SETTINGS[key]
    access, fixed = locks.find(key)
    if access == "hidden":
        return start if place else fixed
    shared = {
        "key": f"{place} {key}" if place else key,
        "help": row.help or None,
        "disabled": access != "open",
    }
    if place:
        row = replace(row, usual=start)
    else:
        shared["bind"] = "query-params"
    value = _WIDGETS[row.widget](row, list(options or row.options), shared)
    if access == "locked" and not place:
        # Whatever a client sends: the value of the link, as long as it exists here.
        return fixed if options is None or fixed in options else value
    return value or row.default if row.widget == "some" else value


def fill(spec: S, *keys: str) -> S:
    """Ask for settings, one after another, and return the spec with them."""
    for key in keys:
        spec = SETTINGS[key].put(spec, ask(key))
    return spec


def ask_name(key: str, names: Sequence[str]) -> int:
    """Ask for one of several names, which may be a visitor's: the address has its number only."""
    row = SETTINGS[key]
    access, asked = locks.find(key)[0], read(key)
    usual = min(row.default, len(names) - 1)
    strange: dict[str, str] = st.session_state.setdefault(_STRANGE, {})
    index = row.default if asked == "" else whole_number(asked)
    if index is None or not 0 <= index < len(names):
        strange[key], index = str(asked), usual
    elif index != usual:
        strange.pop(key, None)
    if key in strange:
        st.warning(
            f"{row.label}: there is no number {plain(strange[key][:20])} here, they are 0 to "
            f"{len(names) - 1}. Number {index} is shown instead."
        )
    st.session_state[key] = index
    if access == "hidden":
        return index
    chosen: int = st.selectbox(
        row.label,
        range(len(names)),
        format_func=lambda i: names[i],
        key=key,
        help=row.help or None,
        disabled=access != "open",
        label_visibility="collapsed" if row.bare else "visible",
        width=240 if row.bare else "stretch",
    )
    if access == "locked":
        return index
    write(key, chosen)
    return chosen


def whole_number(text: Any) -> int | None:
    """Return the whole number that a text is, or None."""
    try:
        return int(text)
    except ValueError:
        return None


def _choice(row: Setting, options: list[str], shared: dict[str, Any]) -> str:
    assert isinstance(row.options, Mapping)
    lines = [f"- **{name}**: {line}" for name, line in row.options.items()]
    shared["help"] = "\n".join([row.help, "", *lines])
    # No format_func: the address then holds the option's own name.
    chosen: str = st.selectbox(row.label, options, options.index(row.default), **shared)
    st.caption(row.options[chosen])
    return chosen


def _buttons(row: Setting, options: list[str], shared: dict[str, Any]) -> Any:
    usual = row.default if row.default in options else options[0]
    return st.segmented_control(row.label, options, default=usual, required=True, **shared)


def _pills(row: Setting, options: list[Any], shared: dict[str, Any]) -> tuple[Any, ...]:
    if row.bare:
        shared |= {"label_visibility": "collapsed", "wrap": True}
    chosen = st.pills(
        row.label, options, selection_mode="multi", default=list(row.default), **shared
    )
    return tuple(chosen)


def _stops(row: Setting, options: list[Any], shared: dict[str, Any]) -> Any:
    return st.select_slider(row.label, options, row.default, format_func=row.text, **shared)


def _number(row: Setting, options: list[Any], shared: dict[str, Any]) -> Any:
    draw: Any = st.slider if row.widget == "slider" else st.number_input
    return draw(row.label, *options, row.default, row.step, **shared)


def _typed(row: Setting, _: list[Any], shared: dict[str, Any]) -> str:
    return st.text_input(row.label, row.default, max_chars=MAX_TYPED, **shared)


_WIDGETS: dict[str, Callable[[Setting, list[Any], dict[str, Any]], Any]] = {
    "choice": _choice,
    "buttons": _buttons,
    "pills": _pills,
    "some": _pills,
    "stops": _stops,
    "slider": _number,
    "number": _number,
    "typed": _typed,
}
