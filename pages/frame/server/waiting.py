"""Wait for a job where the visitor can see it, and never longer than they want."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import ParamSpec

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import EnsembleSpec, Spec
from distill_core.store import Artifact
from pages.frame.server import pace, service, visitors

_P = ParamSpec("_P")

# By the visitor's slot, the job that makes what is wanted and its spec.
Wanted = Mapping[str, tuple[jobs.Job, Spec]]

# How often a run asks again for what other wishes of its visitor have replaced.
_MOST_TRIES = 20

# Places of the queue from which on it is said that many ask.
MANY = 8

# The parts of a page that run again by themselves and that its last run has drawn.
_DRAWN = "parts drawn"

# The threads of all runs that wait for a job.
_waiting: set[int] = set()


def make(wanted: Wanted, words: str) -> list[Artifact]:
    """Return artifacts in the order in which they are wanted; all workers share the work.

    Parameters
    ----------
    wanted : mapping of str to (job, Spec)
        By the visitor's slot, the job that makes it and its spec.
    words : str
        What the visitor waits for.

    Raises
    ------
    Unavailable
        When one of them could not be computed.
    """
    for _ in range(_MOST_TRIES):
        found = request(wanted)
        running = [job for job in found if isinstance(job, Job)]
        wait(running, words)
        if all(job.state != "cancelled" for job in running):
            break
        # The view has asked for another setting. Where the slider is let go there, this run is
        # interrupted; else it is back where it was, and this is wanted after all.
        rest(pace.HAND_STILL)
    return [load_result(one) if isinstance(one, Job) else one for one in found]


def make_one(job: jobs.Job, spec: Spec, words: str, slot: str = "student") -> Artifact:
    """Return one artifact; otherwise as `make`."""
    (artifact,) = make({slot: (job, spec)}, words)
    return artifact


def request(wanted: Wanted) -> list[Artifact | Job]:
    """Return stored artifacts, and the jobs that make what is not stored; see `make`."""
    visitor = visitors.identify()
    return [visitor.request(job, spec, slot=slot) for slot, (job, spec) in wanted.items()]


def train_teachers(spec: EnsembleSpec) -> None:
    """Train the parts of an ensemble if the store does not have it.

    Raises
    ------
    Unavailable
        When it could not be trained.
    """
    if not service.store().has("ensemble", spec.digest):
        make(list_teachers(spec), f"Training {spec.n_members} teachers")


def list_teachers(spec: EnsembleSpec) -> Wanted:
    """Return the parts of an ensemble as `make` takes them."""
    return {f"teachers {part.part}": (jobs.train_ensemble_part, part) for part in spec.parts}


def wait(
    jobs: Sequence[Job],
    words: str,
    *,
    at_most: float | None = None,
    bar: "Bar | None" = None,
) -> bool:
    """Wait until all jobs have finished; return False when `at_most` seconds are over first.

    When many visitors wait, `at_most` is longer. A progress bar appears when it takes long, or
    goes on where there is one.
    """
    at_once = bar is not None
    bar = bar or Bar(st.empty(), words)
    began = time.monotonic()
    _waiting.add(threading.get_ident())
    try:
        for job in jobs:
            job.wait(pace.SILENCE)
            while not job.wait(pace.LISTEN_EVERY * _crowd()):
                elapsed = time.monotonic() - began
                if at_most is not None and elapsed > at_most * _crowd():
                    return False
                if at_once or elapsed > pace.SHOW_AFTER:
                    bar.draw(jobs)
                _listen()
    finally:
        _waiting.discard(threading.get_ident())
    bar.clear()
    return True


def begin_run() -> None:
    """Take note that a whole page is drawn anew."""
    st.session_state[_DRAWN] = set()


def look_again(every: float) -> Callable[[Callable[_P, None]], Callable[_P, None]]:
    """Make a part of a page run again and again, for as long as the page has it.

    Streamlit keeps the fragments of a page that ended early (`st.stop`). A run of one that was
    asked for before would draw over what stands in its place by now; such a run draws the whole
    page again.

    Parameters
    ----------
    every : float
        Seconds from one run to the next.
    """

    def decorate(part: Callable[_P, None]) -> Callable[_P, None]:
        name = f"{part.__module__}.{part.__qualname__}"

        @wraps(part)
        def look(*args: _P.args, **kwargs: _P.kwargs) -> None:
            if name not in st.session_state.get(_DRAWN, ()):
                st.rerun()
            part(*args, **kwargs)

        @wraps(part)
        def draw(*args: _P.args, **kwargs: _P.kwargs) -> None:
            st.session_state.setdefault(_DRAWN, set()).add(name)
            st.fragment(look, run_every=every)(*args, **kwargs)

        return draw

    return decorate


def is_crowded() -> bool:
    """Say whether so many visitors wait that runs of pages should be few."""
    return _crowd() > 1


def _crowd() -> float:
    """Return how many times too many runs wait, at least 1."""
    return max(1.0, len(_waiting) / pace.CALM)


def rest(seconds: float) -> None:
    """Do nothing for a while, unless the visitor wants something else by then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(pace.LISTEN_EVERY)
        _listen()


def _listen() -> None:
    """Let a newer setting of the same visitor interrupt this run, without a message to anybody.

    Streamlit looks for one whenever the session's state is touched.
    """
    st.session_state.get("newer setting")


class Bar:
    """Says how far jobs are together, in a place of the page; what has not changed is not sent.

    Parameters
    ----------
    place : DeltaGenerator
        Where it is drawn.
    words : str
        What the visitor waits for.
    """

    def __init__(self, place: DeltaGenerator, words: str) -> None:
        self._place = place
        self._words = words
        self._said = ""
        self._due = 0.0

    def draw(self, jobs: Sequence[Job]) -> None:
        """Show how far they are, or at which place of the queue; not more often than looks smooth.

        Each time is a message to everybody who waits, while they wait for the same processor.
        """
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + pace.BAR_STEP * _crowd()
        shares = [1.0 if job.finished else _share(*job.progress) for job in jobs]
        share = sum(shares) / len(shares)
        said = f"{self._words}: {_say_place(jobs) or f'{share:.0%}'}"
        if said != self._said:
            self._said = said
            self._place.progress(share, said)

    def clear(self) -> None:
        """Take it off the page."""
        if self._said:
            self._place.empty()


def _say_place(jobs: Sequence[Job]) -> str:
    """Return where jobs are in the queue while none of them runs or has run."""
    if any(job.state != "queued" for job in jobs):
        return ""
    place = min(job.place for job in jobs)
    if place > MANY:
        return f"many visitors ask at once, this is number {place} in the queue"
    return f"number {place} in the queue" if place > 1 else "waiting for a free worker"


def _share(done: int, total: int) -> float:
    return min(done / total, 1.0) if total else 0.0


class Unavailable(Exception):
    """There is nothing to draw for a setting; the message says why."""


def load_result(job: Job) -> Artifact:
    """Return the artifact of a finished job.

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
