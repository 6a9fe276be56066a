"""Drawn predictions: the picture to draw in, the lines over the truth, how far they are from it."""

import functools
import hashlib
from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from distill_core import jobs
from distill_core.boundaries.section import Section
from distill_core.figures import Points
from distill_core.geometry.planes import Window
from distill_core.geometry.problems import load_window
from distill_core.lessons import Language, Words, compare_line, drawings
from distill_core.lessons.verdicts import localise
from distill_core.specs import PictureSpec
from pages.frame.browser.sketch import sketch_view
from pages.frame.controls import present
from pages.frame.lesson.course import Place
from pages.frame.playground import layers
from pages.frame.server import service, waiting

# Points in the picture, which goes to every phone of a class.
_MAX_POINTS = 120
# Pixels of the picture in which a line is drawn.
_SIDE = 520
# Blue and orange, as in the app's figures, then three that stay apart from them.
_COLOURS = ("#3d8fd1", "#e08a2e", "#7a5cc4", "#2f9e6e", "#c44f7a")


def ask_line(at: Place) -> None:
    """Have a line drawn in the step's picture, which is there; `read_line` has its text."""
    sketch_view(
        draw_picture(at.step.picture),
        key=name_sketch(at),
        words=word_sketch(at.words),
        most=(drawings.MAX_STROKES, drawings.MAX_POINTS),
        side=present.limit_height(_SIDE),
    )


def read_line(at: Place) -> str | None:
    """Return the text of the line that is drawn in a step's picture, or None."""
    line = st.session_state.get(name_sketch(at), {}).get("line")
    return line if isinstance(line, str) and drawings.parse(line) is not None else None


def name_sketch(at: Place) -> str:
    """Return the key of the picture in which a step's line is drawn."""
    return f"sketch {at.name} {at.number}"


def word_sketch(words: Words) -> dict[str, str]:
    """Return what the picture says in which a line is drawn."""
    return {
        "label": words.draw,
        "keys": words.draw_keys,
        "at": words.draw_at,
        "clear": words.draw_clear,
    }


def draw_picture(picture: PictureSpec) -> str:
    """Return a picture before the reveal as SVG; "" until the ensemble has been drawn once."""
    found = service.store().get(jobs.evaluate_section.kind, picture.section.digest)
    if found is None:
        return ""
    window = load_window(picture.plane, picture.dataset)
    return draw_svg(jobs.read_section(found, window), layers.load_points(picture, ["test points"]))


def draw_svg(whole: Section, points: Points | None) -> str:
    """Return the ensemble's boundary and some samples as a small SVG, made of numbers alone."""
    corner, side = _square(whole.window)

    def place(uv: NDArray[np.floating]) -> NDArray[np.float64]:
        across, up = (uv - corner).T / side
        return np.round(400 * np.c_[across, 1 - up], 1)

    parts = []
    if points is not None:
        seen = place(points.uv[:_MAX_POINTS])
        parts += [
            f'<circle cx="{x}" cy="{y}" r="4" fill="{_COLOURS[int(label) % len(_COLOURS)]}"/>'
            for (x, y), label in zip(seen, points.y[:_MAX_POINTS], strict=True)
        ]
    gaps = np.flatnonzero(np.isnan(whole.lines[:, 0]))
    for line in np.split(whole.lines, gaps):
        kept = place(line[~np.isnan(line[:, 0])])[::2]
        if len(kept) > 1:
            way = " ".join(f"{x},{y}" for x, y in kept)
            parts.append(
                f'<polyline points="{way}" fill="none" stroke="currentColor" stroke-width="4"/>'
            )
    return f'<svg viewBox="0 0 400 400" role="img" aria-hidden="true">{"".join(parts)}</svg>'


def place_lines(texts: Sequence[str], picture: PictureSpec) -> NDArray[np.float64]:
    """Return lines on the plane of a picture as one array (m, 2), a row of NaN between them."""
    corner, side = _square(load_window(picture.plane, picture.dataset))
    lines = [line for text in texts if (line := drawings.parse(text)) is not None]
    return corner + side * drawings.join(lines)


def name_lines(
    texts: Sequence[str], own: str, picture: PictureSpec, words: Words
) -> dict[str, tuple[str, NDArray[np.float64]]]:
    """Return a class's lines and one's own as `figures.boundary_layers` draws them."""
    named = {}
    if texts:
        named["class-drawn"] = words.class_drawn, place_lines(texts, picture)
    if own:
        named["drawn"] = words.drawn, place_lines([own], picture)
    return named


def digest(texts: Sequence[str]) -> str:
    """Return a short name for lines."""
    return hashlib.sha256(" ".join(texts).encode()).hexdigest()[:16]


def compare(at: Place, guess: str) -> str:
    """Return a sentence that sets a drawn line beside the student's boundary."""
    picture, words = at.step.picture, at.words
    return compare_line(measure(picture, guess, words), measure_copy(picture, words), at.of, words)


def sum_up(texts: Sequence[str], at: Place) -> str:
    """Return how near a class's lines came, in a sentence; "" where there is no boundary."""
    offs = [measure(at.step.picture, text, at.words) for text in texts]
    far = [off for off in offs if off is not None]
    if not far:
        return ""
    median, best = (_percent(share, at.of) for share in (float(np.median(far)), min(far)))
    return at.words.class_drew.format(count=len(texts), median=median, best=best)


@functools.lru_cache(maxsize=4096)
def measure(picture: PictureSpec, text: str, words: Words) -> float | None:
    """Return how far a drawn line lies from the student's boundary, as a share of the side."""
    truth = _load_lines(picture, words)[1]
    return _share(picture, drawings.measure(place_lines([text], picture), truth))


@functools.lru_cache(maxsize=64)
def measure_copy(picture: PictureSpec, words: Words) -> float | None:
    """Return how far the ensemble's boundary lies from the student's, as a share of the side."""
    return _share(picture, drawings.measure(*_load_lines(picture, words)))


def _load_lines(
    picture: PictureSpec, words: Words
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the boundaries of ensemble and student; as a rule both have just been drawn."""
    window = load_window(picture.plane, picture.dataset)
    wanted = {
        "section": (jobs.evaluate_section, picture.section),
        "student": (jobs.evaluate_picture, picture),
    }
    whole, ours = (
        jobs.read_section(one, window).lines for one in waiting.make(wanted, words.preparing)
    )
    return whole, ours


def _share(picture: PictureSpec, distance: float | None) -> float | None:
    side = _square(load_window(picture.plane, picture.dataset))[1]
    return None if distance is None else distance / side


def _square(window: Window) -> tuple[NDArray[np.float64], float]:
    """Return the lower left corner of a window and its side."""
    return np.array([window.u, window.v]) - window.half, 2 * window.half


def _percent(share: float, of: Language) -> str:
    return localise(f"{100 * share:.1f}", of.decimal)
