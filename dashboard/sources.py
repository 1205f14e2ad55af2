"""Sources: what is read, how well that goes, and the two things one may ask of a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request, url_for

from core.errors import MalformedError
from core.reasons import REASONS
from dashboard.page import Page
from dashboard.site import now, reading, render, site
from dashboard.wording import is_other_verifier
from storage import coverage, requests, sources, unit_findings
from storage.filters import ArtifactFilter
from storage.scope import source_names
from storage.views.sources import ScanRow, SourceHealth

STATES: dict[str, Callable[[SourceHealth], bool]] = {
    "never_read": lambda one: one.read_at is None,
    "stale": lambda one: one.stale,
    "troubled": lambda one: bool(one.reason),
    "other_verifier": lambda one: one.read_at is not None and is_other_verifier(one.verifier),
    "running": lambda one: one.running is not None,
}

ROWS = 50
FINDINGS = 10

PAGE = Page("Sources", Blueprint("sources", __name__), "show")


@PAGE.blueprint.get("/sources")
def show() -> str:
    """Show the health of all sources, or of the configured ones in one state."""
    state = request.args.get("state", "")
    if state and state not in STATES:
        raise MalformedError(f"state is one of {', '.join(STATES)}")
    within = coverage.source_part(ArtifactFilter.from_parameters(_without_state()))
    with reading() as connection:
        found = tuple(one for one in sources.health(connection, now()) if _lies_in(one, within))
        if state:
            found = tuple(one for one in found if one.configured and STATES[state](one))
        stamp = sources.stamp(connection)
        return render(connection, "sources.html", found=found, state=state, stamp=stamp)


@PAGE.blueprint.get("/sources/progress.json")
def progress() -> Response:
    """Return what runs now, for the pages that watch it."""
    with reading() as connection:
        running = [_progress(scan) for scan in sources.running(connection)]
        return jsonify(scans=running, stamp=sources.stamp(connection))


@PAGE.blueprint.get("/sources/<name>")
def one(name: str) -> str:
    """Show one source with its units and scans."""
    with reading() as connection:
        found = sources.detail(connection, name, now())
        chosen, names = ArtifactFilter(source=name), source_names(connection)
        return render(
            connection,
            "source.html",
            found=found,
            stamp=sources.stamp(connection),
            findings=unit_findings.page(connection, chosen, limit=FINDINGS, names=names),
            findings_total=unit_findings.count(connection, chosen, names=names),
            reasons=REASONS,
        )


@PAGE.blueprint.get("/sources/<name>/units")
def units(name: str) -> str:
    """Show the units of one source, page by page: all that are not gone, or those in trouble."""
    state, after = request.args.get("state", ""), request.args.get("after", "")
    if state not in ("", "troubled"):
        raise MalformedError("state is troubled, or left out")
    with reading() as connection:
        page = sources.unit_page(connection, name, troubled=bool(state), after=after, limit=ROWS)
        return render(
            connection,
            "units.html",
            name=name,
            state=state,
            page=page,
            after=after,
            first=url_for("sources.units", name=name, state=state or None),
            following=url_for(
                "sources.units", name=name, state=state or None, after=page.next_after
            ),
        )


@PAGE.blueprint.post("/sources/<name>/scan")
def scan(name: str) -> Any:
    """Ask the scheduler for a scan."""
    with site().database.writing() as connection:
        requests.request_scan(connection, name, now())
    return redirect(url_for("sources.one", name=name), 303)


@PAGE.blueprint.post("/sources/<name>/cancel")
def cancel(name: str) -> Any:
    """Ask the running scan to stop."""
    with site().database.writing() as connection:
        requests.request_cancel(connection, name, now())
    return redirect(url_for("sources.one", name=name), 303)


def _without_state() -> dict[str, str]:
    return {name: text for name, text in request.args.to_dict().items() if name != "state"}


def _lies_in(one: SourceHealth, within: ArtifactFilter) -> bool:
    asked = ((within.source, one.name), (within.owner, one.owner), (within.kind, one.kind))
    return all(not wanted or wanted == found for wanted, found in asked)


def _progress(scan: ScanRow) -> dict[str, object]:
    return {
        "id": scan.id,
        "source": scan.source,
        "units_done": scan.units_done,
        "units_total": scan.units_total,
        "sightings": scan.sightings,
        "requests": scan.requests,
        "cancelling": scan.cancel_at is not None,
    }
