"""What is drawn beside the boundaries: which layers, samples, corners, frames, axes."""

import numpy as np
from numpy.typing import NDArray

from distill_core import figures, jobs
from distill_core.boundaries import faithfulness
from distill_core.data import datasets
from distill_core.geometry.problems import load_plane
from distill_core.specs import PictureSpec
from distill_core.store import Artifact
from pages.frame.controls import three_samples
from pages.frame.controls.widgets import ask

# More points than this hide the boundary that they are to explain.
MAX_POINTS = 400


def choose() -> list[str]:
    """Ask what to draw besides the boundaries."""
    return list(ask("show"))


def load_points(picture: PictureSpec, layers: list[str]) -> figures.Points | None:
    """Return the samples of the chosen layers; off the plane they fade in the all-features view."""
    data = datasets.load(picture.dataset)
    plane = load_plane(picture.plane, picture.dataset)
    parts = {
        "training points": (data.X_train, data.y_train),
        "test points": (data.X_test, data.y_test),
    }
    # Corners of a plane are training points: these must be there to be clicked.
    layers = [*layers, "training points"] if three_samples.of(picture) else layers
    chosen = [parts[name] for name in parts if name in layers]
    if not chosen:
        return None
    # The split is random already: the first points are a fair sample.
    X, y = (np.concatenate([part[i][:MAX_POINTS] for part in chosen]) for i in (0, 1))
    if picture.student.ensemble.problem.plane is not None:
        return figures.Points(plane.project(X), y)
    h = faithfulness.near_distance(plane, data.X_train)
    return figures.Points(plane.project(X), y, faithfulness.opacity(plane.distance(X), h))


def find_corners(picture: PictureSpec) -> NDArray[np.float64] | None:
    """Return where the three samples of a plane lie on it, (3, 2), if it has any."""
    samples = three_samples.of(picture)
    if samples is None:
        return None
    X = datasets.load(picture.dataset).X_train
    return load_plane(picture.plane, picture.dataset).project(X[list(samples)])


def load_frames(history: Artifact) -> list[tuple[str, NDArray[np.float32]]]:
    """Return the student's boundary after each epoch, with its label."""
    lines = jobs.read_lines(history, "frame")
    return [(f"epoch {i} of {len(lines)}", part) for i, part in enumerate(lines, 1)]


def name_axes(picture: PictureSpec) -> tuple[str, str]:
    """Return what the two axes of the picture are."""
    names = datasets.load(picture.dataset).feature_names
    if picture.plane.features is not None:
        across, up = (names[i] for i in picture.plane.features)
        if read_units(picture) is not None:
            return across, up
        return f"{across} (standard deviations)", f"{up} (standard deviations)"
    return f"{picture.plane.kind}, first axis (slice units)", "second axis (slice units)"


def read_units(picture: PictureSpec) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return of each axis its value at 0 and its standard deviation, where features have units."""
    data = datasets.load(picture.dataset)
    if picture.plane.features is None or picture.dataset.name not in datasets.MEASURED:
        return None
    if data.feature_means is None or data.feature_scales is None:
        return None
    pairs = [
        (float(data.feature_means[i]), float(data.feature_scales[i]))
        for i in picture.plane.features
    ]
    good = all(np.isfinite(pair).all() and pair[1] > 0 for pair in pairs)
    return (pairs[0], pairs[1]) if good else None
