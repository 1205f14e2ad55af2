"""Find evidence sets again: by key, by mark, by due time."""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import Digest, ListLink, Status, Unread
from storage import blobs
from storage.bulk import AnyRow
from storage.documents import load_verification
from storage.facts import ItemFacts, SetFacts
from storage.schema import evidence_item, evidence_set, verification


def id_of(connection: Connection, source_id: int, key: str) -> int | None:
    """Return the id of a set, or None when it was never recorded."""
    c = evidence_set.c
    return connection.execute(
        sa.select(c.id).where(c.source_id == source_id, c.key == key)
    ).scalar_one_or_none()


def marked(connection: Connection, source_id: int) -> list[tuple[int, int]]:
    """Return (set id, last location restated) of restatements that were begun and not ended.

    Those that wait for their unit to be read to its end are left out.
    """
    c = evidence_set.c
    rows = connection.execute(
        sa.select(c.id, c.restate_after)
        .where(c.source_id == source_id, c.restate_after >= 0)
        .order_by(c.id)
    )
    return [(row.id, row.restate_after) for row in rows]


def mark_of(connection: Connection, set_id: int) -> int | None:
    """Return the last location restated of a restatement that was begun; None for none."""
    c = evidence_set.c
    return connection.execute(
        sa.select(c.restate_after).where(c.id == set_id, c.restate_after >= 0)
    ).scalar_one_or_none()


def all_ids(connection: Connection, source_id: int, after: int, limit: int) -> list[int]:
    """Return the next ids of a source's sets, in order."""
    c = evidence_set.c
    statement = sa.select(c.id).where(c.source_id == source_id, c.id > after)
    return list(connection.execute(statement.order_by(c.id).limit(limit)).scalars())


def due(connection: Connection, source_id: int, now: datetime, after: int, limit: int) -> list[int]:
    """Return the next ids, in order, of a source's sets that time alone has changed by now."""
    c = evidence_set.c
    statement = sa.select(c.id).where(c.source_id == source_id, c.due_at <= now, c.id > after)
    return list(connection.execute(statement.order_by(c.id).limit(limit)).scalars())


def is_due(connection: Connection, set_id: int, now: datetime) -> bool:
    """Say whether time alone has changed a set by now."""
    c = evidence_set.c
    found = connection.execute(sa.select(c.id).where(c.id == set_id, c.due_at <= now))
    return found.first() is not None


def load_set(connection: Connection, set_id: int) -> SetFacts:
    """Read a set back as it was recorded; the evidence's bytes stay in the blob store."""
    row = connection.execute(sa.select(evidence_set).where(evidence_set.c.id == set_id)).one()
    items = connection.execute(
        sa.select(evidence_item, verification.c.key, verification.c.evidence_digest,
                  verification.c.trust_digest, verification.c.subject_digest,
                  verification.c.document)
        .join(verification, verification.c.id == evidence_item.c.verification_id)
        .where(evidence_item.c.set_id == set_id)
        .order_by(evidence_item.c.position)
    )  # fmt: skip
    return SetFacts(
        row.key, row.state, tuple(json.loads(row.looked)),
        tuple(Unread(*one) for one in json.loads(row.unread)),
        tuple(_item(connection, item) for item in items), Status(row.status), row.reason,
        row.contested, row.verdicts_digest.hex(),
    )  # fmt: skip


def _item(connection: Connection, row: AnyRow) -> ItemFacts:
    hint = blobs.read(connection, row.hint_digest) if row.hint_digest is not None else b""
    links = tuple(
        ListLink(name, entry, Digest.parse(digest))
        for name, entry, digest in json.loads(row.through)
    )
    return ItemFacts(
        b"", row.media_type, row.origin, row.subject, row.subject_digest, links, hint,
        row.key, row.trust_digest, load_verification(row.document),
    )  # fmt: skip


__all__ = ["Connection", "all_ids", "due", "id_of", "is_due", "load_set", "mark_of", "marked"]
