"""A drawn prediction: a few strokes in a picture as a short text, and as points.

A picture is a square; a point is a share of its side from the left and from below, 0 to 1. In a
text, which addresses and phones send, each point has four hexadecimal digits, "00ff" is the upper
left corner, and a dot stands between two strokes. So whatever arrives is bounded, and is a drawing
or nothing.
"""

import itertools
import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.measures.distances import boundary_distance

# Strokes of a drawing, and points of a stroke, at most: a boundary may have several parts.
MAX_STROKES, MAX_POINTS = 4, 24
# Share of the side: a shorter drawing is a slip of the finger.
SHORTEST = 0.1
# Steps of a side.
_STEPS = 255
_STROKE = rf"(?:[0-9a-f]{{4}}){{2,{MAX_POINTS}}}"
_TEXT = re.compile(rf"{_STROKE}(?:\.{_STROKE}){{0,{MAX_STROKES - 1}}}")
# Drawings among which the most central one is sought; all pairs are compared.
_MAX_COMPARED = 10


def parse(text: str) -> NDArray[np.float64] | None:
    """Return the points (m, 2) of a drawing, a row of NaN between strokes; None if it is none.

    >>> parse("0000ffff.00ffff00").tolist()
    [[0.0, 0.0], [1.0, 1.0], [nan, nan], [0.0, 1.0], [1.0, 0.0]]
    >>> parse("00000000") is None
    True
    """
    if not _TEXT.fullmatch(text):
        return None
    strokes = [
        np.frombuffer(bytes.fromhex(stroke), np.uint8).reshape(-1, 2) / _STEPS
        for stroke in text.split(".")
    ]
    length = sum(np.linalg.norm(np.diff(one, axis=0), axis=1).sum() for one in strokes)
    return join(strokes) if length >= SHORTEST else None


def write(strokes: Iterable[ArrayLike]) -> str:
    """Return the text of strokes, each of points (n, 2) from 0 to 1."""
    steps = (np.rint(np.clip(np.asarray(one, dtype=float), 0, 1) * _STEPS) for one in strokes)
    return ".".join(one.astype(np.uint8).tobytes().hex() for one in steps)


def join(lines: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return lines as one array (m, 2), a row of NaN between them."""
    gap = np.full((1, 2), np.nan)
    parts = list(itertools.chain.from_iterable((gap, line) for line in lines))[1:]
    return np.concatenate(parts) if parts else np.empty((0, 2))


def measure(line: ArrayLike, truth: ArrayLike) -> float | None:
    """Return how far a drawing and a boundary (m, 2) lie apart on average; None if nowhere.

    Both ways, see `measures.distances.boundary_distance`: a part that was not drawn counts.
    """
    found = boundary_distance(line, truth).mean
    return None if np.isnan(found) else found


def pick_central(texts: Sequence[str]) -> str:
    """Return the text of the drawing that lies nearest to all others; of very many, to some."""
    lines = {text: line for text in texts[:_MAX_COMPARED] if (line := parse(text)) is not None}
    apart = dict.fromkeys(lines, 0.0)
    for one, other in itertools.combinations(lines, 2):
        between = boundary_distance(lines[one], lines[other]).mean
        apart[one] += between
        apart[other] += between
    return min(apart, key=lambda text: apart[text])
