"""From a TOML file to a lesson; what is wrong is said with file, line and what is allowed."""

import re
import string
import tomllib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from distill_core.lessons.kinds import KINDS, TRIED_WIDTHS, Kind
from distill_core.lessons.state import State
from distill_core.specs import PictureSpec, SpecError

# Characters that a lesson's file may have; a long one has about 30,000.
_MAX_LENGTH = 500_000
# Languages that every lesson of this project has.
COMPLETE = ("en", "de")


class LessonError(ValueError):
    """A lesson that cannot be used; the message names file, line and what is allowed."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Part):
    """What a step says in one language.

    Parameters
    ----------
    title, question : str
        What it is about, and what is to be predicted.
    options : mapping
        By outcome what the learner can choose, where a choice is asked.
    watch : str
        What to try in the live view.
    claims : mapping
        By outcome what is said of the runs; numbers stand as {name}.
    """

    title: str = Field(min_length=1)
    question: str = Field(min_length=1)
    options: dict[str, str] = {}
    watch: str = Field(min_length=1)
    claims: dict[str, str]


class Step(_Part):
    """One question: what is predicted, what is then shown, what may then be said."""

    name: str = Field(pattern=r"^[a-z][a-z-]{0,30}$")
    kind: Kind
    controls: tuple[Literal["width", "depth", "temperature", "alpha"], ...] = ()
    choices: tuple[int, ...] = ()
    state: State = State()
    text: dict[str, Text]

    @cached_property
    def picture(self) -> PictureSpec:
        """What is shown when the answer is."""
        return self.state.picture()

    @model_validator(mode="after")
    def _whole(self) -> "Step":
        kind = KINDS[self.kind]
        if self.state.data == "upload":
            raise ValueError("A lesson has no table of a visitor's: data should not be 'upload'.")
        try:
            assert self.picture
        except SpecError as error:
            raise ValueError(str(error)) from None
        if self.state.alpha == 0:
            raise ValueError("A step compares with the twin: alpha should be above 0.")
        if self.kind == "line" and self.state.width >= TRIED_WIDTHS[-1]:
            raise ValueError(
                f"The kind 'line' compares with width {TRIED_WIDTHS[-1]}: width should be below it."
            )
        if kind.takes_choices != bool(self.choices):
            raise ValueError(
                f"The kind '{self.kind}' {'needs' if kind.takes_choices else 'takes no'} choices."
            )
        if self.choices and (
            len(set(self.choices)) < 2 or not set(self.choices) <= set(kind.stops)
        ):
            stops = ", ".join(f"{stop:g}" for stop in kind.stops)
            raise ValueError(f"choices should be two or more of {stops}.")
        return self


class Language(_Part):
    """One language of a lesson: its name in itself, its decimal sign, the lesson's title."""

    name: str = Field(min_length=1)
    decimal: Literal[".", ","] = "."
    title: str = Field(min_length=1)
    about: str = Field(min_length=1)


class Lesson(_Part):
    """A lesson: languages and steps, in order."""

    languages: dict[str, Language] = Field(min_length=1)
    step: tuple[Step, ...] = Field(min_length=1, max_length=30)


