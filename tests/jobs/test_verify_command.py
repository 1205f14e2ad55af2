"""`countersign verify`, called as people call it, on what gpg and openssl signed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

import app
from core.cosign_container import SIGNATURE_ANNOTATION, SIMPLE_SIGNING, container
from core.limits import Limits
from core.model import Outcome, Role, Unread, Verification
from core.reasons import REASONS
from jobs.estate import Estate
from jobs.estate_cases import PLANTED
from jobs.signing_tools import OpenSsl
from jobs.verify_inputs import MAX_TRUST_BYTES, memory_bytes
from jobs.verifying import decide
from tests.fakes.apt_archive import SigningKey, run, signing_key

KEYS = {
    "outcome", "reason", "detail", "expected", "found", "format", "artifact", "signer",
    "signed_after", "signed_before", "signed_at", "time_source", "time_trusted", "role",
    "statement", "evidence", "checks",
}  # fmt: skip
CODES = {"verified": 0, "invalid": 1, "untrusted": 1, "unverifiable": 3}
OPTIONS = {"keys": "--key", "keyrings": "--keyring", "authorities": "--ca"}


@dataclass(frozen=True)
class Run:
    """What one call gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON object on standard output, checked for its form."""
        document = json.loads(self.out)
        demand_form(document)
        assert CODES[document["outcome"]] == self.code
        return dict(document)

    @property
    def reason(self) -> str:
        """The reason code, empty when verified."""
        return str(self.document["reason"])


Verify = Callable[..., Run]


def demand_form(document: dict[str, Any]) -> None:
    assert document.keys() == KEYS
    assert document["artifact"].keys() == {"name", "digest"}
    assert document["signer"].keys() == {
        "identity", "issuer", "key_fingerprint", "key_algorithm", "claims",
    }  # fmt: skip
    if document["statement"] is not None:
        assert document["statement"].keys() == {"predicate_type", "subjects", "predicate"}
    for check in document["checks"]:
        assert check.keys() == {"step", "outcome", "reason", "detail", "reference"}
    assert document["checks"]
    for piece in document["evidence"]:
        demand_form(piece)
    if document["reason"]:
        assert REASONS[document["reason"]].outcome == document["outcome"]
        assert document["expected"], document
        assert document["found"], document
    else:
        assert document["outcome"] == "verified"


@pytest.fixture
def verify_text(capsys: pytest.CaptureFixture[str]) -> Iterator[Verify]:
    """Call the command; return exit code and what it wrote."""

    def call(*words: str | Path) -> Run:
        capsys.readouterr()
        try:
            code = app.main(["verify", *map(str, words)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        written = capsys.readouterr()
        return Run(code, written.out, written.err)

    yield call
    structlog.reset_defaults()  # it holds on to the standard error of this test


@pytest.fixture
def verify(verify_text: Verify) -> Verify:
    """Call the command with --json."""
    return lambda *words: verify_text(*words, "--json")


@pytest.fixture(scope="module")
def trust(estate: Estate) -> list[str]:
    return [
        word
        for entry in estate.trust
        for word in (OPTIONS[entry.section], str(estate.folder / entry.file))
    ]


def beside(estate: Estate, name: str) -> list[str]:
    """Return the options for what lies beside a file of the estate."""
    file = estate.releases / f"{name}.tar.gz"
    words: list[str] = []
    for suffix, option in (
        (".asc", "--signature"),
        (".sig", "--signature"),
        (".pem", "--certificate"),
        (".intoto.jsonl", "--bundle"),
    ):
        if Path(f"{file}{suffix}").exists():
            words += [option, f"{file}{suffix}"]
    if (file.parent / "SHA256SUMS").exists():
        words += ["--through", str(file.parent / "SHA256SUMS")]
        signature = file.parent / "SHA256SUMS.asc"
        words += ["--signature", str(signature)] if signature.exists() else []
    return words


ELSE = {  # a folder scan says NO_SIGNATURE of these; one call knows only what it is given
    "checksums/delta-notes": "SUBJECT_MISMATCH",
    "unsigned/echo-1.0": "FORMAT_UNSUPPORTED",
    "unlisted/foxtrot-1.0": "LIST_UNSIGNED",
}


@pytest.mark.parametrize(
    ("name", "reason"), [(row[0], ELSE.get(row[0], row[2])) for row in PLANTED]
)
def test_every_planted_case_comes_out_as_it_was_planted(
    name: str, reason: str, estate: Estate, trust: list[str], verify: Verify
) -> None:
    file = estate.releases / f"{name}.tar.gz"
    found = verify(file, *beside(estate, name), *trust, "--any-identity")
    assert found.reason == reason
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.document["artifact"] == {"name": file.name, "digest": f"sha256:{digest}"}
    assert not found.err


@pytest.mark.parametrize("name", [row[0] for row in PLANTED])
def test_the_text_says_what_the_document_says(
    name: str, estate: Estate, trust: list[str], verify: Verify, verify_text: Verify
) -> None:
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name), *trust, "--any-identity")
    document, shown = verify(*words).document, verify_text(*words)
    first = shown.out.splitlines()[0]
    assert first.startswith(document["outcome"].upper())
    assert CODES[document["outcome"]] == shown.code
    assert document["reason"] in first
    assert f"{len(document['checks']):>2}. " in shown.out
    if document["reason"]:
        assert REASONS[document["reason"]].fix in shown.out


@pytest.mark.parametrize("name", [row[0] for row in PLANTED])
def test_with_nothing_to_trust_nothing_is_verified(
    name: str, estate: Estate, verify: Verify
) -> None:
    found = verify(estate.releases / f"{name}.tar.gz", *beside(estate, name), "--any-identity")
    assert found.reason in ("TRUST_ROOT_MISSING", ELSE.get(name))
    assert found.code == 3


@pytest.mark.parametrize("name", [row[0] for row in PLANTED if not row[2]])
def test_no_evidence_of_one_file_verifies_another(
    name: str, estate: Estate, trust: list[str], verify: Verify
) -> None:
    other = estate.releases / "unsigned" / "echo-1.0.tar.gz"
    found = verify(other, *beside(estate, name), *trust, "--any-identity")
    assert found.document["outcome"] == "invalid"


@pytest.mark.parametrize(
    "option",
    ["--certificate-identity", "--certificate-oidc-issuer", "--name", "--namespace", "--at",
     "--key", "--keyring", "--ca", "--crl", "--through", "--bundle", "--signature", ""],
)  # fmt: skip
def test_a_variable_that_a_script_did_not_set_undoes_no_demand(
    option: str, estate: Estate, trust: list[str], verify_text: Verify
) -> None:
    name = "openpgp/atlas-1.0"
    words = [*beside(estate, name), *trust, "--any-identity"]
    assert verify_text(estate.releases / f"{name}.tar.gz", *words).code == 0
    artifact = [estate.releases / f"{name}.tar.gz", *words, option] if option else words
    found = verify_text(*artifact, "")
    assert (found.code, found.out) == (2, "")
    assert option or "[ARTIFACT]" in found.err
    assert "it is empty" in found.err


# --- identities -----------------------------------------------------------------------------------

SUBJECT, ISSUER = "CN=Compass Releases,O=Atlas", "CN=Example Code Signing CA,O=Atlas"


@pytest.mark.parametrize(
    "option",
    ["--bundle", "--signature", "--certificate", "--namespace", "--certificate-identity",
     "--certificate-oidc-issuer", "--name", "--at"],
)  # fmt: skip
def test_a_demand_made_twice_is_not_half_forgotten(option: str, verify_text: Verify) -> None:
    found = verify_text("file", option, "first", option, "second")
    assert (found.code, found.out) == (2, "")
    assert f"'{option}'" in found.err
    assert "more than once" in found.err


@pytest.mark.parametrize(
    ("demanded", "reason"),
    [
        ((), "IDENTITY_NOT_STATED"),
        (("--certificate-oidc-issuer", ISSUER), "IDENTITY_NOT_STATED"),
        (("--any-identity",), ""),
        (("--certificate-identity", SUBJECT), ""),
        (("--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER), ""),
        (("--any-identity", "--certificate-oidc-issuer", ISSUER), ""),
        (("--any-identity", "--certificate-oidc-issuer", "CN=Other"), "ISSUER_MISMATCH"),
        (("--certificate-identity", SUBJECT.lower()), "IDENTITY_MISMATCH"),
        (("--certificate-identity", "CN=Compass Releases"), "IDENTITY_MISMATCH"),
    ],
)
def test_a_certificate_counts_only_for_the_identity_demanded(
    demanded: tuple[str, ...], reason: str, estate: Estate, verify: Verify
) -> None:
    name = "certificates/compass-2.0"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name))
    found = verify(*words, "--ca", estate.folder / "trust" / "ca.pem", *demanded)
    assert found.reason == reason
    assert (found.document["signer"]["identity"], found.document["signer"]["issuer"]) == (
        SUBJECT,
        ISSUER,
    )


def test_the_text_names_the_signer_and_who_vouches(estate: Estate, verify_text: Verify) -> None:
    name = "certificates/compass-2.0"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name))
    ca = ("--ca", estate.folder / "trust" / "ca.pem")
    verified = verify_text(*words, *ca, "--any-identity").out
    assert f"  signer    {SUBJECT}\n  issuer    {ISSUER}\n" in verified
    assert f"  claims    {SUBJECT}\n  issuer    {ISSUER}\n" in verify_text(*words, *ca).out


def test_trusted_root_is_another_name_for_ca(estate: Estate, verify: Verify) -> None:
    name = "certificates/compass-2.0"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name), "--any-identity")
    assert verify(*words, "--trusted-root", estate.folder / "trust" / "ca.pem").reason == ""


def test_a_bare_key_states_no_identity(estate: Estate, trust: list[str], verify: Verify) -> None:
    words = (estate.releases / "keys/beacon-ec.tar.gz", *beside(estate, "keys/beacon-ec"), *trust)
    assert verify(*words, "--certificate-identity", SUBJECT).reason == "IDENTITY_MISMATCH"


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        ("release@atlas.example", ""),
        ("Release <release@atlas.example>", ""),
        ("former@atlas.example", "IDENTITY_MISMATCH"),
    ],
)
def test_an_openpgp_signer_is_its_certified_mailbox(
    identity: str, reason: str, estate: Estate, trust: list[str], verify: Verify
) -> None:
    name = "openpgp/atlas-1.0"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name), *trust)
    assert verify(*words, "--certificate-identity", identity).reason == reason


def test_the_time_asked_for_is_the_time_judged_at(
    estate: Estate, trust: list[str], verify: Verify
) -> None:
    name = "certificates/compass-1.0"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name), *trust, "--any-identity")
    assert verify(*words, "--at", "2024-06-01").reason == ""
    assert verify(*words, "--at", "2024-06-01T12:00:00+02:00").reason == ""
    assert verify(*words, "--at", "2025-06-01").reason == "CERT_EXPIRED_AT_SIGNING"
    name = "openpgp/atlas-1.0"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name), *trust)
    assert verify(*words, "--at", "2020-01-01").code == 1


# --- what an artifact may be ----------------------------------------------------------------------


def digest_word(file: Path, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, file.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("name", "algorithm", "reason"),
    [
        ("keys/beacon-ec", "sha256", ""),
        ("keys/beacon-rsa", "sha256", ""),
        ("keys/beacon-ec", "sha512", "CONTENT_NEEDED"),
        ("keys/beacon-ed25519", "sha256", "CONTENT_NEEDED"),
        ("keys/beacon-attested", "sha256", ""),
        ("keys/beacon-attested", "sha512", "CONTENT_NEEDED"),
        ("openpgp/atlas-1.0", "sha256", "CONTENT_NEEDED"),
        ("certificates/compass-2.0", "sha256", ""),
    ],
)
def test_a_digest_serves_where_the_signature_is_over_one(
    name: str, algorithm: str, reason: str, estate: Estate, trust: list[str], verify: Verify
) -> None:
    word = digest_word(estate.releases / f"{name}.tar.gz", algorithm)
    found = verify(word, *beside(estate, name), *trust, "--any-identity")
    assert found.reason == reason
    assert found.document["artifact"] == {"name": word, "digest": word}


def test_a_statement_about_another_digest_is_refused(
    estate: Estate, trust: list[str], verify: Verify
) -> None:
    other = f"sha256:{'0' * 64}"
    found = verify(other, *beside(estate, "keys/beacon-attested"), *trust)
    assert found.reason == "SUBJECT_MISMATCH"
    assert found.document["expected"] == other


@pytest.mark.parametrize(
    "name", ["keys/beacon-attested", "openpgp/atlas-1.0", "keys/beacon-ec", "keys/beacon-ed25519"]
)
def test_without_an_artifact_it_is_not_known_what_is_covered(
    name: str, estate: Estate, trust: list[str], verify: Verify
) -> None:
    found = verify(*beside(estate, name), *trust)
    assert found.reason == "CONTENT_NEEDED"
    assert found.document["artifact"] == {"name": "", "digest": ""}


def test_provenance_is_shown_with_its_statement(
    estate: Estate, trust: list[str], verify: Verify, verify_text: Verify
) -> None:
    file = estate.releases / "keys/beacon-attested.tar.gz"
    words = (file, *beside(estate, "keys/beacon-attested"), *trust)
    document = verify(*words).document
    assert document["role"] == "provenance"
    assert document["statement"]["predicate_type"] == "https://slsa.dev/provenance/v1"
    assert document["statement"]["subjects"] == [
        {"name": file.name, "digests": [digest_word(file)]}
    ]
    assert "states    https://slsa.dev/provenance/v1" in verify_text(*words).out


def test_a_large_artifact_is_read_from_disk(tmp_path: Path, verify: Verify) -> None:
    large = tmp_path / "large.img"
    with large.open("wb") as written:
        written.truncate(memory_bytes(Limits()) + 1)
    openssl = OpenSsl(tmp_path / "ssl")
    openssl.new_key("ec", "EC", "ec_paramgen_curve:P-256")
    openssl.sign("ec", large)
    key = tmp_path / "ec.pem"
    key.write_bytes(openssl.public("ec"))
    words = (large, "--signature", f"{large}.sig", "--key", key)
    assert verify(*words).reason == ""
    with large.open("r+b") as written:
        written.write(b"1")
    assert verify(*words).reason == "SIGNATURE_INVALID"


def test_a_folder_is_a_model_and_needs_its_signature(tmp_path: Path, verify: Verify) -> None:
    (tmp_path / "model.bin").touch()
    found = verify(tmp_path)
    assert found.reason == "FORMAT_UNSUPPORTED"
    assert "model.sig" in found.document["detail"]
    assert verify(tmp_path, "--bundle", tmp_path / "model.bin").reason == "FORMAT_UNSUPPORTED"


def test_layout_that_is_none_is_malformed(tmp_path: Path, verify: Verify) -> None:
    for name in ("oci-layout", "manifest.json", "signature-1"):
        (tmp_path / name).touch()
    for word in (tmp_path, f"oci:{tmp_path}@sha256:{'0' * 64}"):
        found = verify(word)
        assert found.reason == "MALFORMED"
        assert "layout" in found.document["detail"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"{}", b"{", b"A" * 88, b"\x30\x44" + b"\0" * 68, b"\xff" * 64, b"{}\n{}\n"],
)
def test_what_no_reader_knows_is_unverifiable_or_refused(
    content: bytes, tmp_path: Path, trust: list[str], verify: Verify
) -> None:
    file, evidence = tmp_path / "file", tmp_path / "evidence"
    file.write_bytes(b"content")
    evidence.write_bytes(content)
    for option in ("--bundle", "--signature"):
        assert verify(file, option, evidence, *trust, "--any-identity").code in (1, 3)
    assert verify(evidence, *trust, "--any-identity").reason == "FORMAT_UNSUPPORTED"


def test_huge_evidence_is_refused_after_one_byte_too_many(
    tmp_path: Path, estate: Estate, trust: list[str], verify: Verify
) -> None:
    evidence = tmp_path / "evidence"
    with evidence.open("wb") as written:
        written.truncate(1 << 40)  # sparse: reading it whole would never end
    file = estate.releases / "keys/beacon-ec.tar.gz"
    for option in ("--bundle", "--signature"):
        assert verify(file, option, evidence, *trust).reason == "TOO_LARGE"
    sized = verify("--signature", evidence, f"sha256:{'0' * 64}", *trust).document["detail"]
    assert str(Limits().evidence_bytes + 1) in sized


def test_an_artifact_past_the_limit_is_not_read(tmp_path: Path, verify: Verify) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as written:
        written.truncate(Limits().artifact_bytes + 1)
    assert verify(huge).reason == "TOO_LARGE"


def test_many_documents_in_one_file_are_counted(
    estate: Estate, trust: list[str], tmp_path: Path, verify: Verify
) -> None:
    file = estate.releases / "keys/beacon-attested.tar.gz"
    envelope = Path(f"{file}.intoto.jsonl").read_bytes()
    several = tmp_path / "several.jsonl"
    several.write_bytes(envelope * 3)
    document = verify(file, "--bundle", several, *trust).document
    assert [piece["outcome"] for piece in document["evidence"]] == ["verified"] * 3
    several.write_bytes(envelope.replace(b'"sig": "M', b'"sig": "N') * 70)
    found = verify(file, "--bundle", several, *trust).document
    assert len(found["evidence"]) == Limits().signatures
    assert found["outcome"] == "invalid"
    assert found["checks"][-1]["reason"] == "TOO_LARGE"


# --- cleartext ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningKey]:
    with signing_key(tmp_path_factory.mktemp("gpg") / "home") as key:
        yield key


@pytest.fixture
def keyring(archive_key: SigningKey, tmp_path: Path) -> list[str]:
    path = tmp_path / "archive.gpg"
    path.write_bytes(archive_key.export())
    return ["--keyring", str(path)]


def test_a_signed_text_is_its_own_artifact(
    archive_key: SigningKey, keyring: list[str], tmp_path: Path, verify: Verify
) -> None:
    signed, text = tmp_path / "notes.asc", tmp_path / "notes"
    text.write_bytes(b"- a dash\nand words\n")
    signed.write_bytes(archive_key.clearsign(text.read_bytes()))
    for words in ((signed,), ("--signature", signed), ("--bundle", signed)):
        document = verify(*words, *keyring).document
        assert document["outcome"] == "verified"
        assert document["artifact"] == {"name": "notes.asc", "digest": digest_word(text)}
    assert verify(text, "--signature", signed, *keyring).reason == ""
    assert verify(digest_word(text), "--signature", signed, *keyring).reason == ""
    assert verify(signed, "--signature", signed, *keyring).reason == "SUBJECT_MISMATCH"
    text.write_bytes(b"other words\n")
    assert verify(text, "--signature", signed, *keyring).reason == "SUBJECT_MISMATCH"


@pytest.mark.parametrize("place", ["before", "after"])
def test_attack_11_text_around_a_signed_text_is_refused(
    place: str, archive_key: SigningKey, keyring: list[str], tmp_path: Path, verify: Verify
) -> None:
    message = archive_key.clearsign(b"words\n")
    signed = tmp_path / "notes.asc"
    signed.write_bytes(b"evil\n" + message if place == "before" else message + b"evil\n")
    assert verify(signed, *keyring).reason == "MALFORMED"
    assert verify("--through", signed, *keyring).reason == "MALFORMED"


def test_a_binary_that_holds_a_signed_text_somewhere_is_none(
    archive_key: SigningKey, keyring: list[str], tmp_path: Path, verify: Verify
) -> None:
    binary = tmp_path / "mail.tar"
    binary.write_bytes(b"\0" * 512 + b"\n" + archive_key.clearsign(b"words\n"))
    assert verify(binary, *keyring).reason == "FORMAT_UNSUPPORTED"


# --- chains ---------------------------------------------------------------------------------------

DATE = "Mon, 23 Nov 2026 06:00:00 UTC"
AT = ("--at", "2099-01-01T00:00:00Z")  # after any signature made while this is used
PACK: dict[str, tuple[str, ...]] = {"": (), ".xz": ("xz", "-c"), ".gz": ("gzip", "-c")}


@dataclass(frozen=True)
class Chain:
    """A small archive: InRelease names Packages, which names a package."""

    folder: Path
    key: SigningKey

    def packages(self, *debs: Path) -> bytes:
        """Return a list of the packages."""
        stanzas = []
        for deb in debs:
            name, version, arch = deb.name.removesuffix(".deb").split("_")
            stanzas.append(
                f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\n"
                f"Filename: pool/{deb.name}\nSize: {deb.stat().st_size}\n"
                f"SHA256: {digest_word(deb)[7:]}\n"
            )
        return "\n".join(stanzas).encode()

    def write(self, lists: dict[str, bytes], fields: str = "") -> Path:
        """Write the lists, a Release and its signatures; return InRelease."""
        lines = [f"Origin: Example\nSuite: stable\nDate: {DATE}\n{fields}SHA256:\n"]
        for entry, content in lists.items():
            lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {entry}\n")
            (self.folder / entry.rpartition("/")[2]).write_bytes(content)
        release = "".join(lines).encode()
        (self.folder / "Release").write_bytes(release)
        (self.folder / "Release.gpg").write_bytes(self.key.detach(release))
        (self.folder / "InRelease").write_bytes(self.key.clearsign(release))
        return self.folder / "InRelease"

    def deb(self, name: str, content: bytes = b"content") -> Path:
        """Write a package."""
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture
def archive(archive_key: SigningKey, tmp_path: Path) -> Chain:
    folder = tmp_path / "archive"
    folder.mkdir()
    return Chain(folder, archive_key)


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz"])
@pytest.mark.parametrize("form", ["InRelease", "Release"])
def test_a_package_is_followed_up_to_the_signed_release(
    suffix: str, form: str, archive: Chain, keyring: list[str], verify: Verify
) -> None:
    deb = archive.deb("alpha_1.0_amd64.deb")
    packed = archive.packages(deb)
    packed = run(*PACK[suffix], given=packed) if suffix else packed
    archive.write({f"main/binary-amd64/Packages{suffix}": packed})
    words = ["--through", archive.folder / form, "--through", archive.folder / f"Packages{suffix}"]
    words += ["--signature", archive.folder / "Release.gpg"] if form == "Release" else []
    document = verify(deb, *words, *keyring, *AT).document
    assert document["outcome"] == "verified"
    assert document["artifact"] == {"name": deb.name, "digest": digest_word(deb)}
    links = [check for check in document["checks"] if " stands in " in check["step"]]
    assert [link["outcome"] for link in links] == ["passed", "passed"]
    assert f"main/binary-amd64/Packages{suffix}" in links[0]["detail"]
    assert "alpha 1.0 amd64" in links[1]["detail"]
    # The list may be called as apt keeps it, and it may itself be the artifact.
    kept = archive.folder / "example_dists_stable_main_binary-amd64_Packages"
    kept.write_bytes(packed)
    words[3] = kept
    assert verify(deb, *words, *keyring, *AT).reason == ""
    assert verify(digest_word(deb), *words, *keyring, *AT).reason == ""
    assert verify(*words, *keyring, *AT).document["artifact"]["name"] == kept.name
    assert verify(*words[:2], *words[4:], *keyring, *AT).document["outcome"] == "verified"
    # Without trust nothing is followed.
    unfollowed = verify(deb, *words, *AT).document
    assert unfollowed["reason"] == "TRUST_ROOT_MISSING"
    assert [check["outcome"] for check in unfollowed["checks"][-2:]] == ["skipped"] * 2


def test_each_link_must_hold(archive: Chain, keyring: list[str], verify: Verify) -> None:
    deb, old = archive.deb("alpha_1.0_amd64.deb"), archive.deb("alpha_0.9_amd64.deb", b"old")
    foreign = archive.deb("gamma_1.0_amd64.deb", b"evil")
    good, forged = archive.packages(deb, old), archive.packages(deb, old, foreign)
    through = ["--through", archive.write({"main/binary-amd64/Packages": good})]
    through += ["--through", archive.folder / "Packages", *keyring, *AT]
    assert verify(deb, *through).reason == ""
    # The package is another one under the same name.
    deb.write_bytes(b"altered")
    found = verify(deb, *through).document
    assert (found["reason"], found["found"]) == ("DIGEST_MISMATCH", digest_word(deb))
    assert found["expected"].startswith("sha256:")
    # Nobody listed it.
    assert verify(foreign, *through).reason == "SUBJECT_MISMATCH"
    assert verify(digest_word(foreign), *through).reason == "SUBJECT_MISMATCH"
    # An older one that is listed, too, passed off as the newer.
    deb.write_bytes(old.read_bytes())
    assert verify(deb, *through).reason == "DIGEST_MISMATCH"
    assert verify(deb, *through, "--name", "alpha").reason == ""
    assert verify(deb, *through, "--name", "alpha_0.9_amd64.deb").reason == ""
    assert verify(deb, *through, "--name", "alpha_1.0_amd64.deb").reason == "DIGEST_MISMATCH"
    assert verify(deb, *through, "--name", "beta").reason == "SUBJECT_MISMATCH"
    # The list is another one than the Release names.
    (archive.folder / "Packages").write_bytes(forged)
    assert verify(foreign, *through).reason == "DIGEST_MISMATCH"
    # A list may not be left out, nor stand in another's place.
    (archive.folder / "Packages").write_bytes(good)
    assert verify(old, *through[:2], *through[4:]).reason == "SUBJECT_MISMATCH"
    assert verify(old, *through[2:4], *through[:2], *through[4:]).reason == "LIST_UNSIGNED"


def test_a_release_counts_only_in_its_time(
    archive: Chain, keyring: list[str], verify: Verify
) -> None:
    lists = {"main/binary-amd64/Packages": b""}
    inline = archive.write(lists, "Valid-Until: Mon, 30 Nov 2026 06:00:00 UTC\n")
    detached = (archive.folder / "Release", "--signature", archive.folder / "Release.gpg")
    packages = (archive.folder / "Packages", "--through", inline)
    for words in ((inline,), ("--through", inline), detached, packages):
        assert verify(*words, *keyring, *AT).reason == "METADATA_EXPIRED", words


def test_a_signed_letter_about_digests_is_no_release(
    archive: Chain, keyring: list[str], verify: Verify
) -> None:
    letter = archive.folder / "letter.asc"
    letter.write_bytes(archive.key.clearsign(b"Hello,\n\nSHA256:\n  abc  app.tar.gz\n"))
    assert verify(letter, *keyring).reason == ""


def test_a_list_named_by_weak_digests_only_proves_nothing(
    archive: Chain, keyring: list[str], verify: Verify
) -> None:
    deb = archive.deb("alpha_1.0_amd64.deb")
    weak = archive.packages(deb).replace(b"SHA256:", b"MD5sum:")
    inline = archive.write({"main/binary-amd64/Packages": weak})
    through = ("--through", inline, "--through", archive.folder / "Packages", *keyring, *AT)
    assert verify(deb, *through).reason == "ALGORITHM_WEAK"
    assert verify(digest_word(deb), *through).reason == "SUBJECT_MISMATCH"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"nothing anybody reads\n", "FORMAT_UNSUPPORTED"),
        (b"", "FORMAT_UNSUPPORTED"),
        (b"\xfd7zXZ\x00garbage", "MALFORMED"),
        (b"\x1f\x8bgarbage", "MALFORMED"),
        (b"Package: alpha\nVersion: 1\nno field\n", "MALFORMED"),
        (b"Package: a\nX: " + b"x" * (Limits().stanza_bytes + 1), "TOO_LARGE"),
    ],
)
def test_a_signed_list_that_cannot_be_read_never_verifies(
    content: bytes, reason: str, archive: Chain, keyring: list[str], verify: Verify
) -> None:
    deb = archive.deb("alpha_1.0_amd64.deb")
    inline = archive.write({"main/binary-amd64/Packages": content})
    through = ("--through", inline, "--through", archive.folder / "Packages", *keyring, *AT)
    assert verify(deb, *through).reason == reason


def test_flipping_any_byte_of_a_chain_breaks_it(
    archive: Chain, keyring: list[str], verify: Verify
) -> None:
    deb = archive.deb("alpha_1.0_amd64.deb")
    packed = run("gzip", "-c", given=archive.packages(deb))
    inline = archive.write({"main/binary-amd64/Packages.gz": packed})
    lists = [inline, archive.folder / "Packages.gz"]
    words = [deb, "--through", lists[0], "--through", lists[1], *keyring, *AT]
    assert verify(*words).reason == ""
    for file in (deb, lists[1]):
        whole = file.read_bytes()
        for place in range(0, len(whole), 7):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert verify(*words).code == 1, (file, place)
        file.write_bytes(whole)
    message = inline.read_bytes()
    signed = message.index(b"\n\n") + 2, message.index(b"-----BEGIN PGP SIGNATURE")
    for place in range(signed[0], signed[1] - 1, 3):
        inline.write_bytes(message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :])
        assert verify(*words).code == 1, place


@pytest.fixture
def sums(estate: Estate, tmp_path: Path) -> Path:
    """A copy of the estate's folder with a signed checksum list."""
    return Path(shutil.copytree(estate.releases / "checksums", tmp_path / "sums"))


