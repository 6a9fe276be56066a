"""The words around a lesson's own texts, by language; every language has all of them."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Words(BaseModel):
    """What buttons say, and the sentences that set a prediction beside what happened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    predict: str
    predict_number: str
    reveal: str
    choose_first: str
    prediction: str
    result: str
    watch: str
    back: str
    next: str
    again: str
    end: str
    to_playground: str
    preparing: str
    chance: str
    as_predicted: str
    otherwise: str
    not_told: str
    no_number: str
    exact: str
    too_small: str
    too_large: str
    line_closer: str
    line_farther: str
    line_off: str
    line_nowhere: str
    inside: str
    below: str
    above: str
    loss: str
    draw: str
    draw_keys: str
    draw_clear: str
    draw_at: str
    drawn: str
    class_drawn: str
    class_drew: str
    strange_guess: str
    strange_step: str
    vote: str
    voted: str
    room_closed: str
    room_full: str
    waiting: str
    together: str
    room_of_another: str
    answered: str
    reveal_class: str
    class_said: str
    end_room: str


def _read() -> dict[str, Words]:
    content = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
    return {language: Words(**words) for language, words in content.items()}


WORDS = _read()


def choose_words(language: str) -> Words:
    """Return the words of a language; English where a lesson has one that is not known here."""
    return WORDS.get(language, WORDS["en"])
