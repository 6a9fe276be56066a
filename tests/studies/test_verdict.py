"""Is it worth it? The rule on tables of hits, and every sentence that it can end in."""

import numpy as np
import pytest

from distill_core.learning.rivals import Size
from distill_core.specs import EnsembleSpec, StudentSpec
from distill_core.studies import WorthSpec, answers, verdict, worth

N_SEEDS, N_ROWS = 8, 300
# By model its bytes; the student has 1,000.
BYTES = {
    "student": 1000,
    "twin": 1000,
    "ensemble": 120_000,
    "best-teacher": 10_000,
    "nearest-teacher": 10_000,
    **{worth.name_teachers(n): 10_000 * n for n in range(1, 12)},
    "logistic": 50,
    "tree": 900,
    "forest": 1100,
}
# Those that do not change from seed to seed.
FIXED = {name for name in BYTES if "teacher" in name} | {"ensemble", "logistic"}


def table(seed, *, n_rows=N_ROWS, n_seeds=N_SEEDS, **accuracies):
    """Return hits by model and figure of models that find the same rows hard."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=n_rows)
    hits = {}
    for model in BYTES:
        luck = generator.normal(size=n_rows) * 0.3
        own = generator.normal(size=(1 if model in FIXED else n_seeds, n_rows)) * 0.3
        of_seed = 0.02 * generator.normal(size=(len(own), 1))
        levels = 1.0 + accuracies.get(model.replace("-", "_"), 0.0)
        right = np.broadcast_to(shared + luck + own + of_seed < levels, (n_seeds, n_rows))
        hits[model] = {name: dict(enumerate(right)) for name in worth.FIGURES}
    return hits


def summarise(hits, *, tolerance=1.0, **sizes):
    n_seeds = len(hits["student"]["accuracy"])
    n_bytes = BYTES | sizes
    of = {model: [Size(1, 1, n_bytes[model])] * n_seeds for model in hits}
    spec = WorthSpec(
        student=StudentSpec(ensemble=EnsembleSpec(n_members=12)),
        n_seeds=n_seeds,
        tolerance=tolerance,
    )
    return worth.summarise(spec, [], hits, of)


def kind(summary):
    return summary["verdict"]["kind"]


def said(summary):
    return answers.worth(summary).text


@pytest.fixture
def quick(monkeypatch):
    """Leave out the intervals that no verdict rests on: half of the time."""
    monkeypatch.setattr(worth, "cross_band", lambda values, *_: {"mean": float(values.mean())})


def test_at_most_one_in_twenty_tables_without_a_difference_makes_a_claim(quick):
    kinds = [kind(summarise(table(seed))) for seed in range(200)]
    assert sum(found != "unknown" for found in kinds) <= 10


def test_without_allowing_for_the_choice_claims_would_be_too_many(monkeypatch, quick):
    """The test before this one can fail: it does where every rival is judged alone."""
    own = worth.cross_difference
    monkeypatch.setattr(worth, "cross_difference", lambda lead, n_compared=1: own(lead))
    monkeypatch.setattr(verdict, "_ABOUT", 1e9)
    kinds = [kind(summarise(table(seed))) for seed in range(40)]
    assert sum(found != "unknown" for found in kinds) > 2


@pytest.fixture(scope="module")
def winning():
    """Return hits of a student that beats all small rivals and equals the ensemble."""
    worse = dict.fromkeys(("twin", "logistic", "tree", "forest"), -0.4)
    hits = table(1, n_rows=1000, **worse)
    return {**hits, "ensemble": take_majority(hits["student"])}


def take_majority(of, n_wrong=0, n_right=0):
    """Return hits like those of most seeds, with some rows changed."""
    rows = np.mean(list(of["accuracy"].values()), axis=0) > 0.5
    rows[np.flatnonzero(rows)[:n_wrong]] = False
    rows[np.flatnonzero(~rows)[:n_right]] = True
    return {name: dict.fromkeys(range(N_SEEDS), rows) for name in worth.FIGURES}


def test_distil(winning):
    summary = summarise(winning)
    assert kind(summary) == "distil"
    words = said(summary)
    assert words.startswith("Distil. The student is shown to be more accurate than every rival")
    for name in ("its twin taught without the teachers", "logistic regression", "a small forest"):
        assert name in words
    assert "to lose less than 1 point against the ensemble, which has 120 times its bytes" in words
    assert "other random starts than these 8 and other rows like these 1,000" in words
    assert "Not claimed" in words


@pytest.mark.parametrize("rival", ["twin", "logistic", "tree", "forest"])
def test_one_small_rival_that_is_not_beaten_takes_distil_back(winning, rival):
    summary = summarise({**winning, rival: winning["student"]})
    assert kind(summary) == "unknown"
    words = said(summary)
    assert words.startswith("Cannot be told from these rows. The student is not shown to be more")
    assert f"more accurate than {answers.name_model(rival)}." in words
    assert "against the ensemble" not in words.partition(". ")[2].partition(".")[0]


def test_a_loss_against_the_ensemble_takes_distil_back(winning):
    better = take_majority(winning["student"], n_right=15)
    summary = summarise({**winning, "ensemble": better})
    assert kind(summary) == "unknown"
    assert "The student is not shown to lose less than 1 point against the ensemble." in said(
        summary
    )
    assert kind(verdict.decide(summary, 5.0)) == "distil"
    assert "lose less than 5 points" in said(verdict.decide(summary, 5.0))


def test_use_a_small_rival_that_is_better(winning):
    summary = summarise(table(2, n_rows=1000, logistic=0.4))
    assert (kind(summary), summary["verdict"]["model"]) == ("use", "logistic")
    words = said(summary)
    assert words.startswith("Use logistic regression instead. It is shown to be more accurate")
    assert "and has 50 bytes where the student has 1.0 KB." in words
    assert "with the choice among 18 rivals allowed for" in words


def test_use_a_larger_rival_only_for_more_than_the_tolerance():
    hits = table(3, n_rows=1000, best_teacher=0.4)
    summary = summarise(hits)
    assert (kind(summary), summary["verdict"]["model"]) == ("use", "best-teacher")
    words = said(summary)
    assert words.startswith("Use the best single teacher instead.")
    assert "more than the 1 point that may be lost for a model 10 times smaller" in words
    assert kind(verdict.decide(summary, 20.0)) == "unknown"


def test_the_whole_ensemble_may_be_what_to_use():
    summary = summarise(table(4, ensemble=0.5))
    assert said(summary).startswith("Use the whole ensemble instead.")


def test_of_those_shown_to_be_better_the_smallest_within_the_tolerance_is_named():
    better = {f"teachers_{n}": 0.4 for n in range(3, 12)}
    hits = table(5, ensemble=0.4, **better)
    # Exactly equal, so that the choice is known.
    hits |= {worth.name_teachers(n): hits["ensemble"] for n in range(3, 12)}
    assert summarise(hits)["verdict"]["model"] == "teachers-3"
    far = summarise(table(5, ensemble=0.8, **better))
    assert far["verdict"]["model"] == "ensemble"
    assert answers.name_model("teachers-3") == "the first 3 teachers"
    assert answers.name_model("teachers-1") == "the first teacher alone"


def test_what_is_safe_is_said_where_it_cannot_be_told(winning):
    equal = {**winning, "twin": winning["student"]}
    words = said(summarise(equal))
    assert "Whoever must choose now: its twin taught without the teachers, with 1.0 KB" in words
    wide = table(6, n_rows=60)
    assert "Whoever must choose now" not in said(summarise(wide))
    assert "The test data is small: with 60 rows" in said(summarise(wide))


def test_few_seeds_and_missing_models_get_no_verdict(winning):
    few = {
        model: {name: {seed: rows[seed] for seed in range(3)} for name, rows in of.items()}
        for model, of in winning.items()
    }
    assert said(summarise(few)) == (
        "Cannot be told from 3 random starts: a recommendation takes 4 or more."
    )
    part = {model: of for model, of in winning.items() if model not in ("logistic", "tree")}
    assert said(summarise(part)).startswith("No recommendation yet")


def test_cases_lost_are_those_of_the_ensemble_per_thousand(winning):
    summary = summarise(winning)
    both = [np.mean(list(winning[model]["accuracy"].values())) for model in ("ensemble", "student")]
    mean, between = answers.say_loss(summary)
    assert float(mean) == pytest.approx(1000 * (both[0] - both[1]), abs=0.06)
    low, high = (float(end) for end in between.split(" to "))
    assert low < float(mean) < high
    lead = next(e for e in summary["models"] if e["model"] == "ensemble")["lead"]
    assert (low, high) == (
        pytest.approx(-1000 * lead["high"], abs=0.06),
        pytest.approx(-1000 * lead["low"], abs=0.06),
    )


def test_the_question_is_asked_in_plain_words(winning):
    asked = answers.ask(summarise(winning))
    assert "the student (1.0 KB)" in asked
    assert "12 large networks (120 KB) that teach it" in asked
    assert answers.format_bytes(12) == "12 bytes"
    assert answers.format_bytes(2_018_400) == "2.0 MB"
