"""Changes to rows that stand already, gathered for a batch and written together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from storage.bulk import AnyRow, Row, insert_rows
from storage.schema import finding, location, location_past, status_change, verdict

LOCATION_COLUMNS = (
    "unit_id", "artifact_id", "set_id", "status", "reason", "contested", "policy_status",
    "unconstrained", "exclusion_id", "since_at", "status_since_at", "gone_at",
)  # fmt: skip


@dataclass(slots=True)
class Rewrites:
    """What one transaction changes of locations and of what was said about them."""

    locations: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    past: list[Row] = field(default_factory=list)
    verdicts: dict[int, list[Row]] = field(default_factory=dict)  # by location, whole
    findings: dict[int, list[Row]] = field(default_factory=dict)

    def update(self, row: AnyRow, values: Row) -> None:
        """Overwrite columns of one location, the others as they are."""
        kept = {name: getattr(row, name) for name in LOCATION_COLUMNS}
        self.locations.append({"row_id": row.id, **kept, **values})

    def write(self, connection: sa.Connection) -> int:
        """Write everything; return how many rows."""
        _replace(connection, verdict, self.verdicts)
        _replace(connection, finding, self.findings)
        if self.locations:
            statement = location.update().where(location.c.id == sa.bindparam("row_id"))
            values: dict[str, Any] = {name: sa.bindparam(name) for name in LOCATION_COLUMNS}
            connection.execute(statement.values(**values), self.locations)
        written = len(self.locations)
        written += insert_rows(connection, status_change, self.changes)
        written += insert_rows(connection, location_past, self.past)
        said = [*self.verdicts.values(), *self.findings.values()]
        return written + sum(len(rows) for rows in said)


def _replace(connection: sa.Connection, table: sa.Table, wanted: dict[int, list[Row]]) -> None:
    if not wanted:
        return
    statement = table.delete().where(table.c.location_id == sa.bindparam("row_id"))
    connection.execute(statement, [{"row_id": row_id} for row_id in wanted])
    insert_rows(connection, table, [row for rows in wanted.values() for row in rows])


@dataclass(frozen=True, slots=True)
class Said:
    """What stands of verdicts and findings about a batch of locations."""

    verdicts: dict[int, dict[int, tuple[int, str]]]  # location → policy → (version, outcome)
    findings: dict[int, list[Row]]


def read_said(connection: sa.Connection, ids: Sequence[int]) -> Said:
    """Read what stands of verdicts and findings, two statements for the whole batch."""
    verdicts: dict[int, dict[int, tuple[int, str]]] = defaultdict(dict)
    findings: dict[int, list[Row]] = defaultdict(list)
    if ids:
        for row in connection.execute(sa.select(verdict).where(verdict.c.location_id.in_(ids))):
            verdicts[row.location_id][row.policy_id] = (row.version_id, row.outcome)
        found = connection.execute(sa.select(finding).where(finding.c.location_id.in_(ids)))
        for mapping in found.mappings():
            findings[mapping["location_id"]].append(dict(mapping))
    return Said(dict(verdicts), dict(findings))


def same_verdicts(old: dict[int, tuple[int, str]], new: Iterable[Row]) -> bool:
    """Say whether the verdicts about a location are what they were."""
    return old == {one["policy_id"]: (one["version_id"], one["outcome"]) for one in new}


def same_findings(old: Iterable[Row], new: Iterable[Row]) -> bool:
    """Say whether the findings about a location are what they were."""
    return _by_requirement(old) == _by_requirement(new)


def _by_requirement(rows: Iterable[Row]) -> dict[int, tuple[Any, ...]]:
    return {row["requirement_id"]: (row["outcome"], row["reason"], row["text_id"]) for row in rows}
