"""Lists of artifacts: a page, an exact number, or all of it as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import Digest, PolicyStatus, Status
from storage.filters import NEWLY, ArtifactFilter, Change
from storage.lanes import Position, hinted, read_cursor, read_on, write_cursor
from storage.paths import SINCE, Search, lanes_of, search_of
from storage.schema import (
    artifact,
    finding_count,
    location,
    policy,
    requirement,
    standing_count,
)
from storage.scope import Scope, counted_conditions, excluded_only
from storage.views import ArtifactPage, ArtifactRow

PAGE_LIMIT = 500
STREAM_BATCH = 1000
BEYOND_COUNTS = (
    "policy", "requirement", "signer", "trust", "anchor", "evidence_set", "exclusion_rule",
    "text", "change",
)  # fmt: skip
BEYOND_FINDING_COUNTS = (
    "status", "reason", "policy_status", "verdict", "signer", "trust", "anchor", "evidence_set",
    "exclusion_rule", "contested", "unconstrained", "text", "change",
)  # fmt: skip
BEYOND_INSTANTS = (
    "status", "reason", "policy_status", "policy", "signer", "trust", "anchor", "evidence_set",
    "exclusion", "exclusion_rule", "contested", "unconstrained", "text",
)  # fmt: skip


def page(
    connection: Connection, chosen: ArtifactFilter, *, after: str = "", limit: int = 50
) -> ArtifactPage:
    """Return up to `limit` rows following the cursor; MalformedError for a cursor not ours."""
    limit = max(1, min(limit, PAGE_LIMIT))
    search = search_of(connection, chosen)
    found = read_on(connection, lanes_of(search), read_cursor(after), limit + 1)
    rows = _rows(connection, found[:limit], search.scope)
    return ArtifactPage(rows, write_cursor(found[limit - 1]) if len(found) > limit else "")


def stream(connection: Connection, chosen: ArtifactFilter) -> Iterator[ArtifactRow]:
    """Yield every row of the filter's list, in the list's order, in flat memory."""
    search = search_of(connection, chosen)
    lanes = lanes_of(search)
    after: Position | None = None
    while found := read_on(connection, lanes, after, STREAM_BATCH):
        yield from _rows(connection, found, search.scope)
        after = found[-1]


def count(connection: Connection, chosen: ArtifactFilter) -> int:
    """Return exactly how many rows the filter's list has."""
    search = search_of(connection, chosen)
    if not _uses(chosen, BEYOND_COUNTS):
        return _summed(connection, standing_count, counted_conditions(chosen, search.scope))
    if chosen.requirement and not _uses(chosen, BEYOND_FINDING_COUNTS):
        return _finding_count(search)
    if chosen.change is not None and not _uses(chosen, BEYOND_INSTANTS):
        return int(connection.execute(sa.select(_change_count(search))).scalar_one())
    lanes = lanes_of(search)
    if not lanes:
        return 0
    counts = [
        hinted(
            sa.select(sa.func.count().label("n")).select_from(lane.origin).where(*lane.where), lane
        )
        for lane in lanes
    ]
    united = sa.union_all(*counts).subquery()
    return int(connection.execute(sa.select(sa.func.sum(united.c.n))).scalar_one())


def _uses(chosen: ArtifactFilter, parts: Sequence[str]) -> bool:
    default = ArtifactFilter()
    return any(getattr(chosen, part) != getattr(default, part) for part in parts)


def _summed(
    connection: Connection, counts: sa.Table, where: Sequence[sa.ColumnElement[bool]]
) -> int:
    total = sa.select(sa.func.coalesce(sa.func.sum(counts.c.locations), 0)).where(*where)
    return int(connection.execute(total).scalar_one())


def _finding_count(search: Search) -> int:
    chosen, c = search.chosen, finding_count.c
    where = [
        *search.scope.conditions(c.source_id),
        c.excluded if excluded_only(chosen) else sa.not_(c.excluded),
        c.requirement_id
        == sa.select(requirement.c.id)
        .join(policy, policy.c.id == requirement.c.policy_id)
        .where(policy.c.name == chosen.policy, requirement.c.name == chosen.requirement)
        .scalar_subquery(),
    ]
    if chosen.finding is not None:
        where.append(c.outcome == chosen.finding)
    if chosen.finding_reason:
        where.append(c.reason == chosen.finding_reason)
    return _summed(search.connection, finding_count, where)


