"""The signature of a timestamp token: its algorithms (RFC 5652, RFC 4055, RFC 5758, RFC 8419)."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from core.errors import MalformedError
from core.limits import Limits
from verification import der
from verification.der import DerReader
from verification.keyed import signed_bytes
from verification.public_key import (
    STRONG_KEYS,
    AttemptOutcome,
    Padding,
    PublicKey,
    Terms,
    verify_signature,
)
from verification.timestamp_info import Algorithm
from verification.timestamp_token import DIGESTS, SignerInfo

_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_RSA, _EC, _ED25519 = rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey
# By identifier: the kind of key, and the hash, which is empty where the digest algorithm says it.
_SCHEMES: dict[str, tuple[type, str]] = {
    "1.2.840.113549.1.1.1": (_RSA, ""),
    "1.2.840.113549.1.1.5": (_RSA, "sha1"),
    "1.2.840.113549.1.1.11": (_RSA, "sha256"),
    "1.2.840.113549.1.1.12": (_RSA, "sha384"),
    "1.2.840.113549.1.1.13": (_RSA, "sha512"),
    "1.2.840.10045.2.1": (_EC, ""),
    "1.2.840.10045.4.1": (_EC, "sha1"),
    "1.2.840.10045.4.3.2": (_EC, "sha256"),
    "1.2.840.10045.4.3.3": (_EC, "sha384"),
    "1.2.840.10045.4.3.4": (_EC, "sha512"),
    "1.3.101.112": (_ED25519, ""),
}


@dataclass(frozen=True, slots=True)
class SignatureFault:
    """Why the signature of a token is not accepted."""

    reason: str
    detail: str
    expected: str
    found: str


def check_signature(signer: SignerInfo, key: PublicKey, limits: Limits) -> str | SignatureFault:
    """Return the name of the scheme under which the token's signature holds, or why it does not."""
    try:
        kind, terms = _terms(signer)
    except MalformedError as error:
        expected = "RSA, ECDSA or Ed25519 with SHA-256, SHA-384 or SHA-512"
        return SignatureFault("FORMAT_UNSUPPORTED", str(error), expected, signer.signing.oid)
    if not isinstance(key.material, kind):
        detail = "the algorithm of the signature and the certified key do not fit together"
        return SignatureFault(
            "ALGORITHM_MISMATCH",
            detail,
            f"a signature made with {key.algorithm}",
            signer.signing.oid,
        )
    attempt = verify_signature(
        key, signer.signature, signed_bytes(signer.attributes), limits, terms
    )
    if attempt.outcome is AttemptOutcome.VERIFIED:
        return attempt.scheme
    if attempt.outcome is AttemptOutcome.WEAK:
        expected = f"{STRONG_KEYS}, with SHA-256 or better"
        why = key.weakness or f"{attempt.scheme} can be forged"
        return SignatureFault("ALGORITHM_WEAK", why, expected, attempt.scheme)
    detail = "the timestamp's signature does not hold under its signer's certificate"
    expected = f"a signature by {key.fingerprint}"
    return SignatureFault("TIMESTAMP_INVALID", detail, expected, "one by another key or of others")


def _terms(signer: SignerInfo) -> tuple[type, Terms]:
    """Return the kind of key and what the signature may be; MalformedError for foreign ones."""
    signing = signer.signing
    hashed = DIGESTS.get(signer.digest.oid, "")
    if signing.oid == _PSS:
        return _RSA, Terms(hashes=(_pss_hash(signing),), paddings=(Padding.PSS,))
    kind, named = _SCHEMES.get(signing.oid, (None, ""))
    if kind is None or signing.parameters or not (named or hashed):
        raise MalformedError(f"the signature algorithm {signing.oid} cannot be judged")
    if kind is _ED25519 and hashed != "sha512":  # RFC 8419 section 3.1
        raise MalformedError("Ed25519 in CMS goes with SHA-512 alone")
    return kind, Terms(hashes=(named or hashed,), paddings=(Padding.PKCS1,))


def _pss_hash(algorithm: Algorithm) -> str:
    """Return the one hash of RSASSA-PSS parameters (RFC 4055 section 3.1)."""
    what = "the PSS parameters"
    if not algorithm.parameters:
        raise MalformedError("RSASSA-PSS without parameters, which would mean SHA-1")
    stated = DerReader(algorithm.parameters, what).inside(der.SEQUENCE)
    hashed = stated.inside(der.CONTEXT_CONSTRUCTED).inside(der.SEQUENCE).oid()
    mask = stated.inside(der.CONTEXT_CONSTRUCTED + 1).inside(der.SEQUENCE)
    if mask.oid() != _MGF1 or mask.inside(der.SEQUENCE).oid() != hashed:
        raise MalformedError("RSASSA-PSS with a mask of another hash than its digest")
    if hashed not in DIGESTS:
        raise MalformedError(f"RSASSA-PSS with the unknown hash {hashed}")
    return DIGESTS[hashed]
