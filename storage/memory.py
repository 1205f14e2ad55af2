"""What earlier scans of a unit left behind, for its collector: read only, one query a question."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from core.model import Digest, Location
from storage.bulk import AnyRow
from storage.database import Database
from storage.schema import artifact, evidence_set, location, unit


class UnitMemory:
    """Implements `collectors.collector.Memory` over the database.

    A collector's own state is sealed with everything it was read under (trust, options, verifier
    version): under another seal nothing is remembered, so everything is looked at again. The same
    where that is said to have been after `now`: a clock that was ahead let count what did not yet.
    """

    def __init__(
        self, database: Database, source_id: int, name: str, seal: str, now: datetime
    ) -> None:
        self._database, self._source_id = database, source_id
        with database.reading() as connection:
            row = connection.execute(
                sa.select(unit.c.state, unit.c.accepted, unit.c.complete_at).where(
                    unit.c.source_id == source_id, unit.c.name == name, unit.c.gone_at.is_(None)
                )
            ).first()
        kept_seal, _, state = (row.state if row is not None else "").partition("\n")
        self._accepted = row.accepted if row is not None else ""
        ahead = row is not None and row.complete_at is not None and row.complete_at > now
        self._valid = kept_seal == seal and row is not None and not ahead
        self._state = state if self._valid else ""

    def unit_state(self) -> str:
        """Return the `UnitEnd.state` of the last complete scan, or an empty string."""
        return self._state

    def accepted(self) -> str:
        """Return the last `UnitEnd.accepted`, whatever changed since, or an empty string."""
        return self._accepted

    def digest_at(self, location: Location) -> Digest | None:
        """Return the digest last seen at this location, or None."""
        row = self._at(location)
        return Digest(row.algorithm, row.digest.hex()) if row is not None else None

    def set_at(self, location: Location) -> str:
        """Return the key of the evidence set that vouched for this location, or ''."""
        row = self._at(location)
        return row.key if row is not None else ""

    def state_of(self, key: str) -> str:
        """Return the `EvidenceSet.state` last recorded under this key, or ''."""
        if not self._valid:
            return ""
        c = evidence_set.c
        statement = sa.select(c.state).where(c.source_id == self._source_id, c.key == key)
        with self._database.reading() as connection:
            return connection.execute(statement).scalar_one_or_none() or ""

    def _at(self, place: Location) -> AnyRow | None:
        if not self._valid:
            return None
        c = location.c
        statement = (
            sa.select(artifact.c.algorithm, artifact.c.digest, evidence_set.c.key)
            .join(artifact, artifact.c.id == c.artifact_id)
            .join(evidence_set, evidence_set.c.id == c.set_id)
            .where(c.source_id == self._source_id, c.gone_at.is_(None))
            .where(c.repository == place.repository, c.name == place.name)
            .where(c.version == place.version, c.variant == place.variant)
        )
        with self._database.reading() as connection:
            return connection.execute(statement).first()


def is_sealed_so(connection: sa.Connection, source_id: int, seal: str) -> bool:
    """Say whether every unit of a source was read to its end, under this seal."""
    c = unit.c
    read = c.state.startswith(sealed(seal, ""), autoescape=True)
    other = sa.select(c.id).where(c.source_id == source_id, c.gone_at.is_(None), sa.not_(read))
    return connection.execute(other.limit(1)).first() is None


def sealed(seal: str, state: str) -> str:
    """Return what is stored: the seal, a line end, the collector's own state."""
    return f"{seal}\n{state}"
