"""A run that waits for jobs: what was replaced meanwhile is asked for again."""

import pytest

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import StudentSpec
from distill_core.store import Artifact
from pages.frame.server import pace, waiting

WANTED = {"student": (jobs.train_student, StudentSpec())}
STORED = Artifact({}, {})


def answer(monkeypatch, *answers):
    """Answer one request after another; return the list of all rests that are taken between."""
    left, rests = list(answers), []
    monkeypatch.setattr(waiting, "request", lambda _: [left.pop(0)])
    monkeypatch.setattr(waiting, "rest", rests.append)
    return rests


def test_what_was_replaced_is_asked_for_again(monkeypatch):
    # The hand has moved on and come back: no newer setting interrupts the run.
    replaced = Job("student", "1", "cancelled")
    rests = answer(monkeypatch, replaced, replaced, STORED)
    assert waiting.make(WANTED, "Training") == [STORED]
    assert len(rests) == 2


def test_what_is_replaced_again_and_again_ends_with_a_sentence(monkeypatch):
    answer(monkeypatch, *[Job("student", "1", "cancelled")] * 100)
    with pytest.raises(waiting.Unavailable, match="newer setting"):
        waiting.make(WANTED, "Training")


def test_what_has_failed_is_not_asked_for_again(monkeypatch):
    rests = answer(monkeypatch, Job("student", "1", "failed"))
    with pytest.raises(waiting.Unavailable, match="could not be computed"):
        waiting.make(WANTED, "Training")
    assert not rests


class Place:
    """Keeps what is drawn."""

    def __init__(self):
        self.drawn = []

    def progress(self, share, said):
        self.drawn.append(said)

    def empty(self):
        self.drawn.append("")


def test_a_bar_moves_no_more_often_than_looks_smooth_and_less_often_in_a_crowd(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])

    def count_steps():
        place, job = Place(), Job("student", "1", "running")
        bar = waiting.Bar(place, "Training")
        for done in range(100):
            job.show(done, 100, None)
            bar.draw([job])
            now[0] += 0.02
        bar.clear()
        assert place.drawn[-1] == ""
        return len(place.drawn) - 1

    few = count_steps()
    assert few == pytest.approx(2.0 / pace.BAR_STEP, rel=0.2)
    monkeypatch.setattr(waiting, "_waiting", set(range(5 * pace.CALM)))
    assert count_steps() == pytest.approx(few / 5, abs=1)
