"""A visitor who costs the measuring process little: a socket, a tab's memory, no browser."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect

from tests.visitor import Tab, has_ended

# Seconds after which an answer counts as none.
PATIENCE = 60.0
# Seconds of rest before a browser fetches what lies one stop further (`preview.js` REST_MS).
REST = 0.3


class LimitError(RuntimeError):
    """A run wants more of this machine than it may have."""


@dataclass
class Tally:
    """What a crowd has been answered; all that is measured lies between `begin` and `end`.

    Parameters
    ----------
    most : int
        Messages and requests that all visitors together may send.
    """

    most: int
    n_sent: int = 0
    joins: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    # Set when all have come, pages in Chromium included.
    all_there: asyncio.Event = field(default_factory=asyncio.Event)
    # Called when what is measured begins.
    on_watch: Callable[[], None] = lambda: None

    @property
    def n_served(self) -> int:
        """How many have their picture, or an error in its place."""
        return len(self.joins) + len(self.errors)

    async def wait_for(self, n: int, seconds: float) -> None:
        """Wait until so many are served, but not for longer."""
        end = time.monotonic() + seconds
        while self.n_served < n and time.monotonic() < end:
            await asyncio.sleep(0.05)

    def watch(self) -> None:
        """Begin to measure."""
        self.on_watch()

    def count(self) -> None:
        """Take note that something is sent.

        Raises
        ------
        LimitError
            When that is more than the run may send.
        """
        self.n_sent += 1
        if self.n_sent > self.most:
            raise LimitError(f"A run sends at most {self.most:,} messages.")

    def forget(self) -> None:
        """Begin anew: what came before was no part of what is measured."""
        for figures in (self.joins, self.answers, self.ended):
            figures.clear()


class LightVisitor:
    """One tab, as long as it is open.

    Parameters
    ----------
    address : str
        Of the server.
    source : str
        The visitor's own address, in 127.0.0.0/8.
    tally : Tally
        What everybody adds to.
    tab : Tab
        The page.
    """

    def __init__(self, address: str, source: str, tally: Tally, tab: Tab) -> None:
        self._address, self._source = urlsplit(address), source
        self._tally = tally
        self.tab = tab
        self._socket: ClientConnection | None = None
        self._changed = asyncio.Event()
        self._known: set[str] = set()
        self._n_pictures = self._n_ended = self._n_asked = 0
        self._follows = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._way: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> "LightVisitor":
        """Open the socket."""
        self._socket = await connect(
            f"ws://{self._address.netloc}{self._address.path.rstrip('/')}/_stcore/stream",
            local_addr=(self._source, 0),
            subprotocols=["streamlit"],  # type: ignore[list-item]
            origin=f"http://{self._address.netloc}",  # type: ignore[arg-type]
            compression=None,
            max_size=None,
            open_timeout=PATIENCE,
            close_timeout=1,
        )
        self._start(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it, as a tab does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._way is not None:
            self._way[1].close()
        if self._socket is not None:
            with contextlib.suppress(Exception):
                await self._socket.close()

    async def join(self) -> None:
        """Open the page, and wait until its picture is there."""
        began = time.monotonic()
        await self._send(self.tab.ask())
        await self._wait(lambda: self._n_pictures > 0 and self._is_ready())
        self._tally.joins.append(time.monotonic() - began)

    async def open(self) -> None:
        """Open a page that need not have a picture, and wait until it has run."""
        await self._send(self.tab.ask())
        await self._wait(lambda: self._n_ended > 0)

    async def reopen(self) -> None:
        """Leave and come back as somebody else."""
        await self.__aexit__()
        self.__init__(  # type: ignore[misc]
            self._address.geturl(), self._source, self._tally, Tab(urlencode(self.tab.first))
        )
        await self.__aenter__()
        await self.join()

    async def press(self, label: str) -> None:
        """Press a button if it is there, and wait until the page has run."""
        if label in self.tab.widgets:
            ended = self._n_ended
            await self._send(self.tab.ask({label: {"triggerValue": True}}))
            await self._wait(lambda: self._n_ended > ended)

    async def follow(self, goes_on: Callable[[], bool]) -> None:
        """Run again what the page has asked to be run again from time to time, as browsers do."""
        self._follows = True
        while goes_on() and self.tab.repeated:
            began = time.monotonic()
            id, seconds = self.tab.repeated
            await asyncio.sleep(seconds)
            ended = self._n_ended
            await self._send(self.tab.ask(fragment=id))
            await self._wait(lambda ended=ended: self._n_ended > ended)
            self._tally.answers.append(time.monotonic() - began - seconds)

    async def move(self, label: str, stop: str) -> None:
        """Move a slider, and wait until the picture of that very setting is there."""
        way = self.tab.picture["preview"]["sliders"][label]["way"]
        await self.set_to({label: {"stringArrayValue": {"data": [stop]}}}, (way, float(stop)))

    async def set_to(
        self, values: Mapping[str, Any], wanted: tuple[list[str], float] | None = None
    ) -> None:
        """Set widgets, and wait for a picture, and that it is the one that was asked for."""
        began, before, ended = time.monotonic(), self._n_pictures, self._n_ended
        await self._send(self.tab.ask(values))

        def is_there() -> bool:
            if self._n_pictures == before or not self._is_ready():
                return False
            return (
                wanted is None
                or _find(self.tab.picture["preview"]["picture"], wanted[0]) == (wanted[1])
            )

        await self._wait(is_there)
        self._tally.answers.append(time.monotonic() - began)
        self._start(self._read_ahead())
        self._start(self._note_end(began, ended))

    async def pass_by(self, label: str, stop: str) -> None:
        """Move a slider on without waiting, as a hand does: its line alone is asked for."""
        way = self.tab.picture["preview"]["sliders"][label]["way"]
        picture = _change(self.tab.picture["preview"]["picture"], way, float(stop))
        self._start(self._ask_line(picture, {}))
        await self._send(self.tab.move(label, stop))

    def list_stops(self, label: str) -> tuple[list[str], int]:
        """Return the stops of a slider and at which one it stands."""
        row = self.tab.picture["preview"]["sliders"][label]
        here = _find(self.tab.picture["preview"]["picture"], row["way"])
        return self.tab.widgets[label].options, row["stops"].index(here)

    def _is_ready(self) -> bool:
        return self.tab.picture.get("state") == "ready" and bool(self.tab.picture["preview"])

    async def _note_end(self, began: float, ended: int) -> None:
        with contextlib.suppress(TimeoutError):
            await self._wait(lambda: self._n_ended > ended)
            self._tally.ended.append(time.monotonic() - began)

    async def _read_ahead(self) -> None:
        """Fetch what lies one stop to each side of every slider, as `preview.js` does."""
        n_pictures = self._n_pictures
        await asyncio.sleep(REST)
        if self._n_pictures != n_pictures:
            return
        query = urlencode({"visitor": self.tab.visitor, "student": self.tab.picture["student"]})
        await self._ask(f"/boundary-view/beside?{query}")

    async def _ask_line(self, picture: dict[str, Any], more: dict[str, Any]) -> None:
        text = json.dumps(picture, separators=(",", ":"))
        if text in self._known:
            return
        query = urlencode({"visitor": self.tab.visitor, "picture": text, **more})
        if await self._ask(f"/boundary-view/student?{query}") == 200:
            self._known.add(text)

    async def _ask(self, path: str) -> int:
        """Ask one of the live view's routes; return the status of the answer."""
        try:
            status, body = await self._get(path)
        except (asyncio.IncompleteReadError, ConnectionError):
            # Closed while the question was on its way; a browser asks once more, too.
            status, body = await self._get(path)
        if status not in (200, 204, 429):
            self._tally.errors.append(f"the line: {status} {body[:80]!r}")
        return status

    async def _get(self, path: str) -> tuple[int, bytes]:
        """Ask over HTTP, all with one connection."""
        self._tally.count()
        way, self._way = self._way, None
        if way is not None and way[0].at_eof():
            # The server closes a connection that has been silent for some seconds.
            way[1].close()
            way = None
        if way is None:
            host, port = self._address.hostname, self._address.port
            way = await asyncio.open_connection(host, port, local_addr=(self._source, 0))
        reader, writer = way
        base = self._address.path.rstrip("/")
        head = f"GET {base}{path} HTTP/1.1\r\nHost: {self._address.netloc}\r\n\r\n"
        try:
            writer.write(head.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length:")[2].partition("\r\n")[0]
            body = await reader.readexactly(int(length or 0))
        except BaseException:
            writer.close()
            raise
        if self._way is None:
            self._way = reader, writer
        else:
            writer.close()
        return int(head.split()[1]), body

    async def _repeat(self, asked: int, part: tuple[str, float]) -> None:
        """Run a part of the page again, unless the visitor does something else before."""
        await asyncio.sleep(part[1])
        if self._n_asked == asked and self.tab.repeated == part:
            await self._send(self.tab.ask(fragment=part[0]))

    async def _send(self, message: bytes) -> None:
        self._tally.count()
        self._n_asked += 1
        assert self._socket is not None
        await self._socket.send(message)

    async def _listen(self) -> None:
        assert self._socket is not None
        async for data in self._socket:
            before = self.tab.picture
            message = self.tab.take(data)  # type: ignore[arg-type]
            if self.tab.picture is not before:
                self._n_pictures += 1
            elif has_ended(message):
                self._n_ended += 1
                if self.tab.repeated and not self._follows:
                    self._start(self._repeat(self._n_asked, self.tab.repeated))
            elif _is_error(message):
                self._tally.errors.append(str(message.delta)[:200])
            else:
                continue
            self._changed.set()
            self._changed = asyncio.Event()
        self._tally.errors.append(f"closed: {self._socket.close_code} {self._socket.close_reason}")

    async def _wait(self, is_there: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_there():
                await self._changed.wait()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._tally.errors.append(f"{type(error).__name__} {error}")


def _is_error(message: Any) -> bool:
    if message.WhichOneof("type") != "delta":
        return False
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    return kind == "exception" or (kind == "alert" and element.alert.format == element.alert.ERROR)


def _find(tree: Any, way: list[str]) -> Any:
    for key in way:
        tree = tree[key]
    return tree


def _change(tree: dict[str, Any], way: list[str], value: Any) -> dict[str, Any]:
    key, *inner = way
    return {**tree, key: _change(tree[key], inner, value) if inner else value}
