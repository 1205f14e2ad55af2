"""Which verifications count: those that a set of evidence still names and still stands by."""

from __future__ import annotations

import sqlalchemy as sa

from storage.schema import evidence_item, evidence_set, verification
from storage.withdrawal import WITHDRAWN


def in_force() -> sa.ColumnElement[bool]:
    """Return the condition on `verification`; two looks into an index for each row asked.

    Where trust was changed, a verification says what held before until its set was read again; and
    earlier versions of this program kept those whose place others had taken.
    """
    item, c = evidence_item.c, evidence_set.c
    return (
        sa.exists()
        .where(item.verification_id == verification.c.id, c.id == item.set_id)
        .where(c.reason != WITHDRAWN)
    )
