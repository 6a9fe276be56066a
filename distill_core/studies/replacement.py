"""Can the student replace the ensemble? Cases lost per thousand, and what to do, in sentences.

Numbers in, sentences out; see `answers` for those of the studies. Everything is paired: the same
test rows for all, the same seed for a student and its twin.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.measures.intervals import PSEUDO_SHARES, Interval, crossed_interval

# Of 1,000 cases, how many may be lost: one point, as in the study of capacity.
TOLERANCE = 10.0
# Test rows below which a reader is told that they are few.
_FEW_ROWS = 200


@dataclass(frozen=True)
class Replacement:
    """What a student costs against the ensemble and gains over its twin, for other seeds and rows.

    Parameters
    ----------
    lost, twin_lost : Interval
        Cases of 1,000 that the ensemble answers rightly, minus those of the student or its twin.
    gain : Interval
        Cases of 1,000 that the student answers rightly, minus those of its twin.
    agreement : Interval
        Share (0 to 1) of cases on which student and ensemble answer the same.
    ensemble, student, twin : float
        Accuracy on test data, 0 to 1; means over seeds.
    """

    lost: Interval
    twin_lost: Interval
    gain: Interval
    agreement: Interval
    ensemble: float
    student: float
    twin: float


def compare(
    ensemble: ArrayLike, students: ArrayLike, twins: ArrayLike, y: ArrayLike
) -> Replacement:
    """Return what the labels that all have given on test rows say.

    Parameters
    ----------
    ensemble, y : array_like of shape (n_rows,)
        The ensemble's answers and the right ones.
    students, twins : array_like of shape (n_seeds, n_rows)
        Paired by seed.
    """
    whole, ours, theirs, right = map(np.asarray, (ensemble, students, twins, y))
    hits, own, twin = whole == right, ours == right, theirs == right
    return Replacement(
        lost=_count(hits, own),
        twin_lost=_count(hits, twin),
        gain=_count(own, twin),
        agreement=crossed_interval((ours == whole).astype(float), PSEUDO_SHARES),
        ensemble=float(hits.mean()),
        student=float(own.mean()),
        twin=float(twin.mean()),
    )


def advise(found: Replacement, n_teachers: int, tolerance: float = TOLERANCE) -> str:
    """Say what to do if at most `tolerance` of 1,000 cases may be lost."""
    whole = "the one network" if n_teachers == 1 else f"the {n_teachers} networks"
    limit = f"{tolerance:g} of 1,000 cases"
    student_fits, twin_fits = found.lost.high <= tolerance, found.twin_lost.high <= tolerance
    gain = found.gain
    if twin_fits and gain.high < 0:
        return (
            f"Replace {whole} by the small network taught by labels alone: learning from the "
            f"ensemble makes it worse, by {_write(-gain.mean)} of 1,000 cases."
        )
    if student_fits and gain.low > 0:
        return (
            f"Replace {whole} by the distilled student: it loses fewer than {limit}, and learning "
            f"from the ensemble saves {_write(gain.mean)} of 1,000 against labels alone."
        )
    if student_fits and twin_fits:
        return (
            f"Replace {whole} by the small network: it loses fewer than {limit}. Labels alone are "
            "enough to teach it; that the ensemble helps is not shown."
        )
    if student_fits:
        return (
            f"Replace {whole} by the distilled student: it loses fewer than {limit}. For the same "
            "network taught by labels alone that is not shown."
        )
    if twin_fits:
        return (
            f"Replace {whole} by the small network taught by labels alone: it loses fewer than "
            f"{limit}, which is not shown for the distilled student."
        )
    if found.lost.low > tolerance:
        return f"Keep {whole}: the student loses more than {limit}."
    return (
        f"Nothing yet: whether the student loses more than {limit} cannot be told from these rows "
        "and seeds. More test rows decide it."
    )


def describe_loss(found: Replacement) -> str:
    """Say what the student costs, with its interval."""
    lost = found.lost
    if not (math.isfinite(lost.low) and math.isfinite(lost.high)):
        return "How sure this is cannot be said from one seed or one row."
    head = f"Of 1,000 cases like these the student gets {_errors(lost)} wrong than the ensemble"
    if lost.low <= 0 <= lost.high:
        return f"{head}: no difference is shown."
    return f"{head}."


def describe_gain(found: Replacement) -> str:
    """Say what learning from the ensemble adds, with its interval."""
    gain = found.gain
    span = f"{_errors(_turn(gain))} wrong than its twin, taught by labels alone"
    if gain.low <= 0 <= gain.high:
        return f"Of 1,000 cases it gets {span}: that the ensemble helps or harms is not shown."
    return f"Of 1,000 cases it gets {span}: the ensemble {'helps' if gain.low > 0 else 'harms'}."


def describe_sureness(found: Replacement) -> str:
    """Say what the intervals allow for, and what they do not."""
    n, n_rows = found.lost.n, found.lost.n_rows or 0
    few = f" Only {n_rows:,} test rows: little can be shown." if n_rows < _FEW_ROWS else ""
    return (
        f"95% intervals over {n} trainings of the student and {n_rows:,} test rows that nobody "
        f"learned from. They speak of rows like these, and of one ensemble.{few}"
    )


def _count(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> Interval:
    """Return cases of 1,000 that are right for us minus those right for them."""
    return _scale(crossed_interval(ours.astype(float) - theirs), 1000)


def _scale(found: Interval, factor: float) -> Interval:
    mean, low, high = (factor * end for end in (found.mean, found.low, found.high))
    return Interval(mean, low, high, found.n, found.n_rows)


def _turn(found: Interval) -> Interval:
    return Interval(-found.mean, -found.high, -found.low, found.n, found.n_rows)


def _errors(more: Interval) -> str:
    """Say how many cases more or fewer, as `between 2.1 fewer and 6.4 more`."""
    low, high = more.low, more.high
    if low < 0 < high:
        return f"between {_write(-low)} fewer and {_write(high)} more"
    if high <= 0:
        return f"{_write(-high)} to {_write(-low)} fewer"
    return f"{_write(low)} to {_write(high)} more"


def _write(cases: float) -> str:
    return f"{abs(cases):.1f}"
