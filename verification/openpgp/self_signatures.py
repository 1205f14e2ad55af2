"""Find what a certificate's owner said of its keys, and which of it holds (RFC 9580 section 10.1).

The engine keeps signatures that do not hold where they stood, and never says which they are: the
mathematics are carried out here, but for keys that only the engine knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from core.errors import MalformedError
from verification.openpgp.key import KeyMaterial, read_key
from verification.openpgp.keyring import KEY_REVOCATION, MAX_PACKETS, Certificate
from verification.openpgp.mathematics import holds, is_carried_out, new_hash
from verification.openpgp.packets import (
    TAG_SIGNATURE,
    VERSION_3,
    SignaturePacket,
    UnreadSignature,
    read_signature,
    split_packets,
    type_of,
)
from verification.openpgp.subpackets import MAX_HINTS, has_unknown_critical
from verification.openpgp.tidying import TAG_SUBKEY, over_key, with_trailer

WEAK_HASHES = frozenset({1, 2, 3})  # MD5, SHA-1, RIPEMD-160
STRONG_HASHES = frozenset({8, 9, 10, 11})  # SHA-2. Measured: the engine has no SHA-3
BINDING = 0x18
VERSION = 4
_DIRECT = 0x1F
_CERTIFICATIONS = frozenset({0x10, 0x11, 0x12, 0x13, _DIRECT})
SUBKEY_REVOCATION = 0x28
_REVOCATIONS = frozenset({KEY_REVOCATION, SUBKEY_REVOCATION})
_OVER_KEYS = _CERTIFICATIONS | _REVOCATIONS | {BINDING}
_OLD, _OLD_KEY_ID = b"\x03", slice(7, 15)
_AREA_AT = {4: 6, 6: 8}  # where the signed area begins, behind its length
_KEPT_CERTIFICATES = 64


class _Own(NamedTuple):
    """A signature that the primary key made, and what it stands behind."""

    key: str  # fingerprint of the key before it
    place: int  # of the key, user id or attribute, in their order
    signature: SignaturePacket


@dataclass(slots=True)
class SelfSignatures:
    """What a certificate's owner said of one key: what it is for, and that it is void."""

    bindings: list[_Own] = field(default_factory=list)
    revocations: list[SignaturePacket] = field(default_factory=list)

    def at(self, moment: datetime) -> SignaturePacket | None:
        """Return the newest binding in effect then, a weak one where there is no other."""
        return max(self.each_at(moment), key=lambda one: one.created_at, default=None)

    def each_at(self, moment: datetime) -> list[SignaturePacket]:
        """Return the newest bindings in effect then behind each place, all of the same second."""
        made = [one for one in self.bindings if is_in_effect(one.signature, moment)]
        strong = [one for one in made if one.signature.hash_algorithm in STRONG_HASHES]
        newest: dict[int, datetime] = {}
        for _, place, signature in strong or made:
            newest[place] = max(newest.get(place, signature.created_at), signature.created_at)
        return [
            signature
            for _, place, signature in strong or made
            if signature.created_at == newest[place]
        ]


def is_in_effect(signature: SignaturePacket, moment: datetime) -> bool:
    """Say whether a signature over a key counted at that moment, by its own two times."""
    end = signature.expires_at
    return signature.created_at <= moment and (end is None or moment < end)


def voids(revocation: SignaturePacket, moment: datetime) -> bool:
    """Say whether a revocation takes what was signed at that moment with it."""
    return not revocation.hashed.is_soft or revocation.created_at <= moment


def of_key(certificate: Certificate, key: KeyMaterial) -> SelfSignatures:
    """Return what the owner said of one of the certificate's keys."""
    found = SelfSignatures()
    made_at = certificate.created_at  # the engine takes no word of a key from before it was made
    is_primary = key is certificate.primary
    bindings = _CERTIFICATIONS if is_primary else frozenset({BINDING})
    revocation = KEY_REVOCATION if is_primary else SUBKEY_REVOCATION
    for own in _self_signatures(certificate):
        if own.key == key.fingerprint and own.signature.type in bindings:
            if _is_known(own.signature) and own.signature.created_at >= made_at:
                found.bindings.append(own)
        elif own.key == key.fingerprint and own.signature.type == revocation:
            found.revocations.append(own.signature)
    return found


