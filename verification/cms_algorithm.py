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
from verification import cms, der
from verification.cms import Algorithm, SignerInfo
from verification.der import DerReader
from verification.fault import Fault
from verification.public_key import (
    STRONG_KEYS,
    AttemptOutcome,
    Padding,
    PublicKey,
    Terms,
    verify_signature,
)

STEP = "signature"
_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_PSS_SALT_BYTES = 20  # RFC 4055 section 3.1: where none is stated
_MAX_SALT_BYTES = 512
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
    "1.2.840.10040.4.1": "DSA",
    "1.2.840.10040.4.3": "DSA with SHA-1",
    "2.16.840.1.101.3.4.3.1": "DSA with SHA-224",
    "2.16.840.1.101.3.4.3.2": "DSA with SHA-256",
    "2.16.840.1.101.3.4.3.3": "DSA with SHA-384",
    "2.16.840.1.101.3.4.3.4": "DSA with SHA-512",
}
_KINDS: tuple[tuple[type, dict[str, str]], ...] = (
    (rsa.RSAPublicKey, _RSA | {_PSS: ""}),
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
    if oid != _PSS and signer.signing.parameters:
        detail = "the signature algorithm has parameters that it cannot have"
        return Fault(STEP, "MALFORMED", detail, "no parameters, or NULL", oid, reference)
    return None


def signature_scheme(
    signer: SignerInfo, key: PublicKey, algorithm: str, subject: Subject, limits: Limits
) -> str | None:
    """Return the scheme under which the signature holds, "" where not; None: content is needed.

    Under a weak key it proves nothing, but holds: whoever asks has to look at the key, too.
    """
    if signer.signing.oid == _PSS:
        return _pss_holds(signer, key, algorithm, subject)
    terms = Terms((algorithm,), paddings=(Padding.PKCS1,))
    attempt = verify_signature(key, signer.signature, subject, limits, terms)
    if attempt.outcome is AttemptOutcome.CONTENT_NEEDED:
        return None
    is_weak_key = attempt.outcome is AttemptOutcome.WEAK and key.weakness
    return attempt.scheme if attempt.outcome is AttemptOutcome.VERIFIED or is_weak_key else ""


def _pss_holds(signer: SignerInfo, key: PublicKey, algorithm: str, subject: Subject) -> str | None:
    """Check RSASSA-PSS with exactly the parameters stated (RFC 4056 section 2)."""
    digest = subject.digest(algorithm)
    if digest is None:
        return None
    try:
        salt_bytes = _pss_salt(signer.signing.parameters, algorithm)
    except MalformedError:
        return ""
    hashed = _HASHES[algorithm]()
    scheme = padding.PSS(padding.MGF1(hashed), salt_bytes)
    if not isinstance(key.material, rsa.RSAPublicKey):
        return ""
    try:
        key.material.verify(signer.signature, digest.raw, scheme, utils.Prehashed(hashed))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return ""
    return f"{key.algorithm} with SHA-{algorithm.removeprefix('sha')} (PSS)"


def _pss_salt(parameters: bytes, algorithm: str) -> int:
    """Return the length of the salt; one hash is used throughout, and it is the signer's."""
    document = DerReader(parameters, "the PSS parameters")
    reader = document.inside(der.SEQUENCE)
    document.finish()
    hashed = _only(reader.inside(der.CONTEXT_CONSTRUCTED))
    mask = reader.inside(der.CONTEXT_CONSTRUCTED + 1)
    mask_body = mask.inside(der.SEQUENCE)
    mask.finish()
    mask_oid, mask_hash = mask_body.oid(), _only(mask_body)
    salt_bytes = _PSS_SALT_BYTES
    if reader.tag == der.CONTEXT_CONSTRUCTED + 2:
        stated = reader.inside(reader.tag)
        salt_bytes = stated.integer()
        stated.finish()
    reader.finish()  # the trailer has one value, its default, which DER leaves out
    same = [cms.DIGESTS.get(each.oid) for each in (hashed, mask_hash)]
    if same != [algorithm, algorithm] or hashed.parameters or mask_hash.parameters:
        raise MalformedError("the PSS parameters use another hash than the signer")
    if mask_oid != _MGF1 or not 0 <= salt_bytes <= _MAX_SALT_BYTES:
        raise MalformedError("the PSS parameters are none that a signer can use")
    return salt_bytes


def _only(reader: DerReader) -> Algorithm:
    found = cms.read_algorithm(reader)
    reader.finish()
    return found
