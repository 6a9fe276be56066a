"""What a visitor uploaded is deleted when they leave, as far as the server notices."""

import logging
import threading

import streamlit as st
from streamlit.runtime import Runtime

from distill_core import uploads
from distill_core.specs import DatasetSpec
from pages.frame.server import pace, service, visitors
from pages.frame.server.visitors import Visitor

_log = logging.getLogger(__name__)

_watched: set[Visitor] = set()


def watch(dataset: DatasetSpec) -> None:
    """Take note that a visitor has this table in use."""
    visitor = visitors.identify()
    visitor.table = dataset
    _watched.add(visitor)
    _watch_session()


def forget() -> None:
    """Take note that the visitor has no table any more."""
    visitor = visitors.identify()
    visitor.table = None
    visitor.offers.clear()
    _watched.discard(visitor)


def delete_all() -> None:
    """Delete what is left when the server ends, and all sessions with it."""
    for visitor in list(_watched):
        _watched.discard(visitor)
        if visitor.table is not None:
            try:
                uploads.delete(service.store(), visitor.table)
            except Exception:
                # The next server that starts on this store deletes it.
                _log.exception("A visitor's data could not be deleted when the server ended.")


def _delete_later(visitor: Visitor) -> None:
    """Look again after a while whether a session is over; called when its connection ends.

    Streamlit also calls this when somebody has all caches emptied: then the session is alive.
    """
    timer = threading.Timer(pace.UPLOAD_GRACE, _delete, [visitor])
    timer.daemon = True
    timer.start()


@st.cache_resource(scope="session", show_spinner=False, on_release=_delete_later)
def _watch_session() -> Visitor:
    """Return the visitor; Streamlit releases what this returned when the session ends."""
    return visitors.identify()


def _delete(visitor: Visitor) -> None:
    if Runtime.exists() and Runtime.instance().is_active_session(visitor.session):
        return
    if visitor not in _watched or visitor.table is None:
        return
    _watched.discard(visitor)
    try:
        visitor.release()
        uploads.delete(service.store(), visitor.table)
    except Exception:
        # Nobody waits for this thread; what is left is deleted after a day.
        _log.exception("A visitor's data could not be deleted when they left.")
