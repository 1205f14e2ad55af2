"""Write locations: what a source offers, where each stands, and what policies say of it.

One `StandingWriter` serves one unit of one scan. It writes only differences: a location that
holds what it held, under evidence that says what it said, costs no row. Which locations were
seen is kept as one bit each, so that memory stays flat however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from core.model import (
    Artifact,
    Digest,
    DigestOrigin,
    Facts,
    Location,
    Sighting,
)
from storage import search
from storage.bulk import AnyRow, Row, insert_rows, rows_with, take_ids
from storage.configured import PolicyRows, SourceRow
from storage.judgement import Judge, Judgement
from storage.rewriting import Rewrites, Said, read_said, same_findings, same_verdicts
from storage.rollups import Deltas, FindingKey, Standing
from storage.said_rows import SaidRows
from storage.schema import (
    artifact,
    evidence_set,
    finding,
    location,
    verdict,
)
from storage.seen_bits import SeenBits
from storage.set_standing import SetStanding

BATCH = 2000
FEW_NAMES = 8
LOOKED_THROUGH = 50_000  # ids at a time when looking for what was not seen


class StandingWriter:
    """Writes the locations of one unit. Every public method runs in the caller's transaction."""

    def __init__(
        self, source: SourceRow, unit_id: int, judge: Judge, rows: PolicyRows, now: datetime
    ) -> None:
        self.source, self.unit_id, self.judge, self.now = source, unit_id, judge, now
        self.seen = SeenBits()
        self.deltas = Deltas(source.id)
        self._rows = SaidRows(source.id, rows, now)

    # --- sightings -------------------------------------------------------------------------------

    def record(
        self,
        connection: sa.Connection,
        sightings: Sequence[tuple[Sighting, SetStanding]],
    ) -> int:
        """Write what is new or different among the sightings; return how many rows."""
        unique = {one.location: (one, standing) for one, standing in reversed(sightings)}
        existing = self._existing(connection, unique)
        artifacts, written = self._artifacts(connection, [one for one, _ in unique.values()])
        fresh, moved = [], []
        for place, (one, standing) in unique.items():
            artifact_id = artifacts[(one.artifact.kind, one.artifact.digest.raw)]
            row = existing.get(place)
            if row is None:
                fresh.append((one, standing, artifact_id))
                continue
            if row.id in self.seen:
                continue  # the first sighting of a place stands; a second one in a pass is ignored
            self.seen.add(row.id)
            same = (row.artifact_id, row.set_id) == (artifact_id, standing.id)
            if row.gone_at is not None or not same or row.unit_id != self.unit_id:
                moved.append((row, one, standing, artifact_id))
        written += self._insert(connection, fresh)
        said, rewrites = read_said(connection, [row.id for row, *_ in moved]), Rewrites()
        for row, one, standing, artifact_id in moved:
            self._move(rewrites, connection, row, said, one, standing, artifact_id)
        written += rewrites.write(connection)
        self.deltas.flush(connection, self.now)
        return written

    def _existing(
        self, connection: sa.Connection, places: Iterable[Location]
    ) -> dict[Location, AnyRow]:
        names: dict[str, set[str]] = defaultdict(set)
        versions: dict[str, set[str]] = defaultdict(set)
        for place in places:
            names[place.repository].add(place.name)
            versions[place.repository].add(place.version)
        c = location.c
        found: dict[Location, AnyRow] = {}
        for repository, wanted in names.items():
            here = [c.source_id == self.source.id, c.repository == repository]
            if len(wanted) <= FEW_NAMES:  # a repository whose tags all share its name
                here.append(c.version.in_(sorted(versions[repository])))
            statement = sa.select(location).where(*here)
            for row in rows_with(connection, statement, c.name, sorted(wanted)):
                found[Location(row.repository, row.name, row.version, row.variant)] = row
        return found

    def _artifacts(
        self, connection: sa.Connection, sightings: Sequence[Sighting]
    ) -> tuple[dict[tuple[str, bytes], int], int]:
        wanted: dict[tuple[str, bytes], Artifact] = {
            (one.artifact.kind, one.artifact.digest.raw): one.artifact for one in sightings
        }
        c = artifact.c
        digests = sorted({digest for _, digest in wanted})
        statement = sa.select(c.id, c.kind, c.digest)
        rows = rows_with(connection, statement, c.digest, digests)
        ids = {(row.kind, row.digest): row.id for row in rows if (row.kind, row.digest) in wanted}
        missing = [key for key in wanted if key not in ids]
        fresh = take_ids(connection, artifact, len(missing))
        new = [
            self._artifact_row(row_id, wanted[key])
            for row_id, key in zip(fresh, missing, strict=True)
        ]
        insert_rows(connection, artifact, new)
        ids.update(zip(missing, fresh, strict=True))
        return ids, len(new)

    def _artifact_row(self, row_id: int, one: Artifact) -> Row:
        return {
            "id": row_id, "digest": one.digest.raw, "algorithm": one.digest.algorithm,
            "kind": one.kind, "origin": one.origin, "size": one.size,
            "media_type": one.media_type, "first_seen_at": self.now,
        }  # fmt: skip

    def _insert(
        self, connection: sa.Connection, fresh: Sequence[tuple[Sighting, SetStanding, int]]
    ) -> int:
        ids = take_ids(connection, location, len(fresh))
        locations: list[Row] = []
        verdicts: list[Row] = []
        findings: list[Row] = []
        for row_id, (one, standing, artifact_id) in zip(ids, fresh, strict=True):
            facts = self._facts(one.location, one.artifact, standing)
            judged, exclusion_id = self.judge.judge(facts), self.judge.exclusion(facts)
            place = one.location
            locations.append(
                {
                    "id": row_id, "source_id": self.source.id, "unit_id": self.unit_id,
                    "repository": place.repository, "name": place.name,
                    "version": place.version, "variant": place.variant,
                    "artifact_id": artifact_id, "set_id": standing.id,
                    "status": standing.status, "reason": standing.reason,
                    "contested": standing.contested, "policy_status": judged.policy_status,
                    "unconstrained": judged.unconstrained, "exclusion_id": exclusion_id,
                    "first_seen_at": self.now, "since_at": self.now,
                    "status_since_at": self.now, "gone_at": None,
                }
            )  # fmt: skip
            self.seen.add(row_id)
            self.deltas.sets[standing.id] += 1
            self.deltas.standings[_standing(standing, judged, exclusion_id)] += 1
            verdicts += self._rows.verdicts(row_id, judged)
            new = self._rows.findings(connection, row_id, judged)
            findings += new
            self._count_findings(new, exclusion_id, +1)
        written = insert_rows(connection, location, locations)
        if ids:
            search.add(connection, ids[0], ids[-1])
        written += insert_rows(connection, verdict, verdicts)
        return written + insert_rows(connection, finding, findings)

    def _move(
        self,
        rewrites: Rewrites,
        connection: sa.Connection,
        row: AnyRow,
        said: Said,
        one: Sighting,
        standing: SetStanding,
        artifact_id: int,
    ) -> None:
        changes: Row = {"artifact_id": artifact_id, "set_id": standing.id, "unit_id": self.unit_id}
        if row.gone_at is not None or row.artifact_id != artifact_id:
            rewrites.past.append(
                {
                    "location_id": row.id, "artifact_id": row.artifact_id,
                    "from_at": row.since_at, "until_at": row.gone_at or self.now,
                }
            )  # fmt: skip
            changes |= {"since_at": self.now, "gone_at": None}
        if row.gone_at is None:
            self.deltas.sets[row.set_id] -= 1
            self.deltas.standings[_row_standing(row)] -= 1
        self.deltas.sets[standing.id] += 1
        facts = self._facts(one.location, one.artifact, standing)
        self._restand(rewrites, connection, row, said, facts, standing, changes)

    # --- a location under changed evidence -------------------------------------------------------

    def _restand(
        self,
        rewrites: Rewrites,
        connection: sa.Connection,
        row: AnyRow,
        said: Said,
        facts: Facts,
        standing: SetStanding,
        changes: Row,
    ) -> None:
        """Judge one location anew and gather the differences; the rollups do not hold it now."""
        judged, exclusion_id = self.judge.judge(facts), self.judge.exclusion(facts)
        old, new = _row_standing(row), _standing(standing, judged, exclusion_id)
        self._rewrite_said(rewrites, connection, row, said, judged, exclusion_id)
        self.deltas.standings[new] += 1
        if not changes and old == new and row.exclusion_id == exclusion_id:
            return
        values = changes | {
            "status": standing.status, "reason": standing.reason, "contested": standing.contested,
            "policy_status": judged.policy_status, "unconstrained": judged.unconstrained,
            "exclusion_id": exclusion_id,
        }  # fmt: skip
        if row.status != standing.status:
            values["status_since_at"] = self.now
        if (row.status, row.reason) != (standing.status, standing.reason):
            rewrites.changes.append(self._change(row, standing))
        rewrites.update(row, values)

    def _change(self, row: AnyRow, standing: SetStanding) -> Row:
        return {
            "location_id": row.id, "changed_at": self.now, "from_status": row.status,
            "from_reason": row.reason, "to_status": standing.status, "to_reason": standing.reason,
        }  # fmt: skip

    def _rewrite_said(
        self,
        rewrites: Rewrites,
        connection: sa.Connection,
        row: AnyRow,
        said: Said,
        judged: Judgement,
        exclusion_id: int | None,
    ) -> None:
        verdicts = self._rows.verdicts(row.id, judged)
        if not same_verdicts(said.verdicts.get(row.id, {}), verdicts):
            rewrites.verdicts[row.id] = verdicts
        old = said.findings.get(row.id, [])
        new = self._rows.findings(connection, row.id, judged)
        if not same_findings(old, new):
            rewrites.findings[row.id] = new
        self._count_findings(old, row.exclusion_id, -1)
        self._count_findings(new, exclusion_id, +1)

    def restate(
        self, connection: sa.Connection, standing: SetStanding, after: int, *, seen: bool = False
    ) -> tuple[int, int]:
        """Judge a batch of a changed set's locations anew; return (last id or 0, rows written).

        `seen` leaves out what this pass did not see, and the mark that says there is more to do:
        evidence that verifies now must not lift what it may no longer name.
        """
        c = location.c
        rows = connection.execute(
            sa.select(
                location, artifact.c.algorithm, artifact.c.digest, artifact.c.origin,
                artifact.c.kind.label("artifact_kind"),
            )
            .join(artifact, artifact.c.id == c.artifact_id)
            .where(c.set_id == standing.id, c.gone_at.is_(None), c.id > after)
            .order_by(c.id)
            .limit(BATCH)
        ).all()  # fmt: skip
        chosen = [row for row in rows if not seen or row.id in self.seen]
        said, rewrites = read_said(connection, [row.id for row in chosen]), Rewrites()
        for row in chosen:
            self.deltas.standings[_row_standing(row)] -= 1
            facts = self._row_facts(row, standing)
            self._restand(rewrites, connection, row, said, facts, standing, {})
        written = rewrites.write(connection)
        last = rows[-1].id if len(rows) == BATCH else 0
        if not seen:
            connection.execute(
                evidence_set.update()
                .where(evidence_set.c.id == standing.id)
                .values(restate_after=last or None)
            )
        self.deltas.flush(connection, self.now)
        return last, written

    # --- what was not seen -----------------------------------------------------------------------

    def see(self, connection: sa.Connection, places: Iterable[Location]) -> None:
        """Mark locations as seen that the collector knows to be unchanged."""
        for row in self._existing(connection, places).values():
            if row.gone_at is None:
                self.seen.add(row.id)

    def see_set(self, connection: sa.Connection, key: str) -> None:
        """Mark every current location of a set as seen."""
        c = location.c
        ids = connection.execute(
            sa.select(c.id)
            .join(evidence_set, evidence_set.c.id == c.set_id)
            .where(evidence_set.c.source_id == self.source.id, evidence_set.c.key == key)
            .where(c.gone_at.is_(None))
        ).scalars()
        for row_id in ids:
            self.seen.add(row_id)

    def retire(self, connection: sa.Connection, after: int) -> tuple[int, int]:
        """Let a batch of unseen locations of the unit be gone; return (last id or 0, rows)."""
        c = location.c
        ids = list(
            connection.execute(
                sa.select(c.id)
                .where(c.unit_id == self.unit_id, c.gone_at.is_(None), c.id > after)
                .order_by(c.id)
                .limit(LOOKED_THROUGH)
            ).scalars()
        )
        missing = [row_id for row_id in ids if row_id not in self.seen][:BATCH]
        last = missing[-1] if len(missing) == BATCH else ids[-1] if ids else 0
        whole = len(missing) < BATCH and len(ids) < LOOKED_THROUGH
        unseen = connection.execute(sa.select(location).where(c.id.in_(missing))).all()
        said, rewrites = read_said(connection, [row.id for row in unseen]), Rewrites()
        for row in unseen:
            self._count_findings(said.findings.get(row.id, []), row.exclusion_id, -1)
            self.deltas.sets[row.set_id] -= 1
            self.deltas.standings[_row_standing(row)] -= 1
            rewrites.verdicts[row.id], rewrites.findings[row.id] = [], []
            rewrites.update(row, {"gone_at": self.now})
        written = rewrites.write(connection)
        self.deltas.flush(connection, self.now)
        return (0 if whole else last), written

    # --- rows ------------------------------------------------------------------------------------

    def _facts(self, place: Location, one: Artifact, standing: SetStanding) -> Facts:
        s = self.source
        return Facts(
            s.kind, place, one.digest, s.name, s.owner, s.tier, standing.status,
            standing.contested, standing.reason, standing.verifications,
        )  # fmt: skip

    def _row_facts(self, row: AnyRow, standing: SetStanding) -> Facts:
        place = Location(row.repository, row.name, row.version, row.variant)
        return self._facts(place, artifact_of(row), standing)

    def _count_findings(self, rows: Iterable[Row], exclusion_id: int | None, step: int) -> None:
        for row in rows:
            what = (row["requirement_id"], row["outcome"], row["reason"])
            key = FindingKey(*what, exclusion_id is not None)
            self.deltas.findings[key] += step


def _standing(standing: SetStanding, judged: Judgement, exclusion_id: int | None) -> Standing:
    return Standing(
        exclusion_id is not None, standing.status, standing.reason, standing.contested,
        judged.policy_status, judged.unconstrained,
    )  # fmt: skip


def _row_standing(row: AnyRow) -> Standing:
    return Standing(
        row.exclusion_id is not None, row.status, row.reason, row.contested, row.policy_status,
        row.unconstrained,
    )  # fmt: skip


def artifact_of(row: AnyRow) -> Artifact:
    """Read the artifact's own columns from a joined row."""
    digest = Digest(row.algorithm, row.digest.hex())
    return Artifact(row.artifact_kind, digest, DigestOrigin(row.origin))
