"""Whole lists as CSV or JSON, and kept bytes: streamed, in flat memory, never shown as a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime

from flask import Blueprint, Response, request

from core.model import Digest
from core.text import csv_cell
from dashboard.site import now, reading, site
from storage import artifact_list, evidence
from storage.database import Database
from storage.filters import ArtifactFilter
from storage.views import ArtifactRow

BATCH = 500
FIELDS = (
    "source", "kind", "owner", "repository", "name", "version", "variant", "artifact_kind",
    "digest", "status", "reason", "contested", "policy_status", "unconstrained",
    "exclusion_rule", "first_seen_at", "since_at", "status_since_at", "gone_at",
)  # fmt: skip

blueprint = Blueprint("downloads", __name__)


@blueprint.get("/artifacts.csv")
def as_csv() -> Response:
    """Download every row of a filtered list as CSV."""
    return _attached(_csv(site().database, _chosen()), "text/csv", "csv")


@blueprint.get("/artifacts.json")
def as_json() -> Response:
    """Download every row of a filtered list as JSON."""
    return _attached(_json(site().database, _chosen(), now()), "application/json", "json")


@blueprint.get("/evidence/<digest>")
def raw(digest: str) -> Response:
    """Download kept bytes exactly as they were found."""
    chosen = Digest.parse(digest)
    with reading() as connection:
        size = evidence.raw(connection, chosen).size  # a missing one is a page, not a broken stream
    response = Response(_raw(site().database, chosen), mimetype="application/octet-stream")
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name(chosen)}"'
    return response


def file_name(digest: Digest) -> str:
    """Return the name under which kept bytes are downloaded."""
    return f"{digest.algorithm}-{digest.value[:16]}.bin"


def _chosen() -> ArtifactFilter:
    return ArtifactFilter.from_parameters(request.args.to_dict())


def _attached(parts: Iterator[str], media_type: str, suffix: str) -> Response:
    response = Response(parts, mimetype=media_type)
    name = f"artifacts-{now():%Y%m%dT%H%M%SZ}.{suffix}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# A stream runs after its request has ended: it opens a snapshot of its own and asks for no context.


def _raw(database: Database, digest: Digest) -> Iterator[bytes]:
    with database.reading() as connection:
        yield from evidence.raw(connection, digest).chunks


def _csv(database: Database, chosen: ArtifactFilter) -> Iterator[str]:
    yield ",".join(FIELDS) + "\r\n"
    with database.reading() as connection:
        for rows in _batches(artifact_list.stream(connection, chosen)):
            text = io.StringIO(newline="")
            writer = csv.writer(text)
            writer.writerows(
                [csv_cell(_text(getattr(row, name))) for name in FIELDS] for row in rows
            )
            yield text.getvalue()


def _json(database: Database, chosen: ArtifactFilter, at: datetime) -> Iterator[str]:
    head = {"filter": chosen.to_parameters(), "generated_at": _text(at)}
    yield json.dumps(head)[:-1] + ', "artifacts": ['
    separator = "\n"
    with database.reading() as connection:
        for rows in _batches(artifact_list.stream(connection, chosen)):
            lines = [
                json.dumps({name: _plain(getattr(row, name)) for name in FIELDS}) for row in rows
            ]
            yield separator + ",\n".join(lines)
            separator = ",\n"
    yield "\n]}\n"


def _batches(rows: Iterator[ArtifactRow]) -> Iterator[list[ArtifactRow]]:
    batch: list[ArtifactRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int) or value is None else _text(value)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
