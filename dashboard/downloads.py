"""Whole lists as CSV or JSON, and kept bytes: streamed, in flat memory, never shown as a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from flask import Blueprint, Response, request

from core.model import Digest
from core.text import csv_cell
from dashboard.site import now, reading, site
from storage import artifact_list, evidence, unit_findings
from storage.database import Connection, Database
from storage.filters import ArtifactFilter

BATCH = 500
FIELDS = (
    "source", "kind", "owner", "repository", "name", "version", "variant", "artifact_kind",
    "digest", "status", "reason", "contested", "policy_status", "unconstrained",
    "exclusion_rule", "first_seen_at", "since_at", "status_since_at", "gone_at",
)  # fmt: skip
FINDING_FIELDS = ("source", "unit", "reason", "detail", "expected", "found", "since_at")

Rows = Iterator[list[object]]

blueprint = Blueprint("downloads", __name__)


@blueprint.get("/artifacts.csv")
def as_csv() -> Response:
    """Download every row of a filtered list as CSV."""
    return _attached(_csv(_artifacts(), FIELDS), "text/csv", "csv", "artifacts")


@blueprint.get("/artifacts.json")
def as_json() -> Response:
    """Download every row of a filtered list as JSON."""
    head = {"filter": _chosen().to_parameters(), "generated_at": _text(now())}
    parts = _json(_artifacts(), FIELDS, "artifacts", head)
    return _attached(parts, "application/json", "json", "artifacts")


@blueprint.get("/findings.csv")
def findings_csv() -> Response:
    """Download every finding about the configuration that a filter selects as CSV."""
    return _attached(_csv(_findings(), FINDING_FIELDS), "text/csv", "csv", "findings")


@blueprint.get("/findings.json")
def findings_json() -> Response:
    """Download every finding about the configuration that a filter selects as JSON."""
    chosen = unit_findings.finding_part(_chosen())
    head = {"filter": chosen.to_parameters(), "generated_at": _text(now())}
    parts = _json(_findings(), FINDING_FIELDS, "findings", head)
    return _attached(parts, "application/json", "json", "findings")


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


def _attached(parts: Iterator[str], media_type: str, suffix: str, what: str) -> Response:
    response = Response(parts, mimetype=media_type)
    name = f"{what}-{now():%Y%m%dT%H%M%SZ}.{suffix}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# A stream runs after its request has ended: it opens a snapshot of its own and asks for no context.


def _raw(database: Database, digest: Digest) -> Iterator[bytes]:
    with database.reading() as connection:
        yield from evidence.raw(connection, digest).chunks


def _artifacts() -> Rows:
    return _streamed(site().database, partial(artifact_list.stream, chosen=_chosen()))


def _findings() -> Rows:
    return _streamed(site().database, partial(unit_findings.stream, chosen=_chosen()))


def _streamed(database: Database, rows: Callable[[Connection], Iterator[object]]) -> Rows:
    """Yield rows in batches, from a snapshot that opens with the first."""
    with database.reading() as connection:
        yield from _batches(rows(connection))


def _csv(batches: Rows, fields: Sequence[str]) -> Iterator[str]:
    yield ",".join(fields) + "\r\n"
    for rows in batches:
        text = io.StringIO(newline="")
        cells = ([csv_cell(_text(getattr(row, name))) for name in fields] for row in rows)
        csv.writer(text).writerows(cells)
        yield text.getvalue()


def _json(
    batches: Rows, fields: Sequence[str], name: str, head: Mapping[str, object]
) -> Iterator[str]:
    yield json.dumps(head)[:-1] + f', "{name}": ['
    separator = "\n"
    for rows in batches:
        lines = [json.dumps({one: _plain(getattr(row, one)) for one in fields}) for row in rows]
        yield separator + ",\n".join(lines)
        separator = ",\n"
    yield "\n]}\n"


def _batches(rows: Iterator[object]) -> Rows:
    batch: list[object] = []
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
