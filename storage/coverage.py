"""Coverage and its trend."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import PolicyStatus, Status
from storage.filters import ArtifactFilter, Count, Exclusion
from storage.schema import source, standing_count, standing_day
from storage.scope import Scope, SourceNames, scope_of
from storage.views.coverage import Coverage, CoverageLine, TrendDay

TREND_DAYS = 91
EPOCH_DAY = date(1970, 1, 1)


def coverage(
    connection: Connection,
    chosen: ArtifactFilter | None = None,
    *,
    names: SourceNames | None = None,
) -> Coverage:
    """Return where everything stands; of the filter only source, owner and kind are used."""
    base = source_part(chosen)
    scope = scope_of(connection, base, names)
    tallies = tallies_by_source(connection, scope)
    shown = {key: one for key, one in scope.names.items() if key in tallies}
    configured, never_read = _sources(connection, scope)
    return Coverage(
        overall=line("all", base, tallies.values()),
        by_source=_lines(base, "source", {key: one.name for key, one in shown.items()}, tallies),
        by_owner=_lines(base, "owner", {key: one.owner for key, one in shown.items()}, tallies),
        by_kind=_lines(base, "kind", {key: one.kind for key, one in shown.items()}, tallies),
        sources=configured,
        sources_never_read=never_read,
    )


class Tally:
    """What the rollup counts of one source, by each of its parts."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.policies: Counter[str] = Counter()
        self.contested = self.unconstrained = self.excluded = 0

    def add(self, row: sa.Row[*tuple[Any, ...]]) -> None:
        """Count one group of locations."""
        if row.excluded:
            self.excluded += row.n
            return
        self.statuses[row.status] += row.n
        self.policies[row.policy_status] += row.n
        self.contested += row.n * row.contested
        self.unconstrained += row.n * row.unconstrained


def tallies_by_source(connection: Connection, scope: Scope) -> dict[int, Tally]:
    """Read the rollup: one tally for every source in scope, empty ones too."""
    c = standing_count.c
    parts = (c.source_id, c.excluded, c.status, c.contested, c.policy_status, c.unconstrained)
    statement = (
        sa.select(*parts, sa.func.sum(c.locations).label("n"))
        .where(*scope.conditions(c.source_id))
        .group_by(*parts)
    )
    ids = scope.names if scope.chosen is None else sorted(scope.chosen)
    tallies = {key: Tally() for key in ids}
    for row in connection.execute(statement):
        tallies[row.source_id].add(row)
    return tallies


def line(label: str, base: ArtifactFilter, tallies: Iterable[Tally]) -> CoverageLine:
    """Add tallies up to one line, each number with its filter."""
    statuses: Counter[str] = Counter()
    policies: Counter[str] = Counter()
    contested = unconstrained = excluded = 0
    for one in tallies:
        statuses += one.statuses
        policies += one.policies
        contested += one.contested
        unconstrained += one.unconstrained
        excluded += one.excluded
    return CoverageLine(
        label=label,
        total=Count(statuses.total(), base),
        statuses={key: Count(statuses[key], base.with_parts(status=key)) for key in Status},
        policies={
            key: Count(policies[key], base.with_parts(policy_status=key)) for key in PolicyStatus
        },
        contested=Count(contested, base.with_parts(contested=True)),
        unconstrained=Count(unconstrained, base.with_parts(unconstrained=True)),
        excluded=Count(excluded, base.with_parts(exclusion=Exclusion.ONLY)),
    )


def source_part(chosen: ArtifactFilter | None) -> ArtifactFilter:
    """Keep of a filter what names sources: all that the rollups can be narrowed to."""
    if chosen is None:
        return ArtifactFilter()
    return ArtifactFilter(source=chosen.source, owner=chosen.owner, kind=chosen.kind)


def _lines(
    base: ArtifactFilter, part: str, labels: Mapping[int, str], tallies: Mapping[int, Tally]
) -> tuple[CoverageLine, ...]:
    grouped: dict[str, list[Tally]] = defaultdict(list)
    for source_id, label in labels.items():
        grouped[label].append(tallies[source_id])
    return tuple(
        line(label, base.with_parts(**{part: label}), grouped[label]) for label in sorted(grouped)
    )


def _sources(connection: Connection, scope: Scope) -> tuple[int, tuple[str, ...]]:
    c = source.c
    statement = (
        sa.select(c.name, c.read_at).where(c.configured, *scope.conditions(c.id)).order_by(c.name)
    )
    rows = connection.execute(statement).all()
    return len(rows), tuple(row.name for row in rows if row.read_at is None)


def trend(
    connection: Connection,
    until: date,
    *,
    days: int = TREND_DAYS,
    chosen: ArtifactFilter | None = None,
    names: SourceNames | None = None,
) -> tuple[TrendDay, ...]:
    """Return the last days up to and with `until`, oldest first, none before the first scan."""
    scope = scope_of(connection, source_part(chosen), names)
    last = (until - EPOCH_DAY).days
    first = last - days + 1
    known: dict[int, Tally] = {}
    by_day: dict[int, dict[int, Tally]] = defaultdict(dict)
    for row in _snapshots(connection, scope, first, last):
        known_by = known if row.day < first else by_day[row.day]
        tally = known_by.setdefault(row.source_id, Tally())
        tally.statuses[row.status] += row.locations
        tally.policies[row.policy_status] += row.locations
    found = []
    for day in range(first, last + 1):
        known |= by_day.get(day, {})
        if known:
            found.append(_trend_day(day, known.values()))
    return tuple(found)


def _snapshots(
    connection: Connection, scope: Scope, first: int, last: int
) -> Iterable[sa.Row[*tuple[Any, ...]]]:
    """Read the days of the window, and of each source the last one before it."""
    c, earlier = standing_day.c, standing_day.alias("earlier").c
    before = (
        sa.select(sa.func.max(earlier.day))
        .where(earlier.source_id == c.source_id, earlier.day < first)
        .scalar_subquery()
    )
    columns = (c.day, c.source_id, c.status, c.policy_status, c.locations)
    narrowed_to = scope.conditions(c.source_id)
    inside = sa.select(*columns).where(c.day >= first, c.day <= last, *narrowed_to)
    outside = sa.select(*columns).where(c.day < first, c.day == before, *narrowed_to)
    return connection.execute(inside.union_all(outside))


def _trend_day(day: int, tallies: Iterable[Tally]) -> TrendDay:
    statuses: Counter[str] = Counter()
    policies: Counter[str] = Counter()
    for one in tallies:
        statuses += one.statuses
        policies += one.policies
    return TrendDay(
        day=EPOCH_DAY + timedelta(days=day),
        statuses={key: statuses[key] for key in Status},
        policies={key: policies[key] for key in PolicyStatus},
        total=statuses.total(),
    )
