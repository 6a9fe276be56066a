"""Where a learner is: lesson, language, step, and what was predicted; all in the address."""

from dataclasses import dataclass

import streamlit as st

from distill_core import lessons
from distill_core.lessons import Language, Lesson, LessonError, Step, Text, Words
from pages.frame.controls.url_state import plain, read, write
from pages.frame.controls.widgets import ask

# Stands in the address for a step without a prediction.
_NONE = "-"


@dataclass(frozen=True)
class Place:
    """A step of a lesson in a language.

    Parameters
    ----------
    name : str
        The lesson's.
    number : int
        The step's, counted from 1.
    guesses : tuple of str
        What was predicted in each step, "" for nothing yet.
    """

    name: str
    lesson: Lesson
    language: str
    number: int
    guesses: tuple[str, ...]

    @property
    def step(self) -> Step:
        """The step."""
        return self.lesson.step[self.number - 1]

    @property
    def text(self) -> Text:
        """What the step says."""
        return self.step.text[self.language]

    @property
    def of(self) -> Language:
        """The language's name, title and decimal sign."""
        return self.lesson.languages[self.language]

    @property
    def title(self) -> str:
        """The lesson's title."""
        return self.of.title

    @property
    def words(self) -> Words:
        """The words around the lesson."""
        return lessons.choose_words(self.language)

    @property
    def total(self) -> int:
        """How many steps there are."""
        return len(self.lesson.step)

    @property
    def guess(self) -> str:
        """What was predicted in this step, or ""."""
        return self.guesses[self.number - 1]


def open_course() -> Place:
    """Return where the address leads; what it asks for in vain is said, and changes nothing."""
    name = read("lesson") or lessons.DEFAULT
    try:
        lesson = lessons.load(name)
    except LessonError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.stop()
    with st.sidebar:
        known = list(lesson.languages)
        language = ask("lang", known) if len(known) > 1 else known[0]
    words = lessons.choose_words(language)
    total = len(lesson.step)
    asked = read("step") or "1"
    is_step = asked.isascii() and asked.isdigit() and 1 <= int(asked[:4]) <= total
    if not is_step:
        st.warning(words.strange_step.format(total=total, step=plain(asked[:20])))
    number = int(asked) if is_step else 1
    guesses, strange = read_guesses(read("guesses"), lesson.step)
    if strange.get(number):
        st.warning(words.strange_guess.format(guess=plain(strange[number][:20])))
    return Place(name, lesson, language, number, guesses)


def read_guesses(text: str, steps: tuple[Step, ...]) -> tuple[tuple[str, ...], dict[int, str]]:
    """Return the prediction of each step from the address, and those that are none of a step's.

    The second is by the step's number, counted from 1.
    """
    parts = text.split(" ")[: len(steps)] if text else []
    parts += [_NONE] * (len(steps) - len(parts))
    strange = {
        number: part
        for number, (part, step) in enumerate(zip(parts, steps, strict=True), 1)
        if part not in ("", _NONE) and not lessons.is_guess(step, part)
    }
    kept = tuple(
        "" if part == _NONE or number in strange else part for number, part in enumerate(parts, 1)
    )
    return kept, strange


def predict(place: Place, guess: str) -> None:
    """Put a prediction into the address; the step then shows what happens."""
    guesses = [*place.guesses]
    guesses[place.number - 1] = guess
    _write_guesses(guesses)


def go_to(number: int) -> None:
    """Put another step into the address."""
    write("step", "" if number == 1 else str(number))


def begin_again() -> None:
    """Forget all predictions and go to the first step."""
    _write_guesses([])
    go_to(1)


def _write_guesses(guesses: list[str]) -> None:
    parts = [guess or _NONE for guess in guesses]
    while parts and parts[-1] == _NONE:
        parts.pop()
    write("guesses", " ".join(parts))
