"""Rules, intervals and sentences of the studies, fed with numbers made up for the purpose."""

import copy
import dataclasses
import itertools
import math
import re

import numpy as np
import pytest
from scipy.special import softmax

from distill_core.boundaries.faithfulness import Meter
from distill_core.measures import spread
from distill_core.specs import StudentSpec
from distill_core.studies import answers, picture_answers, softness, stability, sufficiency
from distill_core.studies.answer import Answer
from distill_core.studies.stability import GROUPS, PAIRS, Repeats
from distill_core.studies.study import Study, band, difference, gain, to_csv

# Bands of differences, in shares: clearly above zero, clearly below, undecided, one seed.
UP = {"mean": 0.02, "low": 0.01, "high": 0.03, "n": 8, "beyond_noise": True}
DOWN = {"mean": -0.02, "low": -0.03, "high": -0.01, "n": 8, "beyond_noise": True}
NOISE = {"mean": 0.001, "low": -0.01, "high": 0.012, "n": 8, "beyond_noise": False}
ONE = {"mean": 0.02, "low": None, "high": None, "n": 1, "beyond_noise": False}
LOSES = {"mean": 0.02, "low": 0.015, "high": 0.025, "n": 8, "beyond_noise": True}
KEEPS = {"mean": 0.001, "low": -0.001, "high": 0.004, "n": 8, "beyond_noise": False}


def say_capacity(summary):
    return answers.capacity(summary).text


def say_softness(summary):
    return answers.softness(summary).text


def say_variance(summary):
    return answers.variance(summary).text


def curve(losses, gains=None, accuracy_gains=None, tolerance=1.0, n_seeds=8):
    """Return a capacity summary of widths 1, 2, 4, ... with decisions made."""
    n = len(losses) + 1
    gains, accuracy_gains = gains or [NOISE] * n, accuracy_gains or [NOISE] * n
    entries = [
        {
            "width": 2**i,
            "parameters": 1000 * 2**i,
            "compression": 512 / 2**i,
            "loss": loss,
            "gain": {"agreement": gains[i], "accuracy": accuracy_gains[i]},
        }
        for i, loss in enumerate([*losses, {**NOISE, "mean": 0.0, "low": 0.0, "high": 0.0}])
    ]
    summary = {"tolerance": tolerance, "n_seeds": n_seeds, "widths": entries}
    return sufficiency.decide(summary)


def test_the_sufficient_width_is_the_last_that_passes_from_the_widest_down():
    said = say_capacity(curve([LOSES, LOSES, KEEPS, KEEPS]))
    assert "Width 4 is sufficient" in said
    assert "of width 16, the widest tried" in said
    assert "4,000 parameters, 128 times fewer" in said


def test_a_claim_says_of_which_rows_it_speaks():
    summary = curve([LOSES, {**KEEPS, "n_rows": 1000}])
    said = say_capacity(summary)
    assert "width 4, the widest tried, for rows like these 1,000." in said
    assert "rows like these" not in say_capacity(curve([LOSES, KEEPS]))


def test_a_width_below_one_that_failed_is_not_named():
    said = say_capacity(curve([LOSES, KEEPS, LOSES, KEEPS]))
    assert "Width 8 is sufficient" in said


def test_a_loss_whose_interval_reaches_the_tolerance_is_not_sufficient():
    almost = {**KEEPS, "high": 0.0101}
    assert "Width 8 is sufficient" in say_capacity(curve([LOSES, LOSES, almost, KEEPS]))
    assert "Width 4 is sufficient" in say_capacity(
        curve([LOSES, LOSES, almost, KEEPS], tolerance=1.1)
    )


def test_another_tolerance_gives_another_width_without_new_numbers():
    summary = curve([LOSES, LOSES, KEEPS, KEEPS])
    assert "Width 1, the narrowest tried," in say_capacity(sufficiency.decide(summary, 3.0))
    said = say_capacity(sufficiency.decide(summary, 0.2))
    assert "No narrower student is shown to be sufficient: at width 8" in said
    assert "0.2 points" in said


def test_without_intervals_no_width_is_named():
    said = say_capacity(curve([ONE, ONE], [ONE] * 3, [ONE] * 3, n_seeds=1))
    assert said.startswith("One seed: an interval cannot be given")
    # Two seeds that happen to agree are no evidence either.
    equal = {"mean": 0.0, "low": 0.0, "high": 0.0, "n": 2, "beyond_noise": False}
    said = say_capacity(curve([equal, equal], [equal] * 3, n_seeds=2))
    assert "too few to say which width is sufficient" in said
    assert "too few to compare" in said


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([NOISE, NOISE, UP, UP], "From width 4 on distillation beats the hard-label twin"),
        ([UP, NOISE, UP, UP], "From width 4 on"),
        ([NOISE, DOWN, NOISE, UP], "At width 8, the widest, distillation beats"),
        ([NOISE, DOWN, NOISE, UP], "; it is worse than the twin at width 2."),
        # Others win, too: not "only".
        ([NOISE, UP, NOISE, UP], "At width 8, the widest, distillation beats the hard-label twin"),
        ([NOISE, UP, NOISE, UP], "; taken alone, it also does so at width 2."),
        ([UP, UP, UP, UP], "At every width tried distillation beats"),
        ([NOISE, DOWN, DOWN, NOISE], "it is worse than the twin at widths 2, 4."),
        ([NOISE] * 4, "At no width can distillation be told from the hard-label twin"),
        ([NOISE, UP, UP, NOISE], "There is no width from which on"),
        ([NOISE, UP, UP, DOWN], "taken alone, it does so at widths 2, 4"),
        ([DOWN, DOWN, NOISE, NOISE], "; it is worse than the twin at widths 1, 2."),
        ([DOWN, NOISE, UP, UP], "seeds and rows; it is worse than the twin at width 1."),
    ],
)
def test_the_sentence_about_the_twin_follows_the_gains(gains, expected):
    said = say_capacity(curve([KEEPS] * 3, gains))
    assert expected in said
    assert "In accuracy there is no width from which on it is shown to beat the twin." in said


