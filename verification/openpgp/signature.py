"""Read OpenPGP signatures (RFC 9580 section 5.2), bounded and strict.

The engine behind (`pysequoia`) reads only the first of several signatures, calls a packet with
untidy numbers unknown, and says nothing about why it refuses. So signatures are taken apart here
and built anew for it: the hashed part byte for byte, the numbers in their one canonical form, and
in place of the unhashed area, which anybody may write, only the keys we want tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from verification.openpgp.armor import MESSAGE, SIGNATURE, begin_line, dearmor_each
from verification.openpgp.numbers import NUMBERS, canonical_mpis, untouched
from verification.openpgp.packets import (
    PASSED_OVER,
    TAG_SIGNATURE,
    Packet,
    framed,
    number_at,
    split_packets,
)
from verification.openpgp.subpackets import (
    Hashed,
    read_embedded,
    read_hashed,
    read_hints,
    read_version_3,
)

MAX_SIGNATURE_BYTES = 64 * 1024  # a post-quantum signature takes 50 KB, any other under 3
BINARY, TEXT = 0x00, 0x01
_ARMORED = b"-----BEGIN"
VERSION_3 = 3
_V4, _V6 = 4, 6
_V3_HEAD, _V3_HEAD_END, _V3_NUMBERS = b"\x03\x05", 7, 19  # section 5.2.2: where its parts are
_HASH_START = 2
_AREA_AT = 4  # where a signature says how long its signed area is
_AREA_OCTETS = {_V4: 2, _V6: 4}
_FINGERPRINT_BYTES = {_V4: 20, _V6: 32}
_V3_ALGORITHMS = frozenset({1, 3, 17})  # RSA and DSA: all there was in its time
HASHES = {
    1: "MD5",
    2: "SHA-1",
    3: "RIPEMD-160",
    8: "SHA-256",
    9: "SHA-384",
    10: "SHA-512",
    11: "SHA-224",
    12: "SHA3-256",
    14: "SHA3-512",
}

WEAK_HASHES = frozenset({1, 2, 3})


@dataclass(frozen=True, slots=True)
class SignaturePacket:
    """A signature, read. Only `hints` is not signed: it may choose keys to try.

    Of version 3 `head` is type and time, all that it signs of itself.
    """

    version: int
    type: int
    key_algorithm: int
    hash_algorithm: int
    hashed: Hashed
    hints: tuple[str, ...]
    head: bytes  # version to the end of the hashed area, as it was signed
    tail: bytes  # hash prefix, salt and canonical numbers

    @property
    def created_at(self) -> datetime:
        """When it was made, as the signer claims."""
        return self.hashed.created_at

    @property
    def expires_at(self) -> datetime | None:
        """The first instant at which it no longer counts, or None."""
        lifetime = self.hashed.lifetime_seconds
        return self.created_at + timedelta(seconds=lifetime) if lifetime else None

    @property
    def area(self) -> bytes:
        """The subpackets that it signs: version 3 has none."""
        octets = _AREA_OCTETS.get(self.version)
        return self.head[_AREA_AT + octets :] if octets is not None else b""

    @property
    def hash_start(self) -> bytes:
        """How the hash begins, as it says: nobody signs that."""
        return self.tail[:_HASH_START]

    @property
    def salt(self) -> bytes:
        """What it hashes before anything else: version 6 alone has one."""
        at = _HASH_START + 1
        return self.tail[at : at + self.tail[_HASH_START]] if self.version == _V6 else b""

    @property
    def numbers(self) -> bytes:
        """What the key made of the hash, in canonical form."""
        salted = 1 + self.tail[_HASH_START] if self.version == _V6 else 0
        return self.tail[_HASH_START + salted :]

    @property
    def hash_name(self) -> str:
        """The hash algorithm's name, or its number."""
        return HASHES.get(self.hash_algorithm, f"number {self.hash_algorithm}")

    @property
    def names(self) -> tuple[str, ...]:
        """Fingerprint or key id of the signing key, upper case: signed if possible, else hinted."""
        signed = self.hashed.issuer_fingerprint or self.hashed.issuer_key_id
        return (signed,) if signed else self.hints

    def naming(self, fingerprints: Sequence[str]) -> bytes:
        """Return the packet with an unhashed area that names these keys and nothing else."""
        area = b"".join(_issuer_subpacket(bytes.fromhex(one)) for one in fingerprints)
        body = self.head + len(area).to_bytes(_AREA_OCTETS[self.version], "big") + area + self.tail
        return framed(body)


