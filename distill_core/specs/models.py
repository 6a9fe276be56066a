"""Which networks: schedules, the ensemble, a student; and the stops of the sliders.

Student and studies share the types `Width`, `Depth`, `Temperature` and `Alpha`, so that all of
them accept the same values.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from distill_core.specs.base import Seed, Share, Spec
from distill_core.specs.data import ProblemSpec

WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
DEPTHS = (1, 2, 3)
TEMPERATURES = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
ALPHAS = tuple(round(0.1 * i, 1) for i in range(11))
EPOCHS = (1, 2, 4, 8, 12, 16, 24, 32, 48)
MAX_MEMBERS = 24

Width = Annotated[int, Field(ge=1, le=1024)]
Depth = Annotated[int, Field(ge=1, le=3)]
Temperature = Annotated[float, Field(ge=0.01, le=100)]
Alpha = Share
Epochs = Annotated[int, Field(ge=1, le=200)]

# Two parts of six keep two cores busy, and a stack of six is nearly as efficient as one of twelve.
MEMBERS_PER_PART = 6


class Schedule(Spec):
    """How long and how fast to train.

    `one-cycle` raises the learning rate linearly to `learning_rate` and lowers it along a
    half cosine to zero (Smith and Topin 2018, arXiv 1708.07120); `constant` keeps it.
    """

    epochs: Epochs
    batch_size: Annotated[int, Field(ge=8, le=4096)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Share = 0.0
    shape: Literal["one-cycle", "constant"] = "one-cycle"

    ENSEMBLE: ClassVar["Schedule"]
    STUDENT: ClassVar["Schedule"]
    TUTORIAL_ENSEMBLE: ClassVar["Schedule"]
    TUTORIAL_STUDENT: ClassVar["Schedule"]


# Chosen by `python -m benchmarks schedules`, which compares them with the tutorial's.
Schedule.ENSEMBLE = Schedule(epochs=14, batch_size=96, learning_rate=2.5e-3, shape="constant")
Schedule.STUDENT = Schedule(epochs=12, batch_size=128, learning_rate=2e-2)
Schedule.TUTORIAL_ENSEMBLE = Schedule(
    epochs=30, batch_size=64, learning_rate=1e-3, shape="constant"
)
Schedule.TUTORIAL_STUDENT = Schedule(
    epochs=50, batch_size=64, learning_rate=1e-3, weight_decay=1e-4, shape="constant"
)


class EnsembleSpec(Spec):
    """The teachers: how many, their architecture, how their answers are combined."""

    problem: ProblemSpec = ProblemSpec()
    n_members: Annotated[int, Field(ge=1, le=MAX_MEMBERS)] = 12
    seed: Seed = 0
    hidden: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = (256, 128, 64)
    dropout: Annotated[Share, Field(lt=1)] = 0.3
    combine: Literal["logits", "probabilities"] = "logits"
    schedule: Schedule = Schedule.ENSEMBLE

    @property
    def parts(self) -> list["EnsemblePartSpec"]:
        """The parts in which the teachers are trained; the whole does not depend on them."""
        n_parts = -(-self.n_members // MEMBERS_PER_PART)
        return [EnsemblePartSpec(ensemble=self, part=part) for part in range(n_parts)]

    @field_validator("hidden")
    @classmethod
    def _some_layers(cls, hidden: tuple[int, ...]) -> tuple[int, ...]:
        if not 1 <= len(hidden) <= 4:
            raise ValueError(f"Teachers have 1 to 4 hidden layers, got {len(hidden)}.")
        return hidden


class EnsemblePartSpec(Spec):
    """Some of the teachers, so that several workers can train an ensemble."""

    ensemble: EnsembleSpec
    part: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.part * MEMBERS_PER_PART >= self.ensemble.n_members:
            raise ValueError(
                f"{self.ensemble.n_members} teachers have parts of {MEMBERS_PER_PART}, counted "
                f"from 0; got part {self.part}."
            )
        return self

    @property
    def members(self) -> range:
        """The numbers of the teachers in this part."""
        first = self.part * MEMBERS_PER_PART
        return range(first, min(first + MEMBERS_PER_PART, self.ensemble.n_members))


class StudentSpec(Spec):
    """One student: its capacity, its loss, its seed, and the ensemble it learns from."""

    ensemble: EnsembleSpec = EnsembleSpec()
    width: Width = 64
    depth: Depth = 2
    temperature: Temperature = 3.0
    alpha: Alpha = 0.7
    seed: Seed = 0
    schedule: Schedule = Schedule.STUDENT

    @property
    def hidden(self) -> tuple[int, ...]:
        """Hidden layer widths: `w, max(1, w // 2), max(1, w // 4)`, as many as `depth`."""
        return tuple(max(1, self.width // 2**level) for level in range(self.depth))

    def twin(self) -> "StudentSpec":
        """Return the hard-label twin: the same student with no weight on the ensemble."""
        return self.replace(alpha=0.0)
