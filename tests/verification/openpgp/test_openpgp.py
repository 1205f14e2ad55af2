"""OpenPGP signatures: the matrix of good and bad keys, and what a signature must cover."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pysequoia import Profile, SignatureMode, Tsk, sign

from core.limits import Limits
from core.model import (
    Check,
    CheckOutcome,
    Digest,
    Evidence,
    MemoryContent,
    Outcome,
    ReleaseExpectation,
    Role,
    SignerKind,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from core.reasons import outcome_of
from tests.verification.openpgp.openpgp_material import LATER, MADE, TEXT, gnupg, material
from verification.format import Setting
from verification.formats.openpgp import OpenPgpCleartext, OpenPgpDetached
from verification.openpgp.keyring import read_keyring
from verification.openpgp.packets import split_packets
from verification.verifier import IdentityDemand, demand_identity

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TRUSTED = ("ed", "rsa", "comp", "sup", "weak", "exp", "late", "sub", "lost")


@dataclass(frozen=True)
class FileContent:
    """Content that lies in a file."""

    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        yield self.path.read_bytes()

    def read_at(self, offset: int, length: int) -> bytes:
        return self.path.read_bytes()[offset : offset + length]

    def digest(self, algorithm: str) -> Digest:
        return digest_of(self.path.read_bytes(), algorithm)


def entry(content: bytes, *only: str, name: str = "ring") -> TrustEntry:
    return TrustEntry(name, TrustKind.KEYRING, content, "ring.gpg", only)


def trusting(*names: str) -> tuple[TrustEntry, ...]:
    return (entry(material().keyring(*(names or TRUSTED))),)


def detached(
    signature: bytes,
    *entries: TrustEntry,
    content: bytes = TEXT,
    now: datetime = NOW,
    subject: Subject | None = None,
    limits: Limits | None = None,
) -> Verification:
    subject = subject or Subject("text", (digest_of(content),), MemoryContent(content))
    evidence = Evidence(signature, "application/pgp-signature", "text.sig", subject)
    setting = Setting(Trust(entries or trusting()), now, limits or Limits())
    return OpenPgpDetached().verify(evidence, setting)


def cleartext(
    message: bytes,
    *entries: TrustEntry,
    text: bytes = TEXT,
    expectation: ReleaseExpectation | None = None,
    now: datetime = NOW,
) -> Verification:
    subject = Subject("text", (digest_of(text),))
    evidence = Evidence(message, "text/plain", "InRelease", subject, expectation=expectation)
    return OpenPgpCleartext().verify(evidence, Setting(Trust(entries or trusting()), now, Limits()))


def fingerprint(name: str) -> str:
    ring = read_keyring(entry(material().certificates[name]), Limits())
    return ring.certificates[0].fingerprint


MATRIX = {
    "good Ed25519": ("ed", TEXT, ""),
    "good RSA": ("rsa", TEXT, ""),
    "tampered": ("ed", TEXT + b"x", "SIGNATURE_INVALID"),
    "unknown key": ("unk", TEXT, "KEY_UNKNOWN"),
    "signed before key expiry": ("before", TEXT, ""),
    "signed after key expiry": ("after", TEXT, "KEY_EXPIRED"),
    "key revoked as compromised": ("comp", TEXT, "KEY_REVOKED"),
    "key superseded later": ("sup", TEXT, ""),
    "SHA-1 signature": ("sha1", TEXT, "ALGORITHM_WEAK"),
    "RSA-1024": ("weak", TEXT, "ALGORITHM_WEAK"),
    "future-dated": ("future", TEXT, "TIME_IN_FUTURE"),
    "signature itself expired": ("brief", TEXT, "SIGNATURE_EXPIRED"),
}


@pytest.mark.parametrize(("name", "content", "reason"), MATRIX.values(), ids=MATRIX)
def test_attack_10_matrix(name: str, content: bytes, reason: str) -> None:
    verification = detached(material().signatures[name], content=content)
    assert verification.reason == reason
    assert verification.outcome is (outcome_of(reason) if reason else Outcome.VERIFIED)
    failed = [one for one in verification.checks if one.outcome is CheckOutcome.FAILED]
    assert [one.reason for one in failed] == ([reason] if reason else [])


def test_verified_tells_who_when_and_by_which_steps() -> None:
    verification = detached(material().signatures["ed"])
    assert verification.role is Role.SIGNATURE
    assert verification.format == "openpgp-detached"
    assert verification.signer is not None
    assert verification.signer.kind is SignerKind.OPENPGP
    assert verification.signer.key_fingerprint == fingerprint("ed")
    assert verification.signer.key_algorithm == "Ed25519"
    assert verification.signer.identity == "ed <ed@acme.test>"
    assert verification.anchors == (fingerprint("ed"),)
    assert verification.signed_at == datetime(2024, 6, 1, tzinfo=UTC)
    assert (verification.time_source, verification.time_trusted) == ("openpgp", False)
    assert verification.claims["hash_algorithm"] == "SHA-256"
    assert verification.due_at is None
    assert [one.step for one in verification.checks] == [
        "limits and framing",
        "packets",
        "key in the trust given",
        "algorithm strength",
        "valid at signing time",
        "mathematics",
        "covers this subject",
    ]
    assert {one.outcome for one in verification.checks} == {CheckOutcome.PASSED}


def test_refusal_before_the_mathematics_says_so() -> None:
    verification = detached(material().signatures["sha1"])
    last = verification.checks[-1]
    assert (last.step, last.outcome) == ("mathematics", CheckOutcome.SKIPPED)
    assert (verification.expected, verification.found) == ("SHA-256 or better", "SHA-1")


def test_unknown_key_shows_what_is_trusted_and_what_was_named() -> None:
    verification = detached(material().signatures["unk"], *trusting("ed"))
    assert verification.expected == f"one of {fingerprint('ed')}"
    assert verification.found == fingerprint("unk")
    assert verification.signer is None


def test_weak_key_and_hash_stay_weak_over_altered_content() -> None:
    for name in ("sha1", "weak"):
        assert detached(material().signatures[name], content=b"x").reason == "ALGORITHM_WEAK"


# Time


def test_revoked_since_is_noted_and_still_counts() -> None:
    verification = detached(material().signatures["sup"])
    assert _notes(verification, "key as of today") == ["KEY_REVOKED"]


def test_expired_since_is_noted_and_still_counts() -> None:
    verification = detached(material().signatures["before"])
    assert _notes(verification, "key as of today") == ["KEY_EXPIRED"]
    early = detached(material().signatures["before"], now=datetime(2024, 7, 1, tzinfo=UTC))
    assert early.outcome is Outcome.VERIFIED
    assert _notes(early, "key as of today") == []


def _notes(verification: Verification, step: str) -> list[str]:
    return [
        one.reason
        for one in verification.checks
        if one.outcome is CheckOutcome.NOTED and one.step == step
    ]


def test_signature_made_after_it_was_superseded_is_refused() -> None:
    with gnupg() as gpg:
        gpg.key("old")
        signature = gpg.sign("old", at=LATER)
        gpg.revoke("old", "2")
        verification = detached(signature, entry(gpg.export("old")))
    assert verification.reason == "KEY_REVOKED"


def test_the_time_passed_in_decides_what_is_the_future() -> None:
    signature = material().signatures["ed"]
    made = datetime(2024, 6, 1, tzinfo=UTC)
    assert detached(signature, now=made).outcome is Outcome.VERIFIED
    early = detached(signature, now=made - timedelta(seconds=1))
    assert (early.reason, early.due_at) == ("TIME_IN_FUTURE", made)


def test_the_time_passed_in_decides_whether_a_signature_has_ended() -> None:
    signature = material().signatures["brief"]  # the engine asks the machine's clock, and says no
    end = datetime(2024, 7, 1, tzinfo=UTC)
    held = detached(signature, now=end - timedelta(seconds=1))
    assert held.outcome is Outcome.VERIFIED
    assert (held.due_at, held.due_reason) == (end, "SIGNATURE_EXPIRED")
    assert detached(signature, now=end).reason == "SIGNATURE_EXPIRED"
    other = detached(signature, now=end - timedelta(seconds=1), content=TEXT + b"!")
    assert other.reason == "SIGNATURE_INVALID"


def test_attack_02_keyring_counts_only_inside_its_window() -> None:
    signature = material().signatures["ed"]
    made, instant = datetime(2024, 6, 1, tzinfo=UTC), timedelta(microseconds=1)
    whole = trusting("ed")[0]
    inside = detached(signature, replace(whole, valid_from=made, valid_until=NOW))
    assert inside.outcome is Outcome.VERIFIED
    assert (inside.due_at, inside.due_reason) == (NOW + instant, "KEY_EXPIRED")
    for outside in (
        replace(whole, valid_from=made + instant),
        replace(whole, valid_until=NOW - instant),
        replace(whole, valid_until=made),
    ):
        assert detached(signature, outside).reason == "KEY_EXPIRED"


def test_any_keyring_that_is_open_counts() -> None:
    closed = replace(trusting("ed")[0], valid_until=NOW - timedelta(days=1))
    verification = detached(material().signatures["ed"], closed, entry(material().keyring("ed")))
    assert verification.outcome is Outcome.VERIFIED
    assert verification.due_at is None


# Keys


def test_subkey_signs_for_its_primary_key() -> None:
    verification = detached(material().signatures["sub"])
    assert verification.outcome is Outcome.VERIFIED
    assert verification.anchors == (fingerprint("sub"),)
    assert verification.claims["signing_key_fingerprint"] != fingerprint("sub")


def test_attack_10_revoked_subkey_is_refused() -> None:
    assert detached(material().signatures["lost"]).reason == "KEY_REVOKED"


def test_attack_10_unbound_subkey_is_refused() -> None:
    packets = [one.raw for one in split_packets(material().certificates["sub"], most=50)]
    own, subkey, binding = material().certificates["ed"], packets[3], packets[4]
    for graft in (own + subkey, own + subkey + binding):
        verification = detached(material().signatures["sub"], entry(graft))
        assert verification.outcome is not Outcome.VERIFIED
        assert verification.reason in ("KEY_UNKNOWN", "SIGNATURE_INVALID")
    unbound = b"".join([*packets[:4], *packets[5:]])
    assert detached(material().signatures["sub"], entry(unbound)).reason == "KEY_UNKNOWN"


def test_attack_10_altered_binding_is_refused() -> None:
    whole = material().certificates["sub"]
    packets = list(split_packets(whole, most=50))
    end = sum(len(one.raw) for one in packets[:5])
    altered = bytearray(whole)
    altered[end - 1] ^= 1
    verification = detached(material().signatures["sub"], entry(bytes(altered)))
    assert verification.outcome is not Outcome.VERIFIED


def test_revocation_in_another_copy_counts() -> None:
    packets = split_packets(material().certificates["comp"], most=50)
    stale = b"".join(one.raw for one in packets if one.tag != 2 or one.body[1] != 0x20)
    signature = material().signatures["comp"]
    assert detached(signature, entry(stale)).outcome is Outcome.VERIFIED
    both = detached(signature, entry(stale), entry(material().certificates["comp"], "0" * 40))
    assert both.reason == "KEY_REVOKED"


def test_only_narrows_who_may_sign() -> None:
    signature, content = material().signatures["sub"], material().keyring("ed", "sub")
    subkey = detached(signature).claims["signing_key_fingerprint"]
    for accepted in (fingerprint("sub"), subkey, subkey + "!"):
        assert detached(signature, entry(content, accepted)).outcome is Outcome.VERIFIED
    for refused in (fingerprint("sub") + "!", fingerprint("ed"), subkey[-16:]):
        verification = detached(signature, entry(content, refused))
        assert verification.reason == "KEY_UNKNOWN"
        assert "not among the fingerprints" in verification.detail


def test_signature_that_names_no_key_is_tried_under_all() -> None:
    (packet,) = split_packets(material().signatures["ed"], most=1)
    # The issuer's fingerprint is the first signed subpacket: made private, it names nothing. What
    # is signed changes by that, so the mathematics must fail under every key.
    body = bytearray(packet.body)
    assert body[7] == 33
    body[7] = 110
    at = 6 + int.from_bytes(body[4:6], "big")
    nameless = bytes(body[:at]) + b"\0\0" + bytes(body[at + 2 + body[at + 1] :])
    raw = b"\xc2" + bytes([len(nameless)]) + nameless
    verification = detached(raw, *trusting("ed", "sub"))
    assert verification.reason == "SIGNATURE_INVALID"
    assert verification.detail == "it names no key, and holds under none of 3 keys"


# Trust


def test_no_keyring_at_all_is_said() -> None:
    other = TrustEntry("key", TrustKind.KEY, b"-----BEGIN PUBLIC KEY-----", "key.pem")
    assert detached(material().signatures["ed"], other).reason == "TRUST_ROOT_MISSING"


def test_broken_keyring_is_noted_and_blamed_only_where_it_matters() -> None:
    broken = entry(b"junk", name="broken")
    good = detached(material().signatures["ed"], broken, *trusting("ed"))
    assert good.outcome is Outcome.VERIFIED
    assert "broken (ring.gpg)" in next(o.detail for o in good.checks if o.step == "keyring")
    assert detached(material().signatures["rsa"], broken, *trusting("ed")).reason == (
        "KEYRING_UNUSABLE"
    )
    assert detached(material().signatures["ed"], broken).reason == "KEYRING_UNUSABLE"


# Several signatures


def test_one_trusted_signature_of_several_is_enough() -> None:
    three = b"".join(material().signatures[name] for name in ("unk", "ed", "sha1"))
    verification = detached(three, *trusting("ed"))
    assert verification.outcome is Outcome.VERIFIED
    assert verification.claims["signatures"] == "3"
    noted = [one for one in verification.checks if one.outcome is CheckOutcome.NOTED]
    assert [(one.step, one.reason) for one in noted] == [
        ("signature 1 of 3: key in the trust given", "KEY_UNKNOWN"),
        ("signature 3 of 3: algorithm strength", "ALGORITHM_WEAK"),
    ]


def test_all_that_verify_are_anchors() -> None:
    both = material().signatures["ed"] + material().signatures["rsa"]
    assert set(detached(both).anchors) == {fingerprint("ed"), fingerprint("rsa")}


def test_best_refusal_is_the_one_that_says_most() -> None:
    bad = material().signatures["unk"] + material().signatures["ed"]
    assert detached(bad, content=b"other").reason == "SIGNATURE_INVALID"
    assert detached(material().signatures["unk"] + material().signatures["comp"]).reason == (
        "KEY_REVOKED"
    )


# Content


def test_content_in_a_file_is_verified_there(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(TEXT)
    subject = Subject("text", (digest_of(TEXT),), FileContent(path))
    assert detached(material().signatures["ed"], subject=subject).outcome is Outcome.VERIFIED
    path.write_bytes(TEXT + b"x")
    assert detached(material().signatures["ed"], subject=subject).reason == "SIGNATURE_INVALID"
    path.unlink()
    assert detached(material().signatures["ed"], subject=subject).reason == "CONTENT_NEEDED"


def test_content_that_is_not_at_hand_is_needed() -> None:
    subject = Subject("text", (digest_of(TEXT),))
    verification = detached(material().signatures["ed"], subject=subject)
    assert (verification.outcome, verification.reason) == (Outcome.UNVERIFIABLE, "CONTENT_NEEDED")
    unknown = detached(material().signatures["unk"], subject=subject)
    assert unknown.reason == "KEY_UNKNOWN"


def test_content_too_large_for_memory_is_needed_as_a_file() -> None:
    limits = Limits(evidence_bytes=1024)
    content = TEXT + bytes(9000)
    ring = entry(material().keyring("ed"))
    verification = detached(material().signatures["ed"], ring, content=content, limits=limits)
    assert verification.reason == "CONTENT_NEEDED"


def test_content_of_another_digest_is_not_the_subject() -> None:
    for digests in (
        (digest_of(b"other"),),
        (digest_of(TEXT), digest_of(b"other", "sha512")),
    ):
        subject = Subject("text", digests, MemoryContent(TEXT))
        verification = detached(material().signatures["ed"], subject=subject)
        assert (verification.outcome, verification.reason) == (Outcome.INVALID, "SUBJECT_MISMATCH")
        assert verification.found.startswith("sha")


def test_text_signature_holds_over_both_line_ends_and_says_so() -> None:
    signature = material().signatures["textmode"]
    assert not [each for each in detached(signature).checks if each.outcome is CheckOutcome.NOTED]
    windows = TEXT.replace(b"\n", b"\r\n")
    verification = detached(signature, content=windows)
    assert verification.outcome is Outcome.VERIFIED
    noted = [each.detail for each in verification.checks if each.outcome is CheckOutcome.NOTED]
    assert [each for each in noted if "LF alone" in each]
    other = Subject("text", (digest_of(TEXT),), MemoryContent(windows))
    assert detached(signature, subject=other).reason == "SUBJECT_MISMATCH"
    binary = material().signatures["ed"]
    assert detached(binary, content=windows).reason == "SIGNATURE_INVALID"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.replace(b"\n", b"\r"),
        TEXT.replace(b"\n", b"\r\r\n"),
        TEXT.replace(b"\n", b"\n\r"),
        TEXT.replace(b"\n", b"\r", 1),
        TEXT + b"\r",
        TEXT[:-1] + b"\r",
    ],
)
def test_carriage_return_that_ends_no_line_is_refused_under_a_text_signature(
    content: bytes,
) -> None:
    signature = material().signatures["textmode"]
    assert detached(signature, content=content).reason == "SUBJECT_MISMATCH"


def test_gpg_agrees_over_the_line_ends_of_a_long_text_wherever_it_is_cut(tmp_path: Path) -> None:
    """Lines of odd lengths: each size of buffer cuts between some CR and its LF."""
    lines = [b"x" * (number % 89) for number in range(6000)]
    unix, windows = b"\n".join([*lines, b""]), b"\r\n".join([*lines, b""])
    with gnupg() as gpg:
        gpg.key("long")
        for made, over in ((unix, windows), (windows, unix), (windows, windows)):
            (gpg.home / "text").write_bytes(made)
            signature = gpg.sign("long", "--textmode")
            (gpg.home / "other").write_bytes(over)
            (gpg.home / "signature").write_bytes(signature)
            gpg.run("--verify", "signature", "other")
            (tmp_path / "other").write_bytes(over)
            ring = entry(gpg.export("long"))
            for content in (MemoryContent(over), FileContent(tmp_path / "other")):
                subject = Subject("other", (), content)
                assert detached(signature, ring, subject=subject).outcome is Outcome.VERIFIED
            (tmp_path / "other").write_bytes(over[:-3] + b"\r" + over[-3:])
            subject = Subject("other", (), FileContent(tmp_path / "other"))
            assert detached(signature, ring, subject=subject).outcome is Outcome.INVALID


def test_signatures_in_several_blocks_count_as_those_in_one() -> None:
    """Bitcoin Core's SHA256SUMS.asc has this form; gpg verifies each."""
    with gnupg() as gpg:
        rings = []
        for name in ("one", "two"):
            gpg.key(name)
            rings.append(entry(gpg.export(name)))
        blocks = [gpg.sign(name, "--armor") for name in ("one", "two")]
        (gpg.home / "both").write_bytes(b"\n\n".join(blocks))
        gpg.run("--verify", "both", "text")
        for ring in rings:
            verification = detached(b"\n\n".join(blocks), ring)
            assert verification.outcome is Outcome.VERIFIED
            assert verification.claims["signatures"] == "2"
    for between in (b"junk\n", b"junk\n\n", b"-----BEGIN PGP MESSAGE-----\n"):
        assert detached(between.join(blocks), *rings).reason == "MALFORMED"
        assert detached(b"".join(blocks) + between, *rings).reason == "MALFORMED"


