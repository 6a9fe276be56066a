"""The server's bounds one by one, without a server of Streamlit's."""

import asyncio
import contextlib
import socket
import threading
import time
from types import SimpleNamespace

import pytest
import uvicorn

from pages.frame.server import connections, health, limits, middleware, origins
from pages.frame.server.limits import Bucket, SocketLimits, Turnstile


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost:8501", True),
        ("LOCALHOST", True),
        ("127.0.0.1:80", True),
        ("[::1]:8501", True),
        ("192.168.1.20", True),
        ("lecture-room", True),
        ("printer.local:80", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("user@localhost", False),
        ("localhost:80:80", False),
        ("localhost:abc", False),
        ("localhost/../x", False),
        ("local host", False),
        ("", False),
        ("evil.example;x", False),
        ("a'b", False),
    ],
)
def test_names_of_this_server(host, is_own):
    assert origins.is_own_name(host) is is_own


def test_a_public_name_is_allowed_in_streamlits_own_setting(monkeypatch):
    monkeypatch.setattr(
        origins.config, "get_option", lambda name: ["demo.example"] if "Hosts" in name else []
    )
    assert origins.is_own_name("demo.example:443")
    assert not origins.is_own_name("localhost")


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("http://localhost:8501", True),
        ("https://LOCALHOST:8501", True),
        ("http://localhost", False),
        ("http://localhost:8502", False),
        ("http://evil.example", False),
        ("http://localhost:8501@evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
        ("file://localhost:8501", False),
    ],
)
def test_pages_of_this_server(origin, is_own):
    assert origins.is_own_page(origin, "localhost:8501") is is_own


def test_the_policy_names_scripts_by_their_hash_and_sockets_by_their_host():
    policy = middleware.policy("localhost:8501")
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert "unsafe" not in parts["script-src"]
    # Streamlit's own script, and the one in front that says where the server is.
    assert parts["script-src"].count("'sha256-") == 2
    assert parts["connect-src"].endswith("ws://localhost:8501 wss://localhost:8501")
    assert "evil" not in middleware.policy("evil.example; script-src *")