def test_accuracy_has_a_width_of_its_own():
    said = say_capacity(curve([KEEPS] * 3, [UP] * 4, [DOWN, NOISE, UP, UP]))
    assert (
        "In accuracy distillation beats the twin from width 4 on; it is worse than the twin at "
        "width 1." in said
    )


def test_the_widest_only_is_not_said_where_a_narrow_width_wins_too():
    assert "only" not in say_capacity(curve([KEEPS] * 3, [NOISE, UP, NOISE, UP]))


def test_no_answer_before_the_widest_student_is_there():
    assert "not trained yet" in say_capacity(
        {"widths": [], "n_seeds": 8, "tolerance": 1.0, "sufficient": None, "beats_twin": {}}
    )
    assert "not trained yet" in say_capacity(curve([]))


# A band of a difference with both intervals: of seeds alone, and of rows too.
BOTH = {"n": 8, "n_rows": 1000, "beyond_noise": False}
BOTH |= {"mean": 0.004, "low": -0.006, "high": 0.014, "seeds_low": 0.0, "seeds_high": 0.008}


def test_an_answer_has_two_sentences_and_says_what_it_does_not_claim():
    answer = answers.capacity(curve([LOSES, KEEPS, KEEPS], [UP] * 4))
    assert len(re.findall(r"\.( |$)", answer.said)) == 2
    assert answer.notes[0].startswith("Width 2 has 2,000 parameters, 256 times fewer than the")
    assert answer.notes[0].endswith("; every width between passes, too.")
    assert "Not claimed: that a narrower student cannot do it" in answer.claims
    assert not answers.capacity(curve([])).claims, "where nothing is said, nothing is claimed"
    # Nothing lies between neighbours.
    assert "every width between" not in say_capacity(curve([LOSES, LOSES, KEEPS]))


def test_how_many_seeds_or_rows_would_decide_is_said():
    undecided = {**BOTH, "mean": 0.003, "low": -0.006, "high": 0.012}
    said = say_capacity(curve([LOSES, undecided]))
    assert "To tell whether width 2 is sufficient, about 2,000 test rows would be" in said
    said = say_capacity(curve([LOSES, KEEPS], [NOISE, NOISE, BOTH]))
    assert "To tell student and twin apart at width 4, both more seeds and more test rows" in said
    # It loses more than the tolerance: more of anything would hardly change that.
    assert "would be needed" not in say_capacity(curve([LOSES, {**undecided, "mean": 0.02}]))


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (DOWN, "on 96.0% of the test data, the ensemble on 98.0%: -2.0 points [-3.00, -1.00]."),
        (NOISE, "+0.1 points [-1.00, +1.20], which cannot be told from the chance of seeds"),
        (ONE, "+2.0 points, without an interval."),
    ],
)
def test_the_student_is_compared_with_the_ensemble_itself(gap, expected):
    summary = curve([LOSES, KEEPS])
    summary["ensemble"] = {"accuracy": 0.98, "n_rows": 1000}
    for entry in summary["widths"]:
        entry |= {"student": {"accuracy": {"mean": 0.96}}, "to_ensemble": gap}
    assert expected in say_capacity(summary)


@pytest.mark.parametrize(("n_rows", "said"), [(60, True), (1000, False)])
def test_small_test_data_is_called_small(n_rows, said):
    band = {**UP, "n_rows": n_rows}
    texts = (
        say_capacity(curve([LOSES, KEEPS], [band] * 3)),
        say_variance({"seeds": stable(*[{**DOWN, "n_rows": n_rows}] * 4)}),
    )
    for text in texts:
        assert ("with 60 rows a single one is 1.7 points" in text) == said


def at_most(share, n):
    """Return the largest count out of n that does not speak against a share."""
    return share * n + 2 * math.sqrt(n * share * (1 - share))


