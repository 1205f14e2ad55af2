"""A key of any kind and version that signs by any hash, allowed or not, which gpg does not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, utils

from tests.verification.openpgp.openpgp_old import _mpi

_HASHES: dict[int, tuple[str, hashes.HashAlgorithm]] = {
    8: ("sha256", hashes.SHA256()),
    9: ("sha384", hashes.SHA384()),
    10: ("sha512", hashes.SHA512()),
    11: ("sha224", hashes.SHA224()),
    12: ("sha3_256", hashes.SHA3_256()),
    14: ("sha3_512", hashes.SHA3_512()),
}
_SALT_BYTES = {8: 16, 9: 24, 10: 32, 11: 16, 12: 16, 14: 32}  # RFC 9580 section 9.5
_OF_OLD_CURVE = bytes.fromhex("092b06010401da470f01")
_LENGTHS = {4: 2, 6: 4}
_CURVES: dict[str, tuple[ec.EllipticCurve, str]] = {
    "P-256": (ec.SECP256R1(), "082a8648ce3d030107"),
    "P-384": (ec.SECP384R1(), "052b81040022"),
    "P-521": (ec.SECP521R1(), "052b81040023"),
    "brainpoolP256r1": (ec.BrainpoolP256R1(), "092b2403030208010107"),
}
_Signing = Callable[[bytes, hashes.HashAlgorithm], bytes]


def _edwards() -> tuple[int, bytes, _Signing]:
    key = ed25519.Ed25519PrivateKey.generate()
    return 27, key.public_key().public_bytes_raw(), lambda digest, _: key.sign(digest)


def _old_edwards() -> tuple[int, bytes, _Signing]:
    key = ed25519.Ed25519PrivateKey.generate()
    point = b"\x40" + key.public_key().public_bytes_raw()

    def sign(digest: bytes, _: hashes.HashAlgorithm) -> bytes:
        made = key.sign(digest)
        return b"".join(_mpi(int.from_bytes(one, "big")) for one in (made[:32], made[32:]))

    return 22, _OF_OLD_CURVE + _mpi(int.from_bytes(point, "big")), sign


def _ed448() -> tuple[int, bytes, _Signing]:
    key = ed448.Ed448PrivateKey.generate()
    return 28, key.public_key().public_bytes_raw(), lambda digest, _: key.sign(digest)


def _composite() -> tuple[int, bytes, _Signing]:
    _, point, edwards = _edwards()
    key = mldsa.MLDSA65PrivateKey.generate()
    public = point + key.public_key().public_bytes_raw()
    return 30, public, lambda digest, named: edwards(digest, named) + key.sign(digest)


def _ecdsa(name: str) -> tuple[int, bytes, _Signing]:
    curve, identifier = _CURVES[name]
    key = ec.generate_private_key(curve)
    numbers, size = key.public_key().public_numbers(), (curve.key_size + 7) // 8
    point = b"\4" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")

    def sign(digest: bytes, named: hashes.HashAlgorithm) -> bytes:
        return _pair(key.sign(digest, ec.ECDSA(utils.Prehashed(named))))

    return 19, bytes.fromhex(identifier) + _mpi(int.from_bytes(point, "big")), sign


def _dsa() -> tuple[int, bytes, _Signing]:
    key = dsa.generate_private_key(2048)
    public = key.public_key().public_numbers()
    group = public.parameter_numbers

    def sign(digest: bytes, named: hashes.HashAlgorithm) -> bytes:
        return _pair(key.sign(digest, utils.Prehashed(named)))

    return 17, b"".join(map(_mpi, (group.p, group.q, group.g, public.y))), sign


def _pair(made: bytes) -> bytes:
    return b"".join(map(_mpi, utils.decode_dss_signature(made)))


_KINDS: dict[str, Callable[[], tuple[int, bytes, _Signing]]] = {
    "Ed25519": _edwards,
    "old Ed25519": _old_edwards,
    "Ed448": _ed448,
    "ML-DSA-65+Ed25519": _composite,
    "DSA": _dsa,
}


class KindSigner:
    """A primary key of its own certificate, with a direct-key signature alone (section 10.1)."""

    def __init__(self, version: int, made: datetime, kind: str) -> None:
        self.version = version
        self.algorithm, material, self._sign = _KINDS[kind]() if kind in _KINDS else _ecdsa(kind)
        sized = len(material).to_bytes(4, "big") + material if version == 6 else material
        at = int(made.timestamp()).to_bytes(4, "big")
        self.body = bytes([version]) + at + bytes([self.algorithm]) + sized
        start = b"\x99" if version == 4 else b"\x9b"
        self.over = start + len(self.body).to_bytes(_LENGTHS[version], "big") + self.body

    @property
    def fingerprint(self) -> bytes:
        """The whole of it, which names the key."""
        return hashlib.new("sha1" if self.version == 4 else "sha256", self.over).digest()

    @property
    def raw(self) -> bytes:
        """The packet of the key."""
        return _packet(6, self.body)

    def sign(self, over: bytes, area: bytes, *, kind: int = 0, hash_number: int = 8) -> bytes:
        """Return the packet of a signature that names its key behind this signed area."""
        area += bytes([len(self.fingerprint) + 2, 33, self.version]) + self.fingerprint
        octets = _LENGTHS[self.version]
        head = bytes([self.version, kind, self.algorithm, hash_number])
        head += len(area).to_bytes(octets, "big") + area
        salt = bytes(_SALT_BYTES[hash_number]) if self.version == 6 else b""
        end = bytes([self.version, 0xFF]) + len(head).to_bytes(4, "big")
        name, named = _HASHES[hash_number]
        digest = hashlib.new(name, salt + over + head + end).digest()
        salted = bytes([len(salt)]) + salt if self.version == 6 else b""
        return _packet(2, head + bytes(octets) + digest[:2] + salted + self._sign(digest, named))


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body
