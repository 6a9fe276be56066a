"""A picture in which a line is drawn: what a lesson asks before it shows the truth."""

import json
import zlib
from collections.abc import Mapping

from pages.frame.browser.component import draw


def sketch_view(
    picture: str, *, key: str, words: Mapping[str, str], most: tuple[int, int], side: int
) -> None:
    """Draw a picture that can be drawn in; the state under the key then has the text as "line".

    It is whatever a browser sends; `lessons.drawings.parse` says whether it is a line.

    Parameters
    ----------
    picture : str
        An SVG of 400 by 400, made of numbers alone.
    key : str
        The view that is updated.
    words : mapping
        `label`, `keys`, `clear`, and `at` with {across}, {up} and {count}, as `drawing.js` takes
        them.
    most : (int, int)
        How many strokes there are at most, and points in a stroke.
    side : int
        Pixels of the picture at most; it is smaller where the page is narrow.
    """
    content = {"picture": picture, "words": dict(words), "most": most, "side": side}
    message = zlib.compress(json.dumps(content).encode())
    failure = "The picture could not be loaded; please reload the page."
    draw("sketch.js", message, key=key, reports=("line",), failure=failure)
