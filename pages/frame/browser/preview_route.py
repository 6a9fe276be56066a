"""The student while a slider still moves: its lines on a short way, past the page's script."""

import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from distill_core import jobs
from distill_core.engine import Job
from distill_core.measures.shares import format_share
from distill_core.specs import PictureSpec, StudentSpec
from pages.frame.browser.encoding import encode_lines
from pages.frame.controls.settings import of_spec
from pages.frame.server import pace, service, visitors
from pages.frame.server.visitors import Visitor

# A setting in JSON is far shorter; nobody else has anything to say here.
_MAX_LENGTH = 4000


def offer(picture: PictureSpec, visitor: Visitor) -> dict[str, Any]:
    """Return what the live view must know to ask for the students of other settings."""
    return {
        "visitor": visitor.name,
        "picture": picture.model_dump(mode="json"),
        "twin": _twin(picture),
        "sliders": _sliders(),
    }


def _sliders() -> dict[str, Any]:
    """Return which slider, by its label, changes what in a picture, and where it can stand."""
    return {
        row.label: {"way": ["student", *row.path.split(".")], "stops": row.options}
        for row in of_spec(StudentSpec)
        if row.widget == "stops"
    }


def preview_route() -> Route:
    """Return the route under which the live view asks, beside its own files."""
    return Route("/{base:path}boundary-view/student", _answer, methods=["GET"])


def wait_for_line(visitor: Visitor) -> None:
    """Wait for the line that a visitor's view has asked for, but not for long.

    The line is what a moving hand looks at. A page that runs meanwhile would take the
    processor from the worker that trains the student, and from the browser that draws it.
    """
    job = visitor.line
    if job is not None:
        job.wait_snapshot(pace.LINE_FIRST)
        time.sleep(pace.LINE_TO_SCREEN)


# Not a coroutine: it waits for a worker, in a thread of its own.
def _answer(request: Request) -> Response:
    name, text = (request.query_params.get(key, "") for key in ("visitor", "picture"))
    visitor = visitors.find(name)
    if visitor is None:
        return PlainTextResponse("The visitor is not known; open the page first.", 403)
    if len(text) > _MAX_LENGTH:
        return PlainTextResponse(
            f"A setting has at most {_MAX_LENGTH:,} characters, got {len(text):,}.", 413
        )
    try:
        picture = PictureSpec(**json.loads(text))
        # Read ahead: only what is there already, and nobody is working on a slider.
        ahead = "ahead" in request.query_params
        early = "whole" not in request.query_params
        seen = _load(picture) if ahead else _make(picture, visitor, early)
    except (ValueError, TypeError, RecursionError) as error:
        return PlainTextResponse(f"This is not a setting. {error}", 422)
    if seen is None:
        # Not yet, or not any more: the page says so, and a browser need not call it an error.
        return Response(status_code=204)
    lines, agreement = seen
    body = encode_lines(
        lines,
        student=picture.digest,
        twin=_twin(picture),
        note=f"agreement {format_share(agreement)}",
    )
    return Response(body, media_type="application/octet-stream", headers=_NOT_KEPT)


# The store answers as fast as a browser's cache, and knows what has been deleted.
_NOT_KEPT = {"Cache-Control": "no-store"}


# Lines by whose they are, and the student's agreement with the ensemble.
Seen = tuple[dict[str, NDArray[np.float32]], float]


def _load(picture: PictureSpec) -> Seen | None:
    artifact = service.store().get("picture", picture.digest)
    if artifact is None:
        return None
    lines = {"student": artifact.arrays["lines"], "twin": artifact.arrays["twin_lines"]}
    return lines, artifact.meta["student"]["agreement"]


def _make(picture: PictureSpec, visitor: Visitor, early: bool) -> Seen | None:
    """Return what the store has or a worker makes; None if the ensemble is still missing.

    Early, the student's line does not wait for the twin's.
    """
    service.engine().visited()
    found = _load(picture)
    if found is not None or not service.store().has("ensemble", picture.student.ensemble.digest):
        return found
    # What the setting before can do without must not keep the new one waiting.
    visitor.release("history", "replicates")
    job = visitor.request(jobs.evaluate_picture, picture, slot="student")
    if not isinstance(job, Job):
        return _load(picture)
    visitor.line = job
    try:
        (job.wait_snapshot if early else job.wait)(pace.PREVIEW_PATIENCE)
    finally:
        if visitor.line is job:
            visitor.line = None
    so_far = job.snapshot
    if not job.finished and so_far is not None and "lines" in so_far:
        return {"student": so_far["lines"]}, float(so_far["agreement"])
    return _load(picture)


def _twin(picture: PictureSpec) -> str:
    """Return a name of a picture's twin, which is the same at every T and alpha."""
    return picture.replace(student=picture.student.twin().replace(temperature=1.0)).digest
