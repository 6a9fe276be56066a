"""What can be trained before anybody asks: every stop of a lesson's sliders."""

from collections.abc import Iterator, Mapping

from distill_core import jobs, specs
from distill_core.engine import Engine, Job
from distill_core.specs import EnsembleSpec, PictureSpec, ProblemSpec, SpecError, StudentSpec

DEFAULT = "first look"
# By name, the picture that a lesson begins with.
LESSONS: Mapping[str, PictureSpec] = {
    DEFAULT: PictureSpec(),
    "all features": PictureSpec(
        student=StudentSpec(ensemble=EnsembleSpec(problem=ProblemSpec(plane=None)))
    ),
}
N_STOPS = len(specs.WIDTHS) * len(specs.TEMPERATURES) * len(specs.ALPHAS)


def lesson(name: str) -> PictureSpec:
    """Return the picture that a lesson begins with; raise a SpecError when there is no such one."""
    if name not in LESSONS:
        known = ", ".join(f"'{lesson}'" for lesson in LESSONS)
        raise SpecError(f"A lesson should be one of {known}; got '{name[:80]}'.")
    return LESSONS[name]


def sweeps(picture: PictureSpec) -> list[PictureSpec]:
    """Return the picture at every stop of the width, the nearest first, for `jobs.train_sweep`."""
    own = picture.student.width
    place = {width: i for i, width in enumerate(sorted({*specs.WIDTHS, own}))}
    widths = sorted(specs.WIDTHS, key=lambda width: abs(place[width] - place[own]))
    return [picture.replace(student=picture.student.replace(width=width)) for width in widths]


def list_digests(picture: PictureSpec) -> Iterator[str]:
    """Yield the digests of all that belongs to a lesson: its teachers and every stop."""
    yield from (part.digest for part in picture.student.ensemble.parts)
    yield from (picture.student.ensemble.digest, picture.section.digest)
    for sweep in sweeps(picture):
        yield sweep.digest
        for stop in jobs.list_stops(sweep):
            yield from (stop.digest, stop.student.digest)


def train_ahead(engine: Engine, picture: PictureSpec) -> Iterator[list[Job]]:
    """Have every stop of widths, T and alpha trained while no visitor is there.

    Yields
    ------
    list of Job
        Stage by stage what has been requested: the teachers, the ensemble on the plane, a
        sweep per width. The next stage is requested when the caller goes on, so it waits for
        these first; a finished or failed job of the stage before changes nothing.
    """
    parts = picture.student.ensemble.parts
    yield [engine.request(None, jobs.train_ensemble_part, part) for part in parts]
    yield [engine.request(None, jobs.evaluate_section, picture.section)]
    yield [engine.request(None, jobs.train_sweep, one) for one in sweeps(picture)]
