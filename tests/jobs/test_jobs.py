import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree
from torch.nn import functional as F

from distill_core import boundaries, jobs
from distill_core.boundaries.section import combined_model, disagreement, section
from distill_core.data import datasets
from distill_core.geometry.problems import load_plane, load_problem, load_window
from distill_core.learning import training
from distill_core.learning.networks import Stack
from distill_core.specs import (
    MEMBERS_PER_PART,
    DatasetSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    ReplicatesSpec,
    Schedule,
    SectionSpec,
    StudentSpec,
)
from distill_core.store import Store
from tests import tiny

SCHEDULE = tiny.schedule(3, learning_rate=5e-2)
REAL = DatasetSpec(name="breast cancer")
# 455 samples in batches of 64.
STEPS = 3 * 8
ENSEMBLE = tiny.teachers(REAL, hidden=(8,), schedule=SCHEDULE)
# With seed 0 all units die, and a student without a boundary would show little.
STUDENT = StudentSpec(ensemble=ENSEMBLE, width=8, schedule=SCHEDULE, seed=1)
SEEDS = ReplicatesSpec(student=STUDENT.replace(seed=0), n_seeds=3)
PICTURE = PictureSpec(student=STUDENT)
FREE_ENSEMBLE = ENSEMBLE.replace(problem=ProblemSpec(dataset=REAL, plane=None))
FREE = PictureSpec(student=STUDENT.replace(ensemble=FREE_ENSEMBLE))
OTHER_PLANE = PlaneSpec(kind="two features", features=(0, 7))
RESOLUTION = boundaries.RESOLUTION
WINDOW = load_window(PlaneSpec(), REAL)


