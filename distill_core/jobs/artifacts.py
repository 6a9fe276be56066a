"""How results lie in the store: found or made, put and read back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core import uploads
from distill_core.boundaries.section import Section
from distill_core.engine.worker import Report
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_plane
from distill_core.learning.networks import Stack
from distill_core.specs import PlaneSpec, ProblemSpec
from distill_core.store import Artifact, Store


def silent(done: int, total: int, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Report to nobody."""


def found(store: Store, kind: str, spec: Any, make: Any, report: Report) -> Artifact:
    """Return an artifact, made now if the store does not have it or had to set it aside."""
    uploads.use(store)
    artifact = store.get(kind, spec.digest)
    if artifact is None:
        make(spec, store, report)
        artifact = store.get(kind, spec.digest)
    if artifact is None:
        raise RuntimeError(
            f"The store at {store.root} did not keep a new {kind}; is its disk full?"
        )
    return artifact


def on_plane(stack: Stack, problem: ProblemSpec, plane: PlaneSpec) -> Stack:
    """Return what a stack makes of plane coordinates (m, 2), in either view."""
    if problem.plane is not None:
        return stack
    return stack.on_plane(load_plane(plane, problem.dataset))


def section_arrays(seen: Section, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Return a section as arrays to put; `read_section` reads them back."""
    # The first class is one minus the rest: not kept, to keep stores small.
    return {prefix + "proba": seen.proba[1:], prefix + "lines": seen.lines}


def read_section(artifact: Artifact, window: Window, prefix: str = "") -> Section:
    """Return a section that `section` or `picture` put; prefix `twin_` for the twin's."""
    rest = artifact.arrays[prefix + "proba"]
    proba = np.concatenate([1 - rest.sum(0, keepdims=True), rest])
    return Section(window, proba, artifact.arrays[prefix + "lines"])


def packed(name: str, lines: Sequence[NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    """Return lines (m, 2) as arrays to put; `read_lines` reads them back."""
    cuts = np.cumsum([len(part) for part in lines])[:-1]
    return {name + "_lines": np.concatenate(lines), name + "_cuts": cuts.astype(np.int64)}


def read_lines(artifact: Artifact, name: str) -> list[NDArray[np.float32]]:
    """Return the lines put under `member` (one per teacher) or `frame` (one per epoch)."""
    return np.split(artifact.arrays[name + "_lines"], artifact.arrays[name + "_cuts"])
