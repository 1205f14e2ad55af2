"""Write certificates so that the engine can read what some signers wrote untidily.

Two faults of signers in wide use (GitHub's web-flow key of 2017 has both in its history): numbers
with more bits than they have, and wrong first bits of the hash (RFC 9580 section 5.2.4), which the
engine uses to drop a self-signature unseen. Neither is signed; the engine still does all of the
mathematics, so putting them right can make nothing hold that does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from verification.openpgp.mathematics import hash_of
from verification.openpgp.packets import TAG_SIGNATURE, Packet, components_of
from verification.openpgp.signature import signed_part, tidy_signature

TAG_SECRET_KEY, TAG_PUBLIC_KEY, TAG_USER_ID, TAG_SUBKEY, TAG_USER_ATTRIBUTE = 5, 6, 13, 14, 17
_VERSION = 4
OVER_PRIMARY = frozenset({0x1F, 0x20})
_OVER_USER_ID = frozenset({0x10, 0x11, 0x12, 0x13, 0x30})
_OVER_SUBKEY = frozenset({0x18, 0x28})


def tidy_certificate(packets: Sequence[Packet]) -> bytes:
    """Return a certificate's packets, the signatures among them in canonical form."""
    written: list[bytes] = []
    components = components_of(packets)
    place = -1
    for packet in packets:
        if packet.tag != TAG_SIGNATURE:
            place += 1
            written.append(packet.raw)
        else:
            written.append(tidy_signature(packet, _hash_starts(components, place, packet)))
    return b"".join(written)


def _hash_starts(components: Sequence[Packet], place: int, signature: Packet) -> Iterator[bytes]:
    """Yield how a version 4 signature's hash begins: where it stands, then elsewhere.

    The engine and others move what they cannot verify to the end of a certificate: there the
    first two bytes of its hash alone lead to the component that it is over.
    """
    primary, body, head = components[0].body, signature.body, signed_part(signature.body)
    if body[:1] != bytes([_VERSION]) or primary[:1] != body[:1] or not head:
        return
    kind, number = body[1], body[3]
    elsewhere = () if kind in OVER_PRIMARY else components
    for one in chain((components[place],), elsewhere):
        over, hashed = over_key(components[0], one, kind), hash_of(number)
        if over and hashed is not None:
            hashed.update(over + with_trailer(head))
            yield hashed.digest()[:2]
        else:
            yield b""


def with_trailer(head: bytes) -> bytes:
    """Return what a signature of version 4 or 6 hashes of itself (section 5.2.4)."""
    return head + head[:1] + b"\xff" + len(head).to_bytes(4, "big")


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
