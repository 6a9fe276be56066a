"""The learner's page: a route of its own beside the app, three small answers, no session."""

import json
import time
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from distill_core.lessons import choose_words, drawings
from pages.frame.browser import assets
from pages.frame.room.rooms import ROOMS, RoomError

# Bytes: an answer is far shorter.
_MAX_BODY = 1000
_HERE = Path(__file__).parent
_PAGE = (_HERE / "learner.html").read_text(encoding="utf-8")
_FILES = {
    "room.js": ("text/javascript", (_HERE / "learner.js").read_text(encoding="utf-8")),
    "drawing.js": ("text/javascript", assets.read("drawing.js")),
    "room.css": ("text/css", (_HERE / "learner.css").read_text(encoding="utf-8")),
}
_NOT_KEPT = {"Cache-Control": "no-store"}

# Tests hand in a clock of their own.
_now = time.monotonic


def room_routes() -> list[Route]:
    """Return the routes of the learner's page; they also match behind a path prefix."""
    return [
        Route("/{base:path}join", _show_page, methods=["GET"]),
        Route("/{base:path}join/question", _answer_look, methods=["GET"]),
        Route("/{base:path}join/vote", _answer_vote, methods=["POST"]),
        Route("/{base:path}join/{name}", _serve_file, methods=["GET"]),
    ]


async def _show_page(request: Request) -> Response:
    language = "de" if request.query_params.get("lang") == "de" else "en"
    words = choose_words(language)
    page = _PAGE.format(
        language=language,
        waiting=escape(words.waiting),
        closed=escape(words.room_closed),
        full=escape(words.room_full),
    )
    return Response(page, media_type="text/html", headers=_NOT_KEPT)


async def _serve_file(request: Request) -> Response:
    found = _FILES.get(request.path_params["name"])
    if found is None:
        return PlainTextResponse("There is no such file.", 404)
    media_type, text = found
    return Response(text, media_type=media_type, headers=_NOT_KEPT)


async def _answer_look(request: Request) -> Response:
    code, token, known = (request.query_params.get(key, "") for key in ("room", "token", "known"))
    try:
        question, answer = ROOMS.look(code, token, _now())
    except RoomError as error:
        return _refuse(error)
    if question is None:
        return JSONResponse({"name": ""}, headers=_NOT_KEPT)
    content: dict[str, object] = {"name": question.name, "answer": answer}
    if question.name != known:
        content |= {
            "title": question.title,
            "text": question.text,
            "options": list(question.options.items()),
            "picture": question.picture,
            "bySlider": question.by_slider,
            "drawing": question.drawing,
            "most": [drawings.MAX_STROKES, drawings.MAX_POINTS],
            "send": question.send,
            "thanks": question.thanks,
        }
    return JSONResponse(content, headers=_NOT_KEPT)


async def _answer_vote(request: Request) -> Response:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            return PlainTextResponse(f"An answer has at most {_MAX_BODY:,} bytes.", 413)
    try:
        content = json.loads(body)
        code, token, name, answer = (content[key] for key in ("room", "token", "name", "answer"))
        if not all(isinstance(one, str) for one in (code, token, name, answer)):
            raise TypeError("not all are texts")
    except (ValueError, TypeError, KeyError, RecursionError):
        return PlainTextResponse("An answer has the texts room, token, name and answer.", 422)
    try:
        ROOMS.vote(code, token, name, answer, _now())
    except RoomError as error:
        return _refuse(error)
    return JSONResponse({"answer": answer}, headers=_NOT_KEPT)


def _refuse(error: RoomError) -> Response:
    status = 409 if "question" in str(error) else 429 if "full" in str(error) else 404
    return PlainTextResponse(str(error), status, headers=_NOT_KEPT)
