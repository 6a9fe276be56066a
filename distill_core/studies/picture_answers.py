"""The answers about one picture in words: does the student follow, does the slice tell the truth.

Numbers in, sentences out, nothing else; see `answers` for those of the studies.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from distill_core.boundaries.faithfulness import TRUSTED_SHARE, Meter
from distill_core.data import datasets
from distill_core.measures import intervals
from distill_core.measures.shares import format_share
from distill_core.specs import EnsembleSpec

# Share of rows at one place of a plane from which it is worth a word.
_ONE_PLACE = 0.9


def describe_gain(student: ArrayLike, twin: ArrayLike, alpha: float) -> str:
    """Say what distillation adds; never more than the interval over seeds and rows allows.

    Parameters
    ----------
    student, twin : array_like of shape (n_seeds, n_rows)
        Whether they agree with the ensemble on each test row, paired by seed.
    alpha : float
        The student's; at 0 it is its own twin.
    """
    if alpha == 0:
        return "With alpha = 0 the student is its own twin: there is nothing to compare."
    gain = intervals.crossed_interval(np.asarray(student, float) - np.asarray(twin, float))
    low, mean, high = (100 * end for end in (gain.low, gain.mean, gain.high))
    span = f"({mean:+.2f} points, 95% interval {low:+.2f} to {high:+.2f})"
    over = f"Over {gain.n} student seeds, for rows like these {gain.n_rows:,}, one ensemble:"
    if gain.low > 0:
        return f"{over} learning from the ensemble **raises** agreement on test data {span}."
    if gain.high < 0:
        return f"{over} learning from the ensemble **lowers** agreement on test data {span}."
    return (
        f"{over} **no difference** in agreement between student and twin can be told from the "
        f"chance of seeds and rows {span}."
    )


def describe_slice_view(n_features: int, accuracy: float | None, own_data: bool) -> str:
    """Say what models of the slice view do not see.

    Parameters
    ----------
    n_features : int
        How many features the data has.
    accuracy : float, optional
        What the same ensemble reaches on test data with all of them, from 0 to 1, if known.
    own_data : bool
        Whether the data is the visitor's.
    """
    if own_data:
        seen = f"**{n_features} features became 2 coordinates** (slice view)"
    else:
        seen = f"**Models here see 2 of {n_features} directions** (slice view)"
    if accuracy is None:
        return f"{seen}; what they reach with all features is seen in the other view."
    return (
        f"{seen}; with all features the ensemble reaches {format_share(accuracy)} of the test data."
    )


def name_view(ensemble: EnsembleSpec) -> str:
    """Say in which view an answer was found: what the models see of the data."""
    dataset = ensemble.problem.dataset
    n_features = datasets.load(dataset).X_test.shape[1]
    if ensemble.problem.plane is None:
        return f"View: all features; the models see all {n_features}."
    if dataset.table is not None:
        return f"View: slice; {n_features} features became 2 coordinates."
    return f"View: slice; the models see 2 of {n_features} directions."


def judge_slice(meter: Meter, one_colour: float) -> str:
    """Say for how many points a plane's colour is the models' own answer.

    Parameters
    ----------
    meter : Meter
        Of ensemble and student, in this order.
    one_colour : float
        Share of points that the best single colour everywhere would be right for.
    """
    n = len(meter.distance)
    count, others = meter.own_colour.sum(1)
    return (
        f"**{_judge(meter, one_colour)}** Of {n} test points shown, **{count} "
        f"({format_share(count / n, 0)})** lie on a colour that is the ensemble’s own prediction "
        f"for them, {others} ({format_share(others / n, 0)}) on the student’s; one colour "
        f"everywhere would reach {format_share(one_colour, 0)}."
        + f" **The plane leaves the data**: {meter.outside:.0%} of its directions lie where "
        "no training point is." * (meter.outside > 0.01)
    )


def describe_distance(distance: ArrayLike, n_features: int) -> str:
    """Say how far points lie off a plane, beside how far any point of unit spread would.

    Parameters
    ----------
    distance : array_like of shape (n,)
        Of each point from the plane, over all features, each in its standard deviation.
    n_features : int
        How many features there are; two of their directions lie in the plane.
    """
    if n_features <= 2:
        return "The data has two features: no point lies off any plane, and nothing is cut off."
    usual, half = np.sqrt(n_features - 2), np.median(np.asarray(distance))
    return (
        f"Half of the test points lie more than {half:.1f} standard deviations off the plane, "
        f"taken over all {n_features} features; independent features would give about "
        f"{usual:.1f} on any plane."
    )


def describe_own_colour(right: int, n: int) -> str:
    """Say for how many of n test points the colour under them is not the ensemble's answer."""
    wrong = n - right
    return (
        f"The colour under a point is not the ensemble's own answer for **{wrong} of {n}** test "
        f"points ({format_share(wrong / n)})."
    )


