"""Content-addressed artifacts on disk: named arrays and a little JSON, checked when read.

An artifact is two files. The blob `blobs/<aa>/<sha256>.safetensors` holds the arrays; the
index `<kind>/<aa>/<digest>.json` names the blob by its SHA-256, holds the meta and is
sealed by a SHA-256 of its own. This room knows names and bytes, not networks.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from distill_core.specs import canonical_json

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FORMAT = 1
_BLOBS, _ASIDE = "blobs", "set-aside"
_KIND = re.compile(r"[a-z][a-z-]{0,39}")
_DIGEST = re.compile(r"[0-9a-f]{32}")
BLOB_NAME = re.compile(rb'"blob":"([0-9a-f]{64})"')
"""Where an index names its blob."""
DELETED = "deleted-table"
"""A name under this kind: nothing may be put any more that begins with the same 16 digits."""
_BODY = slice(len('{"checksum":"","content":') + 64, -1)  # of an index; see `_seal`
_TEMP = ".tmp"
_ORPHAN_AGE = 3600.0  # seconds; no put takes that long
_USED_EVERY = 60.0  # seconds between two notes that something was read

_log = logging.getLogger(__name__)


Stamp = tuple[int, int, int]
"""A file's number, when it was written, its length."""


class StoreError(RuntimeError):
    """Something cannot be stored or named so; the message says what and what to do."""


class _DamageError(Exception):
    """Bytes that are not what was written; the message says which."""


@dataclass(frozen=True, eq=False)
class Artifact:
    """What was stored under one name: arrays by name, and meta as plain JSON values.

    The arrays are fresh writable copies: nobody else sees what is written into them.
    """

    arrays: dict[str, NDArray[Any]]
    meta: dict[str, Any]


