"""The page that every address of the app opens: Streamlit's own, told at once what it will need.

Streamlit's page looks for the server below the page's own path first: each address but the first
page's then waits for a 404, and half a second more, before the server is asked. And it fetches
what draws a slider when the first slider has come, so that new browsers wait again and again.
"""

import functools
import re
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

_INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
_SCRIPTS = _INDEX.parent / "static" / "js"
# What pages draw with, by the names that Streamlit's files begin with.
_PARTS = [
    "BidiComponent",
    "Button",
    "ButtonGroup",
    "Html",
    "Metric",
    "NumberInput",
    "PageLink",
    "Progress",
    "Selectbox",
    "Slider",
]
_IMPORTS = re.compile(r"""(?:from|import)"\./([\w.-]+\.js)["']""")
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
    return [
        Route("/", _open_page),
        *(Route(f"/{{base:path}}{name}", _open_page) for name in _NAMES),
    ]


async def _open_page(request: Request) -> Response:
    base = request.path_params.get("base", "")
    if base and not base.endswith("/"):
        return PlainTextResponse("Not found", 404)
    return HTMLResponse(read_front(), headers={"Cache-Control": "no-cache"})


@functools.cache
def read_front() -> str:
    """Return Streamlit's page with our script before its own, and what pages draw with."""
    head, tag, rest = _INDEX.read_text(encoding="utf-8").partition("<script")
    links = [
        f'<link rel="modulepreload" crossorigin href="./static/js/{name}">\n    '
        for name in list_parts()
    ]
    rest, end, body = rest.partition("</head>")
    return "".join([head, _SCRIPT, tag, rest, *links, end, body])


def list_scripts() -> list[str]:
    """Return the files of scripts that the page names."""
    return re.findall(r'"\./static/js/([^"]+)"', read_front())


def list_parts() -> list[str]:
    """Return the files of the parts that pages draw with, and those that they import."""
    page, found = _INDEX.read_text(encoding="utf-8"), dict[str, None]()
    waiting = [path.name for part in _PARTS for path in sorted(_SCRIPTS.glob(f"{part}.*.js"))]
    while waiting:
        name = waiting.pop(0)
        if name not in found and name not in page:
            found[name] = None
            waiting += _IMPORTS.findall((_SCRIPTS / name).read_text(encoding="utf-8"))
    return list(found)


def list_inline_scripts() -> list[str]:
    """Return the scripts that stand in the page itself."""
    found = r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>"
    return re.findall(found, read_front(), re.DOTALL)
