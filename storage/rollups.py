"""Counts kept beside the rows, in the transaction that writes them, and their rebuild."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from core.model import PolicyStatus, Status
from storage.bulk import insert_rows, upsert_rows
from storage.schema import (
    evidence_set,
    finding,
    finding_count,
    location,
    standing_count,
    standing_day,
    to_microseconds,
)

DAY_MICROSECONDS = 86_400_000_000


class Standing(NamedTuple):
    """The parts of a location that coverage counts by."""

    excluded: bool
    status: str
    reason: str
    contested: bool
    policy_status: str
    unconstrained: bool


class FindingKey(NamedTuple):
    """The parts of a finding that failures count by."""

    requirement_id: int
    outcome: str
    reason: str
    excluded: bool


@dataclass(slots=True)
class Deltas:
    """What one transaction adds to and takes from the counts of one source."""

    source_id: int
    standings: Counter[Standing] = field(default_factory=Counter)
    findings: Counter[FindingKey] = field(default_factory=Counter)
    sets: Counter[int] = field(default_factory=Counter)

    def flush(self, connection: sa.Connection, now: datetime) -> None:
        """Write the changes; called once, last in its transaction."""
        standings = _moved(self.standings)
        if standings:
            _add(connection, standing_count, self.source_id, standings)
            keep_day(connection, self.source_id, now)
        _add(connection, finding_count, self.source_id, _moved(self.findings))
        for set_id, count in sorted(self.sets.items()):
            if count:
                connection.execute(
                    evidence_set.update()
                    .where(evidence_set.c.id == set_id)
                    .values(locations=evidence_set.c.locations + count)
                )
        self.standings.clear()
        self.findings.clear()
        self.sets.clear()


def _moved(counter: Counter[Any]) -> dict[Any, int]:
    return {key: count for key, count in counter.items() if count}


def _add(
    connection: sa.Connection, table: sa.Table, source_id: int, counts: dict[Any, int]
) -> None:
    rows = [
        {"source_id": source_id, **key._asdict(), "locations": count}
        for key, count in counts.items()
    ]
    upsert_rows(connection, table, rows, add=["locations"])
    if any(count < 0 for count in counts.values()):
        connection.execute(
            table.delete().where(table.c.source_id == source_id, table.c.locations == 0)
        )


def day_of(now: datetime) -> int:
    """Return the UTC day as days since 1970."""
    return to_microseconds(now) // DAY_MICROSECONDS


def keep_day(connection: sa.Connection, source_id: int, now: datetime) -> None:
    """Let today's snapshot of a source be what it counts now; excluded locations stay out."""
    day = day_of(now)
    connection.execute(
        standing_day.delete().where(
            standing_day.c.day == day, standing_day.c.source_id == source_id
        )
    )
    counted = standing_count
    written = connection.execute(
        standing_day.insert().from_select(
            ["day", "source_id", "status", "policy_status", "locations"],
            sa.select(
                sa.literal(day), counted.c.source_id, counted.c.status, counted.c.policy_status,
                sa.func.sum(counted.c.locations),
            )
            .where(counted.c.source_id == source_id, sa.not_(counted.c.excluded))
            .group_by(counted.c.source_id, counted.c.status, counted.c.policy_status),
        )
    )  # fmt: skip
    if not written.rowcount:  # a day without a row would carry yesterday's numbers on
        nothing = {"status": Status.VERIFIED, "policy_status": PolicyStatus.UNGOVERNED}
        row = {"day": day, "source_id": source_id, "locations": 0} | nothing
        connection.execute(standing_day.insert(), row)


def _counted_standings() -> sa.Select[Any]:
    c = location.c
    excluded = c.exclusion_id.is_not(None)
    parts = (c.source_id, excluded.label("excluded"), c.status, c.reason, c.contested,
             c.policy_status, c.unconstrained)  # fmt: skip
    grouped = (c.source_id, excluded, *parts[2:])
    counted = sa.func.count().label("locations")
    return sa.select(*parts, counted).where(c.gone_at.is_(None)).group_by(*grouped)


def _counted_findings() -> sa.Select[Any]:
    excluded = location.c.exclusion_id.is_not(None)
    f = finding.c
    return (
        sa.select(
            f.source_id, f.requirement_id, f.outcome, f.reason, excluded.label("excluded"),
            sa.func.count().label("locations"),
        )
        .join(location, location.c.id == f.location_id)
        .where(location.c.gone_at.is_(None))
        .group_by(f.source_id, f.requirement_id, f.outcome, f.reason, excluded)
    )  # fmt: skip


ROLLUPS = ((standing_count, _counted_standings), (finding_count, _counted_findings))


def differences(connection: sa.Connection) -> list[str]:
    """Return one sentence for every count that differs from its rows; empty is right."""
    found: list[str] = []
    for table, counted in ROLLUPS:
        wanted = _as_counts(connection.execute(counted()))
        kept = _as_counts(connection.execute(sa.select(table).where(table.c.locations != 0)))
        found += [
            f"{table.name} {key}: kept {kept.get(key, 0)}, counted {wanted.get(key, 0)}"
            for key in sorted(wanted.keys() | kept.keys(), key=str)
            if wanted.get(key, 0) != kept.get(key, 0)
        ]
    c = location.c
    current = (
        sa.select(c.set_id, sa.func.count().label("n"))
        .where(c.gone_at.is_(None))
        .group_by(c.set_id)
        .subquery()
    )
    counted_sets = sa.select(
        evidence_set.c.id, evidence_set.c.locations, sa.func.coalesce(current.c.n, 0)
    ).outerjoin(current, current.c.set_id == evidence_set.c.id)
    found += [
        f"evidence_set {set_id}: kept {kept_n}, counted {n}"
        for set_id, kept_n, n in connection.execute(counted_sets)
        if kept_n != n
    ]
    return found


def _as_counts(rows: sa.CursorResult[Any]) -> dict[tuple[Any, ...], int]:
    names = list(rows.keys())
    place = names.index("locations")
    order = sorted(range(len(names)), key=lambda i: names[i])
    return {
        tuple(
            bool(row[i]) if names[i] in ("excluded", "contested", "unconstrained") else row[i]
            for i in order
            if i != place
        ): row[place]
        for row in rows
    }


def rebuild(connection: sa.Connection, now: datetime) -> None:
    """Count everything anew from the rows."""
    for table, counted in ROLLUPS:
        rows = [dict(row) for row in connection.execute(counted()).mappings()]
        connection.execute(table.delete())
        insert_rows(connection, table, rows)
    c = location.c
    connection.execute(
        evidence_set.update().values(
            locations=sa.select(sa.func.count())
            .where(c.set_id == evidence_set.c.id, c.gone_at.is_(None))
            .scalar_subquery()
        )
    )
    for source_id in connection.execute(sa.select(standing_count.c.source_id).distinct()).scalars():
        keep_day(connection, source_id, now)
