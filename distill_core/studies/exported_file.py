"""The file that a command writes its rows to: whole or not at all, and never over another one."""

import os
import tempfile
from pathlib import Path

from distill_core.specs import SpecError


def check_export(path: Path | None, read_from: Path | None, force: bool) -> None:
    """Raise SpecError when a path must not be written; asked before anything is trained.

    Parameters
    ----------
    path : Path, optional
        Where rows are to be written; None: nowhere.
    read_from : Path, optional
        The file that holds the data; it is not written, whatever is forced.
    force : bool
        Whether a file that exists may be replaced.
    """
    if path is None:
        return
    if path.exists() and not path.is_file():
        raise SpecError(f"--export names a file to write, but {path} is none")
    if not path.exists():
        if not path.absolute().parent.is_dir():
            raise SpecError(f"The file {path} cannot be written: there is no such folder")
        return
    if read_from is not None and read_from.exists() and path.samefile(read_from):
        raise SpecError(f"--export would replace {path}, the data itself: choose another name")
    if not force:
        raise SpecError(f"The file {path} exists: choose another name, or give --force")


def write_export(path: Path, text: str, force: bool) -> None:
    """Write a text to a file in one step; an interrupted run leaves what was there before.

    Raises SpecError when the file cannot be written, or has come up meanwhile and must not be
    replaced.
    """
    target = path.resolve()
    try:
        handle, name = tempfile.mkstemp(".part", f".{target.name}.", target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            # A temporary file is its owner's alone; what is exported is a file like any other.
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)
            if target.exists() and not force:
                raise SpecError(f"The file {path} has come up meanwhile, and is left as it is")
            os.replace(name, target)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise SpecError(f"The file {path} cannot be written: {error.strerror}") from error