@pytest.fixture(autouse=True)
def _nothing_in_memory():
    """Every test starts like a new worker process."""
    jobs.teachers._ensembles.clear()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with one artifact of each kind; only read it."""
    store = Store(tmp_path_factory.mktemp("store"))
    jobs.train_ensemble(ENSEMBLE, store)
    for look in (jobs.evaluate_section, jobs.evaluate_rough_section, jobs.trace_teachers):
        look(PICTURE.section, store)
    for picture in (PICTURE, FREE):
        jobs.evaluate_picture(picture, store)
        jobs.trace_history(picture, store)
    jobs.train_replicates(SEEDS, store)
    return store


class Notes:
    """A report that remembers, and stops the job after a while if it shall."""

    def __init__(self, stop_after=None):
        self.calls, self.arrays, self.stop_after = [], [], stop_after

    def __call__(self, done, total, arrays=None):
        self.calls.append((done, total))
        if arrays is not None:
            self.arrays.append(arrays)
        if len(self.calls) == self.stop_after:
            raise InterruptedError


def assert_lines(lines):
    assert lines.dtype == np.float32
    assert lines.ndim == 2
    assert lines.shape[1] == 2


def assert_same_artifact(one, other):
    assert one.meta == other.meta
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert array.tobytes() == other.arrays[name].tobytes()


# What each kind holds


def test_ensemble_artifact_holds_weights_logits_and_accuracies(filled):
    artifact = filled.get("ensemble", ENSEMBLE.digest)
    problem = load_problem(ENSEMBLE.problem)
    stack = Stack.from_arrays(artifact.arrays)
    assert (stack.k, stack.sizes) == (2, (2, 8, 2))
    for part in ("train", "test"):
        X = getattr(problem, f"X_{part}")
        logits = artifact.arrays[f"{part}_logits"]
        assert logits.shape == (2, len(X), 2)
        np.testing.assert_allclose(logits, stack.logits(X), atol=1e-5)
    y = problem.y_test.numpy()
    logits = artifact.arrays["test_logits"]
    assert artifact.meta == {
        "accuracy": pytest.approx(np.mean(logits.mean(0).argmax(1) == y)),
        "member_accuracy": [pytest.approx(np.mean(one.argmax(1) == y)) for one in logits],
        "n_parameters": 2 * 8 + 8 + 8 * 2 + 2,
    }
    assert artifact.meta["accuracy"] > 0.85
    fitted = training.fit_ensemble(ENSEMBLE, problem.X_train, problem.y_train)
    assert torch.equal(fitted.flat, stack.flat)


def test_an_ensemble_of_several_parts_is_the_whole_bit_by_bit(store):
    spec = ENSEMBLE.replace(n_members=2 * MEMBERS_PER_PART + 1)
    assert [list(part.members) for part in spec.parts][-1] == [2 * MEMBERS_PER_PART]
    # A worker has trained one part before.
    jobs.train_ensemble_part(spec.parts[1], store)
    jobs.train_ensemble(spec, store)
    problem = load_problem(spec.problem)
    whole = training.fit_ensemble(spec, problem.X_train, problem.y_train)
    put = store.get("ensemble", spec.digest).arrays
    assert Stack.from_arrays(put).flat.numpy().tobytes() == whole.flat.numpy().tobytes()
    np.testing.assert_allclose(put["test_logits"], whole.logits(problem.X_test), atol=1e-5)
    assert len(store.get("ensemble", spec.digest).meta["member_accuracy"]) == spec.n_members


def test_section_artifact_holds_the_field_and_the_lines(filled):
    artifact = filled.get("section", PICTURE.section.digest)
    assert artifact.arrays["proba"].shape == (1, RESOLUTION, RESOLUTION)
    assert artifact.arrays["proba"].dtype == np.float32
    assert_lines(artifact.arrays["lines"])
    stack = Stack.from_arrays(filled.get("ensemble", ENSEMBLE.digest).arrays)
    expected = boundaries.section(boundaries.combined_model(stack), WINDOW)
    seen = jobs.read_section(artifact, WINDOW)
    assert seen.window == WINDOW
    np.testing.assert_allclose(seen.proba, expected.proba, atol=1e-6)
    np.testing.assert_array_equal(seen.lines, expected.lines)
    assert len(seen.lines) > 20


def test_a_rough_section_is_the_fine_one_seen_at_fewer_points(filled):
    fine, rough = (
        jobs.read_section(filled.get(kind, PICTURE.section.digest), WINDOW)
        for kind in ("section", "rough-section")
    )
    resolution = rough.proba.shape[-1]
    assert (RESOLUTION - 1) / (resolution - 1) == 3
    thin = fine.thin(resolution)
    assert thin.window == WINDOW
    np.testing.assert_array_equal(thin.lines, fine.lines)
    np.testing.assert_array_equal(thin.labels, rough.labels)
    u, v = WINDOW.axes(RESOLUTION)
    for axis, coarse in zip((u, v), WINDOW.axes(resolution), strict=True):
        np.testing.assert_allclose(axis[::3], coarse, atol=1e-12)
    vertices = rough.lines[~np.isnan(rough.lines[:, 0])]
    on_line = fine.lines[~np.isnan(fine.lines[:, 0])]
    assert KDTree(on_line).query(vertices)[0].max() < 2 * WINDOW.half / 60
    with pytest.raises(ValueError, match="grid of 100 has no grid of 40"):
        fine.thin(40)


def test_teacher_lines_lie_where_each_teacher_is_undecided(filled):
    stack = Stack.from_arrays(filled.get("ensemble", ENSEMBLE.digest).arrays)
    members = jobs.read_lines(filled.get("teacher-lines", PICTURE.section.digest), "member")
    assert len(members) == 2
    for one, lines in enumerate(members):
        assert_lines(lines)
        found = lines[~np.isnan(lines[:, 0])]
        assert len(found) > 20
        logits = stack.logits(torch.from_numpy(found))[one]
        np.testing.assert_allclose(logits[:, 0], logits[:, 1], atol=1e-3)


def test_student_artifact_holds_the_pair_and_what_it_reaches(filled):
    artifact = filled.get("student", STUDENT.digest)
    problem = load_problem(ENSEMBLE.problem)
    pair = Stack.from_arrays(artifact.arrays)
    assert (pair.k, pair.sizes) == (2, (2, 8, 4, 2))
    logits = pair.logits(problem.X_test)
    np.testing.assert_array_equal(artifact.arrays["test_labels"], logits.argmax(-1))
    whole = torch.from_numpy(filled.get("ensemble", ENSEMBLE.digest).arrays["test_logits"]).mean(0)
    for who, z in zip(("student", "twin"), logits, strict=True):
        kl = F.kl_div(
            F.log_softmax(z, 1), F.log_softmax(whole, 1), log_target=True, reduction="batchmean"
        )
        assert artifact.meta[who] == {
            "agreement": pytest.approx(float((z.argmax(1) == whole.argmax(1)).float().mean())),
            "accuracy": pytest.approx(float((z.argmax(1) == problem.y_test).float().mean())),
            "kl": pytest.approx(float(kl), abs=1e-5),
        }
    assert artifact.meta["n_parameters"] == 2 * 8 + 8 + 8 * 4 + 4 + 4 * 2 + 2
    assert artifact.meta["compression"] == pytest.approx(2 * 42 / 70)


def test_picture_artifact_holds_the_sections_of_student_and_twin(filled):
    artifact = filled.get("picture", PICTURE.digest)
    student = filled.get("student", STUDENT.digest)
    assert artifact.meta == student.meta
    pair = Stack.from_arrays(student.arrays)
    for member, prefix in enumerate(("", "twin_")):
        assert artifact.arrays[prefix + "proba"].shape == (1, RESOLUTION, RESOLUTION)
        assert_lines(artifact.arrays[prefix + "lines"])
        seen = jobs.read_section(artifact, WINDOW, prefix)
        expected = boundaries.section(boundaries.member_model(pair, member), WINDOW)
        np.testing.assert_allclose(seen.proba, expected.proba, atol=1e-6)
        np.testing.assert_array_equal(seen.lines, expected.lines)


def test_a_picture_of_all_features_is_the_section_through_the_plane(filled):
    artifact = filled.get("picture", FREE.digest)
    pair = Stack.from_arrays(filled.get("student", FREE.student.digest).arrays)
    assert pair.sizes == (30, 8, 4, 2)
    plane = load_plane(PlaneSpec(), REAL)
    lifted = torch.tensor(plane.lift(WINDOW.grid(RESOLUTION)), dtype=torch.float32)
    for member, prefix in enumerate(("", "twin_")):
        seen = jobs.read_section(artifact, WINDOW, prefix)
        expected = torch.softmax(pair.logits(lifted)[member], -1)
        np.testing.assert_allclose(seen.proba.reshape(2, -1).T, expected, atol=1e-4)


@pytest.mark.parametrize("picture", [PICTURE, FREE], ids=["slice", "all features"])
def test_history_artifact_holds_a_frame_and_a_point_of_the_curves_per_epoch(filled, picture):
    artifact = filled.get("history", picture.digest)
    curves = artifact.arrays["curves"]
    assert curves.shape == (3, 2, 3)
    assert np.isfinite(curves).all()
    assert ((curves[:, :, 1:] >= 0) & (curves[:, :, 1:] <= 1)).all()
    assert (curves[-1, :, 0] < curves[0, :, 0]).all()
    frames = jobs.read_lines(artifact, "frame")
    assert len(frames) == 3
    for frame in frames:
        assert_lines(frame)
    assert not np.array_equal(frames[0], frames[-1])


@pytest.mark.parametrize("picture", [PICTURE, FREE], ids=["slice", "all features"])
def test_history_ends_at_the_student_of_the_picture(filled, picture):
    artifact = filled.get("history", picture.digest)
    student = filled.get("student", picture.student.digest)
    pair = Stack.from_arrays(student.arrays)
    # The curves end at the figures that the picture shows.
    for who, point in zip(("student", "twin"), artifact.arrays["curves"][-1], strict=True):
        assert list(point[1:]) == [student.meta[who]["agreement"], student.meta[who]["accuracy"]]
    # The last frame is the boundary between the labels of the picture's student.
    problem = picture.student.ensemble.problem
    plane = load_plane(picture.plane, REAL)
    seen = pair if problem.plane else pair.on_plane(plane.origin, plane.basis)
    last = jobs.read_lines(artifact, "frame")[-1]
    model = boundaries.member_model(seen)
    np.testing.assert_array_equal(
        last, boundaries.boundary_lines(model, WINDOW, jobs.teachers.MEMBER_RESOLUTION)
    )
    shown = jobs.read_section(filled.get("picture", picture.digest), WINDOW)
    found = last[~np.isnan(last[:, 0])]
    index = (found - [WINDOW.u - WINDOW.half, WINDOW.v - WINDOW.half]) / (2 * WINDOW.half)
    column, row = np.clip(np.rint(index * (RESOLUTION - 1)).astype(int), 1, RESOLUTION - 2).T
    around = np.stack([shown.labels[row + i, column + j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    assert (around.min(0) != around.max(0)).mean() > 0.99


def test_history_curves_hold_the_loss_of_each_one_s_own_kind(filled):
    loss = filled.get("history", PICTURE.digest).arrays["curves"][-1, :, 0]
    pair = Stack.from_arrays(filled.get("student", STUDENT.digest).arrays)
    teachers = filled.get("ensemble", ENSEMBLE.digest).arrays["train_logits"]
    problem = load_problem(ENSEMBLE.problem)
    z, z_twin = pair.logits(problem.X_train)
    q = F.softmax(torch.from_numpy(teachers).mean(0) / 3, 1)
    soft = 9 * F.kl_div(F.log_softmax(z / 3, 1), q, reduction="batchmean")
    hard, hard_twin = (F.cross_entropy(x, problem.y_train) for x in (z, z_twin))
    np.testing.assert_allclose(loss, [0.7 * soft + 0.3 * hard, hard_twin], rtol=1e-4)


def test_replicates_artifact_holds_every_seed_of_student_and_twin(filled):
    artifact = filled.get("replicates", SEEDS.digest)
    names = [f"{w}_{n}" for w in ("student", "twin") for n in ("agreement", "accuracy", "kl")]
    assert sorted(artifact.arrays) == sorted([*names, "student_hits", "twin_hits"])
    for name in names:
        assert artifact.arrays[name].shape == (3,)
        assert np.isfinite(artifact.arrays[name]).all()
    for who in ("student", "twin"):
        hits = jobs.read_hits(artifact.arrays[f"{who}_hits"], STUDENT.ensemble.problem)
        np.testing.assert_allclose(hits.mean(1), artifact.arrays[f"{who}_agreement"])
    # Seed 1 is the student that has been trained as a pair.
    meta = filled.get("student", STUDENT.digest).meta
    for name in names:
        who, metric = name.split("_")
        assert artifact.arrays[name][1] == pytest.approx(meta[who][metric], abs=1e-6)
    assert len(set(artifact.arrays["student_kl"])) == 3


def test_a_twin_is_the_student_with_alpha_zero_bit_by_bit(filled, store):
    jobs.train_student(STUDENT.twin(), store)
    pair = Stack.from_arrays(filled.get("student", STUDENT.digest).arrays)
    hard = Stack.from_arrays(store.get("student", STUDENT.twin().digest).arrays)
    twin, student = pair.members([1]), hard.members([0])
    assert student.flat.numpy().tobytes() == twin.flat.numpy().tobytes()
    assert pair.members([0]).flat.numpy().tobytes() != twin.flat.numpy().tobytes()


@pytest.mark.parametrize("spec", [PICTURE, FREE], ids=["slice", "all features"])
def test_a_model_without_a_boundary_in_the_window_can_be_kept(store, spec):
    # Not trained and with one unit per layer, a model gives one answer everywhere.
    still = Schedule(epochs=2, batch_size=512, learning_rate=1e-9)
    teachers = spec.student.ensemble.replace(schedule=still, hidden=(1, 1, 1, 1))
    student = spec.student.replace(ensemble=teachers, width=1, depth=3, schedule=still, seed=0)
    one = spec.replace(student=student)
    for job, asked in (
        (jobs.evaluate_section, one.section),
        (jobs.trace_teachers, one.section),
        (jobs.evaluate_picture, one),
        (jobs.trace_history, one),
    ):
        job(asked, store)
    frames = jobs.read_lines(store.get("history", one.digest), "frame")
    members = jobs.read_lines(store.get("teacher-lines", one.section.digest), "member")
    assert [lines.shape for lines in (*frames, *members)] == [(0, 2)] * 4
    assert store.get("picture", one.digest).arrays["lines"].shape == (0, 2)


# What a job builds on


def test_a_picture_makes_what_it_builds_on_and_keeps_it(store):
    jobs.evaluate_picture(PICTURE, store)
    for kind, spec in (("ensemble", ENSEMBLE), ("student", STUDENT), ("picture", PICTURE)):
        assert store.has(kind, spec.digest)


def test_what_the_store_has_is_not_trained_again(store, monkeypatch):
    jobs.train_student(STUDENT, store)
    jobs.teachers._ensembles.clear()
    monkeypatch.setattr(training, "fit_ensemble", refuse)
    jobs.evaluate_section(PICTURE.section, store)
    jobs.train_replicates(SEEDS, store)
    monkeypatch.setattr(training, "fit_students", refuse)
    jobs.evaluate_picture(PICTURE, store)


def refuse(*_, **__):
    raise AssertionError("nothing should be trained now")


def test_a_picture_of_an_all_features_student_on_another_plane_does_not_train(store, monkeypatch):
    jobs.evaluate_picture(FREE, store)
    jobs.teachers._ensembles.clear()
    monkeypatch.setattr(training, "fit_students", refuse)
    monkeypatch.setattr(training, "fit_ensemble", refuse)
    other = FREE.replace(plane=OTHER_PLANE)
    jobs.evaluate_picture(other, store)
    jobs.evaluate_section(SectionSpec(ensemble=FREE_ENSEMBLE, plane=OTHER_PLANE), store)
    one, two = (store.get("picture", picture.digest) for picture in (FREE, other))
    assert one.meta == two.meta
    assert not np.array_equal(one.arrays["proba"], two.arrays["proba"])


def damage(store, kind, spec):
    """Flip one bit in the middle of the arrays of an artifact."""
    blobs = set(store.root.glob("blobs/*/*"))
    arrays = store.get(kind, spec.digest).arrays
    (blob,) = [
        blob
        for blob in blobs
        if all(array.tobytes() in blob.read_bytes() for array in arrays.values())
    ]
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)


def test_a_damaged_ensemble_is_trained_anew(store, caplog):
    jobs.train_ensemble(ENSEMBLE, store)
    before = store.get("ensemble", ENSEMBLE.digest)
    damage(store, "ensemble", ENSEMBLE)
    jobs.train_student(STUDENT, store)
    assert "damaged and set aside" in caplog.text
    assert_same_artifact(store.get("ensemble", ENSEMBLE.digest), before)
    assert store.has("student", STUDENT.digest)


def test_a_damaged_student_is_trained_anew(store, caplog):
    jobs.evaluate_picture(PICTURE, store)
    student, picture = store.get("student", STUDENT.digest), store.get("picture", PICTURE.digest)
    damage(store, "student", STUDENT)
    jobs.evaluate_picture(PICTURE, store)
    assert "damaged and set aside" in caplog.text
    assert_same_artifact(store.get("student", STUDENT.digest), student)
    assert_same_artifact(store.get("picture", PICTURE.digest), picture)


def test_a_store_that_keeps_nothing_is_said_in_a_sentence(store, monkeypatch):
    monkeypatch.setattr(Store, "put", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match=r"did not keep a new ensemble.*; is its disk full\?"):
        jobs.train_student(STUDENT, store)


# Reports


def test_every_step_of_training_is_reported(store):
    notes = Notes()
    jobs.train_ensemble(ENSEMBLE, store, notes)
    assert notes.calls == [(done, STEPS) for done in range(1, STEPS + 1)]
    # The student, then its twin; another student's twin is the same.
    notes = Notes()
    jobs.train_student(STUDENT, store, notes)
    assert notes.calls == [(done, 2 * STEPS) for done in range(1, 2 * STEPS + 1)]
    notes = Notes()
    jobs.train_student(STUDENT.replace(temperature=9.0, alpha=0.3), store, notes)
    assert notes.calls == [(done, STEPS) for done in range(1, STEPS + 1)]
    notes = Notes()
    jobs.trace_history(PICTURE, store, notes)
    assert notes.calls[:STEPS] == [(done, STEPS) for done in range(1, STEPS + 1)]
    assert all(done <= total for done, total in notes.calls)


@pytest.mark.parametrize("spec", [PICTURE, FREE], ids=["slice", "all features"])
def test_a_student_is_seen_before_its_twin_is_trained(store, spec):
    jobs.train_ensemble(spec.student.ensemble, store)
    notes = Notes()
    jobs.evaluate_picture(spec, store, notes)
    (early,) = notes.arrays
    # After the student's own steps, before the first of the twin's.
    assert notes.calls[STEPS] == (1, 2)
    assert len(notes.calls) == 2 * STEPS + 1
    put = store.get("picture", spec.digest)
    assert np.array_equal(early["lines"], put.arrays["lines"], equal_nan=True)
    assert early["agreement"] == put.meta["student"]["agreement"]
    # One that is trained already has nothing to show early.
    notes = Notes()
    jobs.evaluate_picture(spec, store, notes)
    assert not notes.arrays


def test_a_kept_twin_is_the_one_that_would_be_trained(store, tmp_path, monkeypatch):
    """Bit by bit, at every T and alpha, and not for another width or seed."""
    other = Store(tmp_path / "other")
    for place in (store, other):
        jobs.train_ensemble(ENSEMBLE, place)
    for change, n_trained in (
        ({}, 2),
        ({"temperature": 9.0}, 1),
        ({"alpha": 0.0}, 1),
        ({"width": 9}, 2),
        ({"seed": 5}, 2),
    ):
        spec, notes = STUDENT.replace(**change), Notes()
        jobs.train_student(spec, store, notes)
        assert notes.calls[-1] == (n_trained * STEPS, n_trained * STEPS)
        with monkeypatch.context() as patch:
            patch.setattr(jobs.students, "_kept_twins", {})
            jobs.train_student(spec, other)
        kept, trained = (place.get("student", spec.digest) for place in (store, other))
        assert_same_artifact(kept, trained)


def test_only_so_many_twins_are_kept(store, monkeypatch):
    jobs.train_ensemble(ENSEMBLE, store)
    monkeypatch.setattr(jobs.students, "_kept_twins", {})
    monkeypatch.setattr(jobs.students, "_MAX_KEPT", 2)
    for seed in (3, 4, 5):
        jobs.train_student(STUDENT.replace(seed=seed), store)
    assert len(jobs.students._kept_twins) == 2


@pytest.mark.parametrize("spec", [ENSEMBLE, FREE_ENSEMBLE], ids=["slice", "all features"])
def test_a_growing_ensemble_shows_its_picture(store, monkeypatch, spec):
    monkeypatch.setattr(jobs.teachers, "_SNAPSHOT_EVERY", 0)
    notes = Notes()
    jobs.train_ensemble(spec, store, notes)
    assert len(notes.arrays) == STEPS
    resolution = jobs.teachers.SNAPSHOT_RESOLUTION
    for snapshot in notes.arrays:
        assert set(snapshot) == {"logits", "weight"}
        assert snapshot["logits"].shape == (resolution, resolution, 2)
        assert snapshot["logits"].dtype == np.float32
        assert snapshot["weight"] == 2
    for one, two in itertools.pairwise(notes.arrays[:-1]):
        assert not np.array_equal(one["logits"], two["logits"])
    # The last picture is the one of the ensemble as it is put.
    stack = Stack.from_arrays(store.get("ensemble", spec.digest).arrays)
    if spec.problem.plane is None:
        plane = load_plane(PlaneSpec(), REAL)
        stack = stack.on_plane(plane.origin, plane.basis)
    expected = boundaries.section(boundaries.combined_model(stack), WINDOW, resolution)
    grown = jobs.read_growth(notes.arrays[-1:], WINDOW)
    np.testing.assert_allclose(grown.proba, expected.proba, atol=1e-5)
    near = KDTree(expected.lines[~np.isnan(expected.lines[:, 0])])
    found = grown.lines[~np.isnan(grown.lines[:, 0])]
    assert len(found) > 20
    assert near.query(found)[0].max() < 2 * WINDOW.half / (resolution - 1)


def test_parts_of_a_growing_ensemble_count_by_their_teachers():
    many, few = np.zeros((48, 48, 2), np.float32), np.zeros((48, 48, 2), np.float32)
    many[..., 1], few[..., 1] = 1, -5
    snapshots = [
        {"logits": many, "weight": np.array(3)}, {"logits": few, "weight": np.array(1)}
    ]  # fmt: skip
    grown = jobs.read_growth(snapshots, WINDOW)
    # (3 * 1 - 5) / 4
    np.testing.assert_allclose(grown.proba[1], 1 / (1 + np.exp(0.5)), atol=1e-6)
    assert grown.lines.shape == (0, 2)


@pytest.mark.parametrize(
    ("job", "kind", "spec"),
    [
        (jobs.train_ensemble, "ensemble", ENSEMBLE),
        (jobs.train_student, "student", STUDENT),
        (jobs.trace_history, "history", PICTURE),
        (jobs.evaluate_picture, "picture", PICTURE),
        (jobs.train_replicates, "replicates", SEEDS),
    ],
    ids=["ensemble", "student", "history", "picture", "replicates"],
)
def test_a_job_that_is_stopped_puts_nothing(store, job, kind, spec):
    if job is not jobs.train_ensemble:
        jobs.train_ensemble(ENSEMBLE, store)
    with pytest.raises(InterruptedError):
        job(spec, store, Notes(stop_after=5))
    assert not store.has(kind, spec.digest)
    # The next attempt is not disturbed.
    job(spec, store)
    assert store.get(kind, spec.digest) is not None


def test_a_run_that_diverges_puts_nothing(store):
    jobs.train_ensemble(ENSEMBLE, store)
    found = store.get("ensemble", ENSEMBLE.digest)
    # Soft targets that are no numbers, as those of a teacher that diverged would be.
    broken = np.full_like(found.arrays["train_logits"], np.nan)
    store.put("ensemble", ENSEMBLE.digest, {**found.arrays, "train_logits": broken}, found.meta)
    with pytest.raises(training.TrainingDivergedError, match="Training diverged by step"):
        jobs.evaluate_picture(PICTURE, store)
    assert not store.has("student", PICTURE.student.digest)
    assert not store.has("picture", PICTURE.digest)


# The same bytes


WORK = """
import sys
import torch
torch.set_num_threads(1)
from distill_core import jobs
from distill_core.specs import *
from distill_core.store import Store

