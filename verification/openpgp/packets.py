"""Split OpenPGP packets (RFC 9580 sections 4.2 and 4.3), bounded and strict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from verification.openpgp.subpackets import FIVE_OCTETS, TWO_OCTETS

TAG_SIGNATURE = 2
# Sections 4.3, 5.8, 5.10 and 5.14: a marker, GnuPG's own trust, padding, and kinds that nobody
# knows and nobody must know.
PASSED_OVER = frozenset({10, 12, 21, *range(40, 64)})
_PARTIAL = 224  # section 4.2.1.4: first octets from here to the five octets' are of pieces


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: its type, its body, and the bytes it was written as."""

    tag: int
    body: bytes
    raw: bytes


def split_packets(content: bytes, *, most: int) -> Iterator[Packet]:
    """Yield at most `most` packets; MalformedError or TooLargeError where that cannot be.

    Partial and indeterminate lengths are for streams (section 4.2.1.4): refused.
    """
    at = count = 0
    while at < len(content):
        count += 1
        if count > most:
            raise TooLargeError(f"more than {most} OpenPGP packets")
        tag, start, length = _header(content, at)
        if start + length > len(content):
            raise MalformedError(f"the OpenPGP packet at byte {at} ends too early")
        yield Packet(tag, content[start : start + length], content[at : start + length])
        at = start + length


def _header(content: bytes, at: int) -> tuple[int, int, int]:
    """Return type, start and length of the packet's body (sections 4.2.1 and 4.2.2)."""
    first = content[at]
    if not first & 0x80:
        raise MalformedError(f"no OpenPGP packet at byte {at}")
    if first & 0x40:
        return (first & 0x3F, *_new_length(content, at + 1))
    octets = {0: 1, 1: 2, 2: 4}.get(first & 3)
    if octets is None:
        raise MalformedError(f"the OpenPGP packet at byte {at} does not say how long it is")
    return (first >> 2) & 0x0F, at + 1 + octets, number_at(content, at + 1, octets)


def _new_length(content: bytes, at: int) -> tuple[int, int]:
    first = number_at(content, at, 1)
    if first < TWO_OCTETS:
        return at + 1, first
    if first < _PARTIAL:
        return at + 2, ((first - TWO_OCTETS) << 8) + number_at(content, at + 1, 1) + TWO_OCTETS
    if first < FIVE_OCTETS:
        raise MalformedError(f"an OpenPGP packet of partial length at byte {at - 1}")
    return at + 5, number_at(content, at + 1, 4)


def number_at(content: bytes, at: int, octets: int) -> int:
    """Return the number in that many octets; MalformedError where there are fewer."""
    field = content[at : at + octets]
    if len(field) != octets:
        raise MalformedError(f"OpenPGP bytes end in the middle of a number at byte {at}")
    return int.from_bytes(field, "big")


def framed(body: bytes) -> bytes:
    """Return the packet of a signature with this body."""
    return b"\xc2\xff" + len(body).to_bytes(4, "big") + body


def components_of(packets: Iterable[Packet]) -> list[Packet]:
    """Return what a certificate's signatures are over: key, user ids, attributes and subkeys."""
    return [one for one in packets if one.tag != TAG_SIGNATURE]
