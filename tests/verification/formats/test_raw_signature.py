"""Bare signatures, made by the real openssl."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from core.model import Outcome, SignerKind, Subject, TrustEntry, TrustKind, Verification, digest_of
from tests.verification.specimens import (
    AUTHORITY,
    CONTENT,
    DAY,
    NOW,
    artifact,
    authority_entry,
    certificate,
    evidence,
    flipped,
    key_entry,
    openssl,
    pem,
    private_key,
    private_pem,
    public_pem,
    setting,
    sign,
)
from verification.formats.raw_signature import RawSignature
from verification.verifier import verify

FORMAT = RawSignature()
KEY = private_key("p256")
ROOT_KEY = private_key("p256", "root")
ROOT = certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY)
SIGNATURE = sign(KEY, CONTENT)


def judged(
    signature: bytes,
    *entries: TrustEntry,
    subject: Subject | None = None,
    hint: bytes = b"",
) -> Verification:
    offered = evidence(signature, subject, hint=hint)
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*entries))


@dataclass(frozen=True)
class Made:
    """How openssl makes one signature; {key} and {file} are put in."""

    kind: str
    words: str
    reason: str = ""


MADE = {
    "ecdsa sha256": Made("p256", "dgst -sha256 -sign key.pem -out sig artifact"),
    "ecdsa sha512": Made("p256", "dgst -sha512 -sign key.pem -out sig artifact"),
    "ecdsa p384": Made("p384", "dgst -sha384 -sign key.pem -out sig artifact"),
    "ecdsa p521": Made("p521", "dgst -sha512 -sign key.pem -out sig artifact"),
    "rsa": Made("rsa-2048", "dgst -sha256 -sign key.pem -out sig artifact"),
    "rsa pss": Made(
        "rsa-2048", "dgst -sha256 -sigopt rsa_padding_mode:pss -sign key.pem -out sig artifact"
    ),
    "ed25519": Made("ed25519", "pkeyutl -sign -rawin -inkey key.pem -in artifact -out sig"),
    "sha1": Made("rsa-2048", "dgst -sha1 -sign key.pem -out sig artifact", "ALGORITHM_WEAK"),
    "short rsa": Made("rsa-1024", "dgst -sha256 -sign key.pem -out sig artifact", "ALGORITHM_WEAK"),
    "sha224": Made("p256", "dgst -sha224 -sign key.pem -out sig artifact", "SIGNATURE_INVALID"),
}


def openssl_signature(made: Made, folder: Path) -> bytes:
    (folder / "artifact").write_bytes(CONTENT)
    (folder / "key.pem").write_bytes(private_pem(private_key(made.kind)))
    openssl(folder, *made.words.split())
    return (folder / "sig").read_bytes()


@pytest.mark.parametrize("made", MADE.values(), ids=MADE.keys())
def test_signature_of_openssl(made: Made, tmp_path: Path) -> None:
    signature = openssl_signature(made, tmp_path)
    verification = judged(signature, key_entry(private_key(made.kind)))
    assert verification.reason == made.reason
    if made.reason:
        return
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert verification.anchors == (verification.signer.key_fingerprint,)
    other = judged(signature, key_entry(private_key(made.kind, "other")))
    assert (other.reason, other.detail) == ("SIGNATURE_INVALID", "under none of 1 key")
    assert other.anchors == ()
    changed = judged(signature, key_entry(private_key(made.kind)), subject=artifact(CONTENT + b"x"))
    assert changed.reason == "SIGNATURE_INVALID"


def _wrapped(encoded: bytes, end: bytes) -> bytes:
    return b"".join(encoded[start : start + 64] + end for start in range(0, len(encoded), 64))


ENCODED = base64.b64encode(SIGNATURE)
SPELLINGS = {
    "base64": ENCODED,
    "base64 with line feed": ENCODED + b"\n",
    "wrapped": _wrapped(ENCODED, b"\n"),
    "wrapped, windows": _wrapped(ENCODED, b"\r\n"),
    "armored": b"-----BEGIN SIGNATURE-----\n" + ENCODED + b"\n-----END SIGNATURE-----\n",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_text_forms_are_read(spelling: bytes) -> None:
    assert judged(spelling, key_entry(KEY)).outcome is Outcome.VERIFIED


FOREIGN = {
    "empty": b"",
    "text": b"hello world, this is no signature\n",
    "hex digest": b"ab" * 32,
    "long hex digest": b"ab" * 64,
    "pgp": b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
    "ssh": b"-----BEGIN SSH SIGNATURE-----\n" + ENCODED + b"\n-----END SSH SIGNATURE-----\n",
    "json": b'{"a": 1}',
    "der document": b"\x30\x82\x01\x00" + bytes(256),
    "lenient base64": ENCODED[:20] + b"!" + ENCODED[20:],
    "two in one": ENCODED + b"\n\n" + ENCODED,
    "too long": bytes(2056),
    "far too long": bytes(1_000_000),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_what_has_no_form_of_a_signature_is_left_alone(content: bytes) -> None:
    assert not FORMAT.recognises(evidence(content))
    assert FORMAT.verify(evidence(content), setting(key_entry(KEY))).reason == "MALFORMED"


@pytest.mark.parametrize("start", ["880504", "8900f004", "c2300403", "884003050099"])
def test_random_bytes_that_begin_like_an_openpgp_packet_are_a_bare_signature(start: str) -> None:
    content = bytes.fromhex(start).ljust(256, b"\xa5")
    assert verify(evidence(content), setting()).format == "raw-signature"


def test_no_changed_byte_of_signature_or_text_verifies() -> None:
    for spelling in (SIGNATURE, ENCODED):
        verified = [
            place
            for place, changed in flipped(spelling)
            if FORMAT.verify(evidence(changed), setting(key_entry(KEY))).outcome is Outcome.VERIFIED
        ]
        assert verified == []


def test_nothing_to_trust_is_unverifiable() -> None:
    keyring = TrustEntry("ring", TrustKind.KEYRING, b"", "test")
    for entries in ((), (keyring,)):
        verification = judged(SIGNATURE, *entries)
        assert verification.outcome is Outcome.UNVERIFIABLE
        assert verification.reason == "TRUST_ROOT_MISSING"


def test_attack_02_key_counts_inside_its_window_only() -> None:
    ended = judged(SIGNATURE, key_entry(KEY, until=NOW - DAY))
    assert (ended.outcome, ended.reason) == (Outcome.UNTRUSTED, "KEY_EXPIRED")
    assert ended.due_at is None
    coming = judged(SIGNATURE, key_entry(KEY, since=NOW + DAY))
    assert (coming.reason, coming.due_at) == ("KEY_EXPIRED", NOW + DAY)
    open_now = judged(SIGNATURE, key_entry(KEY, since=NOW - DAY, until=NOW + DAY))
    assert open_now.outcome is Outcome.VERIFIED
    assert open_now.due_at == NOW + DAY + timedelta.resolution
    assert open_now.due_reason == "KEY_EXPIRED"
    both = judged(SIGNATURE, key_entry(KEY, until=NOW - DAY), key_entry(KEY))
    assert (both.outcome, both.due_at) == (Outcome.VERIFIED, None)


def test_broken_entry_does_not_hide_a_good_key_and_is_named_where_none_holds() -> None:
    broken = key_entry(b"no key")
    good = judged(SIGNATURE, broken, key_entry(KEY))
    assert good.outcome is Outcome.VERIFIED
    assert [check.reason for check in good.checks if check.reason] == ["KEYRING_UNUSABLE"]
    for entries in ((broken,), (broken, key_entry(private_key("p256", "other")))):
        verification = judged(SIGNATURE, *entries)
        assert verification.reason == "KEYRING_UNUSABLE"
        assert verification.outcome is Outcome.UNVERIFIABLE


def test_content_that_is_not_at_hand_is_asked_for() -> None:
    edwards = private_key("ed25519")
    known = Subject("app", (digest_of(CONTENT),))
    verification = judged(sign(edwards, CONTENT), key_entry(edwards), subject=known)
    assert (verification.outcome, verification.reason) == (Outcome.UNVERIFIABLE, "CONTENT_NEEDED")
    assert judged(SIGNATURE, key_entry(KEY), subject=known).outcome is Outcome.VERIFIED


def test_certificate_beside_verifies_under_a_given_authority_only() -> None:
    signed = certificate("signer", "root", KEY, ROOT_KEY)
    good = judged(SIGNATURE, authority_entry(ROOT), hint=pem(signed))
    assert good.outcome is Outcome.VERIFIED
    assert good.signer is not None
    assert (good.signer.kind, good.signer.identity) == (SignerKind.CERTIFICATE, "CN=signer")
    assert (good.due_at, good.due_reason) == (
        NOW + DAY + timedelta(seconds=1),
        "CERT_EXPIRED_AT_SIGNING",
    )
    other_root = certificate("root", "root", KEY, KEY, AUTHORITY)
    reasons = {
        judged(SIGNATURE, authority_entry(other_root), hint=pem(signed)).reason: "other root",
        judged(
            b"\x30\x06\x02\x01\x01\x02\x01\x01", authority_entry(ROOT), hint=pem(signed)
        ).reason: "",
        judged(SIGNATURE, authority_entry(ROOT)).reason: "no hint",
        judged(SIGNATURE, key_entry(private_key("p384")), hint=pem(signed)).reason: "no authority",
    }
    assert set(reasons) == {"CERT_UNTRUSTED", "SIGNATURE_INVALID", "TRUST_ROOT_MISSING"}


def test_attack_07_chain_beside_is_never_an_anchor() -> None:
    forged = certificate("root", "root", KEY, KEY, AUTHORITY)
    signed = certificate("signer", "root", KEY, KEY)
    verification = judged(SIGNATURE, authority_entry(ROOT), hint=pem(signed) + pem(forged))
    assert (verification.outcome, verification.reason) == (Outcome.UNTRUSTED, "CERT_UNTRUSTED")


def test_expired_certificate_beside_is_untrusted() -> None:
    signed = certificate("signer", "root", KEY, ROOT_KEY, since=NOW - 3 * DAY, until=NOW - DAY)
    root = certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY, since=NOW - 9 * DAY)
    verification = judged(SIGNATURE, authority_entry(root), hint=pem(signed))
    assert verification.reason == "CERT_EXPIRED_AT_SIGNING"
    assert verification.outcome is Outcome.UNTRUSTED


def test_attack_07_key_beside_is_never_trusted() -> None:
    verification = judged(SIGNATURE, key_entry(private_key("p384")), hint=public_pem(KEY))
    assert (verification.outcome, verification.reason) == (Outcome.UNTRUSTED, "KEY_UNKNOWN")
    other = judged(
        SIGNATURE, key_entry(private_key("p384")), hint=public_pem(private_key("p256", "other"))
    )
    assert other.reason == "SIGNATURE_INVALID"


def test_unreadable_hint_changes_nothing() -> None:
    assert judged(SIGNATURE, key_entry(KEY), hint=b"\x00junk").outcome is Outcome.VERIFIED
    assert judged(SIGNATURE, key_entry(private_key("p384")), hint=b"junk").reason == (
        "SIGNATURE_INVALID"
    )
    assert judged(SIGNATURE, authority_entry(ROOT), hint=b"junk").reason == "TRUST_ROOT_MISSING"


def test_weakly_signed_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "root.key").write_bytes(private_pem(ROOT_KEY))
    (tmp_path / "leaf.key").write_bytes(private_pem(KEY))
    words = "req -new -key leaf.key -subj /CN=signer -out leaf.csr"
    openssl(tmp_path, *words.split())
    (tmp_path / "root.pem").write_bytes(pem(ROOT))
    words = "x509 -req -sha1 -days 3650 -in leaf.csr -CA root.pem -CAkey root.key -set_serial 7"
    signed = openssl(tmp_path, *words.split())
    verification = judged(SIGNATURE, authority_entry(ROOT), hint=signed)
    assert (verification.outcome, verification.reason) == (Outcome.INVALID, "ALGORITHM_WEAK")


def test_broken_authority_is_named_where_no_other_vouches() -> None:
    broken = TrustEntry("torn", TrustKind.AUTHORITY, b"torn", "test")
    signed = pem(certificate("signer", "root", KEY, ROOT_KEY))
    other = certificate("other", "other", KEY, KEY, AUTHORITY)
    assert judged(SIGNATURE, broken).reason == "KEYRING_UNUSABLE"
    assert judged(SIGNATURE, broken, hint=signed).reason == "KEYRING_UNUSABLE"
    assert judged(SIGNATURE, broken, authority_entry(other), hint=signed).reason == (
        "KEYRING_UNUSABLE"
    )
    assert judged(SIGNATURE, broken, authority_entry(ROOT), hint=signed).reason == ""


def test_short_key_of_the_certificate_is_weak(tmp_path: Path) -> None:
    signature = openssl_signature(MADE["short rsa"], tmp_path)
    signed = pem(certificate("signer", "root", private_key("rsa-1024"), ROOT_KEY))
    assert judged(signature, authority_entry(ROOT), hint=signed).reason == "ALGORITHM_WEAK"


def test_certificate_that_was_given_itself_is_noted() -> None:
    own = certificate("me", "me", KEY, KEY)
    verification = judged(SIGNATURE, authority_entry(own), hint=pem(own))
    assert verification.outcome is Outcome.VERIFIED
    assert [each.detail for each in verification.checks if each.outcome == "noted"] == [
        "the signer's own certificate was given as an authority",
        "revocation not checked: no list and no answer was given",
    ]
