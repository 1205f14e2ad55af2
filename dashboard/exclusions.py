"""Exclusions: what is left out of coverage, by which rule, and on whose word."""

from __future__ import annotations

from flask import Blueprint

from dashboard.page import Page
from dashboard.site import reading, render
from storage import exclusions

PAGE = Page("Exclusions", Blueprint("exclusions", __name__), "show")


@PAGE.blueprint.get("/exclusions")
def show() -> str:
    """Show every rule that is in force or still keeps something out."""
    with reading() as connection:
        return render(connection, "exclusions.html", rules=exclusions.rules(connection))
