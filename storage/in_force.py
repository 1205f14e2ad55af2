"""Which verifications count: those that a set of evidence stands by."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.schema import evidence_item, evidence_set, verification
from storage.withdrawal import WITHDRAWN


def in_force(connection: Connection) -> sa.ColumnElement[bool]:
    """Return the condition on `verification`; one look into an index to make it.

    Where trust was changed, a verification says what held before until its set was read again.
    Mostly nothing is so, and then nothing is asked of each: of a million, that took seconds.
    """
    item, c = evidence_item.c, evidence_set.c
    # written out, for the index that holds nothing else
    withdrawn = sa.select(c.id).where(c.reason == sa.literal(WITHDRAWN, literal_execute=True))
    if connection.execute(withdrawn.limit(1)).first() is None:
        return sa.true()
    return (
        sa.exists()
        .where(item.verification_id == verification.c.id, c.id == item.set_id)
        .where(c.reason != WITHDRAWN)
    )
