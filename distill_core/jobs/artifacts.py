"""How results lie in the store: what makes a function a job, and how its arrays are read back."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distill_core import uploads
from distill_core.boundaries.section import Section
from distill_core.engine.worker import JobFunction, Report
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_plane, load_problem
from distill_core.learning.networks import Stack
from distill_core.specs import PlaneSpec, ProblemSpec
from distill_core.store import Artifact, Store

Arrays = Mapping[str, NDArray[Any]]


class Job(JobFunction, Protocol):
    """A job of the engine that can also be called by itself, with nobody to report to."""

    def __call__(self, spec: Any, store: Store, report: Report = ..., /, **more: Any) -> None:
        """Make one artifact and put it."""


def report_nothing(done: int, total: int, arrays: Arrays | None = None) -> None:
    """Report to nobody."""


def artifact(kind: str) -> Callable[[Callable[..., Any]], Job]:
    """Make a function a job: it finds uploads, and what it returns is put under its kind.

    Decorates a function of (spec, store, report) that returns arrays by name, or arrays and
    meta; the job has its kind as `job.kind`.
    """

    def decorate(make: Callable[..., Any]) -> Job:
        @functools.wraps(make)
        def job(spec: Any, store: Store, report: Report = report_nothing, **more: Any) -> None:
            uploads.use(store)
            made = make(spec, store, report, **more)
            arrays, meta = made if isinstance(made, tuple) else (made, {})
            store.put(kind, spec.digest, arrays, meta)

        job.kind = kind  # type: ignore[attr-defined]
        return job  # type: ignore[return-value]

    return decorate


def load_or_make(
    store: Store, job: Job, spec: Any, report: Report = report_nothing, **more: Any
) -> Artifact:
    """Return an artifact, made now if the store does not have it or had to set it aside."""
    uploads.use(store)
    artifact = store.get(job.kind, spec.digest)
    if artifact is None:
        job(spec, store, report, **more)
        artifact = store.get(job.kind, spec.digest)
    if artifact is None:
        raise RuntimeError(
            f"The store at {store.root} did not keep a new {job.kind}; is its disk full?"
        )
    return artifact


def view_on_plane(stack: Stack, problem: ProblemSpec, plane: PlaneSpec) -> Stack:
    """Return what a stack makes of plane coordinates (m, 2), in either view."""
    if problem.plane is not None:
        return stack
    on = load_plane(plane, problem.dataset)
    return stack.on_plane(on.origin, on.basis)


def pack_section(seen: Section, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Return a section as arrays to put; `read_section` reads them back."""
    # The first class is one minus the rest: not kept, to keep stores small.
    return {prefix + "proba": seen.proba[1:], prefix + "lines": seen.lines}


def read_section(artifact: Artifact, window: Window, prefix: str = "") -> Section:
    """Return a section that `pack_section` packed; prefix `twin_` for the twin's."""
    rest = artifact.arrays[prefix + "proba"]
    proba = np.concatenate([1 - rest.sum(0, keepdims=True), rest])
    return Section(window, proba, artifact.arrays[prefix + "lines"])


def pack_lines(name: str, lines: Sequence[NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    """Return lines (m, 2) as arrays to put; `read_lines` reads them back."""
    cuts = np.cumsum([len(part) for part in lines])[:-1]
    return {name + "_lines": np.concatenate(lines), name + "_cuts": cuts.astype(np.int64)}


def read_lines(artifact: Artifact, name: str) -> list[NDArray[np.float32]]:
    """Return the lines put under `member` (one per teacher) or `frame` (one per epoch)."""
    return np.split(artifact.arrays[name + "_lines"], artifact.arrays[name + "_cuts"])


def pack_hits(hits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return on which test rows models hit, (..., n_rows), as bits; `read_hits` reads them back."""
    return np.packbits(hits, axis=-1)


def read_hits(packed: NDArray[np.uint8], problem: ProblemSpec) -> NDArray[np.bool_]:
    """Return what `pack_hits` packed, for the test rows of a problem."""
    n_rows = len(load_problem(problem).y_test)
    return np.unpackbits(packed, axis=-1, count=n_rows).astype(bool)
