"""Name an OpenPGP key's algorithm and say whether it still proves anything (RFC 9580 section 5.5).

The engine refuses weak keys too, but never says that this was the reason.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from core.errors import MalformedError
from core.frozen import dataclass

MIN_BITS = 2048
_ENGINE_BITS = 4096  # measured: of RSA, the engine has no longer keys
_RSA = (1, 2, 3)
_NAMES = {
    18: "ECDH",
    25: "X25519",
    26: "X448",
    27: "Ed25519",
    28: "Ed448",
    30: "ML-DSA-65+Ed25519",
    31: "ML-DSA-87+Ed448",
    32: "SLH-DSA-128s",
    33: "SLH-DSA-128f",
    34: "SLH-DSA-256s",
}
_ECDSA, _EDDSA = 19, 22
_CURVES = {
    "2a8648ce3d030107": ("P256", 256),
    "2b81040022": ("P384", 384),
    "2b81040023": ("P521", 512),
    "2b2403030208010107": ("brainpoolP256r1", 256),
    "2b240303020801010b": ("brainpoolP384r1", 384),
    "2b240303020801010d": ("brainpoolP512r1", 512),
    "2b8104000a": ("secp256k1", 256),
    "2b06010401da470f01": ("Ed25519", 256),
    "2b6571": ("Ed448", 512),
}
_ENGINE_CURVES = frozenset({"P256", "P384", "P521"})  # measured: the engine has no others
_DISCRETE = {16: "ElGamal", 17: "DSA", 20: "ElGamal"}
_DSA = 17
_NOT_IN_ENGINE = frozenset({(_DSA, 6)})  # measured: no DSA in keys of version 6
_POST_QUANTUM = range(30, 35)
# Of the kinds with one curve or none (RFC 9580 sections 5.2.3.4 and 5.2.3.5, RFC 9980).
_DIGEST_BITS = {27: 256, 28: 512, **dict.fromkeys(_POST_QUANTUM, 256)}
# Nothing of these kinds is accepted in keys of another version (RFC 9580 section 9.2, RFC 9980).
_VERSIONS = {_EDDSA: 4, **dict.fromkeys(_POST_QUANTUM, 6)}
_MATERIAL_AT = {4: 6, 6: 10}  # version, creation time, algorithm; in version 6 also a length
_FRAMES: dict[int, tuple[bytes, int, str]] = {4: (b"\x99", 2, "sha1"), 6: (b"\x9b", 4, "sha256")}


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """One key of a certificate. `weakness` is empty or says why nothing may verify under it.

    What the engine has no mathematics for is judged here (verification/openpgp/own_judgement.py).
    """

    fingerprint: str  # upper-case hex
    number: int  # of its algorithm, as a signature states it
    algorithm: str
    created_at: datetime
    weakness: str = ""
    is_in_engine: bool = True
    digest_bits: int = 0  # what it signs has to be at least as long (sections 5.2.3.2 to 5.2.3.5)


def read_key(body: bytes) -> KeyMaterial:
    """Describe the body of a public key packet of version 4 or 6; raise MalformedError."""
    version = body[0] if body else 0
    if version not in _MATERIAL_AT or len(body) < _MATERIAL_AT[version]:
        raise MalformedError(f"an OpenPGP key of version {version} is not read")
    created_at = datetime.fromtimestamp(int.from_bytes(body[1:5], "big"), UTC)
    material = body[_MATERIAL_AT[version] :]
    number = body[5]
    if _VERSIONS.get(number, version) != version:
        raise MalformedError(f"an OpenPGP key of version {version} whose kind is not for that one")
    fingerprint = _fingerprint(version, body)
    if number in _RSA or number in _DISCRETE:
        bits = _bits(material)
        digest_bits = _subgroup_bits(material) if number == _DSA else 0
        name = f"{_DISCRETE.get(number, 'RSA')}-{bits}"
        has = bits <= _ENGINE_BITS and (number, version) not in _NOT_IN_ENGINE
        weakness = _weakness(name, number, bits)
        return KeyMaterial(fingerprint, number, name, created_at, weakness, has, digest_bits)
    if number in (_ECDSA, _EDDSA):
        identifier = material[1 : 1 + material[0]].hex() if material else ""
        curve, digest_bits = _CURVES.get(identifier, (f"curve {identifier[:20]}", 0))
        has = number == _EDDSA or curve in _ENGINE_CURVES
        name = curve if number == _EDDSA else f"ECDSA-{curve}"
        return KeyMaterial(fingerprint, number, name, created_at, "", has, digest_bits)
    name, digest_bits = _NAMES.get(number, f"algorithm {number}"), _DIGEST_BITS.get(number, 0)
    return KeyMaterial(fingerprint, number, name, created_at, digest_bits=digest_bits)


def _bits(material: bytes) -> int:
    """Return the length of the first number, which may be shorter than it says (section 3.2)."""
    octets = (int.from_bytes(material[:2], "big") + 7) // 8
    return int.from_bytes(material[2 : 2 + octets], "big").bit_length()


def _subgroup_bits(material: bytes) -> int:
    """Return the length of the second number, of a DSA key the order of its subgroup."""
    return _bits(material[2 + (int.from_bytes(material[:2], "big") + 7) // 8 :])


def _fingerprint(version: int, body: bytes) -> str:
    """Return the fingerprint (section 5.5.4); version 4 fixes SHA-1 for it."""
    start, octets, algorithm = _FRAMES[version]
    digest = hashlib.new(algorithm, start + len(body).to_bytes(octets, "big") + body)
    return digest.hexdigest().upper()


def _weakness(name: str, number: int, bits: int) -> str:
    if number in _DISCRETE and number != _DSA:
        return f"{name} is an obsolete kind of key"
    return f"{name} is shorter than {MIN_BITS} bits" if bits < MIN_BITS else ""
