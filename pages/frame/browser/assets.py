"""What the browser draws with, over HTTP: plotly.js, scripts, style."""

import functools
import gzip
import hashlib
import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_HERE = Path(__file__).resolve().parent
# A third of the whole plotly.js: the traces and axes of flat pictures. docs/decisions.md says where
# it is from and how a newer one comes.
PLOTLY = _HERE / "plotly" / "plotly-cartesian.min.js"
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
_FILES = [
    PLOTLY.name,
    *sorted(path.name for path in _HERE.iterdir() if path.suffix in _MEDIA_TYPES),
]
_FOLDER = "boundary-view"
# Makes Chromium compile a script beside the page's own work, while it loads; else most of it
# is compiled in one long task when it runs. To other browsers it is a comment.
_COMPILE_ALL = b"//# allFunctionsCalledOnLoad\n"
_COMMENTS = re.compile(r"^\s*(//.*\n)?", re.MULTILINE)


def plotly_route() -> Route:
    """Return the route under which the browser finds what view, charts and tour need.

    The path carries a digest of the files, so browsers may keep them for ever. It also
    matches behind any `server.baseUrlPath`.
    """
    return Route(f"/{{base:path}}{_FOLDER}/{{version}}/{{name}}", _serve, methods=["GET"])


@functools.cache
def version() -> str:
    """Return a name for the present content of all files: 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in _FILES:
        digest.update(_read(name))
    return digest.hexdigest()[:12]


def script_path(name: str, base_url_path: str = "") -> str:
    """Return the path of a script on a server with this base path."""
    base = f"/{base_url_path.strip('/')}".rstrip("/")
    return f"{base}/{_FOLDER}/{version()}/{name}"


def read(name: str) -> str:
    """Return a script or style of this room as it is sent: without indentation and comments."""
    return _COMMENTS.sub("", (_HERE / name).read_text(encoding="utf-8"))


def _read(name: str) -> bytes:
    if name == PLOTLY.name:
        return _COMPILE_ALL + PLOTLY.read_bytes()
    return read(name).encode()


def compress() -> None:
    """Compress everything now, so that the first visitor does not wait for it."""
    for name in _FILES:
        _compress(name)


@functools.cache
def _compress(name: str) -> bytes:
    return gzip.compress(_read(name), 6, mtime=0)


# Not a coroutine, so that reading and compressing happens off the event loop.
def _serve(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES or request.path_params["version"] != version():
        raise HTTPException(404)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if "gzip" in request.headers.get("accept-encoding", "").lower():
        body, headers["Content-Encoding"] = _compress(name), "gzip"
    else:
        body = _read(name)
    return Response(body, media_type=_MEDIA_TYPES[Path(name).suffix], headers=headers)
