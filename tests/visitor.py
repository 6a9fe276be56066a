"""Visitors by websocket, without a browser: what a page answers, and how soon."""

import contextlib
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from google.protobuf.json_format import MessageToDict, ParseDict
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

# A setting whose models are trained in a moment.
SMALL = "data=moons&teachers=1"
# Run the page again: a few bytes.
RERUN = BackMsg(rerun_script={"query_string": SMALL}).SerializeToString()

_ENDS = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
_VIEW = "distillation_playground.view"


def has_ended(message):
    """Say whether a message ends a run that nobody has interrupted."""
    return message.WhichOneof("type") == "script_finished" and message.script_finished in _ENDS


@dataclass
class Widget:
    """A control as the browser knows it."""

    id: str
    label: str
    # Its name in the address, if it stands there.
    key: str | None
    options: list[str] = field(default_factory=list)


class Tab:
    """What a tab of a browser remembers between its messages: knows no socket.

    Parameters
    ----------
    query : str
        What stands in the address behind the question mark.
    page : str
        The page's name; the playground's may be left out.
    """

    def __init__(self, query: str = "", page: str = "") -> None:
        self.query = dict(parse_qsl(query))
        self.first = dict(self.query)
        self.page = page
        # The page as the server names it, from its first answer on.
        self._hash = ""
        self.widgets: dict[str, Widget] = {}
        self._states: dict[str, dict[str, Any]] = {}
        self._kept: dict[str, ForwardMsg] = {}
        # What the last picture says of itself.
        self.picture: dict[str, Any] = {}
        self.visitor = ""
        # A part of the page that asks to be run again, and after how many seconds.
        self.repeated: tuple[str, float] | None = None

    def ask(
        self, values: Mapping[str, Mapping[str, Any]] | None = None, fragment: str = ""
    ) -> bytes:
        """Return the message that runs the page, with what widgets have been set to.

        Values are as in Streamlit's own `WidgetState`, by label: {"intValue": "7"}.
        """
        pressed = {}
        for label, value in (values or {}).items():
            widget = self.widgets[label]
            triggered = any("rigger" in name for name in value)
            (pressed if triggered else self._states)[widget.id] = dict(value)
            texts = value.get("stringArrayValue", {}).get("data", [])
            if widget.key and len(texts) == 1:
                self.query[widget.key] = texts[0]
        message = BackMsg()
        run = message.rerun_script
        run.query_string = urlencode(self.query)
        run.page_name, run.page_script_hash = "" if self._hash else self.page, self._hash
        run.fragment_id, run.is_auto_rerun = fragment, bool(fragment)
        for id, value in {**self._states, **pressed}.items():
            ParseDict({"id": id, **value}, run.widget_states.widgets.add())
        run.cached_message_hashes.extend(self._kept)
        return message.SerializeToString()

    def move(self, label: str, stop: str) -> bytes:
        """Return the message that a slider of stops sends when it is let go."""
        return self.ask({label: {"stringArrayValue": {"data": [stop]}}})

    def take(self, data: bytes) -> ForwardMsg:
        """Take note of a message and return it; one that was kept is given back in full."""
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            message, kind = self._kept[message.ref_hash], "delta"
        elif message.metadata.cacheable:
            self._kept[message.hash] = message
        if kind == "auto_rerun":
            asked = message.auto_rerun
            self.repeated = asked.fragment_id, asked.interval
        elif kind == "navigation":
            self._hash = message.navigation.page_script_hash
        elif kind == "new_session" and not message.metadata.run.fragment_ids:
            self.repeated = None
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._note(message.delta.new_element)
        return message

    def _note(self, element: Any) -> None:
        content = getattr(element, element.WhichOneof("type"))
        label, id = (str(getattr(content, name, "")) for name in ("label", "id"))
        if label and id:
            name = id.rpartition("-")[2]
            key = None if name == "None" else name
            options = [str(option) for option in getattr(content, "options", [])]
            self.widgets[label] = Widget(id, label, key, options)
        if getattr(content, "component_name", "") == _VIEW and content.bytes:
            self.visitor, self.picture = read_picture(content.bytes)


def read_picture(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return whose live view a message is for, and what it says besides its figure."""
    length = data[0]
    body = zlib.decompress(data[1 + length :])
    header = json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")])
    del header["figure"], header["frames"]
    return data[1 : 1 + length].decode(), header


def read_moves(messages: "list[tuple[float, bytes]]", tab: Tab) -> list[dict[str, Any]]:
    """Return what a person did, from the messages that their browser has sent.

    Each move has its second, and by label the values that it has changed.
    """
    labels = {widget.id: widget.label for widget in tab.widgets.values()}
    moves, before = [], None
    for at, data in messages:
        run = BackMsg.FromString(data).rerun_script
        now = {state.id: state for state in run.widget_states.widgets}
        if before is not None:
            changed = {
                labels[id]: _to_json(state)
                for id, state in now.items()
                if id in labels and before.get(id) != state
            }
            if changed:
                moves.append({"at": round(at, 2), "values": changed})
        before = now
    return moves


def _to_json(state: WidgetState) -> dict[str, Any]:
    return {name: value for name, value in MessageToDict(state).items() if name != "id"}


class Visitor:
    """One tab. `source` is its address: all of 127.0.0.0/8 is this machine."""

    def __init__(self, address, source="127.0.0.1", **options):
        parts = urlsplit(address)
        self.address = address
        self._source = source
        self.socket = connect(
            f"ws://{parts.netloc}/_stcore/stream",
            source_address=(source, 0),
            subprotocols=["streamlit"],
            max_size=None,
            compression=None,
            # Without a `with` of its own: `Visitor` is one.
            legacy=True,
            **{"open_timeout": 30, "close_timeout": 1, **options},
        )
        self.session = None
        # Every piece of text that the page has drawn in the run that is being read.
        self.texts = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.socket.close()

    def send(self, message=RERUN):
        self.socket.send(message)

    def run(self, query=SMALL, timeout=60, page=""):
        """Run the page and return how many seconds it takes until it has finished."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        began = time.monotonic()
        self.send(message.SerializeToString())
        self.read(timeout)
        return time.monotonic() - began

    def read(self, timeout=60):
        """Read until a run has ended; return the messages."""
        end, messages = time.monotonic() + timeout, []
        self.texts = []
        while True:
            message = ForwardMsg.FromString(self.socket.recv(timeout=end - time.monotonic()))
            messages.append(message)
            if message.WhichOneof("type") == "new_session":
                self.session = message.new_session.initialize.session_id
            self.texts.append(str(message))
            if has_ended(message):
                return messages
