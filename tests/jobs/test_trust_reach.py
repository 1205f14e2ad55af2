"""What pages and verdicts say after the trust of a source was edited, end to end."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.settings import Settings
from dashboard.application import create_dashboard
from jobs.rejudging import follow_everything
from jobs.workspace import Workspace
from storage import migrate, schema
from storage.database import Database
from tests.jobs import one_database
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW, Reopen
from tests.jobs.test_belief import BEACON, RSA, distrust, releases, standing, take_away

INTEROP = Path(__file__).parent.parent / "specimens" / "interop"
BASE = "http://127.0.0.1:8600"
BUNDLE, NAME = "c3-blob-p256.bundle", "artifact.txt"
Ask = Callable[[str], str]

both, database_url = one_database.both, one_database.database_url


def ask_of(workspace: Workspace) -> Ask:
    client = create_dashboard(workspace.database, Settings(), lambda: NOW).test_client()
    return lambda address: client.get(address, base_url=BASE).text


def numbers(text: str, address: str) -> list[int]:
    """Return the numbers that lead to an address."""
    found = re.findall(rf'href="{re.escape(address)}" data-count="(\d+)"', text)
    return [int(one) for one in found]


def signer_of(workspace: Workspace, name: str) -> int:
    c, place = schema.set_signer.c, schema.location.c
    joined = schema.set_signer.join(schema.location, place.set_id == c.set_id)
    with workspace.database.reading() as connection:
        statement = sa.select(c.signer_id).select_from(joined).where(place.name == name)
        found: int = connection.execute(statement).scalar_one()
    return found


def digest_at(workspace: Workspace, name: str) -> str:
    c, place = schema.artifact.c, schema.location.c
    joined = schema.artifact.join(schema.location, place.artifact_id == c.id)
    with workspace.database.reading() as connection:
        statement = sa.select(c.algorithm, c.digest).select_from(joined).where(place.name == name)
        row = connection.execute(statement).one()
    return f"{row.algorithm}:{row.digest.hex()}"


def write_keyed(folder: Path, url: str, *, with_root: bool) -> Path:
    """Write settings of a folder with a bundle signed with a key; perhaps with a root of logs."""
    roots = "  roots: {public-good: builtin}\n" if with_root else ""
    named = "k, public-good" if with_root else "k"
    path = folder / "countersign.yaml"
    path.write_text(
        f"database: {url}\npolicies: policies/\ntrust:\n  keys: {{k: {{file: k.pub}}}}\n{roots}"
        f"sources:\n- {{id: s, kind: file_tree, path: {folder}/rel, every: 1h, owner: o,"
        f" trust: [{named}]}}\n"
    )
    return path


def test_root_that_was_added_puts_in_doubt_what_a_key_alone_vouched_for(
    tmp_path: Path, database_url: str, reopen: Reopen
) -> None:
    """Its logs are demanded, and the bundle has no entry of any."""
    for name in ("rel", "policies"):
        (tmp_path / name).mkdir()
    (tmp_path / "rel" / NAME).write_bytes(next(INTEROP.rglob(NAME)).read_bytes())
    shutil.copy(INTEROP / BUNDLE, tmp_path / "rel" / f"{NAME}.sigstore.json")
    shutil.copy(INTEROP / "p256.pub", tmp_path / "k.pub")
    database = Database.open(database_url)
    migrate.upgrade(database)
    database.close()
    with_key = reopen(write_keyed(tmp_path, database_url, with_root=False), NOW)
    scan(with_key, "s")
    assert standing(with_key, NAME) == ("verified", "")
    away = (tmp_path / "rel").rename(tmp_path / "away")
    after = reopen(write_keyed(tmp_path, database_url, with_root=True), NOW)
    follow_everything(after)
    assert standing(after, NAME) == ("unknown", "TRUST_CHANGED")
    assert scan(after, "s").scan.state == "failed"
    assert standing(after, NAME) == ("unknown", "TRUST_CHANGED")
    away.rename(tmp_path / "rel")
    scan(after, "s")
    assert standing(after, NAME) == ("failed", "LOG_MISSING")


@pytest.fixture
def withdrawn(workspace: Workspace, reopen: Reopen) -> tuple[Ask, int, str]:
    """The pages after a key was taken back, its signer, and the digest of what it signed."""
    scan(workspace, "example")
    signer, digest = signer_of(workspace, BEACON), digest_at(workspace, BEACON)
    before = ask_of(workspace)
    assert numbers(before(f"/signers/{signer}"), f"/artifacts?signer={signer}") == [2]
    assert 'state-verified">Verified' in before(f"/artifacts/{digest}")
    take_away(workspace)
    distrust(workspace)
    after = reopen(workspace.file.path, NOW)
    follow_everything(after)
    return ask_of(after), signer, digest


def test_no_page_says_verified_of_what_rested_on_trust_taken_back(
    withdrawn: tuple[Ask, int, str],
) -> None:
    ask, signer, digest = withdrawn
    page = ask(f"/artifacts/{digest}")
    evidence = page[page.index("What vouches for it") : page.index("What policies say")]
    assert "state-verified" not in evidence
    assert "evidence-verified" not in evidence
    assert "It held under trust that was changed since" in evidence
    assert "state-verified" not in ask(f"/verifications?signer={signer}")
    for address in (f"/artifacts?signer={signer}", f"/verifications?signer={signer}"):
        assert 'data-total="0"' in ask(address)
        assert numbers(ask(f"/signers/{signer}"), address) == [0]


def test_trust_taken_back_vouches_for_nothing(withdrawn: tuple[Ask, int, str]) -> None:
    ask, _, _ = withdrawn
    entry = next(one for one in ask("/trust").split("<section")[1:] if "no source<" in one)
    found = re.search(r'id="entry-(\d+)"', entry)
    assert found is not None
    for address in (f"/artifacts?trust={found[1]}", f"/verifications?trust={found[1]}"):
        assert numbers(entry, address) == [0]
        assert 'data-total="0"' in ask(address)


@both
def test_nothing_stands_verified_by_the_trust_of_a_source_that_left_the_settings(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace, "example")
    signer, digest = signer_of(workspace, BEACON), digest_at(workspace, BEACON)
    settings = workspace.file.path.read_text()
    without = settings[: settings.index("sources:")] + "sources: []\n"
    workspace.file.path.write_text(without)
    after = reopen(workspace.file.path, NOW)
    follow_everything(after)
    ask = ask_of(after)
    assert "state-verified" not in ask(f"/verifications?signer={signer}")
    assert "evidence-verified" not in ask(f"/artifacts/{digest}")
    assert {number for _, number in page_numbers(ask("/trust"))} == {"0"}
    # it comes back as it was, at the next look
    workspace.file.path.write_text(settings)
    back = reopen(workspace.file.path, NOW)
    follow_everything(back)
    assert scan(back, "example").scan.state == "complete"
    assert standing(back, BEACON) == ("verified", "")
    assert numbers(ask_of(back)(f"/signers/{signer}"), f"/artifacts?signer={signer}") == [2]


def test_signatures_count_once_however_often_the_trust_was_edited(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace, "example")
    signer = signer_of(workspace, RSA)
    trusting = workspace.file.path.read_text()
    before = [page_numbers(ask_of(workspace)(page)) for page in ("/signers", "/trust")]
    distrust(workspace)
    scan(reopen(workspace.file.path, NOW), "example")
    workspace.file.path.write_text(trusting)
    last = reopen(workspace.file.path, NOW)
    scan(last, "example")
    ask = ask_of(last)
    assert [page_numbers(ask(page)) for page in ("/signers", "/trust")] == before
    assert numbers(ask(f"/signers/{signer}"), f"/verifications?signer={signer}") == [1]
    assert ask(f"/verifications?signer={signer}").count("<tr data-row>") == 1


def page_numbers(text: str) -> list[tuple[str, str]]:
    return sorted(re.findall(r'href="([^"]+)" data-count="(\d+)"', text))


def test_judged_again_by_other_policies_what_was_withdrawn_stays_so(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace, "example")
    signer = signer_of(workspace, BEACON)
    take_away(workspace)
    distrust(workspace)
    for one in (workspace.file.folder / "policies").glob("*.yaml"):
        one.unlink()
    after = reopen(workspace.file.path, NOW)
    follow_everything(after)
    assert standing(after, BEACON) == ("unknown", "TRUST_CHANGED")
    assert not releases(after).exists()
    page = ask_of(after)(f"/signers/{signer}")
    assert numbers(page, f"/artifacts?signer={signer}") == [0]
