"""Rooms in which a class predicts: who answered what. No clock, no names, nothing on disk.

A learner is a random token that their page has made up; it is kept with its answer while the
question stands, in memory alone, and never leaves the server.
"""

import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from distill_core.lessons import drawings

# Rooms at once on a server, learners in a room.
MAX_ROOMS, MAX_PEOPLE = 50, 500
# Seconds after which a room ends by itself when its presenter has not been seen.
ENDS_AFTER = 3600.0
# Letters of a code: none that are read as another.
_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_CODE_LENGTH = 6
# Characters of a token: 128 random bits in hexadecimal.
TOKEN_LENGTH = 32


class RoomError(ValueError):
    """What a room refuses; the message says why."""


@dataclass(frozen=True)
class Question:
    """What a class is asked.

    Parameters
    ----------
    name : str
        Tells it from the questions before.
    title, text : str
        What is read.
    options : mapping of str to str
        What can be answered, and how it reads.
    picture : str
        An SVG that belongs to it, or "".
    by_slider : bool
        Whether the options are stops of a slider.
    drawing : mapping of str to str, optional
        Where a line is drawn in the picture: what is said to those who draw; no options then.
    send, thanks : str
        What the button says, and what is said after it.
    """

    name: str
    title: str
    text: str
    options: Mapping[str, str]
    picture: str = ""
    by_slider: bool = False
    drawing: Mapping[str, str] | None = None
    send: str = "Send"
    thanks: str = ""

    def takes(self, answer: str) -> bool:
        """Say whether this is an answer; a line's text is bounded, whatever a phone sends."""
        if self.drawing is None:
            return answer in self.options
        return drawings.parse(answer) is not None


@dataclass
class _Room:
    key: str
    seen: float
    question: Question | None = None
    answers: dict[str, str] = field(default_factory=dict)
    # Everyone who ever came: those who have not answered count for the limit, too.
    people: set[str] = field(default_factory=set)


class Rooms:
    """All rooms of a server. Times are handed in, in seconds of one clock."""

    def __init__(self) -> None:
        self._rooms: dict[str, _Room] = {}
        self._lock = threading.Lock()

    def open(self, now: float) -> tuple[str, str]:
        """Open a room; return its code, for all, and its key, for the presenter alone.

        Raises
        ------
        RoomError
            When there are as many as the server takes.
        """
        with self._lock:
            self._expire(now)
            if len(self._rooms) >= MAX_ROOMS:
                raise RoomError(f"This server takes {MAX_ROOMS} rooms, and all are in use.")
            code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
            while code in self._rooms:
                code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
            room = self._rooms[code] = _Room(secrets.token_hex(16), now)
            return code, room.key

    def ask(self, code: str, key: str, question: Question, now: float) -> None:
        """Ask a question; asked again it keeps its answers. Raises a RoomError as `count` does."""
        with self._lock:
            room = self._own(code, key, now)
            if room.question is None or room.question.name != question.name:
                room.answers.clear()
            room.question = question

    def count(self, code: str, key: str, now: float) -> Counter[str]:
        """Return how often each answer was given; only for the presenter, who keeps the room open.

        Raises
        ------
        RoomError
            When there is no such room or the key is another's.
        """
        with self._lock:
            return Counter(self._own(code, key, now).answers.values())

    def close(self, code: str, key: str, now: float) -> None:
        """End a room; all that was answered is forgotten. Raises a RoomError as `count` does."""
        with self._lock:
            self._own(code, key, now)
            del self._rooms[code]

    def look(self, code: str, token: str, now: float) -> tuple[Question | None, str | None]:
        """Return the question and what this learner has answered; a new learner is let in.

        Raises
        ------
        RoomError
            When there is no such room, it is full, or the token is none.
        """
        with self._lock:
            room = self._enter(code, token, now)
            return room.question, room.answers.get(token)

    def vote(self, code: str, token: str, name: str, answer: str, now: float) -> None:
        """Take a learner's answer; a second one takes the place of the first.

        Raises
        ------
        RoomError
            As `look`, or when the question is another by now, or it has no such answer.
        """
        with self._lock:
            room = self._enter(code, token, now)
            if room.question is None or room.question.name != name:
                raise RoomError("This question is over; look at the new one.")
            if not room.question.takes(answer):
                raise RoomError("This question has no such answer.")
            room.answers[token] = answer

    def _own(self, code: str, key: str, now: float) -> _Room:
        self._expire(now)
        room = self._rooms.get(code)
        if room is None or not secrets.compare_digest(room.key, key):
            raise RoomError("This room does not exist, has ended, or is another presenter's.")
        room.seen = now
        return room

    def _enter(self, code: str, token: str, now: float) -> _Room:
        self._expire(now)
        room = self._rooms.get(code)
        if room is None:
            raise RoomError("This room does not exist or has ended.")
        if len(token) != TOKEN_LENGTH or not set(token) <= set("0123456789abcdef"):
            raise RoomError(f"A token should be {TOKEN_LENGTH} hexadecimal digits.")
        if token not in room.people:
            if len(room.people) >= MAX_PEOPLE:
                raise RoomError(f"This room is full: it takes {MAX_PEOPLE} people.")
            room.people.add(token)
        return room

    def _expire(self, now: float) -> None:
        for code in [c for c, room in self._rooms.items() if now - room.seen > ENDS_AFTER]:
            del self._rooms[code]


ROOMS = Rooms()
