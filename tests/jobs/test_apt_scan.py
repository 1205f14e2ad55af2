"""An apt archive end to end: what changes cost, and what a hostile mirror cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.rejudging import follow_time
from jobs.scanning import SourceReport, scan_source
from jobs.workspace import Workspace
from storage import canonical, migrate, rollups, schema
from storage.database import Database
from tests.fakes.apt_archive import AptArchive, SigningKey, signing_key, stanza
from tests.fakes.static_server import StaticServer, static_server
from tests.jobs.conftest import LIBRARY, NOW, Reopen

LIST = "main/binary-amd64/Packages"
FIRST = "Mon, 23 Nov 2026 06:00:00 UTC"
LATER = "Mon, 23 Nov 2026 07:00:00 UTC"
EARLIER = "Mon, 23 Nov 2026 05:00:00 UTC"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SigningKey, SigningKey]]:
    base = tmp_path_factory.mktemp("k")
    with signing_key(base / "a") as good, signing_key(base / "b", "Other <o@example.org>") as other:
        yield good, other


@pytest.fixture
def archive(tmp_path: Path, keys: tuple[SigningKey, SigningKey]) -> AptArchive:
    folder = tmp_path / "archive"
    folder.mkdir()
    return AptArchive(folder, keys[0])


@pytest.fixture
def server(archive: AptArchive) -> Iterator[StaticServer]:
    with static_server(archive.folder) as served:
        yield served


@pytest.fixture
def workspace(
    tmp_path: Path, archive: AptArchive, server: StaticServer, database_url: str, reopen: Reopen
) -> Workspace:
    folder = tmp_path / "w"
    (folder / "policies").mkdir(parents=True)
    everything = LIBRARY / "everything-is-signed.yaml"
    (folder / "policies" / everything.name).write_bytes(everything.read_bytes())
    (folder / "archive.gpg").write_bytes(archive.key.export())
    settings = folder / "countersign.yaml"
    settings.write_text(
        f"database: {database_url}\n"
        "limits: {attempts: 1, connect_seconds: 2, read_seconds: 2}\n"
        f"sources: [{{id: apt, kind: apt, url: '{server.url}', suites: [stable], "
        "components: [main], architectures: [amd64], keyring: archive.gpg}]\n"
    )
    database = Database.open(database_url)
    migrate.upgrade(database)
    database.close()
    return reopen(settings, NOW)


def packages(count: int, version: str = "1.0") -> bytes:
    return b"\n".join(stanza(f"package-{n:05}", version) for n in range(count))


def publish(archive: AptArchive, content: bytes, date: str = FIRST) -> None:
    archive.write("stable", {LIST: content}, suffixes=(".xz",), date=date)


def scan(workspace: Workspace) -> SourceReport:
    with open_executor("threads") as executor:
        return scan_source(workspace, "apt", executor, Stop())


def standings(workspace: Workspace) -> dict[tuple[str, str], int]:
    c = schema.location.c
    statement = (
        sa.select(c.status, c.reason, sa.func.count())
        .where(c.gone_at.is_(None))
        .group_by(c.status, c.reason)
    )
    with workspace.database.reading() as connection:
        assert rollups.differences(connection) == []
        return {(row[0], row[1]): row[2] for row in connection.execute(statement)}


def dump(workspace: Workspace) -> list[str]:
    with workspace.database.reading() as connection:
        return list(canonical.lines(connection))


def test_packages_verify_through_the_chain_and_an_unchanged_suite_costs_one_request(
    workspace: Workspace, archive: AptArchive, server: StaticServer
) -> None:
    publish(archive, packages(30))
    report = scan(workspace)
    assert standings(workspace) == {("verified", ""): 30}
    assert report.scan.counts.requests == 2
    text = dump(workspace)
    again = scan(workspace)
    assert (again.scan.counts.requests, again.scan.counts.rows_written) == (1, 0)
    assert server.asked()[-1][1] == 304
    assert dump(workspace) == text


def changed_rows(workspace: Workspace, archive: AptArchive, count: int) -> int:
    publish(archive, packages(count))
    scan(workspace)
    publish(archive, packages(count) + b"\n" + stanza("package-new"), LATER)
    report = scan(workspace)
    assert standings(workspace) == {("verified", ""): count + 1}
    return report.scan.counts.rows_written


@pytest.mark.parametrize("count", [10, 5000])
def test_one_package_more_writes_the_same_few_rows_whatever_the_size(
    workspace: Workspace, archive: AptArchive, count: int
) -> None:
    assert changed_rows(workspace, archive, count) == ROWS_OF_ONE_PACKAGE


# index, verification and its anchor, set, item, signer; artifact, location, verdict
ROWS_OF_ONE_PACKAGE = 9


def test_older_release_is_a_rollback_and_the_last_accepted_index_stays(
    workspace: Workspace, archive: AptArchive
) -> None:
    publish(archive, packages(5), LATER)
    scan(workspace)
    publish(archive, packages(3), EARLIER)
    report = scan(workspace)
    assert [error.reason for error in report.scan.counts.errors] == ["METADATA_ROLLBACK"]
    assert standings(workspace) == {("verified", ""): 5}
    publish(archive, packages(6), LATER)
    scan(workspace)
    assert standings(workspace) == {("verified", ""): 6}


def test_list_of_another_key_fails_what_stood_and_adds_nothing(
    workspace: Workspace, archive: AptArchive, keys: tuple[SigningKey, SigningKey]
) -> None:
    publish(archive, packages(5))
    scan(workspace)
    archive.key = keys[1]
    publish(archive, packages(2) + b"\n" + stanza("evil"), LATER)
    report = scan(workspace)
    assert standings(workspace) == {("failed", "KEY_UNKNOWN"): 5}
    assert report.scan.state == "failed"
    archive.key = keys[0]
    publish(archive, packages(4), LATER)
    scan(workspace)
    assert standings(workspace) == {("verified", ""): 4}


def test_first_list_of_another_key_is_shown_as_failed(
    workspace: Workspace, archive: AptArchive, keys: tuple[SigningKey, SigningKey]
) -> None:
    archive.key = keys[1]
    publish(archive, packages(3))
    scan(workspace)
    assert standings(workspace) == {("failed", "KEY_UNKNOWN"): 3}


def test_date_of_a_forged_list_does_not_make_the_honest_one_a_rollback(
    workspace: Workspace, archive: AptArchive, keys: tuple[SigningKey, SigningKey]
) -> None:
    archive.key = keys[1]
    publish(archive, packages(3), LATER)
    scan(workspace)
    archive.key = keys[0]
    publish(archive, packages(4), FIRST)
    scan(workspace)
    assert standings(workspace) == {("verified", ""): 4}


def test_unsigned_archive_is_unsigned(workspace: Workspace, archive: AptArchive) -> None:
    archive.write("stable", {LIST: packages(3)}, suffixes=(".xz",), signed="not")
    scan(workspace)
    assert standings(workspace) == {("unsigned", "NO_SIGNATURE"): 3}


def test_list_that_is_not_the_signed_one_changes_nothing(
    workspace: Workspace, archive: AptArchive, server: StaticServer
) -> None:
    publish(archive, packages(3))
    scan(workspace)
    publish(archive, packages(4), LATER)
    server.answers["/dists/stable/" + LIST + ".xz"] = (200, b"something else")
    report = scan(workspace)
    assert len(report.scan.counts.errors) == 1
    assert standings(workspace) == {("verified", ""): 3}


def test_outage_keeps_the_last_good_look(
    workspace: Workspace, archive: AptArchive, server: StaticServer
) -> None:
    publish(archive, packages(3))
    scan(workspace)
    server.answers["/dists/stable/InRelease"] = (500, b"")
    report = scan(workspace)
    assert [error.reason for error in report.scan.counts.errors] == ["SOURCE_UNREACHABLE"]
    assert standings(workspace) == {("verified", ""): 3}
    with workspace.database.reading() as connection:
        row = connection.execute(sa.select(schema.source)).one()
    assert row.reason == "SOURCE_UNREACHABLE"


def test_valid_until_ends_by_time_alone(workspace: Workspace, archive: AptArchive) -> None:
    archive.fields["Valid-Until"] = "Mon, 30 Nov 2026 06:00:00 UTC"
    publish(archive, packages(3))
    scan(workspace)
    assert standings(workspace) == {("verified", ""): 3}
    later = replace(workspace, clock=lambda: NOW + timedelta(days=8))
    assert follow_time(later) > 0
    assert standings(workspace) == {("failed", "METADATA_EXPIRED"): 3}
    assert follow_time(later) == 0
    scan(later)
    assert standings(workspace) == {("failed", "METADATA_EXPIRED"): 3}