@dataclass(frozen=True, slots=True)
class UnreadSignature:
    """A signature packet that is not read: an old version, broken, or of an unknown algorithm."""

    reason: str
    detail: str


def _issuer_subpacket(fingerprint: bytes) -> bytes:
    version = _V4 if len(fingerprint) == _FINGERPRINT_BYTES[_V4] else _V6
    return bytes([len(fingerprint) + 2, 33, version]) + fingerprint


def read_signatures(
    content: bytes, *, limits: Limits, most_blocks: int = 1
) -> tuple[SignaturePacket | UnreadSignature, ...]:
    """Read a file of signatures, binary or of armored blocks: at least one and nothing else.

    A signature that cannot be judged stands as UnreadSignature, so that others beside it count.
    Raises MalformedError or TooLargeError where the file as a whole is not of this kind.
    """
    if len(content) > limits.evidence_bytes:
        raise TooLargeError(
            f"{len(content)} bytes of signatures, more than {limits.evidence_bytes}"
            " (evidence_bytes)"
        )
    blocks: tuple[bytes, ...] = (content,)
    start = content.lstrip()
    if start.startswith(_ARMORED):
        label = MESSAGE if start.startswith(begin_line(MESSAGE)) else SIGNATURE
        blocks = dearmor_each(content, label, most=most_blocks)
    if not all(blocks):
        raise MalformedError("no OpenPGP signature in it")
    # One by one: what one block lacks, the next must not complete.
    packets = tuple(
        each for block in blocks for each in split_packets(block, most=limits.signatures)
    )
    if len(packets) > limits.signatures:
        raise TooLargeError(f"more than {limits.signatures} OpenPGP packets")
    for packet in packets:
        if packet.tag != TAG_SIGNATURE and packet.tag not in PASSED_OVER:
            raise MalformedError(f"an OpenPGP packet of type {packet.tag} among signatures")
    bodies = [packet.body for packet in packets if packet.tag == TAG_SIGNATURE]
    if not bodies:
        raise MalformedError("no OpenPGP signature in it")
    return tuple(map(_read_or_why, bodies))


def _read_or_why(body: bytes) -> SignaturePacket | UnreadSignature:
    try:
        return read_signature(body)
    except MalformedError as error:
        return UnreadSignature(error.reason, str(error))


def readable(packet: Packet) -> SignaturePacket | None:
    """Return what a signature packet holds, or None where it cannot be read."""
    read = _read_or_why(packet.body)
    return read if isinstance(read, SignaturePacket) else None


def read_signature(body: bytes) -> SignaturePacket | UnreadSignature:
    """Read the body of a signature packet (section 5.2.3); raise MalformedError."""
    if len(body) > MAX_SIGNATURE_BYTES:
        raise TooLargeError(f"an OpenPGP signature of {len(body)} bytes")
    version = number_at(body, 0, 1)
    if version < VERSION_3:
        return UnreadSignature("ALGORITHM_WEAK", f"a signature of the obsolete version {version}")
    if version == VERSION_3:
        return _read_version_3(body)
    if version not in _AREA_OCTETS:
        detail = f"a signature of version {version}, which is not read"
        return UnreadSignature("FORMAT_UNSUPPORTED", detail)
    layout = _layout(body)
    kind, key_algorithm, hash_algorithm = body[1:4]
    numbers = NUMBERS.get(key_algorithm)
    if numbers is None or hash_algorithm not in HASHES:
        return _unsupported(key_algorithm, hash_algorithm)
    return SignaturePacket(
        version,
        kind,
        key_algorithm,
        hash_algorithm,
        read_hashed(layout.hashed),
        read_hints(layout.unhashed),
        body[: layout.head_end],
        body[layout.unhashed_end : layout.numbers_at]
        + numbers(key_algorithm, body[layout.numbers_at :]),
    )


