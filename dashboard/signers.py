"""Signers: who signs what, with which key, since when."""

from __future__ import annotations

from flask import Blueprint, request

from dashboard import charts, links
from dashboard.page import Page
from dashboard.site import reading, render
from storage import signers
from storage.filters import SignerFilter

ROWS = 50

PAGE = Page("Signers", Blueprint("signers", __name__), "show")


@PAGE.blueprint.get("/signers")
def show() -> str:
    """Show one page of the list of signers, the newest first."""
    chosen = SignerFilter.from_parameters(request.args.to_dict())
    after = request.args.get("after", "")
    with reading() as connection:
        page = signers.page(connection, chosen, after=after, limit=ROWS)
        parameters = chosen.to_parameters() | {"after": page.next_after}
        return render(
            connection,
            "signers.html",
            chosen=chosen,
            page=page,
            total=signers.count(connection, chosen),
            after=after,
            following=links.with_parameters("signers.show", parameters),
        )


@PAGE.blueprint.get("/signers/<int(max=999999999999999999):signer_id>")
def one(signer_id: int) -> str:
    """Show one signer and its use over time."""
    with reading() as connection:
        found = signers.detail(connection, signer_id)
        return render(
            connection,
            "signer.html",
            found=found,
            use=charts.use_over_time(found.months) if found.months else None,
        )
