"""A link for a class: the present state with some controls locked or hidden, and its QR code."""

import io

import segno
import streamlit as st

from pages.frame.controls import locks, prepared
from pages.frame.controls.settings import SETTINGS
from pages.frame.controls.url_state import is_shown

# Pixels of one square of a code: read from the last row.
_SCALE = 6
# Characters above which codes become too fine for a phone at a distance.
_LONG = 400


def offer(page: str) -> None:
    """Offer to make a link; not to those who came by one that fixes something."""
    if any(key in st.query_params for key in ("lock", "hide")):
        return
    st.button(
        "Link for a class",
        icon=":material/qr_code_2:",
        type="tertiary",
        on_click=_make_link,
        args=(page,),
        help="A link or QR code to what is shown now, with chosen controls locked or hidden.",
    )


@st.dialog("Link for a class")
def _make_link(page: str) -> None:
    rows = [row for row in locks.list_lockable(page) if is_shown(row.key, page)]
    names = {row.key: SETTINGS[row.key].label for row in rows}
    lock = st.multiselect(
        "Locked: seen, but not moved", list(names), format_func=lambda key: names[key]
    )
    hide = st.multiselect(
        "Hidden: not even seen",
        [key for key in names if key not in lock],
        format_func=lambda key: names[key],
    )
    address = [(key, text) for key in st.query_params for text in st.query_params.get_all(key)]
    link = locks.write_link(st.context.url or "", address, lock=lock, hide=hide)
    st.code(link, language=None, wrap_lines=True)
    image = io.BytesIO()
    segno.make(link, micro=False).save(image, kind="png", scale=_SCALE, border=4)
    st.image(image.getvalue(), caption="The same link as a QR code.")
    if len(link) > _LONG:
        st.caption("This link is long; its code may be too fine to be read from afar.")
    with st.expander("Prepared links"):
        st.markdown(prepared.list_links())
    st.caption(
        "Whoever opens the link cannot move what is locked or hidden: the server keeps it. All "
        "else can be changed. Data of your own is never in a link."
    )
