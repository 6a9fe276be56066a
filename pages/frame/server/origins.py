"""Who may speak to this server: checked first, from the request alone, without any look-up."""

import asyncio
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from pages.frame.server import pace

# Names below these are given inside a network, so no web site can have one of them.
_INSIDE = (".localhost", ".local", ".lan", ".internal", ".home.arpa")

_HOST = (
    "This server does not answer to the name in the request's Host header. Numeric addresses and "
    "names inside a network are allowed; whoever runs the server allows others in "
    "server.allowedHosts."
)
_ORIGIN = (
    "This request comes from a page of another site. Whoever runs the server allows other sites "
    "in server.corsAllowedOrigins."
)


class HostsAndOrigins:
    """Middleware that refuses requests under foreign names and from foreign pages.

    A page of another site whose name points to this server (DNS rebinding) would otherwise act
    as the visitor. Streamlit checks the Host of sockets alone, and for a foreign Origin it asks
    a third party for its own public address, on the event loop.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say why not."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_own_name(hosts[0]):
            answer = refuse(421, _HOST)
        elif not all(is_own_page(origin, hosts[0]) for origin in headers.getlist("origin")):
            answer = refuse(403, _ORIGIN)
        else:
            await self._app(scope, receive, send)
            return
        # Who asks again after each refusal then asks less often, and costs others less.
        await asyncio.sleep(pace.REFUSED_AFTER)
        await answer(scope, receive, send)


def is_own_name(host: str) -> bool:
    """Say whether a Host header names this server.

    Those in Streamlit's `server.allowedHosts`, and else every address and name that no page of
    the web can have: numbers, names without a dot, names inside a network.
    """
    allowed: list[str] = config.get_option("server.allowedHosts")
    if allowed:
        return is_host_allowed(host)
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if name is None or parts.netloc != host or "@" in host or not host.isascii():
        return False
    name = name.rstrip(".")
    if any(not (c.isalnum() or c in "-._:") for c in name):
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(_INSIDE))
    return True


def is_own_page(origin: str, host: str) -> bool:
    """Say whether an Origin header is a page of this server or of a site that is allowed.

    All are where whoever runs the server has turned `server.enableCORS` off.
    """
    if not config.get_option("server.enableCORS"):
        return True
    if origin in {one.strip() for one in config.get_option("server.corsAllowedOrigins")}:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def refuse(status: int, sentence: str) -> ASGIApp:
    """Return an answer, to a request or a handshake, that says why there is no other."""
    return PlainTextResponse(sentence, status)
