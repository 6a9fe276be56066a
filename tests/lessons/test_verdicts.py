"""What a step may say: fed with data under which its claim fails, it does not make it."""

import numpy as np
import pytest

from distill_core import jobs, lessons
from distill_core.lessons import evidence, verdicts
from distill_core.lessons.kinds import KINDS, TRIED_ALPHAS, TRIED_WIDTHS
from distill_core.measures.intervals import crossed_interval
from distill_core.specs import ReplicatesSpec
from distill_core.studies import sufficiency
from tests.lessons.small import small_lesson

LESSON = lessons.load(lessons.DEFAULT)
STEPS = {step.name: step for step in LESSON.step}
UP = {"mean": 0.02, "low": 0.01, "high": 0.03, "n": 8, "n_rows": 1000, "beyond_noise": True}
DOWN = {**UP, "mean": -0.02, "low": -0.03, "high": -0.01}
NOISE = {**UP, "mean": 0.001, "low": -0.01, "high": 0.012, "beyond_noise": False}
# One seed: no interval, whatever the mean.
ONE = {**UP, "low": None, "high": None, "n": 1, "beyond_noise": False}
# Fewer than four equal seeds: an interval of no length is no proof.
EQUAL = {**UP, "low": 0.02, "high": 0.02, "n": 3, "beyond_noise": False}
LOSES = {**UP, "mean": 0.02, "low": 0.015, "high": 0.025}
KEEPS = {**UP, "mean": 0.001, "low": -0.001, "high": 0.004}


def feed(kind, band):
    """Return what `look` would find if every difference of a step were this one."""
    if kind in ("gain", "noise", "temperature", "line"):
        return {"difference": band, "student": 0.98, "twin": 0.97, "first": 0.05}
    if kind == "alpha":
        return {"alphas": [{"alpha": alpha, "difference": band} for alpha in TRIED_ALPHAS]}
    if kind in ("width", "size"):
        gains = {"agreement": NOISE, "accuracy": NOISE}
        entries = [
            {"width": w, "parameters": 10 * w, "compression": 9e3 / w, "loss": band, "gain": gains}
            for w in TRIED_WIDTHS
        ]
        return sufficiency.decide({"tolerance": 1.0, "n_seeds": 8, "widths": entries})
    if kind in ("steady", "keeps"):
        pairs = (("ensemble", "teacher"), ("student", "twin"))
        names = ("teacher", "ensemble", "student", "twin")
        return {
            "groups": {name: {"churn": {"mean": 0.05}} for name in names},
            "differences": [{"model": a, "minus": b, "churn": band} for a, b in pairs],
        }
    return {"uncertainty": {"total": {**UP, "mean": 0.1}, "knowledge": band}}


# By kind, data under which each outcome is reached.
REACHED = {
    **{k: {"above": UP, "below": DOWN} for k, one in KINDS.items() if "above" in one.outcomes},
    "alpha": {"found": UP},
    "width": {"found": KEEPS},
    "size": {"found": KEEPS},
    "knowledge": {"found": UP},
}
FAILS = [
    (name, band)
    for name, step in STEPS.items()
    for band in (
        (LOSES, ONE, EQUAL)
        if step.kind in ("width", "size")
        else (NOISE, ONE, EQUAL)
        if step.kind != "alpha"
        else (NOISE, ONE, DOWN)
    )
]


def write(step, found, language):
    verdict = lessons.judge(step, found)
    return verdict, lessons.write(step, verdict, language, LESSON.languages[language])


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("name", "band"), FAILS)
def test_a_step_whose_claim_fails_does_not_make_it(name, band, language):
    step = STEPS[name]
    verdict, said = write(step, feed(step.kind, band), language)
    assert verdict.outcome == KINDS[step.kind].outcomes[-1] == "untold"
    assert verdict.truth is None
    for outcome, claim in step.text[language].claims.items():
        # Every claim's last words are its own.
        assert said.endswith(claim.rsplit("}", 1)[-1]) == (outcome == "untold")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_makes_the_claim_that_its_interval_carries(name, language):
    step = STEPS[name]
    for outcome, band in REACHED[step.kind].items():
        verdict, said = write(step, feed(step.kind, band), language)
        assert verdict.outcome == outcome
        assert said.endswith(step.text[language].claims[outcome].rsplit("}", 1)[-1])
        assert "{" not in said
        assert "?" not in said


def test_numbers_are_written_in_the_language():
    step = STEPS["targets"]
    found = {"difference": UP, "student": 0.98765, "twin": 0.97, "first": 0.05}
    assert "98.8% of" in write(step, found, "en")[1]
    assert "98,8 % der" in write(step, found, "de")[1]
    assert verdicts.localise("1,234.5", ",") == "1.234,5"


def test_alpha_is_read_from_the_largest_down_and_the_first_failure_ends_it():
    found = feed("alpha", UP)
    found["alphas"][2]["difference"] = NOISE
    assert lessons.judge(STEPS["alpha"], found).truth == TRIED_ALPHAS[3]
    found["alphas"][-1]["difference"] = NOISE
    assert lessons.judge(STEPS["alpha"], found).outcome == "untold"


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", STEPS)
def test_every_prediction_is_set_beside_what_happened(name, language):
    step, words = STEPS[name], lessons.choose_words(language)
    for band in (UP, DOWN, NOISE, KEEPS, LOSES):
        verdict = lessons.judge(step, feed(step.kind, band))
        of = LESSON.languages[language]
        said = {
            guess: lessons.compare(step, verdict, guess, language, of, words)
            for guess in lessons.list_guesses(step)
        }
        assert not any("{" in one for one in said.values())
        agreed = [
            guess
            for guess, one in said.items()
            if "That is what the runs show" in one
            or "exactly what" in one
            or "Genau das" in one
            or "lies within" in one
            or "liegt im" in one
        ]
        if KINDS[step.kind].by_choice:
            assert agreed == [verdict.outcome]
        elif verdict.between is not None:
            low, high = verdict.between
            assert agreed == [g for g in said if low <= float(g) <= high]
        else:
            assert agreed == [g for g in said if float(g) == verdict.truth]


def test_a_number_that_is_not_offered_is_no_prediction():
    assert lessons.is_guess(STEPS["size"], "16")
    for text in ("17", "24", "nan", "1e99", "", "above", "16 ", "０"):
        assert not lessons.is_guess(STEPS["size"], text)
    assert lessons.is_guess(STEPS["targets"], "above")
    assert not lessons.is_guess(STEPS["targets"], "found")


def test_what_is_measured_is_that_of_single_trainings(store, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(small_lesson(), encoding="utf-8")
    step = next(step for step in lessons.read(path).step if step.kind == "gain")
    assert lessons.look(step, store) is None
    for task in lessons.list_tasks(step):
        task.job(task.spec, store)
    found = lessons.look(step, store)
    spec = ReplicatesSpec(student=step.picture.student, n_seeds=evidence.N_SEEDS)
    jobs.train_replicates(spec, store)
    arrays = store.get("replicates", spec.digest).arrays
    problem = step.picture.student.ensemble.problem
    ours, twins = (
        jobs.read_hits(arrays[f"{who}_hits"], problem).astype(int) for who in ("student", "twin")
    )
    expected = crossed_interval(ours - twins)
    np.testing.assert_allclose(
        [found["difference"][end] for end in ("mean", "low", "high")],
        [expected.mean, expected.low, expected.high],
    )
    assert found["student"] == pytest.approx(ours.mean())
    assert all(task.done(store) for task in lessons.list_tasks(step))
