"""The study "worth": its figures beside independent ones, and a problem for each verdict."""

import json

import numpy as np
import pytest
import torch

from distill_core import jobs, studies, uploads
from distill_core.__main__ import main
from distill_core.data.datasets import Table
from distill_core.data.tables import Prepared
from distill_core.geometry.problems import load_problem
from distill_core.jobs.rivals import fit_rivals, refit_rival
from distill_core.learning import losses, rivals, training
from distill_core.learning.networks import Stack
from distill_core.specs import EnsembleSpec, ProblemSpec, SpecError, StudentSpec
from distill_core.store import Store
from distill_core.studies import WorthSpec, command, runner, worth
from tests import tiny

SHORT = tiny.schedule(2, batch_size=256, learning_rate=2e-2)
ENSEMBLE = tiny.teachers(n_members=3, schedule=tiny.schedule(2, batch_size=256, shape="constant"))
WORTH = WorthSpec(student=StudentSpec(ensemble=ENSEMBLE, width=8, schedule=SHORT), n_seeds=5)
MODELS = {
    *("student", "twin", "ensemble", "best-teacher", "nearest-teacher", "teachers-1"),
    *("teachers-2", "logistic", "tree", "forest"),
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("worth"))
    return store, studies.run(WORTH, store)


def test_rows_are_one_per_model_and_seed_and_go_through_json(done):
    study = done[1]
    assert {row["model"] for row in study.rows} == MODELS
    assert len({(row["model"], row["seed"]) for row in study.rows}) == len(study.rows) == 10 * 5
    assert not study.partial
    found = json.loads(json.dumps(study.to_json(1.0), allow_nan=False))
    assert WorthSpec(**found["spec"]) == WORTH
    assert found["summary"]["verdict"]["kind"] in ("distil", "use", "unknown")
    assert runner.look(WORTH, done[0]).answer == study.answer
    assert study.to_csv().splitlines()[0].startswith("model,seed,accuracy,agreement,bytes")


def test_teachers_rows_equal_those_of_their_logits(done):
    store, study = done
    arrays = store.get("ensemble", ENSEMBLE.digest).arrays
    problem = load_problem(ENSEMBLE.problem)
    y_train, y = problem.y_train.numpy(), problem.y_test.numpy()
    train, test = arrays["train_logits"], arrays["test_logits"]
    whole = test.mean(0).argmax(-1)
    best = max(range(3), key=lambda m: (train[m].argmax(-1) == y_train).mean())
    near = max(range(3), key=lambda m: (train[m].argmax(-1) == train.mean(0).argmax(-1)).mean())
    expected = {
        "ensemble": whole,
        "best-teacher": test[best].argmax(-1),
        "nearest-teacher": test[near].argmax(-1),
        "teachers-2": test[:2].mean(0).argmax(-1),
    }
    for model, labels in expected.items():
        (row,) = [row for row in study.rows if (row["model"], row["seed"]) == (model, 0)]
        assert row["accuracy"] == (labels == y).mean()
        assert row["agreement"] == (labels == whole).mean()


def test_students_and_their_twins_equal_those_trained_alone(done):
    store, study = done
    logits = torch.from_numpy(store.get("ensemble", ENSEMBLE.digest).arrays["train_logits"])
    problem = load_problem(ENSEMBLE.problem)
    for model, alpha in (("student", 0.7), ("twin", 0.0)):
        spec = WORTH.student.replace(alpha=alpha, seed=4)
        alone = training.fit_students([spec], problem.X_train, problem.y_train, logits)
        labels = alone.logits(problem.X_test)[0].argmax(-1)
        (row,) = [row for row in study.rows if (row["model"], row["seed"]) == (model, 4)]
        assert row["accuracy"] == (labels == problem.y_test).double().mean()
        assert row["parameters"] == alone.n_parameters
        assert row["bytes"] == 4 * alone.n_parameters


def test_what_is_fitted_again_answers_as_what_was_stored(done):
    store, _ = done
    kept = store.get("rivals", WORTH.rivals.digest)
    X = load_problem(ENSEMBLE.problem).X_test.numpy()
    for name in ("logistic", "tree", "forest"):
        assert (refit_rival(WORTH.rivals, kept, name).predict(X) == kept.arrays[name][0]).all()


