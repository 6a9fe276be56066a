"""A server of its own, and what it takes of this machine, as the kernel counts it."""

import contextlib
import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.browser import PROJECT, server

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Seconds of processor time since the start, and bytes of memory (PSS), of a server.

    Workers are all processes below it, the one included that starts them; others, all else
    that the machine does.
    """

    server: float
    workers: float
    server_bytes: int
    worker_bytes: int
    others: float

    @property
    def memory(self) -> int:
        """Bytes of all together."""
        return self.server_bytes + self.worker_bytes


@dataclass(frozen=True)
class Served:
    """A server that is measured; `beside` are other processes that belong to it.

    Several servers that visitors take for one have the address in common.
    """

    address: str
    pid: int
    more: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()

    def measure(self) -> Usage:
        """Return what server and workers have used so far."""
        servers = [self.pid, *self.more]
        workers = [*self.beside]
        for pid in (*servers, *self.beside):
            workers += _list_children(pid)
        seconds, theirs = (sum(map(_read_seconds, pids)) for pids in (servers, workers))
        return Usage(
            seconds,
            theirs,
            sum(map(_read_memory, servers)),
            sum(map(_read_memory, workers)),
            _read_machine() - seconds - theirs,
        )

    def count_threads(self) -> int:
        """Return how many threads the server has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))


@contextlib.contextmanager
def serve(store: Path, **settings: str) -> Iterator[Served]:
    """Start the app on a store, with places for a whole class behind one address."""
    environment = {
        **os.environ,
        "DISTILL_WARM": "0",
        "DISTILL_STORE": str(store),
        "DISTILL_SOCKETS": "300",
        "DISTILL_SOCKETS_PER_ADDRESS": "300",
        **settings,
    }
    before = set(_list_own())
    with server(PROJECT / "app.py", environment=environment) as address:
        (pid,) = set(_list_own()) - before
        yield Served(require_loopback(address.replace("localhost", "127.0.0.1")), pid)


def require_loopback(address: str) -> str:
    """Return the address of a server; raise a ValueError unless it is on this machine."""
    host = urlsplit(address).hostname or ""
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise ValueError(f"Load is for a server on this machine (127.0.0.1), got '{host}'.")
    return address


def _list_own() -> list[int]:
    """Return the processes that this one has started itself."""
    return [pid for pid, parent in _list_parents() if parent == os.getpid()]


def _list_children(pid: int) -> Iterator[int]:
    parents = _list_parents()
    below = [pid]
    for one in below:
        below += [child for child, parent in parents if parent == one]
    yield from below[1:]


def _list_parents() -> list[tuple[int, int]]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                found.append((int(name), int(_read_stat(int(name))[1])))
    return found


def _read_stat(pid: int) -> list[str]:
    """Return what follows a process's name: its state, its parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _read_seconds(pid: int) -> float:
    with contextlib.suppress(OSError):
        stat = _read_stat(pid)
        return (int(stat[11]) + int(stat[12])) / _TICKS
    return 0.0


def _read_machine() -> float:
    """Return the seconds for which the machine's cores were at work, all together."""
    busy = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    # All but idle and waiting for disks.
    return sum(int(x) for i, x in enumerate(busy) if i not in (3, 4)) / _TICKS


def _read_memory(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
