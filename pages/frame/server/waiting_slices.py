"""Several results at once, with one progress bar, from the store or the workers."""

from collections.abc import Sequence
from typing import Any

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import EnsembleSpec, Spec
from distill_core.store import Artifact
from pages.frame.server import service, waiting


def made(wanted: Sequence[tuple[str, Any, Spec]], words: str, slot: str) -> list[Artifact]:
    """Return results in the order in which they are wanted; both workers share the work.

    Parameters
    ----------
    wanted : sequence of (str, callable, Spec)
        For each result its kind, the job that makes it and its spec.
    words : str
        What the visitor waits for.
    slot : str
        Which of the visitor's wishes this is; a newer one replaces it.

    Raises
    ------
    Unavailable
        When one of them could not be computed.
    """
    found = [
        waiting.request(kind, function, spec, slot=f"{slot} {i}")
        for i, (kind, function, spec) in enumerate(wanted)
    ]
    waiting.wait([job for job in found if isinstance(job, Job)], words)
    return [
        waiting.result(one, kind) if isinstance(one, Job) else one
        for one, (kind, _, _) in zip(found, wanted, strict=True)
    ]


def teachers(spec: EnsembleSpec) -> None:
    """Train the ensemble if the store does not have it.

    Raises
    ------
    Unavailable
        When it could not be trained.
    """
    if not service.store().has("ensemble", spec.digest):
        parts = [("ensemble-part", jobs.ensemble_part, part) for part in spec.parts]
        made(parts, f"Training {spec.n_members} teachers", "teachers")
