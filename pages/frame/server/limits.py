"""What visitors may take of the server: sockets, messages, their size, the time they block it."""

import asyncio
import collections
import contextlib
import ipaddress
import os
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.frame.server.origins import refuse

# Open sockets in all and from one address: a class behind one address must find a place.
MAX_SOCKETS = int(os.environ.get("DISTILL_SOCKETS") or 300)
MAX_PER_ADDRESS = int(os.environ.get("DISTILL_SOCKETS_PER_ADDRESS") or 120)
# Sockets that an address may open in one go, and per second after that: a class may come at once,
# but nobody all the time.
MANY_AT_ONCE, MORE_PER_SECOND = 120.0, 10.0
# Addresses of which is remembered when they opened sockets.
MAX_ADDRESSES = 4096
# Bytes. What our pages send is far shorter; files come another way.
MAX_BYTES = 256 * 1024
# Messages that a socket may send in one go, and per second after that. A study that is watched
# asks 2.5 times a second, a key that is held on a slider 5 times.
BURST, PER_SECOND = 60.0, 8.0
# Seconds between two messages of one socket on their way to the page, once it has sent
# `AT_ONCE` in a row.
SPACING, AT_ONCE = 0.12, 8.0
# Seconds for which a message may wait for a client that does not read.
READ_PATIENCE = 20.0
# Seconds that the event loop is late when too many pages run at once.
LATE = 0.05
# Seconds between two messages that are let in however late the loop is: about what a run takes.
AT_LEAST = 0.06
# Seconds between two looks how late the loop is, while somebody waits.
LOOK = 0.01

_POLICY_VIOLATION, _TOO_BIG, _TRY_LATER = 1008, 1009, 1013


class Bucket:
    """So many at once, so many per second after that.

    Parameters
    ----------
    burst, rate : float
        How many at once, and how many more each second.
    now : float
        Seconds, as in all methods; the bucket reads no clock.
    """

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._then = burst, now

    def take(self, now: float) -> bool:
        """Take one; say whether there was one."""
        self._left = min(self._burst, self._left + (now - self._then) * self._rate)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def wait(self, now: float) -> float:
        """Take one in any case; return how many seconds it takes until it is there."""
        self._left = min(self._burst, self._left + (now - self._then) * self._rate) - 1
        self._then = now
        return max(0.0, -self._left / self._rate)


class Turnstile:
    """Lets messages in one by one while the event loop is late, one address after the other.

    A message usually runs a page, in a thread of its own. When many run, nobody gets an answer:
    so the next waits until the loop, which all of them hold up, is on time again.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, collections.deque[asyncio.Future[None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._last = 0.0

    async def enter(self, address: str) -> None:
        """Wait for this address's turn."""
        now = time.monotonic()
        if not self._waiting and now - self._last > LATE + LOOK:
            self._last = now
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, collections.deque()).append(turn)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._let_in())
        await turn

    async def _let_in(self) -> None:
        while self._waiting:
            before = time.monotonic()
            await asyncio.sleep(LOOK)
            now = time.monotonic()
            if now - before - LOOK < LATE or now - self._last > AT_LEAST:
                self._let_in_next(now)

    def _let_in_next(self, now: float) -> None:
        while self._waiting:
            address, turns = next(iter(self._waiting.items()))
            del self._waiting[address]
            turn = turns.popleft()
            if turns:
                # To the end: the other addresses come first.
                self._waiting[address] = turns
            if not turn.done():
                self._last = now
                turn.set_result(None)
                return


