"""Lessons as data: read from TOML, trained ahead, and what may be said after a prediction.

`reading` checks a file and names file, line and allowed keys; `state` says what a step shows;
`evidence` is what is trained and measured for it, `verdicts` what that allows to claim. No screen.
"""

from distill_core.lessons.evidence import list_tasks, look
from distill_core.lessons.library import DEFAULT, find, load, train_ahead
from distill_core.lessons.reading import Language, Lesson, LessonError, Step, Text, read
from distill_core.lessons.verdicts import (
    Verdict,
    compare,
    compare_line,
    is_guess,
    judge,
    list_guesses,
    say_guess,
    write,
)
from distill_core.lessons.words import WORDS, Words, choose_words
