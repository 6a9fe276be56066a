"""The one store and the one engine that all visitors of this server share."""

import contextlib
import functools
import importlib
import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence

from distill_core import uploads
from distill_core.engine import Engine, EngineError, Job
from distill_core.geometry import problems
from distill_core.jobs import lessons, start_engine
from distill_core.specs import DatasetSpec, PlaneSpec
from distill_core.store import Store
from pages.frame.server import pace

# When uploads were last tidied.
_tidied = -pace.TIDY_EVERY


@functools.cache
def store() -> Store:
    """Return the store, in the folder `DISTILL_STORE` or the user's cache folder."""
    store = Store()
    uploads.use(store)
    return store


@functools.cache
def engine() -> Engine:
    """Return the engine with its warm workers."""
    return start_engine(store())


def tidy() -> None:
    """Delete uploads whose visitors left without a word; at most once in a while."""
    global _tidied
    if time.monotonic() > _tidied + pace.TIDY_EVERY:
        _tidied = time.monotonic()
        uploads.expire(store())


def warm_up(modules: Sequence[str]) -> None:
    """Load what the first visitor would otherwise wait for, and begin what they will see first.

    The default lesson is work ahead: it waits while a visitor is there. `DISTILL_WARM=0`
    leaves it at the ensemble.

    Parameters
    ----------
    modules : sequence of str
        What the pages import; loaded before anybody waits for it.
    """
    store().sweep()
    tidy()
    stages = lessons.train_ahead(engine(), lessons.lesson(lessons.DEFAULT))
    first = next(stages)
    if os.environ.get("DISTILL_WARM") != "0":
        threading.Thread(
            target=_go_on, args=(first, stages), name="train-ahead", daemon=True
        ).start()
    for name in modules:
        importlib.import_module(name)
    problems.load_window(PlaneSpec(), DatasetSpec())


def _go_on(first: list[Job], stages: Iterator[list[Job]]) -> None:
    # When the engine is closed, jobs end and requests are refused: nothing is left to do.
    with contextlib.suppress(EngineError):
        for stage in itertools.chain([first], stages):
            for job in stage:
                job.wait()