@pytest.mark.parametrize("n_seeds", [8, 16])
def test_false_answers_are_as_rare_as_promised(n_seeds):
    """Widths 1 to 8 lose exactly the tolerance and gain nothing over their twins."""
    rng = np.random.default_rng(n_seeds)
    loss = np.array([1.0, 1.0, 1.0, 1.0, 0.2, 0])[:, None] / 100
    true_gain = np.array([0, 0, 0, 0, 4, 6])[:, None] / 1000
    n, too_narrow, any_width, no_gain, right = 120, 0, 0, 0, 0
    for _ in range(n):
        # Bad seeds are more extreme than good ones, and test data is finite.
        noise = -(rng.gamma(2, size=(6, n_seeds)) - 2) * 0.004 + rng.normal(size=n_seeds) * 0.004
        ours = np.round(0.97 - loss + noise, 3)
        twin = np.round(ours - true_gain + rng.normal(size=ours.shape) * 0.005, 3)
        gains = [difference((a - b).tolist()) for a, b in zip(ours, twin, strict=True)]
        losses = [difference((ours[-1] - a).tolist()) for a in ours[:-1]]
        found = curve(losses, gains)
        too_narrow += found["sufficient"] <= 8
        any_width += any(sufficiency.is_within(one, 1.0) for one in losses[:4])
        right += found["sufficient"] == 16
        no_gain += (found["beats_twin"]["agreement"] or 99) <= 8
    assert too_narrow <= at_most(0.05, n)
    assert no_gain <= at_most(0.05, n)
    assert any_width > 1.5 * too_narrow, "without the order the rule would be no better"
    assert right >= {8: 0.6, 16: 0.8}[n_seeds] * n


def grid(mean, margin, above=0, below=0, n=8):
    """Return a softness summary of two cells and the twin, with the choice as given."""
    known = {} if margin is None else {"low": mean - margin, "high": mean + margin}
    beyond = margin is not None and abs(mean) > margin
    choice = {"mean": mean, "low": None, "high": None, "n": n, "beyond_noise": beyond, **known}
    cells = [
        {
            "width": 64,
            "temperature": 3.0,
            "alpha": alpha,
            "agreement": {"mean": 0.97 + alpha / 100},
            "gain": {"agreement": {"mean": mean}},
        }
        for alpha in (0.0, 0.5, 1.0)
    ]
    best = {"width": 64, "temperature": 3.0, "alpha": 1.0, "choice": choice}
    best["choice"] |= {"above": above, "below": below}
    return {"n_seeds": n, "cells": cells, "best": [best]}


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (
            (0.008, 0.005, 2),
            "allowing for the choice: beyond the chance of seeds and rows.",
        ),
        (
            (0.008, 0.009),
            "within the chance of seeds and rows, so no setting tried is",
        ),
        (
            (-0.008, 0.005, 0, 2),
            "beyond the chance of seeds and rows, but below the twin.",
        ),
        (
            (0.008, 0.005, 2),
            "At width 64, 2 settings of the grid are better than the twin beyond chance.",
        ),
        (
            (-0.008, 0.005, 0, 1),
            "At width 64, 1 setting of the grid is worse than the twin beyond chance.",
        ),
        ((0.008, None), "with fewer than 4 seeds, whether that is more than chance cannot be"),
    ],
)
def test_the_sentence_about_the_best_setting_follows_its_interval(numbers, expected):
    said = say_softness(grid(*numbers))
    assert "the best of 2 settings, T = 3 and alpha = 1, has " in said
    assert "T = 3 and alpha = 1 reaches 98.0% agreement" in said
    assert "allowing for the choice" in said or numbers[1] is None
    assert expected in said


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((0.0, 0.02), "T matters at width 64: T = 5 gains +2.08 points [+1.91, "),
        ((0.0, 0.0), "Whether T matters at width 64 cannot be told: no T tried differs"),
        ((0.0, -0.02), "is shown to be better than T = 1 at the same alpha, and 1 of 2 settings"),
    ],
)
def test_whether_temperature_matters_is_answered_against_one(steps, expected):
    # Every setting gains over the twin, which says nothing about T.
    rng = np.random.default_rng(3)
    cells = {
        (64, t, 0.5): 0.05 + step + rng.normal(size=(8, 1)) * 0.001
        for t, step in zip((1.0, 3.0, 5.0), (0.0, *steps), strict=True)
    }
    summary = grid(0.05, 0.005, 2)
    summary["best"][0]["over_one"] = softness._compare_with_one(cells)[64]
    assert expected in say_softness(summary)
    few = softness._compare_with_one({cell: gains[:3] for cell, gains in cells.items()})
    summary["best"][0]["over_one"] = few[64]
    assert "cannot be told from fewer than 4 seeds" in say_softness(summary)
    alone = {cell: gains for cell, gains in cells.items() if cell[1] == 1}
    assert softness._compare_with_one(alone) == {}


def test_exact_ties_for_the_best_setting_are_counted():
    summary = grid(0.008, 0.005, 2)
    summary["cells"][1]["agreement"]["mean"] = summary["cells"][2]["agreement"]["mean"]
    assert "reaches 98.0% agreement with the ensemble, and so does 1 other setting." in (
        say_softness(summary)
    )


