"""Wait for a job where the visitor can see it, and never longer than they want."""

import secrets
import threading
import time
from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import Spec
from distill_core.store import Artifact
from pages.frame.server import service

# A bar that flashes for a moment is noise: it appears only after this many seconds.
_SHOW_AFTER = 0.4
# How often a run looks whether its visitor wants something else by now.
_LISTEN_EVERY = 0.03
# Most students are trained sooner; until then nothing is sent, as the browser would draw it
# in place of the student's line.
_GRACE = 0.12
# So many runs may wait as described above; if more do, each looks and draws less often, so that
# a hundred visitors who wait do not keep the workers from what they wait for.
_CALM = 4
_VISITOR = "visitor"

# The threads of all runs that wait for a job.
_waiting: set[int] = set()


def request(job: jobs.Job, spec: Spec, *, slot: str) -> Artifact | Job:
    """Return a stored artifact or, if there is none yet, the job that makes it.

    A newer request from the same visitor in the same slot replaces the older one.
    """
    artifact = service.store().get(job.kind, spec.digest)
    if artifact is not None:
        return artifact
    return service.engine().request(visitor(), job, spec, slot=slot)


def wait(
    jobs: Sequence[Job],
    words: str,
    *,
    at_most: float | None = None,
    place: DeltaGenerator | None = None,
) -> bool:
    """Wait until all jobs have finished; return False when `at_most` seconds are over first.

    When many visitors wait, `at_most` is longer. A progress bar appears when it takes long. Every
    Streamlit call below is also the point at which a newer setting of the same visitor
    interrupts this run.
    """
    at_once = place is not None
    place = place or st.empty()
    began = time.monotonic()
    _waiting.add(threading.get_ident())
    try:
        for job in jobs:
            job.wait(_GRACE)
            while not job.wait(_LISTEN_EVERY * _crowd()):
                elapsed = time.monotonic() - began
                if at_most is not None and elapsed > at_most * _crowd():
                    return False
                if at_once or elapsed > _SHOW_AFTER:
                    bar(place, jobs, words)
                else:
                    place.empty()
    finally:
        _waiting.discard(threading.get_ident())
    place.empty()
    return True


def is_crowded() -> bool:
    """Say whether so many visitors wait that runs of pages should be few."""
    return _crowd() > 1


def _crowd() -> float:
    """Return how many times too many runs wait, at least 1."""
    return max(1.0, len(_waiting) / _CALM)


def rest(seconds: float) -> None:
    """Do nothing for a while, unless the visitor wants something else by then."""
    place = st.empty()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(_LISTEN_EVERY)
        place.empty()


def bar(place: DeltaGenerator, jobs: Sequence[Job], words: str) -> None:
    """Show how far jobs are together."""
    if all(job.state == "queued" for job in jobs):
        place.progress(0.0, f"{words}: waiting for a free worker")
        return
    shares = [1.0 if job.finished else _share(*job.progress) for job in jobs]
    share = sum(shares) / len(shares)
    place.progress(share, f"{words}: {share:.0%}")


def _share(done: int, total: int) -> float:
    return min(done / total, 1.0) if total else 0.0


class Unavailable(Exception):
    """There is nothing to draw for a setting; the message says why."""


def result(job: Job) -> Artifact:
    """Return what a finished job has made.

    Raises
    ------
    Unavailable
        When it has failed or was replaced.
    """
    artifact = service.store().get(job.kind, job.digest) if job.state == "done" else None
    if artifact is None:
        raise Unavailable(
            "A newer setting has replaced this one."
            if job.state == "cancelled"
            else f"This could not be computed. {job.error or 'The store did not keep it.'}"
        )
    return artifact


def visitor() -> str:
    """Return what tells this visitor's tab from all others, and what nobody else can guess."""
    name: str | None = st.session_state.get(_VISITOR)
    if name is None:
        name = st.session_state[_VISITOR] = secrets.token_urlsafe(12)
        service.admit(name)
    return name
