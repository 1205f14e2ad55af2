"""An Ed25519 key of version 4 or 6 that signs by any hash, which gpg does not."""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.verification.openpgp.openpgp_old import _mpi

_HASHES = {8: "sha256", 12: "sha3_256", 14: "sha3_512"}
_SALT_BYTES = {8: 16, 12: 16, 14: 32}  # RFC 9580 section 9.5
_OF_OLD_CURVE = bytes.fromhex("092b06010401da470f01")
_LENGTHS = {4: 2, 6: 4}


class EdwardsSigner:
    """A primary key of its own certificate, with a direct-key signature alone (section 10.1)."""

    def __init__(self, version: int, made: datetime) -> None:
        self.version = version
        self.key = ed25519.Ed25519PrivateKey.generate()
        point = self.key.public_key().public_bytes_raw()
        self.algorithm = 22 if version == 4 else 27
        old = _OF_OLD_CURVE + _mpi(int.from_bytes(b"\x40" + point, "big"))
        material = old if version == 4 else len(point).to_bytes(4, "big") + point
        at = int(made.timestamp()).to_bytes(4, "big")
        self.body = bytes([version]) + at + bytes([self.algorithm]) + material
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
        digest = hashlib.new(_HASHES[hash_number], salt + over + head + end).digest()
        made = self.key.sign(digest)
        halves = (int.from_bytes(one, "big") for one in (made[:32], made[32:]))
        numbers = b"".join(map(_mpi, halves)) if self.version == 4 else made
        salted = bytes([len(salt)]) + salt if self.version == 6 else b""
        return _packet(2, head + bytes(octets) + digest[:2] + salted + numbers)


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body