def picture(**data):
    schedule = Schedule(epochs=3, batch_size=64, learning_rate=1e-2)
    problem = ProblemSpec(dataset=DatasetSpec(name="breast cancer"), **data)
    sizes = dict(n_members=MEMBERS_PER_PART + 1, hidden=(12, 5))
    ensemble = EnsembleSpec(problem=problem, schedule=schedule, **sizes)
    return PictureSpec(student=StudentSpec(ensemble=ensemble, width=6, schedule=schedule))

root, other = sys.argv[1:]
if other:
    # Other work in the same process before must not matter.
    jobs.evaluate_picture(picture(plane=None), Store(other))
spec, store = picture(), Store(root)
jobs.evaluate_picture(spec, store)
jobs.evaluate_section(spec.section, store)
jobs.trace_history(spec, store)
jobs.train_replicates(ReplicatesSpec(student=spec.student, n_seeds=2), store)
print(spec.digest, spec.student.digest, spec.student.ensemble.digest)
"""


def test_same_spec_gives_same_bytes_in_two_processes(python, tmp_path):
    calls = [(tmp_path / "one", ""), (tmp_path / "two", tmp_path / "other")]
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(lambda call: python(WORK, *call), calls))
    assert digests[0] == digests[1]
    one, two = (
        {
            path.relative_to(root): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }
        for root in (tmp_path / "one", tmp_path / "two")
    )
    kinds = {"ensemble-part", "ensemble", "student", "section", "picture", "history", "replicates"}
    assert {path.parts[0] for path in one} == kinds | {"blobs"}
    assert sum(path.suffix == ".safetensors" for path in one) >= len(kinds)
    assert one == two


# Many classes


@pytest.mark.parametrize("view", ["slice", "all features"])
@pytest.mark.parametrize(
    "dataset",
    [
        DatasetSpec(name="blobs"),
        DatasetSpec(name="blobs", n_classes=5),
        DatasetSpec(name="wine"),
        DatasetSpec(name="digits"),
    ],
    ids=str,
)
def test_jobs_work_for_any_number_of_classes(dataset, view, store):
    plane = PlaneSpec(kind="discriminant")
    schedule = tiny.schedule(8, learning_rate=4e-3)
    teachers = tiny.teachers(dataset, plane if view == "slice" else None, schedule=schedule)
    student = tiny.student(teachers, width=8)
    picture = PictureSpec(student=student, plane=plane)
    jobs.evaluate_section(picture.section, store)
    jobs.evaluate_picture(picture, store)
    jobs.trace_history(picture, store)
    jobs.train_replicates(ReplicatesSpec(student=student, n_seeds=2), store)
    window = load_window(plane, dataset)
    whole = jobs.read_section(store.get("section", picture.section.digest), window)
    ours = jobs.read_section(store.get("picture", picture.digest), window)
    n = datasets.load(dataset).n_classes
    assert whole.proba.shape == ours.proba.shape == (n, 100, 100)
    np.testing.assert_allclose(whole.proba.sum(0), 1, atol=1e-5)
    disagreement(whole, ours)
    meta = store.get("ensemble", teachers.digest).meta
    assert meta["accuracy"] > 1.2 / n
    stack = Stack.from_arrays(store.get("ensemble", teachers.digest).arrays)
    assert stack.sizes[-1] == n
    if teachers.problem.plane is None:
        on = load_plane(plane, dataset)
        stack = stack.on_plane(on.origin, on.basis)
    again = section(combined_model(stack), window)
    np.testing.assert_array_equal(again.labels, whole.labels)
