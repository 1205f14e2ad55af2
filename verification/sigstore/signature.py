"""The signature of a bundle: which hash it may be over, and whether it holds.

A curve does not fix the hash: P-384 keys really sign SHA-256 and SHA-384 both. It is what the
bundle's message digest and the log's entry say, who have to agree; where neither says, what the
registry of algorithms allows for the key is tried.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.limits import Limits
from core.model import Subject
from verification.keys.public_key import (
    Attempt,
    AttemptOutcome,
    Encodings,
    PublicKey,
    Terms,
    verify_signature,
)
from verification.keys.rsa import Padding
from verification.sigstore.ed25519ph import verify_prehashed

_ALLOWED = {
    "ECDSA-P256": ("sha256",),
    "ECDSA-P384": ("sha384", "sha256"),
    "ECDSA-P521": ("sha512", "sha256"),
    "Ed25519": ("sha512",),  # Ed25519ph; pure Ed25519 takes the message
}
_RSA_ALLOWED = ("sha256", "sha384", "sha512")


def allowed_hashes(key: PublicKey) -> tuple[str, ...]:
    """Return the hashes that signatures under this key may be over, the likeliest first."""
    return _ALLOWED.get(key.algorithm, _RSA_ALLOWED)


def try_signature(
    key: PublicKey,
    signature: bytes,
    signed: Subject,
    limits: Limits,
    *,
    hashed: str = "",
    padding: Padding | None = None,
) -> Attempt:
    """Try one signature under one key; `hashed` and `padding` narrow it to what was stated."""
    hashes = allowed_hashes(key)
    if hashed:
        hashes = (hashed,) if hashed in hashes or key.weakness else ()
    if isinstance(key.material, ed25519.Ed25519PublicKey):
        return _try_ed25519(key, key.material, signature, signed, limits, prehashed=bool(hashes))
    paddings = (padding,) if padding is not None else (Padding.PKCS1, Padding.PSS)
    return verify_signature(key, signature, signed, limits, Terms(hashes, Encodings.DER, paddings))


def _try_ed25519(
    key: PublicKey,
    material: ed25519.Ed25519PublicKey,
    signature: bytes,
    signed: Subject,
    limits: Limits,
    *,
    prehashed: bool,
) -> Attempt:
    pure = verify_signature(key, signature, signed, limits)
    if pure.outcome is AttemptOutcome.VERIFIED or not prehashed:
        return pure
    digest = signed.digest("sha512")
    if digest is None:
        return Attempt(AttemptOutcome.CONTENT_NEEDED)
    public = material.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if verify_prehashed(public, signature, digest.raw):
        return Attempt(AttemptOutcome.VERIFIED, "Ed25519ph")
    return pure
