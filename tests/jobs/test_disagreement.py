"""The job that searches the plane of most disagreement."""

import pytest

from distill_core import boundaries, jobs
from distill_core.boundaries import faithfulness
from distill_core.data import datasets
from distill_core.geometry.problems import load_window
from distill_core.learning.networks import Stack
from distill_core.specs import PictureSpec, PlaneSpec, SpecError
from tests import tiny


def student_of(plane):
    slow = tiny.schedule(16, batch_size=16)
    return tiny.student(tiny.teachers("wine", plane, schedule=slow))


@pytest.fixture
def found(store):
    student = student_of(None)
    jobs.search_most_disagreement(student, store)
    return student, jobs.read_disagreement(store.get("disagreement", student.digest))


def test_the_job_puts_what_the_search_finds_with_the_stored_models(store, found):
    student, plane = found
    assert plane.kind == "three samples"
    teachers = Stack.from_arrays(store.get("ensemble", student.ensemble.digest).arrays)
    pair = Stack.from_arrays(store.get("student", student.digest).arrays)
    expected = faithfulness.find_most_disagreement(
        boundaries.combined_model(teachers),
        boundaries.member_model(pair, 0),
        datasets.load(student.ensemble.problem.dataset),
    )
    assert plane == expected


def test_models_differ_more_on_it_than_on_any_other_kind_of_plane(store, found):
    student, plane = found

    def agreement(plane):
        picture = PictureSpec(student=student, plane=plane)
        jobs.evaluate_picture(picture, store)
        jobs.evaluate_section(picture.section, store)
        window = load_window(plane, student.ensemble.problem.dataset)
        ours, whole = (
            jobs.read_section(store.get(kind, spec.digest), window).labels
            for kind, spec in (("picture", picture), ("section", picture.section))
        )
        n = min(len(ours), len(whole))
        steps = [(len(labels) - 1) // (n - 1) for labels in (ours, whole)]
        ours, whole = (x[::s, ::s] for x, s in zip((ours, whole), steps, strict=True))
        return (ours == whole).mean()

    others = ("class centres", "principal components", "discriminant", "random")
    assert agreement(plane) < min(agreement(PlaneSpec(kind=kind)) for kind in others)


def test_the_same_student_gives_the_same_plane(store, found):
    student, plane = found
    store.delete("disagreement", student.digest)
    jobs.search_most_disagreement(student, store)
    assert jobs.read_disagreement(store.get("disagreement", student.digest)) == plane


def test_models_of_a_plane_cannot_be_asked_off_it(store):
    with pytest.raises(SpecError, match="see all features, got models that see the plane 'random'"):
        jobs.search_most_disagreement(student_of(PlaneSpec(kind="random")), store)
