"""The frame around every page: title, theme, navigation."""

from pathlib import Path

import streamlit as st

from pages.frame import menu
from pages.frame.controls import carry_over, first_visit, present, share
from pages.frame.server import memory, waiting

_FOLDER = Path(__file__).resolve().parent

st.set_page_config(
    page_title="Distillation playground",
    page_icon=str(_FOLDER / "icon.svg"),
    layout="wide",
    # Known before the controls are: the presenter's view folds them away.
    initial_sidebar_state="collapsed" if st.query_params.get(present.KEY) == "1" else "auto",
    menu_items={"Get help": None, "Report a bug": None, "About": None},
)
st.html(_FOLDER / "frame.css")
pages = menu.list_pages()
page = st.navigation(list(pages.values()))
# Who comes by a link knows what to see; the offer stays, so that nothing moves with a slider.
is_newcomer = first_visit.begin(page == pages["playground"])
carry_over.carry_over(page)
present.apply()
with st.sidebar:
    share.offer(page.url_path or "playground")
if is_newcomer and page == pages["playground"]:
    label = "New here? The lesson: predict first, then see"
    st.page_link(pages["lesson"], label=label, icon=pages["lesson"].icon)
waiting.begin_run()
try:
    page.run()
finally:
    carry_over.remember()
    memory.note_run()
