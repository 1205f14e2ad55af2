"""Findings: what is weak in how sources are configured, or left unseen, one by one."""

from __future__ import annotations

from flask import Blueprint, request

from core.reasons import REASONS
from dashboard import links
from dashboard.page import Page
from dashboard.site import reading, render
from storage import unit_findings
from storage.filters import ArtifactFilter
from storage.scope import source_names

ROWS = 50

PAGE = Page("Findings", Blueprint("findings", __name__))


@PAGE.blueprint.get("/findings")
def show() -> str:
    """Show one page of the list, of all or of one source, owner, kind or code."""
    asked = ArtifactFilter.from_parameters(request.args.to_dict())
    chosen = unit_findings.finding_part(asked)
    after = request.args.get("after", "")
    parameters = chosen.to_parameters()
    with reading() as connection:
        names = source_names(connection)
        page = unit_findings.page(connection, chosen, after=after, limit=ROWS, names=names)
        more = parameters | {"after": page.next_after}
        return render(
            connection,
            "findings.html",
            chosen=chosen,
            parameters=parameters,
            page=page,
            total=unit_findings.count(connection, chosen, names=names),
            after=after,
            reasons=REASONS,
            csv=links.with_parameters("downloads.findings_csv", parameters),
            json=links.with_parameters("downloads.findings_json", parameters),
            first=links.with_parameters("findings.show", parameters),
            following=links.with_parameters("findings.show", more),
        )
