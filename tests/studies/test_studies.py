"""Studies from their specs to tables: what is trained, what is kept, what is asked again."""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from distill_core import boundaries, jobs, studies
from distill_core.__main__ import main
from distill_core.engine import Cancelled
from distill_core.geometry.problems import load_plane, load_problem, load_window
from distill_core.learning import losses, training
from distill_core.learning.networks import Stack, n_parameters
from distill_core.measures import distances, metrics
from distill_core.specs import (
    DatasetSpec,
    EnsembleSpec,
    PlaneSpec,
    ProblemSpec,
    SectionSpec,
    SpecError,
    StudentSpec,
)
from distill_core.store import Store
from distill_core.studies import (
    CapacitySpec,
    SoftnessSpec,
    VarianceSpec,
    capacity,
    command,
    maps,
    runner,
    softness,
    student_stacks,
    terminal,
    variance,
)
from tests import tiny
from tests.conftest import PROJECT

SHORT = tiny.schedule(2, batch_size=256, learning_rate=2e-2)
ENSEMBLE = tiny.teachers(n_members=3, schedule=tiny.schedule(2, batch_size=256, shape="constant"))
CAPACITY = CapacitySpec(ensemble=ENSEMBLE, widths=(8, 16), n_seeds=5, schedule=SHORT)
SOFTNESS = SoftnessSpec(
    ensemble=ENSEMBLE,
    widths=(8,),
    temperatures=(1.0, 4.0),
    alphas=(0.5, 1.0),
    n_seeds=4,
    schedule=SHORT,
)
VARIANCE = VarianceSpec(
    student=StudentSpec(ensemble=ENSEMBLE, width=8, schedule=SHORT), n_repeats=4, n_resamples=3
)
ALL = pytest.mark.parametrize(
    "spec", [CAPACITY, SOFTNESS, VARIANCE], ids=lambda s: type(s).__name__
)
FIGURES = ("agreement", "accuracy", "kl", "ece")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return the store and the results of all three studies, done in this process."""
    store = Store(tmp_path_factory.mktemp("studies"))
    return store, {type(s): studies.run(s, store) for s in (CAPACITY, SOFTNESS, VARIANCE)}


def stored(store):
    """Return every file of a store by its place, but for what was set aside."""
    return {
        str(path.relative_to(store.root)): path.read_bytes()
        for path in sorted(store.root.rglob("*"))
        if path.is_file() and "set-aside" not in path.parts
    }


def strict(value):
    return json.loads(json.dumps(value, allow_nan=False))


@ALL
def test_a_study_is_a_table_with_one_row_per_setting_and_seed(done, spec):
    study = done[1][type(spec)]
    keys = {
        CapacitySpec: ("width", "model", "seed"),
        SoftnessSpec: ("width", "temperature", "alpha", "seed"),
        VarianceSpec: ("source", "repeat", "model"),
    }[type(spec)]
    expected = {CapacitySpec: 2 * 2 * 5, SoftnessSpec: 2 * 3 * 4, VarianceSpec: (4 + 3) * 4}
    assert len({tuple(row[key] for key in keys) for row in study.rows}) == expected[type(spec)]
    assert len(study.rows) == expected[type(spec)]
    assert len({tuple(row) for row in study.rows}) == 1
    assert not study.partial
    found = strict(study.to_json(1.5))
    assert {"study", "spec", "rows", "summary", "answer", "seconds"} <= set(found)
    assert type(spec)(**found["spec"]) == spec
    assert found["rows"] == study.rows
    lines = study.to_csv().splitlines()
    assert lines[0] == ",".join(study.rows[0])
    assert len(lines) == 1 + len(study.rows)


def test_capacity_rows_equal_students_trained_alone(done):
    store, results = done
    logits = torch.from_numpy(store.get("ensemble", ENSEMBLE.digest).arrays["train_logits"])
    test_logits = torch.from_numpy(store.get("ensemble", ENSEMBLE.digest).arrays["test_logits"])
    problem = load_problem(ENSEMBLE.problem)
    target = losses.soft_targets(test_logits).numpy()
    for model, alpha in (("student", 0.7), ("twin", 0.0)):
        student = StudentSpec(
            ensemble=ENSEMBLE, width=16, alpha=alpha, seed=4, schedule=SHORT, temperature=3.0
        )
        alone = training.fit_students([student], problem.X_train, problem.y_train, logits)
        proba = torch.softmax(alone.logits(problem.X_test), -1)[0].numpy()
        (row,) = [
            row
            for row in results[CapacitySpec].rows
            if (row["width"], row["model"], row["seed"]) == (16, model, 4)
        ]
        labels, y = proba.argmax(-1), problem.y_test.numpy()
        assert row["agreement"] == (labels == target.argmax(-1)).mean()
        assert row["accuracy"] == (labels == y).mean()
        assert row["kl"] == pytest.approx(metrics.kl_divergence(target, proba), rel=1e-5)
        assert row["ece"] == pytest.approx(metrics.ece(proba, y), rel=1e-5)
        plane = load_plane(PlaneSpec(), ENSEMBLE.problem.dataset)
        window = load_window(PlaneSpec(), ENSEMBLE.problem.dataset)
        assert plane is not None
        line = boundaries.boundary_lines(boundaries.member_model(alone), window, 60)
        section = store.get("section", SectionSpec(ensemble=ENSEMBLE).digest)
        apart = distances.boundary_distance(section.arrays["lines"], line)
        assert row["distance"] == pytest.approx(apart.mean, rel=1e-3)
        assert row["hausdorff_95"] == pytest.approx(apart.hausdorff_95, rel=1e-3)


def test_capacity_summary_has_bands_gains_and_sizes(done):
    summary = done[1][CapacitySpec].summary
    assert [entry["width"] for entry in summary["widths"]] == [8, 16]
    narrow = summary["widths"][0]
    assert narrow["parameters"] == n_parameters((2, 8, 4, 2))
    assert narrow["compression"] == 3 * n_parameters((2, 16, 8, 2)) / narrow["parameters"]
    rows = done[1][CapacitySpec].rows
    by_model = {
        model: np.array([r["agreement"] for r in rows if r["width"] == 8 and r["model"] == model])
        for model in ("student", "twin")
    }
    assert narrow["student"]["agreement"]["mean"] == pytest.approx(by_model["student"].mean())
    assert narrow["gain"]["agreement"]["mean"] == pytest.approx(
        (by_model["student"] - by_model["twin"]).mean()
    )
    assert narrow["gain"]["agreement"]["n"] == 5


def test_small_multiples_have_a_line_per_seed(done):
    found = capacity.load_boundaries(CAPACITY, done[0], [16])
    assert list(found) == [16]
    student, twin = found[16]["student"], found[16]["twin"]
    assert len(student) == len(twin) == 5
    assert all(line.ndim == 2 and line.shape[1] == 2 for line in student)
    assert not np.array_equal(student[0], twin[0])


def test_the_twin_does_not_depend_on_temperature(done):
    store, results = done
    at = {
        t: [
            {**row, "temperature": 0}
            for row in results[SoftnessSpec].rows
            if row["alpha"] == 0 and row["temperature"] == t
        ]
        for t in (1.0, 4.0)
    }
    assert at[1.0] == at[4.0]
    # It is trained once, at T = 1: the same bits come out at T = 4.
    again = SOFTNESS.twins(8, (0, 1)).replace(temperature=4.0)
    student_stacks.train_students(again, store)
    trained = [
        store.get("students", spec.digest).arrays for spec in (again, SOFTNESS.twins(8, (0, 1)))
    ]
    for name, values in trained[0].items():
        np.testing.assert_array_equal(values, trained[1][name])


def test_the_ensembles_share_of_loss_and_gradient_equals_autograd():
    spec = student_stacks.StudentsSpec(ensemble=ENSEMBLE, temperature=4.0, alphas=(0.0, 0.3, 1.0))
    generator = torch.Generator().manual_seed(3)
    ensemble = torch.randn(3, 40, 4, generator=generator)
    z = torch.randn(3, 40, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(4, (40,), generator=generator)
    loss_share, gradient_share = student_stacks.ensemble_shares(z, ensemble, y, spec)
    q = torch.softmax(ensemble.double().mean(0) / 4, -1)
    for k, alpha in enumerate(spec.alphas):
        found = []
        for weight, loss in (
            (alpha, lambda a: 16 * (q * (q.log() - torch.log_softmax(a / 4, -1))).sum(-1).mean()),
            (1 - alpha, lambda a: torch.nn.functional.cross_entropy(a, y)),
        ):
            a = z[k].clone().requires_grad_()
            value = weight * loss(a)
            value.backward()
            found.append((value.item(), a.grad.norm().item()))
        (soft, soft_norm), (hard, hard_norm) = found
        assert loss_share[k] == pytest.approx(soft / (soft + hard))
        assert gradient_share[k] == pytest.approx(soft_norm / (soft_norm + hard_norm))
    assert (loss_share[0], loss_share[2]) == (0, 1)


def test_rows_tell_the_shares_at_the_start_and_at_the_end(done):
    rows = done[1][SoftnessSpec].rows
    for row in rows:
        if row["alpha"] in (0, 1):
            assert row["loss_share"] == row["first_gradient_share"] == row["alpha"]
        else:
            assert 0 < row["first_loss_share"] < 1
            assert row["first_loss_share"] != row["loss_share"]


def test_soft_targets_flatten_with_temperature():
    logits = np.random.default_rng(0).normal(size=(3, 50, 5)).astype(np.float32) * 3
    chosen = softness.pick_samples(logits)
    soft = softness.soften(logits[:, chosen], [1.0, 3.0, 20.0])
    assert soft.shape == (3, 6, 5)
    np.testing.assert_allclose(
        soft[1], torch.softmax(torch.from_numpy(logits[:, chosen].mean(0) / 3), -1), rtol=1e-5
    )
    assert (np.diff(soft.max(-1), axis=0) < 0).all(), "flatter and flatter"
    sure = softness.soften(logits, [1.0])[0].max(-1)
    assert (np.diff(sure[chosen]) <= 0).all()
    assert sure[chosen[0]] == sure.max()
    assert sure[chosen[-1]] == sure.min()


def test_variance_over_seeds_uses_the_ensembles_of_the_rest_of_the_project(done):
    store, _ = done
    for r, one in enumerate(VARIANCE.repeats("seeds")):
        shared = store.get("ensemble", ENSEMBLE.replace(seed=r).digest)
        own = store.get("repeat", one.digest)
        np.testing.assert_array_equal(own.arrays["teachers"], shared.arrays["test_logits"])
        pair = Stack.from_arrays(own.arrays).logits(load_problem(ENSEMBLE.problem).X_test)
        np.testing.assert_array_equal(own.arrays["student"], pair[0].numpy())
        np.testing.assert_array_equal(own.arrays["twin"], pair[1].numpy())


def test_resamples_are_bootstraps_and_train_on_their_own_data(done):
    store, _ = done
    first, second = (variance.draw_resample(4000, b) for b in range(2))
    np.testing.assert_array_equal(first, variance.draw_resample(4000, 0))
    assert (first != second).mean() > 0.99
    assert len(np.unique(first)) / 4000 == pytest.approx(1 - np.exp(-1), abs=0.02)
    problem = load_problem(ENSEMBLE.problem)
    X, y = problem.X_train[torch.from_numpy(second)], problem.y_train[torch.from_numpy(second)]
    teachers = training.fit_ensemble(ENSEMBLE, X, y)
    own = store.get("repeat", VARIANCE.repeats("resamples")[1].digest).arrays
    np.testing.assert_array_equal(own["teachers"], teachers.logits(problem.X_test).numpy())
    student = VARIANCE.student
    pair = training.fit_students([student, student.twin()], X, y, teachers.logits(X))
    np.testing.assert_array_equal(own["twin"], pair.logits(problem.X_test)[1].numpy())


def churn(labels):
    """Return the share of predictions that differ, over all pairs of models, one by one."""
    return np.mean([(a != b).mean() for a, b in itertools.combinations(labels, 2)])


def test_variance_tables_equal_the_metrics_of_the_stored_models(done):
    store, results = done
    study = results[VarianceSpec]
    y = load_problem(ENSEMBLE.problem).y_test.numpy()
    for source, n in (("seeds", 4), ("resamples", 3)):
        logits = [store.get("repeat", s.digest).arrays["student"] for s in VARIANCE.repeats(source)]
        labels = np.stack(logits).argmax(-1)
        part = study.summary[source]
        assert part["n"] == n
        assert part["groups"]["student"]["churn"]["mean"] == pytest.approx(churn(labels))
        assert part["ledger"]["residual"] < 1e-6
        rows = [r for r in study.rows if r["source"] == source and r["model"] == "student"]
        assert [row["accuracy"] for row in rows] == (labels == y).mean(1).tolist()
        assert np.mean([row["flips"] for row in rows]) == pytest.approx(churn(labels))


@ALL
def test_a_study_grows_task_by_task_and_says_that_it_is_partial(store, spec):
    seen = []
    tasks = runner.list_tasks(spec)
    empty = studies.look(spec, store)
    assert empty.rows == []
    assert empty.verdict.said.startswith(f"Partial, 0 of {len(tasks)} parts are done.")
    while studies.list_missing(spec, store):
        task = ready(spec, store)[0]
        task.job(task.spec, store)
        study = studies.look(spec, store)
        strict(study.to_json(0.0))
        seen.append((study.n_done, len(study.rows)))
        assert study.partial == (study.n_done < study.n_tasks)
        assert store.has("study", spec.digest) == (not study.partial)
    assert [n for n, _ in seen] == list(range(1, len(tasks) + 1))
    assert [n for _, n in seen] == sorted(n for _, n in seen)
    assert not study.verdict.said.startswith("Partial")


def ready(spec, store):
    """Return the missing tasks whose needs are met."""
    return [t for t in studies.list_missing(spec, store) if all(n.done(store) for n in t.needs)]


def test_a_page_needs_the_first_ready_tasks_only(store):
    first = ready(CAPACITY, store)
    assert {task.job.kind for task in first} == {"ensemble-part"}
    for task in first:
        task.job(task.spec, store)
    assert {task.job.kind for task in ready(CAPACITY, store)} == {"ensemble"}
    jobs.train_ensemble(ENSEMBLE, store)
    kinds = [task.job.kind for task in ready(CAPACITY, store)]
    assert kinds.index("students") == 0
    assert "boundaries" not in kinds


def test_a_task_is_submitted_once_and_after_what_it_needs(store):
    submitted = []

    class Later:
        """A job that runs when somebody waits for it."""

        finished = False
        error = None

        def __init__(self, task):
            assert all(other.done(store) for other in task.needs)
            submitted.append((task.job.kind, task.digest))
            self.task = task

        def wait(self, timeout=None):
            self.task.job(self.task.spec, store)
            self.finished = True

    studies.run(CAPACITY, store, Later)
    assert len(set(submitted)) == len(submitted) == len(runner.list_tasks(CAPACITY))


def test_parts_of_an_ensemble_that_is_there_are_not_wanted(store, done):
    artifact = done[0].get("ensemble", ENSEMBLE.digest)
    store.put("ensemble", ENSEMBLE.digest, artifact.arrays, artifact.meta)
    assert {"ensemble-part", "ensemble"}.isdisjoint(
        t.job.kind for t in studies.list_missing(SOFTNESS, store)
    )


@ALL
def test_a_second_look_reads_one_artifact(done, spec, monkeypatch):
    store, results = done
    monkeypatch.setattr(runner, "list_tasks", None)
    again = studies.look(spec, store)
    for field in dataclasses.fields(again):
        assert getattr(again, field.name) == getattr(results[type(spec)], field.name)


@ALL
def test_exports_are_the_same_fresh_and_from_the_store(done, spec):
    store, results = done
    fresh, kept = results[type(spec)], studies.look(spec, store)
    assert fresh.to_csv() == kept.to_csv()
    assert json.dumps(fresh.to_json(1.0)) == json.dumps(kept.to_json(1.0))
    assert (
        list(kept.rows[0])[:2]
        == {
            CapacitySpec: ["width", "model"],
            SoftnessSpec: ["width", "temperature"],
            VarianceSpec: ["source", "repeat"],
        }[type(spec)]
    )


@ALL
def test_a_complete_study_comes_out_of_its_parts_again_byte_by_byte(done, spec):
    store, _ = done
    before = stored(store)
    store.delete("study", spec.digest)
    assert not studies.look(spec, store).partial
    assert stored(store) == before


def test_a_look_at_an_unfinished_study_costs_little_until_something_is_new(store, monkeypatch):
    first, second = ready(VARIANCE, store)[:2]
    first.job(first.spec, store)
    before = studies.look(VARIANCE, store)
    monkeypatch.setattr(variance, "result", None)
    assert studies.look(VARIANCE, store).rows is before.rows
    monkeypatch.undo()
    second.job(second.spec, store)
    assert len(studies.look(VARIANCE, store).rows) == 2 * len(before.rows)


def test_more_seeds_train_only_the_new_ones(done):
    missing = studies.list_missing(CAPACITY.replace(n_seeds=9), done[0])
    trained = [task.spec.seeds for task in missing if task.job.kind == "students"]
    assert trained == [(4, 5, 6, 7)] * 2 + [(8,)] * 2


def test_another_tolerance_trains_nothing(done):
    assert studies.list_missing(CAPACITY.replace(tolerance=5.0), done[0]) == []


CHILD = """
import sys
from distill_core import studies
from distill_core.store import Store
from tests.studies.test_studies import CAPACITY
import torch
torch.set_num_threads(1)
studies.run(CAPACITY, Store(sys.argv[1]))
"""


def test_a_killed_study_resumes_to_the_same_bytes(store, done):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(store.root)], cwd=PROJECT)
    folder = store.root / "students"
    deadline = time.monotonic() + 120
    while not folder.exists() or not any(folder.rglob("*.json")):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    kept = studies.look(CAPACITY, store)
    assert kept.partial
    resumed = []
    studies.run(CAPACITY, store, on_progress=resumed.append)
    assert resumed[0].n_done == kept.n_done > 0
    expected = stored(done[0])
    found = stored(store)
    assert {name for name in found if name.startswith("study/")} <= set(expected)
    for name in found:
        if not name.endswith(".tmp"):
            assert found[name] == expected[name], name


@pytest.fixture
def engine(store):
    with jobs.start_engine(store, n_workers=2) as engine:
        assert engine.wait_ready(120)
        yield engine


def test_a_lost_worker_does_not_change_the_table(store, engine, done):
    killed = []

    def kill_once(progress):
        if progress.n_done >= 4 and not killed:
            killed.append(engine.worker_pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    study = studies.run(CAPACITY, store, studies.submit_to(engine, "a study"), kill_once)
    assert killed
    assert study.to_csv() == done[1][CapacitySpec].to_csv()
    index = next(name for name in stored(store) if name.startswith("study/"))
    assert stored(store)[index] == stored(done[0])[index]
    assert len(set(engine.worker_pids()) & set(killed)) == 0


def test_a_cancelled_study_keeps_what_is_done(store, engine, done):
    longer = CAPACITY.replace(n_seeds=40)

    def cancel(progress):
        if progress.n_done >= 5:
            engine.release("a study")

    with pytest.raises(Cancelled):
        studies.run(longer, store, studies.submit_to(engine, "a study"), cancel)
    study = studies.look(longer, store)
    assert study.partial
    assert study.n_done >= 5
    assert study.verdict.said.startswith("Partial")
    strict(study.to_json(1.0))


def test_a_cluster_of_two_workers_gives_the_same_table(cluster, store, done):
    with jobs.start_engine(store, scheduler=cluster.scheduler_address) as engine:
        assert engine.wait_ready(120)
        for spec in (CAPACITY, VARIANCE):
            study = studies.run(spec, store, studies.submit_to(engine, "a study"))
            assert study.to_csv() == done[1][type(spec)].to_csv()
            index = f"study/{spec.digest[:2]}/{spec.digest}.json"
            assert stored(store)[index] == stored(done[0])[index]


def test_a_damaged_part_is_made_anew(store, done):
    studies.run(SOFTNESS, store)
    store.delete("study", SOFTNESS.digest)
    part = next(t for t in runner.list_tasks(SOFTNESS) if t.job.kind == "students")
    index = store.root / "students" / part.digest[:2] / f"{part.digest}.json"
    index.write_bytes(index.read_bytes()[:-40])
    assert studies.look(SOFTNESS, store).partial
    index.write_bytes(b"no")
    assert studies.run(SOFTNESS, store).to_csv() == done[1][SoftnessSpec].to_csv()


def test_what_makes_a_task_fail_is_passed_on(store):
    class Failed:
        finished = True
        error = training.TrainingDivergedError("Training diverged by step 3.")

    with pytest.raises(training.TrainingDivergedError, match="by step 3"):
        studies.run(SOFTNESS, store, lambda task: Failed())


def test_the_ensemble_is_compared_with_students_on_the_same_rows(done):
    """Against networks asked one by one."""
    store, studied = done
    study = studied[CapacitySpec]
    whole = study.summary["ensemble"]
    assert whole["n_rows"] == len(load_problem(ENSEMBLE.problem).y_test)
    assert whole["accuracy"] == store.get("ensemble", ENSEMBLE.digest).meta["accuracy"]
    for entry in study.summary["widths"]:
        accuracy = [
            row["accuracy"]
            for row in study.rows
            if (row["width"], row["model"]) == (entry["width"], "student")
        ]
        gap = entry["to_ensemble"]
        assert gap["mean"] == pytest.approx(np.mean(accuracy) - whole["accuracy"])
        assert gap["low"] <= gap["mean"] <= gap["high"]
        assert gap["n_rows"] == whole["n_rows"]


def test_one_seed_has_figures_but_no_interval(store):
    study = studies.run(CAPACITY.replace(n_seeds=1), store)
    assert study.answer.said.startswith("One seed: an interval cannot be given")
    entry = study.summary["widths"][0]
    assert entry["student"]["agreement"]["low"] is None
    assert entry["student"]["agreement"]["mean"] is not None
    study = studies.run(SOFTNESS.replace(n_seeds=1), store)
    assert "with fewer than 4 seeds" in study.answer.said
    study = studies.run(VARIANCE.replace(n_repeats=1, n_resamples=0), store)
    assert study.answer.said.startswith("When only the seeds change: 1 of the 3 repeats")
    assert list(study.summary) == ["seeds"]


def test_a_class_too_small_for_a_bootstrap_is_refused_before_training(store, monkeypatch):
    problem = load_problem(ENSEMBLE.problem)
    y = problem.y_train.clone()
    y[y == 1] = 0
    y[:9] = 1
    small = dataclasses.replace(problem, y_train=y)
    monkeypatch.setattr(variance, "load_problem", lambda _: small)
    with pytest.raises(SpecError, match=r"Class 1 has 9 training samples: .* at least 10"):
        studies.run(VARIANCE, store)
    with pytest.raises(SpecError, match="Class 1 has 9 training samples"):
        variance.train_repeat(VARIANCE.repeats("resamples")[0], store)
    assert stored(store) == {}
    assert len(runner.list_tasks(VARIANCE.replace(n_resamples=0))) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CapacitySpec(n_seeds=0), "n_seeds should be greater than or equal to 1, got 0"),
        (lambda: CapacitySpec(widths=(8,)), "needs 2 to 32 different widths, got 1"),
        (lambda: CapacitySpec(widths=(0, 8)), "widths.0 should be greater than or equal to 1"),
        (lambda: CapacitySpec(alpha=-0.1), "alpha should be greater than or equal to 0"),
        (lambda: CapacitySpec(tolerance=float("nan")), "tolerance should be a finite number"),
        (lambda: CapacitySpec(plane=PlaneSpec(kind="discriminant")), "slice view"),
        (lambda: SoftnessSpec(alphas=(0.0,)), "needs an alpha above 0"),
        (
            lambda: SoftnessSpec(temperatures=(0.0,)),
            "temperatures.0 should be greater than or equal to",
        ),
        (lambda: VarianceSpec(student=StudentSpec(seed=3)), "give seed 0, got 3"),
        (lambda: VarianceSpec(n_repeats=1000), "n_repeats should be less than or equal to 64"),
        (lambda: student_stacks.StudentsSpec(seeds=()), "1 to 64 alphas and seeds, got 0"),
        (lambda: maps.MapsSpec(plane=PlaneSpec(kind="discriminant")), "slice view"),
    ],
)
def test_specs_refuse_what_cannot_be_studied(make, message):
    with pytest.raises(SpecError, match=message):
        make()


@pytest.mark.parametrize(
    "spec",
    [CAPACITY.replace(alpha=0.0), VARIANCE.replace(student=VARIANCE.student.twin())],
    ids=lambda spec: type(spec).__name__,
)
def test_a_student_that_is_its_own_twin_is_refused_before_training(store, spec):
    for refuses in (studies.look, studies.run):
        with pytest.raises(SpecError, match=r"needs an alpha above 0.* its own twin"):
            refuses(spec, store)
    assert stored(store) == {}


def test_specs_that_mean_the_same_have_one_digest():
    assert CapacitySpec(widths=(8, 4, 8)).digest == CapacitySpec(widths=(4, 8)).digest
    assert SoftnessSpec(alphas=(1.0, 0.5)).digest == SoftnessSpec(alphas=(0.0, 0.5, 1.0)).digest


def test_estimated_seconds_follow_the_work_that_is_left(done, store):
    whole = CapacitySpec()
    assert 5 < studies.estimate_seconds(whole) < 60
    assert studies.estimate_seconds(whole, n_workers=1) > 1.5 * studies.estimate_seconds(
        whole, n_workers=4
    )
    assert studies.estimate_seconds(whole.replace(n_seeds=256)) > studies.ASK_ABOVE
    assert studies.estimate_seconds(CAPACITY, done[0]) == 0
    assert studies.estimate_seconds(CAPACITY, store) == studies.estimate_seconds(CAPACITY) > 0


def test_maps_show_every_repeat_on_the_plane(done):
    store, _ = done
    spec = maps.MapsSpec(study=VARIANCE)
    task = maps.task(spec)
    assert all(other.done(store) for other in task.needs)
    task.job(task.spec, store)
    seen = maps.read(spec, store.get("maps", spec.digest))
    assert {model: len(lines) for model, lines in seen.lines.items()} == dict.fromkeys(
        ("teacher", "ensemble", "student", "twin"), 4
    )
    grid = torch.tensor(seen.window.grid(100), dtype=torch.float32)
    first = Stack.from_arrays(store.get("ensemble", ENSEMBLE.digest).arrays)
    p = torch.softmax(first.logits(grid).double(), -1).numpy()
    entropy = -(p * np.log(p)).sum(-1)
    mixed = -(p.mean(0) * np.log(p.mean(0))).sum(-1)
    np.testing.assert_allclose(seen.data.ravel(), entropy.mean(0), atol=1e-6)
    np.testing.assert_allclose(seen.knowledge.ravel(), mixed - entropy.mean(0), atol=1e-6)
    pair = Stack.from_arrays(store.get("repeat", VARIANCE.repeats("seeds")[0].digest).arrays)
    q = torch.softmax(pair.logits(grid)[0].double(), -1).numpy()
    np.testing.assert_allclose(seen.entropy.ravel(), -(q * np.log(q)).sum(-1), atol=1e-6)
    # Where a student's line runs, it is undecided.
    line = seen.lines["student"][0]
    at = pair.logits(torch.tensor(line[~np.isnan(line[:, 0])]))[0]
    assert (at[:, 0] - at[:, 1]).abs().max() < 0.02


def test_spirals_need_a_wider_student_than_moons(store):
    needed = {}
    for name in ("moons", "spirals"):
        ensemble = EnsembleSpec(
            problem=ProblemSpec(
                dataset=DatasetSpec(name=name), plane=PlaneSpec(kind="principal components")
            ),
            n_members=2,
            hidden=(64, 64),
            dropout=0.0,
        )
        plane = ensemble.problem.plane
        spec = CapacitySpec(
            ensemble=ensemble, plane=plane, widths=(8, 16, 24, 64), n_seeds=4, tolerance=2.0
        )
        needed[name] = studies.run(spec, store).summary["sufficient"]
    assert needed["moons"] < needed["spirals"]


@pytest.fixture
def small(monkeypatch, store):
    monkeypatch.setenv("DISTILL_STORE", str(store.root))
    monkeypatch.delenv("DISTILL_SCHEDULER", raising=False)
    monkeypatch.setattr(command, "read_spec", lambda *_: SOFTNESS)
    return store


def test_the_command_prints_json_and_writes_rows(small, capsys, tmp_path, done):
    path = tmp_path / "rows.csv"
    assert main(["study", "softness", "--json", "--export", str(path)]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    words = {"answer", "notes", "claims"}
    assert set(found) == {"study", "spec", "rows", "summary", "partial", "seconds"} | words
    assert found["study"] == "softness"
    assert found["rows"] == done[1][SoftnessSpec].rows
    assert found["answer"] == done[1][SoftnessSpec].answer.said
    assert "parts" in err
    assert path.read_text() == done[1][SoftnessSpec].to_csv()
    # The second time nothing is trained, and no worker is started.
    assert main(["study", "softness"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(found["answer"])
    assert err == ""


def test_the_command_shows_what_is_done_when_it_is_interrupted(small, capsys, monkeypatch):
    jobs.train_ensemble(ENSEMBLE, small)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", interrupted)
    one = functools.partial(jobs.start_engine, n_workers=1)
    monkeypatch.setattr(command, "start_engine", one)
    assert main(["study", "softness"]) == 130
    out, err = capsys.readouterr()
    assert out.startswith("Partial, 2 of 8 parts are done.")
    assert "Interrupted" in err


def test_an_interrupted_command_leaves_files_as_they_were(small, capsys, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", interrupted)
    monkeypatch.setattr(command, "start_engine", lambda store: contextlib.nullcontext())
    monkeypatch.setattr(runner, "submit_to", lambda *_: None)
    kept = tmp_path / "kept.csv"
    kept.write_bytes(b"mine\n")
    for arguments in (["--export", str(kept), "--force"], ["--export", str(tmp_path / "new.csv")]):
        assert main(["study", "softness", *arguments]) == 130
        assert "was not written: the study is not finished" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"kept.csv": b"mine\n"}


def test_the_command_asks_before_it_takes_long(small, capsys, monkeypatch):
    monkeypatch.setattr(runner, "estimate_seconds", lambda *_: 600.0)
    with pytest.raises(SystemExit) as stopped:
        main(["study", "softness"])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert "about 10 minutes" in err
    assert "--yes" in err
    assert stored(small) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["capacity", "--dataset", "cats"], "cats"),
        (["capacity", "--plane", "sideways"], "sideways"),
        (["capacity", "--seeds", "0"], "n_seeds should be greater than or equal to 1, got 0"),
        (["capacity", "--tolerance", "-1"], "tolerance should be greater than 0"),
        (["variance", "--seeds", "9999"], "n_repeats should be less than or equal to 64"),
        (["depth"], "invalid choice: 'depth'"),
    ],
)
def test_the_command_says_what_it_cannot_use(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["study", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_the_command_knows_both_views(capsys):
    options = {"plane": "random", "seeds": 3, "tolerance": 2.0}
    arguments = [
        command.argparse.Namespace(study="capacity", view=v, **options)
        for v in ("slice", "features")
    ]
    on_slice, on_features = (command.read_spec(one, DatasetSpec(name="moons")) for one in arguments)
    assert on_slice.ensemble.problem.plane == on_slice.plane == PlaneSpec(kind="random")
    assert on_features.ensemble.problem.plane is None
    assert on_features.plane == PlaneSpec(kind="random")
    assert (on_slice.n_seeds, on_slice.tolerance) == (3, 2.0)


@ALL
def test_the_text_of_a_study_begins_with_its_answer(done, spec):
    study = done[1][type(spec)]
    shown = terminal.table(study)
    assert shown.startswith(study.answer.said)
    assert all(f"\n- {note}\n" in shown for note in study.answer.notes)
    view = "View: slice; the models see 2 of 20 directions."
    assert f"\n{study.answer.claims} {view}\n" in shown
    assert "95% interval" in shown
