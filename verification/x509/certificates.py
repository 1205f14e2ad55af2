"""X.509 certificates: reading them, and what they say of their holder."""

from __future__ import annotations

import binascii
import json
import re
import warnings
from datetime import UTC
from functools import lru_cache
from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import PublicKeyAlgorithmOID

from core import wire
from core.errors import MalformedError
from core.model import Signer, SignerKind, TrustEntry
from verification.keys.public_key import PublicKey, limited, public_key
from verification.only import kept_by_only
from verification.readers import der
from verification.readers.der import DerReader

MAX_CERTIFICATES = 32  # read from one piece of evidence
MAX_BYTES = 256 * 1024  # of one piece of evidence's certificates
MAX_NAMES = 64  # subject alternative names taken over as claims

_KEPT = 512
_KEPT_BYTES = 8192
_BLOCK = re.compile(
    rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{0,65536}?-----END CERTIFICATE-----"
)
_BEGIN = b"-----BEGIN CERTIFICATE-----"
# ecPublicKey with a curve spelled out where its name belongs (RFC 5480 section 2.1.1).
_SPELLED_CURVE = bytes.fromhex("06072a8648ce3d020130")
# RFC 5280 section 4.2.1.6. A name that reads as one of another kind would pass by what an authority
# above constrains of that kind: `ceo@acme.example` as a URI.
_NAME_FORMS: dict[type[x509.GeneralName], re.Pattern[str]] = {
    x509.RFC822Name: re.compile(r"[^:@]+@[^@]+"),
    x509.UniformResourceIdentifier: re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+"),
    x509.DNSName: re.compile(r"[A-Za-z0-9_.*-]+"),
}
# What the library raises, sooner or later, on a certificate, list or answer that it does not read.
BROKEN = (
    ValueError,
    TypeError,
    KeyError,  # of a feature of TLS that has no name there
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
# RFC 5280 section 4.1.2.2: numbers below one are to be put up with. Roots that everybody has in a
# collection have the number zero, of which the library warns at every sight.
warnings.filterwarnings(
    "ignore", message="Parsed a serial number", category=CryptographyDeprecationWarning
)
# Nor is a country of three letters ours to warn of, which private authorities of Sigstore have.
warnings.filterwarnings("ignore", message="Attribute's length must be", category=UserWarning)


def read_certificates(content: bytes) -> tuple[x509.Certificate, ...]:
    """Read PEM or DER certificates in the order given; raise MalformedError.

    Base64 around the PEM, as `cosign sign-blob --output-certificate` writes it, is taken off.
    """
    if len(content) > MAX_BYTES:
        raise MalformedError(f"{len(content)} bytes of certificates, more than {MAX_BYTES}")
    if _BEGIN not in content and not content.startswith(b"\x30"):
        content = wire.decode_base64(content.strip(), what="the certificate")
    if _BEGIN not in content:
        return (_load(content),)
    blocks = _BLOCK.findall(content)
    if len(blocks) != content.count(_BEGIN):
        raise MalformedError("a PEM certificate has no proper end")
    if len(blocks) > MAX_CERTIFICATES:
        raise MalformedError(f"{len(blocks)} certificates, more than {MAX_CERTIFICATES}")
    return tuple(_load(block) for block in blocks)


def _load(encoded: bytes) -> x509.Certificate:
    if encoded.startswith(_BEGIN):
        encoded = _unwrapped(encoded)
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        _ = (certificate.extensions, certificate.subject, certificate.issuer, certificate.version)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)  # of the year 0
    except BROKEN as error:
        raise MalformedError(f"not a certificate: {error}") from None
    # The one field outside the signature that the library lets vary: the count of unused bits.
    if not encoded.endswith(b"\x00" + certificate.signature):
        raise MalformedError("not a certificate: its signature is no whole number of bytes")
    if _SPELLED_CURVE in encoded and _SPELLED_CURVE in certified_spki(certificate):
        raise MalformedError("not a certificate: it spells its key's curve out, not by its name")
    return certificate


def _unwrapped(block: bytes) -> bytes:
    """Return the DER in a PEM block that `_BLOCK` matched."""
    body = block.removeprefix(_BEGIN).rpartition(b"-----END")[0]
    try:
        return binascii.a2b_base64(b"".join(body.split()))
    except binascii.Error:
        raise MalformedError("not a certificate: a PEM block that is not base64") from None


def load_der(encoded: bytes) -> x509.Certificate:
    """Read one DER certificate, as evidence embeds it; raise MalformedError.

    The certificates of authorities come along again and again: those that were read are kept.
    """
    return _load_kept(encoded) if len(encoded) <= _KEPT_BYTES else _load_one(encoded)


@lru_cache(maxsize=_KEPT)
def _load_kept(encoded: bytes) -> x509.Certificate:
    return _load_one(encoded)


