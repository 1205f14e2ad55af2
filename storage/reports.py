"""Numbers for the closing table of a scan, from the rollups."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from core.model import Status
from storage.schema import source, standing_count


@dataclass(frozen=True, slots=True)
class StandingNumbers:
    """The four numbers of coverage of one source; excluded locations are not in them."""

    verified: int
    failed: int
    unsigned: int
    unknown: int

    @property
    def artifacts(self) -> int:
        """The denominator."""
        return self.verified + self.failed + self.unsigned + self.unknown


def numbers_of(connection: sa.Connection, source_id: int) -> StandingNumbers:
    """Return where a source's artifacts stand."""
    c = standing_count.c
    rows = connection.execute(
        sa.select(c.status, sa.func.sum(c.locations))
        .where(c.source_id == source_id, sa.not_(c.excluded))
        .group_by(c.status)
    )
    found = {status: int(count) for status, count in rows}
    return StandingNumbers(*(found.get(status, 0) for status in Status))


def verifier_of(connection: sa.Connection, source_id: int) -> str:
    """Return the oldest version of the verifier that anything of a source was judged by."""
    found: str = connection.execute(
        sa.select(source.c.verifier).where(source.c.id == source_id)
    ).scalar_one()
    return found
