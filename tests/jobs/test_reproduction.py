"""The command an artifact's page prints, run on nothing but what that page lets one download."""

from __future__ import annotations

import html
import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from flask.testing import FlaskClient

import app as countersign
from core.settings import Settings
from dashboard.application import create_dashboard
from jobs.workspace import Workspace
from storage import schema
from tests.jobs import one_database
from tests.jobs.apt_workspace import LIST, AptScene, packages, scan
from tests.jobs.conftest import NOW, Reopen

BASE = "http://127.0.0.1:8600"
CODES = {0: {"verified"}, 1: {"invalid", "untrusted"}, 3: {"unverifiable"}}
database_url = one_database.database_url
keys, apt = one_database.keys, one_database.apt
_ITSELF = re.compile(r"<summary>Check it yourself</summary>(.*?)</details>", re.DOTALL)
_FILE = re.compile(r'<li><code class="break">(.*?)</code>(.*?)</li>', re.DOTALL)
_LINK = re.compile(r'href="(/evidence/[^"]+)"')
_COMMAND = re.compile(r'<pre class="command" tabindex="0">(.*?)</pre>', re.DOTALL)


@pytest.fixture(autouse=True)
def _logs() -> None:
    structlog.reset_defaults()


def client_of(workspace: Workspace) -> FlaskClient:
    return create_dashboard(workspace.database, Settings(), lambda: NOW).test_client()


def page(client: FlaskClient, digest: str) -> str:
    answer = client.get(f"/artifacts/{digest}", base_url=BASE)
    assert answer.status_code == 200
    return answer.text


def download(client: FlaskClient, section: str, folder: Path) -> list[str]:
    """Lay every file the section offers into the folder; return the names of the others."""
    missing = []
    for name, rest in _FILE.findall(section):
        link = _LINK.search(rest)
        if link is None:
            missing.append(html.unescape(name))
            continue
        answer = client.get(link[1], base_url=BASE)
        assert answer.status_code == 200
        (folder / html.unescape(name)).write_bytes(answer.data)
    return missing


def repeat(section: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Run the printed command in the folder; return what it printed."""
    command = _COMMAND.search(section)
    assert command is not None
    words = shlex.split(html.unescape(command[1]))
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        try:
            code = countersign.main(words[1:])
        except SystemExit as ended:
            code = int(ended.code or 0)
    document: dict[str, str] = json.loads(capsys.readouterr().out)
    assert document["outcome"] in CODES[code]
    return document


def places(workspace: Workspace) -> dict[str, tuple[str, str]]:
    """Return digest and reason of everything that has evidence, by name."""
    c, a = schema.location.c, schema.artifact.c
    statement = (
        sa.select(c.name, a.digest, a.algorithm, c.reason)
        .join(schema.artifact, a.id == c.artifact_id)
        .where(c.set_id.in_(sa.select(schema.evidence_item.c.set_id)))
    )
    with workspace.database.reading() as connection:
        rows = connection.execute(statement).all()
    return {row.name: (f"{row.algorithm}:{row.digest.hex()}", row.reason) for row in rows}


def test_every_printed_command_gives_the_stored_outcome_again(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan(workspace, "example")
    client = client_of(workspace)
    releases = workspace.file.folder / "example" / "releases"
    tried = 0
    for number, (name, (digest, reason)) in enumerate(places(workspace).items()):
        sections = _ITSELF.findall(page(client, digest))
        assert sections, name
        for section in sections:
            folder = tmp_path / f"again-{number}-{tried}"
            folder.mkdir()
            missing = download(client, section, folder)
            # Only the artifact is the reader's own to bring.
            assert missing == [Path(name).name]
            (folder / Path(name).name).write_bytes((releases / name).read_bytes())
            assert repeat(section, folder, capsys)["reason"] == reason, name
            tried += 1
    assert tried > 10


def test_signed_checksum_list_can_be_downloaded_beside_its_signature(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan(workspace, "example")
    client, name = client_of(workspace), "checksums/delta-amd64.tar.gz"
    digest, reason = places(workspace)[name]
    assert reason == ""
    text = page(client, digest)
    beside = re.search(r"<dt>Raw evidence</dt><dd>(.*?)</dd>", text, re.DOTALL)
    assert beside is not None
    signature, listed = _LINK.findall(beside[1])
    releases = workspace.file.folder / "example" / "releases"
    kept = client.get(listed, base_url=BASE).data
    assert kept == (releases / "checksums" / "SHA256SUMS").read_bytes()
    assert client.get(signature, base_url=BASE).data != kept
    (section,) = _ITSELF.findall(text)
    download(client, section, tmp_path)
    # The artifact's digest does in place of its bytes: but then its name must be said.
    (tmp_path / "delta-amd64.tar.gz").write_bytes((releases / name).read_bytes())
    assert repeat(section, tmp_path, capsys)["outcome"] == "verified"
    (tmp_path / "delta-amd64.tar.gz").write_bytes(b"another")
    assert repeat(section, tmp_path, capsys)["reason"] == "DIGEST_MISMATCH"


def test_lists_beyond_the_retention_rule_go_and_the_newest_stays(
    workspace: Workspace, reopen: Reopen
) -> None:
    folder = workspace.file.folder / "example" / "releases" / "checksums"
    listed = folder / "SHA256SUMS"
    first, most = listed.read_bytes(), workspace.file.settings.retention.indexes
    versions = [first + b"# version %d\n" % number for number in range(most + 1)]
    for minute, content in enumerate((first, *versions, first)):
        listed.write_bytes(content)  # what comes back in the end is the newest again
        scan(reopen(workspace.file.path, NOW + timedelta(minutes=minute)), "example")
    c = schema.kept_index.c
    with workspace.database.reading() as connection:
        rows = connection.execute(
            sa.select(schema.blob.c.size)
            .join(schema.kept_index, c.digest == schema.blob.c.digest)
            .where(c.name == "checksums/SHA256SUMS")
            .order_by(c.kept_at, c.id)
        ).scalars()
        assert sorted(rows) == sorted({len(first), len(versions[-1])})


def test_unchanged_rescan_keeps_no_list_again(workspace: Workspace) -> None:
    counted = sa.select(sa.func.count()).select_from(schema.kept_index)
    for _ in range(2):
        scan(workspace, "example")
        with workspace.database.reading() as connection:
            assert connection.execute(counted).scalar_one() == 1


def test_release_signed_beside_itself_is_downloaded_with_its_lists(
    apt: AptScene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apt.archive.write("stable", {LIST: packages(2)}, suffixes=(".xz",), signed="detached")
    apt.scan()
    client = client_of(apt.workspace)
    assert len(places(apt.workspace)) == 2
    for digest, reason in places(apt.workspace).values():
        (section,) = _ITSELF.findall(page(client, digest))
        folder = tmp_path / digest[-8:]
        folder.mkdir()
        assert download(client, section, folder) == []
        assert repeat(section, folder, capsys)["reason"] == reason == ""
