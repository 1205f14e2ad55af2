"""What is not verified, by reason; what policies object to, by requirement."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import FindingOutcome, PolicyMode, Status
from storage.coverage import source_part
from storage.filters import ArtifactFilter, Count
from storage.schema import finding_count, policy, requirement, standing_count
from storage.scope import Scope, SourceNames, scope_of
from storage.views.failures import Failures, ReasonGroup, RequirementGroup

NOT_VERIFIED = (Status.FAILED, Status.UNSIGNED, Status.UNKNOWN)


def failures(
    connection: Connection,
    chosen: ArtifactFilter | None = None,
    *,
    names: SourceNames | None = None,
) -> Failures:
    """Return all groups, largest first; of the filter only source, owner and kind are used."""
    base = source_part(chosen)
    scope = scope_of(connection, base, names)
    reasons = _reasons(connection, base, scope)
    totals: Counter[Status] = Counter()
    for group in reasons:
        totals[group.status] += group.count.number
    return Failures(
        statuses={key: Count(totals[key], base.with_parts(status=key)) for key in NOT_VERIFIED},
        reasons=reasons,
        requirements=_requirements(connection, base, scope),
    )


def _reasons(connection: Connection, base: ArtifactFilter, scope: Scope) -> tuple[ReasonGroup, ...]:
    c = standing_count.c
    statement = (
        sa.select(c.source_id, c.status, c.reason, sa.func.sum(c.locations).label("n"))
        .where(sa.not_(c.excluded), c.status.in_(NOT_VERIFIED), c.locations > 0)
        .where(*scope.conditions(c.source_id))
        .group_by(c.source_id, c.status, c.reason)
    )
    numbers: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in connection.execute(statement):
        numbers[row.status, row.reason] += row.n
        names[row.status, row.reason].append(scope.names[row.source_id].name)
    return tuple(
        ReasonGroup(
            Status(status), reason,
            Count(number, base.with_parts(status=Status(status), reason=reason)),
            tuple(sorted(names[status, reason])),
        )
        for (status, reason), number in sorted(numbers.items(), key=lambda one: (-one[1], one[0]))
    )  # fmt: skip


def _requirements(
    connection: Connection, base: ArtifactFilter, scope: Scope
) -> tuple[RequirementGroup, ...]:
    c = finding_count.c
    number = sa.func.sum(c.locations)
    said = (
        policy.c.name.label("policy"), policy.c.title.label("policy_title"), policy.c.mode,
        requirement.c.name.label("requirement"), requirement.c.title, c.outcome, c.reason,
    )  # fmt: skip
    statement = (
        sa.select(*said, number.label("n"))
        .join(requirement, requirement.c.id == c.requirement_id)
        .join(policy, policy.c.id == requirement.c.policy_id)
        .where(sa.not_(c.excluded), c.locations > 0, *scope.conditions(c.source_id))
        .group_by(*said)
        .order_by(number.desc(), policy.c.name, requirement.c.name, c.outcome, c.reason)
    )
    return tuple(_requirement_group(row, base) for row in connection.execute(statement))


def _requirement_group(row: sa.Row[*tuple[Any, ...]], base: ArtifactFilter) -> RequirementGroup:
    chosen = base.with_parts(
        policy=row.policy,
        requirement=row.requirement,
        finding=FindingOutcome(row.outcome),
        finding_reason=row.reason,
    )
    return RequirementGroup(
        policy=row.policy, policy_title=row.policy_title, mode=PolicyMode(row.mode),
        requirement=row.requirement, title=row.title, outcome=FindingOutcome(row.outcome),
        reason=row.reason, count=Count(row.n, chosen),
    )  # fmt: skip
