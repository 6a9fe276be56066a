"""When the server looks for garbage: at rest, not after every run of a page.

Streamlit would search all of the memory after each run (`runner.postScriptGC`, which is off):
with torch and scikit-learn loaded that takes longer than most answers. What is loaded at the start
stays and is never searched again; of what came later, Python itself searches the young part.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator

from distill_core.engine.memory import give_back
from pages.frame.server import pace

# When a page ran last; when garbage was collected last.
_ran = _collected = 0.0


def note_run() -> None:
    """Take note that a page has run: it may have left garbage, and the next may follow soon."""
    global _ran
    _ran = time.monotonic()


def is_due(now: float, ran: float, collected: float) -> bool:
    """Say whether garbage shall be collected: something ran since, and now all is quiet.

    Where it is never quiet, it is collected all the same from time to time. All are seconds of
    one clock: the present, the last run of a page, the last collection.
    """
    if ran <= collected:
        return False
    return now - ran >= pace.COLLECT_AFTER or now - collected >= pace.COLLECT_AT_LATEST


@contextlib.asynccontextmanager
async def tidied() -> AsyncIterator[None]:
    """Keep what is loaded out of all searches, and collect garbage when it is quiet."""
    gc.collect()
    gc.freeze()
    youngest, young, old = gc.get_threshold()
    # The oldest generation is searched by `_collect` alone.
    gc.set_threshold(youngest, young, pace.NEVER)
    task = asyncio.create_task(_collect())
    try:
        yield
    finally:
        task.cancel()
        gc.set_threshold(youngest, young, old)


async def _collect() -> None:
    global _collected
    while True:
        await asyncio.sleep(pace.COLLECT_LOOK)
        if is_due(time.monotonic(), _ran, _collected):
            gc.collect()
            give_back()
            _collected = time.monotonic()
