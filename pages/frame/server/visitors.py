"""Who is on this server: a visitor's secret name, what they ask of the engine, their table."""

import secrets
import time
from collections.abc import Sequence

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import DatasetSpec, PictureSpec, Spec, SpecError
from distill_core.store import Artifact
from pages.frame.server import pace, service

_KEY = "visitor"
# Visitors; those beyond the limit have only the slow way, through the page's script.
_MAX_VISITORS = 10_000
# Pictures whose students a visitor's view may ask for: those that it was shown last.
_MAX_OFFERS = 8


class Visitor:
    """One tab of a browser.

    Parameters
    ----------
    name : str
        Tells this tab from all others; nobody else can guess it. It ends with the session.
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
        # Pictures that a page has offered the view, the latest last.
        self.offers: list[PictureSpec] = []
        # Questions of the view that wait for an answer.
        self.n_asking = 0
        # When they were seen last, by a clock that only runs forward.
        self.seen = time.monotonic()
        # Under this name the engine runs the study, whose parts all have slots of their own.
        self.study = f"{name} study"

    def request(self, job: jobs.Job, spec: Spec, *, slot: str = "main") -> Artifact | Job:
        """Return a stored artifact or, if there is none yet, the job that makes it.

        A newer request in the same slot replaces the older one.

        Raises
        ------
        SpecError
            When it is about a table that is not this visitor's. The table's name is no key: it
            stands in what a visitor takes along and may give to others.
        """
        if spec.upload is not None and (self.table is None or spec.upload != self.table.table):
            raise SpecError(
                "This data is in use in another session or was deleted. Upload the file again."
            )
        artifact = service.store().get(job.kind, spec.digest)
        return artifact or service.engine().request(self.name, job, spec, slot=slot)

    def guess(self, pictures: Sequence[PictureSpec]) -> None:
        """Have pictures made that the visitor may want next, while a worker is idle.

        They take the place of earlier guesses, the likeliest first.
        """
        mine = (None, None if self.table is None else self.table.table)
        allowed = [picture for picture in pictures if picture.upload in mine]
        service.engine().guess(self.name, jobs.evaluate_picture, allowed)

    def offer(self, picture: PictureSpec) -> None:
        """Take note that a page shows this picture, whose students the view may ask for."""
        self.offers = [*(other for other in self.offers if other != picture), picture]
        del self.offers[:-_MAX_OFFERS]

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

    def is_here(self) -> bool:
        """Say whether the session has an open connection now."""
        if not self.session or not Runtime.exists():
            return True
        return Runtime.instance().is_active_session(self.session)


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
    elif visitor.name not in _visitors:
        # Somebody whose connection was broken for a while.
        admit(visitor)
    return visitor


def admit(visitor: Visitor) -> None:
    """Take note of a visitor to whom a page has been shown."""
    visitor.seen = time.monotonic()
    _visitors[visitor.name] = visitor
    while len(_visitors) > _MAX_VISITORS:
        _visitors.pop(next(iter(_visitors)), None)


def find(name: str) -> Visitor | None:
    """Return the visitor of this name if a page has been shown to them and they are here."""
    visitor = _visitors.get(name)
    return visitor if visitor is not None and visitor.is_here() else None


def count() -> int:
    """Return how many visitors are remembered."""
    return len(_visitors)


def dismiss_absent() -> None:
    """Give up what visitors asked for whose connection ended and did not come back."""
    now = time.monotonic()
    for visitor in list(_visitors.values()):
        if visitor.is_here():
            visitor.seen = now
        elif now - visitor.seen > pace.LEAVE_GRACE:
            _visitors.pop(visitor.name, None)
            visitor.offers.clear()
            visitor.release()
