"""Lists of artifacts: a page, an exact number, or all of it as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import Digest, PolicyStatus, Status
from storage.filters import NEWLY, ArtifactFilter, Change
from storage.lanes import Position, hinted, page_of, read_on
from storage.paths import SINCE, Search, lanes_of, search_of, search_within
from storage.schema import (
    artifact,
    finding_count,
    location,
    policy,
    requirement,
    standing_count,
)
from storage.scope import Scope, SourceNames, counted_conditions, excluded_only, scope_of
from storage.views.artifacts import ArtifactPage, ArtifactRow

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
    connection: Connection,
    chosen: ArtifactFilter,
    *,
    after: str = "",
    limit: int = 50,
    names: SourceNames | None = None,
) -> ArtifactPage:
    """Return up to `limit` rows following the cursor; MalformedError for a cursor not ours."""
    search = search_of(connection, chosen, names)
    found, next_after = page_of(connection, lanes_of(search), after, limit, PAGE_LIMIT)
    return ArtifactPage(_rows(connection, found, search.scope), next_after)


def beginnings(
    connection: Connection,
    filters: Sequence[ArtifactFilter],
    *,
    limit: int,
    names: SourceNames | None = None,
) -> tuple[tuple[ArtifactRow, ...], ...]:
    """Return the first rows of several lists of the same sources, all rows in one statement."""
    if not filters:
        return ()
    scope = scope_of(connection, filters[0], names)
    found = [
        read_on(connection, lanes_of(search_within(connection, one, scope)), None, limit)
        for one in filters
    ]
    rows = iter(_rows(connection, [one for some in found for one in some], scope))
    return tuple(tuple(islice(rows, len(some))) for some in found)


def stream(connection: Connection, chosen: ArtifactFilter) -> Iterator[ArtifactRow]:
    """Yield every row of the filter's list, in the list's order, in flat memory."""
    search = search_of(connection, chosen)
    lanes = lanes_of(search)
    after: Position | None = None
    while found := read_on(connection, lanes, after, STREAM_BATCH):
        yield from _rows(connection, found, search.scope)
        after = found[-1]


def count(
    connection: Connection, chosen: ArtifactFilter, *, names: SourceNames | None = None
) -> int:
    """Return exactly how many rows the filter's list has."""
    search = search_of(connection, chosen, names)
    if not _uses(chosen, BEYOND_COUNTS):
        return _summed(connection, standing_count, counted_conditions(chosen, search.scope))
    if chosen.requirement and not _uses(chosen, BEYOND_FINDING_COUNTS):
        return _finding_count(search)
    if chosen.change is not None and not _uses(chosen, BEYOND_INSTANTS):
        return _change_counts(search, [chosen])[0]
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


def count_changes(
    connection: Connection, filters: Sequence[ArtifactFilter], *, names: SourceNames | None = None
) -> tuple[int, ...]:
    """Return the numbers of several filters of the same sources, in three statements.

    Whether a location is excluded or gone is not in the indexes of instants. So index ranges are
    counted without reading a row, and the few that do not count are taken away: those that are
    excluded or gone have indexes of their own.
    """
    if not filters:
        return ()
    if any(_uses(one, BEYOND_INSTANTS) or one.change is None for one in filters):
        return tuple(count(connection, one, names=names) for one in filters)
    search = search_of(connection, filters[0], names)
    return _change_counts(search, filters)


def _change_counts(search: Search, filters: Sequence[ArtifactFilter]) -> tuple[int, ...]:
    c = location.c
    ranged = sa.select(*(_ranged_count(search, one) for one in filters))
    excluded = (
        sa.select(*(sa.func.sum(sa.case((_changed(one), 1), else_=0)) for one in filters))
        .where(c.gone_at.is_(None), c.exclusion_id.is_not(None))
        .where(*search.scope.conditions(c.source_id))
        .with_hint(location, "INDEXED BY ix_location_excluded", "sqlite")
    )
    numbers, outside = (search.connection.execute(one).one() for one in (ranged, excluded))
    return tuple(
        int(number) if one.change is Change.GONE else int(number) - int(less or 0)
        for one, number, less in zip(filters, numbers, outside, strict=True)
    )


def _changed(chosen: ArtifactFilter) -> sa.ColumnElement[bool]:
    """Return the condition on instants and status that the change is."""
    change = chosen.change or Change.NEW
    since = location.c[SINCE[change][0]] >= chosen.since
    return since if change not in NEWLY else sa.and_(since, location.c.status == NEWLY[change])


def _ranged_count(search: Search, chosen: ArtifactFilter) -> sa.ColumnElement[int]:
    """Count what changed, excluded locations too (of gone ones: without them)."""
    c, change = location.c, chosen.change or Change.NEW
    where = [_changed(chosen), *search.scope.conditions(c.source_id)]
    gone = [*where, c.gone_at.is_not(None)]
    if change is Change.GONE:
        return _counted([*gone, c.exclusion_id.is_(None)], "ix_location_gone_at")
    if change is Change.NEW:
        number = _counted(where, "ix_location_first_seen_at")
        return number - _counted(gone, "ix_location_gone_at")
    return _counted([*where, c.gone_at.is_(None)], "ix_location_since")


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
