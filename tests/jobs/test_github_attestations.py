"""GitHub's attestations: bundles of its own Sigstore, which keeps no log, several to a file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.model import digest_of
from jobs.commands.verify import verify_command
from tests.verification.index_specimens import BUILD, GITHUB, WORKFLOW
from tests.verification.predicates.predicate_specimens import CYCLONEDX, SLSA_1
from tests.verification.sigstore.sigstore_world import DSSE1, SIGNED_AT, Making, World
from tests.verification.specimens import CONTENT, NOW, statement

FORGE = World("forge")
MAKING = replace(
    DSSE1,
    identity=WORKFLOW,
    claims=tuple(BUILD.items()),
    logged=False,
    transparent=False,
    stamped_at=(SIGNED_AT + timedelta(seconds=1),),
)
SLSA, BOM = "https://slsa.dev/provenance/v1", "https://cyclonedx.org/bom"


def attestation(
    predicate_type: str, predicate: object, content: bytes = CONTENT, making: Making = MAKING
) -> str:
    stated = statement(digest_of(content), predicate_type=predicate_type)
    payload = json.dumps(stated | {"predicate": predicate}).encode()
    return json.dumps(FORGE.statement(payload, making))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.tar.gz").write_bytes(CONTENT)
    unlogged = json.dumps(FORGE.root(tlogs=None, ctlogs=None))
    other = json.dumps(World("public").root())
    # As GitHub's command prints its roots: one document a line.
    (tmp_path / "roots.jsonl").write_text(f"{other}\n{unlogged}\n")
    (tmp_path / "root.json").write_text(unlogged)
    return tmp_path


def said(folder: Path, *lines: str, root: str = "roots.jsonl") -> dict[str, object]:
    bundle = folder / f"sha256:{'0' * 64}.jsonl"
    bundle.write_text("".join(f"{line}\n" for line in lines))
    words = [str(folder / "app.tar.gz"), "--bundle", str(bundle)]
    words += ["--trusted-root", str(folder / root), "--certificate-identity", WORKFLOW]
    words += ["--certificate-oidc-issuer", GITHUB, "--at", NOW.isoformat(), "--json"]
    document: dict[str, object] = json.loads(CliRunner().invoke(verify_command, words).stdout)
    return document


@pytest.mark.parametrize("root", ["roots.jsonl", "root.json"])
def test_every_line_is_a_piece_of_evidence(folder: Path, root: str) -> None:
    lines = attestation(BOM, CYCLONEDX), attestation(SLSA, SLSA_1)
    document = said(folder, *lines, root=root)
    assert (document["outcome"], document["role"]) == ("verified", "provenance")
    pieces = document["evidence"]
    assert isinstance(pieces, list)
    assert [each["role"] for each in pieces] == ["attestation", "provenance"]
    assert {each["outcome"] for each in pieces} == {"verified"}
    claims = pieces[1]["signer"]["claims"]
    assert (claims["builder_id_certified"], claims["slsa_level"]) == ("true", "not stated")


def test_one_line_is_one_bundle(folder: Path) -> None:
    document = said(folder, attestation(SLSA, SLSA_1))
    assert (document["outcome"], document["evidence"]) == ("verified", [])


def test_a_line_about_another_artifact_is_noted_and_never_verifies(folder: Path) -> None:
    foreign = attestation(SLSA, SLSA_1, b"other")
    assert said(folder, foreign)["reason"] == "SUBJECT_MISMATCH"
    both = said(folder, foreign, attestation(SLSA, SLSA_1))
    assert both["outcome"] == "verified"
    checks = both["checks"]
    assert isinstance(checks, list)
    assert any("about other artifacts" in check["detail"] for check in checks)
    assert not any("contested" in check["detail"] for check in checks)


def test_what_the_api_answers_is_read_bundle_by_bundle(folder: Path) -> None:
    foreign = attestation(SLSA, SLSA_1, content=b"other")
    lines = foreign, attestation(BOM, CYCLONEDX), attestation(SLSA, SLSA_1)
    listed = [{"bundle": json.loads(each), "repository_id": 7} for each in lines]
    document = said(folder, json.dumps({"attestations": listed}, indent=2))
    assert (document["outcome"], document["role"]) == ("verified", "provenance")
    pieces = document["evidence"]
    assert isinstance(pieces, list)
    assert [each["outcome"] for each in pieces] == ["invalid", "verified", "verified"]
    of_none = said(folder, json.dumps({"attestations": listed[:1]}))
    assert of_none["reason"] == "SUBJECT_MISMATCH"


def test_without_a_timestamp_nothing_dates_the_certificate(folder: Path) -> None:
    undated = attestation(SLSA, SLSA_1, making=replace(MAKING, stamped_at=()))
    assert said(folder, undated)["outcome"] != "verified"
