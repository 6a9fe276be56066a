"""Run a study and watch it grow; a visitor watches one at a time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from distill_core import studies
from distill_core.engine import Job
from distill_core.specs import Spec
from distill_core.studies import Study, StudySpec, Task
from pages.frame.controls.url_state import plain
from pages.frame.server import pace, service, visitors, waiting

# What is kept for a visitor: the run that they watch, the study that they were asked about,
# the one that shall not begin by itself again, and why a run failed.
_RUN, _ASKED, _HALTED, _ERROR = "study run", "study asked", "study halted", "study error"


@dataclass
class _Run:
    """A study that is being done, as one visitor watches it."""

    spec: Spec
    tasks: list[Task]
    # When the workers may begin: what begins by itself lets the browser paint first.
    begins: float
    shown: bool = False
    n_drawn: int = 0
    drawn: float = 0.0
    watched: float = 0.0
    looked: float = field(default_factory=time.monotonic)

    @property
    def planned(self) -> float:
        return sum(task.seconds for task in self.tasks)


def follow(spec: StudySpec, extra: Sequence[Task] = (), *, at_once: float = 0.0) -> Study:
    """Return the result so far; offer to do what is missing, or show how it gets on.

    Parameters
    ----------
    spec : CapacitySpec, SoftnessSpec, VarianceSpec or WorthSpec
        Which study.
    extra : sequence of Task
        What the page draws beside the study's own table; done after it.
    at_once : float
        Seconds; a study that takes no longer begins without a click.

    Raises
    ------
    SpecError
        When the data does not allow the study.
    """
    store = service.store()
    found = studies.look(spec, store)
    own = studies.list_missing(spec, store) if found.partial else []
    wanted = [*own, *(task for task in extra if not task.done(store))]
    run: _Run | None = st.session_state.get(_RUN)
    if run is not None and type(run.spec) is type(spec) and run.spec != spec:
        _stop()
        run = None
        st.toast(
            "The study that was running has stopped, because its setting was changed. What it has "
            "computed is kept: set back, it goes on from there.",
            icon=":material/pause:",
        )
    small = not own or studies.estimate_seconds(spec, store, _n_workers()) <= at_once
    if wanted and small and run is None and st.session_state.get(_HALTED) != spec.digest:
        # What is small is done without a question.
        run = _start(spec, wanted, after=pace.PAINT_FIRST)
    if error := st.session_state.pop(_ERROR, None):
        st.error(f"This could not be computed. {plain(error)}", icon=":material/error:")
    if run is not None and run.spec == spec:
        run.shown, run.n_drawn = bool(found.rows), len(run.tasks) - len(wanted)
        run.drawn = time.monotonic()
        _watch()
    elif wanted:
        _offer(spec, found, wanted)
    return found


def is_running(spec: Spec) -> bool:
    """Say whether this visitor watches this study being done."""
    run: _Run | None = st.session_state.get(_RUN)
    return run is not None and run.spec == spec


def _offer(spec: StudySpec, found: Study, wanted: Sequence[Task]) -> None:
    """Offer to run a study; one that takes long asks first."""
    store = service.store()
    left = studies.estimate_seconds(spec, store, _n_workers())
    # Teachers and stacks that another page has made are no beginning of this study.
    more = bool(found.rows)
    verb = "Continue" if more else "Run"
    button, words = st.columns([1, 3], vertical_alignment="center")
    done = f"{found.n_done} of {found.n_tasks} parts are done. " if more else ""
    words.caption(f"{done}This takes {format_duration(left)} on this server.")
    clicked = button.button(
        f"{verb} the study", type="primary", icon=":material/play_arrow:", width="stretch"
    )
    if clicked and left <= studies.ASK_ABOVE:
        _start(spec, wanted)
        st.rerun()
    if clicked:
        st.session_state[_ASKED] = spec.digest
    if st.session_state.get(_ASKED) == spec.digest:
        st.warning(
            f"This takes {format_duration(left)}, and other visitors share the workers. A smaller "
            "study (fewer seeds, fewer teachers) is sooner done.",
            icon=":material/hourglass_top:",
        )
        yes, no, _ = st.columns([1, 1, 2])
        if yes.button("Run it all the same", width="stretch"):
            _start(spec, wanted)
            st.rerun()
        no.button(
            "Do not run it", width="stretch", on_click=lambda: st.session_state.pop(_ASKED, None)
        )


@waiting.look_again(every=pace.STUDY_POLL)
def _watch() -> None:
    """Keep the workers busy, show the progress, and draw the page again when there is more."""
    run: _Run | None = st.session_state.get(_RUN)
    if run is None:
        return
    store = service.store()
    rest = [task for task in run.tasks if not task.done(store)]
    now = time.monotonic()
    jobs = _request(rest) if now >= run.begins else []
    failed = [job.error for _, job in jobs if job.state == "failed"]
    # The clock stands still while nobody looks.
    run.watched += min(now - run.looked, 5 * pace.STUDY_POLL)
    run.looked = now
    bar, cancel = st.columns([5, 1], vertical_alignment="center")
    share, words = _measure_progress(run, rest, jobs)
    bar.progress(share, words)
    cancelled = cancel.button("Cancel", icon=":material/stop:", width="stretch")
    if failed or cancelled:
        st.session_state[_HALTED] = run.spec.digest
    if failed:
        st.session_state[_ERROR] = str(failed[0])
    if failed or cancelled or not rest:
        _stop()
        st.rerun()
    n_done = len(run.tasks) - len(rest)
    # The first numbers at once, further ones now and then.
    if n_done > run.n_drawn and (not run.shown or now - run.drawn > pace.STUDY_REDRAW):
        st.rerun()


def _request(rest: Sequence[Task]) -> list[tuple[Task, Job]]:
    """Request what the workers can do until the next look, and no more: others wait too."""
    store, engine = service.store(), service.engine()
    n_workers = _n_workers()
    submit = studies.submit_to(engine, visitors.identify().study)
    jobs: list[tuple[Task, Job]] = []
    for task in rest:
        if all(other.done(store) for other in task.needs):
            jobs.append((task, submit(task)))
            enough = sum(task.seconds for task, _ in jobs) > 2 * pace.STUDY_POLL * n_workers
            if len(jobs) > n_workers and enough:
                break
    return jobs


def _measure_progress(
    run: _Run, rest: Sequence[Task], jobs: Sequence[tuple[Task, Job]]
) -> tuple[float, str]:
    """Return how far a run is, from 0 to 1, and in words."""
    begun = {task.digest: job.progress for task, job in jobs}
    to_do = 0.0
    for task in rest:
        done, total = begun.get(task.digest, (0, 0))
        to_do += task.seconds * (1 - done / total if total else 1)
    share = 1 - to_do / run.planned if run.planned else 1.0
    left = run.watched * (1 - share) / share if share > 0.03 else to_do / _n_workers()
    n = len(run.tasks)
    return max(0.0, min(share, 1.0)), f"{n - len(rest)} of {n} parts, {format_duration(left)} left"


def _start(spec: Spec, wanted: Sequence[Task], after: float = 0.0) -> _Run:
    """Begin a run in place of any other of this visitor's."""
    _stop()
    st.session_state.pop(_ASKED, None)
    st.session_state.pop(_HALTED, None)
    st.session_state[_RUN] = run = _Run(spec, list(wanted), time.monotonic() + after)
    return run


def _stop() -> None:
    """End the run; what waits or runs is dropped, what is done is in the store."""
    if st.session_state.pop(_RUN, None) is not None:
        visitors.identify().release_study()


def _n_workers() -> int:
    return max(1, len(service.engine().worker_pids()))


def format_duration(seconds: float) -> str:
    """Return a time in words, no more precise than it is known."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 90:
        return f"about {seconds:.0f} seconds"
    return f"about {seconds / 60:.0f} minutes"