class SocketLimits:
    """Middleware that keeps every socket within its bounds, and closes those that pass them.

    Streamlit runs a page for each message that comes, and uvicorn queues as many as there are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._turnstile = Turnstile()
        self._arrivals: dict[str, Bucket] = {}
        self.open: collections.Counter[str] = collections.Counter()
        self.closed: collections.Counter[str] = collections.Counter()
        limits.append(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a socket, until it ends."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        address = name_of(scope)
        if self.open.total() >= MAX_SOCKETS or self.open[address] >= MAX_PER_ADDRESS:
            self.closed["too many sockets"] += 1
            sentence = "So many pages are open here that there is no place for another one now."
            await refuse(503, sentence)(scope, receive, send)
            return
        if not self._may_come(address, time.monotonic()):
            self.closed["too many sockets"] += 1
            sentence = f"At most {MORE_PER_SECOND:.0f} pages a second are opened from one address."
            await refuse(503, sentence)(scope, receive, send)
            return
        self.open[address] += 1
        socket = _Socket(receive, send, self._turnstile, address, self._note)
        reading = asyncio.create_task(socket.read())
        try:
            await self._app(scope, socket.receive, socket.send)
        finally:
            reading.cancel()
            self.open[address] -= 1
            if not self.open[address]:
                del self.open[address]

    def _may_come(self, address: str, now: float) -> bool:
        """Say whether an address has not opened too many sockets in the last seconds."""
        # The latest last, so that the first is the one to be forgotten.
        bucket = self._arrivals.pop(address, None) or Bucket(MANY_AT_ONCE, MORE_PER_SECOND, now)
        self._arrivals[address] = bucket
        if len(self._arrivals) > MAX_ADDRESSES:
            del self._arrivals[next(iter(self._arrivals))]
        return bucket.take(now)

    def _note(self, why: str) -> None:
        self.closed[why] += 1


# The one that this server has, for its figures.
limits: list[SocketLimits] = []


class _Socket:
    """One socket between the server and the app."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        turnstile: Turnstile,
        address: str,
        note: Callable[[str], None],
    ) -> None:
        self._receive, self._send = receive, send
        self._turnstile, self._address, self._note = turnstile, address, note
        now = time.monotonic()
        self._arrivals = Bucket(BURST, PER_SECOND, now)
        self._runs = Bucket(AT_ONCE, 1 / SPACING, now)
        self._messages: collections.deque[Message] = collections.deque()
        self._end: Message | None = None
        self._changed = asyncio.Event()

    async def read(self) -> None:
        """Take what comes at once, so that a flood is seen before it is worked off."""
        while self._end is None:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._finish(message)
            elif message["type"] == "websocket.receive":
                await self._take(message)
            else:
                self._messages.append(message)
            self._changed.set()

    async def receive(self) -> Message:
        """Return the next message when it is its turn; the end comes before all that waits."""
        while self._end is None and not self._messages:
            self._changed.clear()
            await self._changed.wait()
        if self._end is None and self._messages[0]["type"] == "websocket.receive":
            if pause := self._runs.wait(time.monotonic()):
                await self._pause(pause)
            if self._end is None:
                await self._turnstile.enter(self._address)
        return self._end or self._messages.popleft()

    async def send(self, message: Message) -> None:
        """Send a message; give up a client that does not read."""
        if self._end is not None:
            # Starlette takes an OSError for a client that has gone.
            raise OSError("The socket is closed.")
        try:
            async with asyncio.timeout(READ_PATIENCE):
                await self._send(message)
        except TimeoutError:
            self._note("does not read")
            self._finish({"type": "websocket.disconnect", "code": _TRY_LATER})
            raise OSError("The client does not read.") from None
        except RuntimeError as error:
            # Uvicorn has closed it meanwhile, as nobody answered whether they are still there.
            self._finish({"type": "websocket.disconnect", "code": _TRY_LATER})
            raise OSError("The socket is closed.") from error

    async def _take(self, message: Message) -> None:
        size = len(message.get("bytes") or message.get("text") or "")
        if size > MAX_BYTES:
            sentence = f"A message has at most {MAX_BYTES:,} bytes, got {size:,}."
            await self._close(_TOO_BIG, sentence, "too long a message")
        elif not self._arrivals.take(time.monotonic()):
            sentence = f"At most {BURST:.0f} messages at once and {PER_SECOND:.0f} a second."
            await self._close(_POLICY_VIOLATION, sentence, "too many messages")
        else:
            self._messages.append(message)

    async def _close(self, code: int, reason: str, note: str) -> None:
        self._note(note)
        self._finish({"type": "websocket.disconnect", "code": code, "reason": reason})
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(READ_PATIENCE):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def _finish(self, end: Message) -> None:
        self._end = self._end or end
        self._messages.clear()
        self._changed.set()

    async def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._end is None and (left := end - time.monotonic()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()


def name_of(scope: Scope) -> str:
    """Return the address that a request counts for: of IPv6, the network of one customer."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
