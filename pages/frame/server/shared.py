"""Messages that are built once and sent to all visitors who ask for the same.

A class looks at the same settings. What a setting determines - the picture, its charts - is kept
as the bytes that go to the browser; nothing of a visitor's own data is ever kept here.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from distill_core.specs import DatasetSpec

# Bytes kept in all: about a thousand pictures with their charts.
LIMIT = 32_000_000

_kept: OrderedDict[Hashable, bytes] = OrderedDict()
_lock = threading.Lock()
_size = 0


def build(key: Hashable | None, make: Callable[[], bytes]) -> bytes:
    """Return what is kept under a key, or make and keep it; without a key it is not kept.

    The key says everything on which the message depends. The least recently used go first.
    """
    global _size
    if key is None:
        return make()
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    # Two who come at once both make it; nobody waits for the other.
    message = make()
    with _lock:
        if key not in _kept:
            _kept[key] = message
            _size += len(message)
        while _size > LIMIT:
            _size -= len(_kept.popitem(last=False)[1])
    return message


def say(key: Hashable | None, make: Callable[[], str]) -> str:
    """Return a sentence as `build` returns a message."""
    return build(key, lambda: make().encode()).decode()


def find(key: Hashable | None) -> bytes | None:
    """Return what is kept under a key, if there is anything."""
    with _lock:
        message = None if key is None else _kept.get(key)
        if message is not None:
            _kept.move_to_end(key)
        return message


def name(dataset: DatasetSpec, *parts: Hashable) -> Hashable | None:
    """Return a key for `build` of what belongs to a dataset; None for a visitor's own data."""
    return None if dataset.table is not None else parts
