"""Changes: what became different since yesterday, since last week, or since a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, request

from core.errors import MalformedError
from dashboard.page import Page
from dashboard.site import now, reading, render
from storage import artifact_list, changes
from storage.filters import Change, read_instant
from storage.scope import source_names

ROWS = 10
PERIODS = {"yesterday": timedelta(days=1), "last week": timedelta(days=7)}
WORDS = {
    Change.NEWLY_FAILED: "Newly failing",
    Change.NEWLY_UNSIGNED: "Newly unsigned",
    Change.NEWLY_UNKNOWN: "Newly unknown",
    Change.NEWLY_VERIFIED: "Newly verified",
    Change.NEW: "New",
    Change.GONE: "Gone",
}

PAGE = Page("Changes", Blueprint("changes", __name__), "show")


@PAGE.blueprint.get("/changes")
def show() -> str:
    """Show the numbers since an instant, and the beginning of each list."""
    since = _since(request.args.get("since", ""))
    with reading() as connection:
        names = source_names(connection)
        found = changes.changes(connection, since, names=names)
        shown = [change for change in WORDS if found.counts[change].number]
        filters = [found.counts[change].filter for change in shown]
        return render(
            connection,
            "changes.html",
            found=found,
            words=WORDS,
            periods={
                name: _whole_minute(now() - length).isoformat().replace("+00:00", "Z")
                for name, length in PERIODS.items()
            },
            lists=dict(
                zip(
                    shown,
                    artifact_list.beginnings(connection, filters, limit=ROWS, names=names),
                    strict=True,
                )
            ),
        )


def _since(text: str) -> datetime:
    if not text:
        return _whole_minute(now() - PERIODS["yesterday"])
    try:
        return read_instant(text)
    except ValueError:
        raise MalformedError(f"since: {text[:40]!r} is not a date such as 2026-01-31") from None


def _whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
