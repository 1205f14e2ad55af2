"""The example estate: built by gpg and openssl, judged by Countersign as it was planted."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from collectors.collector import Memory, Surroundings
from collectors.file_tree import FileTreeCollector, FileTreeOptions
from core.errors import ConfigurationError
from core.limits import Limits
from core.model import (
    Evidence,
    EvidenceSet,
    Outcome,
    Sighting,
    Status,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
)
from core.settings import parse
from jobs.estate import Estate, build_estate, settings_entries, settings_yaml
from jobs.estate_cases import PLANTED
from jobs.signing_tools import run
from net.http import Http
from verification.format import Setting
from verification.standing import combine
from verification.verifier import verify

LIMITS = Limits()
KINDS = {
    "keys": TrustKind.KEY,
    "keyrings": TrustKind.KEYRING,
    "authorities": TrustKind.AUTHORITY,
}


class NothingRemembered:
    def unit_state(self) -> str:
        return ""


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return build_estate(tmp_path_factory.mktemp("example") / "estate")


@pytest.fixture(scope="module")
def trust(estate: Estate) -> Trust:
    return Trust(
        tuple(
            TrustEntry(
                entry.name, KINDS[entry.section], (estate.folder / entry.file).read_bytes(), ""
            )
            for entry in estate.trust
        )
    )


@pytest.fixture(scope="module")
def sets(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, EvidenceSet]:
    """Return what the collector found to vouch for each file, by path."""
    surroundings = Surroundings(
        cast("Http", None), LIMITS, {}, estate.folder, tmp_path_factory.mktemp("spool")
    )
    options = FileTreeOptions.model_validate({"path": "releases"})
    collector = FileTreeCollector("example", options, surroundings)
    sets: dict[str, EvidenceSet] = {}
    paths: dict[str, str] = {}
    for unit in collector.units():
        for found in collector.collect(unit, cast("Memory", NothingRemembered())):
            if isinstance(found, EvidenceSet):
                sets[found.key] = found
            elif isinstance(found, Sighting):
                paths[found.location.name] = found.evidence_set
    return {path: sets[key] for path, key in paths.items()}


def judge(found: EvidenceSet, trust: Trust) -> list[Verification]:
    # The keys were made a moment ago: a moment later is after every signature.
    setting = Setting(trust, datetime.now(UTC) + timedelta(minutes=1), LIMITS)
    return [verify(evidence, setting) for evidence in found.evidence]


def test_every_file_of_the_estate_is_a_planted_case(
    estate: Estate, sets: Mapping[str, EvidenceSet]
) -> None:
    assert sorted(sets) == sorted(case.path for case in estate.cases)
    assert len(sets) == len(PLANTED)


@pytest.mark.parametrize("row", PLANTED, ids=[row[0] for row in PLANTED])
def test_each_case_comes_out_as_it_was_planted(
    row: tuple[str, object, str, str],
    estate: Estate,
    sets: Mapping[str, EvidenceSet],
    trust: Trust,
) -> None:
    (case,) = [case for case in estate.cases if case.path == f"{row[0]}.tar.gz"]
    found = sets[case.path]
    verifications = judge(found, trust)
    status, reason, contested = combine(verifications, found.unread)
    assert (status, reason) == (case.status, case.reason), verifications
    assert not contested
    assert len(verifications) == (0 if case.status is Status.UNSIGNED else 1)


def test_every_refusal_says_what_was_expected_and_what_was_found(
    sets: Mapping[str, EvidenceSet], trust: Trust
) -> None:
    alone = [Trust((entry,)) for entry in trust.entries]
    unreadable = [Trust((replace(entry, content=b"x"),)) for entry in trust.entries]
    refused = 0
    for path, found in sets.items():
        for accepted in (trust, Trust(), *alone, *unreadable):
            for verification in judge(found, accepted):
                if verification.outcome is not Outcome.VERIFIED:
                    refused += 1
                    assert verification.expected, (path, verification)
                    assert verification.found, (path, verification)
    assert refused > len(PLANTED)


def test_without_trust_nothing_is_verified_or_refuted_by_a_key(
    sets: Mapping[str, EvidenceSet],
) -> None:
    assert len(sets) >= len(PLANTED)
    for found in sets.values():
        for verification in judge(found, Trust()):
            refuted = verification.reason == "DIGEST_MISMATCH"  # needs no key
            assert refuted or verification.outcome is Outcome.UNVERIFIABLE


@pytest.mark.parametrize(
    "path", [f"{row[0]}.tar.gz" for row in PLANTED if not row[2]], ids=lambda path: path
)
def test_no_evidence_of_one_file_verifies_another(
    path: str, sets: Mapping[str, EvidenceSet], trust: Trust
) -> None:
    (evidence,) = sets[path].evidence
    moves = 0
    for other in sets.values():
        for another in other.evidence:
            if another.subject.digests == evidence.subject.digests:
                continue
            moved = Evidence(
                evidence.content,
                evidence.media_type,
                evidence.origin,
                another.subject,
                hint=evidence.hint,
            )
            (verification,) = judge(EvidenceSet("moved", (moved,)), trust)
            assert verification.outcome is Outcome.INVALID
            moves += 1
    assert moves > len(PLANTED) // 2


def test_files_of_the_signed_list_share_its_verification(
    sets: Mapping[str, EvidenceSet],
) -> None:
    listed = sets["checksums/delta-amd64.tar.gz"]
    assert listed is sets["checksums/delta-arm64.tar.gz"]
    assert listed is not sets["checksums/delta-riscv64.tar.gz"]


def test_building_again_keeps_what_is_there(estate: Estate) -> None:
    before = {path: path.lstat().st_ctime_ns for path in estate.folder.rglob("*")}
    assert build_estate(estate.folder) == estate
    assert {path: path.lstat().st_ctime_ns for path in estate.folder.rglob("*")} == before


def test_only_public_parts_are_kept(estate: Estate, tmp_path: Path) -> None:
    assert any(estate.folder.rglob("*.pem"))
    assert any((estate.folder / "trust").glob("*.asc"))
    for path in estate.folder.rglob("*"):
        if path.is_file():
            assert b"PRIVATE" not in path.read_bytes(), path
    home = tmp_path / "elsewhere"
    home.mkdir(mode=0o700)
    for file in (estate.folder / "trust").glob("*.asc"):
        shown = run(
            *("gpg", "--homedir", home, "--batch", "--no-autostart", "--list-packets", file),
            home=home,
        )
        assert b"public key packet" in shown
        assert b"secret key packet" not in shown


def test_nothing_is_left_behind_beside_the_estate(tmp_path: Path) -> None:
    build_estate(tmp_path / "estate")
    assert [path.name for path in tmp_path.iterdir()] == ["estate"]


def test_the_readme_tells_every_case(estate: Estate) -> None:
    text = (estate.folder / "README.md").read_text()
    for case in estate.cases:
        assert f"| {case.path} | {case.status} | {case.reason or 'none'} |" in text


def test_the_settings_name_what_was_built(estate: Estate) -> None:
    base = estate.folder.parent
    settings = parse(settings_yaml(estate, base), base / "countersign.yaml").settings
    (source,) = settings.sources
    FileTreeOptions.model_validate(source.options)
    named = {
        **settings.trust.keys,
        **settings.trust.keyrings,
        **settings.trust.authorities,
    }
    assert set(source.trust) == set(named)
    for entry in named.values():
        assert (base / entry.file).is_file()


def test_paths_outside_the_settings_folder_are_absolute(estate: Estate, tmp_path: Path) -> None:
    entries = settings_entries(estate, tmp_path)
    assert entries["source"]["path"] == str(estate.releases.resolve())
    inside = settings_entries(estate, estate.folder.parent)
    assert inside["source"]["path"] == "estate/releases"


def test_other_files_are_never_built_over(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ConfigurationError, match="holds other files"):
        build_estate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_broken_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "estate.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"remove .* and the estate is built anew"):
        build_estate(tmp_path)


def test_a_missing_tool_is_named_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="gpg, which is not installed; fix: apt install"):
        build_estate(tmp_path / "estate")
    assert not (tmp_path / "estate").exists()


def test_what_a_tool_says_of_its_failure_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"openssl could not .*NONE"):
        run("openssl", "genpkey", "-algorithm", "NONE", home=tmp_path)


def test_openssl_agrees_with_a_good_case(estate: Estate) -> None:
    file = estate.releases / "keys" / "beacon-ec.tar.gz"
    key = estate.folder / "trust" / "ec.pem"
    told = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", key, "-signature", f"{file}.sig", file],
        capture_output=True,
        check=True,
        text=True,
    )
    assert told.stdout == "Verified OK\n"
