"""What a visitor uploaded is deleted when they leave, as far as the server notices."""

import atexit
import logging
import threading

import streamlit as st
from streamlit.runtime import Runtime

from distill_core import uploads
from distill_core.specs import DatasetSpec
from pages.frame.server import service, waiting

_log = logging.getLogger(__name__)

# Streamlit keeps a session for two minutes after its connection broke: it may come back.
_GRACE = 150.0

_tables: dict[str, DatasetSpec] = {}


def watch(dataset: DatasetSpec) -> None:
    """Take note that a visitor has this table in use."""
    _tables[waiting.visitor()] = dataset
    _session()


def forget() -> None:
    """Take note that the visitor has no table any more."""
    _tables.pop(waiting.visitor(), None)


def _gone(session: str) -> None:
    """Look again after a while whether a session is over; called when its connection ends.

    Streamlit also calls this when somebody has all caches emptied: then the session is alive.
    """
    timer = threading.Timer(_GRACE, _delete, [session])
    timer.daemon = True
    timer.start()


@st.cache_resource(scope="session", show_spinner=False, on_release=_gone)
def _session() -> str:
    """Return the visitor's session; Streamlit releases what this returned when it ends."""
    return waiting.visitor()


@atexit.register
def _delete_all() -> None:
    """Delete what is left when the server ends, and all sessions with it."""
    for dataset in _tables.values():
        uploads.delete(service.store(), dataset)


def _delete(session: str) -> None:
    if Runtime.exists() and Runtime.instance().is_active_session(session):
        return
    dataset = _tables.pop(session, None)
    if dataset is None:
        return
    try:
        for visitor in (session, f"{session} study"):
            service.engine().release(visitor)
        uploads.delete(service.store(), dataset)
    except Exception:
        # Nobody waits for this thread; what is left is deleted after a day.
        _log.exception("A visitor's data could not be deleted when they left.")
