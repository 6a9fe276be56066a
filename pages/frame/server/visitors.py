"""Who is on this server: a visitor's secret name, what they ask of the engine, their table."""

import secrets

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import DatasetSpec, Spec
from distill_core.store import Artifact
from pages.frame.server import service

_KEY = "visitor"
# Visitors; those beyond the limit have only the slow way, through the page's script.
_MAX_VISITORS = 10_000


class Visitor:
    """One tab of a browser.

    Parameters
    ----------
    name : str
        Tells this tab from all others; nobody else can guess it.
    session : str
        Streamlit's name of the tab's session.
    """

    def __init__(self, name: str, session: str = "") -> None:
        self.name = name
        self.session = session
        # The uploaded table in use.
        self.table: DatasetSpec | None = None
        # The job that makes the line which the live view asked for last.
        self.line: Job | None = None
        # Under this name the engine runs the study, whose parts all have slots of their own.
        self.study = f"{name} study"

    def request(self, job: jobs.Job, spec: Spec, *, slot: str = "main") -> Artifact | Job:
        """Return a stored artifact or, if there is none yet, the job that makes it.

        A newer request in the same slot replaces the older one.
        """
        artifact = service.store().get(job.kind, spec.digest)
        return artifact or service.engine().request(self.name, job, spec, slot=slot)

    def release(self, *slots: str) -> None:
        """Give up what was asked for in some slots; without any, all of it and the study."""
        for slot in slots:
            service.engine().release(self.name, slot)
        if not slots:
            service.engine().release(self.name)
            self.release_study()

    def release_study(self) -> None:
        """Give up the study's parts that wait or run."""
        service.engine().release(self.study)


# By name, the one that came first in front.
_visitors: dict[str, Visitor] = {}


def identify() -> Visitor:
    """Return the visitor whose tab runs this script; a new one is admitted."""
    visitor: Visitor | None = st.session_state.get(_KEY)
    if visitor is None:
        context = get_script_run_ctx()
        name = secrets.token_urlsafe(12)
        visitor = Visitor(name, "" if context is None else context.session_id)
        st.session_state[_KEY] = visitor
        admit(visitor)
    return visitor


def admit(visitor: Visitor) -> None:
    """Take note of a visitor to whom a page has been shown."""
    _visitors[visitor.name] = visitor
    while len(_visitors) > _MAX_VISITORS:
        _visitors.pop(next(iter(_visitors)), None)


def find(name: str) -> Visitor | None:
    """Return the visitor of this name if a page has been shown to them."""
    return _visitors.get(name)
