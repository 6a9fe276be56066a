"""Figures as few bytes: what the live view reads back in `decoding.js`; nothing is drawn here.

One message is a zlib stream of: the length of a header (4 bytes, little endian), the
header (JSON), the numbers. In the header an array is `{"at": [start, ...]}`:

- floats, `[start, n, low, step]`: 16-bit steps from `low`, 65535 for NaN, stored as
  differences from one to the next (modulo 65536), all low bytes before all high bytes;
- bytes, `[start, "100, 100"]`: an array of that shape, each column stored as its
  difference from the column to the left (modulo 256).

Differences of smooth fields and lines are small and alike, and that is what zlib
shortens best.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NAN = 65535


def encode(
    figure: Mapping[str, Any], frames: Sequence[tuple[str, NDArray[np.float32]]] = (), **header: Any
) -> bytes:
    """Return a figure, playback frames and a few words as one short message.

    Parameters
    ----------
    figure : mapping
        "data" and "layout" as from `figures.boundary_layers`. Its float arrays are rounded to
        1/65534 of their range, its bytes are kept.
    frames : sequence of (str, ndarray of shape (m, 2))
        A label and boundary lines for each. The last one is the boundary that the figure
        shows already, so only its label is sent.
    **header
        Anything else to send that JSON can hold.
    """
    body = bytearray()
    shown = [{"label": label, **_add_line(lines, body)} for label, lines in frames[:-1]]
    shown += [{"label": label} for label, _ in frames[-1:]]
    figure_parts = _pack(figure, body)
    return zlib.compress(_join({**header, "frames": shown, "figure": figure_parts}, body), 6)


def address(visitor: str, message: bytes) -> bytes:
    """Return a message with whose it is in front: the length of the name (a byte), the name."""
    name = visitor.encode()
    return bytes([len(name)]) + name + message


def encode_arrays(arrays: Mapping[str, NDArray[Any]], **header: Any) -> bytes:
    """Return arrays by name, and a few words as JSON, as one short message.

    Bytes (uint8) of up to three axes keep their shape; floats arrive flat, rounded to 1/65534 of
    their range.
    """
    body = bytearray()
    packed = _pack(arrays, body)
    return zlib.compress(_join({**header, "arrays": packed}, body), 6)


def encode_lines(lines: Mapping[str, NDArray[np.float32]], **header: Any) -> bytes:
    """Return boundary lines (m, 2) by name, and a few words, as one message.

    Not compressed: inflating in the browser would take longer than sending the difference.
    """
    body = bytearray()
    named = {name: _add_line(line, body) for name, line in lines.items()}
    return _join({**header, "lines": named}, body)


def join_messages(messages: Mapping[tuple[str, Any], bytes]) -> bytes:
    """Return messages as one; the key of each stands in front, with its length in bytes."""
    parts = [[*key, len(message)] for key, message in messages.items()]
    return _join({"parts": parts}, bytearray().join(messages.values()))


def _join(content: Mapping[str, Any], body: bytearray) -> bytes:
    text = json.dumps(content, separators=(",", ":")).encode()
    return len(text).to_bytes(4, "little") + text + body


def _pack(value: Any, body: bytearray) -> Any:
    """Return a copy of a figure's tree with its arrays moved into the body."""
    if isinstance(value, list | tuple):
        return [_pack(item, body) for item in value]
    if isinstance(value, Mapping):
        return {key: _pack(item, body) for key, item in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    if not value.size:
        return []
    return (_add_bytes if value.dtype == np.uint8 else _add_floats)(value, body)


def _add_line(points: NDArray[np.float32], body: bytearray) -> dict[str, Any]:
    """Add a boundary line (m, 2) to the body and return where its two columns are."""
    return {"x": _add_floats(points[:, 0], body), "y": _add_floats(points[:, 1], body)}


def _add_floats(values: NDArray[Any], body: bytearray) -> dict[str, list[float]]:
    """Add floats, in one row, to the body and return where they are."""
    values = values.ravel().astype(np.float64)
    real = ~np.isnan(values)
    low, high = (values[real].min(), values[real].max()) if real.any() else (0.0, 0.0)
    step = (high - low) / (_NAN - 1) or 1.0
    whole = np.full(values.shape, _NAN, dtype=np.uint16)
    whole[real] = np.rint((values[real] - low) / step)
    change = np.diff(whole, prepend=np.uint16(0)).astype("<u2")
    start = len(body)
    body += change.view(np.uint8).reshape(-1, 2).T.tobytes()
    return {"at": [start, len(values), float(low), float(step)]}


def _add_bytes(values: NDArray[np.uint8], body: bytearray) -> dict[str, list[Any]]:
    """Add bytes of up to three axes to the body and return where they are."""
    start = len(body)
    body += np.diff(values, axis=min(1, values.ndim - 1), prepend=np.uint8(0)).tobytes()
    return {"at": [start, ",".join(map(str, values.shape))]}
