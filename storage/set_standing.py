"""Where an evidence set stands, read back from its rows."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from core.model import Status, Verification
from storage.documents import load_verification
from storage.schema import evidence_item, evidence_set, verification


@dataclass(frozen=True, slots=True)
class SetStanding:
    """What a set's locations inherit from it."""

    id: int
    status: Status
    reason: str
    contested: bool
    verifications: tuple[Verification, ...]


def standing_of(connection: sa.Connection, set_id: int) -> SetStanding:
    """Read a set's standing back, verifications and all."""
    row = connection.execute(sa.select(evidence_set).where(evidence_set.c.id == set_id)).one()
    documents = connection.execute(
        sa.select(verification.c.document)
        .join(evidence_item, evidence_item.c.verification_id == verification.c.id)
        .where(evidence_item.c.set_id == set_id)
        .order_by(evidence_item.c.position)
    ).scalars()
    return SetStanding(
        row.id, Status(row.status), row.reason, row.contested,
        tuple(load_verification(text) for text in documents),
    )  # fmt: skip
