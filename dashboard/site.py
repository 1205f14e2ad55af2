"""What every view needs: the database, the settings and the time, held by the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from flask import current_app, g, render_template

from core.settings import Settings
from dashboard.page import Page
from storage import mistakes, sources
from storage.database import Connection, Database

EXTENSION = "countersign"


@dataclass(frozen=True, slots=True)
class Site:
    """One dashboard. `secret` lives as long as the process: it binds tokens to it."""

    database: Database
    settings: Settings
    clock: Callable[[], datetime]
    pages: tuple[Page, ...]
    secret: bytes


def site() -> Site:
    """Return the dashboard that answers this request."""
    found: Site = current_app.extensions[EXTENSION]
    return found


def now() -> datetime:
    """Return the time, the same one all through a request."""
    if "now" not in g:
        g.now = site().clock()
    instant: datetime = g.now
    return instant


@contextmanager
def reading() -> Iterator[Connection]:
    """Open the one snapshot that all numbers of a page come from."""
    with site().database.reading() as connection:
        yield connection


def render(connection: Connection, template: str, **context: object) -> str:
    """Render a page together with the strips: mistakes in the settings, health of the sources."""
    strip = sources.summary(connection, now())
    scans = sources.running(connection) if strip.running else ()
    mistake = mistakes.current(connection)
    return render_template(template, strip=strip, scans=scans, mistake=mistake, **context)