def test_a_checksum_list_binds_names(sums: Path, trust: list[str], verify: Verify) -> None:
    words = ["--through", sums / "SHA256SUMS", "--signature", sums / "SHA256SUMS.asc", *trust]
    amd64, arm64 = sums / "delta-amd64.tar.gz", sums / "delta-arm64.tar.gz"
    assert verify(amd64, *words).reason == ""
    renamed = sums / "renamed.tar.gz"
    renamed.write_bytes(amd64.read_bytes())
    found = verify(renamed, *words).document
    assert (found["reason"], found["found"]) == ("SUBJECT_MISMATCH", amd64.name)
    assert verify(renamed, *words, "--name", amd64.name).reason == ""
    assert verify(digest_word(amd64), *words).reason == ""
    assert verify(digest_word(amd64), *words, "--name", amd64.name).reason == ""
    assert verify(digest_word(amd64), *words, "--name", arm64.name).reason == "DIGEST_MISMATCH"
    assert verify(digest_word(amd64, "sha512"), *words).reason == "CONTENT_NEEDED"
    arm64.write_bytes(amd64.read_bytes())
    assert verify(arm64, *words).reason == "DIGEST_MISMATCH"
    # The signature is of this list and no other.
    (sums / "SHA256SUMS").write_text(f"{digest_word(arm64)[7:]}  {arm64.name}\n")
    assert verify(arm64, *words).reason == "SIGNATURE_INVALID"


