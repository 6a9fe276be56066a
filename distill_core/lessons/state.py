"""What a step shows: its data, teachers and student, as a lesson's file says them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from distill_core import specs
from distill_core.specs import (
    DatasetName,
    DatasetSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    StudentSpec,
)

# Planes that need nothing but their name.
Plane = Literal["class centres", "principal components", "discriminant"]


class State(BaseModel):
    """A picture, said in a few words; what is left out is as the playground begins."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data: DatasetName = "tutorial"
    classes: int | None = None
    view: Literal["slice", "all features"] = "slice"
    plane: Plane = "class centres"
    teachers: int = EnsembleSpec().n_members
    ensemble_seed: specs.Seed = 0
    width: specs.Width = StudentSpec().width
    depth: specs.Depth = StudentSpec().depth
    temperature: specs.Temperature = StudentSpec().temperature
    alpha: specs.Alpha = StudentSpec().alpha

    def picture(self) -> PictureSpec:
        """Return the picture.

        Raises
        ------
        SpecError
            When the parts do not go together, such as classes of data that has no number of them.
        """
        dataset = DatasetSpec(name=self.data, n_classes=self.classes)
        plane = PlaneSpec(kind=self.plane)
        problem = ProblemSpec(dataset=dataset, plane=plane if self.view == "slice" else None)
        ensemble = EnsembleSpec(problem=problem, n_members=self.teachers, seed=self.ensemble_seed)
        student = StudentSpec(
            ensemble=ensemble,
            width=self.width,
            depth=self.depth,
            temperature=self.temperature,
            alpha=self.alpha,
        )
        return PictureSpec(student=student, plane=plane)
