"""Lists of verifications: what holds by a trust entry or a key, what a signer made."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import Digest, Outcome
from core.naming import signer_name
from storage.filters import VerificationFilter
from storage.lanes import Lane, read_cursor, read_on, write_cursor
from storage.schema import (
    credential,
    evidence_item,
    signer,
    verification,
    verification_anchor,
)
from storage.views import VerificationPage, VerificationRow

PAGE_LIMIT = 200


def page(
    connection: Connection, chosen: VerificationFilter, *, after: str = "", limit: int = 50
) -> VerificationPage:
    """Return up to `limit` verifications following the cursor, newest first."""
    limit = max(1, min(limit, PAGE_LIMIT))
    where = _conditions(chosen)
    lane = Lane((), verification, where, verification.c.id, newest_first=True)
    found = read_on(connection, [lane], read_cursor(after), limit + 1)
    ids = [one.row_id for one in found[:limit]]
    rows = {row.id: row for row in connection.execute(_rows(ids))} if ids else {}
    shown = tuple(_row(rows[one]) for one in ids if one in rows)
    return VerificationPage(shown, write_cursor(found[limit - 1]) if len(found) > limit else "")


def count(connection: Connection, chosen: VerificationFilter) -> int:
    """Return exactly how many verifications the filter's list has."""
    statement = sa.select(sa.func.count()).select_from(verification).where(*_conditions(chosen))
    return int(connection.execute(statement).scalar_one())


def _conditions(chosen: VerificationFilter) -> tuple[sa.ColumnElement[bool], ...]:
    c, anchor = verification.c, verification_anchor.c
    found: list[sa.ColumnElement[bool]] = []
    if chosen.signer is not None:
        found.append(c.signer_id == chosen.signer)
    if chosen.anchor:
        held = sa.select(anchor.verification_id).where(anchor.anchor == chosen.anchor)
        found += [c.outcome == Outcome.VERIFIED, c.id.in_(held)]
    if chosen.trust is not None:
        keys = sa.select(credential.c.fingerprint).where(credential.c.entry_id == chosen.trust)
        held = sa.select(anchor.verification_id).where(anchor.anchor.in_(keys))
        found += [c.outcome == Outcome.VERIFIED, c.id.in_(held)]
    return tuple(found)


def _rows(ids: list[int]) -> sa.Select[*tuple[Any, ...]]:
    c, item = verification.c, evidence_item.c
    used = (
        sa.select(
            item.verification_id, sa.func.min(item.set_id).label("set_id"),
            sa.func.min(item.origin).label("origin"),
        )
        .where(item.verification_id.in_(ids))
        .group_by(item.verification_id)
        .subquery("used")
    )  # fmt: skip
    return (
        sa.select(verification, signer.c.identity, signer.c.algorithm, signer.c.fingerprint, used)
        .outerjoin(signer, signer.c.id == c.signer_id)
        .outerjoin(used, used.c.verification_id == c.id)
        .where(c.id.in_(ids))
    )


def _row(row: sa.Row[*tuple[Any, ...]]) -> VerificationRow:
    return VerificationRow(
        id=row.id, outcome=Outcome(row.outcome), format=row.format, role=row.role,
        reason=row.reason, signer_id=row.signer_id, signer=_name(row),
        signed_at=row.signed_at, verified_at=row.verified_at,
        evidence=Digest("sha256", row.evidence_digest.hex()), origin=row.origin or "",
        set_id=row.set_id,
    )  # fmt: skip


def _name(row: sa.Row[*tuple[Any, ...]]) -> str:
    return signer_name(row.identity, row.algorithm, row.fingerprint) if row.signer_id else ""
