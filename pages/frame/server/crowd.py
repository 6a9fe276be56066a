"""How many visitors are at work just now: what can wait, waits longer when they are many."""

import time

from pages.frame.server import pace

# When the pages of visitors ran last, by their names, the latest last.
_ran: dict[str, float] = {}


def note_run(visitor: str) -> None:
    """Take note that a page of a visitor runs."""
    _ran.pop(visitor, None)
    _ran[visitor] = time.monotonic()
    limit = time.monotonic() - pace.AT_WORK
    # A copy of the first names: others may run at the same time.
    for name in list(_ran)[:2]:
        if _ran.get(name, limit) < limit:
            _ran.pop(name, None)


def count() -> int:
    """Return how many visitors are at work."""
    limit = time.monotonic() - pace.AT_WORK
    return sum(ran >= limit for ran in list(_ran.values()))


def rest() -> float | None:
    """Return after how many seconds of rest a page may complete itself; None: as ever."""
    n = count()
    return None if n <= pace.FEW else min(pace.REST_OF_EACH * n, pace.LONGEST_REST)
