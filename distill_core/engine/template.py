"""The process that workers are forked from: a copy of this one, made while it is young."""

import contextlib
import gc
import importlib
import inspect
import os
import signal
import socket
import sys
import warnings
from multiprocessing import connection, forkserver, resource_tracker
from typing import NoReturn


def fork(preload: str) -> bool:
    """Make a copy of this process the fork server of `multiprocessing`; say whether it is.

    What is loaded by now stands in memory once, for this process and all workers together. A
    fork server that starts from nothing loads all of it a second time. Where no copy can be made
    (another operating system, a fork server that is there already or works in another way than
    this knows), nothing is done, and `multiprocessing` starts its own when the first worker is
    wanted.

    A copy has no threads, but what they have locked stays locked in it: to be called while a
    process has none but threads that sleep.

    Parameters
    ----------
    preload : str
        A module with all that workers need.
    """
    if not _is_known():
        return False
    importlib.import_module(preload)
    resource_tracker.ensure_running()
    address = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        os.chmod(address, 0o600)
        listener.listen()
        # Open in this process and in all workers; at its end the fork server ends, too.
        alive, ours = os.pipe()
        # A search for garbage would write to what is shared, and so copy it.
        gc.collect()
        gc.freeze()
        with warnings.catch_warnings():
            # Threads of numerical libraries, which see to it themselves that they can be forked.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _serve(listener, alive)
    os.close(alive)
    server = vars(forkserver._forkserver)
    server.update(_forkserver_address=address, _forkserver_alive_fd=ours, _forkserver_pid=pid)
    return True


def _is_known() -> bool:
    """Say whether this interpreter's fork server works as this module takes it to."""
    if sys.platform != "linux" or sys.version_info >= (3, 14):
        return False
    server = vars(getattr(forkserver, "_forkserver", object))
    names = "_forkserver_address", "_forkserver_alive_fd", "_forkserver_pid"
    # Nobody has started one.
    if any(server.get(name, "") is not None for name in names):
        return False
    return [*inspect.signature(forkserver.main).parameters][:3] == [
        "listener_fd",
        "alive_r",
        "preload",
    ]


def _serve(listener: socket.socket, alive: int) -> NoReturn:
    """Be the fork server, in the copy, until nobody needs it any more."""
    try:
        # What the process was about to do with signals and open files is not the copy's business.
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        kept = {0, 1, 2, alive, listener.fileno(), resource_tracker.getfd()}
        nothing = os.open(os.devnull, os.O_RDWR)
        # Their numbers stay taken: objects in the copy still hold them, and may close them later.
        for number in map(int, os.listdir("/proc/self/fd")):
            if number not in kept:
                with contextlib.suppress(OSError):
                    os.dup2(nothing, number, inheritable=False)
        forkserver.main(listener.detach(), alive, [])
    finally:
        os._exit(0)
