"""The one writer's hand: store a unit's batches, follow restatements, let the unseen be gone."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import structlog

from core.errors import MalformedError
from core.limits import Limits
from core.model import Trust, TrustEntry, UnitEnd
from jobs.reading import Reading, UnitBatch
from storage import scans, sets, unit_findings
from storage.configured import PolicyRows
from storage.database import Database
from storage.facts import SetFacts, record_set
from storage.indexes import keep_index
from storage.memory import sealed
from storage.scans import ScanError
from storage.set_standing import SetStanding, standing_of
from storage.source_trust import CredentialEntry, entry_digest, lose_trust, sync_trust
from storage.standings import StandingWriter
from verification.trust import describe

STANDINGS = 4096  # sets remembered between batches; others are read back
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WritePlan:
    """What a writer needs to know besides the batches."""

    reading: Reading
    rows: PolicyRows
    seal: str
    keep_indexes: int


class UnitWriter:
    """Stores one unit of one scan. Every transaction in here is whole in itself."""

    def __init__(self, database: Database, plan: WritePlan, unit: str) -> None:
        self._database, self._plan, self._unit = database, plan, unit
        reading = plan.reading
        with database.writing() as connection:
            self._unit_id = scans.enter_unit(connection, reading.source.id, unit)
        self._standings = StandingWriter(
            reading.source, self._unit_id, reading.judge, plan.rows, reading.now
        )
        self._known: OrderedDict[str, SetStanding] = OrderedDict()
        self._better: dict[int, SetStanding] = {}  # sets that verify now, told to their own last
        self._is_begun = self._is_open = False

    def write(self, batch: UnitBatch) -> int:
        """Store one batch; return how many rows were written."""
        written = 0 if self._is_begun else self._begin(batch)
        self._is_begun = True
        worse: list[SetStanding] = []
        source, now = self._plan.reading.source, self._plan.reading.now
        with self._database.writing() as connection:
            if not self._is_open and (batch.sets or batch.sightings):
                scans.open_unit(connection, self._unit_id)
                self._is_open = True
            for facts in batch.sets:
                recorded = record_set(connection, source.id, facts, now)
                written += recorded.written
                standing = standing_from(recorded.id, facts)
                self._remember(facts.key, standing)
                self._better.pop(recorded.id, None)
                if recorded.waits:
                    self._better[recorded.id] = standing
                elif recorded.restates:
                    worse.append(standing)
            pairs = [(one, self._find(connection, one.evidence_set)) for one in batch.sightings]
            written += self._standings.record(connection, pairs)
            self._standings.see(connection, batch.unchanged)
            for key in batch.unchanged_sets:
                self._standings.see_set(connection, key)
            for index in batch.indexes:
                written += keep_index(connection, source.id, index, self._plan.keep_indexes, now)
        for standing in worse:
            written += restate(self._database, self._standings, standing, 0)
        return written + self._close(batch)

    def _begin(self, batch: UnitBatch) -> int:
        """Follow what the unit says of itself before anything it holds is looked at."""
        with self._database.writing() as connection:
            written = unit_findings.record(
                connection, self._unit_id, batch.findings, self._plan.reading.now
            )
        return written + self._accept(batch.accepts)

    def _accept(self, trusts: list[Trust]) -> int:
        """Follow the trust a unit found, none if it told of none, before any of it is used.

        What rested on trust that is gone stands no more, whatever the source answers now.
        """
        reading, source_id = self._plan.reading, self._plan.reading.source.id
        described = describe_all(trusts, reading.limits)
        with self._database.writing() as connection:
            sync_trust(connection, source_id, self._unit, trusts, described, reading.now)
        with self._database.reading() as connection:
            found = [standing_of(connection, one) for one, _ in sets.marked(connection, source_id)]
        return sum(restate(self._database, self._standings, one, 0) for one in found)

    def _close(self, batch: UnitBatch) -> int:
        if batch.error is not None:
            return self._fail(batch.error)
        return self._end(batch.end) if batch.end is not None else 0

    def _fail(self, error: ScanError) -> int:
        written = 0
        for standing in self._better.values():
            written += restate(self._database, self._standings, standing, 0, seen=True)
        with self._database.writing() as connection:
            scans.fail_unit(connection, self._unit_id, error)
        return written

    def _end(self, end: UnitEnd) -> int:
        written = 0 if end.unchanged else self._retire()
        for standing in self._better.values():
            written += restate(self._database, self._standings, standing, 0)
        reading = self._plan.reading
        state = sealed(self._plan.seal, end.state)
        with self._database.writing() as connection:
            scans.end_unit(connection, self._unit_id, state, end, reading.now)
        return written

    def lose(self) -> int:
        """Let everything the unit held be gone: the source no longer has it."""
        written = self._retire()
        with self._database.writing() as connection:
            scans.lose_unit(connection, self._unit_id, self._plan.reading.now)
            unit_findings.record(connection, self._unit_id, (), self._plan.reading.now)
            lose_trust(connection, self._plan.reading.source.id, self._unit)
        return written

    def _retire(self) -> int:
        written, after = 0, 0
        while True:
            with self._database.writing() as connection:
                after, rows = self._standings.retire(connection, after)
            written += rows
            if not after:
                return written

    def _remember(self, key: str, standing: SetStanding) -> None:
        self._known[key] = standing
        if len(self._known) > STANDINGS:
            self._known.popitem(last=False)

    def _find(self, connection: sets.Connection, key: str) -> SetStanding:
        standing = self._known.get(key)
        if standing is None:
            set_id = sets.id_of(connection, self._plan.reading.source.id, key)
            if set_id is None:
                raise MalformedError(f"a sighting names an evidence set nobody gave: {key!r}")
            standing = standing_of(connection, set_id)
            self._remember(key, standing)
        return standing


def restate(
    database: Database,
    writer: StandingWriter,
    standing: SetStanding,
    after: int,
    *,
    seen: bool = False,
) -> int:
    """Judge current locations of a changed set anew, in batches; return rows written."""
    written = 0
    while True:
        with database.writing() as connection:
            after, rows = writer.restate(connection, standing, after, seen=seen)
        written += rows
        if not after:
            return written


def standing_from(set_id: int, facts: SetFacts) -> SetStanding:
    """Return what a recorded set's locations inherit."""
    verifications = tuple(item.verification for item in facts.items)
    return SetStanding(set_id, facts.status, facts.reason, facts.contested, verifications)


def describe_all(trusts: list[Trust], limits: Limits) -> dict[bytes, tuple[CredentialEntry, ...]]:
    """Return what is inside each trust entry, by the entry's digest."""
    return {
        entry_digest(entry): _described(entry, limits)
        for trust in trusts
        for entry in trust.entries
    }


def _described(entry: TrustEntry, limits: Limits) -> tuple[CredentialEntry, ...]:
    try:
        found = describe(entry, limits)
    except MalformedError as error:
        log.warning("trust entry cannot be read", entry=entry.name, detail=str(error))
        return ()
    return tuple(
        CredentialEntry(
            one.kind, one.fingerprint, one.identity, one.algorithm, one.valid_from,
            one.valid_until, one.is_revoked,
        )
        for one in found
    )  # fmt: skip
