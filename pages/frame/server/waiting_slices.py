"""Several results at once, with one progress bar, from the store or the workers."""

from collections.abc import Sequence

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import EnsembleSpec, Spec
from distill_core.store import Artifact
from pages.frame.server import service, waiting


def made(wanted: Sequence[tuple[jobs.Job, Spec]], words: str, slot: str) -> list[Artifact]:
    """Return results in the order in which they are wanted; both workers share the work.

    Parameters
    ----------
    wanted : sequence of (job, Spec)
        For each result the job that makes it and its spec.
    words : str
        What the visitor waits for.
    slot : str
        Which of the visitor's wishes this is; a newer one replaces it.

    Raises
    ------
    Unavailable
        When one of them could not be computed.
    """
    found = [waiting.request(job, spec, slot=f"{slot} {i}") for i, (job, spec) in enumerate(wanted)]
    waiting.wait([job for job in found if isinstance(job, Job)], words)
    return [waiting.result(one) if isinstance(one, Job) else one for one in found]


def teachers(spec: EnsembleSpec) -> None:
    """Train the ensemble if the store does not have it.

    Raises
    ------
    Unavailable
        When it could not be trained.
    """
    if not service.store().has("ensemble", spec.digest):
        parts = [(jobs.train_ensemble_part, part) for part in spec.parts]
        made(parts, f"Training {spec.n_members} teachers", "teachers")
