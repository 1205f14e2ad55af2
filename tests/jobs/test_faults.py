"""What goes wrong around a scan is said where people look, and stops nothing else."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ruamel.yaml import YAML
from sqlalchemy import event

import jobs.pipeline
import jobs.reading
from collectors.collector import Memory
from collectors.file_tree import FileTreeCollector
from core.model import Discovery
from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.rejudging import follow_everything
from jobs.scanning import scan_source
from jobs.scheduler import Scheduler
from jobs.workspace import Workspace
from jobs.writing import UnitWriter
from storage import exclusions, requests, rollups, scans, schema
from storage.coverage import coverage
from storage.memory import UnitMemory
from tests.fakes.static_server import static_server
from tests.jobs import one_database
from tests.jobs.apt_workspace import (
    FIRST,
    LATER,
    LIST,
    AptScene,
    packages,
    scan,
)
from tests.jobs.conftest import NOW, Make, Reopen
from tests.jobs.driving import Driver, driving

both, database_url = one_database.both, one_database.database_url
keys, apt = one_database.keys, one_database.apt
BEACON, COMPASS = "keys/beacon-ec.tar.gz", "certificates/compass-2.0.tar.gz"
PATIENCE = 60


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    with driving() as made:
        yield made


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait until it holds, at most PATIENCE seconds; say whether it does."""
    pause, end = threading.Event(), time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            return False
        pause.wait(0.05)
    return True


def rows(workspace: Workspace, statement: sa.Select[Any]) -> list[Any]:
    with workspace.database.reading() as connection:
        assert rollups.differences(connection) == []
        return list(connection.execute(statement))


def standing(workspace: Workspace, name: str, source: str = "example") -> tuple[str, str]:
    c = schema.location.c
    chosen = sa.select(c.status, c.reason).join(schema.source, schema.source.c.id == c.source_id)
    found = rows(workspace, chosen.where(c.name == name, schema.source.c.name == source))
    return found[0].status, found[0].reason


def troubles(workspace: Workspace, name: str = "example") -> tuple[str, str]:
    c = schema.source.c
    found = rows(workspace, sa.select(c.reason, c.detail).where(c.name == name))
    return found[0].reason, found[0].detail


def add_source(settings: Path, **fields: object) -> None:
    """Add a source like the first one, these fields apart."""
    yaml = YAML(typ="safe")
    written = yaml.load(settings)
    first = written["sources"][0]
    like = {} if "kind" in fields else {**first, "trust": list(first["trust"])}
    written["sources"].append(like | fields)
    yaml.dump(written, settings)


# --- due runs and requests ---------------------------------------------------------------------


@both
def test_due_run_that_was_killed_is_run_again(workspace: Workspace, driver: Driver) -> None:
    killed = driver.scan(workspace.file.path, "example", NOW, die_at=40, slot="3600s:1")
    assert killed.state == "killed"
    with open_executor("threads") as executor:
        report = scan_source(workspace, "example", executor, Stop(), slot="3600s:1")
    assert report.scan.state == "complete"
    c = schema.scan.c
    found = rows(workspace, sa.select(c.state, c.slot, c.finished_at).order_by(c.id))
    assert [tuple(row) for row in found] == [
        ("abandoned", None, NOW),
        ("complete", "3600s:1", NOW),
    ]


@contextmanager
def led(workspace: Workspace) -> Iterator[None]:
    """Run a scheduler for the length of the block."""
    stop = Stop()
    leading = threading.Thread(target=Scheduler(workspace, stop).run)
    leading.start()
    try:
        yield
    finally:
        stop.event.set()
        leading.join(PATIENCE)


def ask(workspace: Workspace, name: str) -> None:
    with workspace.database.writing() as connection:
        requests.request_scan(connection, name, NOW)


def is_taken(workspace: Workspace) -> bool:
    with workspace.database.reading() as connection:
        return scans.open_requests(connection) == []


