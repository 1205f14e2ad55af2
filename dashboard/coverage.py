"""Coverage: how much verifies, how much policy accepts, and which way it goes."""

from __future__ import annotations

from flask import Blueprint, request

from dashboard import charts
from dashboard.page import Page
from dashboard.site import now, reading, render
from storage import coverage
from storage.filters import ArtifactFilter

PAGE = Page("Coverage", Blueprint("coverage", __name__), "show")


@PAGE.blueprint.get("/")
def show() -> str:
    """Show the numbers of all sources, or of those that source, owner or kind leave."""
    chosen = coverage.narrowed(ArtifactFilter.from_parameters(request.args.to_dict()))
    with reading() as connection:
        found = coverage.coverage(connection, chosen)
        days = coverage.trend(connection, now().date(), chosen=chosen)
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
            trend=charts.trend(days) if days else None,
            weeks=charts.weekly(days),
        )
