"""Failures: what is not verified, by reason; what policies object to, by requirement."""

from __future__ import annotations

from flask import Blueprint, request

from core.model import Status
from core.reasons import REASONS
from dashboard.page import Page
from dashboard.site import reading, render
from storage import artifact_list, coverage, failures, unit_findings
from storage.filters import ArtifactFilter
from storage.scope import source_names

ROWS = 25

PAGE = Page("Failures", Blueprint("failures", __name__), "show")


@PAGE.blueprint.get("/failures")
def show() -> str:
    """Show all groups, then the beginning of the list of one status."""
    asked = ArtifactFilter.from_parameters(request.args.to_dict())
    base = coverage.source_part(asked)
    chosen = base.with_parts(status=asked.status or Status.FAILED)
    with reading() as connection:
        names = source_names(connection)
        everything = coverage.coverage(connection, names=names)
        return render(
            connection,
            "failures.html",
            base=base,
            chosen=chosen,
            found=failures.failures(connection, base, names=names),
            weak=unit_findings.groups(connection, base, names=names),
            reasons=REASONS,
            page=artifact_list.page(connection, chosen, limit=ROWS, names=names),
            choices={
                "source": [line.label for line in everything.by_source],
                "owner": [line.label for line in everything.by_owner],
                "kind": [line.label for line in everything.by_kind],
            },
        )
