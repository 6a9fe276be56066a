"""What is looked at: an ensemble or a student on a plane, a setting over seeds."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from distill_core.specs.base import Spec
from distill_core.specs.data import DatasetSpec, PlaneSpec, ProblemSpec
from distill_core.specs.models import EnsembleSpec, Schedule, StudentSpec


class SectionSpec(Spec):
    """The ensemble seen on a plane."""

    ensemble: EnsembleSpec = EnsembleSpec()
    plane: PlaneSpec = PlaneSpec()

    @model_validator(mode="after")
    def _one_plane(self) -> Self:
        _check_plane(self.plane, self.ensemble.problem)
        return self


class PictureSpec(Spec):
    """A student and its twin, trained and seen on a plane."""

    student: StudentSpec = StudentSpec()
    plane: PlaneSpec = PlaneSpec()

    @model_validator(mode="after")
    def _one_plane(self) -> Self:
        _check_plane(self.plane, self.student.ensemble.problem)
        return self

    @property
    def dataset(self) -> DatasetSpec:
        """The data that everybody here has learned from."""
        return self.student.ensemble.problem.dataset

    @property
    def section(self) -> SectionSpec:
        """The ensemble of this student on the same plane."""
        return SectionSpec(ensemble=self.student.ensemble, plane=self.plane)


class ReplicatesSpec(Spec):
    """One setting repeated over student seeds 0, 1, 2, ... with one ensemble."""

    student: StudentSpec = StudentSpec()
    n_seeds: Annotated[int, Field(ge=2, le=256)] = 8

    @model_validator(mode="after")
    def _seed_is_not_a_choice(self) -> Self:
        if self.student.seed != 0:
            raise ValueError(
                f"Replicates use the seeds 0 to n - 1; give seed 0, got {self.student.seed}."
            )
        return self

    @property
    def students(self) -> list[StudentSpec]:
        """The students of all seeds, then their twins in the same order."""
        seeds = [self.student.replace(seed=seed) for seed in range(self.n_seeds)]
        return seeds + [student.twin() for student in seeds]


def _check_plane(plane: PlaneSpec, problem: ProblemSpec) -> None:
    if problem.plane is not None and problem.plane != plane:
        other = repr(plane.kind) if plane.kind != problem.plane.kind else "another of that kind"
        raise ValueError(
            f"In the slice view models live on their own plane, {problem.plane.kind!r}; "
            f"they cannot be seen on {other}."
        )


class ReproductionSpec(Spec):
    """How many seeds, and whether with the project's schedules or the tutorial's."""

    seeds: Annotated[int, Field(ge=1, le=256)] = 8
    schedule: Literal["project", "tutorial"] = "project"

    def student(self, seed: int) -> StudentSpec:
        """Return the tutorial's student on all features, on the ensemble of the same seed."""
        tutorial = self.schedule == "tutorial"
        return StudentSpec(
            ensemble=EnsembleSpec(
                problem=ProblemSpec(plane=None),
                n_members=12,
                seed=seed,
                schedule=Schedule.TUTORIAL_ENSEMBLE if tutorial else Schedule.ENSEMBLE,
            ),
            width=64,
            temperature=3.0,
            alpha=0.7,
            seed=seed,
            schedule=Schedule.TUTORIAL_STUDENT if tutorial else Schedule.STUDENT,
        )
