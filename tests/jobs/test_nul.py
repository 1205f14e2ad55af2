"""Names that hold a NUL, which PostgreSQL cannot keep: they must not stop a scan."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509

from jobs.workspace import Workspace
from storage import migrate, schema
from storage.database import Database
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW
from tests.verification.sigstore.sigstore_world import Making, World
from tests.verification.specimens import CONTENT, openssl, pem
from tests.verification.x509.x509_material import EMAIL, ROOT, identity

NAME = "https://a\0b"
POLICY = f"""
apiVersion: countersign/v1
kind: Policy
metadata: {{name: by-us, title: By us, owner: web}}
mode: warn
applies_to: everything
require:
  - id: ours
    title: By us
    signed_by: {{at_least: 1, any: [openpgp: {{fingerprint: "{"0" * 40}"}}]}}
"""


def settings(folder: Path, url: str, group: str) -> Path:
    """Trust one file of that name and group for the folder `r`."""
    source = {"id": "files", "kind": "file_tree", "path": "r", "trust": [group]}
    trust = {group: {group: {"file": group}}}
    path = folder / "countersign.yaml"
    path.write_text(json.dumps({"database": url, "trust": trust, "sources": [source]}))
    database = Database.open(url)
    migrate.upgrade(database)
    database.close()
    return path


def cms(folder: Path) -> None:
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(NAME)])
    identity("p256", EMAIL, name="nul", extensions=((names, False),)).write(folder)
    words = "cms -sign -binary -outform DER -signer leaf.pem -inkey leaf.key -in r/a -out r/a.p7s"
    openssl(folder, *words.split())
    (folder / "authorities").write_bytes(pem(ROOT))


def keyless(folder: Path, name: str = NAME) -> None:
    world = World("nul")
    bundle = world.message(CONTENT, Making(identity=name))
    (folder / "r" / "a.sigstore.json").write_text(json.dumps(bundle))
    (folder / "roots").write_bytes(world.entry().content)


@pytest.mark.parametrize(("make", "group"), [(cms, "authorities"), (keyless, "roots")])
def test_signer_with_a_nul_in_its_name_is_kept_and_found_again(
    make: Callable[[Path], None], group: str, tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "a").write_bytes(CONTENT)
    make(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "by-us.yaml").write_text(POLICY)
    workspace = Workspace.open(settings(tmp_path, database_url, group), lambda: NOW)
    for _ in range(2):
        report = scan(workspace, "files")
        assert (report.scan.state, report.numbers.verified) == ("complete", 1)
        (tmp_path / "r" / "b").write_bytes(b"another look at the folder")
    kept = NAME.replace("\0", r"\u{0}")
    with workspace.database.reading() as connection:
        assert list(connection.execute(sa.select(schema.signer.c.identity)).scalars()) == [kept]
        found = connection.execute(sa.select(schema.finding_text.c.found)).scalars()
        assert any(kept in one for one in found)
    workspace.close()


LETTERS = random.Random(1).choices(string.ascii_letters + string.digits, k=4000)
TOO_LONG = {
    "by its letters": "".join(LETTERS),
    "with its NULs spelled out": "\0".join("".join(LETTERS[i : i + 8]) for i in range(0, 2000, 8)),
}


@pytest.mark.parametrize("name", TOO_LONG.values(), ids=TOO_LONG.keys())
def test_signer_with_a_name_that_no_index_can_hold_is_kept(
    name: str, tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "a").write_bytes(CONTENT)
    keyless(tmp_path, f"https://forge.example/{name}")
    workspace = Workspace.open(settings(tmp_path, database_url, "roots"), lambda: NOW)
    report = scan(workspace, "files")
    assert (report.scan.state, report.numbers.verified) == ("complete", 1)
    workspace.close()


def test_name_with_a_nul_is_another_signer_than_one_that_spells_it_out(
    tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "r").mkdir()
    spelled = NAME.replace("\0", r"\u{0}")
    world = World("nul")
    (tmp_path / "roots").write_bytes(world.entry().content)
    for file, name in (("a", NAME), ("b", spelled)):
        content = file.encode()
        (tmp_path / "r" / file).write_bytes(content)
        bundle = world.message(content, Making(identity=name))
        (tmp_path / "r" / f"{file}.sigstore.json").write_text(json.dumps(bundle))
    workspace = Workspace.open(settings(tmp_path, database_url, "roots"), lambda: NOW)
    assert scan(workspace, "files").numbers.verified == 2
    with workspace.database.reading() as connection:
        names = list(connection.execute(sa.select(schema.signer.c.identity)).scalars())
    assert names == [spelled, spelled]
    workspace.close()
