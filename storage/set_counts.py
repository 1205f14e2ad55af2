"""How many locations an evidence set stands for: the current ones outside exclusions."""

from __future__ import annotations

import sqlalchemy as sa

from storage.schema import evidence_set, location


def counted(
    origin: sa.FromClause, set_id: sa.ColumnElement[int]
) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
    """Join evidence sets to rows that name them; return the join and each set's number.

    A set keeps its number of current locations; the few that are excluded are taken away.
    """
    c = location.c
    excluded = (
        sa.select(c.set_id, sa.func.count().label("n"))
        .where(c.gone_at.is_(None), c.exclusion_id.is_not(None))
        .group_by(c.set_id)
        .with_hint(location, "INDEXED BY ix_location_excluded", "sqlite")
        .subquery("excluded")
    )
    joined = (
        origin if origin is evidence_set else origin.join(evidence_set, evidence_set.c.id == set_id)
    )
    joined = joined.outerjoin(excluded, excluded.c.set_id == evidence_set.c.id)
    return joined, evidence_set.c.locations - sa.func.coalesce(excluded.c.n, 0)
