"""What a certificate revocation list says of one certificate (RFC 5280 sections 5.2, 5.3, 6.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from core.frozen import dataclass
from verification.keys.public_key import STRONG_HASHES
from verification.x509.certificates import BROKEN
from verification.x509.revocation_data import RevocationList
from verification.x509.revocation_word import Standing, Word, is_fresh, is_over
from verification.x509.usage import is_issuer

_KNOWN_IN_LIST = frozenset(
    {x509.CRLNumber.oid, x509.AuthorityKeyIdentifier.oid, x509.IssuingDistributionPoint.oid}
)
_KNOWN_IN_ENTRY = frozenset(
    {x509.CRLReason.oid, x509.InvalidityDate.oid, x509.CertificateIssuer.oid}
)


def list_words(
    given: RevocationList,
    certificate: x509.Certificate,
    issuers: Sequence[x509.Certificate],
    now: datetime,
) -> Iterator[Word]:
    """Yield what a list says; nothing where it is another authority's.

    An authority with several keys may sign its lists with any of them: `issuers` certify these, the
    first the one that signed the certificate. The others' lists refute and do not vouch, since
    nobody looked whether their certificates were withdrawn.
    """
    crl, source = given.crl, f"the list {given.name}"
    if crl.issuer != certificate.issuer:
        return
    signers = [each for each in issuers if each.subject == crl.issuer and _signed_by(given, each)]
    if not signers:
        yield Word(Standing.UNSURE, source, "its signature does not hold under the issuer's key")
        return
    scope = _scope(crl, certificate)
    if scope.excluded:
        yield Word(Standing.UNSURE, source, scope.excluded)
        return
    try:
        entries = _entries(given, certificate.serial_number)
    except BROKEN:
        yield Word(Standing.UNSURE, source, "its entries cannot be read")
        return
    over = is_over(crl.last_update_utc, crl.next_update_utc, now)
    for entry in entries:
        yield _listed(entry, source, over=over)
    if entries:
        return
    unsure = _unsure(crl, now) or scope.partial
    if not unsure and issuers[0] not in signers:
        unsure = "it is signed with another key of the issuer"
    if unsure:
        yield Word(Standing.UNSURE, source, unsure)
    else:
        yield Word(Standing.GOOD, source, f"as of {crl.last_update_utc.isoformat()}")


def _unsure(crl: x509.CertificateRevocationList, now: datetime) -> str:
    """Return why a list vouches for nothing, whatever is not in it, or an empty string."""
    if not is_fresh(crl.last_update_utc, crl.next_update_utc, now):
        end = crl.next_update_utc.isoformat() if crl.next_update_utc else "not stated"
        return f"it is out of date: the next one was due {end}"
    hashed = crl.signature_hash_algorithm
    if hashed is not None and hashed.name not in STRONG_HASHES:
        return f"it is signed with {hashed.name}"
    return ""


def _listed(entry: x509.RevokedCertificate, source: str, *, over: bool) -> Word:
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
    if reason is x509.ReasonFlags.certificate_hold and over:
        return Word(Standing.UNSURE, source, "it was on hold in a list that is out of date")
    return Word(Standing.REVOKED, source, "", effective, reason)


@lru_cache(maxsize=1024)
def _entries(given: RevocationList, serial: int) -> tuple[x509.RevokedCertificate, ...]:
    """Return the entries of a certificate by the list's own authority, none where it is good.

    One is listed again where its reason changed: nobody says that the first entry is the worst.
    """
    if given.crl.get_revoked_certificate_by_serial_number(serial) is None:
        return ()
    is_indirect, found = _is_indirect(given.crl), []
    is_own = True  # the issuer of an entry is that of the one before it (RFC 5280 section 5.3.3)
    for entry in given.crl:
        is_own = not is_indirect or _is_of(given.crl.issuer, entry, is_one_before=is_own)
        if is_own and entry.serial_number == serial:
            found.append(entry)
    return tuple(found)


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
        may_sign = usage.crl_sign
    except x509.ExtensionNotFound:
        may_sign = is_issuer(issuer)
    if not may_sign:
        return False
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