def test_a_list_that_bears_its_signature_needs_no_other(
    sums: Path, archive_key: SigningKey, keyring: list[str], verify: Verify
) -> None:
    signed = sums / "SHA512SUMS.asc"
    file = sums / "delta-amd64.tar.gz"
    lines = f"{digest_word(file, 'sha512')[7:]}  ./{file.name}\n"
    signed.write_bytes(archive_key.clearsign(lines.encode()))
    assert verify(file, "--through", signed, *keyring).reason == ""
    other = sums / "delta-notes.tar.gz"
    assert verify(other, "--through", signed, *keyring).reason == "SUBJECT_MISMATCH"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("{md5} *{name}\n{sha1} *{name}\n{sha256} *{name}\n{sha512} *{name}\n", ""),
        ("# BLAKE2B HASH\n{blake2b}  {name}\n# SHA512 HASH\n{sha512}  {name}\n", ""),
        ("# BLAKE2B HASH\n{sha512}  {name}\n# SHA512 HASH\n{blake2b}  {name}\n", "DIGEST_MISMATCH"),
        ("{md5} *{name}\n{sha1} *{name}\n", "ALGORITHM_WEAK"),
    ],
    ids=["qubes", "gentoo", "gentoo, exchanged", "weak alone"],
)
def test_a_list_of_several_hashes_binds_by_the_strong_ones(
    sums: Path, archive_key: SigningKey, keyring: list[str], verify: Verify, lines: str, reason: str
) -> None:
    signed, file = sums / "DIGESTS", sums / "delta-amd64.tar.gz"
    names = ("md5", "sha1", "sha256", "sha512", "blake2b")
    values = {one: hashlib.new(one.replace("2b", "2b512"), file.read_bytes(), usedforsecurity=False)
              for one in names}  # fmt: skip
    digits = {one: value.hexdigest() for one, value in values.items()}
    signed.write_bytes(archive_key.clearsign(lines.format(name=file.name, **digits).encode()))
    assert verify(file, "--through", signed, *keyring).reason == reason


