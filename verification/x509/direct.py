"""Certificates that an anchor with a key on P-384 issued itself, as Fulcio issues them.

The library would check the signature with OpenSSL, which takes twice the time of `EcdsaKey`, and
each signer has a certificate of its own. So a path of two links is judged here where nothing about
either is out of the ordinary (RFC 5280 section 6.1.3 (a) (1) and (4); life and names in subjects
are the caller's). Whatever is, and whatever does not hold, is left to the library: from here comes
no refusal, and no path that the library would not have found first.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from core.errors import MalformedError
from core.model import digest_of
from verification.keys.ecdsa import EcdsaKey
from verification.readers import der
from verification.readers.der import DerReader
from verification.x509.anchors import Anchors, by_subject
from verification.x509.certificates import certified_key
from verification.x509.usage import may_issue

# AlgorithmIdentifiers without parameters (RFC 5758 section 3.2), and the hash of each.
_IDENTIFIERS = {
    bytes.fromhex(f"300a06082a8648ce3d0403{last}"): hashed
    for last, hashed in (("02", "sha256"), ("03", "sha384"), ("04", "sha512"))
}
_WHAT = "the certificate"
_NO_UNUSED_BITS = 0
_NO_NAME = b"\x30\x00"
_SERIAL_BYTES, _SIGN_BIT = 20, 0x80  # at most, and of a number below zero (section 4.1.2.2)
_LIFE = re.compile(rb"\x30\x1e(?:\x17\x0d[0-9]{12}Z){2}")  # up to 2049 (section 4.1.2.5)
_ORDINARY = frozenset(
    {
        x509.AuthorityKeyIdentifier,
        x509.BasicConstraints,
        x509.ExtendedKeyUsage,
        x509.KeyUsage,
        x509.PrecertificateSignedCertificateTimestamps,
        x509.SubjectAlternativeName,
        x509.SubjectKeyIdentifier,
        x509.UnrecognizedExtension,
    }
)
_MAY_BE_CRITICAL = frozenset(
    {x509.BasicConstraints, x509.ExtendedKeyUsage, x509.KeyUsage, x509.SubjectAlternativeName}
)
_KEPT = 64


class _Fields(NamedTuple):
    """What stands in a certificate, byte for byte (RFC 5280 section 4.1)."""

    signed: bytes
    algorithm: bytes
    issuer: bytes
    subject: bytes
    signature: bytes


class _Issuer(NamedTuple):
    subject: bytes
    key: EcdsaKey


def direct_links(
    leaf: x509.Certificate, anchors: Anchors
) -> tuple[x509.Certificate, x509.Certificate] | None:
    """Return the leaf and the anchor that issued it; None where that is not for here to say."""
    for anchor in by_subject(anchors).get(leaf.issuer, ()):
        issuer = _ordinary_issuer(anchor)
        if issuer is None or leaf in anchors.certificates:
            return None
        if _is_issued_by(leaf, issuer):
            return leaf, anchor
    return None


@lru_cache(maxsize=_KEPT)
def _ordinary_issuer(anchor: x509.Certificate) -> _Issuer | None:
    try:
        key = certified_key(anchor)
    except MalformedError:
        return None
    if key.ecdsa is None or not isinstance(key.ecdsa.material.curve, ec.SECP384R1):
        return None
    fields = _ordinary_fields(anchor)
    if fields is None or not may_issue(anchor):
        return None
    return _Issuer(fields.subject, key.ecdsa)


def _is_issued_by(leaf: x509.Certificate, issuer: _Issuer) -> bool:
    fields = _ordinary_fields(leaf)
    if fields is None or fields.issuer != issuer.subject:
        return False
    hashed = _IDENTIFIERS.get(fields.algorithm)
    if hashed is None:
        return False
    return issuer.key.holds(fields.signature, digest_of(fields.signed, hashed))


def _ordinary_fields(certificate: x509.Certificate) -> _Fields | None:
    """Return what is signed and by whom; None where something is out of the ordinary."""
    if certificate.version is not x509.Version.v3:
        return None
    for extension in certificate.extensions:
        kind = type(extension.value)
        if kind not in _ORDINARY or (extension.critical and kind not in _MAY_BE_CRITICAL):
            return None
    whole = DerReader(certificate.public_bytes(Encoding.DER), _WHAT).inside(der.SEQUENCE)
    signed, algorithm, signature = whole.element(), whole.element(), whole.octets(der.BIT_STRING)
    fields = DerReader(signed, _WHAT).inside(der.SEQUENCE)
    fields.element()  # the version
    serial, stated = fields.octets(der.INTEGER), fields.element()
    issuer, life, subject = fields.element(), fields.element(), fields.element()
    if stated != algorithm or signature[0] != _NO_UNUSED_BITS or issuer == _NO_NAME:
        return None
    if serial[0] & _SIGN_BIT or len(serial) > _SERIAL_BYTES or _LIFE.fullmatch(life) is None:
        return None
    return _Fields(signed, algorithm, issuer, subject, signature[1:])
