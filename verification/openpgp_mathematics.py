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
from verification.openpgp_packets import SignaturePacket
from verification.public_key import MAX_RSA_BITS

RSA, DSA = frozenset({1, 3}), 17
_ECDSA, _EDDSA, _ED25519 = 19, 22, 27
_HASHES: dict[int, tuple[str, hashes.HashAlgorithm]] = {
    1: ("md5", hashes.MD5()),  # noqa: S303 - the same
    2: ("sha1", hashes.SHA1()),  # noqa: S303 - for revocations, which count under any hash
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
}
_ED25519_CURVE = bytes.fromhex("2b06010401da470f01")
_MATERIAL_AT = {4: 6, 6: 10}
_PREFIX = 2  # the first bytes of the hash, before the numbers of a version 3 or 4 signature
_ED25519_BYTES, _HALF = 32, 32
_NATIVE = b"\x40"  # before a point in its curve's own form


def new_hash(signature: SignaturePacket) -> hashlib._Hash | None:
    """Return a hash of the signature's algorithm, or None where it is not carried out here."""
    known = _HASHES.get(signature.hash_algorithm)
    return hashlib.new(known[0], usedforsecurity=False) if known is not None else None


def is_carried_out(key: bytes) -> bool:
    """Say whether signatures by this key, the body of its packet, can be judged here."""
    if len(key) <= _MATERIAL_AT.get(key[0] if key else 0, len(key)):
        return False
    material = key[_MATERIAL_AT[key[0]] :]
    curve = material[1 : 1 + material[0]]
    if key[5] == _ECDSA:
        return curve in _CURVES
    return key[5] in {*RSA, DSA, _ED25519} or (key[5] == _EDDSA and curve == _ED25519_CURVE)


def holds(key: bytes, signature: SignaturePacket, digest: bytes) -> bool:
    """Say whether this key, the body of its packet, made the signature over this digest."""
    known = _HASHES.get(signature.hash_algorithm)
    if known is None or not is_carried_out(key):
        return False
    is_rsa = signature.key_algorithm in RSA and key[5] in RSA
    if not is_rsa and key[5] != signature.key_algorithm:
        return False
    material, numbers = key[_MATERIAL_AT[key[0]] :], signature.tail[_PREFIX:]
    try:
        _verify(signature.key_algorithm, material, numbers, digest, known[1])
    except (InvalidSignature, MalformedError, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _verify(
    algorithm: int, material: bytes, numbers: bytes, digest: bytes, named: hashes.HashAlgorithm
) -> None:
    """Raise one of the errors that `holds` knows where the signature does not hold."""
    prehashed = utils.Prehashed(named)
    if algorithm in RSA:
        modulus, exponent = _mpis(material, 2)
        if modulus.bit_length() > MAX_RSA_BITS:
            raise MalformedError("an RSA key of more bits than are read")
        size = (modulus.bit_length() + 7) // 8
        (value,) = _mpis(numbers, 1)
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        key.verify(_octets(value, size), digest, padding.PKCS1v15(), prehashed)
    elif algorithm == DSA:
        p, q, g, y = _mpis(material, 4)
        numbered = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()
        numbered.verify(utils.encode_dss_signature(*_mpis(numbers, 2)), digest, prehashed)
    elif algorithm == _ECDSA:
        identifier, point = _curve_point(material)
        if identifier not in _CURVES:
            raise MalformedError("a curve that is not carried out")
        on_curve = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[identifier], point)
        pair = utils.encode_dss_signature(*_mpis(numbers, 2))
        on_curve.verify(pair, digest, ec.ECDSA(prehashed))
    elif algorithm == _EDDSA:
        identifier, point = _curve_point(material)
        if identifier != _ED25519_CURVE or point[:1] != _NATIVE:
            raise MalformedError("a curve that is not carried out")
        halves = b"".join(_octets(one, _HALF) for one in _mpis(numbers, 2))
        ed25519.Ed25519PublicKey.from_public_bytes(point[1:]).verify(halves, digest)
    elif algorithm == _ED25519:
        ed25519.Ed25519PublicKey.from_public_bytes(material[:_ED25519_BYTES]).verify(
            numbers, digest
        )
    else:
        raise MalformedError("an algorithm that is not carried out")


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
    end = 1 + material[0]
    (point,) = _mpis(material[end:], 1)
    return material[1:end], _octets(point, (point.bit_length() + 7) // 8)


def _octets(number: int, size: int) -> bytes:
    if number.bit_length() > 8 * size:
        raise MalformedError("a number larger than its place")
    return number.to_bytes(size, "big")
