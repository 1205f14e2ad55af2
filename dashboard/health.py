"""For whoever watches the process: whether it lives, and whether it can answer."""

from __future__ import annotations

from flask import Blueprint, Response

from core.errors import StorageError
from dashboard.site import now, reading
from storage import sources

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """Say that the process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def ready() -> Response:
    """Say whether the database answers."""
    try:
        with reading() as connection:
            sources.summary(connection, now())
    except StorageError:
        return Response("the database does not answer\n", 503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")