def read(path: Path) -> Lesson:
    """Return the lesson in a file.

    Raises
    ------
    LessonError
        When it cannot be used: a wrong key, a missing translation, data that is not there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LessonError(f"{path.name} cannot be read as text in UTF-8: {error}") from error
    if len(text) > _MAX_LENGTH:
        raise LessonError(
            f"{path.name} has {len(text):,} characters; a lesson has at most {_MAX_LENGTH:,}."
        )
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its message ends with line and column.
        raise LessonError(f"{path.name} is not TOML: {error}.") from error
    try:
        lesson = Lesson(**content)
    except ValidationError as error:
        raise LessonError(
            "\n".join(_sentence(path.name, text, one) for one in error.errors())
        ) from None
    wrong = [f"{path.name}, line {find_line(text, where)}: {said}" for where, said in _gaps(lesson)]
    if wrong:
        raise LessonError("\n".join(wrong))
    return lesson


def find_line(text: str, where: Sequence[str | int]) -> int:
    """Return the line, counted from 1, on which a place of a TOML text stands, or its table does.

    Parameters
    ----------
    text : str
        TOML with one key a line.
    where : sequence of str or int
        Keys and, in arrays of tables, places counted from 0: `("step", 2, "text", "de")`.
    """
    best, found = 1, 0
    for number, path in _walk(text):
        length = 0
        while length < min(len(path), len(where)) and path[length] == where[length]:
            length += 1
        # A table counts only if the place lies in it; a key only if it leads there.
        if length == len(path) and length > found:
            best, found = number, length
    return best


def _walk(text: str) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """Yield every line that names a table or a key, with the way to it."""
    table: tuple[str | int, ...] = ()
    counts: dict[str, int] = {}
    quotes = ""
    for number, line in enumerate(text.splitlines(), 1):
        if quotes:
            quotes = "" if quotes in line else quotes
            continue
        if header := re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line):
            names = _split(header[2])
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table = (*names, counts[header[2]])
            else:
                first = names[0]
                table = (first, counts[first], *names[1:]) if first in counts else tuple(names)
            yield number, table
        elif key := re.match(r"""\s*([\w."'-]+)\s*=\s*(.*)""", line):
            yield number, (*table, *_split(key[1]))
            for mark in ('"""', "'''"):
                if key[2].count(mark) == 1:
                    quotes = mark


def _split(names: str) -> list[str]:
    return [name.strip(" \"'") for name in names.split(".")]


def _sentence(name: str, text: str, error: Any) -> str:
    """Say one of pydantic's errors with its line and, where a key is wrong, the allowed ones."""
    where = tuple(error["loc"])
    line = find_line(text, where)
    place = ".".join(str(part) for part in where)
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(_allowed(where[:-1]))
        return f"{name}, line {line}: there is no key '{place}'; allowed here: {allowed}."
    if error["type"] == "missing":
        return f"{name}, line {line}: the key '{place}' is missing."
    if error["type"] == "value_error":
        return f"{name}, line {line}: {error['ctx']['error']}"
    received = repr(error["input"])[:60]
    return f"{name}, line {line}: '{place}' cannot be {received}: {error['msg']}."


def _allowed(where: Sequence[str | int]) -> list[str]:
    """Return the keys of the table at a place."""
    models: dict[tuple[str, ...], type[BaseModel]] = {
        (): Lesson,
        ("languages", "*"): Language,
        ("step", "*"): Step,
        ("step", "*", "state"): State,
        ("step", "*", "text", "*"): Text,
    }
    for pattern, model in models.items():
        if len(pattern) == len(where) and all(
            p in ("*", str(part)) for p, part in zip(pattern, where, strict=True)
        ):
            return list(model.model_fields)
    return []


def _gaps(lesson: Lesson) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what no single table shows: missing translations, outcomes, unknown numbers."""
    languages = list(lesson.languages)
    names: set[str] = set()
    for i, step in enumerate(lesson.step):
        here = ("step", i)
        if step.name in names:
            yield (*here, "name"), f"two steps are called '{step.name}'."
        names.add(step.name)
        for language in languages:
            if language not in step.text:
                yield here, f"the step '{step.name}' has no text in the language '{language}'."
        for language, text in step.text.items():
            place = (*here, "text", language)
            if language not in languages:
                yield (
                    place,
                    (f"the lesson has no language '{language}'; it has {', '.join(languages)}."),
                )
            yield from _gaps_in_text(step, text, place)


def _gaps_in_text(
    step: Step, text: Text, place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    kind = KINDS[step.kind]
    for table, wanted in (
        ("options", kind.outcomes if kind.by_choice else ()),
        ("claims", kind.outcomes),
    ):
        given: dict[str, str] = getattr(text, table)
        for name in wanted:
            if not given.get(name, "").strip():
                yield (*place, table), f"'{table}.{name}' is missing; needed: {', '.join(wanted)}."
        for name in given:
            if name not in wanted:
                known = ", ".join(wanted) or "none, as a slider is asked"
                yield (*place, table, name), f"there is no outcome '{name}'; allowed: {known}."
    for name, claim in text.claims.items():
        try:
            parts = [part for part in string.Formatter().parse(claim) if part[1] is not None]
        except ValueError as error:
            yield (*place, "claims", name), f"'claims.{name}' cannot be filled: {error}."
            continue
        if any(form or conversion for _, _, form, conversion in parts):
            yield (
                (*place, "claims", name),
                f"'claims.{name}' asks for more than a plain number; write {{name}} alone.",
            )
        for field in sorted({str(field) for _, field, _, _ in parts} - set(kind.numbers)):
            yield (
                (*place, "claims", name),
                (
                    f"'claims.{name}' asks for {{{field}}}; the kind '{step.kind}' has "
                    f"{', '.join(kind.numbers)}."
                ),
            )
