"""Hostile input through the whole pipeline: one clear code for it, and the others go on."""

from __future__ import annotations

import gzip
import lzma
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.scanning import SourceReport, scan_source
from jobs.workspace import Workspace
from storage import migrate, rollups, schema
from storage.database import Database
from tests.fakes.apt_archive import AptArchive, SigningKey, signing_key, stanza
from tests.fakes.static_server import StaticServer, static_server
from tests.jobs.conftest import LIBRARY, NOW, Reopen

LIST = "main/binary-amd64/Packages"
GOOD, BAD = "good", "bad"
LIMITS = (
    "{attempts: 1, connect_seconds: 2, read_seconds: 2, release_bytes: 65536, "
    "index_bytes: 65536, index_unpacked_bytes: 1048576, stanza_bytes: 4096}"
)
NAMES = {
    "html": b"<img src=x onerror=alert(1)>",
    "ansi": b"\x1b[31mred\x1b[0m",
    "bidi": "evil\u202egnp.exe".encode(),
    "latin-1": b"caf\xe9.bin",
    "quote": b"quo'te\".bin",
    "formula": b"=cmd|' _C'!A0",
    "newline": b"two\nlines",
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningKey]:
    with signing_key(tmp_path_factory.mktemp("h") / "a") as made:
        yield made


@pytest.fixture
def server(tmp_path: Path, key: SigningKey) -> Iterator[StaticServer]:
    folder = tmp_path / "archive"
    folder.mkdir()
    archive = AptArchive(folder, key)
    for suite in (GOOD, BAD):
        archive.write(suite, {LIST: stanza("bash")}, suffixes=(".xz",))
    with static_server(folder) as served:
        yield served


def open_workspace(folder: Path, url: str, sources: str, reopen: Reopen) -> Workspace:
    (folder / "policies").mkdir()
    everything = LIBRARY / "everything-is-signed.yaml"
    (folder / "policies" / everything.name).write_bytes(everything.read_bytes())
    settings = folder / "countersign.yaml"
    settings.write_text(f"database: {url}\nlimits: {LIMITS}\nsources: [{sources}]\n")
    database = Database.open(url)
    migrate.upgrade(database)
    database.close()
    return reopen(settings, NOW)


def scan(workspace: Workspace) -> SourceReport:
    name = workspace.file.settings.sources[0].id
    with open_executor("threads") as executor:
        return scan_source(workspace, name, executor, Stop())


def standings(workspace: Workspace) -> list[tuple[str, str, str]]:
    c = schema.location.c
    statement = sa.select(c.name, c.status, c.reason).where(c.gone_at.is_(None)).order_by(c.name)
    with workspace.database.reading() as connection:
        assert rollups.differences(connection) == []
        return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


@dataclass(frozen=True)
class Attack:
    """What the mirror answers in place of a file of the bad suite, and the code it gets."""

    path: str
    body: Callable[[bytes], bytes]
    reasons: tuple[str, ...]


RELEASE, PACKAGES = "InRelease", f"{LIST}.xz"
ATTACKS = {
    "truncated": Attack(RELEASE, lambda body: body[: len(body) // 2], ("MALFORMED",)),
    "huge": Attack(RELEASE, lambda body: body + b"\n" * 100_000, ("TOO_LARGE",)),
    "wrongly encoded": Attack(
        RELEASE, lambda body: body.replace(b"Origin", b"\xff\xfe"), ("MALFORMED",)
    ),
    "two messages": Attack(RELEASE, lambda body: body + body, ("MALFORMED",)),
    "not a release": Attack(RELEASE, lambda _: b"<html>login</html>", ("MALFORMED",)),
    "nul bytes": Attack(
        RELEASE, lambda body: body.replace(b"Example", b"Ex\0mple"), ("MALFORMED",)
    ),
    "list truncated": Attack(PACKAGES, lambda body: body[:-8], ("DIGEST_MISMATCH",)),
    "list bomb": Attack(PACKAGES, lambda _: lzma.compress(b"\0" * 8_000_000), ("DIGEST_MISMATCH",)),
    "list huge": Attack(PACKAGES, lambda _: os.urandom(200_000), ("TOO_LARGE", "DIGEST_MISMATCH")),
    "other list": Attack(PACKAGES, lambda _: gzip.compress(b"Package: x\n"), ("DIGEST_MISMATCH",)),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_hostile_suite_has_one_code_and_the_other_goes_on(
    attack: Attack, tmp_path: Path, server: StaticServer, key: SigningKey, reopen: Reopen
) -> None:
    (tmp_path / "a.gpg").write_bytes(key.export())
    path = f"dists/{BAD}/{attack.path}"
    honest = (server.folder / path).read_bytes()
    assert attack.body(honest) != honest
    server.answers[f"/{path}"] = (200, attack.body(honest))
    workspace = open_workspace(
        tmp_path, f"sqlite:///{tmp_path / 'c.db'}",
        f"{{id: apt, kind: apt, url: '{server.url}', suites: [{BAD}, {GOOD}], components: [main], "
        "architectures: [amd64], keyring: a.gpg}", reopen,
    )  # fmt: skip
    report = scan(workspace)
    assert len(report.scan.counts.errors) == 1
    assert report.scan.counts.errors[0].reason in attack.reasons
    assert report.scan.state == "partial"
    assert standings(workspace) == [("bash", "verified", "")]


def test_attack_16_bomb_that_the_signed_index_names_is_stopped_while_it_unpacks(
    tmp_path: Path, server: StaticServer, key: SigningKey, reopen: Reopen
) -> None:
    archive = AptArchive(server.folder, key)
    archive.write(BAD, {LIST: stanza("x") + b"\n" + b" \n" * 4_000_000}, suffixes=(".xz",))
    (tmp_path / "a.gpg").write_bytes(key.export())
    workspace = open_workspace(
        tmp_path, f"sqlite:///{tmp_path / 'c.db'}",
        f"{{id: apt, kind: apt, url: '{server.url}', suites: [{BAD}, {GOOD}], components: [main], "
        "architectures: [amd64], keyring: a.gpg}", reopen,
    )  # fmt: skip
    report = scan(workspace)
    assert [error.reason for error in report.scan.counts.errors] == ["TOO_LARGE"]
    assert ("bash", "verified", "") in standings(workspace)


def test_hostile_file_names_are_kept_and_found_again(
    tmp_path: Path, database_url: str, reopen: Reopen
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in NAMES.values():
        (folder / os.fsdecode(name)).write_bytes(name)
    source = "{id: files, kind: file_tree, path: files}"
    workspace = open_workspace(tmp_path, database_url, source, reopen)
    report = scan(workspace)
    assert report.scan.counts.errors == []
    found = standings(workspace)
    assert len(found) == len(NAMES)
    assert {status for _, status, _ in found} == {"unsigned"}
    again = scan(workspace)
    assert again.scan.counts.rows_written == 0
    assert standings(workspace) == found