def test_a_list_nobody_signed_can_only_refute(sums: Path, trust: list[str], verify: Verify) -> None:
    words = ("--through", sums / "SHA256SUMS", *trust)
    assert verify(sums / "delta-amd64.tar.gz", *words).reason == "LIST_UNSIGNED"
    assert verify(sums / "delta-riscv64.tar.gz", *words).reason == "DIGEST_MISMATCH"
    assert verify(sums / "delta-notes.tar.gz", *words).reason == "SUBJECT_MISMATCH"
    assert verify(digest_word(sums / "delta-amd64.tar.gz"), *words).reason == "LIST_UNSIGNED"
    assert verify(*words).reason == "LIST_UNSIGNED"


# --- image folders --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Images:
    """Image folders with signatures by two keys."""

    folder: Path
    openssl: OpenSsl

    def sign(self, number: int, key: str, digest: str = "") -> None:
        """Write signature-N over the manifest's digest, or over another one."""
        named = digest or digest_word(self.folder / "manifest.json")
        payload = json.dumps(
            {
                "critical": {
                    "identity": {"docker-reference": "registry.example/app"},
                    "image": {"docker-manifest-digest": named},
                    "type": "cosign container image signature",
                },
                "optional": None,
            }
        ).encode()
        file = self.openssl.folder / "payload"
        file.write_bytes(payload)
        self.openssl.sign(key, file)
        signature = base64.b64encode(Path(f"{file}.sig").read_bytes()).decode()
        packed = container(SIMPLE_SIGNING, payload, {SIGNATURE_ANNOTATION: signature})
        (self.folder / f"signature-{number}").write_bytes(packed)


