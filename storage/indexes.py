"""Lists as they were fetched, kept by digest: the newest few versions of each."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from core.model import IndexKept
from storage import blobs
from storage.bulk import upsert_rows
from storage.schema import evidence_item, kept_index, trust_entry, verification


def keep_index(
    connection: sa.Connection, source_id: int, index: IndexKept, versions: int, now: datetime
) -> int:
    """Keep a list's bytes and let versions beyond the newest `versions` go; return rows written."""
    digest = index.content.digest("sha256").raw  # the list that names it may speak SHA-512
    new = blobs.keep_chunks(
        connection, digest, index.content.size, index.content.chunks(), index.media_type, now
    )
    # What came back is the newest again: `kept_at` decides which versions go.
    row = {"source_id": source_id, "name": index.name, "digest": digest, "kept_at": now}
    upsert_rows(
        connection, kept_index, [row], replace=["kept_at"], keys=["source_id", "name", "digest"]
    )
    _forget_old(connection, source_id, index.name, versions)
    return int(new)


def _forget_old(connection: sa.Connection, source_id: int, name: str, versions: int) -> None:
    c = kept_index.c
    rows = connection.execute(
        sa.select(c.id, c.digest)
        .where(c.source_id == source_id, c.name == name)
        .order_by(c.kept_at.desc(), c.id.desc())
    ).all()
    for row in rows[versions:]:
        connection.execute(kept_index.delete().where(c.id == row.id))
        if not _referred(connection, row.digest):
            blobs.forget(connection, [row.digest])


def _referred(connection: sa.Connection, digest: bytes) -> bool:
    columns = (
        kept_index.c.digest, verification.c.evidence_digest, evidence_item.c.hint_digest,
        trust_entry.c.content_digest,
    )  # fmt: skip
    return any(
        connection.execute(sa.select(sa.literal(1)).where(column == digest).limit(1)).first()
        for column in columns
    )
