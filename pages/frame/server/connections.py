"""Connections that ask for nothing or read nothing: before and below what the app is asked."""

import asyncio
import os
import socket
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from pages.frame.server import upload_room
from pages.frame.server.limits import name_of

# Open connections in all and from one address. A browser has up to seven for one page.
MAX_CONNECTIONS = int(os.environ.get("DISTILL_CONNECTIONS") or 1500)
MAX_PER_ADDRESS = int(os.environ.get("DISTILL_CONNECTIONS_PER_ADDRESS") or 600)
# Seconds in which a request's head must be there, and its body.
HEAD_PATIENCE, BODY_PATIENCE = 10.0, 60.0
# Bytes a second that a file has to come with, beside that: a slow line, but no standstill.
SLOWEST = 100_000
# Milliseconds after which the kernel gives up a peer that takes nothing of what is sent.
TAKES_NOTHING = 20_000

# By connection, the address that it comes from, and its next look at the clock.
_open: dict[asyncio.Transport, str] = {}
_timers: dict[asyncio.Transport, asyncio.TimerHandle] = {}


def guard() -> None:
    """Have every connection watched from its first moment; to be called once.

    An ASGI application hears of a connection when its first request is complete. Uvicorn waits
    for that without an end, so its protocol is taught to look at the clock.
    """
    # h11's or httptools', whichever is installed.
    protocol_class: Any = AutoHTTPProtocol
    if getattr(protocol_class, "is_guarded", False):
        return
    made, lost = protocol_class.connection_made, protocol_class.connection_lost

    def connection_made(protocol: Any, transport: asyncio.Transport) -> None:
        made(protocol, transport)
        _admit(protocol, transport)

    def connection_lost(protocol: Any, error: Exception | None) -> None:
        _forget(protocol.transport)
        lost(protocol, error)

    protocol_class.connection_made = connection_made
    protocol_class.connection_lost = connection_lost
    protocol_class.is_guarded = True


def count() -> int:
    """Return how many connections are open."""
    return sum(not transport.is_closing() for transport in _open)


def measure_patience(scope: Scope) -> float:
    """Return how many seconds the body of a request may take; a file has longer."""
    length = Headers(scope=scope).get("content-length", "")
    is_file = scope["method"] == "PUT" and upload_room.PATH.search(scope["path"])
    # What is larger than all files may be is refused before it comes.
    if not (is_file and length.isascii() and length.isdigit() and len(length) < 12):
        return BODY_PATIENCE
    return BODY_PATIENCE + int(length) / SLOWEST


def _admit(protocol: Any, transport: asyncio.Transport) -> None:
    # Of a socket, another protocol hears that it is lost.
    for other in [other for other in _open if other.is_closing()]:
        _forget(other)
    address = name_of({"client": protocol.client})
    if (
        len(_open) >= MAX_CONNECTIONS
        or sum(other == address for other in _open.values()) >= MAX_PER_ADDRESS
    ):
        transport.abort()
        return
    _open[transport] = address
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TAKES_NOTHING)
    _look_later(protocol, transport, None, 0)


def _forget(transport: asyncio.Transport) -> None:
    """Let go of a connection that is gone: its timer would keep all that it held."""
    _open.pop(transport, None)
    if (timer := _timers.pop(transport, None)) is not None:
        timer.cancel()


def _look_later(protocol: Any, transport: asyncio.Transport, before: Any, n_looks: int) -> None:
    loop = asyncio.get_running_loop()
    _timers[transport] = loop.call_later(HEAD_PATIENCE, _look, protocol, transport, before, n_looks)


def _look(protocol: Any, transport: asyncio.Transport, before: Any, n_looks: int) -> None:
    """End a connection that still waits for the same head, or too long for the same body."""
    _timers.pop(transport, None)
    is_socket_now = transport.get_protocol() is not protocol
    if transport.is_closing() or is_socket_now:
        # Gone, or a socket by now, which is limited elsewhere.
        return
    cycle = protocol.cycle
    is_waiting = cycle is None or cycle.response_complete or cycle.more_body
    n_looks = n_looks + 1 if is_waiting and cycle is before else 0
    head = cycle is None or cycle.response_complete
    if n_looks * HEAD_PATIENCE >= (HEAD_PATIENCE if head else measure_patience(cycle.scope)):
        transport.abort()
        return
    _look_later(protocol, transport, cycle, n_looks)
