"""`python -m tests.hostile.shut_in COMMAND ...`: run a command whose one way out is watched.

The command gets a network namespace of its own: its loopback, and a link to an address at which
nobody answers, which is its way to everywhere else. Every packet that takes it is named; among them
look-ups of names. For Linux, as root, with the command `ip`; elsewhere the command runs unwatched,
which is said.
"""

import contextlib
import ipaddress
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence

_SPACE, _OUTER, _INNER = f"shut-{os.getpid()}", f"o{os.getpid()}", f"i{os.getpid()}"
_IPV4, _IPV6, _ICMPV6, _TCP, _UDP = 0x0800, 0x86DD, 58, 6, 17
_EVERYTHING, _NAMES = 3, 53
# Last parts of names that are this machine's or nobody's (RFC 6761); tests make some up.
_RESERVED = ("localhost", "test")


def main(command: Sequence[str]) -> int:
    """Return the command's own status, or 1 when a packet wanted to leave."""
    if not command:
        print(__doc__)
        return 2
    with contextlib.ExitStack() as stack:
        try:
            ear = stack.enter_context(_shut())
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"Not watched, that needs Linux, root and ip: {error}")
            return subprocess.run(command, check=False).returncode
        seen: Counter[str] = Counter()
        threading.Thread(target=_listen, args=(ear, seen), daemon=True).start()
        status = subprocess.run(["ip", "netns", "exec", _SPACE, *command], check=False)
    for packet, n in seen.most_common():
        print(f"wanted to leave: {packet}, {n} packets")
    if not seen:
        print("Nothing wanted to leave.")
    return status.returncode or bool(seen)


@contextlib.contextmanager
def _shut() -> Iterator[socket.socket]:
    """Make the namespace; yield what hears the packets that want to leave it."""
    _ip("netns", "add", _SPACE)
    try:
        _ip("link", "add", _OUTER, "type", "veth", "peer", "name", _INNER)
        _ip("link", "set", _INNER, "netns", _SPACE)
        _ip("address", "add", "10.254.254.1/30", "dev", _OUTER)
        _ip("link", "set", _OUTER, "up")
        _ip("-n", _SPACE, "address", "add", "10.254.254.2/30", "dev", _INNER)
        for name in (_INNER, "lo"):
            _ip("-n", _SPACE, "link", "set", name, "up")
        _ip("-n", _SPACE, "route", "add", "default", "via", "10.254.254.1")
        # Where a namespace can be made, but not entered, this says so.
        _ip("netns", "exec", _SPACE, sys.executable, "-c", "")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING)) as ear:
            ear.bind((_OUTER, 0))
            yield ear
    finally:
        _ip("netns", "delete", _SPACE)


def describe(frame: bytes) -> str | None:
    """Say where a frame of Ethernet wants to go; None for what the link itself needs."""
    kind, packet = int.from_bytes(frame[12:14], "big"), frame[14:]
    if kind == _IPV4:
        protocol, target = packet[9], ipaddress.ip_address(packet[16:20])
        data = packet[4 * (packet[0] & 15) :]
    elif kind == _IPV6 and packet[6] != _ICMPV6:
        protocol, target, data = packet[6], ipaddress.ip_address(packet[24:40]), packet[40:]
    else:
        return None
    # Hosts tell a group that they listen to it; no program has asked for that.
    if target.is_multicast and protocol not in (_TCP, _UDP):
        return None
    port = int.from_bytes(data[2:4], "big")
    if protocol == _UDP and port == _NAMES:
        name = _read_name(data[20:])
        return None if name.rpartition(".")[2] in _RESERVED else f"a look-up of {name}"
    names = {_TCP: f"TCP to port {port}", _UDP: f"UDP to port {port}"}
    return f"{names.get(protocol, f'protocol {protocol}')} of {target}"


def _read_name(question: bytes) -> str:
    """Return the name that a question to a name server is about."""
    parts = []
    while question and question[0]:
        parts.append(question[1 : 1 + question[0]].decode("ascii", "replace"))
        question = question[1 + question[0] :]
    return ".".join(parts)


def _listen(ear: socket.socket, seen: Counter[str]) -> None:
    while True:
        try:
            packet = describe(ear.recv(65535))
        except OSError:
            return
        if packet is not None:
            seen[packet] += 1


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
