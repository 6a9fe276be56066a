"""More than two classes in the picture: all at once, or one of them against the rest."""

from collections.abc import Sequence

import numpy as np

from distill_core import boundaries
from distill_core.boundaries.section import Section
from distill_core.figures import Points
from distill_core.measures.shares import format_share
from pages.frame.controls.url_state import plain
from pages.frame.controls.widgets import ask_name

# More shares than this are no longer read.
_MAX_SAID = 4


def choose(class_names: Sequence[str]) -> int | None:
    """Ask which class to see against the rest; None: all classes, or there are only two."""
    if len(class_names) == 2:
        return None
    names = ["all classes", *(f"{name} against the rest" for name in class_names)]
    label = ask_name("one", names)
    return label - 1 if label else None


def select(section: Section, one: int | None) -> Section:
    """Return what is drawn of a model: all classes, or one against the rest."""
    return section if one is None else boundaries.one_versus_rest(section, one)


def sort_points(points: Points | None, one: int | None) -> Points | None:
    """Return points (n,) labelled 1 for a class and 0 for the rest."""
    if points is None or one is None:
        return points
    return Points(points.uv, (points.y == one).astype(np.int64), points.opacity)


def name_drawn(class_names: Sequence[str], one: int | None) -> Sequence[str]:
    """Return the names of the classes that are drawn."""
    return class_names if one is None else ("the rest", class_names[one])


def explain_colours(class_names: Sequence[str], one: int | None) -> str | None:
    """Say what the colours mean when there are more than two classes."""
    if len(class_names) == 2:
        return None
    if one is None:
        return "Each class has its colour, paler where the ensemble is less sure."
    name = plain(class_names[one][:40])
    return (
        f"**{name} against the rest**: the probability of {name} as a part of its own and its "
        f"strongest rival's, more than one half where the answer is {name}. Lines border this "
        "class only; those of each teacher and the playback are left out. The figures beside the "
        "picture are about all classes."
    )


def describe_shares(section: Section, class_names: Sequence[str]) -> str:
    """Say how much of the shown area each class gets, the largest first."""
    order = np.argsort(-section.share, kind="stable")
    said = [f"{format_share(section.share[c], 0)} to {class_names[c]}" for c in order[:_MAX_SAID]]
    rest = len(order) - len(said)
    return ", ".join(said) + (f" and the rest to {rest} more classes" if rest else "")


def describe_votes(counts: Sequence[int], class_names: Sequence[str]) -> str:
    """Say how many teachers vote for which class, the most votes first; no votes are left out."""
    order = sorted(range(len(counts)), key=lambda c: -counts[c])
    said = [f"{counts[c]} vote for {plain(class_names[c][:40])}" for c in order if counts[c]]
    return (
        f"Of {sum(counts)} teachers, {' and '.join(said)}."
        if len(said) < 3
        else (f"Of {sum(counts)} teachers, {', '.join(said[:-1])} and {said[-1]}.")
    )
