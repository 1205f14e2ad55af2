"""Certificates of X.509 version 1: of those an authority issued itself, its word is enough."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from core.model import Outcome, TrustEntry, Verification
from tests.verification.specimens import (
    AUTHORITY,
    CONTENT,
    DAY,
    NOW,
    Extensions,
    PrivateKey,
    authority_entry,
    certificate,
    evidence,
    private_key,
    setting,
)
from tests.verification.x509.x509_material import (
    OTHER_KEY,
    ROOT,
    ROOT_KEY,
    Identity,
    signed_data,
    signer_info,
)
from verification.formats.cms_detached import CmsDetached
from verification.x509.version_one import is_plain

KEY = private_key("p256", "plain")


def plain(
    made: x509.Certificate, issuer_key: PrivateKey = ROOT_KEY, *, keeps: bool = False
) -> x509.Certificate:
    """Return the certificate as of version 1, signed anew: no library writes such ones any more."""
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    read = asn1_x509.Certificate.load(made.public_bytes(Encoding.DER))
    signed = read["tbs_certificate"]
    signed["version"] = "v1"
    if not keeps:
        del signed["extensions"]
    if isinstance(issuer_key, rsa.RSAPrivateKey):
        made_anew = issuer_key.sign(signed.dump(), padding.PKCS1v15(), hashes.SHA256())
    else:
        made_anew = issuer_key.sign(signed.dump(), ec.ECDSA(hashes.SHA256()))
    read["signature_value"] = made_anew
    found = x509.load_der_x509_certificate(read.dump(force=True))
    assert is_plain(found)
    return found


def leaf(
    issuer: str = "acme root", key: PrivateKey = ROOT_KEY, until: datetime = NOW + DAY
) -> x509.Certificate:
    return plain(certificate("plain", issuer, KEY, key, until=until), key)


def judged(
    signer: x509.Certificate, *entries: TrustEntry, beside: tuple[x509.Certificate, ...] = ()
) -> Verification:
    info = signer_info(Identity(KEY, signer), CONTENT)
    offered = evidence(signed_data((info,), (signer, *beside), None))
    return CmsDetached().verify(offered, setting(*(entries or (authority_entry(ROOT),))))


def test_authority_vouches_for_what_it_issued_itself() -> None:
    found = judged(leaf())
    assert (found.reason, found.outcome) == ("", Outcome.VERIFIED)
    assert found.due_at == NOW + DAY + timedelta(seconds=1)
    assert judged(leaf(), authority_entry(leaf())).reason == "CERT_UNTRUSTED"  # another number
    own = leaf()
    assert judged(own, authority_entry(own)).reason == ""


def test_attack_09_nobody_else_does() -> None:
    assert judged(leaf(key=OTHER_KEY)).reason == "CERT_UNTRUSTED"
    assert judged(leaf("other root")).reason == "CERT_UNTRUSTED"
    assert judged(leaf(until=NOW - DAY / 2)).reason == "CERT_EXPIRED_AT_SIGNING"


def _root(extensions: Extensions, key: PrivateKey = ROOT_KEY) -> x509.Certificate:
    return certificate("acme root", "acme root", key, key, extensions)


NAMES = x509.NameConstraints([x509.DNSName("acme.example")], None)
POLICY = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
NO_AUTHORITY = x509.BasicConstraints(ca=False, path_length=None)


@pytest.mark.parametrize(
    ("extensions", "why"),
    [
        ((), "does not say that it is an authority"),
        (((NO_AUTHORITY, True),), "says that it is no authority"),
        ((*AUTHORITY, (NAMES, True)), "version 1, and CN=acme root constrains names"),
        ((*AUTHORITY, (POLICY, True)), "demands a policy"),
    ],
)
def test_attack_09_authority_that_may_not_vouch(extensions: Extensions, why: str) -> None:
    found = judged(leaf(), authority_entry(_root(extensions)))
    assert found.outcome is not Outcome.VERIFIED
    assert why in found.detail


def test_attack_08_authority_with_a_weak_key_does_not_vouch() -> None:
    key = private_key("rsa-1024", "weak root")
    found = judged(leaf(key=key), authority_entry(_root(AUTHORITY, key)))
    assert found.outcome is Outcome.UNTRUSTED
    assert "algorithms" in found.detail


def test_attack_09_one_with_extensions_all_the_same_is_not_judged() -> None:
    made = certificate("plain", "acme root", KEY, ROOT_KEY, ((NO_AUTHORITY, True),))
    found = judged(plain(made, keeps=True))
    assert found.reason == "FORMAT_UNSUPPORTED"
    assert "extensions" in found.detail


def test_authority_between_is_not_judged() -> None:
    key = private_key("p256", "between")
    between = certificate("between", "acme root", key, ROOT_KEY, AUTHORITY)
    found = judged(leaf("between", key), beside=(between,))
    assert found.reason == "FORMAT_UNSUPPORTED"
    assert "version 1" in found.detail


def test_attack_09_authority_of_version_1_does_not_lead_up() -> None:
    key = private_key("p256", "between")
    between = plain(certificate("between", "acme root", key, ROOT_KEY, AUTHORITY))
    below = certificate("plain", "between", KEY, key)
    for signer in (below, leaf("between", key)):
        assert judged(signer, beside=(between,)).outcome is not Outcome.VERIFIED
