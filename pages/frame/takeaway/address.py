"""The address that opens a page again as it is."""

from urllib.parse import urlencode

import streamlit as st


def read_address() -> str:
    """Return the address of the present page with its whole setting; empty if it is not known."""
    url = st.context.url
    query = [(key, text) for key in st.query_params for text in st.query_params.get_all(key)]
    return f"{url}?{urlencode(query)}" if url and query else url or ""
