"""The same two models on several planes, on random planes, and on test data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from distill_core import figures, jobs
from distill_core.data import datasets
from distill_core.geometry.problems import load_plane, load_window
from distill_core.jobs import faithfulness
from distill_core.measures.shares import format_share
from distill_core.specs import PictureSpec, PlaneSpec, SpecError, StudentSpec
from distill_core.store import Artifact
from distill_core.studies import picture_answers
from distill_core.studies.study import Row, band, to_csv
from pages.frame.server import service, waiting
from pages.frame.slices import meter, plane_names
from pages.frame.slices.meter import Look
from pages.frame.studies import results

_USUAL = (
    PlaneSpec(kind="class centres"),
    PlaneSpec(kind="principal components"),
    PlaneSpec(kind="discriminant"),
    PlaneSpec(kind="two features"),
    PlaneSpec(kind="three samples"),
    PlaneSpec(kind="random", seed=0),
    PlaneSpec(kind="random", seed=1),
)


def look_at_planes(student: StudentSpec, present: PlaneSpec, near: float) -> list[Look]:
    """Return the present plane, the usual ones and the worst found, all looked at."""
    words = "Searching the plane of most disagreement"
    searched = waiting.make_one(jobs.search_most_disagreement, student, words, "search")
    called = {plane: plane_names.describe(plane) for plane in (present, *_USUAL)}
    called[jobs.read_disagreement(searched)] = "most disagreement"
    dataset = student.ensemble.problem.dataset
    planes = [plane for plane in called if _exists(plane, dataset)]
    pictures = [PictureSpec(student=student, plane=plane) for plane in planes]
    wanted = {f"plane {i}": (faithfulness.measure_slice, p) for i, p in enumerate(pictures)}
    found = waiting.make(wanted, f"Looking at {len(wanted)} planes")
    return [
        meter.read_look(picture, seen, near, called[picture.plane])
        for picture, seen in zip(pictures, found, strict=True)
    ]


def draw_pictures(found: list[Look]) -> None:
    """Draw the planes small, side by side, each with its meter below."""
    class_names = datasets.load(found[0].picture.dataset).class_names
    with st.container(key="small-pictures"):
        for start in range(0, len(found), 4):
            columns = st.columns(4, gap="medium")
            for column, look in zip(columns, found[start : start + 4], strict=False):
                with column:
                    _draw_small(look, class_names)


def _draw_small(look: Look, class_names: Sequence[str]) -> None:
    plane = look.picture.plane
    window = load_window(plane, look.picture.dataset)
    whole, ours = (jobs.read_section(look.seen, window, who) for who in ("", "student_"))
    figure = figures.small_plane_figure(
        window,
        {"ensemble": [whole.lines], "student": [ours.lines]},
        title=look.called,
        field_of=whole,
        class_names=class_names,
        height=215,
    )
    words = f"Ensemble and student on the plane {look.called}."
    results.draw_chart(figure, f"plane-{plane_names.write(plane)}", words)
    mark = "" if look.meter.trusted else ":material/warning: "
    away = f", {look.meter.outside:.0%} outside the data" * (look.meter.outside > 0.01)
    own, students = (format_share(share, 0) for share in look.meter.shares[:2])
    st.caption(f"{mark}own colour {own} (student {students}){away}")


def draw_agreement(found: list[Look], random: Artifact | None) -> None:
    """Say and draw how much agreement depends on the plane that is looked at."""
    test, area = _test(found[0].picture.student), _area(found)
    said = ""
    if random is not None:
        models = (random.arrays[name] for name in ("student", "twin", "pair"))
        said = f" {picture_answers.describe_random_planes(*models)}"
    low, high = min(area["student"]), max(area["student"])
    st.markdown(
        f"Student and ensemble agree on **{format_share(test['student'])}** of the test data, and "
        f"on {format_share(low)} to {format_share(high)} of a plane’s shown area, depending on the "
        "plane." + said
    )
    bands = None
    if random is not None:
        bands = {who: band(random.arrays[who].tolist()) for who in ("student", "twin")}
    results.draw_chart(
        figures.planes_figure([look.called for look in found], area, test, random=bands),
        "planes-agreement",
        "Agreement with the ensemble on the area of each plane, beside that on test data.",
    )
    st.caption(
        "Area counts every place of the window alike, with or without data; test data counts "
        "where data is. Random planes go through three training samples of two classes or more, "
        "as in Somepalli et al. 2022; the interval is over planes, of one pair of models. The "
        "plane of most disagreement was searched for: it is the worst found, not a typical one."
    )


def measure_random_planes(student: StudentSpec) -> Artifact:
    """Return the comparison on random planes."""
    spec = faithfulness.ReproducibilitySpec(student=student)
    words = "Trying 40 random planes"
    return waiting.make_one(faithfulness.measure_reproducibility, spec, words, "random")


def offer_table(found: list[Look]) -> None:
    """Show the meters of all planes as a table, to take along as CSV."""
    rows = _list_rows(found)
    shown: list[dict[str, Any]] = [
        {
            name: format_share(value) if name in _SHARES and isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    with st.expander("All figures as a table", icon=":material/table:"):
        st.dataframe(shown, hide_index=True)
    st.download_button(
        "Meter table (CSV)",
        lambda: to_csv(rows),
        f"slices-{found[0].picture.student.digest[:8]}.csv",
        "text/csv",
        icon=":material/table:",
        on_click="ignore",
        help="One row per plane, shares from 0 to 1.",
    )


_SHARES = (
    "own colour, ensemble",
    "own colour, student",
    "near, own colour",
    "outside",
    "area, student",
    "area, twin",
    "test, student",
    "test, twin",
)


def _list_rows(found: list[Look]) -> list[Row]:
    test = _test(found[0].picture.student)
    return [
        {
            "plane": look.called,
            "points": len(look.meter.distance),
            "own colour, ensemble": float(look.meter.shares[0]),
            "own colour, student": float(look.meter.shares[1]),
            "near": look.meter.n_near,
            "h": round(look.meter.h, 4),
            "near, own colour": _known(look.meter.near_shares[0]),
            "outside": look.meter.outside,
            **{f"area, {who}": look.seen.meta["area"][who] for who in ("student", "twin")},
            **{f"test, {who}": test[who] for who in ("student", "twin")},
        }
        for look in found
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _test(student: StudentSpec) -> dict[str, float]:
    artifact = service.store().get("student", student.digest)
    assert artifact is not None
    return {who: artifact.meta[who]["agreement"] for who in ("student", "twin")}


def _area(found: list[Look]) -> dict[str, list[float]]:
    return {who: [look.seen.meta["area"][who] for look in found] for who in ("student", "twin")}


def _exists(plane: PlaneSpec, dataset: Any) -> bool:
    try:
        load_plane(plane, dataset)
    except SpecError:
        return False
    return True
