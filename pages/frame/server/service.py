"""The one store and the one engine that all visitors of this server share."""

import contextlib
import functools
import importlib
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence

from distill_core import eviction, lessons, uploads
from distill_core.cached_store import CachedStore
from distill_core.engine import Engine, EngineError, Job
from distill_core.geometry import problems
from distill_core.jobs import lessons as pictures
from distill_core.jobs import start_engine
from distill_core.specs import DatasetSpec, PlaneSpec
from distill_core.store import Store, StoreError
from pages.frame.server import pace

# Seconds that a job of a visitor may take, all its attempts together.
TIME_LIMIT = float(os.environ.get("DISTILL_JOB_SECONDS") or 180)

_log = logging.getLogger(__name__)

# When the store was last tidied, and when it was last measured, by a clock that only runs forward.
_tidied = _measured = -pace.TIDY_EVERY


@functools.cache
def store() -> Store:
    """Return the store, in the folder `DISTILL_STORE` or the user's cache folder."""
    store = CachedStore()
    uploads.use(store)
    return store


@functools.cache
def engine() -> Engine:
    """Return the engine with its warm workers."""
    return start_engine(store(), time_limit=TIME_LIMIT)


@functools.cache
def sign_in() -> str:
    """Return the name under which uploads of this server's visitors are kept."""
    return uploads.sign_in(store())


def tidy() -> None:
    """Delete uploads whose visitors left without a word, and what the store has too much.

    Called often, by a timer; each of these is done once in a while. Uploads whose server has
    ended are deleted when another one starts.
    """
    global _tidied, _measured
    now = time.monotonic()
    if now > _tidied + pace.TIDY_EVERY:
        _tidied = now
        uploads.expire(store())
        uploads.delete_abandoned(store())
        store().sweep()
    limit = eviction.read_limit()
    if limit is not None and now > _measured + pace.MEASURE_EVERY:
        _measured = now
        eviction.evict(store(), limit, _list_lesson())


@functools.cache
def _list_lesson() -> frozenset[str]:
    return frozenset(pictures.list_digests(pictures.lesson(pictures.DEFAULT)))


def warm_up(modules: Sequence[str]) -> None:
    """Load what the first visitor would otherwise wait for, and begin what they will see first.

    The first picture's ensemble and stops, then the lesson, are work ahead: they wait while a
    visitor is there. With `DISTILL_WARM=0` nothing is trained before somebody asks.

    Parameters
    ----------
    modules : sequence of str
        What the pages import; loaded before anybody waits for it.
    """
    # A limit that is no size is said before anybody relies on it.
    eviction.read_limit()
    # Before this server has a name of its own in the store: what others left goes at once.
    try:
        uploads.delete_abandoned(store())
        store().sweep(at_once=True)
        sign_in()
        tidy()
    except (StoreError, OSError):
        # Visitors are told when something cannot be stored; what can be read is still there.
        _log.exception("The store could not be tidied.")
    stages = itertools.chain(
        pictures.train_ahead(engine(), pictures.lesson(pictures.DEFAULT)), _train_lesson()
    )
    if os.environ.get("DISTILL_WARM") != "0":
        first = next(stages)
        threading.Thread(
            target=_go_on, args=(first, stages), name="train-ahead", daemon=True
        ).start()
    for name in modules:
        importlib.import_module(name)
    problems.load_window(PlaneSpec(), DatasetSpec())


def _train_lesson() -> Iterator[list[Job]]:
    """Yield the work ahead of the first lesson; none where its file cannot be used."""
    with contextlib.suppress(lessons.LessonError):
        yield from lessons.train_ahead(engine(), store(), lessons.load(lessons.DEFAULT))


def _go_on(first: list[Job], stages: Iterator[list[Job]]) -> None:
    # When the engine is closed, jobs end and requests are refused: nothing is left to do.
    with contextlib.suppress(EngineError):
        for stage in itertools.chain([first], stages):
            for job in stage:
                job.wait()
