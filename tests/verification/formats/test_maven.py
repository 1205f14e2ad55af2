"""Maven's `.asc` files: plain detached signatures, one for each file, and for that file alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.commands.verify import verify_command
from tests.verification.git.git_material import objects
from tests.verification.openpgp.openpgp_material import gnupg

FILES = {
    "lib-1.0.jar": b"PK\x03\x04 classes",
    "lib-1.0.pom": b"<project/>\r\n",
    "lib-1.0-sources.jar": b"PK\x03\x04 sources",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("maven")
    with gnupg() as gpg:
        gpg.key("maven", "rsa2048")
        for name, content in FILES.items():
            (gpg.home / "text").write_bytes(content)
            (place / name).write_bytes(content)
            (place / f"{name}.asc").write_bytes(gpg.sign("maven", "--armor"))
        (place / "key.asc").write_bytes(gpg.export("maven"))
    return place


def asked(folder: Path, artifact: str, signature: str) -> tuple[str, str]:
    words = [str(folder / artifact), "--signature", str(folder / signature)]
    words += ["--keyring", str(folder / "key.asc"), "--json"]
    said = json.loads(CliRunner().invoke(verify_command, words).stdout)
    return said["outcome"], said["reason"]


@pytest.mark.parametrize("name", FILES)
def test_each_file_has_its_own_signature(folder: Path, name: str) -> None:
    assert asked(folder, name, f"{name}.asc") == ("verified", "")
    other = next(each for each in FILES if each != name)
    assert asked(folder, name, f"{other}.asc") == ("invalid", "SIGNATURE_INVALID")


def test_commit_whose_message_holds_a_signed_text_is_judged_as_a_commit(tmp_path: Path) -> None:
    """The command asks for what is inside before it takes a file for a signed text."""
    content = objects().raw["openpgp"] + b"-----BEGIN PGP SIGNED MESSAGE-----\n"
    (tmp_path / "commit").write_bytes(content)
    (tmp_path / "ring.gpg").write_bytes(objects().keyring)
    words = [str(tmp_path / "commit"), "--keyring", str(tmp_path / "ring.gpg"), "--json"]
    said = json.loads(CliRunner().invoke(verify_command, words).stdout)
    assert (said["format"], said["reason"]) == ("git-object", "SIGNATURE_INVALID")
