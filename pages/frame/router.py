"""The frame around every page: title, theme, navigation."""

from pathlib import Path

import streamlit as st

_PAGES = Path(__file__).resolve().parent.parent

st.set_page_config(
    page_title="Distillation playground",
    page_icon=str(_PAGES / "frame" / "icon.svg"),
    layout="wide",
    menu_items={"Get help": None, "Report a bug": None, "About": None},
)
st.html(_PAGES / "frame" / "frame.css")
st.navigation(
    [
        st.Page(
            _PAGES / "playground.py",
            title="Playground",
            icon=":material/join_inner:",
            url_path="playground",
            default=True,
        ),
    ]
).run()
