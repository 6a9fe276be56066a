"""What every spec is: frozen, validated, with a digest; and how a bad value is told."""

import functools
import hashlib
import json
import math
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
# abs: -0.0 equals 0.0 and must have the same digest.
Share = Annotated[float, Field(ge=0, le=1), AfterValidator(abs)]

# Part of every digest: raise it when the same spec starts to mean other numbers.
_FORMAT = 3


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
        return _digest(self)

    @property
    def upload(self) -> str | None:
        """The uploaded table that this is about, however deep it is mentioned; None if none is."""
        return _upload(self)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some values changed, validated like a new one."""
        return type(self)(**{**dict(self), **changes})


@functools.lru_cache(maxsize=4096)
def _digest(spec: Spec) -> str:
    """Return a spec's digest; specs are equal only if their digests are."""
    content = {"format": _FORMAT, "spec": type(spec).__name__, **spec.model_dump(mode="json")}
    digest = hashlib.sha256(canonical_json(content)).hexdigest()[:32]
    table = spec.upload
    return digest if table is None else table[:16] + digest[:16]


@functools.lru_cache(maxsize=4096)
def _upload(spec: Spec) -> str | None:
    return _table_in(spec)


def canonical_json(value: Any) -> bytes:
    """Encode as JSON in one way only: sorted keys, no spaces, no NaN or infinity."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def _table_in(value: Any) -> str | None:
    """Return the uploaded table that a spec is about, however deep it is mentioned."""
    parts: Iterable[Any] = ()
    if isinstance(value, Spec):
        if "table" in type(value).model_fields:
            table: str | None = dict(value)["table"]
            return table
        parts = dict(value).values()
    elif isinstance(value, tuple | list):
        parts = value
    return next((table for part in parts if (table := _table_in(part)) is not None), None)


def _sentence(error: Any) -> str:
    """Say one pydantic error as a sentence with what was received and what is allowed."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    name = ".".join(str(part) for part in error["loc"]) or "setting"
    received = short(error["input"])
    if error["type"] == "extra_forbidden":
        return f"There is no setting called {short(name)}."
    if error["type"] == "missing":
        return f"The setting {short(name)} is missing."
    message, usual = error["msg"], "Input should be "
    if not message.startswith(usual):
        return f"{name}: {message}, got {received}."
    return f"{name} should be {message.removeprefix(usual)}, got {received}."


def short(value: Any) -> str:
    """Return what was received, as short as a sentence needs it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
