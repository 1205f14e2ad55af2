"""Dashboards over seeded databases: nothing in it, little, much, and names meant to do harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from pkgutil import resolve_name

import pytest
import sqlalchemy as sa
from flask import Flask, url_for
from flask.testing import FlaskClient

from core.model import Check, CheckOutcome, Statement, Subject
from core.settings import Settings
from dashboard import PAGES
from dashboard.application import create_dashboard
from storage import mistakes, schema, search
from storage.database import Database
from storage.documents import dump_verification, load_verification
from tests.fakes import seed

BASE = "http://127.0.0.1:8600"
HARM = "<script>alert(1)</script>\u202e\x1b[31m'\"&"
HARMED = (
    (schema.location, "name"),
    (schema.location, "version"),
    (schema.location, "repository"),
    (schema.signer, "identity"),
    (schema.signer, "issuer"),
    (schema.source, "address"),
    (schema.source, "detail"),
    (schema.unit, "detail"),
    (schema.unit_finding, "detail"),
    (schema.unit_finding, "found"),
    (schema.finding_text, "found"),
    (schema.finding_text, "solution"),
    (schema.policy, "title"),
    (schema.requirement, "title"),
    (schema.exclusion, "reason"),
    (schema.exclusion, "owner"),
    (schema.credential, "identity"),
    (schema.source_trust, "origin"),
    (schema.evidence_item, "origin"),
    (schema.evidence_item, "subject"),
    (schema.unit, "name"),
)
HARMED_JSON = (
    (schema.scan, "errors", [[HARM, "SOURCE_DENIED", HARM]]),
    (schema.source_trust, "flags", [HARM]),
    (schema.trust_entry, "only", [HARM]),
    (schema.evidence_item, "through", [[HARM, HARM, f"sha256:{'a' * 64}"]]),
    (schema.evidence_set, "looked", [HARM]),
    (schema.evidence_set, "unread", [["TOO_LARGE", HARM]]),
)


@dataclass(frozen=True)
class Site:
    """A dashboard, its database, and an ordinary browser."""

    application: Flask
    database: Database

    def client(self) -> FlaskClient:
        return self.application.test_client()

    def text(self, address: str, status: int = 200) -> str:
        answer = self.client().get(address, base_url=BASE)
        assert answer.status_code == status, (address, answer.text[:2000])
        return answer.text


def site_at(path: Path, locations: int | None) -> Site:
    database = Database.open(f"sqlite:///{path}")
    with database.writing() as connection:
        if locations is None:
            schema.metadata.create_all(connection)
            search.create(connection)
        else:
            seed.fill(connection, locations)
    application = create_dashboard(database, Settings(), lambda: seed.NOW)
    return Site(application, database)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = site_at(tmp_path_factory.mktemp("empty") / "c.db", None)
    yield site
    site.database.close()


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = site_at(tmp_path_factory.mktemp("little") / "c.db", 60)
    yield site
    site.database.close()


@pytest.fixture(scope="session")
def much(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = site_at(tmp_path_factory.mktemp("much") / "c.db", 1200)
    yield site
    site.database.close()


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = site_at(tmp_path_factory.mktemp("hostile") / "c.db", 60)
    with site.database.writing() as connection:
        for table, column in HARMED:
            key: sa.ColumnElement[str] = sa.literal("")
            if column in {"name", "repository", "version"}:  # stay unique
                key = sa.cast(table.c.id, sa.String)
            connection.execute(table.update().values({column: sa.literal(HARM) + key}))
        for table, column, value in HARMED_JSON:
            connection.execute(table.update().values({column: json.dumps(value)}))
        _harm_verifications(connection)
        mistakes.note(connection, HARM, halts=True, now=seed.NOW)
    yield site
    site.database.close()


def _harm_verifications(connection: sa.Connection) -> None:
    c = schema.verification.c
    for row in connection.execute(sa.select(c.id, c.document)).all():
        harmed = replace(
            load_verification(row.document),
            detail=HARM, expected=HARM, found=HARM, time_source=HARM, claims={HARM: HARM},
            checks=(Check(HARM, CheckOutcome.PASSED, HARM, "", HARM),),
            statement=Statement(HARM, (Subject(HARM, ()),), {}),
        )  # fmt: skip
        document = dump_verification(harmed)
        connection.execute(
            schema.verification.update().where(c.id == row.id).values(document=document)
        )


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Site]:
    """One that a test may write to."""
    site = site_at(tmp_path / "c.db", 60)
    yield site
    site.database.close()


class Page(HTMLParser):
    """What tests ask of a page: its numbers, links and headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.numbers: list[tuple[str, int, str]] = []  # address, number, what kind of list
        self.links: list[str] = []
        self.totals: list[int] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if "data-count" in found:
            self.numbers.append(
                (found["href"], int(found["data-count"]), found.get("data-list", ""))
            )
        if "data-total" in found:
            self.totals.append(int(found["data-total"]))


def addresses(site: Site) -> list[str]:
    """Return every page of a dashboard: the bar's, filtered ones, of each detail page some."""
    with site.application.test_request_context(base_url=BASE):
        found = [url_for(page.endpoint) for page in map(resolve_name, PAGES) if page.entry]
    found += [
        "/?owner=web", "/failures?status=unknown&kind=oci", "/artifacts?contested=yes",
        "/artifacts?change=gone&since=2026-10-01", "/sources?state=stale",
        "/sources?state=other_verifier",
        "/changes?since=2026-10-01", "/reasons/KEY_EXPIRED", "/search?q=lib",
        "/findings", "/reasons/SOURCE_OPTION_WEAK", "/verifications",
        "/failures?source=registry", "/trust?source=debian",
    ]  # fmt: skip
    for listing, start, most in (
        ("/artifacts", "/artifacts/", 4),
        ("/artifacts?status=unsigned", "/artifacts/", 1),
        ("/artifacts?status=unknown", "/artifacts/", 1),
        ("/artifacts?contested=yes", "/artifacts/", 1),
        ("/signers", "/signers/", 2),
        ("/sources", "/sources/", 4),
    ):
        links = [one for one in Page(site.text(listing)).links if one.startswith(start)]
        found += list(dict.fromkeys(links))[:most]
    found += [one + "/units" for one in found if one.startswith("/sources/")]
    return list(dict.fromkeys(found))