def test_a_run_that_was_stopped_goes_on_and_gives_the_same(done, store):
    store_of_all, study = done
    for task in worth.tasks(WORTH)[:4]:
        task.job(task.spec, store)
    half = runner.look(WORTH, store)
    assert half.partial
    assert half.verdict.said.startswith("Partial, ")
    assert "verdict" not in half.to_json(0)["summary"]
    assert studies.run(WORTH, store).rows == study.rows
    fit_rivals(WORTH.rivals, store)
    name = (fit_rivals.kind, WORTH.rivals.digest)
    for one in ("logistic", "tree", "forest"):
        assert (store.get(*name).arrays[one] == store_of_all.get(*name).arrays[one]).all()


def test_one_teacher_has_no_rivals_among_teachers(store):
    ensemble = ENSEMBLE.replace(n_members=1)
    spec = WORTH.replace(student=WORTH.student.replace(ensemble=ensemble), n_seeds=4)
    study = studies.run(spec, store)
    assert {row["model"] for row in study.rows} == MODELS - {
        *("best-teacher", "nearest-teacher", "teachers-1", "teachers-2")
    }
    assert study.summary["verdict"]["n_rivals"] == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"student": StudentSpec(seed=3)}, "give seed 0, got 3"),
        ({"n_seeds": 0}, "n_seeds should be"),
        ({"tolerance": 0.0}, "tolerance should be"),
    ],
)
def test_what_cannot_be_studied_gets_a_sentence(changes, said):
    with pytest.raises(SpecError, match=said):
        WORTH.replace(**changes)


def test_alpha_0_has_nothing_to_compare():
    with pytest.raises(SpecError, match="alpha above 0"):
        worth.tasks(WORTH.replace(student=WORTH.student.replace(alpha=0.0)))


def plant(store, X, y):
    """Return the problem of a table that was made for it."""
    names = tuple(f"x{i}" for i in range(X.shape[1]))
    table = Table(X.astype(np.float32), y.astype(np.int64), names, ("no", "yes"))
    dataset = uploads.keep(store, Prepared(table, ()))
    return ProblemSpec(dataset=dataset, plane=None)


def plant_teachers(store, spec, labels_of):
    """Put an ensemble whose teachers learned other labels: `labels_of(X, y, member)`."""
    problem = load_problem(spec.problem)
    X, y = problem.X_train, problem.y_train
    stack = Stack.joined(
        [
            training.fit_ensemble(spec, X, labels_of(X, y, member), members=[member])
            for member in range(spec.n_members)
        ]
    )
    logits = {
        "train_logits": stack.logits(X).numpy(),
        "test_logits": stack.logits(problem.X_test).numpy(),
    }
    store.put(jobs.train_ensemble.kind, spec.digest, {**stack.to_arrays(), **logits}, {})


def crossing(generator, n=3000):
    """Return inputs and labels that no line and no small tree can tell apart."""
    X = generator.normal(size=(n, 4))
    turned = X @ np.linalg.qr(generator.normal(size=(4, 4)))[0]
    return X, (turned[:, 0] * turned[:, 1] > 0).astype(int)


def decide(store, ensemble, **student):
    return studies.run(
        WorthSpec(student=StudentSpec(ensemble=ensemble, **student), n_seeds=6), store
    )


LARGE = {"n_members": 2, "hidden": (64, 64)}


def test_a_linear_problem_is_for_logistic_regression(store, monkeypatch):
    # Trees of a hundred features take long, and are nowhere near here.
    monkeypatch.setattr(rivals, "_FORESTS", (4,))
    monkeypatch.setattr(rivals, "_MAX_ROWS", 600)
    generator = np.random.default_rng(0)
    X = generator.normal(size=(4000, 100))
    y = X @ generator.normal(size=100) > 0
    y = np.where(generator.random(4000) < 0.15, ~y, y)
    ensemble = EnsembleSpec(
        problem=plant(store, X, y),
        n_members=2,
        hidden=(64,),
        dropout=0.0,
        schedule=tiny.schedule(12, learning_rate=3e-3),
    )
    found = decide(store, ensemble)
    assert found.answer.said.startswith("Use logistic regression instead.")


