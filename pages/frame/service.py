"""The one store and the one engine that all visitors of this server share."""

import functools

from distill_core import problems
from distill_core.engine import Engine
from distill_core.specs import DatasetSpec, PlaneSpec
from distill_core.store import Store


@functools.cache
def store() -> Store:
    """Return the store, in the folder `DISTILL_STORE` or the user's cache folder."""
    return Store()


@functools.cache
def engine() -> Engine:
    """Return the engine with its warm workers."""
    return Engine(store())


def warm_up() -> None:
    """Load what the first visitor would otherwise wait for."""
    store().sweep()
    engine()
    problems.load_window(PlaneSpec(), DatasetSpec())
