"""The pinned student: kept in the address, beside all that comes after it."""

import streamlit as st

from distill_core.specs import PictureSpec, SpecError, StudentSpec
from pages.frame.controls import locks
from pages.frame.controls.settings import SETTINGS, describe, of_spec
from pages.frame.controls.url_state import plain

# Numbers that the oldest links have; settings that came later are at their defaults there.
_FEWEST = 6
# Differences that the button names.
_MOST_NAMED = 2


def offer_pin(picture: PictureSpec, pinned: PictureSpec | None) -> None:
    """Offer to keep this setting on the screen, or to let it go."""
    row = SETTINGS["pin"]
    if locks.find(row.key)[0] == "hidden":
        return
    if pinned is None:
        st.button(
            "Pin this student",
            icon=":material/keep:",
            on_click=lambda: st.query_params.update({row.key: _write(picture.student)}),
            disabled=not locks.is_open(row.key),
            help="Keeps its boundary in the picture and its figures beside the next ones.",
        )
    else:
        st.button(
            f"Unpin{_name_difference(pinned.student, picture.student)}",
            icon=":material/keep_off:",
            on_click=_unpin,
            disabled=not locks.is_open(row.key),
            help=f"Takes the pinned student ({describe(pinned.student)}) out of the picture.",
        )


def read_pin(picture: PictureSpec) -> PictureSpec | None:
    """Return the pinned student on the present problem, as the address has it."""
    text = locks.find("pin")[1] or st.query_params.get(SETTINGS["pin"].key)
    if text is None:
        return None
    rows, numbers = of_spec(StudentSpec), text.split(" ")
    student = StudentSpec(ensemble=picture.student.ensemble)
    try:
        if not _FEWEST <= len(numbers) <= len(rows):
            raise SpecError(f"It should be {len(rows)} numbers, got {len(numbers)}.")
        for row, number in zip(rows, numbers, strict=False):
            student = row.put(student, number)
    except SpecError as error:
        st.warning(f"The pinned setting in this link cannot be read. {plain(str(error))}")
        return None
    return picture.replace(student=student)


def _name_difference(pinned: StudentSpec, now: StudentSpec) -> str:
    """Return in what a pinned student differs from the present one, short enough for a button."""
    pairs = [(row, row.value_in(pinned), row.value_in(now)) for row in of_spec(StudentSpec)]
    said = [row.words.format(row.text(then)) for row, then, today in pairs if then != today]
    more = f" and {len(said) - _MOST_NAMED} more" if len(said) > _MOST_NAMED else ""
    return f" ({', '.join(said[:_MOST_NAMED])}{more})" if said else ""


def _unpin() -> None:
    st.query_params.pop(SETTINGS["pin"].key, None)


def _write(student: StudentSpec) -> str:
    return " ".join(row.text(row.value_in(student)) for row in of_spec(StudentSpec))
