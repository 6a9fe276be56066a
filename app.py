"""The server: `streamlit run app.py`. Starts the workers with it and hands over to the pages."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from distill_core import jobs
from distill_core.data.sheets import read_upload_limit
from pages.frame.browser import assets
from pages.frame.browser.preview_route import preview_routes
from pages.frame.room.route import room_routes
from pages.frame.server import errors, lifetime, memory, middleware
from pages.frame.server.front import page_routes
from pages.frame.server.health import Numbered, health_routes
from pages.frame.server.limits import SocketLimits
from pages.frame.server.middleware import CompressedStatic, SecurityHeaders
from pages.frame.server.origins import HostsAndOrigins
from pages.frame.server.session_uploads import SessionUploads
from pages.frame.server.upload_room import UploadRoom

# Before this server has threads of its own. Streamlit's, which look after its settings, sleep.
jobs.fork_workers()

# What the pages import.
_MODULES = [
    "pages.frame.playground.evidence",
    "pages.frame.studies.run",
    "pages.frame.slices.tour",
    "pages.frame.takeaway.models",
    "pages.frame.lesson.talk",
    "pages.frame.controls.share",
    "plotly.graph_objects",
    # Streamlit reads the icon with it.
    "PIL.Image",
]


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, object]]:
    """Start the workers before the first visitor comes, stop them after the last."""
    # Beside the imports: zlib needs no interpreter.
    for compress in (assets.compress, middleware.compress):
        threading.Thread(target=compress, name="compress", daemon=True).start()
    async with lifetime.live(_MODULES, read_upload_limit()), memory.tidied():
        yield {}


SCRIPT = Path(__file__).parent / "pages" / "frame" / "router.py"
ROUTES = [
    *preview_routes(),
    assets.plotly_route(),
    *room_routes(),
    *health_routes(),
    *page_routes(),
]
# The outermost first: who may speak at all is checked before anything else is done.
MIDDLEWARE = [
    Middleware(Numbered),
    Middleware(SecurityHeaders),
    Middleware(HostsAndOrigins),
    Middleware(SocketLimits),
    Middleware(UploadRoom),
    Middleware(SessionUploads),
    Middleware(CompressedStatic),
]

app = st.App(
    SCRIPT,
    lifespan=lifespan,
    routes=ROUTES,
    middleware=MIDDLEWARE,
    on_script_error=errors.tell,
)
