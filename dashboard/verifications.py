"""Verifications: the checks behind a number on the trust and signer pages, one by one."""

from __future__ import annotations

from flask import Blueprint, request

from dashboard import links
from dashboard.page import Page
from dashboard.site import reading, render
from storage import verification_list
from storage.filters import VerificationFilter

ROWS = 50

PAGE = Page("Verifications", Blueprint("verifications", __name__))


@PAGE.blueprint.get("/verifications")
def show() -> str:
    """Show one page of the list, the newest first, and how long it is."""
    chosen = VerificationFilter.from_parameters(request.args.to_dict())
    after = request.args.get("after", "")
    parameters = chosen.to_parameters()
    with reading() as connection:
        page = verification_list.page(connection, chosen, after=after, limit=ROWS)
        more = parameters | {"after": page.next_after}
        return render(
            connection,
            "verifications.html",
            chosen=chosen,
            page=page,
            total=verification_list.count(connection, chosen),
            counted=verification_list.COUNTED,
            after=after,
            first=links.with_parameters("verifications.show", parameters),
            following=links.with_parameters("verifications.show", more),
        )