def test_limits_are_refusals_not_crashes() -> None:
    many = detached(material().signatures["ed"] * 3, limits=Limits(signatures=2))
    assert (many.outcome, many.reason) == (Outcome.INVALID, "TOO_LARGE")
    assert detached(b"junk").reason == "MALFORMED"


def test_attack_04_signature_over_a_key_is_not_over_a_document() -> None:
    certification = next(
        one.raw for one in split_packets(material().certificates["ed"], most=9) if one.tag == 2
    )
    assert detached(certification).reason == "MALFORMED"


def test_version_6_signature_is_verified() -> None:
    secret = Tsk.generate("six <six@acme.test>", profile=Profile.RFC9580)
    signature = sign(secret.signer(), TEXT, mode=SignatureMode.DETACHED, armor=False)
    ring = entry(bytes(secret.extract_certificate()))
    soon = datetime(2100, 1, 1, tzinfo=UTC)
    verification = detached(signature, ring, now=soon)
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert len(verification.signer.key_fingerprint) == 64
    assert detached(signature, ring, now=soon, content=b"x").reason == "SIGNATURE_INVALID"


# Cleartext


def test_cleartext_is_verified_and_is_the_subject() -> None:
    verification = cleartext(material().signatures["clear"])
    assert (verification.outcome, verification.reason) == (Outcome.VERIFIED, "")
    assert verification.format == "openpgp-cleartext"


