"""The way from page to page: what a visitor has set on one holds on the next."""

import streamlit as st
from streamlit.navigation.page import Page

from pages.frame.controls import first_visit
from pages.frame.controls.settings import SETTINGS

# The page that was shown last, and all settings in its address.
_KEY = "page and settings"


def carry_over(page: Page) -> None:
    """Open a page with the settings of the page before, unless its address has others.

    Streamlit empties the address when the page changes. What belongs to a widget that the
    new page does not have stays in the address all the same, for the way back.
    """
    before, settings = st.session_state.get(_KEY, (page.url_path, {}))
    here = _address()
    if before != page.url_path:
        settings = first_visit.leave_out(settings)
    st.session_state[_KEY] = page.url_path, settings | here
    if before != page.url_path and settings.items() - here.items():
        st.switch_page(page, query_params={**settings, **here})


def remember() -> None:
    """Take note of the settings that a page has left in its address."""
    page, _ = st.session_state[_KEY]
    st.session_state[_KEY] = page, _address()


def _address() -> dict[str, tuple[str, ...]]:
    known = [key for key in st.query_params if key in SETTINGS]
    return {key: tuple(st.query_params.get_all(key)) for key in known}
