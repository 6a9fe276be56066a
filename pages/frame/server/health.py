"""Seen from outside: is it alive, how much does it do, and what went wrong in which request."""

import asyncio
import ipaddress
import json
import logging
import os
import secrets
import shutil
import time
from contextvars import ContextVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.frame.server import connections, limits, service, visitors

# Who may read health and figures: "inside" this machine and its network, "all", or "none".
_OPEN_TO = os.environ.get("DISTILL_METRICS") or "inside"
_request: ContextVar[str] = ContextVar("request", default="-")
_log = logging.getLogger(__name__)


class Numbered:
    """Middleware that gives every request a number, for the log and in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        write_lines()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        number = secrets.token_hex(8)
        token = _request.set(number)

        async def send_with_number(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message)["X-Request-ID"] = number
                if message["status"] >= 400:
                    _log.info("%s answered with %d.", scope["type"], message["status"])
            elif message["type"] == "websocket.close" and message.get("reason"):
                _log.warning("A socket was closed: %s", message["reason"])
            await send(message)

        try:
            await self._app(scope, receive, send_with_number)
        finally:
            _request.reset(token)


class _Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": round(record.created, 3),
            "level": record.levelname,
            "where": record.name,
            "request": _request.get(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def write_lines() -> None:
    """Have this project's log written as JSON, one object a line, on the error stream.

    Nothing of a visitor's is in it: no address, no query, no name of a file or column.
    """
    for name in ("pages", "distill_core"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(_Lines())
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False

    # Uvicorn takes a refused handshake, which has an answer, for one that was forgotten.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "without completing handshake" not in record.getMessage()
    )


def health_routes() -> list[Route]:
    """Return the routes `/healthz` and `/metrics`."""
    return [Route("/healthz", _health), Route("/metrics", _metrics)]


def is_open_to(request: Request) -> bool:
    """Say whether who asks may know: by default, only from inside and not by way of a proxy."""
    if _OPEN_TO != "inside":
        return _OPEN_TO == "all"
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip")):
        return False
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_private
    except ValueError:
        return False


async def _health(request: Request) -> Response:
    if not is_open_to(request):
        return PlainTextResponse("Not found", 404)
    workers, is_writable, free = await asyncio.to_thread(_examine)
    is_well = workers > 0 and is_writable
    told = {"alive": True, "workers": workers, "store": is_writable, "free_bytes": free}
    return JSONResponse(told, 200 if is_well else 503)


def _examine() -> tuple[int, bool, int]:
    """Return how many workers live, and whether and how much can be stored."""
    root = service.store().root
    is_writable = os.access(root, os.W_OK)
    free = shutil.disk_usage(root).free if is_writable else 0
    return len(service.engine().worker_pids()), is_writable and free > 1_000_000, free


async def _metrics(request: Request) -> Response:
    if not is_open_to(request):
        return PlainTextResponse("Not found", 404)
    registry = CollectorRegistry()
    registry.register(_Figures())
    text = await asyncio.to_thread(generate_latest, registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """Reads the figures when they are asked for."""

    def collect(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        """Return all figures of this moment."""
        sockets = limits.limits[-1] if limits.limits else None
        gauges = {
            "visitors": visitors.count(),
            "connections": connections.count(),
            "sockets": sockets.open.total() if sockets else 0,
            "workers": len(service.engine().worker_pids()),
            "jobs_waiting_or_running": len(service.engine().jobs()),
            "store_free_bytes": shutil.disk_usage(service.store().root).free,
            "up_seconds": time.monotonic() - _BEGAN,
        }
        found: list[GaugeMetricFamily | CounterMetricFamily] = [
            GaugeMetricFamily(f"distill_{name}", name.replace("_", " "), value)
            for name, value in gauges.items()
        ]
        jobs = CounterMetricFamily("distill_jobs", "jobs that ended", labels=["kind", "outcome"])
        for kind, outcomes in service.engine().counts().items():
            for outcome, count in outcomes.items():
                jobs.add_metric([kind, outcome], count)
        closed = CounterMetricFamily("distill_sockets_closed", "sockets refused", labels=["why"])
        for why, count in (sockets.closed if sockets else {}).items():
            closed.add_metric([why], count)
        return [*found, jobs, closed]


_BEGAN = time.monotonic()
