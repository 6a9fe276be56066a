"""Frozen specs: what data, plane, ensemble and student are meant, and nothing else.

A spec is the one object that crosses from the screen or the command line into the
core, and its digest is the key of every stored result. No arrays, no training here.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
DEPTHS = (1, 2, 3)
TEMPERATURES = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
ALPHAS = tuple(round(0.1 * i, 1) for i in range(11))
EPOCHS = (1, 2, 4, 8, 12, 16, 24, 32, 48)
MAX_MEMBERS = 24
# Two parts of six keep two cores busy, and a stack of six is nearly as efficient as one of twelve.
MEMBERS_PER_PART = 6

DatasetName = Literal[
    "tutorial",
    "moons",
    "rings",
    "spirals",
    "checkerboard",
    "blobs",
    "breast cancer",
    "wine",
    "digits",
    "upload",
]
PlaneKind = Literal[
    "class centres",
    "principal components",
    "discriminant",
    "two features",
    "three samples",
    "random",
    "between",
]
# How many classes the data whose classes can be counted out has, unless told.
N_CLASSES = {"blobs": 3, "spirals": 2}
_REAL = ("breast cancer", "wine", "digits", "upload")
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
# abs: -0.0 equals 0.0 and must have the same digest.
Share = Annotated[float, Field(ge=0, le=1), AfterValidator(abs)]
Offset = Annotated[float, Field(ge=-10, le=10), AfterValidator(lambda offset: offset + 0.0)]

# Part of every digest: raise it when the same spec starts to mean other numbers.
_FORMAT = 2


class SpecError(ValueError):
    """A setting that cannot be used; the message says what was received and what is allowed."""


class Spec(BaseModel):
    """Base of all specs: immutable, validated, with a digest.

    Raises
    ------
    SpecError
        On any value that is not allowed, with one sentence per value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SpecError(" ".join(_sentence(e) for e in error.errors())) from None

    @property
    def digest(self) -> str:
        """Name of everything computed from this spec: 32 hexadecimal digits.

        What is computed from an uploaded table has the table's first 16 digits in front, so
        that it can be found and deleted with the table.
        """
        content = {"format": _FORMAT, "spec": type(self).__name__, **self.model_dump(mode="json")}
        digest = hashlib.sha256(canonical_json(content)).hexdigest()[:32]
        table = _table_in(self)
        return digest if table is None else table[:16] + digest[:16]

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some values changed, validated like a new one."""
        return type(self)(**{**dict(self), **changes})


class DatasetSpec(Spec):
    """Which data: its name and, for the generated ones, the seed they are drawn with.

    `n_classes` (2 to 5) belongs to blobs and spirals, `table` (the digest under which
    `uploads.keep` stored it) to an upload.
    """

    name: DatasetName = "tutorial"
    seed: Seed = 42
    n_classes: Annotated[int, Field(ge=2, le=5)] | None = None
    table: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("n_classes") is not None:
            return values
        usual = N_CLASSES.get(name) if isinstance(name := values.get("name"), str) else None
        return values if usual is None else {**values, "n_classes": usual}

    @model_validator(mode="after")
    def _real_data_has_no_seed(self) -> Self:
        if self.name in _REAL and self.seed != 42:
            raise ValueError(
                f"Dataset {self.name!r} is real data: its split seed is 42, got {self.seed}."
            )
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.n_classes is not None and self.name not in N_CLASSES:
            raise ValueError(
                "A number of classes goes with the datasets 'blobs' and 'spirals', "
                f"got dataset {self.name!r}."
            )
        if self.table is not None and self.name != "upload":
            raise ValueError(f"A table goes with the dataset 'upload', got dataset {self.name!r}.")
        if self.name == "upload" and not re.fullmatch("[0-9a-f]{32}", self.table or ""):
            raise ValueError(
                "The dataset 'upload' needs a table named by 32 hexadecimal digits, "
                f"got {_short(self.table)}."
            )
        return self


class PlaneSpec(Spec):
    """How the 2-D slice is chosen; what belongs to one kind of plane alone is None elsewhere.

    Parameters
    ----------
    kind : str
        The way to choose.
    features : tuple of two int
        Of "two features", counted from 0.
    seed : int
        Of "random".
    samples : tuple of three int, optional
        Of "three samples": training samples counted from 0, of at least two classes. None
        there: a typical sample of each class.
    ends : tuple of two PlaneSpec
    t : float
        Of "between": the planes it lies between, and how far from the first (0) to the
        second (1).
    offset : float
        How far the plane is moved along the direction normal to it in which the data
        spreads most, in standard deviations of that spread.
    """

    kind: PlaneKind = "class centres"
    features: tuple[int, int] | None = None
    seed: Seed | None = None
    samples: tuple[int, int, int] | None = None
    ends: tuple["PlaneSpec", "PlaneSpec"] | None = None
    t: Share | None = None
    offset: Offset = 0.0

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if values.get("kind") == "two features" and values.get("features") is None:
            values = {**values, "features": (0, 1)}
        if values.get("kind") == "random" and values.get("seed") is None:
            values = {**values, "seed": 0}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.features is not None:
            if self.kind != "two features":
                raise ValueError(
                    "Features are chosen only on the plane 'two features', "
                    f"got plane {self.kind!r}."
                )
            if min(self.features) < 0 or self.features[0] == self.features[1]:
                raise ValueError(
                    f"A plane needs two different features counted from 0, got {self.features}."
                )
        if self.seed is not None and self.kind != "random":
            raise ValueError(f"A plane seed goes with the plane 'random', got plane {self.kind!r}.")
        return self

    @model_validator(mode="after")
    def _three_different_samples(self) -> Self:
        if self.samples is None:
            return self
        if self.kind != "three samples":
            raise ValueError(
                f"Samples are chosen only on the plane 'three samples', got plane {self.kind!r}."
            )
        if min(self.samples) < 0 or len(set(self.samples)) < 3:
            raise ValueError(
                "A plane needs three different training samples counted from 0, "
                f"got {_short(self.samples)}."
            )
        return self

    @model_validator(mode="after")
    def _between_two_planes(self) -> Self:
        given = (self.ends is not None, self.t is not None)
        if given != (self.kind == "between",) * 2:
            raise ValueError(
                "Two ends and a t from 0 to 1 make the plane 'between' and no other, "
                f"got plane {self.kind!r} with {_short(self.ends)} and t = {self.t}."
            )
        if self.ends is not None and "between" in (end.kind for end in self.ends):
            raise ValueError("The ends of a plane 'between' must be planes of other kinds.")
        return self


class ProblemSpec(Spec):
    """What the models see: coordinates on a plane (slice view) or, without one, all features."""

    dataset: DatasetSpec = DatasetSpec()
    plane: PlaneSpec | None = PlaneSpec()

    @model_validator(mode="after")
    def _projection_knows_no_offset(self) -> Self:
        if self.plane is not None and self.plane.offset:
            raise ValueError(
                "In the slice view every point is projected onto the plane, so an offset would "
                f"change nothing: it should be 0, got {self.plane.offset:g}."
            )
        return self


class Schedule(Spec):
    """How long and how fast to train.

    `one-cycle` raises the learning rate linearly to `learning_rate` and lowers it along a
    half cosine to zero (Smith and Topin 2018, arXiv 1708.07120); `constant` keeps it.
    """

    epochs: Annotated[int, Field(ge=1, le=200)]
    batch_size: Annotated[int, Field(ge=8, le=4096)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Share = 0.0
    shape: Literal["one-cycle", "constant"] = "one-cycle"

    ENSEMBLE: ClassVar["Schedule"]
    STUDENT: ClassVar["Schedule"]
    TUTORIAL_ENSEMBLE: ClassVar["Schedule"]
    TUTORIAL_STUDENT: ClassVar["Schedule"]


# Chosen by `python -m benchmarks schedules`, which compares them with the tutorial's.
Schedule.ENSEMBLE = Schedule(epochs=14, batch_size=64, learning_rate=2e-3, shape="constant")
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
    width: Annotated[int, Field(ge=1, le=1024)] = 64
    depth: Annotated[int, Field(ge=1, le=3)] = 2
    temperature: Annotated[float, Field(gt=0, le=100)] = 3.0
    alpha: Share = 0.7
    seed: Seed = 0
    schedule: Schedule = Schedule.STUDENT

    @property
    def hidden(self) -> tuple[int, ...]:
        """Hidden layer widths: `w, max(1, w // 2), max(1, w // 4)`, as many as `depth`."""
        return tuple(max(1, self.width // 2**level) for level in range(self.depth))

    def twin(self) -> "StudentSpec":
        """Return the hard-label twin: the same student with no weight on the ensemble."""
        return self.replace(alpha=0.0)


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


def canonical_json(value: Any) -> bytes:
    """Encode as JSON in one way only: sorted keys, no spaces, no NaN or infinity."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def _table_in(value: Any) -> str | None:
    """Return the uploaded table that a spec is about, however deep it is mentioned."""
    if isinstance(value, DatasetSpec):
        return value.table
    parts: Iterable[Any] = ()
    if isinstance(value, Spec):
        parts = dict(value).values()
    elif isinstance(value, tuple | list):
        parts = value
    return next((table for part in parts if (table := _table_in(part)) is not None), None)


def _check_plane(plane: PlaneSpec, problem: ProblemSpec) -> None:
    if problem.plane is not None and problem.plane != plane:
        other = repr(plane.kind) if plane.kind != problem.plane.kind else "another of that kind"
        raise ValueError(
            f"In the slice view models live on their own plane, {problem.plane.kind!r}; "
            f"they cannot be seen on {other}."
        )


def _sentence(error: Any) -> str:
    """Say one pydantic error as a sentence with what was received and what is allowed."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    name = ".".join(str(part) for part in error["loc"]) or "setting"
    received = _short(error["input"])
    if error["type"] == "extra_forbidden":
        return f"There is no setting called {_short(name)}."
    if error["type"] == "missing":
        return f"The setting {_short(name)} is missing."
    message, usual = error["msg"], "Input should be "
    if not message.startswith(usual):
        return f"{name}: {message}, got {received}."
    return f"{name} should be {message.removeprefix(usual)}, got {received}."


def _short(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
