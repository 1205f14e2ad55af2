"""Lists of verifications in force: what holds by a trust entry or a key, what a signer made."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import Digest, Outcome
from core.naming import signer_name
from storage.filters import VerificationFilter
from storage.in_force import in_force
from storage.lanes import Lane, page_of
from storage.schema import (
    credential,
    evidence_item,
    signer,
    verification,
    verification_anchor,
)
from storage.views.verifications import VerificationPage, VerificationRow

PAGE_LIMIT = 200
COUNTED = 10_000  # of all verifications: beyond it, that there are more says enough


def page(
    connection: Connection, chosen: VerificationFilter, *, after: str = "", limit: int = 50
) -> VerificationPage:
    """Return up to `limit` verifications following the cursor, newest first."""
    where = _conditions(connection, chosen)
    lane = Lane((), verification, where, verification.c.id, newest_first=True)
    found, next_after = page_of(connection, [lane], after, limit, PAGE_LIMIT)
    ids = [one.row_id for one in found]
    rows = {row.id: row for row in connection.execute(_rows(ids))} if ids else {}
    return VerificationPage(tuple(_row(rows[one]) for one in ids), next_after)


def count(connection: Connection, chosen: VerificationFilter) -> int | None:
    """Return exactly how many verifications the filter's list has.

    None where it has all of them and those are more than COUNTED: nobody waits while a million
    are counted, and no number on a page leads to that list.
    """
    where = _conditions(connection, chosen)
    if chosen != VerificationFilter():
        everything = sa.select(sa.func.count()).select_from(verification).where(*where)
        return int(connection.execute(everything).scalar_one())
    some = sa.select(verification.c.id).where(*where).limit(COUNTED + 1).subquery("some")
    found = int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
    return found if found <= COUNTED else None


def _conditions(
    connection: Connection, chosen: VerificationFilter
) -> tuple[sa.ColumnElement[bool], ...]:
    c, anchor = verification.c, verification_anchor.c
    found = [in_force(connection)]
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
        .join(used, used.c.verification_id == c.id)
        .where(c.id.in_(ids))
    )


def _row(row: sa.Row[*tuple[Any, ...]]) -> VerificationRow:
    return VerificationRow(
        id=row.id, outcome=Outcome(row.outcome), format=row.format, role=row.role,
        reason=row.reason, signer_id=row.signer_id, signer=_name(row),
        signed_at=row.signed_at, verified_at=row.verified_at,
        evidence=Digest("sha256", row.evidence_digest.hex()), origin=row.origin,
        set_id=row.set_id,
    )  # fmt: skip


def _name(row: sa.Row[*tuple[Any, ...]]) -> str:
    return signer_name(row.identity, row.algorithm, row.fingerprint) if row.signer_id else ""
