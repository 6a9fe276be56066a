"""What a visitor who looks at a picture may want next: the stops beside it, trained ahead."""

import os
from collections.abc import Iterator

import streamlit as st

from distill_core.specs import PictureSpec, StudentSpec
from pages.frame.controls.setting import Setting
from pages.frame.controls.settings import of_spec
from pages.frame.server import crowd, pace, visitors

# How far a hand goes from one look to the next, in stops.
_STEPS = (1, 2)
_SEEN = "picture before"


def train_ahead(picture: PictureSpec) -> None:
    """Have the stops beside a picture made while the visitor looks at it and a worker is idle."""
    before: PictureSpec = st.session_state.get(_SEEN, picture)
    st.session_state[_SEEN] = picture
    # Where many are at work, processors are for what they ask for.
    away = crowd.count() > pace.FEW or os.environ.get("DISTILL_NEIGHBOURS") == "0"
    visitors.identify().guess([] if away else list_neighbours(picture, before))


def list_neighbours(picture: PictureSpec, before: PictureSpec) -> list[PictureSpec]:
    """Return the pictures one and two stops away on each slider, the likeliest first.

    Who has moved a slider goes on, then turns back, then takes another one. `before` is the
    picture that was seen last; where it differs in more than sliders, all of them are as likely.
    """
    sliders = [row for row in of_spec(StudentSpec) if row.widget == "stops" and row.is_open]
    sliders.sort(key=lambda row: (_moved(row, picture, before) == 0, not row.on_top))
    found: list[PictureSpec] = []
    for row in sliders:
        found += _beside(row, picture, _moved(row, picture, before))
    return found


def _moved(row: Setting, picture: PictureSpec, before: PictureSpec) -> int:
    """Return in which direction a slider went: -1, 1, or 0 if it stands where it stood."""
    now, then = (row.value_in(one.student) for one in (picture, before))
    return (now > then) - (now < then)


def _beside(row: Setting, picture: PictureSpec, direction: int) -> Iterator[PictureSpec]:
    """Yield the stops beside a slider's own, first on the side to which it went."""
    stops = list(row.options)
    own = row.value_in(picture.student)
    if own not in stops:
        return
    at = stops.index(own)
    ways = (direction, -direction) if direction else (1, -1)
    offsets = [step * way for step in _STEPS for way in ways]
    if direction:
        offsets.sort(key=lambda offset: offset * direction < 0)
    for offset in offsets:
        if 0 <= at + offset < len(stops):
            student = row.put(picture.student, stops[at + offset])
            yield picture.replace(student=student)
