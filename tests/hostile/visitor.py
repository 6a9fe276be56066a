"""A visitor by websocket, without a browser: what a page answers, and how soon."""

import contextlib
import time
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

# A setting whose models are trained in a moment.
SMALL = "data=moons&teachers=1"
# Run the page again: a few bytes.
RERUN = BackMsg(rerun_script={"query_string": SMALL}).SerializeToString()


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
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session = message.new_session.initialize.session_id
            self.texts.append(str(message))
            if kind == "script_finished" and message.script_finished in (
                ForwardMsg.FINISHED_SUCCESSFULLY,
                ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
            ):
                return messages
