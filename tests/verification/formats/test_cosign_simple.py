"""Cosign's image signatures: published ones, and what must not verify."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from core.cosign_container import (
    BUNDLE_ANNOTATION,
    CERTIFICATE_ANNOTATION,
    MAGIC,
    SIGNATURE_ANNOTATION,
    SIMPLE_SIGNING,
    container,
    read_container,
)
from core.limits import Limits
from core.model import (
    Digest,
    Evidence,
    Outcome,
    Subject,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.cosign_specimens import keyless_image, simple_signing
from tests.verification.sigstore.sigstore_world import ACME
from tests.verification.specimens import (
    AUTHORITY,
    CONTENT,
    DAY,
    NOW,
    artifact,
    certificate,
    evidence,
    flipped,
    key_entry,
    pem,
    private_key,
    setting,
    sign,
)
from verification.formats.cosign_simple import CosignSimpleSigning

FORMAT = CosignSimpleSigning()
KEY = private_key("p256")


def payload(digest: Digest | str | None = None, **critical: object) -> bytes:
    return simple_signing(digest or digest_of(CONTENT), **critical)


def signed(content: bytes, **annotations: str) -> bytes:
    encoded = base64.b64encode(sign(KEY, content)).decode()
    return container(SIMPLE_SIGNING, content, {SIGNATURE_ANNOTATION: encoded} | annotations)


def judged(content: bytes, *entries: TrustEntry, subject: Subject | None = None) -> Verification:
    offered = evidence(content, subject)
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*(entries or (key_entry(KEY),))))


def folder_outcomes(folder: Path, key: Path) -> list[Verification]:
    """Judge every signature of an image folder of containers/image under one key."""
    manifest = folder / "manifest.json"
    digests = (digest_of(manifest.read_bytes()),) if manifest.exists() else ()
    entry = TrustEntry("cosign", TrustKind.KEY, key.read_bytes(), str(key))
    return [
        FORMAT.verify(
            Evidence(path.read_bytes(), "", str(path), Subject("image", digests)), setting(entry)
        )
        for path in sorted(folder.glob("signature-*"))
    ]


PUBLISHED = {
    ("dir-img-cosign-valid", "cosign.pub"): [""],
    ("dir-img-cosign-valid", "cosign2.pub"): ["SIGNATURE_INVALID"],
    ("dir-img-cosign-valid-2", "cosign.pub"): ["", ""],
    ("dir-img-cosign-valid-with-tag", "cosign.pub"): [""],
    ("dir-img-cosign-mixed", "cosign.pub"): ["SIGNATURE_INVALID", ""],
    ("dir-img-cosign-key-rekor-valid", "cosign2.pub"): [""],
    ("dir-img-cosign-key-rekor-valid", "cosign.pub"): ["SIGNATURE_INVALID"],
    ("dir-img-cosign-fulcio-rekor-valid", "cosign.pub"): ["KEY_UNKNOWN"],
    ("dir-img-cosign-pki-valid", "cosign.pub"): ["KEY_UNKNOWN"],
    ("dir-img-cosign-manifest-digest-error", "cosign.pub"): ["SUBJECT_MISMATCH"],
    ("dir-img-cosign-modified-manifest", "cosign.pub"): ["SUBJECT_MISMATCH"],
    ("dir-img-cosign-no-manifest", "cosign.pub"): ["CONTENT_NEEDED"],
    ("dir-img-cosign-other-attachment", "cosign.pub"): ["FORMAT_UNSUPPORTED"],
}


@pytest.mark.parametrize(("case", "reasons"), PUBLISHED.items(), ids=" ".join)
def test_published_image_folder(vectors: Path, case: tuple[str, str], reasons: list[str]) -> None:
    folder, key = (vectors / "cosign-oci" / name for name in case)
    verifications = folder_outcomes(folder, key)
    assert [each.reason for each in verifications] == reasons
    for each in verifications:
        assert (each.outcome is Outcome.VERIFIED) == (each.reason == "")


def test_log_entry_beside_a_keyed_signature_is_said_to_be_unchecked(vectors: Path) -> None:
    folder = vectors / "cosign-oci"
    (verification,) = folder_outcomes(
        folder / "dir-img-cosign-key-rekor-valid", folder / "cosign2.pub"
    )
    skipped = [check.step for check in verification.checks if check.outcome == "skipped"]
    assert skipped == ["log entry"]
    assert verification.claims == {"docker-reference": "192.168.64.2:5000/cosign-signed/key-1"}


def test_claims_are_told_once_the_signature_holds() -> None:
    verification = judged(signed(payload()))
    assert verification.outcome is Outcome.VERIFIED
    assert verification.claims == {
        "docker-reference": "registry.acme.example/app",
        "optional.creator": "ci",
        "optional.timestamp": "1657296609",
    }
    assert judged(signed(payload()), key_entry(private_key("p384"))).claims == {}


PAYLOADS = {
    "other digest": (payload(digest_of(b"other")), "SUBJECT_MISMATCH"),
    "another image by SHA-512": (payload(digest_of(b"x", "sha512")), "SUBJECT_MISMATCH"),
    "by SHA-384": (payload(digest_of(CONTENT, "sha384")), "SUBJECT_MISMATCH"),
    "upper case": (payload(str(digest_of(CONTENT)).upper()), "SUBJECT_MISMATCH"),
    "bare hex": (payload(digest_of(CONTENT).value), "SUBJECT_MISMATCH"),
    "simple signing of GPG": (payload(type="atomic container signature"), "PAYLOAD_TYPE"),
    "unknown critical field": (payload(platform="arm64"), "MALFORMED"),
    "no digest": (payload(image={}), "MALFORMED"),
    "digest is a list": (payload(image={"docker-manifest-digest": []}), "MALFORMED"),
    "no JSON": (b"hello", "MALFORMED"),
    "not an object": (b"[]", "MALFORMED"),
    "twice": (payload()[:-1] + b', "critical": {}}', "MALFORMED"),
}


@pytest.mark.parametrize(("content", "reason"), PAYLOADS.values(), ids=PAYLOADS.keys())
def test_attack_04_signed_payload_of_something_else_is_invalid(content: bytes, reason: str) -> None:
    verification = judged(signed(content))
    assert (verification.outcome, verification.reason) == (Outcome.INVALID, reason)


def test_another_image_is_invalid_even_without_any_trust() -> None:
    offered = evidence(signed(payload(digest_of(b"other"))))
    assert FORMAT.verify(offered, setting()).reason == "SUBJECT_MISMATCH"


def test_nothing_to_trust_is_unverifiable() -> None:
    verification = FORMAT.verify(evidence(signed(payload())), setting())
    assert (verification.outcome, verification.reason) == (
        Outcome.UNVERIFIABLE,
        "TRUST_ROOT_MISSING",
    )


def test_attack_07_forged_annotations_are_never_believed() -> None:
    own = pem(certificate("me", "me", KEY, KEY, AUTHORITY)).decode()
    forged = {
        CERTIFICATE_ANNOTATION: own,
        "dev.sigstore.cosign/chain": own,
        BUNDLE_ANNOTATION: '{"SignedEntryTimestamp": "AAAA"}',
    }
    stranger = key_entry(private_key("p384"))
    authority = TrustEntry("ca", TrustKind.AUTHORITY, own.encode(), "test")
    for entries, reason in (
        ((stranger,), "KEY_UNKNOWN"),
        ((authority,), "MALFORMED"),
        ((stranger, authority), "MALFORMED"),
    ):
        verification = judged(signed(payload(), **forged), *entries)
        assert verification.reason == reason
        assert verification.signer is None
    assert judged(signed(payload(), **forged)).outcome is Outcome.VERIFIED


def test_attack_02_key_counts_inside_its_window_only() -> None:
    verification = judged(signed(payload()), key_entry(KEY, until=NOW - DAY))
    assert (verification.outcome, verification.reason) == (Outcome.UNTRUSTED, "KEY_EXPIRED")


@pytest.mark.parametrize("encoded", ["", "AAAA", "!!!!", "MEUCIQ", "A" * 4096])
def test_broken_signature_annotation_is_invalid(encoded: str) -> None:
    content = container(SIMPLE_SIGNING, payload(), {SIGNATURE_ANNOTATION: encoded})
    assert judged(content).outcome is Outcome.INVALID
    assert judged(container(SIMPLE_SIGNING, payload(), {})).reason == "MALFORMED"


def test_no_changed_byte_of_the_container_verifies() -> None:
    content = signed(payload())
    verified = [
        content[place : place + 1]
        for place, changed in flipped(content)
        if FORMAT.verify(evidence(changed), setting(key_entry(KEY))).outcome is Outcome.VERIFIED
    ]
    assert verified == []


def test_attack_05_subject_is_what_we_hashed_not_what_anyone_says() -> None:
    other = artifact(b"other")
    assert judged(signed(payload()), subject=other).reason == "SUBJECT_MISMATCH"


def test_only_the_container_is_recognised() -> None:
    assert not FORMAT.recognises(evidence(payload()))
    assert not FORMAT.recognises(evidence(b""))
    assert judged(MAGIC).reason == "MALFORMED"


def test_entries_that_hold_no_public_key() -> None:
    ring = TrustEntry("ring", TrustKind.KEYRING, b"", "test")
    assert judged(signed(payload()), ring).reason == "TRUST_ROOT_MISSING"
    assert judged(signed(payload()), key_entry(b"torn")).reason == "KEYRING_UNUSABLE"
    assert judged(signed(payload()), key_entry(b"torn"), key_entry(KEY)).reason == ""


def test_optional_part_may_be_missing() -> None:
    for optional in (None, {}, {"creator": None, "timestamp": True}):
        document = json.loads(payload()) | {"optional": optional}
        verification = judged(signed(json.dumps(document).encode()))
        assert verification.claims == {"docker-reference": "registry.acme.example/app"}


def test_attack_04_container_of_something_else_is_no_image_signature() -> None:
    held = read_container(signed(payload()), Limits())
    assert judged(signed(payload())).outcome is Outcome.VERIFIED
    for kind in ("text/plain", "application/vnd.dsse.envelope.v1+json"):
        other = container(kind, held.payload, held.annotations)
        assert judged(other).reason == "FORMAT_UNSUPPORTED"


def test_an_image_may_be_named_by_its_sha512() -> None:
    # containers-signature(5): a digest as registries write it, of whatever algorithm they use.
    content = signed(payload(digest_of(CONTENT, "sha512")))
    for subject in (None, Subject("app", (digest_of(CONTENT, "sha512"),))):
        assert judged(content, subject=subject).outcome is Outcome.VERIFIED
    by_sha256 = Subject("app", (digest_of(CONTENT),))
    assert judged(content, subject=by_sha256).reason == "CONTENT_NEEDED"


def test_image_without_a_strong_digest_is_compared_with_nothing() -> None:
    for digests in ((), (digest_of(CONTENT, "sha512"),)):
        found = judged(signed(payload()), subject=Subject("app", digests))
        assert found.reason == "CONTENT_NEEDED"


def test_attack_07_certificate_that_came_along_names_nobody_without_an_authority() -> None:
    stranger, content = key_entry(private_key("p384")), keyless_image(digest_of(CONTENT))
    assert judged(content, ACME.entry()).outcome is Outcome.VERIFIED
    assert judged(content, stranger).reason == "KEY_UNKNOWN"
    held = read_container(content, Limits())
    altered = container(SIMPLE_SIGNING, held.payload + b" ", held.annotations)
    assert judged(altered, stranger).reason == "SIGNATURE_INVALID"
    twice = held.annotations[CERTIFICATE_ANNOTATION] * 2
    two = {**held.annotations, CERTIFICATE_ANNOTATION: twice}
    assert judged(container(SIMPLE_SIGNING, held.payload, two), ACME.entry()).reason == "MALFORMED"
    broken = TrustEntry("ring", TrustKind.KEYRING, b"", "test")
    assert judged(content, broken).reason == "TRUST_ROOT_MISSING"
