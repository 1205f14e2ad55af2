"""The algorithms of CMS signatures: which fit a key and a digest, and whether a signature holds.

RFC 5754 (SHA-2), RFC 4056 (RSASSA-PSS), RFC 5753 (ECDSA), RFC 8419 (Ed25519).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from core.errors import MalformedError
from core.limits import Limits
from core.model import Subject
from core.naming import numbered
from verification.cms.signer_info import SignerInfo
from verification.fault import Fault, malformed
from verification.keys.public_key import (
    STRONG_KEYS,
    AttemptOutcome,
    PublicKey,
    Terms,
    verify_signature,
)
from verification.keys.rsa import Padding
from verification.keys.rsa_pss import OID as PSS
from verification.keys.rsa_pss import PssParameters, read_parameters
from verification.readers import der
from verification.readers.der import DerReader

STEP = "signature"
_RSA = {
    "1.2.840.113549.1.1.1": "",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
_ECDSA = {
    "1.2.840.10045.2.1": "",  # what Java wrote before version 16
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_ED25519 = "1.3.101.112"
WEAK = {
    "1.2.840.113549.1.1.4": "RSA with MD5",
    "1.2.840.113549.1.1.5": "RSA with SHA-1",
    "1.2.840.113549.1.1.14": "RSA with SHA-224",
    "1.2.840.10045.4.1": "ECDSA with SHA-1",
    "1.2.840.10045.4.3.1": "ECDSA with SHA-224",
    "1.2.840.10040.4.3": "DSA with SHA-1",
    "2.16.840.1.101.3.4.3.1": "DSA with SHA-224",
}
_KINDS: tuple[tuple[type, dict[str, str]], ...] = (
    (rsa.RSAPublicKey, _RSA | {PSS: ""}),
    (ec.EllipticCurvePublicKey, _ECDSA),
    (ed25519.Ed25519PublicKey, {_ED25519: ""}),
)
_HASHES: dict[str, type[HashAlgorithm]] = {"sha256": SHA256, "sha384": SHA384, "sha512": SHA512}


def algorithm_fault(signer: SignerInfo, key: PublicKey, algorithm: str) -> Fault | None:
    """Refuse a signature algorithm that fits neither the key nor the digest."""
    oid, reference = signer.signing.oid, "RFC 5652 5.3"
    if not any(oid in known for _, known in _KINDS):
        detail = f"there is no reader for the signature algorithm {oid}"
        return Fault(STEP, "FORMAT_UNSUPPORTED", detail, STRONG_KEYS, oid, reference)
    known = next(known for kind, known in _KINDS if isinstance(key.material, kind))
    if oid not in known:
        detail = "the signature algorithm is not one of the certified key"
        return Fault(STEP, "ALGORITHM_MISMATCH", detail, key.algorithm, oid, reference)
    if known[oid] not in ("", algorithm):
        detail = "digest and signature are said to use different hashes"
        return Fault(STEP, "ALGORITHM_MISMATCH", detail, algorithm, known[oid], reference)
    if oid == PSS:
        return _pss_fault(signer, key, algorithm)
    if key.pss is not None:
        detail = "the certified key was made for PSS alone"
        return Fault(STEP, "ALGORITHM_MISMATCH", detail, PSS, oid, "RFC 4055 1.2")
    if signer.signing.parameters:
        detail = "the signature algorithm has parameters that it cannot have"
        return Fault(STEP, "MALFORMED", detail, "no parameters, or NULL", oid, reference)
    return None


def signature_scheme(
    signer: SignerInfo, key: PublicKey, algorithm: str, subject: Subject, limits: Limits
) -> str | None:
    """Return the scheme under which the signature holds, "" where not; None: content is needed.

    Under a weak key it proves nothing, but holds: whoever asks has to look at the key, too.
    """
    if signer.signing.oid == PSS:
        return _pss_holds(signer, key, algorithm, subject)
    terms = Terms((algorithm,), paddings=(Padding.PKCS1,))
    attempt = verify_signature(key, signer.signature, subject, limits, terms)
    if attempt.outcome is AttemptOutcome.CONTENT_NEEDED:
        return None
    is_weak_key = attempt.outcome is AttemptOutcome.WEAK and key.weakness
    return attempt.scheme if attempt.outcome is AttemptOutcome.VERIFIED or is_weak_key else ""


def _pss_parameters(signer: SignerInfo) -> PssParameters:
    document = DerReader(signer.signing.parameters, "the PSS parameters")
    reader = document.inside(der.SEQUENCE)
    document.finish()
    return read_parameters(reader, "the PSS parameters")


def _pss_fault(signer: SignerInfo, key: PublicKey, algorithm: str) -> Fault | None:
    """Check the parameters stated: one hash is used throughout, and it is the signer's."""
    reference = "RFC 4056 2"
    try:
        stated = _pss_parameters(signer)
    except MalformedError as error:
        return malformed(STEP, error, "parameters of RSASSA-PSS in their form", "RFC 4055 3.1")
    found = f"{stated.hashed or 'unknown'}, MGF1 with {stated.masked or 'unknown'}"
    if stated.hashed != algorithm:
        detail = "digest and signature are said to use different hashes"
        return Fault(STEP, "ALGORITHM_MISMATCH", detail, algorithm, found, reference)
    if stated.masked != algorithm:
        detail = "a PSS signature whose mask is made with another hash than its digest"
        expected = f"{algorithm}, MGF1 with {algorithm}"
        return Fault(STEP, "FORMAT_UNSUPPORTED", detail, expected, found, reference)
    if key.pss is not None and not key.pss.allow(algorithm, stated.salt_bytes):
        detail = "the key was made for PSS signatures with another hash or a longer salt"
        expected = f"{key.pss.hashed}, a salt of {numbered(key.pss.least_salt, 'byte')} at least"
        found = f"{algorithm}, a salt of {numbered(stated.salt_bytes, 'byte')}"
        return Fault(STEP, "ALGORITHM_MISMATCH", detail, expected, found, "RFC 4055 3.1")
    return None


def _pss_holds(signer: SignerInfo, key: PublicKey, algorithm: str, subject: Subject) -> str | None:
    """Check RSASSA-PSS with exactly the parameters stated (RFC 4056 section 2)."""
    digest = subject.digest(algorithm)
    if digest is None:
        return None
    hashed = _HASHES[algorithm]()
    scheme = padding.PSS(padding.MGF1(hashed), _pss_parameters(signer).salt_bytes)
    if not isinstance(key.material, rsa.RSAPublicKey):
        return ""
    try:
        key.material.verify(signer.signature, digest.raw, scheme, utils.Prehashed(hashed))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return ""
    return f"{key.algorithm} with SHA-{algorithm.removeprefix('sha')} (PSS)"