def test_several_widths_are_answered_in_two_sentences():
    wins, fails = grid(0.008, 0.005, 2), grid(0.001, 0.005)
    for part, width in ((wins, 8), (fails, 64)):
        for entry in (*part["cells"], *part["best"]):
            entry["width"] = width
    over = {"low": -0.01, "high": 0.02, "mean": 0.004, "temperature": 5.0, "alpha": 0.5}
    wins["best"][0]["over_one"] = {**over, "above": 1, "below": 0, "n_settings": 4}
    fails["best"][0]["over_one"] = {**over, "above": 0, "below": 0, "n_settings": 4}
    both = {"n_seeds": 8, "cells": wins["cells"] + fails["cells"]}
    answer = answers.softness(both | {"best": wins["best"] + fails["best"]})
    assert answer.said == (
        "Beyond the chance of seeds and rows, the best setting beats the twin at width 8; no "
        "setting is shown to be better than the twin at width 64. T matters at width 8; whether it "
        "does at width 64 cannot be told."
    )
    assert any(note.startswith("At width 64, the best of 2 settings") for note in answer.notes)
    assert any("times as many seeds and test rows" in note for note in answer.notes)
    assert "Not claimed: that the best setting here is the best one" in answer.claims


def test_softness_has_no_answer_before_the_first_cell():
    assert say_softness({"n_seeds": 8, "cells": [], "best": []}).startswith("No cell")


@pytest.mark.parametrize("n_seeds", [4, 8, 16])
def test_the_best_of_many_settings_is_rarely_noise(n_seeds):
    rng = np.random.default_rng(n_seeds)
    n, false, naive, seen = 60, 0, 0, 0
    for _ in range(n):
        noise = rng.normal(size=n_seeds) * 0.003 + rng.normal(size=(80, n_seeds)) * 0.004
        gains = np.round(noise, 3)
        margin = softness.find_margin(gains[..., None])
        best, choice = softness.judge_best(gains[..., None], margin)
        assert best == gains.mean(1).argmax()
        false += choice["beyond_noise"]
        naive += difference(gains[best].tolist())["beyond_noise"]
        seen += softness.judge_best(gains[..., None] + 0.01, margin)[1]["beyond_noise"]
    assert false <= at_most(0.05, n)
    assert naive > at_most(0.05, n)
    assert seen > {4: 0.3, 8: 0.9, 16: 0.95}[n_seeds] * n


@pytest.mark.parametrize("n_rows", [60, 300])
def test_the_best_of_many_settings_is_rarely_the_luck_of_its_rows(n_rows):
    """No setting is better on all rows there are; the rows drawn are the same for all settings."""
    rng = np.random.default_rng(n_rows)
    n, false, naive = 60, 0, 0
    # What each row does to a setting against its twin: shared by all seeds, in part by settings.
    population = np.sign(rng.normal(size=4000)) * (rng.random((30, 4000)) < 0.06)
    population -= population.mean(1, keepdims=True)
    for _ in range(n):
        rows = population[:, rng.integers(4000, size=n_rows)]
        gains = rows[:, None] + rng.choice([-1, 0, 1], p=[0.01, 0.98, 0.01], size=(30, 8, n_rows))
        _, choice = softness.judge_best(gains, softness.find_margin(gains))
        false += choice["beyond_noise"]
        alone = gains.mean(2, keepdims=True)
        naive += softness.judge_best(alone, softness.find_margin(alone))[1]["beyond_noise"]
    assert false <= at_most(0.05, n)
    assert naive > at_most(0.05, n)


# Differences of churn: ensemble - teacher, student - teacher, student - ensemble, student - twin.
def stable(ensemble, to_teacher, to_ensemble, to_twin, n=8):
    churn = {"teacher": 0.03, "ensemble": 0.01, "student": 0.02, "twin": 0.025}
    gaps = (ensemble, to_teacher, to_ensemble, to_twin)
    return {
        "n": n,
        "groups": {model: {"churn": {"mean": value}} for model, value in churn.items()},
        "differences": [
            {"model": a, "minus": b, "churn": found}
            for (a, b), found in zip(PAIRS, gaps, strict=True)
        ],
    }


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ((NOISE, DOWN, UP, DOWN), "whether the ensemble is steadier cannot be told"),
        ((UP, DOWN, UP, DOWN), "the ensemble is less steady, so there is no stability to keep"),
        ((DOWN, DOWN, UP, NOISE), "its twin, without any ensemble, is not shown to be less steady"),
        ((DOWN, DOWN, UP, DOWN), "less steady than the ensemble: it keeps a part"),
        ((DOWN, DOWN, NOISE, DOWN), "no loss against the ensemble is shown."),
        ((DOWN, DOWN, DOWN, DOWN), "steadier than a single teacher and even than the ensemble."),
        ((DOWN, DOWN, NOISE, NOISE), "is shown; its twin, without any ensemble, is not shown to"),
        ((DOWN, DOWN, DOWN, UP), "the ensemble; its twin, without any ensemble, is not shown to"),
        ((DOWN, NOISE, UP, DOWN), "less steady than the ensemble and not shown to be steadier"),
        ((DOWN, NOISE, NOISE, DOWN), "it is not shown to be steadier than a single teacher"),
        ((DOWN, UP, UP, DOWN), "the ensemble's stability is lost"),
        (
            (DOWN, DOWN, UP, DOWN),
            "distillation makes the student steadier, beyond the chance of repeats",
        ),
        ((DOWN, DOWN, UP, NOISE), "not shown that distillation makes it steadier"),
        ((DOWN, DOWN, UP, UP), "makes the student less steady, beyond the chance of repeats and"),
    ],
)
def test_the_sentence_about_stability_follows_the_differences(gaps, expected):
    said = say_variance({"seeds": stable(*gaps)})
    assert said.startswith("When only the seeds change, an ensemble flips 1.0% of its predictions")
    assert expected in said