def test_one_strong_among_weak_teachers_is_to_be_used_alone(store):
    X, y = crossing(np.random.default_rng(0))
    ensemble = EnsembleSpec(
        problem=plant(store, X, y),
        n_members=4,
        hidden=(64, 64),
        schedule=tiny.schedule(12, learning_rate=3e-3),
    )
    # All but one have half of the space the wrong way round.
    plant_teachers(
        store,
        ensemble,
        lambda X, y, member: y if member == 2 else torch.where(X[:, 0] > 0, 1 - y, y),
    )
    found = decide(store, ensemble, width=4)
    assert found.answer.said.startswith("Use the best single teacher instead.")


def test_the_default_student_wins_where_teachers_know_more_than_the_labels(store):
    generator = np.random.default_rng(0)
    X, truth = crossing(generator)
    y = np.where(generator.random(len(truth)) < 0.25, 1 - truth, truth)
    ensemble = EnsembleSpec(
        problem=plant(store, X, y), **LARGE, schedule=tiny.schedule(20, learning_rate=3e-3)
    )
    scaled = torch.from_numpy(((X - X.mean(0)) / X.std(0)).astype(np.float32))

    def know(rows, _, member):
        return torch.from_numpy(truth)[torch.cdist(rows, scaled).argmin(1)]

    plant_teachers(store, ensemble, know)
    found = decide(store, ensemble)
    assert found.answer.said.startswith("Distil.")


def test_pure_noise_cannot_be_told(store):
    generator = np.random.default_rng(0)
    problem = plant(store, generator.normal(size=(2000, 4)), generator.integers(0, 2, 2000))
    ensemble = EnsembleSpec(problem=problem, **LARGE, schedule=tiny.schedule(3))
    found = decide(store, ensemble)
    assert found.answer.said.startswith("Cannot be told from these rows.")


def test_the_command_prints_verdict_and_costs(done, monkeypatch, capsys):
    store, study = done
    monkeypatch.setattr(command, "Store", lambda: store)
    monkeypatch.setattr(command, "read_spec", lambda arguments, dataset: WORTH)
    main(["study", "worth", "--price", "0.5"])
    printed = capsys.readouterr().out
    assert printed.startswith(study.answer.said)
    for word in ("logistic regression", "one thread", "cases a second", "price, million"):
        assert word in printed
    main(["study", "worth", "--json", "--price", "0.5"])
    found = json.loads(capsys.readouterr().out)
    models = {one["model"]: one for one in found["measured"]["models"]}
    assert MODELS - set(models) == {"twin", "best-teacher", "nearest-teacher"}
    student = models["student"]
    assert student["price"] == pytest.approx(0.5 / 3600 * 1e6 / student["throughput"])
    # A time is no function of a spec.
    kept = [path.read_text() for path in store.root.rglob("*.json")]
    assert not [text for text in kept if "median_seconds" in text or "throughput" in text]


@pytest.mark.parametrize("price", ["0", "-1", "abc", "nan", "inf", ""])
def test_a_price_that_is_none_gets_a_sentence(price, capsys, monkeypatch, store):
    monkeypatch.setattr(command, "Store", lambda: store)
    with pytest.raises(SystemExit):
        main(["study", "worth", f"--price={price}"])
    said = capsys.readouterr().err
    assert "should be a number above 0" in said
    assert f"got '{price}'" in said


def test_soft_targets_are_those_of_the_losses(done):
    """What "the first n teachers" answer is the ensemble's own rule, for both ways to combine."""
    arrays = done[0].get("ensemble", ENSEMBLE.digest).arrays["test_logits"]
    for combine in ("logits", "probabilities"):
        spec = ENSEMBLE.replace(combine=combine)
        target = losses.soft_targets(torch.from_numpy(arrays[:2]), 1.0, combine)
        assert (worth._combine(spec, arrays[:2]) == target.argmax(-1).numpy()).all()
