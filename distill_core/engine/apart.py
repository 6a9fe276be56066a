"""One call in a process of its own, with bounds that the call cannot pass: for what is not trusted.

Not for jobs: nothing is kept warm and nothing reports. What goes wrong there, up to the end of the
process, ends the call alone.
"""

import contextlib
import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import numpy as np

from distill_core.engine.processes import hide_main_module
from distill_core.engine.worker import EngineError

if sys.platform != "win32":
    import resource

Result = TypeVar("Result")

# How much the process steps back for the server.
_NICE = 10
# Bytes that cross at once. A copy of a whole table would stop every other thread of the server for
# as long as it takes.
_PIECE = 1_000_000


class OutOfBoundsError(EngineError):
    """A call took more time or memory than it may, or its process ended."""


def run_apart(
    function: Callable[..., Result], *arguments: Any, seconds: float, memory: int
) -> Result:
    """Call a function in a process of its own and return what it returns.

    Parameters
    ----------
    function : callable
        Of a module; what it takes and gives crosses between processes.
    *arguments
        For the function; bytes come to it as a buffer.
    seconds : float
        How long it may take.
    memory : int
        Bytes that it may take beside what the process has at its start; held on Linux.

    Raises
    ------
    OutOfBoundsError
        When it took too long or too much, or its process ended.

    What the function itself raises is raised here.
    """
    servers = "forkserver" in multiprocessing.get_all_start_methods()
    context = (
        multiprocessing.get_context("forkserver")
        if servers
        else multiprocessing.get_context("spawn")
    )
    ours, theirs = context.Pipe()
    bounds = int(seconds) + 1, memory
    process = context.Process(target=_answer, args=(theirs, function, bounds), daemon=True)
    with hide_main_module():
        process.start()
    theirs.close()
    try:
        buffers = (pickle.PickleBuffer(one) if isinstance(one, bytes) else one for one in arguments)
        _send(ours, tuple(buffers))
        if not ours.poll(seconds):
            raise OutOfBoundsError(f"It took more than {seconds:.0f} s.")
        error, result = _receive(ours)
    except (EOFError, ConnectionError) as gone:
        raise OutOfBoundsError("Its process ended.") from gone
    finally:
        ours.close()
        process.kill()
        process.join()
    if error is not None:
        raise error
    returned: Result = result
    return returned


def _answer(pipe: Connection, function: Callable[..., Any], bounds: tuple[int, int]) -> None:
    """Answer one call; inside the process."""
    _bound(*bounds)
    try:
        arguments = _receive(pipe)
        _send(pipe, (None, function(*arguments)))
    except MemoryError:
        _send(pipe, (OutOfBoundsError("It took too much memory."), None))
    except (EOFError, ConnectionError):
        # The server is gone: nobody waits for an answer.
        return
    except Exception as error:
        _send(pipe, (error, None))


def _send(pipe: Connection, value: Any) -> None:
    """Send a value; its arrays and buffers are not copied, and cross piece by piece."""
    buffers: list[pickle.PickleBuffer] = []
    known = pickle.dumps(value, 5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    pipe.send((known, [view.nbytes for view in views]))
    for view in views:
        for start in range(0, view.nbytes, _PIECE):
            pipe.send_bytes(view[start : start + _PIECE])


def _receive(pipe: Connection) -> Any:
    """Return what `_send` has sent at the other end."""
    known, sizes = pipe.recv()
    buffers = [np.empty(size, np.uint8) for size in sizes]
    for buffer in buffers:
        for start in range(0, buffer.size, _PIECE):
            piece = pipe.recv_bytes()
            buffer[start : start + _PIECE] = np.frombuffer(piece, np.uint8)
    return pickle.loads(known, buffers=buffers)


def _bound(seconds: int, memory: int) -> None:
    if sys.platform == "win32":
        return
    os.nice(_NICE)
    # A process whose server is gone ends by itself.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/self/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))