def test_no_stability_is_denied_or_credited_without_evidence():
    assert "no stability to keep" not in say_variance({"seeds": stable(*[NOISE] * 4)})
    assert "keeps a part" not in say_variance({"seeds": stable(DOWN, DOWN, UP, NOISE)})


def test_stability_is_answered_for_each_source_and_not_from_two_repeats():
    both = {"seeds": stable(DOWN, DOWN, UP, DOWN), "resamples": stable(NOISE, DOWN, UP, DOWN, n=2)}
    said = say_variance(both)
    assert "it keeps a part" in said
    assert "only the training data changes (bootstrap): 2 of the 3 repeats" in said
    assert say_variance({}) == "No repeat is trained yet."


def balance(gap, twin_gain):
    means = {"teacher": 0.1, "ensemble": 0.08, "diversity": 0.02, "student": 0.09, "twin": 0.095}
    bands = {name: {"mean": mean} for name, mean in means.items()}
    return {**bands, "student_gap": gap, "gain": twin_gain, "residual": 2e-17}


@pytest.mark.parametrize(
    ("gap", "twin_gain", "expected"),
    [
        (UP, DOWN, "+0.0200 [+0.0100, +0.0300] above the ensemble's"),
        (NOISE, DOWN, "which cannot be told from the ensemble's"),
        (DOWN, DOWN, "-0.0200 [-0.0300, -0.0100] against the ensemble's"),
        (UP, DOWN, "its twin's is 0.0950, higher than the student's beyond chance"),
        (UP, NOISE, "its twin's is 0.0950, which cannot be told from the student's"),
        (UP, UP, "its twin's is 0.0950, lower than the student's beyond chance"),
    ],
)
def test_the_ledger_in_words_follows_its_numbers(gap, twin_gain, expected):
    said = answers.ledger(balance(gap, twin_gain))
    assert "0.1000 nats, is the ensemble's, 0.0800, plus the teachers' diversity, 0.0200" in said
    assert "residual" not in said
    assert expected in said


def test_a_difference_that_vanishes_in_four_digits_is_not_written_as_zero_above():
    tiny = {"mean": 2e-5, "low": 1e-5, "high": 3e-5, "n": 8, "beyond_noise": True}
    said = answers.ledger(balance(tiny, DOWN))
    assert "no different from the ensemble's to four digits" in said
    assert "+0.0000" not in said


@pytest.mark.parametrize(
    ("excess", "knowledge", "expected"),
    [
        (DOWN, 0.02, "less than that total"),
        (UP, 0.02, "more than that total"),
        (NOISE, 0.02, "not to be told from that total"),
        (DOWN, 0.02, "20% is knowledge uncertainty"),
        (DOWN, 0.02, "it cannot tell that from overlapping classes"),
        (DOWN, 0.004, "Here that is little to lose."),
    ],
)
def test_what_the_student_cannot_express_follows_the_numbers(excess, knowledge, expected):
    means = {"total": 0.1, "data": 0.1 - knowledge, "knowledge": knowledge, "student": 0.08}
    found = {name: {"mean": mean} for name, mean in {**means, "own": 0.07}.items()}
    assert expected in answers.uncertainty(found | {"excess": excess, "own_excess": NOISE})


@pytest.mark.parametrize(
    ("own_excess", "expected"),
    [
        (DOWN, "less than that total, and less than the 0.070 nats of the ensemble's own answer"),
        (UP, "less than that total, and more than the 0.070 nats of the ensemble's own answer"),
        (NOISE, "and not to be told from the 0.070 nats of the ensemble's own answer"),
    ],
)
def test_the_student_is_compared_with_what_it_was_taught_too(own_excess, expected):
    means = {"total": 0.1, "data": 0.08, "knowledge": 0.02, "own": 0.07, "student": 0.08}
    found = {name: {"mean": mean} for name, mean in means.items()}
    assert expected in answers.uncertainty(found | {"excess": DOWN, "own_excess": own_excess})


def test_an_unfinished_study_gives_no_verdict():
    summary = {"sufficient": 4, "beats_twin": {}, "widths": []}
    whole = Answer("Width 4 is sufficient.", ("A note.",), "Claimed.")
    study = Study("capacity", StudentSpec(), [], summary, whole, 3, 8)
    assert study.partial
    said = study.to_json(1.0)
    assert said["answer"].startswith("Partial, 3 of 8 parts are done. No answer yet")
    assert (said["notes"], said["claims"], said["summary"]) == ([], "", {"widths": []})
    said = dataclasses.replace(study, n_done=8).to_json(1.0)
    assert (said["answer"], said["notes"], said["claims"]) == (whole.said, ["A note."], "Claimed.")
    assert said["summary"] == summary


