"""Keyless bundles of an authority that withdraws certificates: its lists are given as data."""

from __future__ import annotations

import json
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from core.limits import Limits
from core.model import Outcome, TrustEntry, TrustKind, Verification
from tests.verification.sigstore.sigstore_world import ACME, Making
from tests.verification.specimens import CONTENT, DAY, NOW, evidence, private_key, setting
from verification.sigstore.bundle import read_bundle
from verification.verifier import verify

CONTENT_BUNDLE = json.dumps(ACME.message(CONTENT, Making())).encode()
BUNDLE = read_bundle(CONTENT_BUNDLE, Limits())
LEAF = BUNDLE.certificates[0]
HOUR = timedelta(hours=1)


def listed(
    reason: x509.ReasonFlags, at: timedelta, *, serial: int = LEAF.serial_number, name: str = ""
) -> TrustEntry:
    """Return the authority's list, with one certificate withdrawn that long after it began."""
    issuer, key = ACME.intermediate, ACME._key("intermediate")
    if name:
        key = private_key("p256", name)
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


def judged(*lists: TrustEntry) -> Verification:
    return verify(evidence(CONTENT_BUNDLE), setting(ACME.entry(), *lists))


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


def test_list_that_names_others_says_that_this_one_is_in_good_standing() -> None:
    found = judged(listed(x509.ReasonFlags.key_compromise, HOUR, serial=7))
    assert found.outcome is Outcome.VERIFIED
    assert "is not revoked" in said(found)


def test_list_that_the_authority_did_not_sign_proves_nothing() -> None:
    found = judged(listed(x509.ReasonFlags.key_compromise, HOUR, name="somebody"))
    assert found.outcome is Outcome.VERIFIED
    assert "not checked" in said(found)
