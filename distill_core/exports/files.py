"""Files that appear whole or not at all, and take the place of nobody's."""

import contextlib
import os
import tempfile
from pathlib import Path

from distill_core.exports.model import ExportError


def check_free(path: Path, *, force: bool) -> None:
    """Raise ExportError where a file of this name cannot be written, before any work is done."""
    if path.is_dir():
        raise ExportError(f"{path} is a folder; give the name of a file.")
    if not path.parent.is_dir():
        raise ExportError(f"There is no folder {path.parent}; make it first.")
    if path.exists() and not force:
        raise ExportError(f"{path} exists and is left as it is. Give --force to replace it.")


def write(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write a file beside its place, then move it there.

    Parameters
    ----------
    path : Path
        Where; its folder must exist.
    data : bytes
        What.
    force : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    ExportError
        When the file is there already, or the disk refuses: then nothing is left behind.
    """
    check_free(path, force=force)
    temp = None
    try:
        handle, temp = tempfile.mkstemp(".tmp", f".{path.name[:40]}-", path.parent)
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # Files made by mkstemp are for their owner alone.
        os.chmod(temp, 0o666 & ~_read_umask())
        os.replace(temp, path)
    except OSError as error:
        raise ExportError(
            f"{path} cannot be written ({error.strerror or error}); nothing was left there. "
            "Free some space or give another place."
        ) from error
    finally:
        if temp is not None:
            with contextlib.suppress(OSError):
                os.unlink(temp)


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
