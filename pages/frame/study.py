"""What the pages of studies share: run one, watch it grow, draw and export it."""

import json
import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from distill_core import figures, specs, studies
from distill_core.engine import Job
from distill_core.specs import Schedule, Spec
from distill_core.studies import Study, StudySpec, Task
from pages.frame import controls, service, status

# Seconds between two looks at the workers, and between two drawings of a growing result.
_POLL, _REDRAW = 0.4, 1.0
# What is kept for a visitor: the run that they watch, the study that they were asked about,
# the one that shall not begin by itself again, and why a run failed.
_RUN, _ASKED, _HALTED, _ERROR = "study run", "study asked", "study halted", "study error"


@dataclass
class _Run:
    """A study that is being done, as one visitor watches it."""

    spec: Spec
    tasks: list[Task]
    n_drawn: int = 0
    drawn: float = 0.0
    watched: float = 0.0
    looked: float = field(default_factory=time.monotonic)

    @property
    def planned(self) -> float:
        return sum(task.seconds for task in self.tasks)


def follow(spec: StudySpec, extra: Sequence[Task] = ()) -> Study:
    """Return the result so far; offer to do what is missing, or show how it gets on.

    Parameters
    ----------
    spec : CapacitySpec, SoftnessSpec or VarianceSpec
        Which study.
    extra : sequence of Task
        What the page draws beside the study's own table; done after it.

    Raises
    ------
    SpecError
        When the data does not allow the study.
    """
    store = service.store()
    found = studies.look(spec, store)
    own = studies.missing(spec, store) if found.partial else []
    wanted = [*own, *(task for task in extra if not task.done(store))]
    run: _Run | None = st.session_state.get(_RUN)
    if run is not None and type(run.spec) is type(spec) and run.spec != spec:
        _stop()
        run = None
    if wanted and not own and run is None and st.session_state.get(_HALTED) != spec.digest:
        # What is small, beside a study that is there, is done without a question.
        run = _start(spec, wanted)
    if error := st.session_state.pop(_ERROR, None):
        st.error(f"This could not be computed. {controls.plain(error)}", icon=":material/error:")
    if run is not None and run.spec == spec:
        run.n_drawn, run.drawn = len(run.tasks) - len(wanted), time.monotonic()
        _watch()
    elif wanted:
        _offer(spec, found, wanted)
    return found


def answer(found: Study) -> None:
    """Show the answer, its first sentence in bold; what is partial says so."""
    if not found.rows:
        running = _RUN in st.session_state
        st.info(
            "The first numbers come when the ensemble is trained."
            if running
            else "Nothing is computed for this setting yet.",
            icon=":material/hourglass_top:" if running else ":material/science:",
        )
        st.stop()
    first, *rest = re.split(r"(?<=\.) (?=[A-Z])", found.answer, maxsplit=1)
    with st.container(border=True):
        if found.partial:
            st.badge(f"Partial: {found.n_done} of {found.n_tasks} parts", icon=":material/pending:")
        st.markdown(" ".join([f"**{controls.plain(first)}**", *map(controls.plain, rest)]))


def exports(found: Study) -> None:
    """Offer the table and the spec as files."""
    name = f"{found.name}-{found.spec.digest[:8]}"
    spec = {"study": found.name, "spec": found.spec.model_dump(mode="json")}
    table, setting, words = st.columns([1, 1, 3], vertical_alignment="center")
    table.download_button(
        "Table (CSV)",
        found.to_csv,
        f"{name}.csv",
        "text/csv",
        icon=":material/table:",
        on_click="ignore",
        width="stretch",
        help="One row per setting and seed.",
    )
    setting.download_button(
        "Spec (JSON)",
        json.dumps(spec, indent=2),
        f"{name}.json",
        "application/json",
        icon=":material/data_object:",
        on_click="ignore",
        width="stretch",
        help="Everything that this study was asked; the same spec gives the same numbers.",
    )
    words.caption(
        "The camera above each figure saves it as PNG. This page's address holds the whole "
        "setting: whoever opens it sees the same, without computing it again."
    )


