"""Write certificates so that the engine can read what some signers wrote untidily.

Two faults of signers in wide use (GitHub's web-flow key of 2017 has both in its history): numbers
with more bits than they have, and wrong first bits of the hash (RFC 9580 section 5.2.4), which the
engine uses to drop a self-signature unseen. Neither is signed; the engine still does all of the
mathematics, so putting them right can make nothing hold that does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from verification.openpgp.packets import TAG_SIGNATURE, Packet, signed_part, tidy_signature

TAG_SECRET_KEY, TAG_PUBLIC_KEY, TAG_USER_ID, TAG_SUBKEY, TAG_USER_ATTRIBUTE = 5, 6, 13, 14, 17
_VERSION = 4
_ALGORITHMS = {2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}
OVER_PRIMARY = frozenset({0x1F, 0x20})
_OVER_USER_ID = frozenset({0x10, 0x11, 0x12, 0x13, 0x30})
_OVER_SUBKEY = frozenset({0x18, 0x28})


def tidy_certificate(packets: Sequence[Packet]) -> bytes:
    """Return a certificate's packets, the signatures among them in canonical form."""
    written: list[bytes] = []
    component = packets[0]
    for packet in packets:
        if packet.tag != TAG_SIGNATURE:
            component = packet
            written.append(packet.raw)
        else:
            written.append(tidy_signature(packet, _hash_start(packets[0], component, packet)))
    return b"".join(written)


def _hash_start(primary: Packet, component: Packet, signature: Packet) -> bytes:
    """Return the first two bytes of what a version 4 signature over a key hashes; else nothing."""
    body = signature.body
    if body[:1] != bytes([_VERSION]) or len(body) < _VERSION or primary.body[:1] != body[:1]:
        return b""
    algorithm = _ALGORITHMS.get(body[3])
    over = over_key(primary, component, body[1])
    head = signed_part(body)
    if algorithm is None or not over or not head:
        return b""
    return hashlib.new(algorithm, over + with_trailer(head)).digest()[:2]


def with_trailer(head: bytes) -> bytes:
    """Return what a version 4 signature hashes of itself (section 5.2.4)."""
    return head + bytes([_VERSION, 0xFF]) + len(head).to_bytes(4, "big")


def over_key(primary: Packet, component: Packet, kind: int) -> bytes:
    """Return what a signature of this type over a version 4 key hashes; nothing for others."""
    if kind in OVER_PRIMARY:
        return _key(primary)
    if kind in _OVER_USER_ID and component.tag == TAG_USER_ID:
        size = len(component.body).to_bytes(4, "big")
        return _key(primary) + b"\xb4" + size + component.body
    if kind in _OVER_USER_ID and component.tag == TAG_USER_ATTRIBUTE:
        return _key(primary) + b"\xd1" + len(component.body).to_bytes(4, "big") + component.body
    if kind in _OVER_SUBKEY and component.tag == TAG_SUBKEY:
        return _key(primary) + _key(component)
    return b""


def _key(packet: Packet) -> bytes:
    return b"\x99" + (len(packet.body) & 0xFFFF).to_bytes(2, "big") + packet.body
