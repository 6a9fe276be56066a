"""Uploads without cookies: the session's own page may, nobody else."""

import asyncio
import types

import pytest
from streamlit import config, runtime

from pages.frame.server import session_uploads
from pages.frame.server.session_uploads import SessionUploads

SESSION = "0b6c3b0e-6f0e-4d55-9d64-2f3a6d5a9c11"
OTHER = "11111111-6f0e-4d55-9d64-2f3a6d5a9c11"
PATH = f"/class/_stcore/upload_file/{SESSION}/f1"


@pytest.fixture(autouse=True)
def one_session(monkeypatch):
    known = types.SimpleNamespace(is_active_session=lambda name: name == SESSION)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: known)


def send(path=PATH, method="PUT", host="demo.test:8501", **headers):
    """Return the token's header and cookie with which Streamlit would be asked."""
    seen = {}

    async def app(scope, receive, send):
        for name, value in scope["headers"]:
            seen.setdefault(name.decode(), []).append(value.decode())

    pairs = {"host": host, "origin": "http://demo.test:8501", **headers}
    raw = [(name.encode(), value.encode()) for name, value in pairs.items() if value]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    asyncio.run(SessionUploads(app)(scope, None, None))
    return seen


def is_let_in(seen):
    from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token

    cookie = "".join(seen.get("cookie", [])).partition("=")[2]
    return validate_xsrf_token("".join(seen.get("x-xsrftoken", [])), cookie)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_the_page_of_the_session_may_upload_without_a_cookie(method):
    assert is_let_in(send(method=method))
    # A token of no cookie is none: it is replaced, not added to.
    assert is_let_in(send(method=method, **{"x-xsrftoken": "2|00|00|1"}))


@pytest.mark.parametrize(
    "request_",
    [
        {"path": f"/_stcore/upload_file/{OTHER}/f1"},
        {"path": f"/_stcore/upload_file/{SESSION}/f1/more"},
        {"path": f"/elsewhere/{SESSION}/f1"},
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"origin": ""},
        {"cookie": "a=b"},
        {"cookie": "_streamlit_xsrf=2|00000000|00|1"},
        {"method": "POST"},
    ],
)
def test_nobody_else_may(request_):
    assert not is_let_in(send(**request_))


def test_nothing_is_added_where_the_protection_is_off(monkeypatch):
    monkeypatch.setattr(session_uploads, "is_xsrf_enabled", lambda: False)
    assert "x-xsrftoken" not in send()
    assert config.get_option("server.enableXsrfProtection")
