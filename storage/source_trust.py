"""Write which trust entries a source or unit accepts, and what falls when one is taken back.

The empty unit stands for what the settings name for the whole source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from core.errors import ConflictError
from core.model import Trust, TrustEntry
from storage import blobs, scans
from storage.bulk import insert_rows, take_ids
from storage.documents import dump
from storage.schema import credential, source, source_trust, trust_entry
from storage.withdrawal import withdraw


@dataclass(frozen=True, slots=True)
class CredentialEntry:
    """One key or certificate inside a trust entry, described."""

    kind: str
    fingerprint: str
    identity: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None
    revoked: bool


def entry_digest(entry: TrustEntry) -> bytes:
    """Name a trust entry by what it makes acceptable: bytes, kind, narrowing and window."""
    content = hashlib.sha256(entry.content).hexdigest()
    bounds = [str(entry.valid_from or ""), str(entry.valid_until or "")]
    return hashlib.sha256(dump([entry.kind, content, list(entry.only), bounds]).encode()).digest()


def sync_trust(
    connection: sa.Connection,
    source_id: int,
    unit_name: str,
    trusts: Sequence[Trust],
    described: Mapping[bytes, Sequence[CredentialEntry]],
    now: datetime,
) -> None:
    """Write which trust entries a unit uses now, with what is inside each.

    The empty unit stands for what the settings name for the whole source.
    """
    used: dict[tuple[int, str], tuple[TrustEntry, tuple[str, ...]]] = {}
    for trust in trusts:
        for entry in trust.entries:
            entry_id = _trust_entry(connection, entry, described, now)
            used[(entry_id, entry.name)] = (entry, trust.flags)
    columns = source_trust.c
    old = {
        (row.entry_id, row.name): (row.origin, row.flags)
        for row in connection.execute(
            sa.select(source_trust).where(columns.source_id == source_id, columns.unit == unit_name)
        )
    }
    new = {key: (entry.origin, dump(list(flags))) for key, (entry, flags) in used.items()}
    if old == new:
        return
    if not unit_name and old.keys() != new.keys():  # a unit's own is what the scan itself found
        scans.stop_scans(connection, source.c.id == source_id, now)
    before, after = ({entry_id for entry_id, _ in one} for one in (old, new))
    withdraw(connection, source_id, unit_name, before, after)
    _forget_uses(connection, source_id, unit_name)
    insert_rows(
        connection,
        source_trust,
        [
            {
                "source_id": source_id, "entry_id": entry_id, "unit": unit_name, "name": name,
                "origin": origin, "flags": flags,
            }
            for (entry_id, name), (origin, flags) in new.items()
        ],
    )  # fmt: skip


def demand_current(connection: sa.Connection, source_id: int, trust: Trust) -> None:
    """Raise ConflictError unless the source is configured, and with just this trust.

    Asked where a scan begins: the settings may have been changed since it was prepared.
    """
    t = source_trust.c
    here = sa.and_(t.source_id == source_id, t.unit == "")
    rows = connection.execute(
        sa.select(trust_entry.c.digest, t.name).join(trust_entry, trust_entry.c.id == t.entry_id)
        .where(here)
    )  # fmt: skip
    there = {(row.digest, row.name) for row in rows}
    configured = sa.select(source.c.configured).where(source.c.id == source_id)
    if (
        not connection.execute(configured).scalar_one()
        or {(entry_digest(entry), entry.name) for entry in trust.entries} != there
    ):
        raise ConflictError("the settings of the source were changed meanwhile")


def lose_trust(connection: sa.Connection, source_id: int, unit_name: str) -> None:
    """Let nothing stand by the trust of a unit, or of a source, that is no more."""
    c = source_trust.c
    here = sa.and_(c.source_id == source_id, c.unit == unit_name)
    before = set(connection.execute(sa.select(c.entry_id).where(here)).scalars())
    withdraw(connection, source_id, unit_name, before, set())
    _forget_uses(connection, source_id, unit_name)


def _forget_uses(connection: sa.Connection, source_id: int, unit_name: str) -> None:
    c = source_trust.c
    connection.execute(source_trust.delete().where(c.source_id == source_id, c.unit == unit_name))


def _trust_entry(
    connection: sa.Connection,
    entry: TrustEntry,
    described: Mapping[bytes, Sequence[CredentialEntry]],
    now: datetime,
) -> int:
    digest = entry_digest(entry)
    known: int | None = connection.execute(
        sa.select(trust_entry.c.id).where(trust_entry.c.digest == digest)
    ).scalar_one_or_none()
    if known is not None:
        return known
    content = blobs.keep(connection, entry.content, "application/x-trust", now)
    entry_id: int = take_ids(connection, trust_entry, 1)[0]
    row = {
        "id": entry_id, "digest": digest, "kind": entry.kind, "content_digest": content,
        "only": dump(list(entry.only)), "valid_from": entry.valid_from,
        "valid_until": entry.valid_until, "added_at": now,
    }  # fmt: skip
    insert_rows(connection, trust_entry, [row])
    credentials = [
        {
            "entry_id": entry_id, "position": position, "kind": one.kind,
            "fingerprint": one.fingerprint, "identity": one.identity,
            "algorithm": one.algorithm, "valid_from": one.valid_from,
            "valid_until": one.valid_until, "revoked": one.revoked,
        }
        for position, one in enumerate(described.get(digest, ()))
    ]  # fmt: skip
    insert_rows(connection, credential, credentials)
    return entry_id