@pytest.fixture(scope="module")
def two_keys(tmp_path_factory: pytest.TempPathFactory) -> OpenSsl:
    openssl = OpenSsl(tmp_path_factory.mktemp("keys") / "ssl")
    for name in ("good", "other"):
        openssl.new_key(name, "EC", "ec_paramgen_curve:P-256")
        (openssl.folder / f"{name}.pub").write_bytes(openssl.public(name))
    return openssl


@pytest.fixture
def image(two_keys: OpenSsl, tmp_path: Path) -> Images:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"schemaVersion": 2}')
    return Images(folder, two_keys)


def test_an_image_folder_is_judged_by_all_its_signatures(
    image: Images, verify: Verify, verify_text: Verify
) -> None:
    words = (image.folder, "--key", image.openssl.folder / "good.pub")
    assert verify(*words).reason == "FORMAT_UNSUPPORTED"  # nothing there
    image.sign(1, "other")
    assert verify(*words).reason == "SIGNATURE_INVALID"
    image.sign(10, "good")
    document = verify(*words).document
    assert document["outcome"] == "verified"
    assert document["artifact"]["digest"] == digest_word(image.folder / "manifest.json")
    assert [piece["outcome"] for piece in document["evidence"]] == ["invalid", "verified"]
    assert "contested" in document["checks"][-1]["detail"]
    assert "2 pieces of evidence:" in verify_text(*words).out
    (image.folder / "manifest.json").write_text('{"schemaVersion": 1}')
    assert verify(*words).reason == "SUBJECT_MISMATCH"
    (image.folder / "manifest.json").unlink()
    assert verify(*words).reason == "CONTENT_NEEDED"


