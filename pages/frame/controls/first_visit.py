"""The first picture of a newcomer: a student that is narrow enough to be seen to differ."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.frame.controls.settings import SETTINGS

# Units: with the tutorial's data such a student answers otherwise than the ensemble on 7% of the
# picture, one of 8 on 3%, of 16 and 64 on 1%; so every step wider shows. One of 4 has no boundary.
WIDTH = 6
_KEY = "first visit"
_ROW = SETTINGS["width"]


def begin(is_playground: bool) -> bool:
    """Say whether this visitor opened the bare address; at first put a narrow student into it.

    An address with settings stays as it is: who comes by a link sees what the link says.
    """
    if _KEY not in st.session_state:
        st.session_state[_KEY] = not st.query_params
        if st.session_state[_KEY] and is_playground:
            st.session_state[f"{_KEY}, narrow"] = True
            # The widget has read the address already; both then say the same.
            st.session_state[_ROW.key] = WIDTH
            st.query_params[_ROW.key] = _ROW.text(WIDTH)
    return bool(st.session_state[_KEY])


def leave_out(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings for another page: the narrow width is none that the visitor has set."""
    narrow = st.session_state.get(f"{_KEY}, narrow")
    return {
        key: texts
        for key, texts in settings.items()
        if not (narrow and (key, texts) == (_ROW.key, (_ROW.text(WIDTH),)))
    }


def invite() -> str:
    """Return a sentence that invites to widen the student, or just to move a slider.

    It stays the same in a session, so that nothing moves with a slider.
    """
    if st.session_state.get(f"{_KEY}, narrow"):
        return (
            "Where the picture is hatched they disagree: **widen the student with "
            f"“{_ROW.label}”** and watch the hatching go."
        )
    return "Move a slider and watch how closely its decision boundary follows."
