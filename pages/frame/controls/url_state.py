"""The address: it opens what it holds, says what it cannot hold; Undo goes back in it."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import streamlit as st

from pages.frame.controls import clicked_place, locks
from pages.frame.controls.setting import Setting
from pages.frame.controls.settings import SETTINGS

# Settings that Undo can go back to.
_MAX_STEPS = 100

# In place of a control's value before it has been drawn.
_UNKNOWN = object()
_WRITTEN, _NOTES, _STEPS = "written to the address", "notes on the address", "settings before"

# What to say about a key of the address, and the settings that silence it when they move.
_Note = tuple[str, dict[str, Any]]


def read(key: str) -> Any:
    """Return a setting as it stands, before its widget is drawn.

    What cannot be used in the address counts as the default, as in the widgets; a setting that
    is kept by hand is returned as its text.
    """
    row = SETTINGS[key]
    access, fixed = locks.find(key)
    if access != "open":
        return fixed
    if row.by_hand:
        text = st.query_params.get(key, "")
        # The address wins when it was changed by somebody else: a link, the way back.
        is_new = text != st.session_state.setdefault(_WRITTEN, {}).get(key, "")
        return text if is_new or key not in st.session_state else st.session_state[key]
    if key in st.session_state:
        found = st.session_state[key]
        return tuple(found) if isinstance(found, list) else found
    found = row.parse(st.query_params.get_all(key))
    return row.default if found is None else found


def write(key: str, value: Any) -> None:
    """Put a setting that is kept by hand into the address, its default by leaving it out."""
    if not locks.is_open(key):
        return
    text = "" if value == SETTINGS[key].default else str(value)
    if st.query_params.get(key, "") != text:
        if text:
            st.query_params[key] = text
        else:
            st.query_params.pop(key, None)
    st.session_state.setdefault(_WRITTEN, {})[key] = text


def explain_address(page: str) -> None:
    """Say what a link asks for and does not get; before the controls of a page are drawn.

    Streamlit puts defaults in the place of values that it cannot use, without a word. A sentence
    goes when the visitor moves the control that it is about.
    """
    notes: dict[str, _Note] = st.session_state.setdefault(_NOTES, {})
    for key, (_, watched) in list(notes.items()):
        if any(read(other) != value for other, value in watched.items()):
            del notes[key]
            if key not in SETTINGS:
                st.query_params.pop(key, None)
    for key in st.query_params:
        if key not in SETTINGS:
            notes.setdefault(key, _about_key(key, page))
        elif note := _about_value(SETTINGS[key], st.query_params.get_all(key)):
            notes[key] = note
    for key in locks.find_unknown():
        st.warning(f"This link locks or hides “{plain(key[:60])}”, which is no control here.")
    for key, (sentence, _) in notes.items():
        if is_shown(key, page) if key in SETTINGS else key in st.query_params:
            st.warning(sentence)


def is_shown(key: str, page: str) -> bool:
    """Return whether a page shows a setting as things stand."""
    row = SETTINGS[key]
    return page in row.pages and (row.when is None or read(row.when[0]) == row.when[1])


def _about_value(row: Setting, texts: list[str]) -> _Note | None:
    bad = [text for text in texts if text and row.parse([text]) is None]
    if not bad:
        return None
    found = row.parse(texts)
    value = row.default if found is None else found
    shown = ", ".join(map(row.text, value)) if isinstance(value, tuple) else row.text(value)
    is_number = isinstance(row.default, int | float)
    sentence = (
        f"This link asks for {row.label[0].lower()}{row.label[1:]} “{plain(bad[-1][:60])}”, which "
        f"{'cannot be set' if is_number else 'does not exist'}; “{plain(shown)}” is shown instead."
    )
    nearest = row.nearest(bad[-1])
    if nearest and nearest != shown:
        sentence += f" The nearest is “{plain(nearest)}”."
    return sentence, {row.key: value}


def _about_key(key: str, page: str) -> _Note:
    names = {row.path.rpartition(".")[2]: row.key for row in SETTINGS.values()}
    names |= {row.label.lower(): row.key for row in SETTINGS.values()}
    names |= {name.lower(): name for name in SETTINGS}
    sentence = f"This link asks for a setting “{plain(key[:60])}”, which does not exist."
    for match in get_close_matches(key.lower(), [name for name in names if name], 1):
        nearest = names[match]
        return f"{sentence} The nearest is “{nearest}”.", {nearest: read(nearest)}
    return sentence, {other: read(other) for other in SETTINGS if is_shown(other, page)}


def offer_undo_and_reset(page: str = "playground") -> None:
    """Offer one step back and the way to the beginning of a page's settings."""
    rows = locks.list_open(row for row in SETTINGS.values() if page in row.pages)
    defaults = {row.key: row.default for row in rows if row.undo}
    # Undo leaves these alone: a pin is there to be compared with what comes after it.
    beside = [row.key for row in rows if row.widget == "text" and not row.undo]
    beside = [key for key in beside if key in st.query_params]
    known = {key: st.session_state.get(key, _UNKNOWN) for key in defaults}
    now = {key: value for key, value in known.items() if value is not _UNKNOWN}
    steps = st.session_state.setdefault(f"{_STEPS} {page}", [])
    if steps and all(steps[-1].get(key, value) == value for key, value in now.items()):
        # Controls that are drawn later in a page come to be known, and are no step.
        steps[-1] = steps[-1] | now
    else:
        steps.append(now)
        del steps[:-_MAX_STEPS]
    buttons = st.container(horizontal=True)
    buttons.button(
        "Undo",
        icon=":material/undo:",
        width="stretch",
        disabled=len(steps) < 2,
        on_click=lambda: _go_to(steps.pop() and steps[-1]),
        help="Back to the setting before this one.",
    )
    buttons.button(
        "Reset",
        icon=":material/restart_alt:",
        width="stretch",
        disabled=not beside
        and not (page == "playground" and clicked_place.is_kept())
        and all(now[key] == defaults[key] for key in now),
        on_click=_reset,
        args=(now, defaults, beside),
        help="All controls back to their defaults; a pinned student and a clicked place go.",
    )


def _go_to(setting: Mapping[str, Any]) -> None:
    st.session_state.update(setting)
    for key, value in setting.items():
        if SETTINGS[key].by_hand:
            write(key, value)


def _reset(now: Iterable[str], defaults: Mapping[str, Any], beside: Iterable[str]) -> None:
    """Go back to the defaults, those of controls that are not on the screen included.

    What stands `beside` the controls in the address goes, and so does the clicked place.
    """
    for key in (*(key for key in defaults if key not in now), *beside):
        st.query_params.pop(key, None)
    clicked_place.forget()
    _go_to({key: defaults[key] for key in now})


def plain(text: str) -> str:
    """Return a string so that Markdown shows it letter by letter."""
    escaped = "".join("\\" + c if c in "\\`*_{}[]()<>#+-.!|$:~" else c for c in text)
    # What looks like an address becomes a link in spite of that, unless it is parted.
    return re.sub("/(?=/)|@|ww(?=w)", "\\g<0>\N{WORD JOINER}", escaped, flags=re.IGNORECASE)
