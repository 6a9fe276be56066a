"""The plane through three samples: chosen by clicks, kept in the address, marked in the picture."""

import numpy as np
import streamlit as st

from distill_core.data import datasets
from distill_core.geometry import planes
from distill_core.geometry.problems import load_plane, load_window
from distill_core.specs import DatasetSpec, PictureSpec, PlaneSpec, SpecError
from pages.frame.controls import clicked_place, locks
from pages.frame.controls.url_state import plain, read, write
from pages.frame.controls.widgets import whole_number

Samples = tuple[int, int, int]

# How near to a point a click must be to mean it, as a share of the window's side.
_NEAR = 0.03
# For which dataset the corners in the address were chosen.
_FOR = "corners for"


def ask(dataset: DatasetSpec) -> PlaneSpec:
    """Return the plane through the corners in the address; typical samples if there are none."""
    # Samples of one dataset mean nothing in another.
    same = st.session_state.get(_FOR, dataset.digest) == dataset.digest
    text = str(read("corners")) if same else ""
    st.session_state[_FOR] = dataset.digest
    samples, wrong = parse(text, dataset)
    if wrong:
        st.warning(
            f"The three samples of this link cannot be used. {plain(wrong)} "
            "Typical samples are taken instead."
        )
    keep("corners", text)
    if locks.is_open("corners"):
        st.caption("Click a point in the picture to put a corner of the plane there.")
    return PlaneSpec(kind="three samples", samples=samples)


def parse(text: str, dataset: DatasetSpec) -> tuple[Samples | None, str]:
    """Return three samples as the address has them and, if they cannot be used, why."""
    if not text:
        return None, ""
    numbers = [whole_number(part) for part in text.split(" ")]
    if len(numbers) != 3 or None in numbers:
        return None, f"“{text[:40]}” is not three whole numbers."
    i, j, k = (n for n in numbers if n is not None)
    try:
        load_plane(PlaneSpec(kind="three samples", samples=(i, j, k)), dataset)
    except SpecError as error:
        return None, str(error)
    return (i, j, k), ""


def keep(key: str, text: str) -> None:
    """Keep three samples in the address and where Undo finds them."""
    st.session_state[key] = text
    write(key, text)


def of(picture: PictureSpec) -> Samples | None:
    """Return the training samples in which a plane has its corners, if it has any."""
    if picture.plane.kind != "three samples":
        return None
    data = datasets.load(picture.dataset)
    return picture.plane.samples or planes.find_typical_samples(data)


def move(picture: PictureSpec, place: tuple[float, float] | None, n_drawn: int) -> None:
    """Offer to move a corner to the drawn point that was clicked.

    `place` (u, v) was clicked last; the first `n_drawn` training points are drawn.
    """
    if st.session_state.get("plane") != "three samples":
        return
    samples = of(picture)
    assert samples is not None
    dataset = picture.dataset
    data = datasets.load(dataset)
    said = [f"{n} is {_called(dataset, i)}" for n, i in enumerate(samples, 1)]
    st.caption(f"Corners, numbered in the picture: {', '.join(said)}.")
    if place is None or not locks.is_open("corners"):
        return
    uv = load_plane(picture.plane, dataset).project(data.X_train[:n_drawn])
    distance = np.linalg.norm(uv - np.array(place), axis=1)
    nearest = int(distance.argmin())
    if nearest in samples:
        return
    if distance[nearest] > 2 * _NEAR * load_window(picture.plane, dataset).half:
        st.caption("The last click was not near a training point; click one to make it a corner.")
        return
    st.markdown(f"You clicked {_called(dataset, nearest)}. Make it a corner of the plane:")
    refused = ""
    for n, column in enumerate(st.columns([1, 1, 1, 2])[:3]):
        i, j, k = (nearest if n == m else sample for m, sample in enumerate(samples))
        text = f"{i} {j} {k}"
        _, wrong = parse(text, dataset)
        refused = refused or wrong
        column.button(
            f"Corner {n + 1}",
            key=f"corner {n + 1}",
            icon=":material/change_history:",
            disabled=bool(wrong),
            on_click=_choose,
            args=(text,),
            width="stretch",
        )
    if refused:
        st.caption(plain(refused))


def _choose(text: str) -> None:
    st.session_state["corners"] = text
    clicked_place.forget()


def _called(dataset: DatasetSpec, sample: int) -> str:
    data = datasets.load(dataset)
    name = data.class_names[data.y_train[sample]][:40]
    return f"training sample {sample} ({plain(name)})"
