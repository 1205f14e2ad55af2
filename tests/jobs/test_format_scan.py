"""Every format beside and inside files, through a scan, onto a page, and out of it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from core.model import ARTIFACT_HEAD
from jobs.rejudging import follow_everything
from jobs.workspace import Workspace
from storage import migrate, schema
from storage.database import Database
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW, Reopen
from tests.jobs.format_estate import UNSIGNED, FormatEstate, build_formats
from tests.jobs.test_belief import policy_status
from tests.jobs.test_reproduction import _ITSELF, client_of, download, page, repeat

ALONE = "cms/stamped-alone"
STAMPED = """
apiVersion: countersign/v1
kind: Policy
metadata: {name: stamped, owner: web}
mode: enforce
applies_to: everything
require:
  - id: stamped
    cel: verifications.exists(v, v.role == "timestamp" && v.outcome == "verified")
"""
INSIDE = ("acme.rpm", "app.jar", "acme.nupkg", "app.exe")


@pytest.fixture(autouse=True)
def _logs() -> None:
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> FormatEstate:
    """The folder, made once."""
    return build_formats(tmp_path_factory.mktemp("formats") / "estate")


@pytest.fixture(scope="module")
def scanned(formats: FormatEstate) -> Iterator[Workspace]:
    """A workspace that read the folder once; nobody changes it."""
    workspace = Workspace.open(settings_of(formats, "read"), lambda: NOW)
    assert scan(workspace, "formats").scan.state == "complete"
    yield workspace
    workspace.close()


def settings_of(formats: FormatEstate, name: str) -> Path:
    """Return settings over the folder with a database of their own."""
    base = formats.folder.parent
    url, path = f"sqlite:///{base / name}.db", base / f"{name}.yaml"
    path.write_text(formats.settings(url))
    database = Database.open(url)
    migrate.upgrade(database)
    database.close()
    return path


def standings(workspace: Workspace) -> dict[str, str]:
    """Return the reason of every current location by its name."""
    c = schema.location.c
    with workspace.database.reading() as connection:
        rows = connection.execute(sa.select(c.name, c.reason).where(c.gone_at.is_(None))).all()
    return {row.name: row.reason for row in rows}


def digests(workspace: Workspace) -> dict[str, str]:
    """Return the digest of what lies at each location."""
    c, a = schema.location.c, schema.artifact.c
    statement = sa.select(c.name, a.digest).join(schema.artifact, a.id == c.artifact_id)
    with workspace.database.reading() as connection:
        return {row.name: f"sha256:{row.digest.hex()}" for row in connection.execute(statement)}


def test_every_format_is_found_and_judged(scanned: Workspace, formats: FormatEstate) -> None:
    assert standings(scanned) == formats.expected


def test_every_printed_command_gives_the_stored_outcome_again(
    scanned: Workspace, formats: FormatEstate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client, tried, lie_at = client_of(scanned), 0, digests(scanned)
    for digest in sorted(set(lie_at.values())):
        content = {Path(name).name: name for name, one in lie_at.items() if one == digest}
        for part in page(client, digest).split('<article class="evidence')[1:]:
            (section,) = _ITSELF.findall(part)
            folder = tmp_path / str(tried)
            folder.mkdir()
            (missing,) = download(client, section, folder)  # the artifact is one's own to bring
            (folder / missing).write_bytes((formats.releases / content[missing]).read_bytes())
            found = repeat(section, folder, capsys)
            said = part.partition("</h3>")[0]
            assert f">{found['outcome'].capitalize()}<" in said, (missing, found)
            assert not found["reason"] or f">{found['reason']}</a>" in part, (missing, found)
            tried += 1
    assert tried > len(formats.expected)


def test_signature_inside_shows_no_sooner_than_it_is_one(
    scanned: Workspace, formats: FormatEstate
) -> None:
    items, c = schema.evidence_item, schema.evidence_item.c
    with scanned.database.reading() as connection:
        statement = sa.select(c.origin).where(c.media_type == ARTIFACT_HEAD).select_from(items)
        within = set(connection.execute(statement).scalars())
    assert {f"inside/{name}" for name in INSIDE} <= within
    assert not within & {"inside/archive.zip", "inside/MZ.txt", "inside/object.txt"}
    assert {name for name in within if formats.expected[name] == UNSIGNED} >= {
        "inside/plain.rpm", "inside/plain.jar", "inside/plain.exe",
    }  # fmt: skip


def without(path: Path, *names: str) -> None:
    """Take trust away in the settings."""
    settings = json.loads(path.read_text())
    accepted = settings["sources"][0]["trust"]
    settings["sources"][0]["trust"] = [name for name in accepted if name not in names]
    path.write_text(json.dumps(settings))


def test_nothing_inside_stays_verified_by_trust_that_was_taken_away(
    formats: FormatEstate, reopen: Reopen
) -> None:
    path = settings_of(formats, "withdrawn")
    workspace = reopen(path, NOW)
    scan(workspace, "formats")
    without(path, "ca", "packages")
    later = NOW + timedelta(minutes=1)
    workspace = reopen(path, later)
    follow_everything(workspace)
    doubted = standings(workspace)
    rested = [f"inside/{name}" for name in INSIDE]
    assert all(doubted[name] for name in rested)
    # Unchanged files are read again all the same: the judgement takes their bytes.
    scan(workspace, "formats")
    found = standings(workspace)
    assert {found[name] for name in rested} <= {"KEY_UNKNOWN", "CERT_UNTRUSTED"}
    assert found["inside/plain-beside.rpm"] == ""
    path.write_text(formats.settings(f"sqlite:///{formats.folder.parent / 'withdrawn'}.db"))
    workspace = reopen(path, later + timedelta(minutes=1))
    scan(workspace, "formats")
    assert standings(workspace) == formats.expected


def test_limit_that_was_raised_is_felt_without_any_file_being_touched(
    formats: FormatEstate, reopen: Reopen
) -> None:
    path = settings_of(formats, "limited")
    settings = path.read_text()
    path.write_text(json.dumps(json.loads(settings) | {"limits": {"json_depth": 4}}))
    workspace = reopen(path, NOW)
    scan(workspace, "formats")
    refused = {name for name, why in standings(workspace).items() if why == "TOO_LARGE"}
    assert {"sigstore/app.tar.gz", "inside/app.jar", "npm/app-1.0.0.tgz"} <= refused
    path.write_text(settings)
    workspace = reopen(path, NOW + timedelta(minutes=1))
    scan(workspace, "formats")
    assert standings(workspace) == formats.expected


def test_timestamp_alone_holds_no_longer_than_the_trust_in_its_authority(
    formats: FormatEstate, reopen: Reopen
) -> None:
    path = settings_of(formats, "unstamped")
    policies = path.parent / "policies"
    policies.mkdir()
    (policies / "stamped.yaml").write_text(STAMPED)
    workspace = reopen(path, NOW)
    scan(workspace, "formats")
    assert (standings(workspace)[ALONE], policy_status(workspace, ALONE)) == (UNSIGNED, "passed")
    without(path, "tsa")
    releases = formats.releases.rename(formats.folder / "away")
    try:
        workspace = reopen(path, NOW + timedelta(minutes=1))
        follow_everything(workspace)
    finally:
        releases.rename(formats.releases)
        shutil.rmtree(policies)
    assert standings(workspace)[ALONE] == "TRUST_CHANGED"
    assert policy_status(workspace, ALONE) == "unknown"
    evidence = page(client_of(workspace), digests(workspace)[ALONE])
    assert "evidence-verified" not in evidence
    assert "It held under trust that was changed since" in evidence


def test_revocation_list_that_comes_later_counts(formats: FormatEstate, reopen: Reopen) -> None:
    path = settings_of(formats, "revoked")
    whole = path.read_text()
    without(path, "withdrawn")
    workspace = reopen(path, NOW)
    scan(workspace, "formats")
    assert standings(workspace)["cms/revoked.tar.gz"] == ""
    path.write_text(whole)
    workspace = reopen(path, NOW + timedelta(minutes=1))
    scan(workspace, "formats")
    assert standings(workspace) == formats.expected


def test_withdrawn_ssh_keys_that_come_later_put_in_doubt_what_rests_on_ssh_keys(
    formats: FormatEstate, reopen: Reopen
) -> None:
    path = settings_of(formats, "withdrawn-ssh")
    workspace = reopen(path, NOW)
    scan(workspace, "formats")
    assert standings(workspace)["ssh/tool"] == ""
    line = (formats.trust / "allowed_signers").read_text().partition("ssh-")
    path.with_name("withdrawn_keys").write_text(f"{line[1]}{line[2]}")
    settings = json.loads(path.read_text())
    settings["trust"]["revocations"]["keys-gone"] = {"file": "withdrawn_keys"}
    settings["sources"][0]["trust"].append("keys-gone")
    path.write_text(json.dumps(settings))
    workspace = reopen(path, NOW + timedelta(minutes=1))
    follow_everything(workspace)
    assert standings(workspace)["ssh/tool"] == "TRUST_CHANGED"
    assert standings(workspace)["minisign/app.tar.gz"] == ""
    scan(workspace, "formats")
    assert standings(workspace)["ssh/tool"] == "KEY_REVOKED"
