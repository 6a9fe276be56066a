"""May the student replace the ensemble: numbers that are known, and every sentence flipped."""

import numpy as np
import pytest

from distill_core.measures.intervals import crossed_interval
from distill_core.studies import replacement
from distill_core.studies.replacement import advise, compare, describe_gain, describe_loss

N_SEEDS, N_ROWS = 8, 4000
TRUTH = np.arange(N_ROWS) % 3


def answer(n_wrong, seed=0):
    """Labels of a model that gets so many of 1,000 wrong, on rows of its own choice."""
    wrong = np.random.default_rng(seed).permutation(N_ROWS)[: n_wrong * N_ROWS // 1000]
    labels = TRUTH.copy()
    labels[wrong] = (labels[wrong] + 1) % 3
    return labels


def many(n_wrong):
    """The same model at every seed but for a few rows."""
    return np.array([answer(n_wrong + seed % 2, seed=1) for seed in range(N_SEEDS)])


def found(ensemble, student, twin):
    return compare(answer(ensemble, seed=1), many(student), many(twin), TRUTH)


def test_cases_of_a_thousand_are_counted_and_paired():
    seen = found(20, 50, 90)
    assert seen.lost.mean == pytest.approx(30.5, abs=0.5)
    assert seen.gain.mean == pytest.approx(40, abs=0.5)
    assert seen.twin_lost.mean == pytest.approx(seen.lost.mean + seen.gain.mean)
    assert seen.ensemble == pytest.approx(0.98)
    y, ours = answer(20, seed=1) == TRUTH, many(50) == TRUTH
    alone = crossed_interval(y.astype(float) - ours)
    assert seen.lost.low == pytest.approx(1000 * alone.low)
    assert seen.lost.n_rows == N_ROWS


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        # ensemble, student, twin: wrong of 1,000
        ((20, 20, 60), "by the distilled student: it loses fewer than 10 of 1,000 cases, and"),
        ((20, 20, 20), "Labels alone are enough to teach it; that the ensemble helps is not shown"),
        ((20, 60, 20), "by the small network taught by labels alone: learning from the ensemble"),
        ((20, 90, 90), "Keep the 12 networks: the student loses more than 10 of 1,000 cases."),
        ((20, 30, 30), "Nothing yet: whether the student loses more than 10"),
    ],
)
def test_every_advice_comes_out_on_numbers_made_for_it(rates, words):
    assert words in advise(found(*rates), 12)
    said = [advise(found(*other), 12) for other in RATES if other != rates]
    assert not any(words in one for one in said)


RATES = [(20, 20, 60), (20, 20, 20), (20, 60, 20), (20, 90, 90), (20, 30, 30)]


def interval(low, high):
    return replacement.Interval((low + high) / 2, low, high, 8, 1000)


def seen(lost, twin_lost, gain):
    whole = interval(0.9, 1)
    return replacement.Replacement(
        interval(*lost), interval(*twin_lost), interval(*gain), whole, 0.9, 0.9, 0.9
    )


def test_advice_where_only_one_of_student_and_twin_is_shown_to_fit():
    fits, unsure = (-3, 9), (-3, 12)
    said = advise(seen(fits, unsure, (-4, 6)), 12)
    assert "For the same network taught by labels alone that is not shown" in said
    said = advise(seen(unsure, fits, (-6, 4)), 1)
    assert said.startswith("Replace the one network by the small network taught by labels alone")
    # Where the ensemble helps but the student is not good enough, nothing is replaced.
    assert advise(seen((11, 20), (20, 40), (5, 25)), 12).startswith("Keep the 12 networks")
    assert advise(seen((9.9, 20), (20, 40), (5, 25)), 12).startswith("Nothing yet")
    assert advise(seen((0, 10), (9, 20), (1, 5)), 12, tolerance=9).startswith("Nothing yet")


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ((-3, 5), "gets between 3.0 fewer and 5.0 more wrong than the ensemble: no difference is"),
        ((2, 5), "gets 2.0 to 5.0 more wrong than the ensemble."),
        ((-5, -2), "gets 2.0 to 5.0 fewer wrong than the ensemble."),
        ((0, 0), "no difference is shown"),
        ((np.nan, np.nan), "cannot be said from one seed or one row"),
    ],
)
def test_the_loss_is_never_more_than_its_interval(lost, words):
    assert words in describe_loss(seen(lost, lost, (0, 0)))


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (
            (1, 4),
            "gets 1.0 to 4.0 fewer wrong than its twin, taught by labels alone: the ensemble helps",
        ),
        (
            (-4, -1),
            "gets 1.0 to 4.0 more wrong than its twin, taught by labels alone: the ensemble harms",
        ),
        ((-1, 4), "gets between 4.0 fewer and 1.0 more wrong than its twin"),
        ((-1, 4), "helps or harms is not shown"),
    ],
)
def test_the_gain_is_never_more_than_its_interval(gain, words):
    assert words in describe_gain(seen((0, 1), (0, 1), gain))


def test_few_rows_are_said_to_be_few():
    labels = TRUTH[:60]
    few = compare(labels, np.tile(labels, (8, 1)), np.tile(labels, (8, 1)), labels)
    assert "8 trainings of the student and 60 test rows" in replacement.describe_sureness(few)
    assert "Only 60 test rows" in replacement.describe_sureness(few)
    assert "Only" not in replacement.describe_sureness(found(20, 20, 20))
    # Sixty rows without a difference do not show that fewer than ten of a thousand are lost.
    assert advise(few, 12).startswith("Nothing yet")
