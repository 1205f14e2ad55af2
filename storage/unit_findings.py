"""What is weak in how the units of sources are configured: one row each, while it is there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import UnitFinding
from storage.bulk import insert_rows, take_ids
from storage.filters import ArtifactFilter
from storage.lanes import Lane, page_of
from storage.schema import source, unit, unit_finding
from storage.scope import SourceNames, scope_of
from storage.views.sources import UnitFindingGroup, UnitFindingPage, UnitFindingRow

PAGE_LIMIT = 200
_BATCH = 500

AnySelect = sa.Select[*tuple[Any, ...]]


def record(
    connection: Connection, unit_id: int, found: Iterable[UnitFinding], now: datetime
) -> int:
    """Make the unit's findings exactly these; return rows written. What stays keeps its date."""
    c = unit_finding.c
    statement = sa.select(c.id, c.reason, c.detail, c.expected, c.found).where(c.unit_id == unit_id)
    known = {
        UnitFinding(row.reason, row.detail, row.expected, row.found): row.id
        for row in connection.execute(statement)
    }
    wanted = dict.fromkeys(found)
    gone = [row_id for one, row_id in known.items() if one not in wanted]
    for row_id in gone:
        connection.execute(unit_finding.delete().where(c.id == row_id))
    new = [one for one in wanted if one not in known]
    ids = take_ids(connection, unit_finding, len(new)) if new else []
    rows = [
        {
            "id": row_id, "unit_id": unit_id, "reason": one.reason, "detail": one.detail,
            "expected": one.expected, "found": one.found, "since_at": now,
        }
        for row_id, one in zip(ids, new, strict=True)
    ]  # fmt: skip
    if rows:
        insert_rows(connection, unit_finding, rows)
    return len(gone) + len(new)


def finding_part(chosen: ArtifactFilter) -> ArtifactFilter:
    """Return the parts of a filter that findings know: source, owner, kind and reason."""
    return ArtifactFilter(
        source=chosen.source, owner=chosen.owner, kind=chosen.kind, reason=chosen.reason
    )


def groups(
    connection: Connection,
    chosen: ArtifactFilter | None = None,
    *,
    names: SourceNames | None = None,
) -> tuple[UnitFindingGroup, ...]:
    """Return the findings by code, most first; of the filter only source, owner and kind count."""
    base = finding_part(chosen or ArtifactFilter()).with_parts(reason=None)
    statement = (
        _joined(sa.select(unit_finding.c.reason, source.c.name, sa.func.count().label("n")))
        .where(*_conditions(connection, base, names))
        .group_by(unit_finding.c.reason, source.c.name)
        .order_by(source.c.name)
    )
    numbers: Counter[str] = Counter()
    sources: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(statement):
        numbers[row.reason] += row.n
        sources[row.reason].append(row.name)
    return tuple(
        UnitFindingGroup(reason, number, base.with_parts(reason=reason), tuple(sources[reason]))
        for reason, number in sorted(numbers.items(), key=lambda one: (-one[1], one[0]))
    )


def count(
    connection: Connection, chosen: ArtifactFilter, *, names: SourceNames | None = None
) -> int:
    """Return how many findings the filter selects, by source, owner, kind and reason."""
    conditions = _conditions(connection, chosen, names)
    statement = _joined(sa.select(sa.func.count())).where(*conditions)
    return int(connection.execute(statement).scalar_one())


def page(
    connection: Connection,
    chosen: ArtifactFilter,
    *,
    after: str = "",
    limit: int = 50,
    names: SourceNames | None = None,
) -> UnitFindingPage:
    """Return up to `limit` findings following the cursor, oldest first."""
    origin = unit_finding.join(unit, unit.c.id == unit_finding.c.unit_id).join(
        source, source.c.id == unit.c.source_id
    )
    lane = Lane((), origin, _conditions(connection, chosen, names), unit_finding.c.id)
    found, next_after = page_of(connection, [lane], after, limit, PAGE_LIMIT)
    ids = [one.row_id for one in found]
    statement = _rows().where(unit_finding.c.id.in_(ids))
    rows = tuple(_row(one) for one in connection.execute(statement)) if ids else ()
    return UnitFindingPage(rows, next_after)


def stream(connection: Connection, chosen: ArtifactFilter) -> Iterator[UnitFindingRow]:
    """Yield every finding the filter selects, oldest first, in flat memory."""
    after, conditions = 0, _conditions(connection, chosen)
    while True:
        statement = _rows().where(*conditions, unit_finding.c.id > after).limit(_BATCH)
        rows = connection.execute(statement).all()
        yield from map(_row, rows)
        if len(rows) < _BATCH:
            return
        after = rows[-1].id


def _joined(statement: AnySelect) -> AnySelect:
    return (
        statement.select_from(unit_finding)
        .join(unit, unit.c.id == unit_finding.c.unit_id)
        .join(source, source.c.id == unit.c.source_id)
    )


def _rows() -> AnySelect:
    names = (source.c.name.label("source_name"), unit.c.name.label("unit_name"))
    return _joined(sa.select(unit_finding, *names)).order_by(unit_finding.c.id)


def _row(row: sa.Row[*tuple[Any, ...]]) -> UnitFindingRow:
    return UnitFindingRow(
        row.id, row.source_name, row.unit_name, row.reason, row.detail, row.expected, row.found,
        row.since_at,
    )  # fmt: skip


def _conditions(
    connection: Connection, chosen: ArtifactFilter, names: SourceNames | None = None
) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what picks the findings; a source that left the settings has none that count."""
    scope = scope_of(connection, chosen, names)
    asked = () if chosen.reason is None else (unit_finding.c.reason == chosen.reason,)
    return (source.c.configured, *scope.conditions(source.c.id), *asked)
