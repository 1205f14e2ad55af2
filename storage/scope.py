"""Which sources a filter means, and the conditions it puts on a location."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.filters import ArtifactFilter, Change, Exclusion
from storage.schema import location, source, standing_count
from storage.search import named

Conditions = tuple[sa.ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class SourceName:
    """What lists say about a row's source."""

    name: str
    kind: str
    owner: str


SourceNames = Mapping[int, SourceName]  # all sources, by id


@dataclass(frozen=True, slots=True)
class Scope:
    """All sources by id, and the ids a filter is narrowed to (None: not narrowed)."""

    names: SourceNames
    chosen: frozenset[int] | None

    def conditions(self, column: sa.ColumnElement[int]) -> Conditions:
        """Return the condition on a source id, none where every source is meant."""
        return () if self.chosen is None else (column.in_(sorted(self.chosen)),)


def source_names(connection: sa.Connection) -> SourceNames:
    """Read all sources; a page that shows several lists gives each of them the same."""
    c = source.c
    return {
        row.id: SourceName(row.name, row.kind, row.owner)
        for row in connection.execute(sa.select(c.id, c.name, c.kind, c.owner))
    }


def scope_of(
    connection: sa.Connection, chosen: ArtifactFilter, names: SourceNames | None = None
) -> Scope:
    """Find the sources that the filter's source, owner and kind leave; read them if not given."""
    names = source_names(connection) if names is None else names
    if not (chosen.source or chosen.owner or chosen.kind):
        return Scope(names, None)
    return Scope(names, frozenset(key for key, one in names.items() if _means(chosen, one)))


def _means(chosen: ArtifactFilter, one: SourceName) -> bool:
    wanted = ((chosen.source, one.name), (chosen.owner, one.owner), (chosen.kind, one.kind))
    return all(not asked or asked == is_so for asked, is_so in wanted)


def excluded_only(chosen: ArtifactFilter) -> bool:
    """Say whether the list is of what is excluded."""
    return chosen.exclusion is Exclusion.ONLY or chosen.exclusion_rule is not None


def counted_conditions(chosen: ArtifactFilter, scope: Scope) -> Conditions:
    """Return the conditions on `standing_count` that pick what the filter picks."""
    c = standing_count.c
    return (
        *scope.conditions(c.source_id),
        c.excluded if excluded_only(chosen) else sa.not_(c.excluded),
        *_standing_conditions(chosen, c),
    )


def location_conditions(chosen: ArtifactFilter, scope: Scope) -> Conditions:
    """Return the conditions on `location` that its own columns decide."""
    c = location.c
    found = [
        c.gone_at.is_not(None) if chosen.change is Change.GONE else c.gone_at.is_(None),
        *scope.conditions(c.source_id),
        *_standing_conditions(chosen, c),
    ]
    if chosen.exclusion_rule is not None:
        found.append(c.exclusion_id == chosen.exclusion_rule)
    elif excluded_only(chosen):
        found.append(c.exclusion_id.is_not(None))
    else:
        found.append(c.exclusion_id.is_(None))
    if chosen.text:
        found.append(named(chosen.text))
    return tuple(found)


def _standing_conditions(
    chosen: ArtifactFilter, c: sa.sql.base.ReadOnlyColumnCollection[str, sa.Column[Any]]
) -> Conditions:
    """Return the conditions on the columns that locations and their counts share."""
    asked = {
        "status": chosen.status,
        "reason": chosen.reason,
        "policy_status": chosen.policy_status,
        "contested": chosen.contested,
        "unconstrained": chosen.unconstrained,
    }
    return tuple(c[name] == value for name, value in asked.items() if value is not None)