def chart(figure: go.Figure, key: str, words: str) -> None:
    """Draw a figure in the page's theme; `words` say what is seen to those who do not see it."""
    dark = st.context.theme.type == "dark"
    figure = figures.in_dark(figure) if dark else figure
    # Not transparent: a saved picture shall be readable on any ground.
    ground = st.get_option(f"theme.{'dark' if dark else 'light'}.backgroundColor")
    figure.update_layout(paper_bgcolor=ground)
    image = {"format": "png", "scale": 2, "filename": key}
    st.plotly_chart(
        figure,
        theme=None,
        key=key,
        alt=words,
        config={
            "displaylogo": False,
            "modeBarButtons": [["toImage", "zoom2d", "resetScale2d"]],
            "toImageButtonOptions": image,
        },
    )


def charts(columns: int | Sequence[int], drawn: Iterable[tuple[go.Figure, str, str]]) -> None:
    """Draw figures side by side, row by row; each as `chart` takes it."""
    places: list[Any] = []
    for figure, key, words in drawn:
        places = places or st.columns(columns, gap="medium")
        with places.pop(0):
            chart(figure, key, words)


def metrics(values: Mapping[str, str]) -> None:
    """Show figures in a row, by name."""
    for column, (label, value) in zip(st.columns(len(values)), values.items(), strict=True):
        column.metric(label, value)


