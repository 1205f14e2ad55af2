"""RSA over digests (RFC 8017 section 8), each kind by the fastest library there is.

For PKCS #1 v1.5 with SHA-256, the most common, that is AWS-LC, which needs three quarters of the
time that OpenSSL does for 2048 bits. All else is `cryptography`'s, as is the reading of keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.frozen import dataclass
from core.model import Digest
from verification.keys.rsa_pss import PssLimits

MAX_RSA_BITS = 16384  # above it a single check costs seconds, and the key may be an attacker's
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha1": hashes.SHA1(),  # noqa: S303 - only ever tried to name the weakness
}
_PREHASHED = {name: utils.Prehashed(hashed) for name, hashed in _HASHES.items()}
_PKCS1 = padding.PKCS1v15()
_FAST = "sha256"


class Padding(StrEnum):
    """How an RSA signature pads its digest; a bare signature does not say which."""

    PKCS1 = "PKCS #1 v1.5"
    PSS = "PSS"


@dataclass(frozen=True, slots=True)
class RsaKey:
    """An RSA key of any size; equal and hashed by what identifies it and by its limits."""

    fingerprint: str
    material: rsa.RSAPublicKey = field(compare=False)
    bits: int
    pss: PssLimits | None = None  # of a key that was made for PSS alone

    def padding_of(
        self, signature: bytes, digest: Digest, allowed: Sequence[Padding]
    ) -> Padding | None:
        """Return the padding under which a signature over a digest is the key's, if it is."""
        if self.bits > MAX_RSA_BITS or len(signature) != (self.bits + 7) // 8:
            return None
        for tried in allowed:
            if self.pss is not None and tried is not Padding.PSS:
                continue
            if self._holds(signature, digest, tried):
                return tried
        return None

    def _holds(self, signature: bytes, digest: Digest, tried: Padding) -> bool:
        if tried is Padding.PKCS1 and digest.algorithm == _FAST:
            fast = _by_aws_lc(self)
            if fast is not None:
                return fast(signature, digest.raw)
        prehashed = _PREHASHED[digest.algorithm]
        for scheme in self._schemes(tried, _HASHES[digest.algorithm]):
            try:
                self.material.verify(signature, digest.raw, scheme, prehashed)
            except (InvalidSignature, UnsupportedAlgorithm, ValueError):
                continue
            return True
        return False

    def _schemes(
        self, tried: Padding, hashed: hashes.HashAlgorithm
    ) -> Iterator[padding.AsymmetricPadding]:
        """Yield what to try for one padding: PSS with any salt, unless the key demands a long one.

        The library does not tell how long a salt it found, so those in use are tried by turns.
        """
        if tried is Padding.PKCS1:
            yield _PKCS1
        elif self.pss is None or not self.pss.hashed:
            yield padding.PSS(padding.MGF1(hashed), padding.PSS.AUTO)
        else:
            longest = padding.calculate_max_pss_salt_length(self.material, hashed)
            for salt_bytes in dict.fromkeys((self.pss.least_salt, hashed.digest_size, longest)):
                if salt_bytes <= longest and self.pss.allow(hashed.name, salt_bytes):
                    yield padding.PSS(padding.MGF1(hashed), salt_bytes)


@lru_cache(maxsize=256)
def _by_aws_lc(key: RsaKey) -> Callable[[bytes, bytes], bool] | None:
    """Return the check of a signature over a SHA-256 digest; None for a key it does not take."""
    from awscrt.crypto import RSA, RSASignatureAlgorithm  # noqa: PLC0415 - 30 ms, once

    encoded = key.material.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    try:
        fast = RSA.new_public_key_from_der_data(encoded)
    except (ValueError, RuntimeError):
        return None

    def check(signature: bytes, digest: bytes) -> bool:
        holds: bool = fast.verify(RSASignatureAlgorithm.PKCS1_5_SHA256, digest, signature)
        return holds

    return check