def test_cleartext_with_two_signers_is_verified_by_either() -> None:
    message = material().signatures["clear-two"]
    for name in ("ed", "rsa"):
        verification = cleartext(message, *trusting(name))
        assert verification.anchors == (fingerprint(name),)
    assert set(cleartext(message).anchors) == {fingerprint("ed"), fingerprint("rsa")}


def test_cleartext_is_verified_by_a_signer_with_a_block_of_its_own() -> None:
    """Two blocks as apt's own tests have them, which gpgv verifies, too."""
    with gnupg() as gpg:
        rings, messages = [], []
        for name in ("one", "two"):
            gpg.key(name)
            rings.append(entry(gpg.export(name)))
            messages.append(gpg.sign(name, mode="--clearsign"))
        second = messages[1][messages[1].index(b"-----BEGIN PGP SIGNATURE") :]
        both = messages[0] + second
        (gpg.home / "both").write_bytes(both)
        gpg.run("--verify", "both")
    for ring in rings:
        verification = cleartext(both, ring)
        assert verification.outcome is Outcome.VERIFIED
        assert verification.claims["signatures"] == "2"
    for altered in (messages[0] + b"junk\n" + second, both + b"junk\n"):
        assert cleartext(altered, *rings).reason == "MALFORMED"


def test_cleartext_of_another_subject_is_refused() -> None:
    for text in (TEXT + b"\n", TEXT.rstrip(b"\n"), material().signatures["clear"]):
        verification = cleartext(material().signatures["clear"], text=text)
        assert (verification.outcome, verification.reason) == (Outcome.INVALID, "SUBJECT_MISMATCH")


