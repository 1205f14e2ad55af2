"""An apt archive end to end: what changes cost, and what a hostile mirror cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs.rejudging import follow_time
from jobs.workspace import Workspace
from storage import schema
from tests.fakes.apt_archive import AptArchive, SigningKey, signing_key, stanza
from tests.fakes.static_server import StaticServer, static_server
from tests.jobs.apt_workspace import (
    EARLIER,
    FIRST,
    LATER,
    LIST,
    dump,
    packages,
    publish,
    scan,
    standings,
    write_settings,
)
from tests.jobs.conftest import NOW, Reopen


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
    return reopen(write_settings(tmp_path / "w", archive, server.url, database_url), NOW)


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


def test_attack_19_older_release_is_a_rollback_and_the_last_accepted_index_stays(
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
