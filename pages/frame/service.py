"""The one store and the one engine that all visitors of this server share."""

import functools
import importlib

from distill_core import jobs, problems
from distill_core.engine import Engine
from distill_core.specs import DatasetSpec, PictureSpec, PlaneSpec
from distill_core.store import Store

# What the pages import; loaded before anybody waits for it.
_MODULES = ("pages.frame.evidence", "pages.frame.study", "plotly.graph_objects")


@functools.cache
def store() -> Store:
    """Return the store, in the folder `DISTILL_STORE` or the user's cache folder."""
    return Store()


@functools.cache
def engine() -> Engine:
    """Return the engine with its warm workers."""
    return Engine(store())


def warm_up() -> None:
    """Load what the first visitor would otherwise wait for, and begin what they will see first.

    The default picture is work ahead: a visitor who wants something else goes first.
    """
    store().sweep()
    engine()
    for part in PictureSpec().student.ensemble.parts:
        engine().request(None, jobs.ensemble_part, part, kind="ensemble-part")
    for name in _MODULES:
        importlib.import_module(name)
    problems.load_window(PlaneSpec(), DatasetSpec())
