"""The colours of a tour's pictures, which the browser draws by itself: bytes and tables of RGB."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.figures.palette import CLASSES, COLOURS, REGIONS, SHADES, rgb

_LEVELS = (0, 0.25, 0.5, 0.75, 1)

Table = NDArray[np.uint8]


def tour_ground(
    labels: NDArray[np.uint8], sure: NDArray[np.uint8], n_classes: int
) -> tuple[NDArray[np.uint8], Table, Table]:
    """Return one byte for each place, and what colour each byte is.

    With two classes the byte is the probability of the second, else class and confidence.

    Parameters
    ----------
    labels, sure : ndarray of any shape, uint8
        The ensemble's answer at each place, and how sure it is, 0 to 255.
    n_classes : int
        2 to 10.

    Returns
    -------
    bytes, light, dark : ndarray
        In the shape of `labels`; red, green, blue (256, 3) on a light and on a dark page.
    """
    if n_classes == 2:
        value = np.where(labels == 1, sure, 255 - sure)
        return value.astype(np.uint8), _scale(0), _scale(1)
    shade = (sure / 255 * n_classes - 1) / (n_classes - 1) * SHADES
    value = labels * SHADES + np.clip(shade, 0, SHADES - 1).astype(np.uint8)
    return value.astype(np.uint8), _regions(0, n_classes), _regions(1, n_classes)


def tour_colours(class_names: list[str]) -> dict[str, Any]:
    """Return the colours of lines and markers, each for a light and a dark page."""
    lines = ("ensemble", "student", "muted", "frame")
    classes = [
        {"name": name, "symbol": symbol, "colours": colours}
        for name, (symbol, *colours) in zip(class_names, CLASSES, strict=False)
    ]
    return {"classes": classes, **{name: list(COLOURS[name]) for name in lines}}


def _scale(page: int) -> Table:
    ends = np.array([rgb(COLOURS[f"field {level:g}"][page]) for level in _LEVELS])
    at = np.arange(256) / 255
    return np.stack([np.interp(at, _LEVELS, ends[:, i]) for i in range(3)], 1).astype(np.uint8)


def _regions(page: int, n_classes: int) -> Table:
    table = np.zeros((256, 3))
    for label in range(n_classes):
        low, high = (rgb(end[page]) for end in REGIONS[label])
        share = np.linspace(0, 1, SHADES)[:, None]
        table[label * SHADES : (label + 1) * SHADES] = low + share * (high - low)
    return table.astype(np.uint8)