def _load_one(encoded: bytes) -> x509.Certificate:
    if encoded.startswith(_BEGIN):
        raise MalformedError("not a certificate: PEM where DER belongs")
    return _load(encoded)


def accepted_authorities(entry: TrustEntry) -> tuple[tuple[x509.Certificate, ...], tuple[str, ...]]:
    """Read a trust entry of kind AUTHORITY: what its `only` names, and what cannot be read.

    Collections of roots have members that no strict reader takes: they vouch for nothing, and cost
    the others nothing. Raises MalformedError where there is no other.
    """
    read: list[x509.Certificate] = []
    broken: list[str] = []
    for encoded in _members(entry.content):
        try:
            read.append(_load(encoded))
        except MalformedError as error:
            broken.append(f"certificate {len(read) + len(broken) + 1}: {error}")
    if not read:
        raise MalformedError(broken[0])
    kept = kept_by_only(entry, [((certificate_digest(one),), one) for one in read])
    return tuple(kept), () if entry.only else tuple(broken)


def _members(content: bytes) -> list[bytes]:
    """Return the certificates of a trust entry, of any number; raise MalformedError."""
    if _BEGIN not in content:
        return [content]
    blocks = _BLOCK.findall(content)
    if len(blocks) != content.count(_BEGIN):
        raise MalformedError("a PEM certificate has no proper end")
    return blocks


class ForeignKeyError(MalformedError):
    """A certificate is for a key of a kind that is not judged here."""

    reason = "FORMAT_UNSUPPORTED"


def certified_key(certificate: x509.Certificate) -> PublicKey:
    """Return the key that a certificate certifies; raise ForeignKeyError or MalformedError."""
    try:
        key = public_key(certificate.public_key(), name="certificate")
    except (MalformedError, UnsupportedAlgorithm) as error:
        raise ForeignKeyError(f"the certificate's key cannot be used: {error}") from None
    except ValueError as error:
        raise MalformedError(f"the certificate's key cannot be used: {error}") from None
    if not isinstance(key.material, rsa.RSAPublicKey):
        return key
    is_limited = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS
    return limited(key, certified_spki(certificate)) if is_limited else key


def certified_spki(certificate: x509.Certificate) -> bytes:
    """Return the SubjectPublicKeyInfo as it stands in a certificate (RFC 5280 section 4.1)."""
    signed = DerReader(certificate.tbs_certificate_bytes, "the certificate").inside(der.SEQUENCE)
    if signed.tag == der.CONTEXT_CONSTRUCTED:
        signed.element()  # the version
    for _ in ("serialNumber", "signature", "issuer", "validity", "subject"):
        signed.element()
    return signed.element(der.SEQUENCE)


def certificate_key_algorithm(certificate: x509.Certificate) -> str:
    """Return the name of the certified key's algorithm, "unknown" for a foreign kind."""
    try:
        return certified_key(certificate).algorithm
    except MalformedError:
        return "unknown"


def certificate_digest(certificate: x509.Certificate) -> str:
    """Return `sha256:<hex>` over the certificate's DER."""
    return f"sha256:{certificate.fingerprint(SHA256()).hex()}"


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether the certificate names this issuer and was signed with its key; nothing more."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def issuer_name(certificate: x509.Certificate) -> str:
    """Return the issuer's name as RFC 4514 writes it."""
    return certificate.issuer.rfc4514_string()


def alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the e-mail, URI and DNS names of the certificate, at most MAX_NAMES, in order.

    One that has not the form of its kind names nobody.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    found = (str(name.value) for name in names if has_form(name))
    return tuple(islice(found, MAX_NAMES))


def has_form(name: x509.GeneralName) -> bool:
    """Say whether it is an e-mail address, URI or DNS name, and looks like one of its kind."""
    form = _NAME_FORMS.get(type(name))
    return form is not None and form.fullmatch(str(name.value)) is not None


def certificate_claims(certificate: x509.Certificate) -> dict[str, str]:
    """Return what the certificate states, for people and policies; names as a JSON list."""
    return {
        "certificate": certificate_digest(certificate),
        "subject": certificate.subject.rfc4514_string(),
        "subject_alternative_names": json.dumps(alternative_names(certificate)),
        "issuer": issuer_name(certificate),
        "serial": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc.astimezone(UTC).isoformat(),
        "not_after": certificate.not_valid_after_utc.astimezone(UTC).isoformat(),
    }


def certificate_signer(certificate: x509.Certificate, key: PublicKey) -> Signer:
    """Return the signer a certificate names: its first alternative name, else its subject."""
    names = alternative_names(certificate)
    return Signer(
        SignerKind.CERTIFICATE,
        key.fingerprint,
        key.algorithm,
        identity=names[0] if names else certificate.subject.rfc4514_string(),
        issuer=issuer_name(certificate),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )
