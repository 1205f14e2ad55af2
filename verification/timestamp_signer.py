"""The certificate that signed a timestamp: whether it is the one named, and made for this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from core.model import digest_of
from verification import der
from verification.certificate_usage import is_issuer, unknown_critical
from verification.certificates import certified_key
from verification.der import DerReader
from verification.fault import Fault
from verification.public_key import STRONG_HASHES, PublicKey
from verification.timestamp_token import SignerInfo

PURPOSE = ExtendedKeyUsageOID.TIME_STAMPING
_USAGE = "timestamp certificate"


def is_named(certificate: x509.Certificate, signer: SignerInfo) -> bool:
    """Say whether SignerInfo and every ESSCertID name this certificate (RFC 3161 section 2.4.2)."""
    named = _naming(certificate)
    if signer.issuer and (signer.issuer, signer.serial) != (named.issuer, named.serial):
        return False
    if not signer.issuer and (
        not named.key_identifier or signer.key_identifier != named.key_identifier
    ):
        return False
    return all(
        each.hash_name in named.digests
        and each.digest == named.digests[each.hash_name]
        and each.serial in (None, named.serial)
        for each in signer.certificates
    )


@dataclass(frozen=True, slots=True)
class _Naming:
    """Everything by which a token may name a certificate."""

    issuer: bytes
    serial: int
    key_identifier: bytes
    digests: dict[str, bytes]


@lru_cache(maxsize=256)
def _naming(certificate: x509.Certificate) -> _Naming:
    encoded = certificate.public_bytes(Encoding.DER)
    issuer = _issuer_bytes(encoded)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        identifier = extension.value.digest
    except x509.ExtensionNotFound:
        identifier = b""
    digests = {name: digest_of(encoded, name).raw for name in (*STRONG_HASHES, "sha1")}
    return _Naming(issuer, certificate.serial_number, identifier, digests)


def _issuer_bytes(encoded: bytes) -> bytes:
    """Return the issuer's name as the certificate spells it (RFC 5280 section 4.1)."""
    certificate = DerReader(encoded, "the certificate").inside(der.SEQUENCE)
    signed = certificate.inside(der.SEQUENCE)
    if signed.tag == der.CONTEXT_CONSTRUCTED:
        signed.element()
    signed.integer()
    signed.element(der.SEQUENCE)
    return signed.element(der.SEQUENCE)


@lru_cache(maxsize=256)
def usable_key(signer: x509.Certificate) -> PublicKey | Fault:
    """Check RFC 3161 section 2.3: a critical extendedKeyUsage of timeStamping alone."""
    reference = "RFC 3161 2.3"
    try:
        key = certified_key(signer)
    except MalformedError as error:
        return Fault(_USAGE, "MALFORMED", str(error), "a key that can be used", "another one")
    wrong = _wrong_usage(signer)
    if wrong:
        detail = "the certificate that signed the timestamp was not issued for timestamps"
        expected = "a critical extendedKeyUsage with timeStamping alone, on no authority"
        return Fault(_USAGE, "CERT_USAGE", detail, expected, wrong, reference)
    return key


def _wrong_usage(signer: x509.Certificate) -> str:
    unknown = unknown_critical(signer)
    if unknown:
        return f"the unknown critical extension {unknown}"
    try:
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return "no extendedKeyUsage"
    if not purposes.critical:
        return "an extendedKeyUsage that is not critical"
    if list(purposes.value) != [PURPOSE]:
        return ", ".join(sorted(oid.dotted_string for oid in purposes.value))
    if not _may_sign(signer):
        return "keyUsage without digitalSignature"
    return "basicConstraints of an authority" if is_issuer(signer) else ""


def _may_sign(signer: x509.Certificate) -> bool:
    try:
        usage = signer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment
