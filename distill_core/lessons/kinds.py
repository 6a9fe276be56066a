"""The kinds of questions that a step can ask: what is predicted, how it can end, its numbers."""

from dataclasses import dataclass
from typing import Literal, get_args

from distill_core.specs import ALPHAS, WIDTHS

Kind = Literal[
    "gain",
    "noise",
    "temperature",
    "alpha",
    "width",
    "line",
    "size",
    "steady",
    "keeps",
    "knowledge",
]

# Alphas that are compared with the twin, and widths with the widest.
TRIED_ALPHAS = tuple(alpha for alpha in ALPHAS if alpha in (0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0))
TRIED_WIDTHS = tuple(width for width in WIDTHS if width not in (1, 3, 6, 12, 48, 96))

_PAIRED = ("n", "rows", "difference", "low", "high")


@dataclass(frozen=True)
class Question:
    """How one kind of question is asked and answered.

    Parameters
    ----------
    outcomes : tuple of str
        How it can end; the last one is that nothing can be told.
    numbers : tuple of str
        What a claim may write.
    stops : tuple of float
        Where a slider of the prediction can stand; empty where one of the outcomes is chosen.
    percent : bool
        Whether the stops are shares.
    takes_choices : bool
        Whether the step names a few of the stops to choose from.
    by_drawing : bool
        Whether a line is drawn in the picture.
    """

    outcomes: tuple[str, ...]
    numbers: tuple[str, ...]
    stops: tuple[float, ...] = ()
    percent: bool = False
    takes_choices: bool = False
    by_drawing: bool = False

    @property
    def by_choice(self) -> bool:
        """Whether an outcome is chosen, not a number or a line."""
        return not self.stops and not self.by_drawing


KINDS: dict[str, Question] = {
    # Student against its twin, in agreement with the ensemble.
    "gain": Question(("above", "below", "untold"), (*_PAIRED, "student", "twin")),
    # The same in accuracy, beside what the first seed alone shows.
    "noise": Question(("above", "below", "untold"), (*_PAIRED, "student", "twin", "first")),
    # The state's T against T = 1 at the same alpha.
    "temperature": Question(("above", "below", "untold"), (*_PAIRED, "temperature")),
    # From which alpha on the student is ahead of its twin.
    "alpha": Question(("found", "untold"), (*_PAIRED, "alpha"), stops=TRIED_ALPHAS),
    # The narrowest width that is enough.
    "width": Question(
        ("found", "untold"),
        ("n", "rows", "width", "widest", "tolerance", "parameters", "compression", "lost", "high"),
        stops=tuple(float(width) for width in TRIED_WIDTHS),
    ),
    # Where the student's boundary runs, and what its width costs against the widest.
    "line": Question(
        ("above", "below", "untold"), (*_PAIRED, "student", "widest"), by_drawing=True
    ),
    "size": Question(
        ("found", "untold"),
        ("n", "rows", "width", "widest", "tolerance", "parameters", "compression", "lost", "high"),
        stops=tuple(float(width) for width in TRIED_WIDTHS),
        takes_choices=True,
    ),
    # Everything trained again: predictions that flip, ensemble against one teacher.
    "steady": Question(("above", "below", "untold"), (*_PAIRED, "ensemble", "teacher")),
    # The same, student against its twin.
    "keeps": Question(("above", "below", "untold"), (*_PAIRED, "student", "twin", "ensemble")),
    # Which share of the ensemble's uncertainty is that its teachers disagree.
    "knowledge": Question(
        ("found", "untold"),
        ("n", "rows", "share", "total", "knowledge", "low", "high"),
        stops=tuple(i / 100 for i in range(101)),
        percent=True,
    ),
}
assert set(KINDS) == set(get_args(Kind))
