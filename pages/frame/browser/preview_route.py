"""The student while a slider still moves: its lines on a short way, past the page's script."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from distill_core import jobs
from distill_core.engine import EngineError, Job
from distill_core.measures.shares import format_share
from distill_core.specs import PictureSpec, StudentSpec
from distill_core.store import StoreError
from pages.frame.browser.encoding import encode_lines, join_messages
from pages.frame.controls.settings import of_spec
from pages.frame.server import pace, service, shared, visitors
from pages.frame.server.visitors import Visitor

# A setting in JSON is far shorter; nobody else has anything to say here.
_MAX_LENGTH = 4000
# Questions that may wait, of one visitor and of all. A hand that moves on leaves some behind.
_MAX_ASKING, _MAX_ASKING_IN_ALL = 8, 400
# What reads the store and starts jobs; nothing in these threads waits for a worker.
_threads = ThreadPoolExecutor(4, thread_name_prefix="preview")
_n_asking = 0


def offer(picture: PictureSpec, visitor: Visitor) -> dict[str, Any]:
    """Return what the live view must know to ask for the students of other settings."""
    visitor.offer(picture)
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


def preview_routes() -> list[Route]:
    """Return the routes under which the live view asks, beside its own files.

    One student at a time while a slider moves; all stored ones beside a picture while it rests.
    """
    return [
        Route("/{base:path}boundary-view/student", _answer, methods=["GET"]),
        Route("/{base:path}boundary-view/beside", _answer_beside, methods=["GET"]),
    ]


def wait_for_line(visitor: Visitor) -> None:
    """Wait for the line that a visitor's view has asked for, but not for long.

    The line is what a moving hand looks at. A page that runs meanwhile would take the
    processor from the worker that trains the student, and from the browser that draws it.
    """
    job = visitor.line
    if job is not None:
        job.wait_snapshot(pace.LINE_FIRST)
        time.sleep(pace.LINE_TO_SCREEN)


async def _answer(request: Request) -> Response:
    name, text = (request.query_params.get(key, "") for key in ("visitor", "picture"))
    visitor = visitors.find(name)
    if visitor is None:
        return _unknown()
    if len(text) > _MAX_LENGTH:
        return PlainTextResponse(
            f"A setting has at most {_MAX_LENGTH:,} characters, got {len(text):,}.", 413
        )
    if _is_full(visitor):
        return _refuse()
    try:
        picture = PictureSpec(**json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        return PlainTextResponse(f"This is not a setting. {error}", 422)
    if not is_offered(picture, visitor):
        return PlainTextResponse(
            "Only the stops of the sliders of a picture that this page shows can be asked for.", 403
        )
    early = "whole" not in request.query_params
    try:
        with _counted(visitor):
            seen = await _make(picture, visitor, early)
    except (StoreError, EngineError) as error:
        return PlainTextResponse(str(error), 503)
    return _send(seen)


async def _answer_beside(request: Request) -> Response:
    """Answer with what is there already: nobody is working on a slider."""
    name, digest = (request.query_params.get(key, "") for key in ("visitor", "student"))
    visitor = visitors.find(name)
    if visitor is None:
        return _unknown()
    picture = next((one for one in visitor.offers if one.digest == digest), None)
    if picture is None:
        return PlainTextResponse("Only what lies beside a picture of this page can be had.", 403)
    seen = shared.find(_key(picture, "beside"))
    if seen is None:
        if _is_full(visitor):
            return _refuse()
        try:
            with _counted(visitor):
                seen = await _off_loop(_load_beside, picture)
        except StoreError as error:
            return PlainTextResponse(str(error), 503)
    return _send(seen)


def _unknown() -> Response:
    return PlainTextResponse("The visitor is not known; open the page first.", 403)


def _refuse() -> Response:
    return PlainTextResponse("Too many questions wait for an answer already.", 429)


def _send(seen: bytes | None) -> Response:
    if seen is None:
        # Not yet, or not any more: the page says so, and a browser need not call it an error.
        return Response(status_code=204)
    return Response(seen, media_type="application/octet-stream", headers=_NOT_KEPT)


def _is_full(visitor: Visitor) -> bool:
    return visitor.n_asking >= _MAX_ASKING or _n_asking >= _MAX_ASKING_IN_ALL


@contextlib.contextmanager
def _counted(visitor: Visitor) -> Iterator[None]:
    """Count a question among those that wait."""
    global _n_asking
    visitor.n_asking += 1
    _n_asking += 1
    try:
        yield
    finally:
        visitor.n_asking -= 1
        _n_asking -= 1


def is_offered(picture: PictureSpec, visitor: Visitor) -> bool:
    """Say whether a picture differs from one that a page has offered by stops of sliders alone."""
    return any(_at_stops_of(offered, picture) == picture for offered in reversed(visitor.offers))


def _at_stops_of(offered: PictureSpec, picture: PictureSpec) -> PictureSpec | None:
    """Return the offered picture with its sliders where another one has them."""
    student = offered.student
    for row in of_spec(StudentSpec):
        value = row.value_in(picture.student)
        if row.widget == "stops" and value != row.value_in(student):
            if value not in row.options or not row.is_open:
                return None
            student = row.put(student, value)
    return offered.replace(student=student)


async def _off_loop(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(_threads, function, *arguments)


# The store answers as fast as a browser's cache, and knows what has been deleted.
_NOT_KEPT = {"Cache-Control": "no-store"}


def _load(picture: PictureSpec) -> bytes | None:
    """Return the lines that the store has, on their way to the browser."""
    key = _key(picture)
    kept = shared.find(key)
    if kept is not None:
        return kept
    artifact = service.store().get("picture", picture.digest)
    if artifact is None:
        return None
    lines = {"student": artifact.arrays["lines"], "twin": artifact.arrays["twin_lines"]}
    message = _encode(picture, lines, artifact.meta["student"]["agreement"])
    return shared.build(key, lambda: message)


def _load_beside(picture: PictureSpec) -> bytes | None:
    """Return the stored lines of the stops beside a picture, each with its slider and stop."""
    found, is_whole = {}, True
    for label, stop, other in _list_beside(picture):
        lines = _load(other)
        if lines is not None:
            found[label, stop] = lines
        is_whole &= lines is not None
    message = join_messages(found) if found else None
    if message is not None and is_whole:
        shared.build(_key(picture, "beside"), lambda: message)
    return message


def _list_beside(picture: PictureSpec) -> Iterator[tuple[str, Any, PictureSpec]]:
    """Yield the pictures one stop to each side of every slider, with its label and the stop."""
    for row in of_spec(StudentSpec):
        stops, own = list(row.options), row.value_in(picture.student)
        if row.widget != "stops" or not row.is_open or own not in stops:
            continue
        at = stops.index(own)
        for stop in (*stops[max(at - 1, 0) : at], *stops[at + 1 : at + 2]):
            yield row.label, stop, picture.replace(student=row.put(picture.student, stop))


def _key(picture: PictureSpec, kind: str = "lines") -> Hashable | None:
    return shared.name(picture.dataset, kind, picture.digest)


def _encode(picture: PictureSpec, lines: dict[str, NDArray[np.float32]], agreement: float) -> bytes:
    return encode_lines(
        lines,
        student=picture.digest,
        twin=_twin(picture),
        note=f"agreement {format_share(agreement)}",
    )


async def _make(picture: PictureSpec, visitor: Visitor, early: bool) -> bytes | None:
    """Return what the store has or a worker makes; None if the ensemble is still missing.

    Early, the student's line does not wait for the twin's.
    """
    found, job = await _off_loop(_begin, picture, visitor)
    if job is None:
        return found
    try:
        await _wait(job, early)
    finally:
        if visitor.line is job:
            visitor.line = None
    so_far = job.snapshot
    if not job.finished and so_far is not None and "lines" in so_far:
        # One line: less work than it is to hand it to a thread.
        return _encode(picture, {"student": so_far["lines"]}, float(so_far["agreement"]))
    return await _off_loop(_load, picture)


def _begin(picture: PictureSpec, visitor: Visitor) -> tuple[bytes | None, Job | None]:
    """Return what the store has, or else the job that makes it; neither without an ensemble."""
    found = _load(picture)
    if found is not None:
        # Not sooner: a request alone knows whether what runs is just what is wanted.
        service.engine().visited(visitor.name)
    if found is not None or not service.store().has("ensemble", picture.student.ensemble.digest):
        return found, None
    # What the setting before can do without must not keep the new one waiting.
    visitor.release("history", "replicates")
    job = visitor.request(jobs.evaluate_picture, picture, slot="student")
    if not isinstance(job, Job):
        return _load(picture), None
    # At once: the page's run, which is on its way, waits for it.
    visitor.line = job
    return None, job


async def _wait(job: Job, early: bool) -> None:
    """Wait for a job's end, early only for its first line, without a thread that does so."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(changed.set)

    with job.listen(wake), contextlib.suppress(TimeoutError):
        async with asyncio.timeout(pace.PREVIEW_PATIENCE):
            while not (job.finished or (early and job.snapshot is not None)):
                await changed.wait()
                changed.clear()


def _twin(picture: PictureSpec) -> str:
    """Return a name of a picture's twin, which is the same at every T and alpha."""
    return picture.replace(student=picture.student.twin().replace(temperature=1.0)).digest
