"""Weak options of a machine's apt sources are findings: kept, counted, shown, never honoured."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from core.settings import Settings
from dashboard.application import create_dashboard
from jobs.rejudging import follow_everything
from jobs.workspace import Workspace
from storage import migrate, schema
from storage.database import Database
from tests.fakes.apt_archive import AptArchive
from tests.fakes.static_server import StaticServer, static_server
from tests.jobs import one_database
from tests.jobs.apt_workspace import LIST, Keys, packages, scan, standings
from tests.jobs.conftest import NOW, Reopen

BASE = "http://127.0.0.1:8600"
keys = one_database.keys
EXPECTED = {
    ("SOURCE_OPTION_WEAK", "weak", "trusted=yes"),
    ("SOURCE_OPTION_WEAK", "weak", "allow-weak=yes"),
    ("SOURCE_OPTION_WEAK", "weak", "check-valid-until=no"),
    ("SIGNED_BY_UNUSABLE", "missing", "/usr/share/keyrings/absent.gpg: no such file"),
    ("SIGNED_BY_UNUSABLE", "odd", "archive"),
    ("SIGNED_BY_MISSING", "shared", "no Signed-By: every key this machine trusts may sign"),
    ("SOURCE_PACKAGES_UNSEEN", "good", "deb-src"),
    ("SOURCE_PACKAGES_UNSEEN", "source-only", "deb-src"),
}
SUITES = ("good", "weak", "missing", "odd", "shared")


@dataclass
class Machine:
    """A machine's root folder, the archive its sources name, and a workspace over both."""

    root: Path
    server: StaticServer
    workspace: Workspace
    reopen: Reopen

    def write(self, *lines: str) -> None:
        """Write the machine's sources; `URL` stands for the archive."""
        text = "".join(f"{line}\n" for line in lines).replace("URL", self.server.url)
        (self.root / "etc/apt/sources.list").write_text(text)

    def later(self, minutes: int) -> None:
        """Open the settings again, that much later."""
        self.workspace = self.reopen(self.workspace.file.path, NOW + timedelta(minutes=minutes))

    def findings(self) -> set[tuple[str, str, str]]:
        """Return code, suite and what was found of every row that is kept."""
        c, u = schema.unit_finding.c, schema.unit.c
        statement = sa.select(c.reason, u.name, c.found, c.detail, c.expected).join(
            schema.unit, u.id == c.unit_id
        )
        with self.workspace.database.reading() as connection:
            rows = connection.execute(statement).all()
        assert all(row.detail and row.expected for row in rows)
        assert all("/etc/apt/sources.list:" in row.detail for row in rows)
        return {(row.reason, row.name.rpartition(" ")[2], row.found) for row in rows}

    def client(self) -> FlaskClient:
        """Return a browser of the dashboard over the workspace's database."""
        application = create_dashboard(self.workspace.database, Settings(), lambda: NOW)
        return application.test_client()


@pytest.fixture
def machine(tmp_path: Path, keys: Keys, database_url: str, reopen: Reopen) -> Iterator[Machine]:
    root, folder = tmp_path / "root", tmp_path / "archive"
    for path in ("etc/apt/trusted.gpg.d", "usr/share/keyrings", "var/lib/dpkg"):
        (root / path).mkdir(parents=True)
    (root / "var/lib/dpkg/arch").write_text("amd64\n")
    (root / "usr/share/keyrings/own.gpg").write_bytes(keys.good.export())
    (root / "etc/apt/trusted.gpg.d/all.gpg").write_bytes(keys.good.export())
    folder.mkdir()
    archive = AptArchive(folder, keys.good)
    for suite in SUITES:
        archive.write(suite, {LIST: packages(2, suite)}, suffixes=(".xz",))
    settings = tmp_path / "countersign.yaml"
    settings.write_text(
        f"database: {database_url}\n"
        "limits: {attempts: 1, connect_seconds: 2, read_seconds: 2}\n"
        f"sources: [{{id: apt, kind: apt, from: machine, root: '{root}'}}]\n"
    )
    database = Database.open(database_url)
    migrate.upgrade(database)
    database.close()
    with static_server(folder) as server:
        made = Machine(root, server, reopen(settings, NOW), reopen)
        made.write(
            "deb [signed-by=/usr/share/keyrings/own.gpg] URL good main",
            "deb-src [signed-by=/usr/share/keyrings/own.gpg] URL good main",
            "deb [trusted=yes allow-weak=yes check-valid-until=no"
            " signed-by=/usr/share/keyrings/own.gpg] URL weak main",
            "deb [signed-by=/usr/share/keyrings/absent.gpg] URL missing main",
            "deb [signed-by=archive] URL odd main",
            "deb URL shared main",
            "deb-src URL source-only main",
        )
        yield made


