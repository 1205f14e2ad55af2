"""What the standard forbids of kinds of keys, hashes and versions, and the engine lets pass."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pysequoia import Cert, Sig, verify

from core.model import Outcome
from tests.verification.openpgp.openpgp_kinds import KindSigner
from tests.verification.openpgp.openpgp_material import TEXT
from tests.verification.openpgp.test_openpgp import detached, entry
from tests.verification.openpgp.test_openpgp_version_3 import subpacket
from tests.verification.specimens import NOW

MADE = NOW - timedelta(days=900)
SHA256, SHA384, SHA512, SHA224, SHA3_256 = 8, 9, 10, 11, 12
SIGNED = subpacket(2, int((NOW - timedelta(days=1)).timestamp()).to_bytes(4, "big"))
SELF = subpacket(2, int(MADE.timestamp()).to_bytes(4, "big")) + subpacket(27, b"\2")
DIRECT, REVOKES = 0x1F, 0x20


def certificate(signer: KindSigner, hash_number: int = SHA512) -> bytes:
    return signer.raw + signer.sign(signer.over, SELF, kind=DIRECT, hash_number=hash_number)


def passes_the_engine(signer: KindSigner, signature: bytes) -> bool:
    store = [Cert.from_bytes(certificate(signer))]
    try:
        found = verify(bytes=TEXT, store=lambda _: store, signature=Sig.from_bytes(signature))
    except Exception:  # noqa: BLE001 - the engine's errors have no common class
        return False
    return bool(found.valid_sigs)


@pytest.mark.parametrize(
    ("kind", "version", "enough", "short"),
    [
        ("old Ed25519", 4, SHA256, SHA224),
        ("Ed25519", 4, SHA256, SHA224),
        ("Ed25519", 6, SHA3_256, SHA224),
        ("Ed448", 6, SHA512, SHA384),
        ("Ed448", 6, SHA512, SHA3_256),
        ("ML-DSA-65+Ed25519", 6, SHA256, SHA224),
        ("P-256", 4, SHA256, SHA224),
        ("P-384", 4, SHA384, SHA256),
        ("P-384", 6, SHA512, SHA3_256),
        ("P-521", 4, SHA512, SHA384),
        ("DSA", 4, SHA256, SHA224),
        ("brainpoolP256r1", 4, SHA256, SHA224),
    ],
)
def test_attack_10_digest_shorter_than_the_key_demands_is_weak(
    kind: str, version: int, enough: int, short: int
) -> None:
    """RFC 9580 sections 5.2.3.2 to 5.2.3.5, RFC 9980: DSA, ECDSA, EdDSA and post-quantum keys."""
    signer = KindSigner(version, MADE, kind)
    ring = entry(certificate(signer))
    good = detached(signer.sign(TEXT, SIGNED, hash_number=enough), ring)
    assert good.outcome is Outcome.VERIFIED
    weak = signer.sign(TEXT, SIGNED, hash_number=short)
    found = detached(weak, ring)
    assert (found.outcome, found.reason) == (Outcome.INVALID, "ALGORITHM_WEAK")
    assert "too short for a key of kind" in found.detail
    assert "bits or more" in found.expected
    # Were it not for the length, it would hold.
    assert passes_the_engine(signer, weak) is not kind.startswith("brainpool")


@pytest.mark.parametrize(
    ("kind", "version", "enough", "short"),
    [
        ("Ed25519", 6, SHA256, SHA224),
        ("P-256", 4, SHA256, SHA224),
        ("P-384", 4, SHA384, SHA256),
        ("P-384", 6, SHA512, SHA3_256),
        ("DSA", 4, SHA256, SHA224),
        ("brainpoolP256r1", 4, SHA256, SHA224),
    ],
)
def test_attack_10_digest_too_short_for_its_key_vouches_for_none(
    kind: str, version: int, enough: int, short: int
) -> None:
    signer = KindSigner(version, MADE, kind)
    signature = signer.sign(TEXT, SIGNED, hash_number=SHA512)
    well, loose = certificate(signer, enough), certificate(signer, short)
    assert detached(signature, entry(well)).outcome is Outcome.VERIFIED
    found = detached(signature, entry(loose))
    assert (found.outcome, found.reason) == (Outcome.UNTRUSTED, "KEY_UNKNOWN")
    # A copy that is bound well stands in for it.
    assert detached(signature, entry(loose), entry(well, name="b")).outcome is Outcome.VERIFIED


USER_ID = b"short <short@acme.test>"
NEWER = subpacket(2, int((MADE + timedelta(days=300)).timestamp()).to_bytes(4, "big"))
ENDS = subpacket(9, (500 * 86400).to_bytes(4, "big"))


def certified(signer: KindSigner, area: bytes, hash_number: int) -> bytes:
    over = signer.over + b"\xb4" + len(USER_ID).to_bytes(4, "big") + USER_ID
    return signer.sign(over, area, kind=0x13, hash_number=hash_number)


def bound(
    signer: KindSigner, subkey: KindSigner, area: bytes, hash_number: int, back: int = SHA512
) -> bytes:
    over = signer.over + subkey.over
    inner = b"\x20" + subkey.sign(over, SELF, kind=0x19, hash_number=back)[6:]
    area += b"\xff" + len(inner).to_bytes(4, "big") + inner
    return signer.sign(over, area, kind=0x18, hash_number=hash_number)


@pytest.mark.parametrize(
    ("said", "reason"),
    [(ENDS + subpacket(27, b"\3"), "KEY_EXPIRED"), (subpacket(27, b"\1"), "CERT_USAGE")],
)
@pytest.mark.parametrize("kind", ["P-384", "DSA", "brainpoolP256r1"])
def test_attack_10_what_too_short_a_digest_takes_back_stays_taken_back(
    kind: str, said: bytes, reason: str
) -> None:
    signer, subkey = KindSigner(4, MADE, kind), KindSigner(4, MADE, "old Ed25519")
    user_id = bytes([0xCD, len(USER_ID)]) + USER_ID
    ring = signer.raw + user_id + certified(signer, SELF, SHA512)
    signature = signer.sign(TEXT, SIGNED, hash_number=SHA512)
    assert detached(signature, entry(ring)).outcome is Outcome.VERIFIED
    narrowed = ring + certified(signer, NEWER + said, SHA224)
    assert detached(signature, entry(narrowed)).reason == reason
    ring += bytes([0xCE, len(subkey.body)]) + subkey.body + bound(signer, subkey, SELF, SHA512)
    signature = subkey.sign(TEXT, SIGNED, hash_number=SHA512)
    assert detached(signature, entry(ring)).outcome is Outcome.VERIFIED
    narrowed = ring + bound(signer, subkey, NEWER + said, SHA224)
    assert detached(signature, entry(narrowed)).reason == reason


def test_attack_10_key_that_may_revoke_is_named_by_too_short_a_digest_too() -> None:
    signer, other = KindSigner(4, MADE, "P-384"), KindSigner(4, MADE, "P-256")
    named = NEWER + subpacket(12, b"\x80" + bytes([other.algorithm]) + other.fingerprint)
    ring = certificate(signer) + signer.sign(signer.over, named, kind=DIRECT, hash_number=SHA256)
    signature = signer.sign(TEXT, SIGNED, hash_number=SHA512)
    whole = entry(ring + other.sign(signer.over, NEWER, kind=REVOKES) + certificate(other))
    assert detached(signature, whole).reason == "KEY_REVOKED"


@pytest.mark.parametrize("primary", ["old Ed25519", "P-256", "brainpoolP256r1"])
def test_attack_10_subkey_that_agrees_by_too_short_a_digest_is_of_no_certificate(
    primary: str,
) -> None:
    """RFC 9580 section 5.2.1.10; GnuPG takes no such subkey either."""
    signer = KindSigner(4, MADE, primary)
    first, second = KindSigner(4, MADE, "P-384"), KindSigner(4, MADE, "old Ed25519")
    for subkeys in ((first, second), (second, first)):
        for back, outcome in ((SHA512, Outcome.VERIFIED), (SHA256, Outcome.UNTRUSTED)):
            ring = certificate(signer)
            for one in subkeys:
                ring += b"\xce\xff" + len(one.body).to_bytes(4, "big") + one.body
                ring += bound(signer, one, SELF, SHA512, back)
            found = [
                detached(one.sign(TEXT, SIGNED, hash_number=SHA512), entry(ring)).outcome
                for one in (first, second)
            ]
            assert found == [outcome, Outcome.VERIFIED]


@pytest.mark.parametrize("kind", ["P-384", "brainpoolP256r1"])
def test_attack_10_user_id_certified_by_too_short_a_digest_names_nobody(kind: str) -> None:
    signer = KindSigner(4, MADE, kind)
    signature = signer.sign(TEXT, SIGNED, hash_number=SHA512)
    start = certificate(signer) + bytes([0xCD, len(USER_ID)]) + USER_ID
    for hash_number, named in ((SHA512, USER_ID.decode()), (SHA224, "")):
        found = detached(signature, entry(start + certified(signer, SELF, hash_number)))
        assert found.outcome is Outcome.VERIFIED
        assert found.signer is not None
        assert found.signer.identity == named


@pytest.mark.parametrize("kind", ["P-256", "brainpoolP256r1"])
def test_stranger_who_names_another_for_it_revokes_nothing(kind: str) -> None:
    signer, stranger, other = (KindSigner(4, MADE, kind) for _ in range(3))
    named = NEWER + subpacket(12, b"\x80" + bytes([other.algorithm]) + other.fingerprint)
    revoked = other.sign(signer.over, NEWER, kind=REVOKES)
    for namer, reason in ((stranger, ""), (signer, "KEY_REVOKED")):
        ring = certificate(signer) + namer.sign(signer.over, named, kind=DIRECT) + revoked
        found = detached(signer.sign(TEXT, SIGNED, hash_number=SHA512), entry(ring))
        assert found.reason == reason
        assert found.claims.get("key_state_now", "") == ("" if reason else "valid")


def test_revocation_by_too_short_a_digest_counts() -> None:
    signer = KindSigner(4, MADE, "P-384")
    signature = signer.sign(TEXT, SIGNED, hash_number=SHA512)
    revocation = signer.sign(signer.over, SIGNED, kind=REVOKES, hash_number=SHA256)
    assert detached(signature, entry(certificate(signer) + revocation)).reason == "KEY_REVOKED"


@pytest.mark.parametrize(
    ("kind", "allowed", "forbidden"), [("old Ed25519", 4, 6), ("ML-DSA-65+Ed25519", 6, 4)]
)
def test_attack_10_kind_of_key_that_its_version_may_not_have_is_not_read(
    kind: str, allowed: int, forbidden: int
) -> None:
    """RFC 9580 section 9.2: neither generated nor accepted in version 6; RFC 9980: there alone."""
    for version in (allowed, forbidden):
        signer = KindSigner(version, MADE, kind)
        signature = signer.sign(TEXT, SIGNED, hash_number=SHA512)
        assert passes_the_engine(signer, signature)
        found = detached(signature, entry(certificate(signer)))
        if version == allowed:
            assert found.outcome is Outcome.VERIFIED
        else:
            assert (found.outcome, found.reason) == (Outcome.UNVERIFIABLE, "KEYRING_UNUSABLE")
            assert f"version {forbidden} whose kind" in found.detail


@pytest.mark.parametrize(
    ("kind", "version"), [("P-256", 6), ("ML-DSA-65+Ed25519", 6), ("Ed448", 4)]
)
def test_copy_that_begins_later_is_no_sign_of_a_bad_signature(kind: str, version: int) -> None:
    """The engine judges as of the signature alone, and nobody else knows these keys."""
    signer = KindSigner(version, MADE, kind)
    signature = signer.sign(TEXT, SIGNED, hash_number=SHA512)
    since = subpacket(2, int((NOW - timedelta(hours=1)).timestamp()).to_bytes(4, "big"))
    since += subpacket(27, b"\2")
    later = signer.raw + signer.sign(signer.over, since, kind=DIRECT, hash_number=SHA512)
    found = detached(signature, entry(later))
    assert (found.outcome, found.reason) == (Outcome.UNTRUSTED, "KEY_UNKNOWN")
    assert "as old as the signature" in found.detail


@pytest.mark.parametrize("kind", ["P-256", "Ed25519"])
def test_subkey_of_version_6_that_did_not_agree_is_no_sign_of_a_bad_signature(kind: str) -> None:
    signer, subkey = KindSigner(6, MADE, kind), KindSigner(6, MADE, kind)
    claimed = signer.sign(signer.over + subkey.over, SELF, kind=0x18, hash_number=SHA512)
    ring = certificate(signer) + bytes([0xCE, len(subkey.body)]) + subkey.body + claimed
    for text, said in ((TEXT, "KEY_UNKNOWN"), (TEXT + b".", "SIGNATURE_INVALID")):
        found = detached(subkey.sign(text, SIGNED, hash_number=SHA512), entry(ring))
        assert found.reason == said, found.detail


@pytest.mark.parametrize("kind", ["DSA", "brainpoolP256r1"])
def test_key_of_version_6_that_the_engine_has_not_is_no_sign_of_a_bad_signature(kind: str) -> None:
    signer = KindSigner(6, MADE, kind)
    found = detached(signer.sign(TEXT, SIGNED, hash_number=SHA512), entry(certificate(signer)))
    assert (found.outcome, found.reason) == (Outcome.UNVERIFIABLE, "FORMAT_UNSUPPORTED")


@pytest.mark.parametrize("kind", ["Ed25519", "Ed448", "P-384"])
def test_version_6_is_refused_where_the_hash_begins_otherwise_than_it_says(kind: str) -> None:
    """RFC 9580 section 5.2.3: these two octets are compared; version 4 leaves that to readers."""
    for version, refused in ((4, False), (6, True)):
        signer = KindSigner(version, MADE, kind)
        signature = signer.sign(TEXT, SIGNED, hash_number=SHA512)
        ring = entry(certificate(signer))
        assert detached(signature, ring).outcome is Outcome.VERIFIED
        octets = 2 if version == 4 else 4
        at = 6 + 4 + octets + len(SIGNED) + len(signer.fingerprint) + 3 + octets
        for place in (at, at + 1):
            altered = bytearray(signature)
            altered[place] ^= 1
            assert passes_the_engine(signer, bytes(altered))
            found = detached(bytes(altered), ring)
            assert (found.outcome is Outcome.VERIFIED) is not refused
            assert found.reason == ("SIGNATURE_INVALID" if refused else "")