def _read_version_3(body: bytes) -> SignaturePacket | UnreadSignature:
    """Read a signature of version 3 (section 5.2.2), which names its key where nobody signs it.

    The engine judges none: only what the mathematics of our own can is read.
    """
    if len(body) < _V3_NUMBERS or not body.startswith(_V3_HEAD):
        raise MalformedError("an OpenPGP signature of version 3 that is cut short")
    key_algorithm, hash_algorithm = body[15:17]
    if key_algorithm not in _V3_ALGORITHMS or hash_algorithm not in HASHES:
        return _unsupported(key_algorithm, hash_algorithm)
    return SignaturePacket(
        VERSION_3,
        body[2],
        key_algorithm,
        hash_algorithm,
        read_version_3(body[3:_V3_HEAD_END]),
        (body[_V3_HEAD_END:15].hex().upper(),),
        body[2:_V3_HEAD_END],
        body[17:_V3_NUMBERS] + canonical_mpis(key_algorithm, body[_V3_NUMBERS:]),
    )


def _unsupported(key_algorithm: int, hash_algorithm: int) -> UnreadSignature:
    what = f"key algorithm {key_algorithm}, hash algorithm {hash_algorithm}"
    return UnreadSignature("FORMAT_UNSUPPORTED", f"a signature by {what}")


def type_of(body: bytes) -> int:
    """Return the type of a signature (section 5.2.1), whether or not it can be read."""
    at = 2 if body[:1] <= b"\x03" else 1
    return body[at] if len(body) > at else -1


def embedded_signatures(body: bytes) -> tuple[SignaturePacket, ...]:
    """Return the readable signatures inside a signature's areas (section 5.2.3.34)."""
    try:
        layout = _layout(body)
    except MalformedError:
        return ()
    inner = (*read_embedded(layout.hashed), *read_embedded(layout.unhashed))
    read = map(_read_or_why, inner)
    return tuple(one for one in read if isinstance(one, SignaturePacket))


def tidy_signature(packet: Packet, hash_starts: Iterable[bytes] = ()) -> bytes:
    """Return a signature packet with canonical numbers and one of these starts of its hash.

    Its own where that is among them, else the first. A packet that is broken, or in order, comes
    back as it was.
    """
    body = packet.body
    try:
        layout = _layout(body)
        numbers = NUMBERS.get(body[2], untouched)(body[2], body[layout.numbers_at :])
    except MalformedError:
        return packet.raw
    stated = body[layout.unhashed_end : layout.unhashed_end + 2]
    starts = iter(hash_starts)
    first = next(starts, b"") or stated
    start = stated if first == stated or stated in starts else first
    salt = body[layout.unhashed_end + 2 : layout.numbers_at]
    tidy = body[: layout.unhashed_end] + start + salt + numbers
    return packet.raw if tidy == body else framed(tidy)


def signed_part(body: bytes) -> bytes:
    """Return what a signature signs of itself: version to hashed area; nothing where broken."""
    try:
        return body[: _layout(body).head_end]
    except MalformedError:
        return b""


class _Layout(NamedTuple):
    """Where the parts of a signature's body are (sections 5.2.3 and 5.2.3.1)."""

    hashed: bytes
    unhashed: bytes
    head_end: int
    unhashed_end: int
    numbers_at: int


def _layout(body: bytes) -> _Layout:
    version = number_at(body, 0, 1)
    if version not in _AREA_OCTETS:
        raise MalformedError(f"an OpenPGP signature of unknown version {version}")
    hashed, head_end = _area(body, _AREA_AT, _AREA_OCTETS[version])
    unhashed, unhashed_end = _area(body, head_end, _AREA_OCTETS[version])
    at = unhashed_end + 2  # after the first bits of the hash
    if version == _V6:
        at += 1 + number_at(body, at, 1)  # the salt
    if at > len(body):
        raise MalformedError("an OpenPGP signature ends too early")
    return _Layout(hashed, unhashed, head_end, unhashed_end, at)


def _area(body: bytes, at: int, octets: int) -> tuple[bytes, int]:
    end = at + octets + number_at(body, at, octets)
    if end > len(body):
        raise MalformedError("an area of subpackets runs past the OpenPGP signature")
    return body[at + octets : end], end
