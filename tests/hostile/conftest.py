import os
import urllib.error
import urllib.request

import pytest

from benchmarks.browser import server
from tests.conftest import PROJECT


@pytest.fixture(scope="session")
def attacked(tmp_path_factory):
    """Return the address of a server for attacks, and the file in which it notes its look-ups."""
    folder = tmp_path_factory.mktemp("attacked")
    notes = folder / "outgoing"
    environment = {
        **os.environ,
        "DISTILL_WARM": "0",
        "DISTILL_STORE": str(folder / "store"),
        "DISTILL_SOCKETS_PER_ADDRESS": "6",
        "DISTILL_OUTGOING": str(notes),
        # Python runs this module at its start; the server is then watched from its first moment.
        "PYTHONPATH": str(PROJECT / "tests" / "hostile" / "watching"),
    }
    with server(PROJECT / "app.py", environment=environment) as address:
        yield address.replace("localhost", "127.0.0.1"), notes


@pytest.fixture
def ask():
    """Return a function that asks for a path and returns status, headers and body."""

    def get(address, path="/", **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(address + path, headers=names)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    return get
