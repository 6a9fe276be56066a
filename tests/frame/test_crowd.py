"""When many are at work, what can wait waits longer, and no thread waits with it."""

import pytest

from pages.frame.server import crowd, pace


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(crowd, "_ran", {})
    monkeypatch.setattr(crowd.time, "monotonic", lambda: now[0])
    return now


def test_a_few_rest_as_ever(clock):
    for name in range(pace.FEW):
        crowd.note_run(str(name))
        crowd.note_run(str(name))
    assert crowd.count() == pace.FEW
    assert crowd.rest() is None


def test_many_rest_longer_but_not_without_end(clock):
    for name in range(5 * pace.FEW):
        crowd.note_run(str(name))
    assert crowd.rest() == pytest.approx(5 * pace.FEW * pace.REST_OF_EACH)
    assert crowd.rest() > pace.LONG_REST
    for name in range(100 * pace.FEW):
        crowd.note_run(str(name))
    assert crowd.rest() == pace.LONGEST_REST


def test_who_has_left_is_forgotten(clock):
    for name in range(50):
        crowd.note_run(str(name))
    clock[0] += pace.AT_WORK + 1
    assert crowd.count() == 0
    for name in range(30):
        crowd.note_run(f"new {name}")
    assert len(crowd._ran) == 30
