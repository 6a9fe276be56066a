"""The server: `streamlit run app.py`. Starts the workers with it and hands over to the pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from pages.frame.browser.assets import plotly_route
from pages.frame.browser.preview_route import preview_route
from pages.frame.server import memory, service
from pages.frame.server.middleware import CompressedStatic, SecurityHeaders

# What the pages import.
_MODULES = [
    "pages.frame.playground.evidence",
    "pages.frame.studies.run",
    "pages.frame.slices.tour",
    "plotly.graph_objects",
]


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, object]]:
    """Start the workers before the first visitor comes, stop them after the last."""
    service.warm_up(_MODULES)
    async with memory.tidied():
        yield {}
    service.engine().close()


SCRIPT = Path(__file__).parent / "pages" / "frame" / "router.py"
ROUTES = [preview_route(), plotly_route()]
MIDDLEWARE = [Middleware(SecurityHeaders), Middleware(CompressedStatic)]

app = st.App(SCRIPT, lifespan=lifespan, routes=ROUTES, middleware=MIDDLEWARE)
