"""Which data, which view, which plane: from widgets to what the models see and what is shown."""

from types import MappingProxyType

import streamlit as st

from distill_core.data import datasets
from distill_core.geometry.problems import load_plane
from distill_core.specs import DatasetSpec, PlaneSpec, ProblemSpec
from pages.frame.controls import most_disagreement, three_samples, upload, url_state
from pages.frame.controls.url_state import ALL_FEATURES, SLICE

DATASETS = MappingProxyType(
    {
        "tutorial": "20 features, 10 of them informative; where to begin",
        "moons": "two half moons; a boundary that must bend once",
        "rings": "four rings, the class changes from ring to ring; closed boundaries",
        "spirals": "arms that wind around each other, two to five; hard for narrow students",
        "checkerboard": "four by four squares; many corners, hard for everyone",
        "blobs": "round clouds, two to five classes; watch T come alive with more classes",
        "breast cancer": "real: 30 features, measured on 569 tumours; two classes, few samples",
        "wine": "real: 13 chemical features of 178 wines; three classes, very few samples",
        "digits": "real: 8 by 8 pixels of 1,797 handwritten digits; ten classes",
        upload.NAME: "a CSV file of yours; stays in your session",
    }
)
PLANES = MappingProxyType(
    {
        "class centres": "where the clusters of the classes lie; a good first look",
        "principal components": "where the data spreads most; to see its overall shape",
        "discriminant": "where the classes part best; to see how clean a boundary can be",
        "two features": "the axes you know, to read off values; may leave the data",
        "three samples": "through three samples that you click; to look at a case of interest",
        most_disagreement.NAME: "where ensemble and student differ most; to look for what the "
        "student lost",
        "random": "an honest draw; to check that another plane says the same",
    }
)
# Normal spreads: farther out there are hardly any samples.
_FARTHEST = 3.0


def problem() -> tuple[ProblemSpec, PlaneSpec]:
    """Ask which data, plane and view; return what the models see and what is shown.

    Raises
    ------
    SpecError
        When the data does not have what the plane needs, or there is no data yet.
    """
    dataset = _dataset()
    view = st.segmented_control(
        "View",
        [SLICE, ALL_FEATURES],
        default=url_state.DEFAULTS["view"],
        required=True,
        key="view",
        bind="query-params",
        help="**slice**: the models are trained on the two plane coordinates only, so the picture "
        "is the whole model. **all features**: the models see every feature and the picture "
        "is the cut through the plane; most points do not lie on it.",
    )
    plane = _plane(dataset, view)
    if view == SLICE:
        st.caption("No offset in the slice view: every point is projected onto the plane.")
    else:
        plane = plane.replace(offset=_offset())
    load_plane(plane, dataset)  # Says so if the data has no such plane.
    return ProblemSpec(dataset=dataset, plane=plane if view == SLICE else None), plane


def _dataset() -> DatasetSpec:
    name = url_state.choice(
        "Dataset",
        "data",
        "What is to be classified. Moons, rings, spirals and checkerboard lie on a plane that is "
        "turned and hidden among 18 more dimensions of noise; the others have no such plane.",
        DATASETS,
    )
    if name == upload.NAME:
        return upload.ask()
    if name not in ("blobs", "spirals"):
        return DatasetSpec(name=name)
    n_classes = url_state.stops(
        "Number of classes",
        "classes" if name == "blobs" else "arms",
        (2, 3, 4, 5),
        "With two classes a soft target says little more than the label; with more it also says "
        "which wrong answers are nearly right.",
    )
    return DatasetSpec(name=name, n_classes=n_classes)


def _plane(dataset: DatasetSpec, view: str) -> PlaneSpec:
    kind = url_state.choice(
        "Plane", "plane", "The 2-D slice of feature space on which everything is drawn.", PLANES
    )
    if kind == "two features":
        names = datasets.load(dataset).feature_names
        across = url_state.named(st, "Feature across", "fx", names, "The horizontal axis.")
        up = url_state.named(st, "Feature up", "fy", names, "The vertical axis.")
        return PlaneSpec(kind=kind, features=(across, up))
    if kind == "random":
        help = "Another seed is another random plane."
        return PlaneSpec(kind=kind, seed=url_state.number(st, "Plane seed", "pseed", 0, 9999, help))
    if kind == "three samples":
        return three_samples.ask(dataset)
    if kind == most_disagreement.NAME:
        return most_disagreement.ask(dataset, view)
    return PlaneSpec(kind=kind)


def _offset() -> float:
    offset: float = st.slider(
        "Plane offset",
        -_FARTHEST,
        _FARTHEST,
        url_state.DEFAULTS["offset"],
        step=0.25,
        key="offset",
        bind="query-params",
        help="Moves the plane, parallel to itself, in the direction off it in which the data "
        "spreads most; in standard deviations of that spread. It trains nothing.",
    )
    return offset
