"""When garbage is collected, and that it is; without a clock."""

import asyncio
import gc
import weakref

import pytest

from pages.frame.server import memory, pace


@pytest.mark.parametrize(
    ("now", "ran", "collected", "expected"),
    [
        # Nothing ran since.
        (100.0, 10.0, 20.0, False),
        # A page ran just now; then it is quiet.
        (20.5, 20.0, 10.0, False),
        (20.0 + pace.COLLECT_AFTER, 20.0, 10.0, True),
        # Never quiet.
        (10.0 + pace.COLLECT_AT_LATEST, 39.9, 10.0, True),
        (9.0 + pace.COLLECT_AT_LATEST, 38.9, 10.0, False),
    ],
)
def test_garbage_is_collected_when_it_is_quiet_or_was_never(now, ran, collected, expected):
    assert memory.is_due(now, ran, collected) == expected


class Session:
    """What a visitor leaves behind: an object that holds itself."""

    def __init__(self):
        self.me = self


@pytest.fixture
def _thawed():
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_thawed")
def test_what_a_session_left_is_freed_though_the_start_is_frozen(monkeypatch):
    monkeypatch.setattr(pace, "COLLECT_AFTER", 0.0)
    monkeypatch.setattr(pace, "COLLECT_LOOK", 0.0)
    before = gc.get_threshold()

    async def visit():
        async with memory.tidied():
            assert gc.get_freeze_count() > 0
            session = Session()
            gone = weakref.ref(session)
            # As old as it gets: only a search of the whole finds it.
            gc.collect()
            del session
            memory.note_run()
            for _ in range(5):
                await asyncio.sleep(0)
            return gone()

    assert asyncio.run(visit()) is None
    assert gc.get_threshold() == before