def test_a_container_is_also_a_signature_of_its_own(image: Images, verify: Verify) -> None:
    image.sign(1, "good")
    beside = ("--signature", image.folder / "signature-1")
    key = ("--key", image.openssl.folder / "good.pub")
    manifest = image.folder / "manifest.json"
    assert verify(manifest, *beside, *key).reason == ""
    assert verify(digest_word(manifest), *beside, *key).reason == ""
    assert verify(f"sha256:{'1' * 64}", *beside, *key).reason == "SUBJECT_MISMATCH"


def test_more_signatures_than_the_limit_are_said_to_be(image: Images, verify: Verify) -> None:
    most = Limits().signatures
    for number in range(1, most + 3):
        (image.folder / f"signature-{number}").write_bytes(b"?")
    document = verify(image.folder, "--key", image.openssl.folder / "good.pub").document
    assert len(document["evidence"]) == most
    assert document["checks"][-1]["reason"] == "TOO_LARGE"


# --- how several pieces decide --------------------------------------------------------------------


def piece(outcome: Outcome, role: Role = Role.SIGNATURE) -> Verification:
    reasons = {
        Outcome.VERIFIED: "",
        Outcome.INVALID: "SIGNATURE_INVALID",
        Outcome.UNTRUSTED: "KEY_UNKNOWN",
        Outcome.UNVERIFIABLE: "CONTENT_NEEDED",
    }
    return Verification(outcome, "format", role, reasons[outcome])


