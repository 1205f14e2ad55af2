"""Keys of logs, as a trusted root names them: one algorithm per key, never the signature's choice.

References: protobuf-specs, sigstore_common.proto (PublicKeyDetails); the algorithm registry of
Sigstore's architecture documents.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

from core.errors import MalformedError
from core.frozen import dataclass
from verification.keys.public_key import KeyMaterial, PublicKey, load_public_key
from verification.keys.rsa import Padding

SignatureCheck = Callable[[bytes, bytes], object]  # signature, content; raises InvalidSignature
HINT_SIZE = 4  # bytes of a key's id that its signatures under checkpoints begin with

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class KeyDetails:
    """What a name of PublicKeyDetails fixes: the key's algorithm, the hash, an RSA padding."""

    algorithm: str  # as PublicKey.algorithm; "RSA" stands for any size
    hashed: str = ""  # empty for Ed25519, which takes the message itself
    padding: Padding | None = None

    def fits(self, key: PublicKey) -> bool:
        """Say whether a key is of this kind."""
        if self.algorithm == "RSA":
            return key.algorithm.startswith("RSA-")
        return key.algorithm == self.algorithm


_RSA = KeyDetails("RSA", "sha256", Padding.PKCS1)
_RSA_BITS = ("2048", "3072", "4096")
KEY_DETAILS: dict[str, KeyDetails] = {
    "PKIX_ECDSA_P256_SHA_256": KeyDetails("ECDSA-P256", "sha256"),
    "PKIX_ECDSA_P256_HMAC_SHA_256": KeyDetails("ECDSA-P256", "sha256"),
    "PKIX_ECDSA_P384_SHA_384": KeyDetails("ECDSA-P384", "sha384"),
    "PKIX_ECDSA_P384_SHA_256": KeyDetails("ECDSA-P384", "sha256"),
    "PKIX_ECDSA_P521_SHA_512": KeyDetails("ECDSA-P521", "sha512"),
    "PKIX_ECDSA_P521_SHA_256": KeyDetails("ECDSA-P521", "sha256"),
    "PKIX_ED25519": KeyDetails("Ed25519"),
    "PKIX_ED25519_PH": KeyDetails("Ed25519", "sha512"),
    "PKCS1_RSA_PKCS1V5": _RSA,
    "PKIX_RSA_PKCS1V5": _RSA,
    "PKCS1_RSA_PSS": KeyDetails("RSA", "sha256", Padding.PSS),
    "PKIX_RSA_PSS": KeyDetails("RSA", "sha256", Padding.PSS),
}
for _bits in _RSA_BITS:
    KEY_DETAILS[f"PKIX_RSA_PKCS1V15_{_bits}_SHA256"] = KeyDetails(
        f"RSA-{_bits}", "sha256", Padding.PKCS1
    )
    KEY_DETAILS[f"PKIX_RSA_PSS_{_bits}_SHA256"] = KeyDetails(f"RSA-{_bits}", "sha256", Padding.PSS)


@dataclass(frozen=True, slots=True, eq=False)
class LogKey:
    """One log that a root trusts, in the closed window in which its key counts; equal to itself."""

    key_id: bytes
    hints: frozenset[bytes]  # what its signatures under checkpoints begin with
    url: str
    key: PublicKey
    check: SignatureCheck
    valid_from: datetime
    valid_until: datetime | None

    def counts(self, at: datetime) -> bool:
        """Say whether a time lies in the window."""
        return self.valid_from <= at and (self.valid_until is None or at <= self.valid_until)

    def holds(self, signature: bytes, content: bytes) -> bool:
        """Say whether the log signed this content."""
        try:
            self.check(signature, content)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


def _check(material: KeyMaterial, details: KeyDetails) -> SignatureCheck:
    """Return the one check that a key of this kind does: settled here, not for every entry."""
    if isinstance(material, ed25519.Ed25519PublicKey):
        return material.verify
    hashed = _HASHES[details.hashed]
    if isinstance(material, ec.EllipticCurvePublicKey):
        return partial(material.verify, signature_algorithm=ec.ECDSA(hashed))
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if details.padding is Padding.PSS:
        scheme = padding.PSS(padding.MGF1(hashed), padding.PSS.AUTO)
    return partial(material.verify, padding=scheme, algorithm=hashed)


def read_log_key(encoded: bytes, details: str, name: str) -> tuple[PublicKey, SignatureCheck]:
    """Read a key in DER with the check of the algorithm that its details name.

    Raise MalformedError for a key that does not fit them, and for kinds that logs do not have.
    """
    known = KEY_DETAILS.get(details)
    if known is None or (known.algorithm == "Ed25519" and known.hashed):
        raise MalformedError(
            f"{name}: keys of the kind {details[:60]!r} are not supported for logs"
        )
    key = load_public_key(encoded, name=name)
    if key.weakness:
        raise MalformedError(f"{name}: {key.weakness}")
    if not known.fits(key):
        raise MalformedError(f"{name}: a key of {key.algorithm}, where {details} is stated")
    return key, _check(key.material, known)