def test_cleartext_subject_without_a_strong_digest_is_not_verified() -> None:
    sha1 = Digest("sha1", hashlib.sha1(TEXT).hexdigest())
    evidence = Evidence(material().signatures["clear"], "", "x", Subject("text", (sha1,)))
    setting = Setting(Trust(trusting()), NOW, Limits())
    assert OpenPgpCleartext().verify(evidence, setting).reason == "CONTENT_NEEDED"


@pytest.mark.parametrize("text", [b"Package: evil\n", b"-----BEGIN PGP SIGNED MESSAGE-----\n\n"])
def test_attack_11_cleartext_injection_is_malformed(text: bytes) -> None:
    message = material().signatures["clear"]
    first_line, _, rest = message.partition(b"\n")
    for injected in (
        text + message,
        message + text,
        message + message,
        first_line + b"\n" + text + rest,
    ):
        evidence = Evidence(injected, "", "InRelease", Subject("text", (digest_of(TEXT),)))
        assert OpenPgpCleartext().recognises(evidence)
        assert cleartext(injected).reason == "MALFORMED"


def test_cleartext_with_an_altered_line_is_invalid() -> None:
    altered = material().signatures["clear"].replace(b"Origin: Acme", b"Origin: Evil")
    text = TEXT.replace(b"Acme", b"Evil")
    assert cleartext(altered, text=text).reason == "SIGNATURE_INVALID"


