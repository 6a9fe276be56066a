"""Uploads where the browser keeps no cookies: the secret of the session takes their place.

Streamlit takes a file only with a cookie and a header that say the same. In a frame on a page of
another site browsers keep no cookie, so no file would be taken there.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime
from streamlit.web.server.server_util import is_xsrf_enabled
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from pages.frame.server.origins import is_own_page
from pages.frame.server.upload_room import PATH


class SessionUploads:
    """Middleware that lets the page of a session upload to it without a cookie.

    A page learns the address of its uploads, which holds the random number of its session (122
    bits), from its own socket alone. No other page knows it or can guess it, and none can send
    this page's Origin; so what Streamlit's cookie is to prove is proved by both. A request that
    has a cookie is checked by Streamlit as ever.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and is_proved(scope):
            token = generate_xsrf_token_string()
            headers = [pair for pair in scope["headers"] if pair[0] != b"x-xsrftoken"]
            headers.append((b"x-xsrftoken", token.encode()))
            headers.append((b"cookie", f"{XSRF_COOKIE_NAME}={token}".encode()))
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


def is_proved(scope: Scope) -> bool:
    """Say whether a request without cookies comes from the page of the session that it names."""
    found = PATH.search(scope["path"]) if scope["method"] in ("PUT", "DELETE") else None
    if found is None or not is_xsrf_enabled():
        return False
    headers = Headers(scope=scope)
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if "cookie" in headers or len(hosts) != 1 or len(origins) != 1:
        return False
    return (
        is_own_page(origins[0], hosts[0])
        and runtime.exists()
        and runtime.get_instance().is_active_session(found[1])
    )
