"""Take it away: the student of a picture as a file that takes raw columns."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import streamlit as st

from distill_core.exports import model, onnx_file, python_file, weights_file
from distill_core.specs import PictureSpec, SpecError
from pages.frame.controls.url_state import plain
from pages.frame.server import service
from pages.frame.takeaway import report

ONNX, SAFETENSORS, PYTHON = "ONNX", "safetensors", "Python"


@dataclass(frozen=True)
class _File:
    """A file that was made and checked, and what is said of it."""

    name: str
    data: bytes
    said: str


def offer(picture: PictureSpec) -> None:
    """Offer the student of a picture as a file, and the report; drawn when it is opened."""
    place = st.expander(
        "Take it away", icon=":material/output:", key="take away", on_change="rerun"
    )
    # A report that is being made is watched even where it is folded away.
    if not place.open and not report.is_under_way():
        return
    with place:
        left, right = st.columns([4, 1], gap="medium", vertical_alignment="top")
        with left:
            _offer_student(picture)
        with right:
            report.offer_picture(picture)


@st.fragment
def _offer_student(picture: PictureSpec) -> None:
    """Make and check the student in the format that is chosen; nothing is made before."""
    # A key for each setting: a new student is not made in a format that was chosen for another.
    key = f"format {picture.student.digest[:12]}"
    chosen = st.segmented_control(
        "The student, from raw columns to class probabilities, as",
        list(_MAKERS),
        key=key,
        help="**ONNX** runs in many languages; **Python** is one file that needs NumPy alone; "
        "**safetensors** holds the numbers, described as JSON. Scaling, categories, missing values "
        "and the plane are inside.",
    )
    if chosen is None:
        return
    if chosen == ONNX and find_spec("onnx") is None:
        st.info(
            "This server lacks the package onnx, so that it cannot write ONNX: "
            "`pip install onnx`. The other two formats need no other package.",
            icon=":material/extension_off:",
        )
        return
    try:
        made = _MAKERS[chosen](picture)
    except SpecError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    for column, file in zip(st.columns(2), made, strict=False):
        column.download_button(
            f"Download {file.name}",
            file.data,
            file.name,
            "application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )
    st.caption(plain(" ".join(file.said for file in made)))


def _make_onnx(picture: PictureSpec) -> list[_File]:
    built = model.build(picture.student, service.store())
    data = onnx_file.onnx_file(built)
    found, by = onnx_file.check_onnx(built, data)
    said = f"Opset {onnx_file.OPSET}, any number of rows at once. {found.describe()} Run by {by}."
    return [_File("student.onnx", data, said)]


def _make_python(picture: PictureSpec) -> list[_File]:
    built = model.build(picture.student, service.store())
    said = model.check_numpy(built).describe()
    return [_File("student.py", python_file.python_file(built), said)]


def _make_safetensors(picture: PictureSpec) -> list[_File]:
    built = model.build(picture.student, service.store())
    said = model.check_numpy(built).describe()
    return [
        _File("student.safetensors", weights_file.safetensors_file(built), said),
        _File("student.json", weights_file.card_file(built), "The JSON says what goes in."),
    ]


_MAKERS: dict[str, Callable[[PictureSpec], list[_File]]] = {
    ONNX: _make_onnx,
    SAFETENSORS: _make_safetensors,
    PYTHON: _make_python,
}
