"""The certificate that signed a timestamp: whether it was made for this."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from verification.fault import Fault
from verification.keys.public_key import PublicKey
from verification.x509.certificates import certified_key
from verification.x509.usage import is_issuer, unknown_critical

PURPOSE = ExtendedKeyUsageOID.TIME_STAMPING
_USAGE = "timestamp certificate"


@lru_cache(maxsize=256)
def usable_key(signer: x509.Certificate, *, must_be_critical: bool = True) -> PublicKey | Fault:
    """Check RFC 3161 section 2.3: a critical extendedKeyUsage of timeStamping alone.

    Critical or not, it binds whoever reads it (RFC 5280 section 4.2.1.12). Timestamps in the
    attribute of Microsoft's own are by certificates, Microsoft's among them, in which it is not.
    """
    reference = "RFC 3161 2.3"
    try:
        key = certified_key(signer)
    except MalformedError as error:
        expected = "a key that can be used"
        return Fault(_USAGE, error.reason, str(error), expected, "another one")
    wrong = _wrong_usage(signer, must_be_critical=must_be_critical)
    if wrong:
        detail = "the certificate that signed the timestamp was not issued for timestamps"
        expected = "a critical extendedKeyUsage with timeStamping alone, on no authority"
        return Fault(_USAGE, "CERT_USAGE", detail, expected, wrong, reference)
    return key


def _wrong_usage(signer: x509.Certificate, *, must_be_critical: bool) -> str:
    unknown = unknown_critical(signer)
    if unknown:
        return f"the unknown critical extension {unknown}"
    try:
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return "no extendedKeyUsage"
    if must_be_critical and not purposes.critical:
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