class Store:
    """A folder of artifacts; any number of processes may read and write it at once.

    Every file appears whole or not at all: it is written beside its place, flushed to the
    disk and renamed, the blob before the index that names it. Whatever is damaged later is
    noticed by its SHA-256, logged, moved to `set-aside/` and reported as never stored.

    Parameters
    ----------
    root : path, optional
        The folder; made when something is first put. Default: the environment variable
        `DISTILL_STORE`, else the user's cache folder.

    Raises
    ------
    StoreError
        By every method, when a kind or digest is not allowed (see `put`) or the folder
        cannot be written.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        chosen = root or os.environ.get("DISTILL_STORE")
        folder = chosen or platformdirs.user_cache_path("distillation-playground")
        self.root = Path(folder).expanduser().absolute()

    def put(
        self,
        kind: str,
        digest: str,
        arrays: Mapping[str, NDArray[Any]],
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Store arrays and meta under a name; what was there before is replaced.

        The same content gives the same bytes in every process, and putting it again
        writes nothing.

        Parameters
        ----------
        kind : str
            A lower-case word: letters and hyphens, at most 40.
        digest : str
            32 hexadecimal digits, lower case.
        arrays : mapping of str to ndarray
            Any shapes and memory order; booleans, integers and floats of up to 64 bits.
        meta : mapping, optional
            JSON values without NaN and infinity.

        Raises
        ------
        StoreError
            When a name or a value is not allowed, what it was computed from is deleted, or the
            folder cannot be written. What was stored before is then still there.
        """
        index = self._index(kind, digest)
        blob = save(savable(arrays))
        blob_sha = hashlib.sha256(blob).hexdigest()
        content = {"format": _FORMAT, "kind": kind, "digest": digest, "blob": blob_sha}
        try:
            body = canonical_json({**content, "meta": dict(meta or {})})
        except (TypeError, ValueError, RecursionError) as error:
            raise StoreError(
                f"The meta of {kind} {digest} must be JSON without NaN or infinity: {error}."
            ) from None
        with self._writing():
            self._refuse_deleted(kind, digest)
            self._write(self._blob(blob_sha), blob)
            self._write(index, _seal(body))
        try:
            # It may have been deleted since: then whoever deleted it did not see this.
            self._refuse_deleted(kind, digest)
        except StoreError:
            self.delete(kind, digest)
            self.free({blob_sha})
            raise

    def get(self, kind: str, digest: str) -> Artifact | None:
        """Return what is stored under a name, or None: never stored, or no longer whole.

        Both SHA-256s are checked on every call. Damage is logged and set aside, so that
        the next put starts afresh; a file that merely cannot be opened stays in its place.
        """
        found = self._read(kind, digest)
        return None if found is None else found[0]

    def _read(self, kind: str, digest: str) -> tuple[Artifact, Path] | None:
        """Return what is stored under a name and where its arrays are; see `get`."""
        index = self._index(kind, digest)
        suspects: list[Path] = []
        try:
            note_use(index)
            sealed = index.read_bytes()
            suspects.append(index)
            content = _unseal(sealed, kind, digest)
            blob = self._blob(content["blob"])
            _require_regular(blob)
            data = blob.read_bytes()
            suspects.append(blob)
            if hashlib.sha256(data).hexdigest() != content["blob"]:
                raise _DamageError("its arrays are not the bytes that were written")
            return Artifact(load(data), content["meta"]), blob
        except FileNotFoundError:
            if not suspects:
                return None
            damage = "its arrays are missing"
        except OSError as error:
            _log.warning("Stored %s %s cannot be read: %s.", kind, digest, error)
            return None
        except (_DamageError, SafetensorError) as error:
            damage = str(error)
        _log.warning("Stored %s %s is damaged and set aside: %s.", kind, digest, damage)
        for path in suspects:
            self._set_aside(path, kind, digest)
        return None

    def has(self, kind: str, digest: str) -> bool:
        """Say whether something is stored under a name; only `get` says whether it is whole."""
        return os.path.exists(self._index(kind, digest))

    def delete(self, kind: str, digest: str) -> None:
        """Forget a name; `sweep` frees the arrays that no other name shares."""
        with self._said(), contextlib.suppress(FileNotFoundError):
            self._index(kind, digest).unlink()

    def free(self, blobs: set[str]) -> None:
        """Remove those of some blobs, by their SHA-256, that no index names any more."""
        left = set(blobs)
        for index in self.root.glob("*/*/*.json"):
            with contextlib.suppress(OSError):
                left -= set(read_blob_names(index))
        for sha in left:
            with contextlib.suppress(OSError):
                self._blob(sha).unlink()

    def sweep(self, *, at_once: bool = False) -> int:
        """Remove what nobody will finish or read, and return how many files that were.

        These are temporary files of writers that were killed and blobs that no index
        names, both only when older than an hour, so that no put at work loses a file. `at_once`
        they go whatever their age, if nobody is writing at this moment.
        A store that cannot be read in full is left as it is, with a warning.
        """
        with self._nobody_writing() if at_once else contextlib.nullcontext(False) as alone:
            return self._sweep(math.inf if alone else time.time() - _ORPHAN_AGE)

    def _sweep(self, old: float) -> int:
        try:
            files = self._files()
            names = [read_blob_names(path) for path in files if path.suffix == ".json"]
        except OSError as error:
            _log.warning("The store folder %s cannot be swept: %s.", self.root, error)
            return 0
        named = {sha for one in names for sha in one}
        removed = 0
        for path in files:
            if path.suffix == _TEMP or (path.suffix == ".safetensors" and path.stem not in named):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < old:
                        path.unlink()
                        removed += 1
        return removed

    def _index(self, kind: str, digest: str) -> Path:
        if not (isinstance(kind, str) and _KIND.fullmatch(kind)) or kind in (_BLOBS, _ASIDE):
            raise StoreError(
                f"A kind is a lower-case word of letters and hyphens other than {_BLOBS!r} and "
                f"{_ASIDE!r}, got {kind!r:.60}."
            )
        if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise StoreError(f"A digest has 32 hexadecimal digits, got {digest!r:.60}.")
        return self.root.joinpath(kind, digest[:2], f"{digest}.json")

    def _blob(self, sha: str) -> Path:
        return self.root / _BLOBS / sha[:2] / f"{sha}.safetensors"

    def _files(self) -> list[Path]:
        """Return all files two folders deep: indexes, blobs and temporary files."""
        paths = [self.root]
        for _ in range(3):
            paths = [path / name for path in paths if path.is_dir() for name in os.listdir(path)]
        return [path for path in paths if path.is_file()]

    def _refuse_deleted(self, kind: str, digest: str) -> None:
        """Refuse what a job makes of a table that its owner has deleted meanwhile."""
        if kind in (DELETED, "table"):
            return
        try:
            deleted = os.listdir(self.root / DELETED / digest[:2])
        except OSError:
            return
        if any(name.startswith(digest[:16]) for name in deleted):
            raise StoreError("The data that this was computed from was deleted; nothing is kept.")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Let `_nobody_writing` see that somebody is."""
        with self._said():
            self.root.mkdir(parents=True, exist_ok=True)
            with _lock(self.root, exclusive=False):
                yield

    @contextlib.contextmanager
    def _nobody_writing(self) -> Iterator[bool]:
        """Keep others from writing; yields False if somebody is at it, or if one cannot know."""
        try:
            with _lock(self.root, exclusive=True) as held:
                yield held
        except OSError:
            yield False

    def _write(self, path: Path, data: bytes) -> None:
        """Put bytes in their place whole, unless they are there already.

        The folder's own entry is not flushed: after a power cut a file may be missing,
        which `get` notices, but never half there.
        """
        with self._said():
            if _holds(path, data):
                with contextlib.suppress(OSError):
                    os.utime(path)  # Young again, so that a sweep at this moment spares it.
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temp = tempfile.mkstemp(_TEMP, f".{path.stem[:8]}-", path.parent)
            try:
                with open(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(handle)
                os.replace(temp, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temp)
                raise

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Turn what the disk refuses into a sentence."""
        try:
            yield
        except OSError as error:
            # Visitors see the sentence, and where the store is is not for them.
            _log.error("The store folder %s cannot be written: %s.", self.root, error)
            raise StoreError(
                f"The store cannot be written ({error.strerror or type(error).__name__}): free "
                "some space or allow writing in its folder, or name another one in DISTILL_STORE."
            ) from error

    def _set_aside(self, path: Path, kind: str, digest: str) -> None:
        """Move a damaged file out of the way; another process may have been faster.

        Its new name begins with what it was found under, so that it goes with an upload.
        """
        target = self.root / _ASIDE / f"{kind}-{digest}-{secrets.token_hex(4)}{path.suffix}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        except FileNotFoundError:
            pass
        except OSError as error:
            _log.warning("The damaged file %s cannot be set aside: %s.", path, error)


