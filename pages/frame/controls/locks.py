"""Controls that a link locks or hides; what it fixes once stays fixed in that session.

`?width=4&lock=width+T&hide=data` opens with width 4, width and T locked, the data set hidden.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.frame.controls.setting import Setting
from pages.frame.controls.settings import SETTINGS

Access = Literal["open", "locked", "hidden"]

# By key, how it is fixed and at which value (by hand: text); with the address that was read last.
_KEY = "fixed settings"
# Stronger first.
_WAYS: tuple[tuple[str, Access], ...] = (("hide", "hidden"), ("lock", "locked"))
# A learner's own: language, step and predictions.
_NEVER = ("lang", "lesson", "step", "guesses")
_log = logging.getLogger(__name__)


def list_lockable(page: str) -> list[Setting]:
    """Return the settings of a page that a link can lock: those with a control."""
    rows = (row for row in SETTINGS.values() if page in row.pages and row.widget != "text")
    return [row for row in rows if row.key not in _NEVER]


def find(key: str) -> tuple[Access, Any]:
    """Return whether visitors can set a setting and, where they cannot, its value.

    The address that a session saw first decides: later ones, whoever sends them, can fix more, and
    free or move nothing.
    """
    row = SETTINGS[key]
    fixed = _read_address()
    if key in fixed:
        access, value = fixed[key]
        asked = row.parse(st.query_params.get_all(key))
        if asked is not None and asked != value:
            _log.warning("A change of the setting %s, which is %s, was refused.", key, access)
        return access, value
    if row.access != "open":
        return row.access, _value(row)
    return "open", None


def is_open(key: str) -> bool:
    """Say whether visitors can set a setting."""
    return find(key)[0] == "open"


def list_open(rows: Iterable[Setting]) -> list[Setting]:
    """Return those of some settings that visitors can set."""
    fixed = _read_address()
    return [row for row in rows if row.key not in fixed and row.is_open]


def find_unknown() -> list[str]:
    """Return what the address wants to lock or hide that has no control."""
    keys = [key for name, _ in _WAYS for key in _list_keys(name)]
    return [key for key in keys if not _is_lockable(key)]


def write_link(url: str, address: Sequence[tuple[str, str]], **ways: Sequence[str]) -> str:
    """Return a link to an address with settings locked and hidden, by `lock` and `hide`."""
    from urllib.parse import urlencode

    pairs = [(key, value) for key, value in address if key not in ("lock", "hide")]
    pairs += [(way, " ".join(keys)) for way, keys in ways.items() if keys]
    return f"{url}?{urlencode(pairs)}" if pairs else url


def _read_address() -> dict[str, tuple[Access, Any]]:
    fixed: dict[str, tuple[Access, Any]]
    context = get_script_run_ctx()
    address = "" if context is None else context.query_string
    known, fixed = st.session_state.get(_KEY, (None, {}))
    if address == known:
        # Dozens of controls ask in each run.
        return fixed
    for name, access in _WAYS:
        for key in _list_keys(name):
            if key not in fixed and _is_lockable(key):
                fixed[key] = access, _value(SETTINGS[key])
    st.session_state[_KEY] = address, fixed
    return fixed


def _list_keys(name: str) -> list[str]:
    # Bounded: there are fewer settings than this.
    return " ".join(st.query_params.get_all(name)).split()[:100]


def _is_lockable(key: str) -> bool:
    return key in SETTINGS and bool(SETTINGS[key].pages) and key not in _NEVER


def _value(row: Setting) -> Any:
    """Return the value of the address, or the default."""
    texts = st.query_params.get_all(row.key)
    if row.by_hand:
        return texts[-1] if texts else ""
    found = row.parse(texts)
    return row.default if found is None else found
