"""A collector that finds its trust by itself tells of it first, else nothing it says is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from collectors.collector import Memory
from collectors.file_tree import FileTreeCollector
from core.model import Accepts, Discovery, EvidenceSet, Trust, TrustEntry, TrustKind, UnitEnd
from jobs.workspace import Workspace
from storage import schema
from tests.jobs import one_database
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW, Make, Reopen

database_url = one_database.database_url
TOLD = "tell what the unit accepts (Accepts) before anything else"


def with_trust(monkeypatch: pytest.MonkeyPatch, trust: Trust, told: list[Trust], at: int) -> None:
    """Let every set of the collector come with trust of its own, told of before discovery `at`."""
    real = FileTreeCollector.collect

    def collect(self: FileTreeCollector, unit: str, memory: Memory) -> Iterator[Discovery]:
        for number, one in enumerate(real(self, unit, memory)):
            if number == at:
                yield from map(Accepts, told)
            if isinstance(one, UnitEnd):  # nothing is remembered: each scan reads it all
                yield UnitEnd()
            else:
                yield replace(one, trust=trust, state="") if isinstance(one, EvidenceSet) else one

    monkeypatch.setattr(FileTreeCollector, "collect", collect)


def own_trust(workspace: Workspace) -> Trust:
    return Trust(tuple(entry for entries in workspace.trust.values() for entry in entries))


def count(workspace: Workspace, table: sa.Table) -> int:
    with workspace.database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_trust_that_is_told_of_first_changes_nothing_from_scan_to_scan(
    make_workspace: Make, database_url: str, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_workspace(database_url)
    trust = own_trust(reopen(path, NOW))
    with_trust(monkeypatch, trust, [trust], 0)
    for hour in range(3):
        workspace = reopen(path, NOW + timedelta(hours=hour))
        assert scan(workspace, "example").scan.state == "complete"
        assert count(workspace, schema.status_change) == 0
    assert count(workspace, schema.location) > 0


def other() -> Trust:
    return Trust((TrustEntry("other", TrustKind.KEY, b"another", "elsewhere"),))


@pytest.mark.parametrize(("told", "at"), [("nothing", 0), ("another", 0), ("late", 1)], ids=str)
def test_trust_that_was_not_told_of_first_is_refused_whole(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, told: str, at: int
) -> None:
    trust = own_trust(workspace)
    accepts = {"nothing": [], "another": [other()], "late": [trust]}[told]
    with_trust(monkeypatch, trust, accepts, at)
    report = scan(workspace, "example")
    assert report.scan.state == "failed"
    for error in report.scan.counts.errors:
        assert (error.reason, TOLD in error.detail) == ("SCAN_INCOMPLETE", True)
    assert count(workspace, schema.location) == 0
    assert count(workspace, schema.evidence_set) == 0