GOOD, BAD, STRANGE, BLIND = map(piece, Outcome)
ATTESTED = piece(Outcome.VERIFIED, Role.ATTESTATION)
REFUSED_ATTESTATION = piece(Outcome.UNTRUSTED, Role.ATTESTATION)


@pytest.mark.parametrize(
    ("pieces", "outcome"),
    [
        ([GOOD, BAD], Outcome.VERIFIED),
        ([BAD, GOOD], Outcome.VERIFIED),
        ([STRANGE, BAD], Outcome.INVALID),
        ([BLIND, STRANGE], Outcome.UNTRUSTED),
        ([BLIND, BLIND], Outcome.UNVERIFIABLE),
        ([ATTESTED, BLIND], Outcome.UNVERIFIABLE),
        ([ATTESTED, STRANGE], Outcome.UNTRUSTED),
        ([ATTESTED, piece(Outcome.INVALID, Role.ATTESTATION)], Outcome.INVALID),
        ([REFUSED_ATTESTATION, ATTESTED], Outcome.VERIFIED),
        ([REFUSED_ATTESTATION], Outcome.UNTRUSTED),
        ([piece(Outcome.VERIFIED, Role.TIMESTAMP)], Outcome.VERIFIED),
        ([], Outcome.UNVERIFIABLE),
    ],
)
def test_attack_13_several_pieces_come_to_one_outcome(
    pieces: list[Verification], outcome: Outcome
) -> None:
    assert decide(pieces, ()).outcome is outcome


def test_attack_13_what_was_not_read_never_leaves_an_attestation_alone() -> None:
    unread = (Unread("FORMAT_UNSUPPORTED", "another"),)
    assert decide([ATTESTED], unread).outcome is Outcome.UNVERIFIABLE
    noted = decide([GOOD], unread)
    assert (noted.outcome, noted.checks[-1].detail) == (Outcome.VERIFIED, "another")


# --- trust files and usage ------------------------------------------------------------------------


def test_a_broken_entry_is_left_out_and_warned_of(
    estate: Estate, tmp_path: Path, verify: Verify
) -> None:
    good = (estate.folder / "trust" / "ec.pem").read_bytes()
    broken = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    keys = tmp_path / "keys.pem"
    name = "keys/beacon-ec"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name), "--key", keys)
    for content in (
        broken + good,
        good + broken,
        b"words\n" + good + b"-----BEGIN PUBLIC KEY-----\n",
    ):
        keys.write_bytes(content)
        found = verify(*words)
        assert found.reason == ""
        assert found.err.count("warning") == 1
        assert str(keys) in found.err
    keys.write_bytes(broken)
    found = verify(*words)
    assert (found.reason, found.err.count("warning")) == ("TRUST_ROOT_MISSING", 1)


def test_a_broken_certificate_in_a_keyring_is_left_out(
    estate: Estate, tmp_path: Path, verify: Verify
) -> None:
    good = (estate.folder / "trust" / "release.asc").read_bytes()
    broken = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"
    ring = tmp_path / "ring.asc"
    ring.write_bytes(good + broken)
    name = "openpgp/atlas-1.0"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name), "--keyring", ring)
    found = verify(*words)
    assert found.reason == ""
    assert "warning" in found.err
    ring.write_bytes(broken)
    assert verify(*words).code == 3


def test_a_bundle_of_authorities_is_read_one_by_one(
    estate: Estate, tmp_path: Path, verify: Verify
) -> None:
    authority = (estate.folder / "trust" / "ca.pem").read_bytes()
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(broken + authority)
    name = "certificates/compass-2.0"
    words = (estate.releases / f"{name}.tar.gz", *beside(estate, name), "--any-identity")
    found = verify(*words, "--ca", bundle)
    assert (found.reason, found.err.count("warning")) == ("", 1)


@pytest.mark.parametrize(
    ("option", "content"),
    [
        ("--trusted-root", b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json"}'),
        ("--key", b'{"keys": []}'),
        ("--key", b"untrusted comment: minisign public key\nRWQ\n"),
        ("--key", b"a@b.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI x\n"),
        ("--key", b'a@b.example namespaces="git" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI\n'),
    ],
)
def test_trust_file_of_a_known_kind_that_holds_nothing_readable_is_a_usage_error(
    option: str, content: bytes, estate: Estate, tmp_path: Path, verify_text: Verify
) -> None:
    given = tmp_path / "trust"
    given.write_bytes(content)
    name = "keys/beacon-ec"
    found = verify_text(
        estate.releases / f"{name}.tar.gz", *beside(estate, name), option, given, "--json"
    )
    assert (found.code, found.out) == (2, "")
    assert "could trust" in found.err


@pytest.fixture
def places(estate: Estate, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "empty").touch()
    (tmp_path / "garbage").write_bytes(b"\x01\x02 garbage")
    (tmp_path / "json").write_bytes(b"{")
    with (tmp_path / "huge").open("wb") as written:
        written.truncate(MAX_TRUST_BYTES + 1)
    run("openssl", "genpkey", "-algorithm", "ED25519", "-out", str(tmp_path / "private"))
    trusted = estate.folder / "trust"
    names = ("empty", "garbage", "json", "huge", "private", "absent")
    return {
        "file": str(estate.releases / "keys" / "beacon-ec.tar.gz"),
        "signature": str(estate.releases / "keys" / "beacon-ec.tar.gz.sig"),
        "folder": str(tmp_path),
        "key": str(trusted / "ec.pem"),
        "keyring": str(trusted / "release.asc"),
        "ca": str(trusted / "ca.pem"),
        **{name: str(tmp_path / name) for name in names},
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to verify"),
        (("--key", "{key}"), "nothing to verify"),
        (("{absent}",), "No such file"),
        (("sha256:abc0123456789abcdef",), "no digest"),
        ((f"sha256:{'A' * 64}",), "no digest"),
        ((f"md5:{'a' * 32}",), "no digest"),
        ((f"sha256:{'a' * 64}",), "holds no evidence"),
        (("{file}", "--signature", "{absent}"), "No such file"),
        (("{file}", "--signature", "{folder}"), "directory"),
        (("{file}", "--bundle", "{absent}"), "No such file"),
        (("{absent}", "--signature", "{signature}"), "No such file"),
        (("{file}", "--through", "{absent}"), "No such file"),
        (("{file}", "--through", "{folder}"), "directory"),
        (("{file}", "--certificate", "{ca}"), "--certificate"),
        (("{file}", "--signature", "{signature}", "--certificate", "{absent}"), "No such file"),
        (("{file}", "--key", "{absent}"), "No such file"),
        (("{file}", "--key", "{folder}"), "directory"),
        (("{file}", "--key", "{empty}"), "nothing --key could trust"),
        (("{file}", "--key", "{garbage}"), "nothing --key could trust"),
        (("{file}", "--key", "{json}"), "nothing --key could trust"),
        (("{file}", "--key", "{private}"), "no public key"),
        (("{file}", "--key", "{huge}"), "bytes of trust"),
        (("{file}", "--key", "{ca}"), "give it with --ca"),
        (("{file}", "--key", "{keyring}"), "give it with --keyring"),
        (("{file}", "--keyring", "{key}"), "give it with --key"),
        (("{file}", "--keyring", "{garbage}"), "nothing --keyring could trust"),
        (("{file}", "--keyring", "{empty}"), "nothing --keyring could trust"),
        (("{file}", "--ca", "{key}"), "give it with --key"),
        (("{file}", "--trusted-root", "{garbage}"), "nothing --ca could trust"),
        (("{file}", "--at", "yesterday"), "--at"),
        (("{file}", "--at", "2026-01-31T12:00:00"), "zone"),
        (("{file}", "--any-identity", "--certificate-identity", "x"), "contradict"),
        (("{file}", "{file}"), "unexpected extra argument"),
        (("{file}", "--frobnicate"), "No such option"),
    ],
)
def test_a_call_that_means_nothing_is_a_usage_error(
    words: tuple[str, ...], said: str, places: dict[str, str], verify_text: Verify
) -> None:
    found = verify_text(*(word.format(**places) for word in words), "--json")
    assert found.code == 2
    assert said in found.err
    assert not found.out


