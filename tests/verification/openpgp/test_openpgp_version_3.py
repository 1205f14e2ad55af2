"""Signatures of version 3: judged by the mathematics, refused where their key did not count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.model import Outcome, Subject, Verification, digest_of
from tests.verification.openpgp.openpgp_material import MADE, TEXT, Gnupg, gnupg
from tests.verification.openpgp.openpgp_old import SIGNED_AT, OldSigner
from tests.verification.openpgp.test_openpgp import FileContent, detached, entry
from verification.openpgp.packets import split_packets


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gnupg]:
    with gnupg() as made:
        for name, kind in (("one", "rsa2048"), ("dsa", "dsa2048"), ("comp", "rsa2048")):
            made.key(name, kind)
        made.key("ended", "rsa2048", end="100d")
        made.key("later", "rsa2048")
        primary = made.key("sub", "rsa2048", usage="cert")
        made.run("--quick-add-key", primary, "rsa2048", "sign", "never", at=MADE)
        made.run("--quick-add-key", primary, "rsa2048", "encr", "never", at=MADE)
        yield made


def signer(gpg: Gnupg, name: str, place: int = 0) -> OldSigner:
    return OldSigner(gpg.run("--export-secret-keys", f"{name}@acme.test"), place)


def judged(gpg: Gnupg, name: str, signature: bytes, content: bytes = TEXT) -> Verification:
    return detached(signature, entry(gpg.export(name)), content=content)


@pytest.mark.parametrize("name", ["one", "dsa"])
@pytest.mark.parametrize("hash_number", [8, 10])
def test_version_3_verifies_as_gpg_says(
    gpg: Gnupg, name: str, hash_number: int, tmp_path: Path
) -> None:
    signature = signer(gpg, name).sign(TEXT, hash_number=hash_number)
    verification = judged(gpg, name, signature)
    assert verification.outcome is Outcome.VERIFIED, verification.detail
    assert verification.claims["signature_version"] == "3"
    assert verification.signed_at == SIGNED_AT
    assert verification.signer is not None
    assert verification.signer.key_fingerprint == gpg.fingerprints(name)[0]
    (tmp_path / "s").write_bytes(signature)
    gpg.run("--verify", str(tmp_path / "s"), "text")
    assert judged(gpg, name, signature, TEXT + b"\n").reason == "SIGNATURE_INVALID"


def test_text_of_any_line_ends_and_content_in_a_file(gpg: Gnupg, tmp_path: Path) -> None:
    text = b"one\ntwo\r\nthree" * 200_000
    canonical = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    signature = signer(gpg, "one").sign(canonical, kind=1)
    assert judged(gpg, "one", signature, text).outcome is Outcome.VERIFIED
    assert judged(gpg, "one", signature, canonical).outcome is Outcome.VERIFIED
    path = tmp_path / "text"
    for written, outcome in ((text, Outcome.VERIFIED), (text + b"x", Outcome.INVALID)):
        path.write_bytes(written)
        subject = Subject("text", (digest_of(written),), FileContent(path))
        asked = detached(signature, entry(gpg.export("one")), subject=subject)
        assert asked.outcome is outcome


def test_every_byte_of_a_version_3_signature_counts_but_the_two_of_the_hash(gpg: Gnupg) -> None:
    signature = signer(gpg, "one").sign(TEXT)
    ring = entry(gpg.export("one"))
    assert detached(signature, ring).outcome is Outcome.VERIFIED
    hash_start = {3 + 17, 3 + 18}
    length = 3 + 20  # of the number: some signers write more bits than it has
    for at in range(3, len(signature)):
        mutant = bytearray(signature)
        mutant[at] ^= 1
        outcome = detached(bytes(mutant), ring).outcome
        assert at == length or (outcome is Outcome.VERIFIED) == (at in hash_start), at


def test_weak_hash_and_other_types_are_refused(gpg: Gnupg) -> None:
    old = signer(gpg, "one")
    assert judged(gpg, "one", old.sign(TEXT, hash_number=2)).reason == "ALGORITHM_WEAK"
    assert judged(gpg, "one", old.sign(TEXT, kind=0x10)).reason == "MALFORMED"
    assert judged(gpg, "one", old.sign(TEXT, kind=0xFF)).reason == "MALFORMED"


def test_key_must_have_counted_when_it_signed(gpg: Gnupg) -> None:
    late = datetime(2025, 6, 1, tzinfo=UTC)
    ended, old = signer(gpg, "ended"), signer(gpg, "later")
    assert judged(gpg, "ended", ended.sign(TEXT)).reason == "KEY_EXPIRED"
    early = ended.sign(TEXT, at=datetime(2024, 2, 1, tzinfo=UTC))
    assert judged(gpg, "ended", early).outcome is Outcome.VERIFIED
    before_key = old.sign(TEXT, at=datetime(2023, 6, 1, tzinfo=UTC))
    assert judged(gpg, "later", before_key).reason == "SIGNATURE_INVALID"
    assert judged(gpg, "later", old.sign(TEXT, at=late)).outcome is Outcome.VERIFIED
    gpg.revoke("later", "2")
    assert judged(gpg, "later", old.sign(TEXT, at=late)).reason == "KEY_REVOKED"
    assert judged(gpg, "later", old.sign(TEXT)).outcome is Outcome.VERIFIED
    leaked = signer(gpg, "comp").sign(TEXT)
    assert judged(gpg, "comp", leaked).outcome is Outcome.VERIFIED
    gpg.revoke("comp", "1")
    assert judged(gpg, "comp", leaked).reason == "KEY_REVOKED"


def test_subkey_signs_only_where_both_keys_say_so(gpg: Gnupg) -> None:
    assert judged(gpg, "sub", signer(gpg, "sub", 1).sign(TEXT)).outcome is Outcome.VERIFIED
    assert judged(gpg, "sub", signer(gpg, "sub", 2).sign(TEXT)).reason == "CERT_USAGE"
    assert judged(gpg, "sub", signer(gpg, "sub", 0).sign(TEXT)).reason == "CERT_USAGE"
    # The signature by which the subkey agrees lies in the area that nobody signs: without it,
    # anybody could put somebody else's key under their own.
    packets = list(split_packets(gpg.export("sub"), most=99))
    binding = packets[4].body
    signed = 6 + int.from_bytes(binding[4:6], "big")
    after = signed + 2 + int.from_bytes(binding[signed : signed + 2], "big")
    body = binding[:signed] + b"\0\0" + binding[after:]
    claimed = b"".join(one.raw for one in packets[:4]) + b"\x89" + len(body).to_bytes(2) + body
    ring = entry(claimed)
    assert detached(signer(gpg, "sub", 1).sign(TEXT), ring).reason == "KEY_UNKNOWN"
    assert detached(gpg.sign("sub"), ring).reason == "KEY_UNKNOWN"


@pytest.mark.parametrize("name", ["one", "sub"])
def test_certificate_that_vouches_for_no_version_4_signature_vouches_for_none_of_version_3(
    gpg: Gnupg, name: str
) -> None:
    """What the engine says of altered certificates is what our own mathematics say."""
    certificate, new = gpg.export(name), gpg.sign(name)
    old = signer(gpg, name, 1 if name == "sub" else 0).sign(TEXT)
    refused = 0
    for at in range(3, len(certificate), 5):
        mutant = bytearray(certificate)
        mutant[at] ^= 1 << at % 8
        ring = entry(bytes(mutant))
        ours, engine = detached(old, ring), detached(new, ring)
        if engine.outcome is not Outcome.VERIFIED:
            refused += 1
            assert ours.outcome is not Outcome.VERIFIED, at
            assert ours.reason == engine.reason
    assert refused > len(certificate) // 10


def subpacket(kind: int, body: bytes, *, critical: bool = False) -> bytes:
    return bytes([len(body) + 1, kind | (0x80 if critical else 0)]) + body


MADE_AT, LATER_AT = subpacket(2, bytes.fromhex("65920080")), subpacket(2, bytes.fromhex("65a00000"))
SIGNS, CERTIFIES = subpacket(27, b"\3"), subpacket(27, b"\1")
HOUR, IS_PRIMARY = b"\0\0\x10\0", subpacket(25, b"\1")
# Areas of the self-signatures: over the key itself, over the first user id, over a second one.
SAID: dict[str, tuple[tuple[bytes, bytes, bytes], str]] = {
    "signs": ((b"", MADE_AT + SIGNS, b""), ""),
    "unknown, not critical": ((b"", MADE_AT + SIGNS + subpacket(105, b"x"), b""), ""),
    "nothing of signing": ((b"", MADE_AT, b""), "CERT_USAGE"),
    "signs, and nothing of it over the key": ((MADE_AT, MADE_AT + SIGNS, b""), ""),
    "certifies alone": ((b"", MADE_AT + CERTIFIES, b""), "CERT_USAGE"),
    "unknown, critical": (
        (b"", MADE_AT + SIGNS + subpacket(105, b"x", critical=True), b""),
        "KEY_UNKNOWN",
    ),
    "notation, critical": (
        (b"", MADE_AT + SIGNS + subpacket(20, b"\x80\0\0\0\0\4\0\1a@bcd", critical=True), b""),
        "KEY_UNKNOWN",
    ),
    "self-signature ended": ((b"", MADE_AT + SIGNS + subpacket(3, HOUR), b""), "KEY_UNKNOWN"),
    "key ended": ((b"", MADE_AT + SIGNS + subpacket(9, HOUR), b""), "KEY_EXPIRED"),
    "key ended, said over the key": (
        (MADE_AT + SIGNS + subpacket(9, HOUR), MADE_AT + SIGNS, b""),
        "KEY_EXPIRED",
    ),
    "key ended, said over the first user id": (
        (b"", MADE_AT + SIGNS + subpacket(9, HOUR) + IS_PRIMARY, LATER_AT + SIGNS),
        "KEY_EXPIRED",
    ),
    "certifies alone by the first user id": (
        (b"", MADE_AT + CERTIFIES + IS_PRIMARY, LATER_AT + SIGNS),
        "KEY_UNKNOWN",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_the_owner_said_counts_for_version_3_as_for_version_4(gpg: Gnupg, name: str) -> None:
    (over_key, over_first, over_second), reason = SAID[name]
    primary, user_id, *_ = split_packets(gpg.export("one"), most=9)
    second = next(split_packets(b"\xcd\x05other", most=1))
    owner = signer(gpg, "one")
    written = primary.raw
    for kind, component, area in (
        (0x1F, primary, over_key),
        (0x13, user_id, over_first),
        (0x13, second, over_second),
    ):
        written += component.raw if component is not primary and area else b""
        written += owner.certify(kind, area, primary, component) if area else b""
    for signature in (owner.sign(TEXT), gpg.sign("one")):
        assert detached(signature, entry(written)).reason == reason
