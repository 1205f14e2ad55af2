"""ECDSA over digests (FIPS 186-5 section 6.4.2), each curve by the fastest library there is.

On P-256 and P-384 that is AWS-LC, which needs four fifths and half of the time that OpenSSL does:
nearly all of what verifying with Sigstore costs. P-521 is `cryptography`'s, as is the reading of
keys: what reaches AWS-LC is a point that was found to be on the curve.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.frozen import dataclass
from core.model import Digest

if TYPE_CHECKING:
    from awscrt.crypto import EC

_BEFORE_POINT = {  # a SubjectPublicKeyInfo up to its point (RFC 5480 section 2)
    "secp256r1": bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
    "secp384r1": bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200"),
}
_SCHEMES = {
    hashed.name: ec.ECDSA(utils.Prehashed(hashed))
    for hashed in (hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())  # noqa: S303 - only ever tried to name the weakness
}


@dataclass(frozen=True, slots=True)
class EcdsaKey:
    """A key on any curve; equal and hashed by the digest of its SubjectPublicKeyInfo alone."""

    fingerprint: str
    material: ec.EllipticCurvePublicKey = field(compare=False)

    def holds(self, signature: bytes, digest: Digest) -> bool:
        """Say whether a DER signature over a digest (SHA-1, -256, -384 or -512) is the key's."""
        fast = _by_aws_lc(self)
        if fast is not None:
            holds: bool = fast.verify(digest.raw, signature)
            return holds
        try:
            self.material.verify(signature, digest.raw, _SCHEMES[digest.algorithm])
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


@lru_cache(maxsize=256)
def _by_aws_lc(key: EcdsaKey) -> EC | None:
    before = _BEFORE_POINT.get(key.material.curve.name)
    if before is None:
        return None
    from awscrt.crypto import EC  # noqa: PLC0415 - 30 ms that only these curves pay for

    point = key.material.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return EC.new_key_from_der_data(before + point)