def test_weak_options_are_kept_counted_shown_and_downloaded(machine: Machine) -> None:
    assert scan(machine.workspace).scan.state == "complete"
    assert machine.findings() == EXPECTED
    client = machine.client()
    source = html.unescape(client.get("/sources/apt", base_url=BASE).text)
    whole = html.unescape(client.get("/findings", base_url=BASE).text)
    failures = client.get("/failures", base_url=BASE).text
    for text in (source, whole):
        assert text.count(">SOURCE_OPTION_WEAK</a>") == 3
        assert all(found in text for _, _, found in EXPECTED)
        assert "Take the option out of the entry" in text  # what to do about it
    assert f'data-total="{len(EXPECTED)}"' in whole
    for reason, number in (("SOURCE_OPTION_WEAK", 3), ("SIGNED_BY_UNUSABLE", 2)):
        assert f'href="/findings?reason={reason}" data-count="{number}"' in failures
        listed = client.get(f"/findings?reason={reason}", base_url=BASE).text
        assert listed.count("<tr data-row>") == number
    document = json.loads(client.get("/findings.json", base_url=BASE).text)
    rows = list(csv.DictReader(io.StringIO(client.get("/findings.csv", base_url=BASE).text)))
    assert len(rows) == len(document["findings"]) == len(EXPECTED)
    assert {(one["reason"], one["found"]) for one in document["findings"]} == {
        (reason, found) for reason, _, found in EXPECTED
    }


def test_no_weak_option_is_honoured(machine: Machine) -> None:
    scan(machine.workspace)
    assert standings(machine.workspace) == {
        ("verified", ""): 6,  # good, weak, shared: signed by a key each of them accepts
        ("unknown", "TRUST_ROOT_MISSING"): 4,  # missing and odd: what they accept cannot be read
    }


def test_findings_stay_while_they_hold_and_go_when_they_are_mended(machine: Machine) -> None:
    scan(machine.workspace)
    since = sa.select(sa.func.min(schema.unit_finding.c.since_at)).select_from(schema.unit_finding)
    machine.later(5)
    report = scan(machine.workspace)
    assert report.scan.counts.rows_written == 0
    assert machine.findings() == EXPECTED
    with machine.workspace.database.reading() as connection:
        assert connection.execute(since).scalar_one() == NOW
    machine.write("deb [signed-by=/usr/share/keyrings/own.gpg] URL weak main")
    machine.later(10)
    scan(machine.workspace)
    assert machine.findings() == set()
    text = machine.client().get("/failures", base_url=BASE).text
    assert "In the sources themselves" not in text


def test_findings_of_a_source_that_was_removed_do_not_come_back_with_it(machine: Machine) -> None:
    machine.write("deb [trusted=yes signed-by=/usr/share/keyrings/own.gpg] URL weak main")
    scan(machine.workspace)
    settings = machine.workspace.file.path
    text = settings.read_text()
    settings.write_text(text.partition("sources:")[0])
    machine.later(5)
    follow_everything(machine.workspace)
    assert machine.findings() == set()
    machine.write("deb [signed-by=/usr/share/keyrings/own.gpg] URL good main")
    settings.write_text(text)
    machine.later(10)
    assert scan(machine.workspace).scan.state == "complete"
    assert machine.findings() == set()


def test_weak_option_is_told_though_the_archive_does_not_answer(machine: Machine) -> None:
    machine.write("deb [trusted=yes signed-by=/usr/share/keyrings/own.gpg] URL gone main")
    assert scan(machine.workspace).scan.state == "failed"
    assert machine.findings() == {("SOURCE_OPTION_WEAK", "gone", "trusted=yes")}
