"""What an OCSP response says of one certificate (RFC 6960 sections 3.2, 4.1.1 and 4.2.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from core.limits import Limits
from verification.keys.keyed import signed_bytes
from verification.keys.public_key import STRONG_HASHES, AttemptOutcome, Terms, verify_signature
from verification.readers import der
from verification.readers.der import DerReader
from verification.x509.certificates import BROKEN, certified_key, certified_spki, is_issued_by
from verification.x509.revocation_data import OcspAnswer
from verification.x509.revocation_word import Standing, Word, is_fresh, is_over

_HASHES: dict[type[HashAlgorithm], str] = {
    SHA1: "sha1",
    SHA256: "sha256",
    SHA384: "sha384",
    SHA512: "sha512",
}
_NO_LIMITS = Limits()
_ALWAYS = datetime.min.replace(tzinfo=UTC)  # of a date that cannot be read: nothing is before it
_SINGLE_EXTENSIONS = der.CONTEXT_CONSTRUCTED + 1


def ocsp_words(
    given: OcspAnswer, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Iterator[Word]:
    """Yield what an OCSP response says of the certificate, as its issuer's authority answers."""
    for place, single in enumerate(given.response.responses):
        if single.serial_number != certificate.serial_number or not _is_issuer(single, issuer):
            continue
        yield _answered(given, place, single, issuer, now)


def _answered(
    given: OcspAnswer,
    place: int,
    single: ocsp.OCSPSingleResponse,
    issuer: x509.Certificate,
    now: datetime,
) -> Word:
    source = f"the answer {given.name}"
    wrong = _responder_wrong(given, issuer)
    if wrong:
        return Word(Standing.UNSURE, source, wrong)
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        reason = single.revocation_reason
        over = is_over(single.this_update_utc, single.next_update_utc, now)
        if reason is x509.ReasonFlags.certificate_hold and over:
            return Word(Standing.UNSURE, source, "it was on hold in an answer that is out of date")
        since = [single.revocation_time_utc, _invalid_since(given)[place]]
        return Word(Standing.REVOKED, source, "", min(filter(None, since), default=None), reason)
    if single.certificate_status is not ocsp.OCSPCertStatus.GOOD:
        return Word(Standing.UNSURE, source, "the responder does not know the certificate")
    if not is_fresh(single.this_update_utc, single.next_update_utc, now):
        end = single.next_update_utc.isoformat() if single.next_update_utc else "not stated"
        return Word(Standing.UNSURE, source, f"it is out of date: the next one was due {end}")
    return Word(Standing.GOOD, source, f"as of {single.this_update_utc.isoformat()}")


@lru_cache(maxsize=256)
def _invalid_since(given: OcspAnswer) -> tuple[datetime | None, ...]:
    """Return the date of invalidity that each answer states (RFC 6960 section 4.4.5), if it does.

    The library shows no extensions of single answers where there are several.
    """
    reader = DerReader(given.response.tbs_response_bytes, "the answer").inside(der.SEQUENCE)
    if reader.tag == der.CONTEXT_CONSTRUCTED:
        reader.element()  # the version
    for _ in ("responderID", "producedAt"):
        reader.element()
    listed = reader.inside(der.SEQUENCE)
    found: list[datetime | None] = []
    while listed.tag >= 0:
        single = listed.inside(der.SEQUENCE)
        for _ in ("certID", "certStatus", "thisUpdate"):
            single.element()
        if single.tag == der.CONTEXT_CONSTRUCTED:
            single.element()  # nextUpdate
        held = single.inside(_SINGLE_EXTENSIONS) if single.tag >= 0 else single
        found.append(_invalidity_date(held.inside(der.SEQUENCE)) if held.tag >= 0 else None)
    return tuple(found)


def _invalidity_date(extensions: DerReader) -> datetime | None:
    while extensions.tag >= 0:
        extension = extensions.inside(der.SEQUENCE)
        if extension.oid() != x509.InvalidityDate.oid.dotted_string:
            continue
        if extension.tag == der.BOOLEAN:
            extension.element()  # whether it is critical
        try:
            stated = DerReader(extension.octets(), "the date").octets(der.GENERALIZED_TIME)
            return datetime.strptime(stated.decode(), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
        except (MalformedError, ValueError):
            return _ALWAYS
    return None


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
    """Return the DER of the subject's name and the bits of the public key, as they stand there."""
    key = DerReader(certified_spki(issuer), "the key").inside(der.SEQUENCE)
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
    except (x509.ExtensionNotFound, *BROKEN):
        return False
    try:
        usage = delegate.extensions.get_extension_for_class(x509.KeyUsage).value
        may_sign = usage.digital_signature or usage.content_commitment
    except x509.ExtensionNotFound:
        may_sign = True
    is_made_for_that = may_sign and ExtendedKeyUsageOID.OCSP_SIGNING in purposes
    return is_made_for_that and is_issued_by(delegate, issuer)
