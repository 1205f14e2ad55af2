"""Artifacts: any list that a filter selects, page by page, with its exact length."""

from __future__ import annotations

from flask import Blueprint, request

from core.model import PolicyStatus, Status
from dashboard import links
from dashboard.page import Page
from dashboard.site import reading, render
from storage import artifact_list, coverage
from storage.filters import ArtifactFilter
from storage.scope import source_names

ROWS = 50
FORM_FIELDS = ("text", "status", "policy_status", "source", "owner", "kind")

PAGE = Page("Artifacts", Blueprint("artifacts", __name__), "show")


@PAGE.blueprint.get("/artifacts")
def show() -> str:
    """Show one page of the list, the parts of its filter, and a form to change them."""
    chosen = ArtifactFilter.from_parameters(request.args.to_dict())
    after = request.args.get("after", "")
    parameters = chosen.to_parameters()
    with reading() as connection:
        names = source_names(connection)
        page = artifact_list.page(connection, chosen, after=after, limit=ROWS, names=names)
        everything = coverage.coverage(connection, names=names)
        return render(
            connection,
            "artifacts.html",
            chosen=chosen,
            page=page,
            total=artifact_list.count(connection, chosen, names=names),
            after=after,
            chips=links.chips(chosen),
            kept={name: text for name, text in parameters.items() if name not in FORM_FIELDS},
            csv=links.with_parameters("downloads.as_csv", parameters),
            json=links.with_parameters("downloads.as_json", parameters),
            following=links.list_url(chosen, after=page.next_after),
            choices={
                "status": list(Status),
                "policy_status": list(PolicyStatus),
                "source": [line.label for line in everything.by_source],
                "owner": [line.label for line in everything.by_owner],
                "kind": [line.label for line in everything.by_kind],
            },
        )
