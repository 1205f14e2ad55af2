"""Everything that may vouch: where it came from, who accepts it, what hangs on it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.errors import NotFoundError
from core.model import Digest, Outcome, Status, TrustKind
from storage.filters import ArtifactFilter, Count
from storage.in_force import in_force
from storage.lanes import Lane, page_of
from storage.schema import (
    blob,
    credential,
    evidence_item,
    evidence_set,
    source,
    source_trust,
    trust_entry,
    verification,
    verification_anchor,
)
from storage.set_counts import counted
from storage.views.trust import CredentialRow, TrustEntryRow, TrustPage, TrustUse

PAGE_LIMIT = 200

AnyRow = sa.Row[*tuple[Any, ...]]


def page(
    connection: Connection, *, source: str = "", after: str = "", limit: int = 50
) -> TrustPage:
    """Return up to `limit` entries following the cursor, oldest first; of one source or of all."""
    where = (trust_entry.c.id.in_(_accepted_by(source)),) if source else ()
    lane = Lane((), trust_entry, where, trust_entry.c.id)
    found, next_after = page_of(connection, [lane], after, limit, PAGE_LIMIT)
    return TrustPage(_rows(connection, [one.row_id for one in found]), next_after)


def entry(connection: Connection, entry_id: int) -> TrustEntryRow:
    """Return one entry; NotFoundError when there is none."""
    rows = _rows(connection, [entry_id])
    if not rows:
        raise NotFoundError(f"there is no trust entry {entry_id}")
    return rows[0]


def read_use(row: AnyRow) -> TrustUse:
    """Read one row of `uses_joined`."""
    return TrustUse(
        entry_id=row.entry_id, source=row.source_name, unit=row.unit, name=row.name,
        kind=TrustKind(row.kind), origin=row.origin, flags=tuple(json.loads(row.flags)),
        content=Digest("sha256", row.content_digest.hex()),
    )  # fmt: skip


def uses_joined() -> sa.Select[*tuple[Any, ...]]:
    """Select which source accepts which entry, under which name."""
    return (
        sa.select(
            source_trust, source.c.name.label("source_name"), trust_entry.c.kind,
            trust_entry.c.content_digest,
        )
        .join(source, source.c.id == source_trust.c.source_id)
        .join(trust_entry, trust_entry.c.id == source_trust.c.entry_id)
        .order_by(source.c.name, source_trust.c.unit, source_trust.c.name)
    )  # fmt: skip


def _accepted_by(name: str) -> sa.Select[int]:
    return (
        sa.select(source_trust.c.entry_id)
        .join(source, source.c.id == source_trust.c.source_id)
        .where(source.c.name == name, source.c.configured)
    )


def _rows(connection: Connection, ids: Sequence[int]) -> tuple[TrustEntryRow, ...]:
    """Read entries in the order of their ids, with six statements.

    A source that left the settings accepts nothing: what it used is shown without it.
    """
    if not ids:
        return ()
    uses: dict[int, list[TrustUse]] = defaultdict(list)
    accepted = uses_joined().where(source_trust.c.entry_id.in_(ids), source.c.configured)
    for row in connection.execute(accepted):
        uses[row.entry_id].append(read_use(row))
    credentials = _credentials(connection, ids)
    verifications, artifacts = _verifications(connection, ids), _artifacts(connection, ids)
    statement = (
        sa.select(trust_entry, blob.c.size)
        .join(blob, blob.c.digest == trust_entry.c.content_digest)
        .where(trust_entry.c.id.in_(ids))
    )
    rows = {row.id: row for row in connection.execute(statement)}
    return tuple(
        TrustEntryRow(
            id=row.id, kind=TrustKind(row.kind), digest=Digest("sha256", row.digest.hex()),
            content=Digest("sha256", row.content_digest.hex()), size=row.size,
            only=tuple(json.loads(row.only)), valid_from=row.valid_from,
            valid_until=row.valid_until, added_at=row.added_at, uses=tuple(uses[row.id]),
            credentials=tuple(credentials[row.id]), verifications=verifications[row.id],
            artifacts=Count(artifacts[row.id], ArtifactFilter(trust=row.id)),
        )
        for row in (rows[one] for one in ids if one in rows)
    )  # fmt: skip


def _credentials(connection: Connection, ids: Sequence[int]) -> dict[int, list[CredentialRow]]:
    c, anchor = credential.c, verification_anchor.c
    used = (
        sa.select(anchor.anchor, sa.func.count().label("n"))
        .join(verification, verification.c.id == anchor.verification_id)
        .where(verification.c.outcome == Outcome.VERIFIED, in_force(connection))
        .where(anchor.anchor.in_(sa.select(c.fingerprint).where(c.entry_id.in_(ids))))
        .group_by(anchor.anchor)
        .subquery("used")
    )
    number = sa.func.coalesce(used.c.n, 0).label("n")
    statement = (
        sa.select(credential, number)
        .outerjoin(used, used.c.anchor == c.fingerprint)
        .where(c.entry_id.in_(ids))
        .order_by(c.entry_id, c.position)
    )
    found: dict[int, list[CredentialRow]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.entry_id].append(
            CredentialRow(
                row.kind, row.fingerprint, row.identity, row.algorithm, row.valid_from,
                row.valid_until, row.revoked, row.n,
            )
        )  # fmt: skip
    return found


def _anchored(ids: Sequence[int]) -> sa.Select[*tuple[Any, ...]]:
    """Select (entry, verification) of all that verified by an entry, by some key in it."""
    c, anchor = credential.c, verification_anchor.c
    return (
        sa.select(c.entry_id, verification.c.id.label("verification_id"))
        .join(verification_anchor, anchor.anchor == c.fingerprint)
        .join(verification, verification.c.id == anchor.verification_id)
        .where(c.entry_id.in_(ids), verification.c.outcome == Outcome.VERIFIED)
    )


def _verifications(connection: Connection, ids: Sequence[int]) -> Counter[int]:
    pairs = _anchored(ids).where(in_force(connection)).distinct().subquery("pairs")
    statement = sa.select(pairs.c.entry_id, sa.func.count().label("n")).group_by(pairs.c.entry_id)
    return Counter({row.entry_id: int(row.n) for row in connection.execute(statement)})


def _artifacts(connection: Connection, ids: Sequence[int]) -> Counter[int]:
    anchored = _anchored(ids).subquery("anchored")
    item = evidence_item.c
    pairs = (
        sa.select(anchored.c.entry_id, item.set_id)
        .join(evidence_item, item.verification_id == anchored.c.verification_id)
        .distinct()
        .subquery("pairs")
    )
    origin, number = counted(pairs, pairs.c.set_id)
    statement = (
        sa.select(pairs.c.entry_id, sa.func.sum(number).label("n"))
        .select_from(origin)
        .where(evidence_set.c.status == Status.VERIFIED)
        .group_by(pairs.c.entry_id)
    )
    return Counter({row.entry_id: int(row.n) for row in connection.execute(statement)})
