"""The page in front: what its links name is there, is needed, and is not named twice."""

import asyncio
import re

import httpx
from starlette.applications import Starlette

from pages.frame.server import front


def test_every_part_is_among_streamlits_files():
    names = front.list_parts()
    for part in front._PARTS:
        assert any(name.startswith(f"{part}.") for name in names), part


def test_what_is_named_at_the_start_is_there_once_with_all_that_it_imports():
    named = front.list_scripts()
    assert len(named) == len(set(named))
    for name in named:
        code = (front._SCRIPTS / name).read_text("utf-8")
        # As the browser reads them: also those that are parted by spaces or in single quotes.
        imported = re.findall(r"""(?:from|import)\s*["']\./([^"']+)["']""", code)
        assert set(imported) <= set(named), name


def test_all_pages_open_with_it_below_a_prefix_too():
    app = Starlette(routes=front.page_routes())

    async def ask(*paths):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [await client.get(path) for path in paths]

    *pages, other = asyncio.run(ask("/", "/deploy", "/class/deploy", "/xdeploy"))
    assert {page.text for page in pages} == {front.read_front()}
    assert other.status_code == 404
