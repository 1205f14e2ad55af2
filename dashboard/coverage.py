"""Coverage: how much verifies, how much policy accepts, and which way it goes."""

from __future__ import annotations

from flask import Blueprint, request

from core.model import PolicyStatus
from dashboard import charts
from dashboard.page import Page
from dashboard.site import now, reading, render
from dashboard.wording import POLICY_SENTENCES, UNCONSTRAINED
from storage import artifact_list, coverage
from storage.database import Connection
from storage.filters import ArtifactFilter, Count
from storage.scope import SourceNames, source_names
from storage.views.coverage import CoverageLine

PAGE = Page("Coverage", Blueprint("coverage", __name__), "show")


@PAGE.blueprint.get("/")
def show() -> str:
    """Show the numbers of all sources, or of those that source, owner or kind leave."""
    chosen = coverage.source_part(ArtifactFilter.from_parameters(request.args.to_dict()))
    with reading() as connection:
        names = source_names(connection)
        found = coverage.coverage(connection, chosen, names=names)
        days = coverage.trend(connection, now().date(), chosen=chosen, names=names)
        verdicts = _verdicts(connection, found.overall, names)
        return render(
            connection,
            "coverage.html",
            chosen=chosen,
            found=found,
            tables=(
                ("source", found.by_source),
                ("owner", found.by_owner),
                ("kind", found.by_kind),
            ),
            verdicts=verdicts,
            trend=charts.trend(days) if days else None,
            weeks=charts.weekly(days),
        )


def _verdicts(connection: Connection, line: CoverageLine, names: SourceNames) -> dict[str, Count]:
    """Return the numbers of the policy bar: who passed with no say on signers stands apart."""
    passed = line.policies[PolicyStatus.PASSED].filter
    counts: dict[str, Count] = {str(key): count for key, count in line.policies.items()}
    for name, unconstrained in ((PolicyStatus.PASSED, False), (UNCONSTRAINED, True)):
        chosen = passed.with_parts(unconstrained=unconstrained)
        counts[name] = Count(artifact_list.count(connection, chosen, names=names), chosen)
    return {name: counts[name] for name in POLICY_SENTENCES}
