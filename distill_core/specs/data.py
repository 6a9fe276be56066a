"""Which data, which plane, and what the models see of it."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from distill_core.specs.base import Seed, Share, Spec, short

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
# What belongs to one kind of plane alone.
_OF_ONE_KIND = {
    "features": ("Features are chosen only on", "two features"),
    "seed": ("A plane seed goes with", "random"),
    "samples": ("Samples are chosen only on", "three samples"),
}

Offset = Annotated[float, Field(ge=-10, le=10), AfterValidator(lambda offset: offset + 0.0)]


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
    def _consistent(self) -> Self:
        if self.name in _REAL and self.seed != 42:
            raise ValueError(
                f"Dataset {self.name!r} is real data: its split seed is 42, got {self.seed}."
            )
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
                f"got {short(self.table)}."
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
        for name, (words, kind) in _OF_ONE_KIND.items():
            if getattr(self, name) is not None and self.kind != kind:
                raise ValueError(f"{words} the plane {kind!r}, got plane {self.kind!r}.")
        if self.features and (min(self.features) < 0 or len(set(self.features)) < 2):
            raise ValueError(
                f"A plane needs two different features counted from 0, got {self.features}."
            )
        if self.samples and (min(self.samples) < 0 or len(set(self.samples)) < 3):
            raise ValueError(
                "A plane needs three different training samples counted from 0, "
                f"got {short(self.samples)}."
            )
        return self

    @model_validator(mode="after")
    def _between_two_planes(self) -> Self:
        given = (self.ends is not None, self.t is not None)
        if given != (self.kind == "between",) * 2:
            raise ValueError(
                "Two ends and a t from 0 to 1 make the plane 'between' and no other, "
                f"got plane {self.kind!r} with {short(self.ends)} and t = {self.t}."
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
