"""ECDSA over digests (FIPS 186-5 section 6.4.2), each curve by the fastest library there is.

On P-384 that is AWS-LC, which needs half the time that OpenSSL does: authorities of Sigstore sign
on that curve, so it is most of what a keyless verification costs. All else is `cryptography`'s, as
is the reading of keys: what reaches AWS-LC is a point that was found to be on the curve.
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

_SPKI_P384 = bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200")  # before the point
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
        if isinstance(self.material.curve, ec.SECP384R1):
            holds: bool = _on_p384(self).verify(digest.raw, signature)
            return holds
        try:
            self.material.verify(signature, digest.raw, _SCHEMES[digest.algorithm])
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


@lru_cache(maxsize=256)
def _on_p384(key: EcdsaKey) -> EC:
    from awscrt.crypto import EC  # noqa: PLC0415 - 30 ms that only this curve pays for

    point = key.material.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return EC.new_key_from_der_data(_SPKI_P384 + point)