def count_changes(connection: Connection, filters: Sequence[ArtifactFilter]) -> tuple[int, ...]:
    """Return the numbers of several filters of the same sources, in one statement more."""
    if not filters:
        return ()
    search = search_of(connection, filters[0])
    if any(_uses(one, BEYOND_INSTANTS) for one in filters):
        return tuple(count(connection, one) for one in filters)
    numbers = [
        _change_count(replace(search, chosen=one)).label(f"n{i}") for i, one in enumerate(filters)
    ]
    return tuple(int(number) for number in connection.execute(sa.select(*numbers)).one())


def _change_count(search: Search) -> sa.ColumnElement[int]:
    """Count an index range, then take away the few in it that do not count: no row is read.

    Whether a location is excluded or gone is not in the index of instants; those that are have
    indexes of their own.
    """
    chosen, c = search.chosen, location.c
    column, index = SINCE[chosen.change or Change.NEW]
    ranged = [c[column] >= chosen.since, *search.scope.conditions(c.source_id)]
    if chosen.change is Change.GONE:
        return _counted([*ranged, c.gone_at.is_not(None), c.exclusion_id.is_(None)], index)
    gone: sa.ColumnElement[int] = sa.literal(0)
    if chosen.change in NEWLY:
        ranged += [c.gone_at.is_(None), c.status == NEWLY[chosen.change]]
    else:
        gone = _counted([*ranged, c.gone_at.is_not(None)], "ix_location_gone_at")
    excluded = [*ranged, c.exclusion_id.is_not(None), c.gone_at.is_(None)]
    return _counted(ranged, index) - gone - _counted(excluded, "ix_location_excluded")


def _counted(where: Sequence[sa.ColumnElement[bool]], index: str) -> sa.ColumnElement[int]:
    return (
        sa.select(sa.func.count())
        .select_from(location)
        .where(*where)
        .with_hint(location, f"INDEXED BY {index}", "sqlite")
        .scalar_subquery()
    )


def row_columns() -> tuple[sa.ColumnElement[Any], ...]:
    """Return the columns that `row_of` reads, from location joined with artifact."""
    c = location.c
    return (
        c.id, c.source_id, c.repository, c.name, c.version, c.variant, c.status, c.reason,
        c.contested, c.policy_status, c.unconstrained, c.exclusion_id, c.first_seen_at,
        c.since_at, c.status_since_at, c.gone_at, artifact.c.algorithm, artifact.c.digest,
        artifact.c.kind.label("artifact_kind"),
    )  # fmt: skip


def row_of(row: sa.Row[*tuple[Any, ...]], scope: Scope) -> ArtifactRow:
    """Read one row of `row_columns`."""
    source = scope.names[row.source_id]
    return ArtifactRow(
        location_id=row.id, source=source.name, kind=source.kind, owner=source.owner,
        repository=row.repository, name=row.name, version=row.version, variant=row.variant,
        artifact_kind=row.artifact_kind, digest=Digest(row.algorithm, row.digest.hex()),
        status=Status(row.status), reason=row.reason, contested=row.contested,
        policy_status=PolicyStatus(row.policy_status), unconstrained=row.unconstrained,
        exclusion_rule=row.exclusion_id, first_seen_at=row.first_seen_at, since_at=row.since_at,
        status_since_at=row.status_since_at, gone_at=row.gone_at,
    )  # fmt: skip


def _rows(
    connection: Connection, found: Sequence[Position], scope: Scope
) -> tuple[ArtifactRow, ...]:
    if not found:
        return ()
    statement = (
        sa.select(*row_columns())
        .join(artifact, artifact.c.id == location.c.artifact_id)
        .where(location.c.id.in_([one.row_id for one in found]))
    )
    rows = {row.id: row_of(row, scope) for row in connection.execute(statement)}
    return tuple(rows[one.row_id] for one in found)
