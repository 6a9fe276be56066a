"""The tour: from plane to plane without a jump, and the plane to keep."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from distill_core import figures, jobs
from distill_core.boundaries import faithfulness
from distill_core.data import datasets
from distill_core.geometry import tours
from distill_core.jobs.faithfulness import TourSpec, evaluate_tour_part
from distill_core.measures.shares import format_share
from distill_core.specs import DatasetSpec, PlaneSpec, StudentSpec
from distill_core.store import Artifact
from pages.frame.browser.tour import tour_view
from pages.frame.controls.settings import SETTINGS
from pages.frame.controls.url_state import plain
from pages.frame.controls.widgets import ask
from pages.frame.server import service, waiting
from pages.frame.slices import plane_names

_MAX_AXES, _NAME = 8, 16


@st.fragment
def offer(student: StudentSpec, present: PlaneSpec) -> None:
    """Offer a tour that begins at the present plane, and play it; the rest of the page stays."""
    stops = ask("stops")
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with left:
        n_steps = ask("steps")
    spec = TourSpec(student=student, stops=_list_stops(present, stops), n_steps=n_steps)
    n_missing = sum(not service.store().has("tour-part", part.digest) for part in spec.parts)
    if n_missing and not right.button(
        "Make the tour",
        icon=":material/explore:",
        type="primary",
        help=f"Evaluates both models on {n_steps} planes, which takes seconds. It trains nothing.",
    ):
        return
    wanted = {f"tour {i}": (evaluate_tour_part, part) for i, part in enumerate(spec.parts)}
    try:
        parts = waiting.make(wanted, f"Looking at {n_steps} planes")
    except waiting.Unavailable as reason:
        st.error(plain(str(reason)), icon=":material/error:")
        return
    if n_missing:
        # Once more, without the button.
        st.rerun(scope="fragment")
    _play(spec, parts)


def _list_stops(present: PlaneSpec, stops: tuple[str, ...]) -> tuple[PlaneSpec, ...]:
    """Return the stops, no two alike one after the other."""
    start = present if present.ends is None else present.ends[0]
    way = [start]
    for plane in map(plane_names.read, stops):
        if plane != way[-1]:
            way.append(plane)
    if len(way) == 1:
        others = map(plane_names.read, SETTINGS["stops"].options)
        way.append(next(plane for plane in others if plane != start))
    return tuple(way[:8])


def _play(spec: TourSpec, parts: list[Artifact]) -> None:
    dataset = spec.student.ensemble.problem.dataset
    data = datasets.load(dataset)
    joined = {
        name: np.concatenate([part.arrays[name] for part in parts])
        for name in ("labels", "sure", "uv", "distance", "own_colour", "basis")
    }
    steps = tours.list_steps(spec.stops, spec.n_steps, dataset)
    half = tours.fit_window(steps, data.X_train).half
    ground, light, dark = figures.tour_ground(joined["labels"], joined["sure"], data.n_classes)
    axes = tours.find_longest_axes(steps, _MAX_AXES)
    shadows = joined["basis"][:, :, axes]
    n = joined["uv"].shape[1]
    shares = joined["own_colour"].mean(1)
    kept = tour_view(
        {
            "ground": ground,
            "light": light,
            "dark": dark,
            "classes": data.y_test[:n].astype(np.uint8),
            "own": np.ascontiguousarray(joined["own_colour"].T),
            "opacity": np.ascontiguousarray(_opacity(joined["distance"], steps, dataset).T),
            # What belongs to one point lies together: such numbers compress best.
            "u": joined["uv"][..., 0].T,
            "v": joined["uv"][..., 1].T,
            "axes_u": shadows[:, 0].T,
            "axes_v": shadows[:, 1].T,
        },
        {
            who: [line for part in parts for line in jobs.read_lines(part, who)]
            for who in ("ensemble", "student")
        },
        key="tour",
        steps=[
            (
                plane_names.describe(step.spec),
                f"step {i} of {len(steps)}: {format_share(share, 0)} of {n} points on their own "
                "colour",
            )
            for i, (step, share) in enumerate(zip(steps, shares, strict=True), 1)
        ],
        digest=spec.digest,
        half=half,
        axes=[data.feature_names[i][:_NAME] for i in axes],
        colours=figures.tour_colours([name[:40] for name in data.class_names]),
        label=f"A tour of {len(steps)} planes. From {shares.min():.0%} to {shares.max():.0%} of "
        f"{n} points lie on their own colour.",
    )
    st.caption(
        "The planes turn into each other on the shortest way (Buja et al. 2005, R’s tourr); the "
        "circle shows where the features point. The field and both boundaries are computed anew "
        "for every step."
    )
    if kept is not None:
        plane_names.keep(steps[kept].spec)
        st.rerun()


def _opacity(
    distance: NDArray[np.float32], steps: list[tours.Step], dataset: DatasetSpec
) -> NDArray[np.uint8]:
    """Return how strongly to draw each point at each step, 0 to 255."""
    X = datasets.load(dataset).X_train
    h = [faithfulness.near_distance(step.plane, X) for step in steps]
    rows = [faithfulness.opacity(far, near) for far, near in zip(distance, h, strict=True)]
    return np.rint(255 * np.array(rows)).astype(np.uint8)
