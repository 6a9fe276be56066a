"""A run that waits for jobs: what was replaced meanwhile is asked for again."""

import pytest

from distill_core import jobs
from distill_core.engine import Job
from distill_core.specs import StudentSpec
from distill_core.store import Artifact
from pages.frame.server import waiting

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
