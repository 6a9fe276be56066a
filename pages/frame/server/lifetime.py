"""From the server's start to its end: what is done every few seconds, and what must end with it."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from streamlit import config

from pages.frame.server import connections, pace, service, upload_expiry, upload_room, visitors

_log = logging.getLogger(__name__)
_ending = threading.Lock()


@asynccontextmanager
async def live(modules: Sequence[str], upload_limit: int) -> AsyncIterator[None]:
    """Start the workers before the first visitor comes, end all that the server began.

    Parameters
    ----------
    modules : sequence of str
        What the pages import; loaded before anybody waits for it.
    upload_limit : int
        Bytes of a file that a visitor may send.
    """
    connections.guard()
    sys.setswitchinterval(pace.SWITCH)
    upload_room.let_in(upload_limit)
    _hear_signals()
    service.warm_up(modules)
    keeping_house = asyncio.create_task(_keep_house())
    # Streamlit's own welcome, which is turned off, would have it ask a third party for its address.
    print(f"\n  The app: http://localhost:{config.get_option('server.port')}\n", flush=True)
    try:
        yield
    finally:
        keeping_house.cancel()
        end()


def end() -> None:
    """Delete what visitors uploaded and end the workers; again does nothing.

    Streamlit's server ends by the signal that it was sent, past Python's exit handlers.
    """
    with _ending:
        # Workers first: what they would still put of an upload is refused, but not needed.
        service.engine().close()
        upload_expiry.delete_all()


def _hear_signals() -> None:
    """Let a signal that ends the server also set the clock for it."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        usual = signal.getsignal(number)

        def handle(number: int, frame: FrameType | None, usual: Any = usual) -> None:
            threading.Thread(target=_end_in_time, name="end", daemon=True).start()
            if callable(usual):
                usual(number, frame)

        signal.signal(number, handle)


def _end_in_time() -> None:
    """End the process when its own ending, which waits for connections, takes too long."""
    end()
    time.sleep(pace.END_PATIENCE)
    _log.warning("The server did not end by itself within %.0f s.", pace.END_PATIENCE)
    os._exit(0)


async def _keep_house() -> None:
    """Look after what nobody else does, in a thread beside the loop."""
    while True:
        await asyncio.sleep(pace.LOOK_EVERY)
        try:
            await asyncio.to_thread(_look_around)
        except Exception:
            _log.exception("What is done every few seconds failed.")


def _look_around() -> None:
    visitors.dismiss_absent()
    with contextlib.suppress(OSError):
        service.tidy()
