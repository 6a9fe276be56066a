"""What the files of all visitors together may take: bytes on their way and in hand, tables read."""

import asyncio
import copyreg
import math
import os
import re
import threading
import time
import weakref

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config, runtime
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from pages.frame.server.origins import refuse

# Megabytes of files, and as many of tables that were read from them.
TOGETHER = int(os.environ.get("DISTILL_UPLOADS_TOGETHER") or 400)
# Where Streamlit takes files; the session is named in between.
PATH = re.compile(r"(?:^|/)_stcore/upload_file/([0-9a-f-]{36})/[^/]+$")

# Seconds of rest for each second that a piece of a file takes, and the most after one piece.
_REST, _LONGEST_REST = 1.0, 0.05

FULL = (
    f"This server holds as many files of visitors as it may, {TOGETHER:,} MB in all. Try again "
    "when others have left, or upload a part of the rows."
)
_held: weakref.WeakKeyDictionary[object, int] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def let_in(n_bytes: int) -> None:
    """Have Streamlit take files of so many bytes.

    Its own bound, in whole MB, counts what stands around a file on its way, too.
    """
    config.set_option("server.maxUploadSize", math.ceil(n_bytes / 1024**2) + 1)
    copyreg.pickle(UploadedFile, _share)


def _share(file: UploadedFile) -> tuple[type[UploadedFile], tuple[object, ...]]:
    """Say how a file is copied: its content, which nobody can change, is not.

    Streamlit copies the value of every widget at every run of a page, and 100 MB take 0.2 s in
    which nobody else is answered.
    """
    record = UploadedFileRec(file.file_id, file.name, file.type, file.getvalue())
    return UploadedFile, (record, file._file_urls)


class UploadRoom:
    """Middleware that refuses a file for which there is no room beside those of others.

    Streamlit bounds each file; each visitor could have one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._coming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "PUT" or not PATH.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        # Longer numbers take Python long to read.
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            await refuse(411, "A file comes with its length.")(scope, receive, send)
            return
        if self._coming + count_bytes() + int(length) > TOGETHER * 1024**2:
            await refuse(503, FULL)(scope, receive, send)
            return
        self._coming += int(length)
        try:
            await self._app(scope, _give_way(receive), send)
        finally:
            self._coming -= int(length)


def _give_way(receive: Receive) -> Receive:
    """Return a `receive` that comes back only after a rest, when a piece has been worked off.

    Streamlit takes a file apart on the thread that answers everybody. What is not yet received
    waits at its sender's.
    """
    came = math.nan

    async def receive_after_rest() -> Message:
        nonlocal came
        took = time.monotonic() - came
        if took > 0:
            await asyncio.sleep(min(_REST * took, _LONGEST_REST))
        message = await receive()
        came = time.monotonic()
        return message

    return receive_after_rest


def measure_free() -> int:
    """Return for how many bytes of files there is room."""
    return max(0, TOGETHER * 1024**2 - count_bytes())


def count_bytes() -> int:
    """Return how many bytes the files of all visitors have."""
    if not runtime.exists():
        return 0
    stats = runtime.get_instance().uploaded_file_mgr.get_stats()
    return sum(getattr(stat, "byte_length", 0) for family in stats.values() for stat in family)


def hold(table: object, n_bytes: int) -> bool:
    """Say whether there is room for a table; if so, count it until nobody has it any more."""
    with _lock:
        others = sum(size for one, size in _held.items() if one is not table)
        if others + n_bytes > TOGETHER * 1024**2:
            return False
        _held[table] = n_bytes
        return True
