"""What every HTTP answer of the server gets: security headers, and short static files."""

import base64
import functools
import gzip
import hashlib
import logging
from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.frame.server import framing, front
from pages.frame.server.origins import is_own_name

_STREAMLIT = Path(streamlit.__file__).parent / "static"
_MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

_log = logging.getLogger(__name__)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
if not framing.ANCESTORS:
    # For browsers that do not know frame-ancestors; it cannot name others.
    HEADERS["X-Frame-Options"] = "SAMEORIGIN"


class SecurityHeaders:
    """Middleware that adds the same security headers to every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["Content-Security-Policy"] = policy(Headers(scope=scope).get("host", ""))
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            if begun:
                raise
            _log.exception("A request could not be answered.")
            answer = PlainTextResponse("This request could not be answered.", 500)
            await answer(scope, receive, send_with_headers)


@functools.lru_cache(maxsize=32)
def policy(host: str) -> str:
    """Return what a page of this server may load and whom it may ask.

    The page's inline scripts, Streamlit's and ours, are named by their hashes; it imports
    components from blob addresses; its styles are inline. Everything else comes from this server,
    and nothing goes elsewhere.

    Parameters
    ----------
    host : str
        The request's Host; a name that is not this server's is left out.
    """
    # Older browsers do not count sockets to the same host as 'self'.
    sockets = f" ws://{host} wss://{host}" if is_own_name(host) else ""
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' {' '.join(_hash_inline_scripts())} blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' data: blob:{sockets}",
            "worker-src 'self' blob:",
            " ".join(["frame-ancestors 'self'", *framing.ANCESTORS]),
            "form-action 'self'",
            "base-uri 'self'",
            "object-src 'none'",
        ]
    )


@functools.cache
def _hash_inline_scripts() -> list[str]:
    """Return the hashes of the scripts that stand in the page itself."""
    digests = [hashlib.sha256(script.encode()).digest() for script in front.list_inline_scripts()]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


class CompressedStatic:
    """Middleware that sends Streamlit's own scripts and styles gzipped.

    Streamlit leaves them as they are, and compressing at every request would cost more than
    it saves: here each file is compressed once and kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            _, _, name = scope["path"].rpartition("/static/")
            path = _files().get(name) if scope["method"] == "GET" else None
            if path is not None:
                headers = {
                    "Content-Encoding": "gzip",
                    "Vary": "Accept-Encoding",
                    # The names hold a digest of the content.
                    "Cache-Control": "public, max-age=31536000, immutable",
                }
                media_type = _MEDIA_TYPES[path.suffix]
                response = Response(_compress(path), headers=headers, media_type=media_type)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def compress() -> None:
    """Compress what every page loads now, so that the first visitor does not wait for it."""
    for name in front.list_scripts():
        _compress(_files()[f"js/{name}"])


@functools.cache
def _files() -> dict[str, Path]:
    """Return all files that are sent compressed, by their names below `/static/`.

    Only these are ever looked up: an invented name costs nothing and is not remembered.
    """
    folder = _STREAMLIT / "static"
    found = [path for path in folder.rglob("*") if path.suffix in _MEDIA_TYPES and path.is_file()]
    return {path.relative_to(folder).as_posix(): path for path in found}


@functools.cache
def _compress(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6, mtime=0)
