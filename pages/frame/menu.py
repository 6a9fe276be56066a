"""The pages, as the menu has them."""

import copy
import functools
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

_FOLDER = Path(__file__).resolve().parent.parent
# File, title, icon; the first is the one that a bare address opens.
_ROWS = (
    ("playground", "Playground", ":material/join_inner:"),
    ("lesson", "Lesson", ":material/school:"),
    ("capacity", "How small?", ":material/compress:"),
    ("softness", "How soft?", ":material/thermostat:"),
    ("variance", "How stable?", ":material/ssid_chart:"),
    ("deploy", "Worth it?", ":material/savings:"),
    ("slices", "Is it true?", ":material/fact_check:"),
    ("words", "Words", ":material/menu_book:"),
)


def list_pages() -> dict[str, Page]:
    """Return all pages by name, for one run: a page notes whether it may still be run."""
    return {name: copy.copy(page) for name, page in _find().items()}


@functools.cache
def _find() -> dict[str, Page]:
    """Look for the files of all pages; in the first run of a server, as no run needs it anew."""
    return {
        name: st.Page(_FOLDER / f"{name}.py", title=title, icon=icon, url_path=name, default=not i)
        for i, (name, title, icon) in enumerate(_ROWS)
    }
