"""What is left out of coverage, by which rule and on whose word."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.filters import ArtifactFilter, Count
from storage.schema import exclusion, location
from storage.views.coverage import ExclusionRule


def rules(connection: Connection) -> tuple[ExclusionRule, ...]:
    """Return the active rules and those that still exclude something."""
    c = location.c
    counted = (
        sa.select(c.exclusion_id, sa.func.count().label("n"))
        .where(c.gone_at.is_(None), c.exclusion_id.is_not(None))
        .group_by(c.exclusion_id)
        .with_hint(location, "INDEXED BY ix_location_excluded", "sqlite")
        .subquery()
    )
    number = sa.func.coalesce(counted.c.n, 0).label("n")
    statement = (
        sa.select(exclusion, number)
        .outerjoin(counted, counted.c.exclusion_id == exclusion.c.id)
        .where(sa.or_(exclusion.c.active, counted.c.n > 0))
        .order_by(exclusion.c.id)
    )
    return tuple(
        ExclusionRule(
            id=row.id, match=json.loads(row.match), reason=row.reason, owner=row.owner,
            active=row.active, added_at=row.added_at,
            count=Count(row.n, ArtifactFilter(exclusion_rule=row.id)),
        )
        for row in connection.execute(statement)
    )  # fmt: skip
