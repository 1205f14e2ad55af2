"""Slips in a trust entry: none may widen what is trusted, each says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.settings import load
from jobs.trust_files import read_trust
from tests.verification.keys.registry_specimens import registry_key
from tests.verification.openpgp.openpgp_material import gnupg
from tests.verification.sigstore.sigstore_world import ACME
from tests.verification.specimens import pem
from tests.verification.ssh import ssh_material
from tests.verification.x509.x509_material import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each kind that can be narrowed: two ways to read it, and one that is strict."""
    made = tmp_path_factory.mktemp("trust")
    with gnupg() as gpg:
        gpg.key("only", "ed25519")
        (made / "keyrings").write_bytes(gpg.export("only"))
    (made / "authorities").write_bytes(pem(ROOT))
    (made / "keys").write_text(f"{ssh_material.line('ed25519')}\n")
    return made


def refusal(folder: Path, group: str, only: list[str]) -> str:
    path = folder / "countersign.yaml"
    entry = {"file": group, "only": only}
    path.write_text(json.dumps({"trust": {group: {"mine": entry}}}, indent=1))
    with pytest.raises(ConfigurationError) as refused:
        read_trust(load(path))
    return str(refused.value)


@pytest.mark.parametrize("group", ["keyrings", "authorities", "keys"])
def test_only_that_names_nothing_is_an_error_with_its_place(folder: Path, group: str) -> None:
    (folder / "plain.yaml").write_text(json.dumps({"trust": {group: {"mine": {"file": group}}}}))
    assert read_trust(load(folder / "plain.yaml"))
    words = refusal(folder, group, ["0123456789ABCDEF0123456789ABCDEF01234567"])
    assert "`only` names nothing" in words
    assert "countersign.yaml:" in words


@pytest.mark.parametrize("group", ["keyrings", "authorities", "keys"])
def test_only_that_was_emptied_does_not_trust_everything(folder: Path, group: str) -> None:
    words = refusal(folder, group, [])
    assert f"trust.{group}.mine.only" in words
    assert "must have at least 1" in words


@pytest.mark.parametrize(
    ("group", "file", "belongs"),
    [
        ("keys", "authorities", "authorities"),
        ("revocations", "authorities", "authorities"),
        ("keys", "root", "roots"),
        ("authorities", "registry", "keys"),
    ],
)
def test_file_of_another_kind_says_where_it_belongs(
    folder: Path, group: str, file: str, belongs: str
) -> None:
    (folder / "root").write_bytes(ACME.entry().content)
    (folder / "registry").write_text(json.dumps({"keys": [registry_key()]}))
    path = folder / "countersign.yaml"
    path.write_text(json.dumps({"trust": {group: {"mine": {"file": file}}}}))
    with pytest.raises(ConfigurationError, match=f"; it belongs under `{belongs}`"):
        read_trust(load(path))
