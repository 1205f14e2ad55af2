"""Certificates that an anchor with a key on P-384 issued itself, as Fulcio issues them.

The library would check the signature with OpenSSL, which takes twice the time of `EcdsaKey`, and
each signer has a certificate of its own. So a path of two links is judged here where nothing about
it is out of the ordinary (RFC 5280 section 6.1.3 (a) (1) and (4); life and names in subjects are
the caller's). Whatever is, and whatever does not hold, is left to the library: from here comes no
refusal.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from core.errors import MalformedError
from core.model import digest_of
from verification.keys.ecdsa import EcdsaKey
from verification.keys.public_key import PublicKey
from verification.x509.anchors import Anchors, by_subject
from verification.x509.certificates import certified_key
from verification.x509.name_constraints import constraints_of
from verification.x509.usage import demands_policy, may_issue

# AlgorithmIdentifiers without parameters (RFC 5758 section 3.2), and the hash of each.
_IDENTIFIERS = {
    bytes.fromhex(f"300a06082a8648ce3d0403{last}"): hashed
    for last, hashed in (("02", "sha256"), ("03", "sha384"), ("04", "sha512"))
}
_IDENTIFIER_BYTES = 12
_LONG_LENGTH = 0x80
_MOST_SIGNATURE_BYTES = 104  # on P-384 in DER: two numbers of 49 bytes, and their headers
_VERSION_3 = bytes.fromhex("a00302010202")  # and the tag of the serial number after it
_SIGNATURE_BYTES = 104  # two numbers of 49 bytes at most (RFC 3279 section 2.2.3)
_SERIAL_BYTES = 20  # at most (RFC 5280 section 4.1.2.2)
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


def direct_links(
    leaf: x509.Certificate, anchors: Anchors
) -> tuple[x509.Certificate, x509.Certificate] | None:
    """Return the leaf and the anchor that issued it; None where that is not for here to say."""
    for issuer in by_subject(anchors).get(leaf.issuer, ()):
        key = _p384_key(issuer)
        if key is None or not _is_ordinary(leaf) or leaf in anchors.certificates:
            continue
        if _holds(leaf, key):
            return leaf, issuer
    return None


def certifies_freely(issuer: x509.Certificate) -> bool:
    """Say whether it may issue certificates under a strong key, and demands nothing of them."""
    if constraints_of(issuer) is not None or not may_issue(issuer) or demands_policy(issuer):
        return False
    key = _key(issuer)
    return key is not None and not key.weakness


def _key(issuer: x509.Certificate) -> PublicKey | None:
    try:
        return certified_key(issuer)
    except MalformedError:
        return None


@lru_cache(maxsize=_KEPT)
def _p384_key(issuer: x509.Certificate) -> EcdsaKey | None:
    key = _key(issuer) if certifies_freely(issuer) else None
    if key is None or not isinstance(key.material, ec.EllipticCurvePublicKey):
        return None
    is_fast = isinstance(key.material.curve, ec.SECP384R1)
    return EcdsaKey(key.fingerprint, key.material) if is_fast else None


def _is_ordinary(leaf: x509.Certificate) -> bool:
    for extension in leaf.extensions:
        kind = type(extension.value)
        if kind not in _ORDINARY or (extension.critical and kind not in _MAY_BE_CRITICAL):
            return False
    return True


def _holds(leaf: x509.Certificate, key: EcdsaKey) -> bool:
    """Check the signature, its algorithm being the same inside and outside (section 4.1.1.2)."""
    body, signature = leaf.tbs_certificate_bytes, leaf.signature
    inside = body[2 + (body[1] & ~_LONG_LENGTH if body[1] & _LONG_LENGTH else 0) :]
    version, serial_bytes = inside[:6], inside[6]
    stated = inside[7 + serial_bytes :][:_IDENTIFIER_BYTES]
    hashed = _IDENTIFIERS.get(stated)
    if version != _VERSION_3 or serial_bytes > _SERIAL_BYTES or hashed is None:
        return False
    if len(signature) > _SIGNATURE_BYTES:
        return False
    outside = b"%b%b\x03%c\x00%b" % (body, stated, len(signature) + 1, signature)
    if not leaf.public_bytes(Encoding.DER).endswith(outside):
        return False
    return key.holds(signature, digest_of(body, hashed))
