"""Pages for what went wrong: one sentence, and what to do about it. Never a trace."""

from __future__ import annotations

import structlog
from flask import Flask, render_template
from werkzeug.exceptions import HTTPException

from core.errors import CountersignError, MalformedError, NotFoundError, StorageError
from core.text import display

BAD_REQUEST, NOT_FOUND, INTERNAL, UNAVAILABLE = 400, 404, 500, 503
ADVICE = {
    400: ("That address says something we cannot follow", "Go back, or start from a page above."),
    403: ("That is not allowed", "Load the page again and repeat what you asked for."),
    404: ("There is no such page", "It may have been of another database, or be mistyped."),
    405: ("That address cannot be asked this way", "Start from one of the pages above."),
    413: ("That is too much at once", "Forms of this dashboard are small."),
    500: ("We made a mistake", "The log of `countersign serve` has the details."),
    503: ("The database does not answer", "Wait a moment and load the page again."),
}
_log = structlog.get_logger(__name__)

Answer = tuple[str, int]


def install(application: Flask) -> None:
    """Answer every kind of error with a page of its own."""
    application.register_error_handler(HTTPException, _http)
    application.register_error_handler(MalformedError, _malformed)
    application.register_error_handler(NotFoundError, _not_found)
    application.register_error_handler(StorageError, _storage)
    application.register_error_handler(Exception, _unexpected)


def _page(code: int, sentence: str) -> Answer:
    title, advice = ADVICE.get(code, ADVICE[BAD_REQUEST if code < INTERNAL else INTERNAL])
    return render_template(
        "error.html", code=code, title=title, sentence=display(sentence), advice=advice
    ), code


def _http(error: HTTPException) -> Answer:
    return _page(error.code or INTERNAL, error.description or "")


def _malformed(error: MalformedError) -> Answer:
    return _page(BAD_REQUEST, str(error))


def _not_found(error: NotFoundError) -> Answer:
    return _page(NOT_FOUND, str(error))


def _storage(error: StorageError) -> Answer:
    _log.error("storage", error=str(error))
    return _page(UNAVAILABLE, "What you asked for could not be read or written.")


def _unexpected(error: Exception) -> Answer:
    if isinstance(error, CountersignError):
        _log.error("refused", error=str(error))
    else:
        _log.error("unexpected error", exc_info=error)
    return _page(INTERNAL, "")
