"""For whoever watches the process: whether it lives, and whether it can answer."""

from __future__ import annotations

from flask import Blueprint, Response

from core.errors import StorageError
from core.text import display
from dashboard.site import now, reading
from storage import mistakes, sources

SENTENCE = 2000  # characters shown of one
blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """Say that the process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def ready() -> Response:
    """Say whether the database answers, and what is wrong with the settings; 200 all the same."""
    try:
        with reading() as connection:
            sources.summary(connection, now())
            mistake = mistakes.current(connection)
    except StorageError:
        return Response("the database does not answer\n", 503, mimetype="text/plain")
    words = "ready\n"
    if mistake is not None:
        since = f"{mistake.since:%Y-%m-%d %H:%M} UTC"
        words += f"mistake since {since}: {display(mistake.sentence, SENTENCE)}\n"
        words += "nothing is scanned until it is mended\n" if mistake.halts else ""
    return Response(words, mimetype="text/plain")
