"""Work ahead: the students of all stops of T and alpha in one stack, before anybody asks."""

from distill_core.engine.worker import Report
from distill_core.jobs.artifacts import Arrays, artifact
from distill_core.jobs.students import (
    evaluate_picture,
    fit_students,
    pack_student,
    predict_test,
    train_student,
)
from distill_core.jobs.teachers import load_ensemble
from distill_core.specs import ALPHAS, TEMPERATURES, PictureSpec, StudentSpec
from distill_core.store import Store

# Students trained together. More would be hardly faster, and all of them are lost when a
# visitor needs the worker.
_TOGETHER = 22


def list_stops(picture: PictureSpec) -> list[PictureSpec]:
    """Return a picture at every stop of T and alpha, in order."""
    return [
        picture.replace(student=picture.student.replace(temperature=t, alpha=alpha))
        for t in TEMPERATURES
        for alpha in ALPHAS
    ]


@artifact("sweep")
def train_sweep(spec: PictureSpec, store: Store, report: Report) -> tuple[Arrays, dict[str, int]]:
    """Put the students and pictures of every stop of T and alpha, then that they are there.

    What `train_student` and `evaluate_picture` put for each of them, byte for byte: a network
    does not depend on those it is trained beside. What the store has already is not trained again.
    """
    wanted = [
        stop for stop in list_stops(spec) if not store.has(evaluate_picture.kind, stop.digest)
    ]
    missing = [
        s for stop in wanted if not store.has(train_student.kind, (s := stop.student).digest)
    ]
    for first in range(0, len(missing), _TOGETHER):
        _train(missing[first : first + _TOGETHER], store, report)
    for done, stop in enumerate(wanted):
        report(done, len(wanted))
        evaluate_picture(stop, store, report)
    return {}, {"n_pictures": len(list_stops(spec))}


def _train(students: list[StudentSpec], store: Store, report: Report) -> None:
    """Train students that differ in T and alpha alone, and the twin that they share."""
    ensemble, wanted = students[0].ensemble, [*students, students[0].twin()]
    teachers, logits = load_ensemble(ensemble, store, report)
    stack = fit_students(wanted, logits, lambda done, total, _: report(done, total))
    proba = predict_test(stack, ensemble)
    for i, student in enumerate(students):
        pair = [i, len(students)]
        arrays, meta = pack_student(student, stack.members(pair), proba[pair], teachers, logits)
        store.put(train_student.kind, student.digest, arrays, meta)
