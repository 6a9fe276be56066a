"""Notes where this process would speak to, from its first moment on; Python imports it itself."""

import os
import socket
import sys

_NOTES = os.environ.get("DISTILL_OUTGOING")


def _note(event, arguments):
    if event == "socket.connect":
        target, address = arguments
        # On a datagram socket nothing is sent; but nobody has a reason to ask for a route either.
        if target.family == socket.AF_UNIX:
            return
        if str(address[0]) in ("127.0.0.1", "::1", "localhost"):
            return
    elif event == "socket.getaddrinfo":
        address = arguments[:2]
        if address[0] in (None, "", "localhost", "127.0.0.1", "::1", "::", "0.0.0.0"):
            return
    elif event in ("socket.gethostbyname", "socket.gethostbyaddr"):
        address = arguments
    else:
        return
    with open(_NOTES, "a") as file:
        file.write(f"{event} {address}\n")


if _NOTES:
    sys.addaudithook(_note)