# --- hostile names, other terminals ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        b"a\nVERIFIED: b",
        b"a\x1b[2J\x1b]0;title\x07",
        "a\u202egpj.exe".encode(),
        b"a\xff\xfe",
        b"back\\slash",
        b"--key",
        "Grüße \N{SNOWMAN}".encode(),
    ],
)
def test_attack_20_a_hostile_name_steers_nothing(
    name: bytes, estate: Estate, trust: list[str], tmp_path: Path, verify_text: Verify
) -> None:
    file = Path(os.fsdecode(bytes(tmp_path) + b"/" + name))
    shutil.copy(estate.releases / "keys/beacon-ec.tar.gz", file)
    words = (file, *beside(estate, "keys/beacon-ec"), *trust)
    text = verify_text(*words)
    assert text.code == 0
    assert sum(line.startswith("VERIFIED") for line in text.out.splitlines()) == 1
    assert all(c == "\n" or c.isprintable() for c in text.out)
    document = verify_text(*words, "--json").document
    json.dumps(document, ensure_ascii=False).encode()  # no half characters
    absent = verify_text(f"{file}-absent", "--name", os.fsdecode(name))
    assert absent.code == 2
    assert all(c == "\n" or c.isprintable() for c in absent.err)


def test_a_terminal_without_the_letters_gets_their_escapes(
    estate: Estate, trust: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "Grüße"
    shutil.copy(estate.releases / "keys/beacon-ec.tar.gz", file)
    words = [str(file), *beside(estate, "keys/beacon-ec"), *trust]
    program = Path(app.__file__)
    ended = subprocess.run(
        [sys.executable, str(program), "verify", *words],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"},
        cwd=tmp_path,  # no settings file there, and none is missed
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"VERIFIED: Gr\\xfc\\xdfe\n")


# --- the shared vectors ---------------------------------------------------------------------------

BUNDLES = {
    "sigstore-bundle", "npm-attestations", "pep740-attestation", "pep740-provenance", "dsse",
    "model-signing",
}  # fmt: skip
DETACHED = {"notation-jws", "notation-cose", "rfc3161", "helm-provenance", "gpg-simple-signing"}
OPENPGP = {"rpm", "openpgp-cleartext", "helm-provenance", "gpg-simple-signing"}
READ = {"cosign-oci": 11}  # collections whose formats are read: how many come out right


def vector_words(case: dict[str, Any], folder: Path) -> list[str]:
    words = [str(folder / case["artifact"])] if case["artifact"] else []
    if not words and case.get("digest"):
        words = [case["digest"]]
    if case["format"] in BUNDLES | DETACHED:
        option = "--bundle" if case["format"] in BUNDLES else "--signature"
        words += [option, str(folder / case["evidence"])]
    if case["key"]:
        openpgp = case["format"] in OPENPGP or case["format"].endswith("-openpgp")
        words += ["--keyring" if openpgp else "--key", str(folder / case["key"])]
    identity = case["identity"]
    words += ["--certificate-identity", identity] if identity else ["--any-identity"]
    words += ["--certificate-oidc-issuer", case["issuer"]] if case["issuer"] else []
    root = case["trusted_root"]
    return words + (["--trusted-root", str(folder / root)] if root else [])


@pytest.mark.parametrize(
    "collection",
    [
        "cosign-oci", "model-signing", "notation", "openpgp-git", "pep740", "rfc3161", "rpm",
        "sigstore-conformance", "slsa-verifier", "ssh-git",
    ],
)  # fmt: skip
def test_no_vector_is_falsely_accepted_and_none_crashes(
    collection: str, vectors: Path, verify: Verify
) -> None:
    folder = vectors / collection
    words = {0: "verified", 1: "refused", 3: "unverifiable"}
    right = 0
    for case in json.loads((folder / "cases.json").read_text()):
        found = verify(*vector_words(case, folder))
        said = words[CODES[found.document["outcome"]]]
        accepted = {case["expect"], *case.get("also", ())}
        right += said in accepted
        if "verified" not in accepted and not case.get("soft"):
            assert said != "verified", (case["name"], found.document)
    assert right >= READ.get(collection, 0)
