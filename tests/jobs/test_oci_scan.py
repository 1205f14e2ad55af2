"""A real registry end to end: what is signed by whom, judged by the digest that we computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.scanning import SourceReport, scan_source
from jobs.workspace import Workspace
from storage import migrate, rollups, schema
from storage.database import Database
from tests.fakes.registry import (
    SIGNATURE,
    SIMPLE,
    Registry,
    payload_for,
    running_registry,
    signature_over,
    signature_tag,
)
from tests.jobs.conftest import LIBRARY, NOW, Reopen

KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())
APP = "acme/app"
ELSEWHERE = "sha256:" + "1" * 64


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry() as running:
        yield running


@pytest.fixture
def fleet(registry: Registry) -> Registry:
    """One image of each sort."""
    signed = registry.push_image(APP, "signed")
    registry.sign(APP, signed.digest, KEY)
    registry.push_image(APP, "unsigned")
    altered = registry.push_image(APP, "altered")
    payload = payload_for(f"{registry.host}/{APP}", altered.digest)
    annotations = {SIGNATURE: signature_over(payload, KEY)}
    other = payload_for(f"{registry.host}/{APP}", altered.digest, {"note": "added later"})
    registry.push_layers(APP, signature_tag(altered.digest), [(SIMPLE, other, annotations)])
    elsewhere = registry.push_image(APP, "elsewhere")
    registry.sign(APP, elsewhere.digest, KEY, named=ELSEWHERE)
    unknown = registry.push_image(APP, "unknown-key")
    registry.sign(APP, unknown.digest, STRANGER)
    child = registry.push_image(APP, "amd64", b"for amd64")
    index = registry.push_index(APP, "many", {"linux/amd64": child})
    registry.sign(APP, index.digest, KEY)
    return registry


@pytest.fixture
def workspace(tmp_path: Path, fleet: Registry, database_url: str, reopen: Reopen) -> Workspace:
    (tmp_path / "policies").mkdir()
    everything = LIBRARY / "everything-is-signed.yaml"
    (tmp_path / "policies" / everything.name).write_bytes(everything.read_bytes())
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "release.pub").write_bytes(public)
    settings = tmp_path / "countersign.yaml"
    settings.write_text(
        f"database: {database_url}\n"
        "trust: {keys: {release: {file: release.pub}}}\n"
        f"sources: [{{id: prod, kind: oci, url: '{fleet.url}', repositories: ['acme/**'], "
        "trust: [release]}]\n"
    )
    database = Database.open(database_url)
    migrate.upgrade(database)
    database.close()
    return reopen(settings, NOW)


def scan(workspace: Workspace) -> SourceReport:
    with open_executor("threads") as executor:
        return scan_source(workspace, "prod", executor, Stop())


def standings(workspace: Workspace) -> dict[tuple[str, str], tuple[str, str]]:
    c = schema.location.c
    statement = sa.select(c.version, c.variant, c.status, c.reason).where(c.gone_at.is_(None))
    with workspace.database.reading() as connection:
        assert rollups.differences(connection) == []
        return {(r.version, r.variant): (r.status, r.reason) for r in connection.execute(statement)}


def test_each_image_has_its_status_and_reason(workspace: Workspace) -> None:
    report = scan(workspace)
    assert report.scan.state == "complete"
    assert standings(workspace) == {
        ("signed", ""): ("verified", ""),
        ("unsigned", ""): ("unsigned", "NO_SIGNATURE"),
        ("altered", ""): ("failed", "SIGNATURE_INVALID"),
        ("elsewhere", ""): ("failed", "SUBJECT_MISMATCH"),
        ("unknown-key", ""): ("failed", "SIGNATURE_INVALID"),
        ("many", ""): ("verified", ""),
        ("many", "linux/amd64"): ("unsigned", "NO_SIGNATURE"),
        ("amd64", ""): ("unsigned", "NO_SIGNATURE"),
    }


def test_unchanged_rescan_writes_nothing_and_asks_less(workspace: Workspace) -> None:
    first = scan(workspace)
    again = scan(workspace)
    assert again.scan.counts.rows_written == 0
    assert again.scan.counts.requests < first.scan.counts.requests
    assert len(standings(workspace)) == 8


def test_signature_added_later_is_noticed(workspace: Workspace, fleet: Registry) -> None:
    scan(workspace)
    with workspace.database.reading() as connection:
        c = schema.location.c
        digest = connection.execute(
            sa.select(schema.artifact.c.digest)
            .join(schema.location, schema.artifact.c.id == c.artifact_id)
            .where(c.version == "unsigned")
        ).scalar_one()
    fleet.sign(APP, f"sha256:{digest.hex()}", KEY)
    scan(workspace)
    assert standings(workspace)[("unsigned", "")] == ("verified", "")


def test_attack_05_moved_tag_is_judged_anew(workspace: Workspace, fleet: Registry) -> None:
    scan(workspace)
    fleet.push_image(APP, "signed", b"something else")
    scan(workspace)
    assert standings(workspace)[("signed", "")] == ("unsigned", "NO_SIGNATURE")


def test_registry_that_is_gone_keeps_the_last_good_look(
    workspace: Workspace, reopen: Reopen, fleet: Registry
) -> None:
    scan(workspace)
    before = standings(workspace)
    settings = workspace.file.path
    nowhere = settings.read_text().replace(fleet.url, "http://127.0.0.1:9")
    settings.write_text(nowhere + "limits: {attempts: 1, connect_seconds: 1}\n")
    report = scan(reopen(settings, NOW))
    assert report.scan.state == "failed"
    assert [error.reason for error in report.scan.counts.errors] == ["SOURCE_UNREACHABLE"]
    assert standings(workspace) == before