def warn(meter: Meter) -> str | None:
    """Say why single points must not be read off a picture; None if they may."""
    if meter.trusted:
        return None
    worst = float(meter.shares.min())
    reasons = []
    if worst < TRUSTED_SHARE:
        reasons.append(
            f"for {1 - worst:.0%} of the points the models answer something else than the colour "
            f"says (a warning stands here above {1 - TRUSTED_SHARE:.0%})"
        )
    if meter.outside > 0.01:
        reasons.append("part of it shows where there is no data")
    return (
        f"Do not read single points off this picture: {' and '.join(reasons)}. It shows how the "
        "models cut this plane, not how they treat the data around it."
    )


def describe_random_planes(student: ArrayLike, twin: ArrayLike, pair: ArrayLike) -> str:
    """Say how far answers agree on random planes, and whether distillation shows in it.

    Parameters
    ----------
    student, twin, pair : array_like of shape (n_planes,)
        Agreement on each plane's area, from 0 to 1: of the student and of its twin with the
        ensemble, and of student and twin with each other.
    """
    shares = []
    for values in (student, twin, pair):
        found = intervals.interval(values)
        mean, low, high = (format_share(x) for x in (found.mean, found.low, found.high))
        shares.append(f"{mean} [{low}, {high}]")
    gain = intervals.interval(100 * (np.asarray(student) - np.asarray(twin)))
    span = f"{gain.mean:+.1f} points, plane by plane [{gain.low:+.1f}, {gain.high:+.1f}]"
    beyond = "" if gain.excludes() else ": no difference can be told"
    return (
        f"On {gain.n} random planes the student reproduces {shares[0]} of the ensemble’s "
        f"answers, its twin {shares[1]} ({span}{beyond}); student and twin agree on "
        f"{shares[2]}. These are planes of one pair of networks, not several pairs."
    )


def _judge(meter: Meter, one_colour: float) -> str:
    share = float(meter.shares[0])
    # First: where nearly all points have one answer, a large share is no merit of the plane.
    if share <= one_colour and share < 1:
        return "No: not better than a single colour."
    if meter.trusted:
        return "Yes, for nearly all points."
    return "Only in part." if share >= 0.75 else "No, not point by point."


def describe_places(
    at_one_place: float, n_rows: int, outside: Mapping[str, tuple[int, int]]
) -> str:
    """Say what a picture cannot show: rows on top of each other, and classes outside of it.

    Parameters
    ----------
    at_one_place : float
        Share of the rows that lie at the same place of the plane.
    n_rows : int
        How many rows there are.
    outside : mapping of str to (int, int)
        By class, how many of its rows lie outside the window, and how many there are.
    """
    said = []
    if at_one_place >= _ONE_PLACE:
        said.append(
            f"{at_one_place:.0%} of the {n_rows:,} test rows lie at one place of this plane: in "
            "the slice view every model has one answer for all of them, and shares say little."
        )
    most = {name: pair for name, pair in outside.items() if 2 * pair[0] > pair[1]}
    said += [f"{n:,} of {of:,} rows of {name} lie outside." for name, (n, of) in most.items()]
    return " ".join(said)
