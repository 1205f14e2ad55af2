"""From settings to standings: the example estate end to end, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.errors import ConflictError
from jobs.estate import Estate
from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.rejudging import follow_policies, follow_time
from jobs.scanning import SourceReport, scan_source
from jobs.workspace import Workspace
from storage import canonical, rollups, schema
from tests.jobs.conftest import NOW, Reopen

HISTORY = ("blob", "evidence_item", "evidence_set", "verification", "finding", "verdict",
           "status_change", "location_past", "location", "artifact", "signer")  # fmt: skip


def scan(workspace: Workspace, stop: Stop | None = None, slot: str | None = None) -> SourceReport:
    with open_executor("threads") as executor:
        return scan_source(workspace, "example", executor, stop or Stop(), slot=slot)


def standings(workspace: Workspace) -> dict[str, tuple[str, str]]:
    with workspace.database.reading() as connection:
        c = schema.location.c
        rows = connection.execute(sa.select(c.name, c.status, c.reason).where(c.gone_at.is_(None)))
        return {row.name: (row.status, row.reason) for row in rows}


def counts(workspace: Workspace) -> dict[str, int]:
    with workspace.database.reading() as connection:
        tables = schema.metadata.tables
        return {
            name: connection.execute(
                sa.select(sa.func.count()).select_from(tables[name])
            ).scalar_one()
            for name in HISTORY
        }


def dump(workspace: Workspace) -> list[str]:
    with workspace.database.reading() as connection:
        assert rollups.differences(connection) == []
        return list(canonical.lines(connection))


def files(workspace: Workspace) -> Path:
    return workspace.file.folder / "example" / "releases"


def test_each_planted_case_has_the_status_and_reason_it_was_planted_for(
    workspace: Workspace, estate: Estate
) -> None:
    report = scan(workspace)
    found = standings(workspace)
    assert {case.path: (case.status, case.reason) for case in estate.cases} == found
    assert report.scan.state == "complete"
    assert report.numbers.artifacts == len(estate.cases)


def test_unchanged_rescan_writes_nothing(workspace: Workspace) -> None:
    scan(workspace)
    before, text = counts(workspace), dump(workspace)
    again = scan(workspace)
    assert again.scan.counts.rows_written == 0
    assert counts(workspace) == before
    assert dump(workspace) == text


def test_changed_file_writes_only_its_own_rows(workspace: Workspace) -> None:
    scan(workspace)
    changed = files(workspace) / "unsigned" / "echo-1.0.tar.gz"
    changed.write_bytes(changed.read_bytes() + b"more")
    report = scan(workspace)
    assert 0 < report.scan.counts.rows_written < 8
    with workspace.database.reading() as connection:
        past = connection.execute(sa.select(schema.location_past)).all()
    assert len(past) == 1


def test_removed_file_is_gone_and_comes_back(workspace: Workspace) -> None:
    scan(workspace)
    place = files(workspace) / "unsigned" / "echo-1.0.tar.gz"
    content = place.read_bytes()
    place.unlink()
    scan(workspace)
    assert "unsigned/echo-1.0.tar.gz" not in standings(workspace)
    dump(workspace)
    place.write_bytes(content)
    scan(workspace)
    assert standings(workspace)["unsigned/echo-1.0.tar.gz"][0] == "unsigned"
    dump(workspace)


def test_removed_folder_takes_everything_in_it(workspace: Workspace) -> None:
    scan(workspace)
    for place in (files(workspace) / "unsigned").iterdir():
        place.unlink()
    (files(workspace) / "unsigned").rmdir()
    scan(workspace)
    assert not any(name.startswith("unsigned/") for name in standings(workspace))
    dump(workspace)


def test_altered_signature_moves_its_artifact_to_failed_and_history_says_so(
    workspace: Workspace,
) -> None:
    scan(workspace)
    name = "keys/beacon-ec.tar.gz"
    artifact = files(workspace) / name
    artifact.write_bytes(artifact.read_bytes() + b"x")
    scan(workspace)
    assert standings(workspace)[name] == ("failed", "SIGNATURE_INVALID")
    with workspace.database.reading() as connection:
        change = connection.execute(sa.select(schema.status_change)).one()
    assert (change.from_status, change.to_status) == ("verified", "failed")
    dump(workspace)


def test_key_taken_from_trust_verifies_nothing_any_more(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace)
    settings = workspace.file.path
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join(one for one in lines if one.strip() != "- example-ec") + "\n")
    scan(reopen(settings, NOW + timedelta(hours=1)))
    assert standings(workspace)["keys/beacon-ec.tar.gz"] == ("failed", "SIGNATURE_INVALID")
    dump(workspace)


def test_changed_policy_judges_anew_without_reading_the_source(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace)
    policies = workspace.file.folder / "policies"
    for one in policies.glob("*.yaml"):
        one.unlink()
    reopened = reopen(workspace.file.path, NOW)
    assert follow_policies(reopened) > 0
    with workspace.database.reading() as connection:
        found = connection.execute(sa.select(schema.location.c.policy_status).distinct()).scalars()
        assert list(found) == ["ungoverned"]
        assert connection.execute(sa.select(schema.finding)).first() is None
    assert follow_policies(reopened) == 0
    dump(workspace)


def test_time_alone_ends_a_certificate(workspace: Workspace) -> None:
    scan(workspace)
    with workspace.database.reading() as connection:
        due = connection.execute(sa.select(sa.func.min(schema.evidence_set.c.due_at))).scalar_one()
    name = "certificates/compass-2.0.tar.gz"
    assert standings(workspace)[name][0] == "verified"
    at_due = replace_clock(
        workspace, schema.from_microseconds(due) if isinstance(due, int) else due
    )
    assert follow_time(at_due) > 0
    assert standings(workspace)[name] == ("failed", "CERT_EXPIRED_AT_SIGNING")
    assert follow_time(at_due) == 0
    dump(workspace)


def replace_clock(workspace: Workspace, now: Any) -> Workspace:
    return replace(workspace, clock=lambda: now)


def test_excluded_files_leave_the_denominator_and_stay_listed(
    workspace: Workspace, reopen: Reopen
) -> None:
    rule = 'exclude: [{match: {file_tree: {name: "unsigned/**"}}, reason: scratch, owner: me}]\n'
    workspace.file.path.write_text(workspace.file.path.read_text() + rule)
    reopened = reopen(workspace.file.path, NOW)
    report = scan(reopened)
    assert report.numbers.unsigned == 2
    with workspace.database.reading() as connection:
        c = schema.location.c
        names = connection.execute(sa.select(c.name).where(c.exclusion_id.is_not(None))).scalars()
        assert list(names) == ["unsigned/echo-1.0.tar.gz"]
    dump(workspace)


def test_one_scan_at_a_time_per_source(workspace: Workspace) -> None:
    with workspace.database.lock("scan-example"), pytest.raises(ConflictError):
        scan(workspace)


def test_a_slot_is_answered_once(workspace: Workspace) -> None:
    scan(workspace, slot="3600s:1")
    with pytest.raises(ConflictError):
        scan(workspace, slot="3600s:1")
    scan(workspace, slot="3600s:2")


def test_cancelled_scan_keeps_what_stood(workspace: Workspace) -> None:
    scan(workspace)
    before = standings(workspace)
    stop = Stop()
    stop.event.set()
    assert scan(workspace, stop).scan.state == "cancelled"
    assert standings(workspace) == before


def test_rebuilt_rollups_are_the_maintained_ones(workspace: Workspace) -> None:
    scan(workspace)
    text = dump(workspace)
    with workspace.database.writing() as connection:
        rollups.rebuild(connection, NOW)
    assert dump(workspace) == text


def test_key_whose_window_opens_verifies_from_then_on(workspace: Workspace, reopen: Reopen) -> None:
    settings = workspace.file.path
    text = settings.read_text()
    entry = "file: example/trust/ec.pem"
    settings.write_text(text.replace(entry, entry + "\n      valid: {from: 2026-11-24}"))
    early, name = reopen(settings, NOW), "keys/beacon-ec.tar.gz"
    scan(early)
    assert standings(workspace)[name][0] == "failed"
    late = reopen(settings, NOW + timedelta(days=1))
    follow_time(late)
    scan(late)
    assert standings(workspace)[name] == ("verified", "")
    dump(workspace)
