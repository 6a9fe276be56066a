"""Planes in words and in the address; the plane that was kept from a tour."""

import re
from typing import Any

import streamlit as st

from distill_core.geometry.problems import load_plane
from distill_core.specs import DatasetSpec, PlaneSpec, SpecError
from pages.frame.controls import locks
from pages.frame.controls.url_state import plain

_KEY = "kept"
_ARROW = " > "
_END = re.compile(r"([a-z ]+?)((?: \d{1,9}){0,3})(?: @(-?\d{1,2}(?:\.\d{1,4})?))?")
# The plane of the sidebar when the present one was kept.
_FOR = "kept for"


def write(plane: PlaneSpec) -> str:
    """Return a plane as the address has it: `class centres > random 3 > 0.42`, `discriminant`."""
    if plane.ends is not None:
        return _ARROW.join([*map(write, plane.ends), f"{plane.t:g}"])
    numbers = plane.features or plane.samples or (() if plane.seed is None else (plane.seed,))
    moved = f" @{plane.offset:g}" if plane.offset else ""
    return " ".join([plane.kind, *map(str, numbers)]) + moved


def read(words: str) -> PlaneSpec:
    """Return the plane that a text of `write` names.

    Raises
    ------
    SpecError
        When it names none.
    """
    parts = words.split(_ARROW)
    if len(parts) == 3:
        first, last, t = parts
        return PlaneSpec(kind="between", ends=(read(first), read(last)), t=t)
    match = _END.fullmatch(words)
    if match is None:
        raise SpecError(f"A plane is a kind and its numbers, got {words[:60]!r}.")
    kind, numbers, offset = match.groups()
    given = tuple(map(int, numbers.split()))
    if kind == "two features":
        own: dict[str, Any] = {"features": given or None}
    elif kind == "random":
        own = {"seed": given[0] if given else None}
    else:
        own = {"samples": given or None}
    return PlaneSpec(kind=kind, offset=offset or 0, **own)


def describe(plane: PlaneSpec) -> str:
    """Return a plane in words."""
    if plane.ends is None:
        return write(plane)
    first, last = map(write, plane.ends)
    return f"{first} → {last}, {plane.t:.0%} of the way"


def keep(plane: PlaneSpec) -> None:
    """Keep a plane: in the address, until the sidebar names another or it is let go."""
    if locks.is_open(_KEY):
        st.query_params[_KEY] = write(plane)


def load_kept(chosen: PlaneSpec, dataset: DatasetSpec) -> PlaneSpec:
    """Return the plane that was kept, if there is one, else the one of the sidebar."""
    words, before = st.query_params.get(_KEY), st.session_state.get(_FOR)
    st.session_state[_FOR] = chosen, dataset
    if words is None:
        return chosen
    if before is not None and before != (chosen, dataset):
        let_go()
        return chosen
    try:
        kept = read(words)
        load_plane(kept, dataset)
    except SpecError as error:
        st.warning(f"The plane in this link cannot be used. {plain(str(error))}")
        return chosen
    return kept


def let_go() -> None:
    """Go back to the plane of the sidebar."""
    st.query_params.pop(_KEY, None)