RELEASE = b"""Origin: Acme
Suite: stable
Codename: rock
Date: Sat, 01 Jun 2024 00:00:00 UTC
Valid-Until: Mon, 01 Jan 2029 00:00:00 UTC
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages
"""


def test_release_is_judged_once_its_signature_holds() -> None:
    with gnupg() as gpg:
        gpg.key("apt")
        (gpg.home / "text").write_bytes(RELEASE)
        message, signature = gpg.sign("apt", mode="--clearsign"), gpg.sign("apt")
        ring = entry(gpg.export("apt"))
    subject = Subject("Release", (digest_of(RELEASE),), MemoryContent(RELEASE))
    setting = Setting(Trust((ring,)), NOW, Limits())
    for checker, content in ((OpenPgpCleartext(), message), (OpenPgpDetached(), signature)):
        evidence = Evidence(content, "", "x", subject, expectation=ReleaseExpectation("stable"))
        good = checker.verify(evidence, setting)
        assert (good.outcome, good.reason) == (Outcome.VERIFIED, "")
        assert good.due_reason == "METADATA_EXPIRED"
        assert good.claims["suite"] == "stable"
        other = replace(evidence, expectation=ReleaseExpectation("testing"))
        refused = checker.verify(other, setting)
        assert refused.outcome is not Outcome.VERIFIED
        assert refused.reason in {one.reason for one in refused.checks}
        late = checker.verify(evidence, replace(setting, now=datetime(2030, 1, 1, tzinfo=UTC)))
        assert late.reason == "METADATA_EXPIRED"


