"""What every HTTP answer of the server gets: security headers, and short static files."""

import functools
import gzip
from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STATIC = Path(streamlit.__file__).parent / "static" / "static"
_MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

# Streamlit's page has one inline script and imports components from blob addresses; its
# styles are inline. Everything else comes from this server, and nothing goes elsewhere.
_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob: ws: wss:",
        "worker-src 'self' blob:",
        "frame-ancestors 'self'",
        "form-action 'self'",
        "base-uri 'self'",
        "object-src 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
}


class SecurityHeaders:
    """Middleware that adds the same security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


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
            body = _compressed(name) if scope["method"] == "GET" else None
            if body is not None:
                headers = {
                    "Content-Encoding": "gzip",
                    "Vary": "Accept-Encoding",
                    # The names hold a digest of the content.
                    "Cache-Control": "public, max-age=31536000, immutable",
                }
                media_type = _MEDIA_TYPES[Path(name).suffix]
                response = Response(body, headers=headers, media_type=media_type)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


@functools.lru_cache(maxsize=1024)
def _compressed(name: str) -> bytes | None:
    path = _STATIC / name
    inside = path.resolve().is_relative_to(_STATIC.resolve())
    if not inside or path.suffix not in _MEDIA_TYPES or not path.is_file():
        return None
    return gzip.compress(path.read_bytes(), 6, mtime=0)