def test_request_for_a_source_that_cannot_be_prepared_is_taken_once_and_its_reason_shown(
    make_workspace: Make, database_url: str, reopen: Reopen
) -> None:
    settings = make_workspace(database_url)
    registry = {"kind": "oci", "url": "https://registry.invalid", "username": "u"}
    add_source(settings, id="broken", **registry, password={"file": "no-such-file"})
    workspace = reopen(settings, NOW)
    ask(workspace, "broken")
    with led(reopen(settings, NOW)):
        assert eventually(lambda: troubles(workspace, "broken")[0] != "")
        assert eventually(lambda: is_taken(workspace))
        # The others go on. Asked before its first scan began, that one would be the answer.
        assert eventually(lambda: len(ended(workspace, "example")) == 1)
        ask(workspace, "example")
        assert eventually(lambda: len(ended(workspace, "example")) == 2)
    reason, detail = troubles(workspace, "broken")
    assert reason == "SCAN_INCOMPLETE"
    assert "no-such-file" in detail
    assert ended(workspace, "broken") == []


def ended(workspace: Workspace, name: str) -> list[Any]:
    c = schema.scan.c
    chosen = sa.select(c.state).join(schema.source, schema.source.c.id == c.source_id)
    return rows(workspace, chosen.where(c.finished_at.is_not(None), schema.source.c.name == name))


def test_settings_edited_while_the_scheduler_leads_are_followed(
    workspace: Workspace, reopen: Reopen
) -> None:
    with led(reopen(workspace.file.path, NOW)):
        assert eventually(lambda: len(ended(workspace, "example")) == 1)
        assert standing(workspace, BEACON) == ("verified", "")
        lines = workspace.file.path.read_text().splitlines(keepends=True)
        kept = "".join(line for line in lines if line.strip() != "- example-ec")
        workspace.file.path.write_text(kept)
        assert eventually(lambda: standing(workspace, BEACON)[0] != "verified")


@both
def test_source_that_is_locked_does_not_stop_the_others(
    make_workspace: Make, database_url: str, reopen: Reopen
) -> None:
    settings = make_workspace(database_url)
    add_source(settings, id="second")
    workspace = reopen(settings, NOW)
    for name in ("example", "second"):
        scan(workspace, name)
    for policy in (settings.parent / "policies").glob("*.yaml"):
        policy.unlink()
    late = reopen(settings, NOW + timedelta(days=10_000))  # after the end of every certificate
    with workspace.database.lock("scan-second"):
        follow_everything(late)
        assert standing(late, COMPASS) == ("failed", "CERT_EXPIRED_AT_SIGNING")
        assert standing(late, COMPASS, "second") == ("verified", "")
        assert verdicts(late, "example") == 0
        assert verdicts(late, "second") > 0
        assert scan(late, "example").scan.state == "complete"
    follow_everything(late)
    assert standing(late, COMPASS, "second") == ("failed", "CERT_EXPIRED_AT_SIGNING")
    assert verdicts(late, "second") == 0


def verdicts(workspace: Workspace, source: str) -> int:
    table, c = schema.verdict, schema.location.c
    count = (
        sa.select(sa.func.count())
        .select_from(table)
        .join(schema.location, c.id == table.c.location_id)
        .join(schema.source, schema.source.c.id == c.source_id)
        .where(schema.source.c.name == source)
    )
    found: int = rows(workspace, count)[0][0]
    return found


# --- our own faults ----------------------------------------------------------------------------


class BugError(Exception):
    """A fault of ours that nobody foresaw."""


