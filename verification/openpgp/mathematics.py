"""Carry out the mathematics of signatures that the engine does not judge (RFC 9580 section 5.2.3).

It refuses version 3 by policy, and looks at no revocation by anybody but the key's owner. A yes
here is of the mathematics alone: whether the key counts is the caller's to say.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, utils

from core.errors import MalformedError
from verification.keys.rsa import MAX_RSA_BITS
from verification.openpgp.signature import SignaturePacket


class _Ripemd160(hashes.HashAlgorithm):
    """RIPEMD-160, by the name that OpenSSL knows it under; cryptography itself has none."""

    name, digest_size, block_size = "ripemd160", 20, 64


RSA, DSA = frozenset({1, 3}), 17
_ECDSA, _EDDSA, _ED25519 = 19, 22, 27
_HASHES: dict[int, tuple[str, hashes.HashAlgorithm]] = {
    1: ("md5", hashes.MD5()),  # noqa: S303 - for revocations, which count under any hash
    2: ("sha1", hashes.SHA1()),  # noqa: S303 - the same
    3: ("ripemd160", _Ripemd160()),
    8: ("sha256", hashes.SHA256()),
    9: ("sha384", hashes.SHA384()),
    10: ("sha512", hashes.SHA512()),
    11: ("sha224", hashes.SHA224()),
    12: ("sha3_256", hashes.SHA3_256()),
    14: ("sha3_512", hashes.SHA3_512()),
}
_CURVES: dict[bytes, ec.EllipticCurve] = {
    bytes.fromhex("2a8648ce3d030107"): ec.SECP256R1(),
    bytes.fromhex("2b81040022"): ec.SECP384R1(),
    bytes.fromhex("2b81040023"): ec.SECP521R1(),
    bytes.fromhex("2b2403030208010107"): ec.BrainpoolP256R1(),
    bytes.fromhex("2b240303020801010b"): ec.BrainpoolP384R1(),
    bytes.fromhex("2b240303020801010d"): ec.BrainpoolP512R1(),
}
_ED25519_CURVE = bytes.fromhex("2b06010401da470f01")
_MATERIAL_AT = {4: 6, 6: 10}
_ED25519_BYTES, _HALF = 32, 32
_REFUSALS = (MalformedError, UnsupportedAlgorithm, ValueError)
_PublicKey = (
    rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
)
_NATIVE = b"\x40"  # before a point in its curve's own form


def new_hash(signature: SignaturePacket) -> hashlib._Hash | None:
    """Return a hash of the signature's algorithm, or None where it is not carried out here."""
    return hash_of(signature.hash_algorithm)


def hash_of(number: int) -> hashlib._Hash | None:
    """Return a hash of the algorithm with this number (section 9.5), or None."""
    known = _HASHES.get(number)
    try:
        return hashlib.new(known[0], usedforsecurity=False) if known is not None else None
    except ValueError:  # RIPEMD-160, which not every OpenSSL has
        return None


def is_too_short(hash_number: int, bits: int) -> bool:
    """Say whether the hash with this number is known to give fewer bits than that."""
    hashed = hash_of(hash_number)
    return hashed is not None and 8 * hashed.digest_size < bits


def is_carried_out(key: bytes) -> bool:
    """Say whether signatures by this key, the body of its packet, can be judged here."""
    return _loaded(key) is not None


def holds(key: bytes, signature: SignaturePacket, digest: bytes) -> bool:
    """Say whether this key, the body of its packet, made the signature over this digest."""
    known, loaded = _HASHES.get(signature.hash_algorithm), _loaded(key)
    if known is None or loaded is None:
        return False
    is_rsa = signature.key_algorithm in RSA and key[5] in RSA
    if not is_rsa and key[5] != signature.key_algorithm:
        return False
    try:
        _verify(signature, loaded, digest, known[1])
    except (InvalidSignature, *_REFUSALS):
        return False
    return True


def _loaded(key: bytes) -> _PublicKey | None:
    """Return the key, or None where it is of a kind or size that is not carried out."""
    if len(key) <= _MATERIAL_AT.get(key[0] if key else 0, len(key)):
        return None
    try:
        return _load(key[5], key[_MATERIAL_AT[key[0]] :])
    except _REFUSALS:
        return None


def _load(algorithm: int, material: bytes) -> _PublicKey:
    if algorithm in RSA:
        modulus, exponent = _mpis(material, 2)
        if modulus.bit_length() > MAX_RSA_BITS:
            raise MalformedError("an RSA key of more bits than are read")
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    if algorithm == DSA:
        p, q, g, y = _mpis(material, 4)
        return dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()
    if algorithm == _ED25519:
        return ed25519.Ed25519PublicKey.from_public_bytes(material[:_ED25519_BYTES])
    if algorithm not in (_ECDSA, _EDDSA):
        raise MalformedError("an algorithm that is not carried out")
    identifier, point = _curve_point(material)
    if algorithm == _ECDSA and identifier in _CURVES:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[identifier], point)
    if algorithm == _EDDSA and identifier == _ED25519_CURVE and point[:1] == _NATIVE:
        return ed25519.Ed25519PublicKey.from_public_bytes(point[1:])
    raise MalformedError("a curve that is not carried out")


def _verify(
    signature: SignaturePacket, key: _PublicKey, digest: bytes, named: hashes.HashAlgorithm
) -> None:
    """Raise InvalidSignature or one of `_REFUSALS` where the signature does not hold."""
    prehashed, numbers = utils.Prehashed(named), signature.numbers
    if isinstance(key, rsa.RSAPublicKey):
        (value,) = _mpis(numbers, 1)
        made = _octets(value, (key.key_size + 7) // 8)
        key.verify(made, digest, padding.PKCS1v15(), prehashed)
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(utils.encode_dss_signature(*_mpis(numbers, 2)), digest, prehashed)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        pair = utils.encode_dss_signature(*_mpis(numbers, 2))
        key.verify(pair, digest, ec.ECDSA(prehashed))
    elif signature.key_algorithm == _EDDSA:
        key.verify(b"".join(_octets(one, _HALF) for one in _mpis(numbers, 2)), digest)
    else:
        key.verify(numbers, digest)


def _mpis(content: bytes, count: int) -> tuple[int, ...]:
    """Return that many numbers (section 3.2), and nothing may follow them."""
    found: list[int] = []
    at = 0
    for _ in range(count):
        octets = (int.from_bytes(content[at : at + 2], "big") + 7) // 8
        found.append(int.from_bytes(content[at + 2 : at + 2 + octets], "big"))
        at += 2 + octets
    if at != len(content):
        raise MalformedError("numbers of another length than they state")
    return tuple(found)


def _curve_point(material: bytes) -> tuple[bytes, bytes]:
    """Return the curve's identifier and the bytes of the point (section 5.5.5.4)."""
    end = 1 + int.from_bytes(material[:1])
    (point,) = _mpis(material[end:], 1)
    return material[1:end], _octets(point, (point.bit_length() + 7) // 8)


def _octets(number: int, size: int) -> bytes:
    if number.bit_length() > 8 * size:
        raise MalformedError("a number larger than its place")
    return number.to_bytes(size, "big")
