"""Find the signatures that a certificate's owner made over its keys (RFC 9580 section 10.1).

The engine keeps signatures that do not hold, and those that it cannot verify at the end of the
certificate, and never says which they are: the mathematics are carried out here, but for keys that
only the engine knows. What they say of a key at some moment: verification/openpgp/validity.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from core.errors import MalformedError
from verification.openpgp.certificate import KEY_REVOCATION, MAX_PACKETS, Certificate
from verification.openpgp.key import read_key
from verification.openpgp.mathematics import holds, is_carried_out, new_hash
from verification.openpgp.packets import TAG_SIGNATURE, Packet, components_of, split_packets
from verification.openpgp.reach import is_hash_in_engine
from verification.openpgp.signature import (
    VERSION_3,
    WEAK_HASHES,
    SignaturePacket,
    UnreadSignature,
    read_signature,
    readable,
    type_of,
)
from verification.openpgp.subpackets import MAX_HINTS, has_unknown_critical
from verification.openpgp.tidying import OVER_PRIMARY, TAG_SUBKEY, over_key, with_trailer

_SHA_1 = 2
BINDING = 0x18
VERSION = 4
DIRECT = 0x1F
CERTIFICATIONS = frozenset({0x10, 0x11, 0x12, 0x13, DIRECT})
SUBKEY_REVOCATION = 0x28
_REVOCATIONS = frozenset({KEY_REVOCATION, SUBKEY_REVOCATION})
_OVER_KEYS = CERTIFICATIONS | _REVOCATIONS | {BINDING}
_OLD, _OLD_KEY_ID = b"\x03", slice(7, 15)
_HASH_START = 2
_KEPT_CERTIFICATES = 64


class SelfSignature(NamedTuple):
    """A signature that the primary key made, and what it is over."""

    key: str  # fingerprint of the subkey that it is over, else of the primary key
    place: int  # of what it is over: key, user id or attribute, in their order
    tag: int  # of the same
    signature: SignaturePacket


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def self_signatures(certificate: Certificate) -> tuple[SelfSignature, ...]:
    """Return the signatures that the primary key made, with what each is over."""
    packets = list(split_packets(certificate.content, most=MAX_PACKETS))
    components = components_of(packets)
    found: list[SelfSignature] = []
    place = -1
    for packet in packets:
        if packet.tag != TAG_SIGNATURE:
            place += 1
            continue
        signature = _signature(packet)
        if signature is None or not _may_be_own(signature, certificate):
            continue
        if has_unknown_critical(signature.area):
            continue  # RFC 9580 section 5.2.3.7: it is in error
        for at in _places(components, place, signature):
            behind = _fingerprint(components[at].body) if components[at].tag == TAG_SUBKEY else ""
            key = behind or certificate.fingerprint
            found.append(SelfSignature(key, at, components[at].tag, signature))
    return tuple(found)


def _places(components: Sequence[Packet], place: int, signature: SignaturePacket) -> Sequence[int]:
    """Return which component the signature is over: none where it does not hold.

    The engine leaves what it can verify behind its component, and moves the rest to the end.
    """
    primary = components[0]
    if signature.type in OVER_PRIMARY:
        place = 0
    is_ours = primary.body[:1] == bytes([VERSION]) and is_carried_out(primary.body)
    if not is_ours or new_hash(signature) is None:
        # Nobody here can say that it is forged, nor which subkey one that was moved is over.
        is_moved = signature.type == SUBKEY_REVOCATION and not is_seen(signature)
        subkeys = [at for at, one in enumerate(components) if one.tag == TAG_SUBKEY]
        return subkeys if is_moved else (place,)
    if _is_over(components, place, signature):
        return (place,)
    if signature.type in OVER_PRIMARY:
        return ()
    likely = (
        at
        for at, one in enumerate(components)
        if begins_hash(signature, over_key(primary, one, signature.type))
    )
    return [*islice((at for at in likely if _is_over(components, at, signature)), 1)]


def _is_over(components: Sequence[Packet], at: int, signature: SignaturePacket) -> bool:
    over = over_key(components[0], components[at], signature.type)
    return bool(over) and holds_over(components[0].body, signature, over)


def _may_be_own(signature: SignaturePacket, certificate: Certificate) -> bool:
    """Say whether it names the primary key, or no key at all: anybody may take names off."""
    hashed, hints = signature.hashed, signature.hints
    named = [one for one in (hashed.issuer_fingerprint, hashed.issuer_key_id, *hints) if one]
    return not named or len(hints) >= MAX_HINTS or any(map(certificate.is_named, named))


def _fingerprint(body: bytes) -> str:
    try:
        return read_key(body).fingerprint
    except MalformedError:
        return ""


def _signature(packet: Packet) -> SignaturePacket | None:
    read = readable(packet)
    # The engine takes no word about keys by version 3: its vouchers vouch for nothing.
    return read if read is not None and read.version != VERSION_3 else None


def holds_over(key: bytes, signature: SignaturePacket, over: bytes) -> bool:
    """Say whether a version 4 signature by this key holds over the bytes, weak hash or not."""
    digest = hash_over(signature, over)
    return bool(digest) and holds(key, signature, digest)


def begins_hash(signature: SignaturePacket, over: bytes) -> bool:
    """Say whether it may be over these bytes: without a key, it could be meant for any.

    It begins with two bytes of its hash, which are right in a certificate as it is read.
    """
    digest = hash_over(signature, over) if over else b""
    return not digest or signature.tail[:_HASH_START] == digest[:_HASH_START]


def hash_over(signature: SignaturePacket, over: bytes) -> bytes:
    """Return the digest that a version 4 signature over the bytes signs; nothing for others."""
    hashed = new_hash(signature)
    if hashed is None or signature.version != VERSION:
        return b""
    hashed.update(over + with_trailer(signature.head))
    return hashed.digest()


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def has_unclear(certificate: Certificate) -> bool:
    """Say whether a signature over a key is one that readers may differ over."""
    for packet in split_packets(certificate.content, most=MAX_PACKETS):
        if packet.tag != TAG_SIGNATURE or type_of(packet.body) not in _OVER_KEYS:
            continue
        if packet.body[:1] == _OLD:
            if certificate.is_named(packet.body[_OLD_KEY_ID].hex().upper()):
                return True  # the engine counts them for nothing, yet does not pass over them
            continue
        try:
            read = read_signature(packet.body)
        except MalformedError:
            return True
        if isinstance(read, UnreadSignature) or not _may_be_own(read, certificate):
            continue
        if _is_unknown_binding(read):
            return True  # the same
    return False


def _is_unknown_binding(signature: SignaturePacket) -> bool:
    return signature.type not in _REVOCATIONS and not is_known(signature)


def is_known(signature: SignaturePacket) -> bool:
    """Say whether the hash is one of which there is an opinion, strong or weak."""
    return is_hash_in_engine(signature) or signature.hash_algorithm in WEAK_HASHES


def is_seen(revocation: SignaturePacket) -> bool:
    """Say whether the engine knows revocations by this hash: SHA-1 beside the strong ones."""
    return is_hash_in_engine(revocation) or revocation.hash_algorithm == _SHA_1