def test_crash_of_the_writer_ends_the_readers_and_is_written_down_at_the_source(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> int:
        raise BugError("planted")

    monkeypatch.setattr(jobs.reading, "BATCH", 1)  # more batches than the queue holds
    monkeypatch.setattr(UnitWriter, "write", crash)
    stop, raised = Stop(), list[Exception]()

    def run() -> None:
        try:
            with open_executor("threads") as executor:  # leaves when its readers have ended
                scan_source(workspace, "example", executor, stop)
        except BugError as error:
            raised.append(error)

    scanning = threading.Thread(target=run)
    scanning.start()
    scanning.join(PATIENCE / 4)
    is_over = not scanning.is_alive()
    stop.event.set()  # a reader that goes on would keep the whole test run waiting
    scanning.join(PATIENCE)
    assert is_over
    assert len(raised) == 1
    assert_crash_is_shown(workspace)


def test_crash_of_a_reader_is_written_down_at_the_source(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remember(database: Any, source_id: int, name: str, seal: str, now: datetime) -> UnitMemory:
        if name == "keys":
            raise BugError("planted")
        return UnitMemory(database, source_id, name, seal, now)

    monkeypatch.setattr(jobs.pipeline, "UnitMemory", remember)
    with pytest.raises(BugError):
        scan(workspace, "example")
    assert_crash_is_shown(workspace)


def assert_crash_is_shown(workspace: Workspace) -> None:
    words = "internal error (BugError); what led to it stands in the log"
    assert troubles(workspace) == ("SCAN_INCOMPLETE", words)
    c = schema.scan.c
    found = rows(workspace, sa.select(c.state, c.finished_at, c.errors))
    assert [(row.state, row.finished_at) for row in found] == [("failed", NOW)]
    assert "BugError" in found[0].errors
    assert "planted" not in found[0].errors


def test_crash_of_a_collector_leaves_its_unit_incomplete_and_the_others_read(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FileTreeCollector.collect

    def collect(self: FileTreeCollector, unit: str, memory: Memory) -> Iterator[Discovery]:
        if unit == "keys":
            raise BugError("planted")
        yield from real(self, unit, memory)

    monkeypatch.setattr(FileTreeCollector, "collect", collect)
    assert scan(workspace, "example").scan.state == "partial"
    reason, detail = troubles(workspace)
    assert (reason, "BugError" in detail) == ("SCAN_INCOMPLETE", True)
    assert standing(workspace, COMPASS) == ("verified", "")


# --- settings that change ----------------------------------------------------------------------


def test_archive_that_moves_to_another_mirror_keeps_its_rows(apt: AptScene) -> None:
    apt.publish(packages(5))
    apt.scan()
    c = schema.location.c
    current = sa.select(c.id, c.name, c.status, c.first_seen_at).where(c.gone_at.is_(None))
    before = rows(apt.workspace, current.order_by(c.id))
    with static_server(apt.archive.folder) as mirror:
        apt.edit(apt.server.url, mirror.url, NOW + timedelta(hours=1))
        assert apt.scan().scan.state == "complete"
        assert rows(apt.workspace, current.order_by(c.id)) == before
        apt.publish(packages(5), LATER)
        apt.scan()
    assert rows(apt.workspace, current.order_by(c.id)) == before
    assert apt.standings() == {("verified", ""): 5}
    assert rows(apt.workspace, sa.select(schema.status_change)) == []


def test_exclusion_whose_reason_is_edited_holds_what_the_old_one_held(
    workspace: Workspace, reopen: Reopen
) -> None:
    settings = workspace.file.path
    text, match = settings.read_text(), '{file_tree: {name: "unsigned/**"}}'
    for reason, owner in (("scratch", "me"), ("approved", "ann")):
        rule = f"exclude: [{{match: {match}, reason: {reason}, owner: {owner}}}]\n"
        settings.write_text(text + rule)
        edited = reopen(settings, NOW)
        scan(edited, "example")
    with edited.database.reading() as connection:
        found = exclusions.rules(connection)
    assert [(one.owner, one.reason, one.active, one.count.number) for one in found] == [
        ("ann", "approved", True, 1)
    ]


@both
def test_source_that_left_the_settings_leaves_the_numbers_and_comes_back(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace, "example")
    settings = workspace.file.path
    text, before = settings.read_text(), numbers(workspace)
    assert sum(before.values()) > 0
    start = text.index("sources:\n")
    rest = text[text.index("\ntrust:", start) :]
    settings.write_text(f"{text[:start]}sources: []{rest}")
    without = reopen(settings, NOW + timedelta(hours=1))
    follow_everything(without)
    assert sum(numbers(without).values()) == 0
    settings.write_text(text)
    again = reopen(settings, NOW + timedelta(hours=2))
    scan(again, "example")
    assert numbers(again) == before


def numbers(workspace: Workspace) -> dict[str, int]:
    """Count the artifacts of the coverage page by status."""
    with workspace.database.reading() as connection:
        assert rollups.differences(connection) == []
        overall = coverage(connection).overall
    return {status: count.number for status, count in overall.statuses.items()}


# --- evidence ----------------------------------------------------------------------------------


def test_signer_is_recorded_when_a_verification_turns_verified_later(
    workspace: Workspace, reopen: Reopen
) -> None:
    settings, entry = workspace.file.path, "file: example/trust/ec.pem"
    text = settings.read_text()
    settings.write_text(text.replace(entry, f"{entry}\n      valid: {{from: 2026-11-24}}"))
    scan(reopen(settings, NOW), "example")
    assert (standing(workspace, BEACON)[0], signers(workspace)) == ("failed", [])
    late = reopen(settings, NOW + timedelta(days=1))
    follow_everything(late)
    waiting = sa.select(schema.evidence_set.c.key).where(
        schema.evidence_set.c.due_at <= late.clock()
    )
    assert rows(late, waiting) == []  # whose time has come is not asked again and again
    scan(late, "example")
    assert standing(late, BEACON) == ("verified", "")
    ((fingerprint, anchor),) = signers(late)
    assert fingerprint == anchor


def signers(workspace: Workspace) -> list[Any]:
    """Read the signer of BEACON with the anchor that its signature rests on."""
    item, anchor, place = schema.evidence_item, schema.verification_anchor, schema.location
    link, v = schema.set_signer, schema.verification
    statement = (
        sa.select(schema.signer.c.fingerprint, anchor.c.anchor)
        .join(v, v.c.signer_id == schema.signer.c.id)
        .join(item, item.c.verification_id == v.c.id)
        .join(anchor, anchor.c.verification_id == v.c.id)
        .join(link, (link.c.set_id == item.c.set_id) & (link.c.signer_id == v.c.signer_id))
        .join(place, place.c.set_id == item.c.set_id)
        .where(place.c.name == BEACON)
    )
    return rows(workspace, statement)


def test_release_that_names_its_lists_by_sha512_alone_is_read(apt: AptScene) -> None:
    apt.publish(packages(3))
    packed = f"{LIST}.xz"
    content = (apt.archive.suite_folder("stable") / packed).read_bytes()
    head = apt.archive.release("stable", {}, date=FIRST).removesuffix(b"SHA256:\n")
    entry = f"SHA512:\n {hashlib.sha512(content).hexdigest()} {len(content)} {packed}\n"
    apt.archive.sign("stable", head + entry.encode())
    assert apt.scan().scan.state == "complete"
    assert apt.standings() == {("verified", ""): 3}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_processes_that_meet_the_same_content_both_record_it(
    make_workspace: Make, database_url: str, reopen: Reopen, driver: Driver
) -> None:
    settings = make_workspace(database_url)
    add_source(settings, id="second")
    workspace, states = reopen(settings, NOW), dict[str, str]()
    inserted, go_on = threading.Event(), threading.Event()

    def pause(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO artifact "):
            inserted.set()
            go_on.wait(PATIENCE)

    def here() -> None:
        states["example"] = scan(workspace, "example").scan.state

    def there() -> None:
        states["second"] = driver.scan(settings, "second", NOW).state

    event.listen(workspace.database.engine, "after_cursor_execute", pause)
    threads = [threading.Thread(target=here), threading.Thread(target=there)]
    threads[0].start()
    assert inserted.wait(PATIENCE)
    threads[1].start()
    is_met = eventually(lambda: waits_for_a_lock(database_url))
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert is_met
    assert states == {"example": "complete", "second": "complete"}
    assert standing(workspace, BEACON) == standing(workspace, BEACON, "second") == ("verified", "")


def waits_for_a_lock(url: str) -> bool:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(connection.execute(waiting).scalar_one())