def _is_known(signature: SignaturePacket) -> bool:
    return signature.hash_algorithm in STRONG_HASHES | WEAK_HASHES


def is_vouched_for(certificate: Certificate, key: KeyMaterial, moment: datetime) -> bool:
    """Say whether all that the owner said of a signing key was, at that moment, that it signs.

    Stricter than need be, for where the engine does not judge: which of several user ids counts
    is not asked, each has to allow it; a revocation is never taken back; and what cannot be read
    of the certificate might say otherwise.
    """
    if _has_unclear(certificate):
        return False
    of_primary = of_key(certificate, certificate.primary).each_at(moment)
    for one in (certificate.primary, key):
        own = of_key(certificate, one)
        said = own.each_at(moment)
        # The engine takes what is said over the primary key for its subkeys, too.
        direct = (each for each in of_primary if each.type == _DIRECT)
        seconds = [each.hashed.key_lifetime_seconds for each in (*said, *direct)]
        ends = [one.created_at + timedelta(seconds=each) for each in seconds if each]
        if not said or any(end <= moment for end in ends):
            return False
        if any(voids(revocation, moment) for revocation in own.revocations):
            return False
        if one is key and not _allow(said):
            return False
    return True


def _allow(said: Sequence[SignaturePacket]) -> bool:
    """Say whether each lets the key sign; what is said over the key itself fills their silence."""
    direct = [one.hashed.may_sign for one in said if one.type == _DIRECT]
    others = [one.hashed.may_sign for one in said if one.type != _DIRECT]
    by_default = set(direct) == {True}
    if False in direct or not others:
        return by_default
    return all(by_default if one is None else one for one in others)


def _is_unknown_binding(signature: SignaturePacket) -> bool:
    return signature.type not in _REVOCATIONS and not _is_known(signature)


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def _has_unclear(certificate: Certificate) -> bool:
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


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def _self_signatures(certificate: Certificate) -> tuple[_Own, ...]:
    """Return signatures the primary key made, with the key they stand behind.

    The engine keeps what does not hold where it stood: the mathematics are carried out here, but
    for keys that only the engine knows.
    """
    primary, *rest = split_packets(certificate.content, most=MAX_PACKETS)
    is_judged = primary.body[:1] == bytes([VERSION]) and is_carried_out(primary.body)
    found: list[_Own] = []
    component, behind, place = primary, certificate.fingerprint, 0
    for packet in rest:
        if packet.tag != TAG_SIGNATURE:
            component, place = packet, place + 1
            behind = _fingerprint(packet.body) if packet.tag == TAG_SUBKEY else behind
            continue
        signature = _signature(packet.body)
        if signature is None or not _may_be_own(signature, certificate):
            continue
        if has_unknown_critical(signed_area(signature.head)):
            continue  # RFC 9580 section 5.2.3.7: it is in error
        over = over_key(primary, component, signature.type)
        if not is_judged or (over and holds_over(primary.body, signature, over)):
            found.append(_Own(behind, place, signature))
    return tuple(found)


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


def _signature(body: bytes) -> SignaturePacket | None:
    try:
        read = read_signature(body)
    except MalformedError:
        return None
    # The engine takes no word about keys by version 3: its vouchers vouch for nothing.
    return read if isinstance(read, SignaturePacket) and read.version != VERSION_3 else None


def signed_area(head: bytes) -> bytes:
    """Return the subpackets in the signed part of a signature of version 4 or 6."""
    return head[_AREA_AT[head[0]] :]


def holds_over(key: bytes, signature: SignaturePacket, over: bytes) -> bool:
    """Say whether a version 4 signature by this key holds over the bytes, weak hash or not."""
    digest = hash_over(signature, over)
    return bool(digest) and holds(key, signature, digest)


def hash_over(signature: SignaturePacket, over: bytes) -> bytes:
    """Return the digest that a version 4 signature over the bytes signs; nothing for others."""
    hashed = new_hash(signature)
    if hashed is None or signature.version != VERSION:
        return b""
    hashed.update(over + with_trailer(signature.head))
    return hashed.digest()


def allowed(said: Sequence[SignaturePacket]) -> list[bool]:
    """Return what those that speak of it say of signing."""
    return [one.hashed.may_sign for one in said if one.hashed.may_sign is not None]