def test_release_is_not_judged_without_a_signature() -> None:
    unsigned = cleartext(
        material().signatures["clear"], *trusting("rsa"), expectation=ReleaseExpectation("stable")
    )
    assert unsigned.reason == "KEY_UNKNOWN"
    assert not [one for one in unsigned.checks if one.step.startswith("release")]


# Recognition


def test_each_format_recognises_its_own() -> None:
    def asked(content: bytes) -> tuple[bool, bool]:
        evidence = Evidence(content, "", "", Subject("", ()))
        return OpenPgpDetached().recognises(evidence), OpenPgpCleartext().recognises(evidence)

    signatures = material().signatures
    assert asked(signatures["ed"]) == asked(signatures["armored"]) == (True, False)
    assert asked(signatures["clear"]) == (False, True)
    assert asked(b"\n" + signatures["armored"]) == (True, False)
    for other in (b"", b"hello", material().armored, material().keyring("ed"), b"{}", b"\x89PNG"):
        assert asked(other) == (False, False)


def armored_message(content: bytes) -> bytes:
    lines = (b"-----BEGIN PGP MESSAGE-----", b"", base64.b64encode(content))
    return b"\n".join((*lines, b"-----END PGP MESSAGE-----", b""))


def test_detached_signature_by_the_name_of_a_message_verifies_as_gpgv_says(tmp_path: Path) -> None:
    """RFC 4880 section 6.2: PGP 2 wrote them so."""
    raw = material().signatures["ed"]
    message = armored_message(raw)
    (tmp_path / "ring").write_bytes(material().certificates["ed"])
    (tmp_path / "text").write_bytes(TEXT)
    (tmp_path / "text.asc").write_bytes(message)
    words = ("gpgv", "--keyring", "./ring", "text.asc", "text")
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    evidence = Evidence(message, "", "", Subject("", ()))
    assert OpenPgpDetached().recognises(evidence)
    assert detached(message).outcome is Outcome.VERIFIED
    assert detached(message, content=TEXT + b"x").reason == "SIGNATURE_INVALID"
    assert detached(message + material().signatures["armored"]).reason == "MALFORMED"


