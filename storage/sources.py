"""Health of the sources: what was read, when, and what fell short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.errors import NotFoundError
from core.model import ScanState
from storage.coverage import Tally, line, tallies_by_source
from storage.filters import ArtifactFilter
from storage.lanes import Lane, page_of
from storage.scans import read_errors
from storage.schema import scan, scan_request, source, to_microseconds, unit
from storage.scope import Scope, SourceName
from storage.views.sources import (
    HealthSummary,
    ScanRow,
    SourceDetail,
    SourceHealth,
    UnitPage,
    UnitRow,
    UnitTrouble,
)

SHOWN_TROUBLES = 20
SHOWN_UNITS = 500
SHOWN_SCANS = 20
STALE_INTERVALS = 2

AnyRow = sa.Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What is read for many sources at once, by source id."""

    tallies: Mapping[int, Tally]
    over: Mapping[int, ScanRow]
    running: Mapping[int, ScanRow]
    units: Mapping[int, tuple[int, int]]  # all that are not gone, troubled ones
    troubles: Mapping[int, list[UnitTrouble]]
    requested: Mapping[int, datetime]


def health(connection: Connection, now: datetime) -> tuple[SourceHealth, ...]:
    """Return every source by name, six statements whatever their number."""
    rows = connection.execute(sa.select(source).order_by(source.c.name)).all()
    around = _surroundings(connection, rows, None)
    return tuple(_health(row, around, now) for row in rows)


def detail(connection: Connection, name: str, now: datetime) -> SourceDetail:
    """Return one source with its units and scans; NotFoundError when there is none."""
    row = connection.execute(sa.select(source).where(source.c.name == name)).first()
    if row is None:
        raise NotFoundError(f"there is no source {name[:80]!r}")
    around = _surroundings(connection, [row], row.id)
    units = connection.execute(
        sa.select(unit, sa.func.count().over().label("all_units"))
        .where(unit.c.source_id == row.id)
        .order_by(unit.c.gone_at.is_not(None), unit.c.reason == "", unit.c.name)
        .limit(SHOWN_UNITS)
    ).all()
    scans = connection.execute(
        sa.select(scan)
        .where(scan.c.source_id == row.id)
        .order_by(scan.c.started_at.desc(), scan.c.id.desc())
        .limit(SHOWN_SCANS)
    )
    return SourceDetail(
        health=_health(row, around, now),
        unit_rows=tuple(_unit_row(one) for one in units),
        more_units=units[0].all_units - len(units) if units else 0,
        scans=tuple(_scan_row(one, name) for one in scans),
    )


def unit_page(
    connection: Connection, name: str, *, troubled: bool = False, after: str = "", limit: int = 50
) -> UnitPage:
    """Return units of one source that are not gone, all or the troubled ones, oldest first."""
    source_id = connection.execute(sa.select(source.c.id).where(source.c.name == name)).scalar()
    if source_id is None:
        raise NotFoundError(f"there is no source {name[:80]!r}")
    c = unit.c
    where = (
        c.source_id == source_id,
        c.gone_at.is_(None),
        *((c.reason != "",) if troubled else ()),
    )
    found, next_after = page_of(
        connection, [Lane((), unit, where, c.id)], after, limit, SHOWN_UNITS
    )
    ids = [one.row_id for one in found]
    statement = sa.select(unit).where(c.id.in_(ids)).order_by(c.id)
    total = sa.select(sa.func.count()).select_from(unit).where(*where)
    return UnitPage(
        rows=tuple(_unit_row(one) for one in connection.execute(statement)),
        total=int(connection.execute(total).scalar_one()),
        next_after=next_after,
    )


def _unit_row(row: AnyRow) -> UnitRow:
    return UnitRow(row.name, row.complete_at, row.reason, row.detail, row.gone_at)


def never_read(connection: Connection) -> tuple[str, ...]:
    """Return the configured sources that were never read, by name."""
    statement = (
        sa.select(source.c.name)
        .where(source.c.configured, source.c.read_at.is_(None))
        .order_by(source.c.name)
    )
    return tuple(connection.execute(statement).scalars())


def running(connection: Connection) -> tuple[ScanRow, ...]:
    """Return the scans that run now, for live progress."""
    statement = (
        sa.select(scan, source.c.name.label("source_name"))
        .join(source, source.c.id == scan.c.source_id)
        .where(scan.c.state == ScanState.RUNNING)
        .order_by(source.c.name)
    )
    return tuple(_scan_row(row, row.source_name) for row in connection.execute(statement))


def stamp(connection: Connection) -> str:
    """Return words that change whenever a scan is asked for, begins or ends; one statement."""
    running = sa.select(sa.func.coalesce(sa.func.sum(scan.c.id), 0)).where(
        scan.c.state == ScanState.RUNNING
    )
    asked = sa.select(sa.func.coalesce(sa.func.sum(scan_request.c.id), 0)).where(
        scan_request.c.taken_at.is_(None)
    )
    newest = sa.select(sa.func.coalesce(sa.func.max(scan.c.id), 0))
    parts = (one.scalar_subquery() for one in (newest, running, asked))
    return " ".join(str(part) for part in connection.execute(sa.select(*parts)).one())


def summary(connection: Connection, now: datetime) -> HealthSummary:
    """Return the few numbers of the strip on every page; one statement."""
    c = source.c
    runs = sa.exists().where(scan.c.source_id == c.id, scan.c.state == ScanState.RUNNING)
    statement = sa.select(
        c.added_at, c.read_at, c.complete_at, c.every_seconds, c.reason, c.verifier,
        runs.label("runs"),
    ).where(c.configured)  # fmt: skip
    rows = connection.execute(statement).all()
    return HealthSummary(
        sources=len(rows),
        never_read=sum(row.read_at is None for row in rows),
        stale=sum(_is_stale(row, now) for row in rows),
        troubled=sum(bool(row.reason) for row in rows),
        running=sum(row.runs for row in rows),
        verifiers=tuple(row.verifier for row in rows if row.read_at is not None),
    )


