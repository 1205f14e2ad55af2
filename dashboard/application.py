"""Wire the dashboard: pages, assets, checks, words. Nothing is decided here."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from pkgutil import resolve_name

from flask import Flask

from core.settings import Settings
from core.text import display
from dashboard import PAGES, answers, assets, charts, downloads, errors, health, links, security
from dashboard.page import Page
from dashboard.site import EXTENSION, Site, now
from dashboard.wording import FILTERS, POLICY_SENTENCES, STATUS_SENTENCES, is_other_verifier
from storage.database import Database
from verification.format import VERIFIER_VERSION

ROOT = Path(__file__).parent.parent


def create_dashboard(
    database: Database, settings: Settings, clock: Callable[[], datetime]
) -> Flask:
    """Return the application; `clock` returns the current time, aware UTC."""
    application = Flask("countersign", template_folder=str(ROOT / "templates"), static_folder=None)
    pages: tuple[Page, ...] = tuple(resolve_name(entry) for entry in PAGES)
    application.extensions[EXTENSION] = Site(
        database, settings, clock, pages, secrets.token_bytes(32)
    )
    # What is registered last is called first: compress before the headers are fixed.
    security.install(application)
    answers.install(application)
    errors.install(application)
    for page in pages:
        application.register_blueprint(page.blueprint)
    for service in (assets.blueprint, downloads.blueprint, health.blueprint):
        application.register_blueprint(service)
    _words(application, pages)
    return application


def _words(application: Flask, pages: tuple[Page, ...]) -> None:
    environment = application.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters.update(FILTERS, display=display)
    environment.tests.update(of_other_verifier=is_other_verifier)
    environment.globals.update(
        artifact_url=links.artifact_url,
        asset=assets.address,
        bar=charts.bar,
        chart_json=charts.as_json,
        count_url=links.count_url,
        form_token=security.form_token,
        list_url=links.list_url,
        navigation=tuple(page for page in pages if page.entry),
        now=now,
        plotly_guards=assets.plotly_guards,
        policy_sentences=POLICY_SENTENCES,
        status_sentences=STATUS_SENTENCES,
        verifier_version=VERIFIER_VERSION,
    )