def test_message_with_anything_but_signatures_in_it_is_none() -> None:
    raw, literal = material().signatures["ed"], b"\xcb\x07b\0\0\0\0\0x"
    signed_inside = armored_message(raw + literal)
    assert detached(signed_inside).reason == "MALFORMED"
    for content in (literal, b"\xc1\x01\x03", b"", b"\0"):
        evidence = Evidence(armored_message(content), "", "", Subject("", ()))
        assert not OpenPgpDetached().recognises(evidence)


def test_checks_carry_the_sections_they_follow() -> None:
    checks: tuple[Check, ...] = detached(material().signatures["ed"]).checks
    assert all(one.reference.startswith("RFC 9580 section") for one in checks)


def test_key_state_then_and_now_are_both_claims() -> None:
    states = {
        "ed": ("valid", "valid"),
        "sup": ("valid", "revoked"),
        "before": ("valid", "expired"),
    }
    for name, (then, now) in states.items():
        claims = detached(material().signatures[name]).claims
        assert (claims["key_state_then"], claims["key_state_now"]) == (then, now), name
    ends = detached(material().signatures["before"]).claims["key_expires_at"]
    assert ends == "2024-12-31T00:00:00+00:00"
    assert "key_state_then" not in detached(material().signatures["after"]).claims


def test_identity_is_any_user_id_the_key_certifies_and_its_mailbox() -> None:
    with gnupg() as gpg:
        fingerprint_of_two = gpg.key("two")
        gpg.run("--quick-add-uid", fingerprint_of_two, "Second, Name <second@acme.test>", at=MADE)
        signature, ring = gpg.sign("two"), entry(gpg.export("two"))
    verification = detached(signature, ring)
    for identity, good in (
        ("two@acme.test", True),
        ("second@acme.test", True),
        ("Second, Name <second@acme.test>", True),
        ("Second", False),
        ("Name <second@acme.test>", False),
        ("third@acme.test", False),
    ):
        demanded = demand_identity(verification, IdentityDemand(identity))
        assert (demanded.outcome is Outcome.VERIFIED) is good, identity