def _is_stale(row: AnyRow, now: datetime) -> bool:
    if row.read_at is None:
        return False  # there is no last look that could be old: it was never read
    if row.complete_at is None:
        return True
    allowed = row.every_seconds * STALE_INTERVALS
    return bool((now - row.complete_at).total_seconds() > allowed)


def _health(row: AnyRow, around: _Surroundings, now: datetime) -> SourceHealth:
    units, troubled = around.units.get(row.id, (0, 0))
    return SourceHealth(
        id=row.id, name=row.name, kind=row.kind, address=row.address, owner=row.owner,
        tier=row.tier, every_seconds=row.every_seconds, configured=row.configured,
        added_at=row.added_at, read_at=row.read_at, complete_at=row.complete_at,
        read_age_seconds=_age(row.read_at, now), complete_age_seconds=_age(row.complete_at, now),
        verifier=row.verifier, stale=_is_stale(row, now), reason=row.reason, detail=row.detail,
        line=line(row.name, ArtifactFilter(source=row.name), [around.tallies[row.id]]),
        units=units, troubles=tuple(around.troubles.get(row.id, ())), troubled_units=troubled,
        last_scan=around.over.get(row.id), running=around.running.get(row.id),
        requested_at=around.requested.get(row.id),
    )  # fmt: skip


def _age(since: datetime | None, now: datetime) -> int | None:
    """Return whole seconds, never fewer than none: clocks of two machines differ."""
    if since is None:
        return None
    return max(0, (to_microseconds(now) - to_microseconds(since)) // 1_000_000)


def _surroundings(
    connection: Connection, rows: list[AnyRow] | Any, only: int | None
) -> _Surroundings:
    names = {row.id: SourceName(row.name, row.kind, row.owner) for row in rows}
    scope = Scope(names, None if only is None else frozenset((only,)))
    over, now_running = _scans(connection, scope)
    units, troubles = _units(connection, scope)
    return _Surroundings(
        tallies=tallies_by_source(connection, scope),
        over=over, running=now_running, units=units, troubles=troubles,
        requested=_requested(connection, scope),
    )  # fmt: skip


def _scans(connection: Connection, scope: Scope) -> tuple[dict[int, ScanRow], dict[int, ScanRow]]:
    """Read of each source the newest scan that is over, and the running one."""
    inner = scan.alias("newer")
    newest = (
        sa.select(inner.c.id)
        .where(inner.c.source_id == source.c.id, inner.c.state != ScanState.RUNNING)
        .order_by(inner.c.started_at.desc(), inner.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    ids = sa.select(newest).select_from(source).where(*scope.conditions(source.c.id))
    ended = sa.select(scan).where(scan.c.id.in_(ids))
    runs = sa.select(scan).where(
        scan.c.state == ScanState.RUNNING, *scope.conditions(scan.c.source_id)
    )
    over: dict[int, ScanRow] = {}
    now_running: dict[int, ScanRow] = {}
    for row in connection.execute(ended.union_all(runs)):
        kept = now_running if row.state == ScanState.RUNNING else over
        kept[row.source_id] = _scan_row(row, scope.names[row.source_id].name)
    return over, now_running


def _scan_row(row: AnyRow, name: str) -> ScanRow:
    return ScanRow(
        id=row.id, source=name, state=ScanState(row.state), started_at=row.started_at,
        beat_at=row.beat_at, finished_at=row.finished_at, cancel_at=row.cancel_at,
        units_total=row.units_total, units_done=row.units_done, sightings=row.sightings,
        requests=row.requests, bytes=row.bytes, rows_written=row.rows_written,
        errors=tuple(
            UnitTrouble(one.unit, one.reason, one.detail) for one in read_errors(row.errors)
        ),
    )  # fmt: skip


def _units(
    connection: Connection, scope: Scope
) -> tuple[dict[int, tuple[int, int]], dict[int, list[UnitTrouble]]]:
    """Count each source's units, and read its first troubled ones."""
    c = unit.c
    narrowed = (c.gone_at.is_(None), *scope.conditions(c.source_id))
    counted = (
        sa.select(c.source_id, sa.func.count(), sa.func.sum(sa.case((c.reason != "", 1), else_=0)))
        .where(*narrowed)
        .group_by(c.source_id)
    )
    numbers = {key: (units, troubled) for key, units, troubled in connection.execute(counted)}
    place = sa.func.row_number().over(partition_by=c.source_id, order_by=c.name).label("place")
    ranked = sa.select(c.source_id, c.name, c.reason, c.detail, place).where(
        *narrowed, c.reason != ""
    )
    first = ranked.subquery()
    troubles: dict[int, list[UnitTrouble]] = defaultdict(list)
    statement = sa.select(first).where(first.c.place <= SHOWN_TROUBLES)
    for row in connection.execute(statement.order_by(first.c.source_id, first.c.place)):
        troubles[row.source_id].append(UnitTrouble(row.name, row.reason, row.detail))
    return numbers, troubles


def _requested(connection: Connection, scope: Scope) -> dict[int, datetime]:
    c = scan_request.c
    statement = (
        sa.select(c.source_id, sa.func.min(c.requested_at).label("requested_at"))
        .where(c.taken_at.is_(None), *scope.conditions(c.source_id))
        .group_by(c.source_id)
    )
    return {row.source_id: row.requested_at for row in connection.execute(statement)}