def test_bands_leave_out_what_does_not_exist_and_say_how_much_remains():
    assert band([0.5, None, math.nan]) == {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert band([]) == {"mean": None, "low": None, "high": None, "n": 0}
    found = gain({0: 1.0, 1: 2.0, 2: None, 3: 4.0}, {0: 0.5, 1: 1.4, 2: 1.0, 4: 1.0})
    assert found["n"] == 2
    assert found["mean"] == pytest.approx(0.55)


def test_the_interval_of_a_share_stays_between_0_and_1():
    assert band([0.4, 1.0, 0.9], "agreement")["high"] == 1
    assert band([0.0, 0.0, 0.01], "ece")["low"] == 0
    assert band([0.4, 1.0, 0.9], "kl")["high"] > 1
    assert difference([0.0, 0.0, 0.01])["low"] < 0
    corrected = band([-0.01, -0.03, 0.01], "squared_bias")
    assert corrected["low"] <= corrected["mean"] <= corrected["high"]


def test_equal_differences_of_few_seeds_are_not_beyond_noise():
    assert not difference([0.001] * 3)["beyond_noise"]
    assert difference([0.001] * 4)["beyond_noise"]
    assert not difference([0.0] * 8)["beyond_noise"]


def test_cells_that_a_spreadsheet_would_run_are_neutralised():
    rows = [{"=name": "=1+1", "b": "-2", "c": -2.5, "d": None, "e": "+x", "f": '@SUM("a,b")'}]
    assert to_csv(rows) == '\'=name,b,c,d,e,f\n\'=1+1,\'-2,-2.5,,\'+x,"\'@SUM(""a,b"")"\n'
    assert to_csv([]) == ""


@pytest.fixture(params=["logits", "probabilities"])
def repeats(request):
    rng = np.random.default_rng(5)
    base = rng.normal(size=(60, 3)) * 2
    teachers = base + rng.normal(size=(4, 5, 60, 3))
    student, twin = base + rng.normal(size=(2, 1, 5, 60, 3)) * 0.5
    return Repeats(
        *(part.astype(np.float32) for part in (teachers, student, twin)),
        rng.integers(3, size=60),
        request.param,
    )


def jackknife(statistic, n):
    whole = statistic(list(range(n)))
    without = [statistic([r for r in range(n) if r != left_out]) for left_out in range(n)]
    return [n * whole - (n - 1) * value for value in without]


def members(repeats, model):
    """Return logits of each slot of a group, (R, n, n_classes), made without the study's code."""
    if model == "ensemble" and repeats.combine == "probabilities":
        return [np.log(softmax(repeats.teachers.astype(float), -1).mean(0))]
    if model == "ensemble":
        return [repeats.teachers.astype(float).mean(0)]
    return list(repeats.teachers if model == "teacher" else getattr(repeats, model))


def unbiased(proba, y):
    """Return squared bias and variance as if of endlessly many repeats."""
    variance = proba.var(0, ddof=1).sum(-1).mean()
    loss = ((proba - np.eye(proba.shape[-1])[y]) ** 2).sum(-1).mean()
    return loss - variance, variance


def churn(labels):
    """Return the share of predictions that differ, over all pairs of models, one by one."""
    return np.mean([(a != b).mean() for a, b in itertools.combinations(labels, 2)])


@pytest.mark.parametrize("model", GROUPS)
def test_group_figures_equal_the_jackknife_of_single_metrics(repeats, model):
    slots = members(repeats, model)
    found = stability.summarise(repeats)["groups"][model]

    def mean_over_slots(metric):
        return lambda chosen: np.mean([metric(slot[chosen]) for slot in slots])

    expected = {
        "churn": mean_over_slots(lambda z: churn(z.argmax(-1))),
        "seed_variance": mean_over_slots(lambda z: spread.diversity(z).mean()),
        "squared_variance": mean_over_slots(lambda z: unbiased(softmax(z, -1), repeats.y)[1]),
        "squared_bias": mean_over_slots(lambda z: unbiased(softmax(z, -1), repeats.y)[0]),
    }
    for name, statistic in expected.items():
        reference = band(jackknife(statistic, repeats.n))
        assert found[name]["mean"] == pytest.approx(reference["mean"], rel=1e-6, abs=1e-9), name
        for end in ("low", "high"):
            assert found[name][f"seeds_{end}"] == pytest.approx(reference[end], rel=1e-6, abs=1e-9)
        # Other rows are one more source of chance.
        assert found[name]["low"] <= reference["mean"] <= found[name]["high"]
    # For a mean over pairs the correction changes nothing.
    assert found["churn"]["mean"] == pytest.approx(expected["churn"](range(repeats.n)))
    parts = [spread.zero_one_bias_variance(slot.argmax(-1), repeats.y) for slot in slots]
    assert found["zero_one_bias"] == pytest.approx(np.mean([part.bias for part in parts]))


def test_differences_are_paired_by_repeat(repeats):
    summary = stability.summarise(repeats)
    (student,), (twin,) = members(repeats, "student"), members(repeats, "twin")
    pseudo = [
        jackknife(lambda chosen, z=z: churn(z[chosen].argmax(-1)), repeats.n)
        for z in (student, twin)
    ]
    expected = difference(np.subtract(*pseudo).tolist())
    found = next(
        d for d in summary["differences"] if (d["model"], d["minus"]) == ("student", "twin")
    )
    assert found["churn"]["mean"] == pytest.approx(expected["mean"])
    for end in ("low", "high"):
        assert found["churn"][f"seeds_{end}"] == pytest.approx(expected[end])


def test_the_ledger_balances(repeats):
    found = stability.ledger(repeats)
    assert found["residual"] < 1e-12
    assert found["teacher"]["mean"] == pytest.approx(
        found["ensemble"]["mean"] + found["diversity"]["mean"]
    )
    broken = copy.copy(repeats)
    object.__setattr__(broken, "y", (repeats.y + 1) % 3)
    assert stability.ledger(broken)["teacher"]["mean"] != pytest.approx(found["teacher"]["mean"])


def test_uncertainty_is_split_per_repeat(repeats):
    found = stability.uncertainty(repeats)
    split = spread.uncertainty(softmax(repeats.teachers[:, 0].astype(float), -1))
    assert found["total"]["n"] == repeats.n
    assert found["total"]["mean"] == pytest.approx(
        found["data"]["mean"] + found["knowledge"]["mean"]
    )
    mean = softmax(repeats.teachers.astype(float).mean(0), -1)
    if repeats.combine == "probabilities":
        mean = softmax(repeats.teachers.astype(float), -1).mean(0)
    entropy = -(mean * np.log(mean)).sum(-1).mean()
    assert found["own"]["mean"] == pytest.approx(entropy)
    assert found["own_excess"]["mean"] == pytest.approx(found["student"]["mean"] - entropy)
    (alone,) = (Repeats(*(part[:, :1] for part in parts(repeats)), repeats.y),)
    assert stability.uncertainty(alone)["total"]["mean"] == pytest.approx(split.total.mean())


def parts(repeats):
    return repeats.teachers, repeats.student, repeats.twin


@pytest.mark.parametrize("n", [1, 2])
def test_few_repeats_have_figures_but_no_intervals(repeats, n):
    few = Repeats(*(part[:, :n] for part in parts(repeats)), repeats.y, repeats.combine)
    summary = stability.summarise(few)
    churn = summary["groups"]["student"]["churn"]
    assert (churn["low"], churn["high"]) == (None, None)
    assert (churn["mean"] is None) == (n == 1)
    assert not any(d["churn"]["beyond_noise"] for d in summary["differences"])
    assert (stability.rows(few, range(n))[0]["flips"] is None) == (n == 1)


def test_intervals_of_churn_cover_the_truth():
    rng = np.random.default_rng(2)
    base = rng.normal(size=300) * 2.5

    def drawn(n):
        z = base + rng.normal(size=(n, 300)) * 0.6
        return np.stack([z, -z], -1)[None]

    share = (drawn(2000)[0].argmax(-1) == 1).mean(0)
    truth = (2 * share * (1 - share)).mean()
    covered = 0
    n = 60
    for _ in range(n):
        models = drawn(8)
        few = Repeats(models, models, models, np.zeros(300, dtype=int))
        found = stability.summarise(few)["groups"]["student"]["churn"]
        covered += found["low"] <= truth <= found["high"]
    assert n - covered <= at_most(0.08, n)


def test_ledger_of_one_repeat_claims_nothing():
    one = {"mean": 0.5, "low": None, "high": None, "n": 1, "beyond_noise": False}
    names = ("teacher", "ensemble", "diversity", "student", "twin", "student_gap", "gain")
    said = answers.ledger({**{name: one for name in names}, "residual": 1e-16})
    assert "cannot be told from the ensemble's" in said
    assert "cannot be told from the student's" in said


# The answers about one picture

SPREAD = np.linspace(-0.01, 0.01, 8)


@pytest.mark.parametrize(
    ("gains", "alpha", "expected", "not_said"),
    [
        (0.05 + SPREAD, 0.5, "**raises** agreement on test data (+5.00 points", "lowers"),
        (-0.05 + SPREAD, 0.5, "**lowers** agreement on test data (-5.00 points", "raises"),
        (0.001 + SPREAD, 0.5, "**no difference** in agreement", "raises"),
        (0.002 + 0 * SPREAD, 0.5, "**no difference** in agreement", "raises"),
        (np.array([0.05]), 0.5, "1,000, one ensemble: **no difference**", "raises"),
        (0.05 + SPREAD, 0.0, "its own twin: there is nothing to compare", "points"),
    ],
)
def test_the_gain_over_the_twin_follows_its_interval(gains, alpha, expected, not_said):
    twin = np.tile(np.arange(1000) < 900, (len(gains), 1))
    student = np.arange(1000) < np.rint(1000 * (0.9 + gains))[:, None]
    said = picture_answers.describe_gain(student, twin, alpha)
    assert expected in said
    assert not_said not in said


def meter(ensemble, student, outside=0.0):
    """Return a meter of ten points of which so many lie on their own colour."""
    own_colour = np.arange(10) < np.array([[ensemble], [student]])
    return Meter(own_colour, np.arange(10.0), 1.0, outside)


@pytest.mark.parametrize(
    ("counts", "one_colour", "expected"),
    [
        ((10, 9), 0.5, "**Yes, for nearly all points.** Of 10 test points shown, **10 (100%)**"),
        ((8, 7), 0.5, "**Only in part.** Of 10 test points shown, **8 (80%)**"),
        ((7, 6), 0.5, "**No, not point by point.**"),
        ((7, 6), 0.7, "**No: not better than a single colour.**"),
        ((8, 7), 0.8, "**No: not better than a single colour.**"),
        # Most points have one answer anyhow: a large share is no merit of the plane.
        ((9, 9), 0.96, "**No: not better than a single colour.**"),
        ((10, 10), 1.0, "**Yes, for nearly all points.**"),
        # The student alone can spoil the picture.
        ((10, 8), 0.5, "**Only in part.**"),
    ],
)
def test_the_truth_of_a_slice_follows_the_counts(counts, one_colour, expected):
    said = picture_answers.judge_slice(meter(*counts), one_colour)
    assert said.startswith(expected)
    assert f"; one colour everywhere would reach {one_colour:.0%}." in said
    assert "standard deviations" not in said
    assert "leaves the data" not in said


def test_a_distance_stands_beside_what_is_usual():
    said = picture_answers.describe_distance([1.0, 3.6, 9.0], 20)
    assert said.startswith("Half of the test points lie more than 3.6 standard deviations off")
    assert "independent features would give about 4.2 on any plane" in said
    assert "over all 20 features" in said


def test_nothing_lies_off_a_plane_of_two_features():
    said = picture_answers.describe_distance([1e-16, 0.0], 2)
    assert "0.0" not in said
    assert "no point lies off any plane" in said


@pytest.mark.parametrize(
    ("right", "expected"), [(982, "**18 of 1000** test points (1.8%)"), (400, "(60.0%)")]
)
def test_a_colour_is_wrong_for_as_many_points_as_were_counted(right, expected):
    said = picture_answers.describe_own_colour(right, 1000)
    assert expected in said
    assert "often" not in said


def test_the_slice_view_says_what_its_models_do_not_see():
    said = picture_answers.describe_slice_view(20, 0.974, own_data=False)
    assert said == (
        "**Models here see 2 of 20 directions** (slice view); with all features the ensemble "
        "reaches 97.4% of the test data."
    )
    unknown = picture_answers.describe_slice_view(7, None, own_data=True)
    assert unknown.startswith("**7 features became 2 coordinates** (slice view); ")
    assert "%" not in unknown


def test_a_plane_that_leaves_the_data_is_not_trusted():
    said = picture_answers.judge_slice(meter(10, 10, outside=0.5), 0.5)
    assert said.startswith("**Only in part.**")
    assert "**The plane leaves the data**: 50% of its directions" in said


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((10, 9), None),
        ((10, 8), ["for 20% of the points"]),
        ((10, 10, 0.5), ["part of it shows where there is no data"]),
        ((7, 10, 0.5), ["for 30% of the points", " and part of it shows where there is no data."]),
    ],
)
def test_the_warning_names_its_reasons(numbers, expected):
    said = picture_answers.warn(meter(*numbers))
    assert (said is None) == (expected is None)
    assert all(reason in said for reason in expected or ())
    # A reason that does not hold is not named.
    assert said is None or ("of the points" in said) == (min(numbers[:2]) < 9)


