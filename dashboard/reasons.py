"""Reasons: what each code means, why it happens, and how to mend it."""

from __future__ import annotations

from flask import Blueprint

from core.errors import NotFoundError
from core.reasons import REASONS
from dashboard.page import Page
from dashboard.site import reading, render
from storage import failures, unit_findings
from storage.filters import ArtifactFilter

PAGE = Page("Reasons", Blueprint("reasons", __name__), "show")


@PAGE.blueprint.get("/reasons")
def show() -> str:
    """Show all codes, by what they are about."""
    by_category: dict[str, list[object]] = {}
    for code in sorted(REASONS):
        by_category.setdefault(REASONS[code].category, []).append(REASONS[code])
    with reading() as connection:
        return render(connection, "reasons.html", categories=sorted(by_category.items()))


@PAGE.blueprint.get("/reasons/<code>")
def one(code: str) -> str:
    """Show one code, and what carries it now."""
    reason = REASONS.get(code)
    if reason is None:
        raise NotFoundError(f"there is no reason code {code[:60]!r}")
    with reading() as connection:
        found = failures.failures(connection, ArtifactFilter())
        return render(
            connection,
            "reason.html",
            reason=reason,
            groups=[group for group in found.reasons if group.reason == code],
            weak=[group for group in unit_findings.groups(connection) if group.reason == code],
            objections=[group for group in found.requirements if group.reason == code],
        )