def group_table(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return all figures of a variance study, a row for each source and group."""
    return [
        {"repeats over": source, "model": figures.GROUPS[group]}
        | {
            name.replace("_", " "): figures.said(value, ".4f")
            if isinstance(value, dict)
            else "not known"
            if value is None
            else f"{value:.4f}"
            for name, value in of_group.items()
        }
        for source, part in summary.items()
        for group, of_group in part["groups"].items()
    ]


def few(widths: Sequence[int], chosen: int | None) -> list[int]:
    """Return four widths from narrow to wide to show as examples, the chosen one among them."""
    at = {round(i) for i in np.linspace(1, len(widths) - 1, min(4, len(widths)))}
    picked = [widths[i] for i in sorted(at)]
    if chosen is not None and chosen not in picked:
        nearest = min(picked, key=lambda width: abs(math.log2(width / chosen)))
        picked[picked.index(nearest)] = chosen
    return picked


def setting(*names: str) -> dict[str, Any]:
    """Ask for a student's settings, the same as in the playground; return values for a spec.

    Parameters
    ----------
    *names : str
        Of "width", "depth", "temperature", "alpha", "epochs".
    """
    found = {name: _stop_of(*_SETTINGS[name]) for name in names}
    if "epochs" in found:
        found["schedule"] = Schedule.STUDENT.replace(epochs=found.pop("epochs"))
    return found


def count(label: str, key: str, low: int, high: int, default: int, help: str) -> int:
    """Ask for a whole number, bound to the URL."""
    number: int = st.number_input(
        label, low, high, default, key=key, bind="query-params", help=help
    )
    return number


def number(label: str, key: str, low: float, high: float, default: float, help: str) -> float:
    """Ask for a number, bound to the URL."""
    found: float = st.number_input(
        label, low, high, default, step=0.1, key=key, bind="query-params", help=help
    )
    return found


def several(label: str, key: str, options: Sequence[Any], default: Sequence[Any]) -> Any:
    """Ask for some of several, bound to the URL; none means the default."""
    found = st.pills(
        label,
        options,
        selection_mode="multi",
        default=default,
        key=key,
        bind="query-params",
    )
    return tuple(found or default)


def choice(label: str, key: str, options: Sequence[str]) -> str:
    """Ask for one of a few, bound to the URL."""
    found: str = st.segmented_control(
        label, options, default=options[0], required=True, key=key, bind="query-params"
    )
    return found


_SETTINGS: dict[str, tuple[str, str, Sequence[Any], str]] = {
    "width": (
        "Student width",
        "width",
        specs.WIDTHS,
        "Units in the student's first hidden layer; each further layer has half as many.",
    ),
    "depth": ("Student depth", "depth", specs.DEPTHS, "Hidden layers; each is half as wide."),
    "temperature": (
        "Temperature T",
        "T",
        specs.TEMPERATURES,
        "Softens the ensemble's probabilities before the student learns them.",
    ),
    "alpha": (
        "alpha (weight on the ensemble)",
        "alpha",
        specs.ALPHAS,
        "1: learn from the ensemble alone. The twin always has 0: labels alone.",
    ),
    "epochs": ("Epochs", "epochs", specs.EPOCHS, "How often a student sees all training data."),
}


def _stop_of(label: str, key: str, stops: Sequence[Any], help: str) -> Any:
    return st.select_slider(
        label,
        stops,
        controls.DEFAULTS[key],
        format_func=lambda stop: f"{stop:g}",
        key=key,
        bind="query-params",
        help=help,
    )


def _offer(spec: StudySpec, found: Study, wanted: Sequence[Task]) -> None:
    """Offer to run a study; one that takes long asks first."""
    store = service.store()
    left = studies.seconds(spec, store, _n_workers())
    more = bool(found.n_done)
    verb = "Continue" if more else "Run"
    button, words = st.columns([1, 3], vertical_alignment="center")
    done = f"{found.n_done} of {found.n_tasks} parts are done. " if more else ""
    words.caption(f"{done}This takes {duration(left)} on this server.")
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
            f"This takes {duration(left)}, and other visitors share the workers. A smaller study "
            "(fewer seeds, fewer teachers) is sooner done.",
            icon=":material/hourglass_top:",
        )
        yes, no, _ = st.columns([1, 1, 2])
        if yes.button("Run it all the same", width="stretch"):
            _start(spec, wanted)
            st.rerun()
        no.button(
            "Do not run it",
            width="stretch",
            on_click=lambda: st.session_state.pop(_ASKED, None),
        )


@st.fragment(run_every=_POLL)
def _watch() -> None:
    """Keep the workers busy, show the progress, and draw the page again when there is more."""
    run: _Run | None = st.session_state.get(_RUN)
    if run is None:
        return
    store = service.store()
    rest = [task for task in run.tasks if not task.done(store)]
    jobs = _requested(rest)
    failed = [job.error for _, job in jobs if job.state == "failed"]
    now = time.monotonic()
    # The clock stands still while nobody looks.
    run.watched += min(now - run.looked, 5 * _POLL)
    run.looked = now
    bar, cancel = st.columns([5, 1], vertical_alignment="center")
    share, words = _progress(run, rest, jobs)
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
    if n_done > run.n_drawn and (run.n_drawn == 0 or now - run.drawn > _REDRAW):
        st.rerun()


def _requested(rest: Sequence[Task]) -> list[tuple[Task, Job]]:
    """Request what the workers can do until the next look, and no more: others wait too."""
    store, engine = service.store(), service.engine()
    n_workers = _n_workers()
    submit = studies.on_engine(engine, _visitor())
    jobs: list[tuple[Task, Job]] = []
    for task in rest:
        if all(other.done(store) for other in task.needs):
            job = submit(task)
            assert isinstance(job, Job)
            jobs.append((task, job))
            enough = sum(task.seconds for task, _ in jobs) > 2 * _POLL * n_workers
            if len(jobs) > n_workers and enough:
                break
    return jobs


def _progress(
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
    return max(0.0, min(share, 1.0)), f"{n - len(rest)} of {n} parts, {duration(left)} left"


def _start(spec: Spec, wanted: Sequence[Task]) -> _Run:
    """Begin a run in place of any other of this visitor's."""
    _stop()
    st.session_state.pop(_ASKED, None)
    st.session_state.pop(_HALTED, None)
    st.session_state[_RUN] = run = _Run(spec, list(wanted))
    return run


def _stop() -> None:
    """End the run; what waits or runs is dropped, what is done is in the store."""
    if st.session_state.pop(_RUN, None) is not None:
        service.engine().release(_visitor())


def _visitor() -> str:
    return f"{status.visitor()} study"


def _n_workers() -> int:
    return max(1, len(service.engine().worker_pids()))


def duration(seconds: float) -> str:
    """Return a time in words, no more precise than it is known."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 90:
        return f"about {seconds:.0f} seconds"
    return f"about {seconds / 60:.0f} minutes"
