"""All visitors' files together are bounded, on their way, in hand and read."""

import asyncio
import copy
import gc
import types

import pytest
from streamlit import config, runtime
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from distill_core.data.sheets import UploadError
from pages.frame.controls import import_dialog
from pages.frame.server import upload_room
from pages.frame.server.upload_room import UploadRoom

PATH = "/class/_stcore/upload_file/0b6c3b0e-6f0e-4d55-9d64-2f3a6d5a9c11/f1"
MB = 1024**2


@pytest.fixture(autouse=True)
def in_hand(monkeypatch):
    """Return the sizes of the files that Streamlit holds; there is room for 10 MB."""
    sizes = []
    manager = types.SimpleNamespace(
        get_stats=lambda: {"files": [types.SimpleNamespace(byte_length=n) for n in sizes]}
    )
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(
        runtime, "get_instance", lambda: types.SimpleNamespace(uploaded_file_mgr=manager)
    )
    monkeypatch.setattr(upload_room, "TOGETHER", 10)
    return sizes


def put(room, length, path=PATH, method="PUT"):
    """Return the status with which a request is answered; 200: it was let through."""
    sent = []

    async def send(message):
        sent.append(message)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(room(scope, None, send))
    return sent[0]["status"] if sent else 200


def let_through(scope, receive, send):
    return asyncio.sleep(0)


def test_a_file_is_taken_while_there_is_room(in_hand):
    room = UploadRoom(let_through)
    in_hand.append(6 * MB)
    assert put(room, 4 * MB) == 200
    assert put(room, 4 * MB + 1) == 503
    in_hand.clear()
    assert put(room, 4 * MB + 1) == 200


def test_streamlit_lets_in_what_is_allowed():
    before = config.get_option("server.maxUploadSize")
    try:
        upload_room.let_in(300 * MB)
        # With what stands around a file on its way.
        assert config.get_option("server.maxUploadSize") == 301
    finally:
        config.set_option("server.maxUploadSize", before)


def test_copies_of_a_file_share_its_content():
    upload_room.let_in(config.get_option("server.maxUploadSize") * MB - MB)
    content = b"x,y\n1,a\n" * 1000
    file = UploadedFile(UploadedFileRec("f1", "birds.csv", "text/csv", content), FileURLs())
    file.read(3)
    twin = copy.deepcopy(file)
    assert twin is not file
    assert twin == file
    assert (twin.name, twin.type, twin.size) == ("birds.csv", "text/csv", len(content))
    assert twin.getvalue() is content
    assert twin.read() == content


def test_a_file_gives_way_to_others_as_long_as_a_piece_of_it_took(monkeypatch):
    now, rests = [0.0], []

    async def rest(seconds):
        rests.append(seconds)

    monkeypatch.setattr(upload_room.asyncio, "sleep", rest)
    monkeypatch.setattr(upload_room.time, "monotonic", lambda: now[0])

    async def take_apart(scope, receive, send):
        for seconds in (0.004, 0.02, 3.0, 0.0):
            await receive()
            now[0] += seconds
        await receive()

    async def receive():
        now[0] += 1.0
        return {"type": "http.request", "body": b"", "more_body": True}

    headers = [(b"content-length", b"5")]
    scope = {"type": "http", "method": "PUT", "path": PATH, "headers": headers}
    asyncio.run(UploadRoom(take_apart)(scope, receive, None))
    # Not for the time in which nothing came, and never for long.
    assert rests == pytest.approx([0.004, 0.02, 0.05])


def test_files_on_their_way_count_until_they_are_there():
    room = None
    answers = []

    async def app(scope, receive, send):
        async def tell(message):
            answers.append(message.get("status"))

        if not answers:
            answers.append("first")
            await room(scope, receive, tell)

    room = UploadRoom(app)
    assert put(room, 6 * MB) == 200
    assert answers[:2] == ["first", 503]
    assert put(UploadRoom(let_through), 6 * MB) == 200


@pytest.mark.parametrize("length", [None, "-1", "1e3", "", "9" * 20, "½"])
def test_a_file_without_a_length_is_refused(length):
    assert put(UploadRoom(let_through), length) == 411


@pytest.mark.parametrize("change", [{"method": "DELETE"}, {"path": "/healthz"}])
def test_other_requests_are_not_looked_at(change):
    assert put(UploadRoom(let_through), None, **change) == 200


def test_tables_count_while_somebody_has_them():
    class Table:
        pass

    first, second = Table(), Table()
    assert upload_room.hold(first, 6 * MB)
    assert not upload_room.hold(second, 5 * MB)
    # The same one again takes no more room.
    assert upload_room.hold(first, 6 * MB)
    del first
    gc.collect()
    assert upload_room.hold(second, 5 * MB)


def test_a_visitor_is_told_that_there_is_no_room():
    content = b"a,b,kind\n" + b"1,2,x\n2,1,y\n" * 200_000
    with pytest.raises(UploadError, match="as many files of visitors as it may"):
        import_dialog.read(content)