def read_blob_names(index: Path) -> list[str]:
    """Return the SHA-256s of the blobs that an index names, checked or not.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    _require_regular(index)
    return [sha.decode() for sha in BLOB_NAME.findall(index.read_bytes())]


def _require_regular(path: Path) -> os.stat_result:
    """Raise an OSError for what is no plain file: a pipe would keep its reader for ever."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path.name} is not a plain file")
    return status


def note_use(index: Path) -> Stamp:
    """Note that an index is read now, in its time of access; its other time is its put's.

    Returns
    -------
    Stamp
        Which file it is.

    Raises
    ------
    OSError
        When there is none, or it is no plain file.
    """
    status = _require_regular(index)
    now = time.time()
    if now - status.st_atime > _USED_EVERY:
        with contextlib.suppress(OSError):
            os.utime(index, ns=(int(now * 1e9), status.st_mtime_ns))
    return _stamp(status)


def read_stamp(path: Path) -> Stamp:
    """Return which file a path is: it is another one when it was written anew.

    Raises
    ------
    OSError
        When there is none.
    """
    return _stamp(os.stat(path))


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_size


@contextlib.contextmanager
def _lock(folder: Path, *, exclusive: bool) -> Iterator[bool]:
    """Lock a folder: together with others who write, or alone if that is possible at once."""
    if fcntl is None:
        yield False
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        held = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
        except BlockingIOError:
            held = False
        yield held
    finally:
        os.close(handle)


def _seal(body: bytes) -> bytes:
    """Return the bytes of an index: canonical JSON of a checksum and what it is of."""
    checksum = hashlib.sha256(body).hexdigest().encode()
    return b'{"checksum":"' + checksum + b'","content":' + body + b"}"


def _unseal(sealed: bytes, kind: str, digest: str) -> dict[str, Any]:
    """Return the content of an index after checking every byte of it."""
    if sealed != _seal(sealed[_BODY]):
        raise _DamageError("the index is not the bytes that were written")
    content: dict[str, Any] = json.loads(sealed[_BODY])
    if content.get("format") != _FORMAT:
        raise _DamageError(f"the index has format {content.get('format')}, not {_FORMAT}")
    if (content["kind"], content["digest"]) != (kind, digest):
        raise _DamageError("the index belongs to another name")
    return content


def savable(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays as safetensors needs them: in C order and of known types."""
    savable = {}
    for name, array in arrays.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise StoreError(f"{name!r:.60} cannot be the name of a stored array.")
        dtype = getattr(array, "dtype", None)
        if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf" or dtype.itemsize > 8:
            kind = dtype or type(array).__name__
            raise StoreError(
                f"Array {name!r} must hold booleans, integers or floats of up to 64 bits, "
                f"got {kind}."
            )
        savable[name] = np.asarray(array, order="C")
    return savable


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False
