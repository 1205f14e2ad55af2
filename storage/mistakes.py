"""The mistake in the settings, a policy or the trust that is not mended yet, for every page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.bulk import insert_rows
from storage.schema import mistake

ONLY = 1  # the id of the one row


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, with its place and fix; `halts`: nothing is scanned until it is mended."""

    sentence: str
    halts: bool
    since: datetime


def current(connection: Connection) -> Mistake | None:
    """Return the mistake that is there now, or None."""
    row = connection.execute(sa.select(mistake)).first()
    return None if row is None else Mistake(row.sentence, row.halts, row.since_at)


def note(connection: Connection, sentence: str, *, halts: bool, now: datetime) -> None:
    """Write a mistake down; one that follows another unmended one keeps the time of the first."""
    values = {"sentence": sentence, "halts": halts}
    if not connection.execute(mistake.update().values(**values)).rowcount:
        insert_rows(connection, mistake, [{"id": ONLY, **values, "since_at": now}])


def clear(connection: Connection) -> None:
    """Forget it: everything can be read again."""
    connection.execute(mistake.delete())
