"""A certificate that two certificates of one authority vouch for: the one ends, the other holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.rejudging import follow_everything
from jobs.scanning import scan_source
from jobs.workspace import Workspace
from storage import migrate
from storage.database import Database
from tests.jobs import one_database
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW, Reopen
from tests.jobs.test_belief import standing
from tests.verification.specimens import AUTHORITY, DAY, certificate, pem, private_key, private_pem

both, database_url = one_database.both, one_database.database_url
NAME, MIRRORED, LATER = "app.tar.gz", "mirrored.tar.gz", NOW + 3 * DAY


def write_settings(folder: Path, url: str, *names: str) -> Path:
    path = folder / "countersign.yaml"
    path.write_text(
        f"database: {url}\npolicies: policies/\n"
        "trust: {authorities: {former: {file: former.pem}, renewed: {file: renewed.pem}}}\n"
        f"sources: [{{id: s, kind: file_tree, path: rel, trust: [{', '.join(names)}]}}]\n"
    )
    return path


@pytest.fixture
def scanned(tmp_path: Path, database_url: str, reopen: Reopen) -> Workspace:
    """A signature that verified under an authority's certificate which ends in two days."""
    for name in ("rel", "policies"):
        (tmp_path / name).mkdir()
    root, leaf = private_key("p256", "renewed root"), private_key("p256", "renewed leaf")
    for name, days in (("former", 2), ("renewed", 2000)):
        made = certificate("acme", "acme", root, root, AUTHORITY, until=NOW + days * DAY)
        (tmp_path / f"{name}.pem").write_bytes(pem(made))
    signer = certificate("signer", "acme", leaf, root, until=NOW + 20 * DAY)
    (tmp_path / "leaf.pem").write_bytes(pem(signer) + private_pem(leaf))
    (tmp_path / "rel" / NAME).write_bytes(b"released\n")
    words = f"cms -sign -binary -outform DER -signer leaf.pem -in rel/{NAME} -out rel/{NAME}.p7s"
    subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    database = Database.open(database_url)
    migrate.upgrade(database)
    database.close()
    workspace = reopen(write_settings(tmp_path, database_url, "former", "renewed"), NOW)
    scan(workspace, "s")
    assert standing(workspace, NAME) == ("verified", "")
    return workspace


@both
def test_what_is_stored_names_the_anchor_that_vouches_now(
    scanned: Workspace, database_url: str, reopen: Reopen
) -> None:
    """Read again before time was followed: it verifies as before, but by another anchor."""
    folder = scanned.file.folder
    (folder / "rel" / "other").write_bytes(b"so that the folder is read again")
    with open_executor("threads") as executor:  # as the scheduler does, which follows apart
        scan_source(reopen(scanned.file.path, LATER), "s", executor, Stop(), follow=False)
    (folder / "rel").rename(folder / "away")
    after = reopen(write_settings(folder, database_url, "former"), LATER)
    follow_everything(after)
    assert standing(after, NAME) == ("unknown", "TRUST_CHANGED")


def test_what_time_ended_is_looked_at_anew(scanned: Workspace, reopen: Reopen) -> None:
    """Nothing in the folder changed, and yet another anchor vouches for what is there."""
    later = reopen(scanned.file.path, LATER)
    follow_everything(later)
    assert standing(later, NAME) == ("failed", "CERT_EXPIRED_AT_SIGNING")
    scan(later, "s")
    assert standing(later, NAME) == ("verified", "")


def test_each_source_that_shares_a_verification_looks_anew(
    scanned: Workspace, reopen: Reopen
) -> None:
    """The first that time is followed for ages what is stored once for all of them."""
    folder, settings = scanned.file.folder, scanned.file.path
    (folder / "mirror").mkdir()
    for ending in ("", ".p7s"):
        copied = (folder / "rel" / f"{NAME}{ending}").read_bytes()
        (folder / "mirror" / f"{MIRRORED}{ending}").write_bytes(copied)
    one = settings.read_text().partition("sources: [")[2].removesuffix("]\n")
    two = one.replace("id: s", "id: mirror").replace("path: rel", "path: mirror")
    settings.write_text(settings.read_text().replace(one, f"{one}, {two}"))
    scan(reopen(settings, NOW), "mirror")
    later = reopen(settings, LATER)
    follow_everything(later)
    for name, source in ((NAME, "s"), (MIRRORED, "mirror")):
        assert standing(later, name) == ("failed", "CERT_EXPIRED_AT_SIGNING")
        scan(later, source)
        assert standing(later, name) == ("verified", "")