def test_a_bucket_gives_so_many_at_once_and_so_many_a_second():
    bucket = Bucket(3, 2.0, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_the_turnstile_takes_addresses_in_turn_while_the_loop_is_late(monkeypatch):
    monkeypatch.setattr(limits, "LATE", -1.0)
    monkeypatch.setattr(limits, "AT_LEAST", 0.0)

    async def crowd():
        turnstile, order = Turnstile(), []
        turnstile._last = time.monotonic() + 1e6

        async def come(address):
            await turnstile.enter(address)
            order.append(address)

        comers = [asyncio.create_task(come(address)) for address in "aaaab"]
        await asyncio.sleep(0)
        turnstile._last = 0.0
        await asyncio.gather(*comers)
        return order

    assert asyncio.run(crowd()).index("b") == 1


class Wire:
    """A socket's other end."""

    def __init__(self, messages=()):
        self.coming = asyncio.Queue()
        self.coming.put_nowait({"type": "websocket.connect"})
        self.messages = messages
        self.sent = []
        self.is_reading = True

    async def send(self, message):
        while not self.is_reading:
            await asyncio.sleep(0.01)
        self.sent.append(message)
        if message["type"] == "websocket.accept":
            for one in self.messages:
                kind = "websocket.disconnect" if one is None else "websocket.receive"
                self.coming.put_nowait({"type": kind, "code": 1001, "bytes": one})


def talk(app, wire, address="203.0.113.7", door=None):
    scope = {"type": "websocket", "client": (address, 1), "headers": [], "extensions": {}}
    return (door or SocketLimits(app))(scope, wire.coming.get, wire.send)


async def listen(scope, receive, send):
    """Take messages until the end, and note them."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        listen.heard.append(message["bytes"])
    listen.end = message


def test_a_flood_is_cut_off_before_it_is_worked_off():
    listen.heard = []
    wire = Wire([b"x"] * 5000)
    asyncio.run(talk(listen, wire))
    assert len(listen.heard) < limits.BURST
    assert listen.end["code"] == 1008
    assert wire.sent[-1]["type"] == "websocket.close"
    assert "60 messages at once" in wire.sent[-1]["reason"]


def test_an_end_comes_before_what_waits():
    listen.heard = []
    wire = Wire([b"x"] * 50 + [None])
    asyncio.run(talk(listen, wire))
    assert len(listen.heard) < 10
    assert listen.end["code"] == 1001


def test_who_does_not_read_is_given_up(monkeypatch):
    monkeypatch.setattr(limits, "READ_PATIENCE", 0.05)
    failures = []

    async def speak(scope, receive, send):
        await receive()
        try:
            for _ in range(3):
                await send({"type": "websocket.send", "bytes": b"x"})
        except OSError as error:
            failures.append(str(error))
        failures.append((await receive())["type"])

    async def run():
        wire = Wire()
        wire.is_reading = False
        await talk(speak, wire)

    asyncio.run(run())
    assert failures == ["The client does not read.", "websocket.disconnect"]


def test_places_are_counted_by_address_and_in_all(monkeypatch):
    monkeypatch.setattr(limits, "MAX_SOCKETS", 5)
    monkeypatch.setattr(limits, "MAX_PER_ADDRESS", 3)
    listen.heard = []

    async def run():
        door = SocketLimits(listen)
        # Two addresses of one customer's network count as one.
        addresses = ["a"] * 4 + ["2001:db8::1", "2001:db8::ffff", "2001:db8:1::1"]
        wires = [Wire() for _ in addresses]
        tasks = []
        for wire, address in zip(wires, addresses, strict=True):
            tasks.append(asyncio.create_task(talk(None, wire, address, door)))
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        first = [wire.sent[0]["type"] for wire in wires]
        total = door.open.total()
        for wire in wires:
            wire.coming.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.gather(*tasks)
        return first, total, dict(door.open)

    first, total, after = asyncio.run(run())
    accepted = [kind == "websocket.accept" for kind in first]
    assert accepted == [True, True, True, False, True, True, False]
    assert total == 5
    assert after == {}


def test_an_address_opens_a_class_at_once_but_not_all_the_time(monkeypatch):
    monkeypatch.setattr(limits, "MANY_AT_ONCE", 3.0)
    monkeypatch.setattr(limits, "MORE_PER_SECOND", 2.0)
    door = SocketLimits(listen)
    assert [door._may_come("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert door._may_come("b", 0.0)
    assert [door._may_come("a", 0.5) for _ in range(2)] == [True, False]


def test_addresses_that_came_long_ago_are_forgotten(monkeypatch):
    monkeypatch.setattr(limits, "MAX_ADDRESSES", 2)
    door = SocketLimits(listen)
    for address in "abac":
        assert door._may_come(address, 0.0)
    assert list(door._arrivals) == ["a", "c"]


def test_who_comes_too_often_is_told(monkeypatch):
    monkeypatch.setattr(limits, "MANY_AT_ONCE", 0.0)
    wire = Wire()
    asyncio.run(talk(listen, wire))
    assert wire.sent[0]["status"] == 503
    assert any(b"10 pages a second" in message.get("body", b"") for message in wire.sent)


@pytest.fixture
def served(monkeypatch):
    """Return the port of a server with one slow answer and short patience."""
    monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.2)
    monkeypatch.setattr(connections, "BODY_PATIENCE", 0.4)
    monkeypatch.setattr(connections, "MAX_PER_ADDRESS", 8)
    connections.guard()

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(1.0 if scope["path"] == "/slow" else 0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listener.close()


def say(port, text, patience=3.0):
    """Send something; return what comes back until the server closes, and when it does."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(patience)
        connection.sendall(text)
        heard = b""
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(4096):
                heard += data
        return heard, time.monotonic() - began


@pytest.mark.parametrize(
    "text",
    [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"],
    ids=["nothing", "half a head", "half a body"],
)
def test_half_a_request_ends(served, text):
    heard, seconds = say(served, text)
    assert heard == b""
    assert seconds < 2


def test_a_slow_answer_is_no_half_request(served):
    text = b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    heard, seconds = say(served, text)
    assert b"done" in heard
    assert seconds > 0.9


def test_nothing_is_kept_of_a_connection_that_is_gone(served, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_PATIENCE", 600.0)
    before = set(connections._timers), set(connections._open)
    for _ in range(3):
        heard, _ = say(served, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert b"done" in heard
    deadline = time.monotonic() + 10
    while not (before[0] >= set(connections._timers) and before[1] >= set(connections._open)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


UPLOAD = "/class/_stcore/upload_file/0b6c3b0e-6f0e-4d55-9d64-2f3a6d5a9c11/f1"


def test_a_file_may_come_slowly_but_not_for_ever(served, monkeypatch):
    """9 bytes at 10 a second have 0.9 s more than other bodies."""
    monkeypatch.setattr(connections, "SLOWEST", 10)
    head = f"PUT {UPLOAD} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served)) as connection:
        connection.settimeout(3)
        connection.sendall(head.encode())
        for byte in b"abcdefghi":
            time.sleep(0.08)
            connection.sendall(bytes([byte]))
        assert b"200 OK" in connection.recv(4096)
    heard, seconds = say(served, head.encode() + b"ab")
    assert heard == b""
    assert 0.9 < seconds < 2.5


@pytest.mark.parametrize(
    ("method", "path", "length", "seconds"),
    [
        ("PUT", UPLOAD, "50000000", 560),
        ("PUT", UPLOAD, "9" * 30, 60),
        ("PUT", UPLOAD, "-5", 60),
        ("PUT", "/elsewhere", "50000000", 60),
        ("POST", "/join/vote", "50000000", 60),
    ],
)
def test_files_alone_have_longer(method, path, length, seconds):
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(b"content-length", length.encode())],
    }
    assert connections.measure_patience(scope) == seconds


def test_connections_of_one_address_are_limited(served):
    with contextlib.ExitStack() as crowd:
        for _ in range(8):
            crowd.enter_context(socket.create_connection(("127.0.0.1", served)))
        time.sleep(0.05)
        assert say(served, b"")[1] < 0.15, "closed at once, not after a while"


def test_health_is_for_the_inside(monkeypatch):
    def asks(host, **headers):
        return health.is_open_to(
            SimpleNamespace(client=SimpleNamespace(host=host), headers=headers)
        )

    assert asks("127.0.0.1")
    assert asks("10.1.2.3")
    assert not asks("8.8.8.8")
    assert not asks("127.0.0.1", **{"x-forwarded-for": "8.8.8.8"})
    assert not asks("somewhere")
    monkeypatch.setattr(health, "_OPEN_TO", "none")
    assert not asks("127.0.0.1")
    monkeypatch.setattr(health, "_OPEN_TO", "all")
    assert asks("8.8.8.8")
