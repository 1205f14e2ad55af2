"""Trust: everything that may vouch, where it came from, and what hangs on it."""

from __future__ import annotations

from flask import Blueprint, request

from dashboard import links
from dashboard.page import Page
from dashboard.site import reading, render
from storage import sources, trust

ROWS = 50

PAGE = Page("Trust", Blueprint("trust", __name__), "show")


@PAGE.blueprint.get("/trust")
def show() -> str:
    """Show the entries that one source or any source accepts, page by page."""
    source, after = request.args.get("source", ""), request.args.get("after", "")
    with reading() as connection:
        page = trust.page(connection, source=source, after=after, limit=ROWS)
        parameters = ({"source": source} if source else {}) | {"after": page.next_after}
        return render(
            connection,
            "trust.html",
            page=page,
            unread=[one for one in sources.never_read(connection) if source in ("", one)],
            source=source,
            after=after,
            following=links.with_parameters("trust.show", parameters),
        )
