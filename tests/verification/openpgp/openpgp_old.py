"""Signatures that gpg does not make, under keys that it made and under RSA keys of any length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa, utils

from verification.openpgp.key import read_key
from verification.openpgp.packets import Packet, split_packets
from verification.openpgp.subpackets import key_id_of
from verification.openpgp.tidying import over_key, with_trailer

SIGNED_AT = datetime(2024, 6, 1, tzinfo=UTC)


class Ripemd160(hashes.HashAlgorithm):
    """A hash that old certificates are revoked by."""

    name, digest_size, block_size = "ripemd160", 20, 64


_HASHES = {
    1: hashes.MD5(),
    2: hashes.SHA1(),
    3: Ripemd160(),
    12: hashes.SHA3_256(),
    14: hashes.SHA3_512(),
    8: hashes.SHA256(),
    10: hashes.SHA512(),
}
_PUBLIC, _SECRET = {1: 2, 17: 4}, {1: 4, 17: 1}


class OldSigner:
    """The first secret key (or the one at `place`) of an export that no passphrase protects."""

    def __init__(self, export: bytes, place: int = 0) -> None:
        secret = [one for one in split_packets(export, most=99) if one.tag in (5, 7)][place].body
        self.algorithm = secret[5]
        public, at = _mpis(secret, 6, _PUBLIC[self.algorithm])
        assert secret[at] == 0  # not protected
        private, _ = _mpis(secret, at + 1, _SECRET[self.algorithm])
        fingerprint = read_key(secret[:at]).fingerprint
        self.key_fingerprint = bytes.fromhex(fingerprint)
        self.key_id = bytes.fromhex(key_id_of(fingerprint))
        self.key: rsa.RSAPrivateKey | dsa.DSAPrivateKey
        if self.algorithm == 1:
            (n, e), (d, p, q, _) = public, private
            exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
            numbers = rsa.RSAPrivateNumbers(p, q, d, *exponents, rsa.RSAPublicNumbers(e, n))
            self.key = numbers.private_key()
        else:
            p, q, g, y = public
            known = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g))
            self.key = dsa.DSAPrivateNumbers(private[0], known).private_key()

    def sign(
        self, content: bytes, *, kind: int = 0, hash_number: int = 8, at: datetime = SIGNED_AT
    ) -> bytes:
        """Return the packet of a signature over the content, as it is to be hashed."""
        algorithm = _HASHES[hash_number]
        head = bytes([kind]) + int(at.timestamp()).to_bytes(4, "big")
        hashed = hashes.Hash(algorithm)
        hashed.update(content + head)
        digest = hashed.finalize()
        if isinstance(self.key, rsa.RSAPrivateKey):
            made = self.key.sign(digest, padding.PKCS1v15(), utils.Prehashed(algorithm))
            numbers: Sequence[int] = [int.from_bytes(made, "big")]
        else:
            numbers = utils.decode_dss_signature(self.key.sign(digest, utils.Prehashed(algorithm)))
        named = self.key_id + bytes([self.algorithm, hash_number])
        body = b"\x03\x05" + head + named + digest[:2] + b"".join(map(_mpi, numbers))
        return b"\x89" + len(body).to_bytes(2, "big") + body

    def certify(
        self,
        kind: int,
        hashed: bytes,
        primary: Packet,
        component: Packet,
        *,
        hash_number: int = 8,
        is_named: bool = True,
        over_kind: int | None = None,
    ) -> bytes:
        """Return the packet of a self-signature of version 4 with this signed area."""
        over = over_key(primary, component, over_kind or kind)
        return self._signed(kind, over, hashed, hash_number, is_named=is_named)

    def sign_new(
        self,
        content: bytes,
        hashed: bytes,
        *,
        kind: int = 0,
        hash_number: int = 8,
        is_named: bool = True,
    ) -> bytes:
        """Return the packet of a signature of version 4 over the content, with this signed area."""
        return self._signed(kind, content, hashed, hash_number, is_named=is_named)

    def _signed(
        self, kind: int, over: bytes, hashed: bytes, hash_number: int, *, is_named: bool
    ) -> bytes:
        algorithm = _HASHES[hash_number]
        assert isinstance(self.key, rsa.RSAPrivateKey)
        head = bytes([4, kind, 1, hash_number]) + len(hashed).to_bytes(2, "big") + hashed
        hashing = hashes.Hash(algorithm)
        hashing.update(over + with_trailer(head))
        digest = hashing.finalize()
        made = self.key.sign(digest, padding.PKCS1v15(), utils.Prehashed(algorithm))
        area = b"\x09\x10" + self.key_id if is_named else b""
        body = head + len(area).to_bytes(2, "big") + area + digest[:2]
        body += _mpi(int.from_bytes(made, "big"))
        return b"\x89" + len(body).to_bytes(2, "big") + body


class PlainSigner(OldSigner):
    """An RSA key of any length, made here."""

    def __init__(self, bits: int, made: datetime) -> None:
        self.algorithm = 1
        self.key = rsa.generate_private_key(65537, bits)
        numbers = self.key.public_key().public_numbers()
        at = int(made.timestamp()).to_bytes(4, "big")
        self.body = b"\x04" + at + b"\x01" + _mpi(numbers.n) + _mpi(numbers.e)
        fingerprint = read_key(self.body).fingerprint
        self.key_fingerprint = bytes.fromhex(fingerprint)
        self.key_id = bytes.fromhex(key_id_of(fingerprint))

    def packet(self, tag: int) -> Packet:
        """Return the key as a packet of this type."""
        raw = bytes([0xC0 | tag, 0xFF]) + len(self.body).to_bytes(4, "big") + self.body
        return Packet(tag, self.body, raw)


def _mpis(content: bytes, at: int, count: int) -> tuple[list[int], int]:
    found = []
    for _ in range(count):
        size = (int.from_bytes(content[at : at + 2], "big") + 7) // 8
        found.append(int.from_bytes(content[at + 2 : at + 2 + size], "big"))
        at += 2 + size
    return found, at


def _mpi(number: int) -> bytes:
    bits = number.bit_length()
    return bits.to_bytes(2, "big") + number.to_bytes((bits + 7) // 8, "big")
