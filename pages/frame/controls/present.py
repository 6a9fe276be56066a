"""The presenter's view, `?present=1`: large type, controls folded away, all on 1280 by 720."""

import streamlit as st

from pages.frame.controls.url_state import read

KEY = "present"
# Pixels: largest side of a picture that leaves room for a title and sliders on 720.
_PICTURE = 360
_STYLE = """
<style>
html { font-size: 115%; }
.stMainBlockContainer { padding: 1rem 2rem 1rem 3.5rem; }
.stMainBlockContainer h1 { font-size: 1.5rem; }
.stElementContainer:has(h1) + .stElementContainer:has(> .stMarkdown) { display: none; }
.stMainBlockContainer .stVerticalBlock { gap: 0.6rem; }
.stMainBlockContainer h2 { font-size: 1.35rem; padding: 0; }
.stAppHeader { background: transparent; height: 2rem; }
.stMainBlockContainer .stSlider [role=slider] { transform: scale(1.5); }
</style>
"""


def is_on() -> bool:
    """Say whether the address asks for the presenter's view."""
    return bool(read(KEY) == "1")


def apply() -> None:
    """Set the page for a projector, if the address asks for it."""
    if is_on():
        st.html(_STYLE)


def limit_height(height: int) -> int:
    """Return how large a picture may be, in pixels."""
    return min(height, _PICTURE) if is_on() else height
