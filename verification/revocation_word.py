"""What one CRL or OCSP response says of one certificate, once its signature was checked.

References: RFC 5280 sections 5.2.5 (which certificates a list covers), 5.3 (its entries), 6.3;
RFC 6960 sections 3.2 and 4.2 (who may answer, for how long).

A word that a certificate is good counts only while it is fresh, covers the certificate and is
signed with a strong hash. A word that it was revoked counts longer: certificates that were
withdrawn do not come back, those on hold apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from core.limits import Limits
from verification import der
from verification.certificates import certified_key
from verification.der import DerReader
from verification.keyed import signed_bytes
from verification.public_key import STRONG_HASHES, AttemptOutcome, Terms, verify_signature
from verification.revocation_data import OcspAnswer, RevocationList

UNDATED_FOR = timedelta(days=7)  # a list or answer that states no end counts this long
COMPROMISE = frozenset(
    {
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.ca_compromise,
        x509.ReasonFlags.aa_compromise,
    }
)
_KNOWN_IN_LIST = frozenset(
    {x509.CRLNumber.oid, x509.AuthorityKeyIdentifier.oid, x509.IssuingDistributionPoint.oid}
)
_KNOWN_IN_ENTRY = frozenset({x509.CRLReason.oid, x509.InvalidityDate.oid})
_HASHES: dict[type[HashAlgorithm], str] = {
    SHA1: "sha1",
    SHA256: "sha256",
    SHA384: "sha384",
    SHA512: "sha512",
}
_NO_LIMITS = Limits()


class Standing(Enum):
    """What is said of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNSURE = "unsure"  # it may be meant, but nothing follows for it


@dataclass(frozen=True, slots=True)
class Word:
    """One word on one certificate; `at` is since when it is revoked, `source` who says so."""

    standing: Standing
    source: str
    detail: str = ""
    at: datetime | None = None
    reason: x509.ReasonFlags | None = None


def is_fresh(begins: datetime, ends: datetime | None, now: datetime) -> bool:
    """Say whether something said at `begins`, good until `ends`, still counts."""
    return begins <= now <= (ends if ends is not None else begins + UNDATED_FOR)


# --- lists ----------------------------------------------------------------------------------------


