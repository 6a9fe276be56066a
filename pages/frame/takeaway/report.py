"""One button on every page: a report for those who decide."""

from collections.abc import Sequence

import streamlit as st

from distill_core.engine import Job
from distill_core.exports.bundle import make_bundle
from distill_core.exports.page import Report, write_html
from distill_core.exports.report import list_wanted, report_picture
from distill_core.exports.study_report import report_study
from distill_core.specs import PictureSpec
from distill_core.studies import Study
from distill_core.studies.costs import Cost
from pages.frame.controls.url_state import plain
from pages.frame.server import pace, service, visitors, waiting
from pages.frame.takeaway.address import read_address

# Of which picture the visitor's report is, and what it says.
_MADE = "report made"
# For which picture a report is being made, and why the last one could not be.
_ASKED, _ERROR = "report asked", "report error"
_HELP = (
    "One HTML page that needs no network and prints to one or two sheets: what was asked, what is "
    "recommended, how sure that is."
)


def offer_study(found: Study, measured: Sequence[Cost] = ()) -> None:
    """Offer the report of a study; one that is not finished has no answer to report."""
    link = read_address()

    st.download_button(
        "Report",
        lambda: write_html(report_study(found, link, measured=measured)),
        f"{found.name}-report.html",
        "text/html",
        icon=":material/summarize:",
        on_click="ignore",
        width="stretch",
        disabled=found.partial,
        help="The study has no answer yet: parts are missing." if found.partial else _HELP,
    )


def offer_picture(picture: PictureSpec) -> None:
    """Offer the report of a picture: a click trains what it needs, in sight, then it is there."""
    made: tuple[str, Report] | None = st.session_state.get(_MADE)
    asked: str | None = st.session_state.get(_ASKED)
    if asked is not None and asked != picture.digest:
        # What was asked for belonged to another setting.
        _forget(picture)
    if made is not None and made[0] == picture.digest:
        _offer_files(picture, made[1])
    elif asked == picture.digest:
        _watch(picture)
    else:
        st.button(
            "Report",
            icon=":material/summarize:",
            on_click=lambda: st.session_state.update({_ASKED: picture.digest}),
            width="stretch",
            help=_HELP,
        )
    if error := st.session_state.pop(_ERROR, None):
        st.error(plain(error), icon=":material/error:")


def is_under_way() -> bool:
    """Say whether a report is being made; its progress shows between the page's runs."""
    return _ASKED in st.session_state


@waiting.look_again(every=pace.STUDY_POLL)
def _watch(picture: PictureSpec) -> None:
    """Show how far the trainings are, with a way to stop them; then make the report."""
    if st.session_state.get(_ASKED) != picture.digest:
        return
    found = waiting.request(_name_slots(picture))
    running = [one for one in found if isinstance(one, Job) and not one.finished]
    cancelled = st.button("Cancel", icon=":material/stop:", width="stretch")
    if running and not cancelled:
        waiting.Bar(st.empty(), "Training eight times").draw(running)
        return
    _forget(picture)
    if not cancelled:
        try:
            for one in found:
                if isinstance(one, Job):
                    waiting.load_result(one)
            said = report_picture(picture, service.store(), read_address())
            st.session_state[_MADE] = picture.digest, said
        except waiting.Unavailable as reason:
            st.session_state[_ERROR] = str(reason)
    st.rerun()


def _name_slots(picture: PictureSpec) -> waiting.Wanted:
    return {f"report {slot}": one for slot, one in list_wanted(picture).items()}


def _forget(picture: PictureSpec) -> None:
    st.session_state.pop(_ASKED, None)
    visitors.identify().release(*_name_slots(picture))


def _offer_files(picture: PictureSpec, said: Report) -> None:
    """Offer the page, and for technical readers everything that it rests on."""
    st.download_button(
        "Download the report",
        write_html(said),
        "report.html",
        "text/html",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
        help=_HELP,
    )
    store = service.store()
    st.download_button(
        "Everything (zip)",
        lambda: make_bundle(picture, store, said),
        "distillation.zip",
        "application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        width="stretch",
        help="Report, setting, tables, weights, figures, and a script that trains all again and "
        "compares.",
    )
