"""The page that every address of the app opens: Streamlit's own, told at once where the server is.

Streamlit's page looks for the server below the page's own path first: each address but the first
page's then waits for a 404, and half a second more, before the server is asked.
"""

import functools
import re
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

_INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
# The first page has no name in addresses.
_NAMES = sorted({path.stem for path in Path(__file__).parents[2].glob("*.py")} - {"playground"})
# Whatever a proxy puts in front stays: the server is where the page's own name is taken off.
_SCRIPT = f"""<script>
      const page = location.pathname.match(/^(.*[/])(?:{"|".join(_NAMES)})[/]?$/);
      if (page) window.__streamlit = {{ BACKEND_BASE_URL: location.origin + page[1] }};
    </script>
    """


def page_routes() -> list[Route]:
    """Return a route for the address of each page; they also match behind a path prefix."""
    return [Route(f"/{{base:path}}{name}", _open_page) for name in _NAMES]


async def _open_page(request: Request) -> Response:
    base = request.path_params["base"]
    if base and not base.endswith("/"):
        return PlainTextResponse("Not found", 404)
    return HTMLResponse(read_front(), headers={"Cache-Control": "no-cache"})


@functools.cache
def read_front() -> str:
    """Return Streamlit's page with our script before its own."""
    head, tag, rest = _INDEX.read_text(encoding="utf-8").partition("<script")
    return head + _SCRIPT + tag + rest


def list_inline_scripts() -> list[str]:
    """Return the scripts that stand in the page itself."""
    found = r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>"
    return re.findall(found, read_front(), re.DOTALL)