def list_word(
    given: RevocationList, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Word | None:
    """Return what a list says; None where it is another authority's."""
    crl, source = given.crl, f"the list {given.name}"
    if crl.issuer != certificate.issuer:
        return None
    if not _signed_by(given, issuer):
        return Word(Standing.UNSURE, source, "its signature does not hold under the issuer's key")
    scope = _scope(crl, certificate)
    if scope.excluded:
        return Word(Standing.UNSURE, source, scope.excluded)
    entry = _entry(given, certificate.serial_number)
    fresh = is_fresh(crl.last_update_utc, crl.next_update_utc, now)
    if entry is not None:
        return _listed(entry, source, fresh=fresh)
    if not fresh:
        end = crl.next_update_utc.isoformat() if crl.next_update_utc else "not stated"
        return Word(Standing.UNSURE, source, f"it is out of date: the next one was due {end}")
    hashed = crl.signature_hash_algorithm
    if hashed is not None and hashed.name not in STRONG_HASHES:
        return Word(Standing.UNSURE, source, f"it is signed with {hashed.name}")
    if scope.partial:
        return Word(Standing.UNSURE, source, scope.partial)
    return Word(Standing.GOOD, source, f"as of {crl.last_update_utc.isoformat()}")


def _listed(entry: x509.RevokedCertificate, source: str, *, fresh: bool) -> Word:
    reason, effective = None, entry.revocation_date_utc
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason
        elif isinstance(extension.value, x509.InvalidityDate):
            effective = min(effective, extension.value.invalidity_date_utc)
    if reason is x509.ReasonFlags.remove_from_crl:
        return Word(Standing.UNSURE, source, "it was taken off a list that is not at hand")
    if reason is x509.ReasonFlags.certificate_hold and not fresh:
        return Word(Standing.UNSURE, source, "it was on hold in a list that is out of date")
    return Word(Standing.REVOKED, source, "", effective, reason)


@lru_cache(maxsize=1024)
def _entry(given: RevocationList, serial: int) -> x509.RevokedCertificate | None:
    return given.crl.get_revoked_certificate_by_serial_number(serial)


@lru_cache(maxsize=256)
def _signed_by(given: RevocationList, issuer: x509.Certificate) -> bool:
    """Check RFC 5280 section 6.3.3 (f) and (g): keyUsage cRLSign, and the signature."""
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    key = issuer.public_key()
    kinds = (
        rsa.RSAPublicKey
        | ec.EllipticCurvePublicKey
        | ed25519.Ed25519PublicKey
        | ed448.Ed448PublicKey
    )
    if not isinstance(key, kinds):
        return False
    try:
        return given.crl.is_signature_valid(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


@dataclass(frozen=True, slots=True)
class _Scope:
    """Why a list says nothing of a certificate, or cannot call it good; empty where it can."""

    excluded: str = ""
    partial: str = ""


def _scope(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> _Scope:
    partial = ""
    for extension in crl.extensions:
        if extension.oid == x509.DeltaCRLIndicator.oid:
            return _Scope("it lists changes alone (a delta)")
        if extension.critical and extension.oid not in _KNOWN_IN_LIST:
            return _Scope(f"its critical extension {extension.oid.dotted_string} is unknown")
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            excluded = _excluded(extension.value, certificate)
            if excluded:
                return _Scope(excluded)
            partial = _partial(extension.value, certificate)
    return _Scope("", partial)


def _excluded(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> str:
    """Return why a list of that scope is not about the certificate, or an empty string."""
    if point.indirect_crl:
        return "it lists certificates of several authorities"
    if point.only_contains_attribute_certs:
        return "it lists attribute certificates alone"
    is_authority = _is_authority(certificate)
    if point.only_contains_user_certs and is_authority:
        return "it lists signers alone"
    if point.only_contains_ca_certs and not is_authority:
        return "it lists authorities alone"
    return ""


def _partial(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> str:
    """Return why not standing in the list says nothing, or an empty string."""
    if point.only_some_reasons:
        return "it is for some reasons alone"
    if point.full_name is None:
        return "" if point.relative_name is None else "it is one part of several"
    try:
        named = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return "it is one part of several, and the certificate names none"
    places = {name for place in named for name in place.full_name or ()}
    return "" if places & set(point.full_name) else "it is another part than the certificate names"


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


# --- OCSP -----------------------------------------------------------------------------------------


def ocsp_words(
    given: OcspAnswer, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Iterator[Word]:
    """Yield what an OCSP response says of the certificate, as its issuer's authority answers."""
    for single in given.response.responses:
        if single.serial_number != certificate.serial_number or not _is_issuer(single, issuer):
            continue
        yield _answered(given, single, issuer, now)


def _answered(
    given: OcspAnswer, single: ocsp.OCSPSingleResponse, issuer: x509.Certificate, now: datetime
) -> Word:
    source = f"the answer {given.name}"
    wrong = _responder_wrong(given, issuer)
    if wrong:
        return Word(Standing.UNSURE, source, wrong)
    fresh = is_fresh(single.this_update_utc, single.next_update_utc, now)
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        reason = single.revocation_reason
        if reason is x509.ReasonFlags.certificate_hold and not fresh:
            return Word(Standing.UNSURE, source, "it was on hold in an answer that is out of date")
        return Word(Standing.REVOKED, source, "", single.revocation_time_utc, reason)
    if single.certificate_status is not ocsp.OCSPCertStatus.GOOD:
        return Word(Standing.UNSURE, source, "the responder does not know the certificate")
    if not fresh:
        end = single.next_update_utc.isoformat() if single.next_update_utc else "not stated"
        return Word(Standing.UNSURE, source, f"it is out of date: the next one was due {end}")
    return Word(Standing.GOOD, source, f"as of {single.this_update_utc.isoformat()}")


def _is_issuer(single: ocsp.OCSPSingleResponse, issuer: x509.Certificate) -> bool:
    """Check RFC 6960 section 4.1.1: the hashes of the issuer's name and key."""
    name = _HASHES.get(type(single.hash_algorithm), "")
    if not name:
        return False
    subject, key = _issuer_bytes(issuer)
    hashes = (hashlib.new(name, subject).digest(), hashlib.new(name, key).digest())
    return hashes == (single.issuer_name_hash, single.issuer_key_hash)


@lru_cache(maxsize=256)
def _issuer_bytes(issuer: x509.Certificate) -> tuple[bytes, bytes]:
    """Return the DER of the subject's name and the bits of the public key."""
    encoded = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = DerReader(encoded, "the key").inside(der.SEQUENCE)
    key.element(der.SEQUENCE)
    return issuer.subject.public_bytes(), key.octets(der.BIT_STRING)[1:]


@lru_cache(maxsize=256)
def _responder_wrong(given: OcspAnswer, issuer: x509.Certificate) -> str:
    """Check RFC 6960 section 4.2.2.2: signed by the issuer, or by a delegate it made for that."""
    response = given.response
    unknown = [each.oid for each in response.extensions if each.critical]
    if unknown:
        return f"its critical extension {unknown[0].dotted_string} is unknown"
    try:
        hashed = response.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "it is signed with an algorithm unknown to us"
    name = _HASHES.get(type(hashed), "") if hashed is not None else "sha512"
    if name not in STRONG_HASHES:
        return "it is signed with a hash that can be forged"
    if _signs(given, issuer, name):
        return ""
    for delegate in response.certificates:
        if _is_delegate(delegate, issuer, response.produced_at_utc) and _signs(
            given, delegate, name
        ):
            return ""
    return "it is signed neither by the issuer nor by a responder that the issuer made for that"


def _signs(given: OcspAnswer, signer: x509.Certificate, hashed: str) -> bool:
    try:
        key = certified_key(signer)
    except MalformedError:
        return False
    signed = signed_bytes(given.response.tbs_response_bytes)
    terms = Terms(hashes=(hashed,))
    attempt = verify_signature(key, given.response.signature, signed, _NO_LIMITS, terms)
    return attempt.outcome is AttemptOutcome.VERIFIED


def _is_delegate(delegate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    if not delegate.not_valid_before_utc <= at <= delegate.not_valid_after_utc:
        return False
    try:
        purposes = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        delegate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    try:
        usage = delegate.extensions.get_extension_for_class(x509.KeyUsage).value
        may_sign = usage.digital_signature or usage.content_commitment
    except x509.ExtensionNotFound:
        may_sign = True
    return may_sign and ExtendedKeyUsageOID.OCSP_SIGNING in purposes
