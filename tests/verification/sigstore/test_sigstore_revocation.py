"""Keyless bundles of an authority that withdraws certificates: its lists are given as data."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from core.limits import Limits
from core.model import Outcome, TrustEntry, TrustKind, Verification
from tests.verification.cms.timestamp_specimens import response, token
from tests.verification.sigstore.sigstore_world import ACME, REKOR2, SIGNED_AT, Making
from tests.verification.specimens import CONTENT, DAY, NOW, evidence, private_key, setting
from verification.sigstore.bundle import read_bundle
from verification.verifier import verify

CONTENT_BUNDLE = json.dumps(ACME.message(CONTENT, Making())).encode()
BUNDLE = read_bundle(CONTENT_BUNDLE, Limits())
LEAF = BUNDLE.certificates[0]
HOUR = timedelta(hours=1)
KEYS = {
    ACME.intermediate: ACME._key("intermediate"),
    ACME.root_certificate: ACME._key("root"),
    ACME.stamper.root: private_key("p256", "tsa root acme tsa"),
}


def listed(
    reason: x509.ReasonFlags,
    at: timedelta,
    *,
    serial: int = LEAF.serial_number,
    issuer: x509.Certificate = ACME.intermediate,
    name: str = "",
) -> TrustEntry:
    """Return an authority's list, with one certificate withdrawn that long after ours began."""
    key = private_key("p256", name) if name else KEYS[issuer]
    revoked = (
        x509.RevokedCertificateBuilder()
        .serial_number(serial)
        .revocation_date(LEAF.not_valid_before_utc + at)
        .add_extension(x509.CRLReason(reason), critical=False)
        .build()
    )
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(NOW - DAY)
        .next_update(NOW + DAY)
        .add_revoked_certificate(revoked)
        .sign(key, hashes.SHA256())
    )
    encoded = made.public_bytes(Encoding.DER)
    return TrustEntry("list", TrustKind.REVOCATION, encoded, "list.crl")


def judged(*lists: TrustEntry, content: bytes = CONTENT_BUNDLE) -> Verification:
    return verify(evidence(content), setting(ACME.entry(), *lists))


def said(verification: Verification) -> str:
    return " ".join(check.detail for check in verification.checks if check.step == "revocation")


def test_nothing_is_said_where_no_list_is_given() -> None:
    assert judged().outcome is Outcome.VERIFIED
    assert said(judged()) == ""


def test_certificate_withdrawn_before_it_signed_is_refused() -> None:
    found = judged(listed(x509.ReasonFlags.cessation_of_operation, -HOUR))
    assert (found.outcome, found.reason) == (Outcome.UNTRUSTED, "CERT_REVOKED")


def test_key_that_was_stolen_is_refused_whenever_it_was_withdrawn() -> None:
    found = judged(listed(x509.ReasonFlags.key_compromise, HOUR))
    assert (found.outcome, found.reason) == (Outcome.UNTRUSTED, "CERT_REVOKED")


def test_certificate_withdrawn_later_for_another_reason_is_noted() -> None:
    found = judged(listed(x509.ReasonFlags.cessation_of_operation, HOUR))
    assert found.outcome is Outcome.VERIFIED
    assert "after the time that is proved" in said(found)


@pytest.mark.parametrize(("seconds", "reason"), [(60, ""), (300, "CERT_REVOKED")])
def test_what_counts_is_the_last_moment_that_a_timestamp_allows(seconds: int, reason: str) -> None:
    """RFC 3161 section 2.4.2: the time with the accuracy added is the upper limit."""
    bundle = ACME.message(CONTENT, REKOR2)
    made = token(
        ACME.stamper,
        signed=b64decode(bundle["messageSignature"]["signature"]),
        made_at=SIGNED_AT,
        accuracy={"seconds": seconds},
        certificates=(),
    )
    stamped = [{"signedTimestamp": b64encode(response(made)).decode()}]
    bundle["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": stamped}
    content = json.dumps(bundle).encode()
    leaf = read_bundle(content, Limits()).certificates[0]
    at = SIGNED_AT + timedelta(minutes=4) - LEAF.not_valid_before_utc
    withdrawn = listed(x509.ReasonFlags.superseded, at, serial=leaf.serial_number)
    assert judged(withdrawn, content=content).reason == reason


def test_authority_withdrawn_by_the_one_above_it_is_refused() -> None:
    serial = ACME.intermediate.serial_number
    withdrawn = listed(
        x509.ReasonFlags.ca_compromise, HOUR, serial=serial, issuer=ACME.root_certificate
    )
    assert judged(withdrawn).reason == "CERT_REVOKED"


@pytest.mark.parametrize(
    ("reason", "after", "refused"),
    [
        (x509.ReasonFlags.key_compromise, HOUR, "CERT_REVOKED"),
        (x509.ReasonFlags.superseded, -HOUR, "CERT_REVOKED"),
        (x509.ReasonFlags.superseded, HOUR, ""),
    ],
)
def test_authority_of_timestamps_that_is_withdrawn_proves_no_time(
    reason: x509.ReasonFlags, after: timedelta, refused: str
) -> None:
    """RFC 3161 section 4, of an authority that the trusted root names."""
    content = json.dumps(ACME.message(CONTENT, REKOR2)).encode()
    stamper = ACME.stamper
    withdrawn = listed(reason, after, serial=stamper.signer.serial_number, issuer=stamper.root)
    assert judged(withdrawn, content=content).reason == refused


def test_list_that_names_others_says_that_this_one_is_in_good_standing() -> None:
    found = judged(listed(x509.ReasonFlags.key_compromise, HOUR, serial=7))
    assert found.outcome is Outcome.VERIFIED
    assert "is not revoked" in said(found)


def test_list_that_the_authority_did_not_sign_proves_nothing() -> None:
    found = judged(listed(x509.ReasonFlags.key_compromise, HOUR, name="somebody"))
    assert found.outcome is Outcome.VERIFIED
    assert "not checked" in said(found)
