"""What a certificate revocation list says of one certificate (RFC 5280 sections 5.2, 5.3, 6.3)."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from core.frozen import dataclass
from verification.keys.public_key import STRONG_HASHES
from verification.x509.revocation_data import BROKEN, RevocationList
from verification.x509.revocation_word import Standing, Word, is_fresh
from verification.x509.usage import is_issuer

_KNOWN_IN_LIST = frozenset(
    {x509.CRLNumber.oid, x509.AuthorityKeyIdentifier.oid, x509.IssuingDistributionPoint.oid}
)
_KNOWN_IN_ENTRY = frozenset(
    {x509.CRLReason.oid, x509.InvalidityDate.oid, x509.CertificateIssuer.oid}
)


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
    try:
        entry = _entry(given, certificate.serial_number)
    except BROKEN:
        return Word(Standing.UNSURE, source, "its entries cannot be read")
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
    try:
        extensions = list(entry.extensions)
    except BROKEN:  # listed, whatever else it should say
        return Word(Standing.REVOKED, source)
    for extension in extensions:
        if extension.critical and extension.oid not in _KNOWN_IN_ENTRY:
            return Word(Standing.REVOKED, source)
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
    """Return the entry of a certificate by the list's own authority, None where there is none."""
    listed = given.crl.get_revoked_certificate_by_serial_number(serial)
    if listed is None or not _is_indirect(given.crl):
        return listed
    is_own = True  # the issuer of an entry is that of the one before it (RFC 5280 section 5.3.3)
    for entry in given.crl:
        is_own = _is_of(given.crl.issuer, entry, is_one_before=is_own)
        if is_own and entry.serial_number == serial:
            return entry
    return None


def _is_of(issuer: x509.Name, entry: x509.RevokedCertificate, *, is_one_before: bool) -> bool:
    """Say whether an entry of an indirect list is about a certificate by that issuer.

    One that cannot be read may be about anybody's, and so may those behind it.
    """
    try:
        stated = [each.value for each in entry.extensions]
    except BROKEN:
        return True
    for each in stated:
        if isinstance(each, x509.CertificateIssuer):
            return issuer in each.get_values_for_type(x509.DirectoryName)
    return is_one_before


def _is_indirect(crl: x509.CertificateRevocationList) -> bool:
    points = (each.value for each in crl.extensions)
    return any(isinstance(p, x509.IssuingDistributionPoint) and p.indirect_crl for p in points)


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
    except BROKEN:
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
            partial = "it lists changes alone (a delta)"
        elif extension.critical and extension.oid not in _KNOWN_IN_LIST:
            return _Scope(f"its critical extension {extension.oid.dotted_string} is unknown")
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            excluded = _excluded(extension.value, certificate)
            if excluded:
                return _Scope(excluded)
            partial = partial or _partial(extension.value, certificate)
    return _Scope("", partial)


def _excluded(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> str:
    """Return why a list of that scope is not about the certificate, or an empty string."""
    if point.only_contains_attribute_certs:
        return "it lists attribute certificates alone"
    is_authority = is_issuer(certificate)
    if point.only_contains_user_certs and is_authority:
        return "it lists signers alone"
    if point.only_contains_ca_certs and not is_authority:
        return "it lists authorities alone"
    return ""


def _partial(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> str:
    """Return why not standing in the list says nothing, or an empty string."""
    if point.indirect_crl:
        return "it lists certificates of several authorities"
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
