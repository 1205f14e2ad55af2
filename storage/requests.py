"""What people ask of the scheduler: small writes, each inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from core.errors import NotFoundError
from core.model import ScanState
from storage.bulk import insert_rows, take_ids
from storage.schema import scan, scan_request, source


def request_scan(connection: Connection, source_name: str, now: datetime) -> bool:
    """Ask for a scan; False when one is already asked for. NotFoundError for an unknown source."""
    source_id = _source_id(connection, source_name)
    if connection.execute(sa.select(scan_request.c.id).where(*_open(source_id))).first():
        return False
    row = {
        "id": take_ids(connection, scan_request, 1)[0],
        "source_id": source_id,
        "requested_at": now,
        "taken_at": None,
    }
    insert_rows(connection, scan_request, [row])
    return True


def request_cancel(connection: Connection, source_name: str, now: datetime) -> bool:
    """Ask the running scan to stop and drop what is asked for; False when there was neither."""
    source_id = _source_id(connection, source_name)
    stopped = connection.execute(
        scan.update()
        .where(scan.c.source_id == source_id, scan.c.state == ScanState.RUNNING)
        .where(scan.c.cancel_at.is_(None))
        .values(cancel_at=now)
    )
    dropped = connection.execute(
        scan_request.update().where(*_open(source_id)).values(taken_at=now)
    )
    return bool(stopped.rowcount + dropped.rowcount)


def _source_id(connection: Connection, name: str) -> int:
    c = source.c
    found = connection.execute(sa.select(c.id).where(c.name == name, c.configured)).scalar()
    if found is None:
        raise NotFoundError(f"there is no source {name!r} in the settings")
    return int(found)


def _open(source_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (scan_request.c.source_id == source_id, scan_request.c.taken_at.is_(None))