@pytest.mark.parametrize(
    ("gains", "expected", "can_be_told"),
    [
        (0.05 + SPREAD, "(+5.0 points, plane by plane [+4", True),
        (-0.05 + SPREAD, "(-5.0 points, plane by plane [-5", True),
        (0.001 + SPREAD, "(+0.1 points, plane by plane [-", False),
        (np.array([0.05]), "(+5.0 points, plane by plane [", False),
    ],
)
def test_the_sentence_about_random_planes_follows_the_gain(gains, expected, can_be_told):
    twin = np.full(len(gains), 0.8)
    said = picture_answers.describe_random_planes(twin + gains, twin, np.full(len(gains), 0.7))
    assert said.startswith(f"On {len(gains)} random planes the student reproduces ")
    assert expected in said
    assert ("no difference can be told" not in said) == can_be_told
    assert "student and twin agree on 70.0%" in said


def test_what_a_picture_cannot_show_is_said():
    say = picture_answers.describe_places
    assert say(0.5, 360, {"a": (3, 60), "b": (0, 9)}) == ""
    assert say(0.95, 360, {}).startswith("95% of the 360 test rows lie at one place")
    assert (
        say(0.0, 840, {"usual": (4, 800), "fraud": (3, 4)}) == "3 of 4 rows of fraud lie outside."
    )
