"""Find what a certificate's owner said of its keys, and which of it holds (RFC 9580 section 10.1).

The engine keeps signatures that do not hold, and those that it cannot verify at the end of the
certificate, and never says which they are: the mathematics are carried out here, but for keys that
only the engine knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from core.errors import MalformedError
from verification.openpgp.key import KeyMaterial, read_key
from verification.openpgp.keyring import KEY_REVOCATION, MAX_PACKETS, Certificate
from verification.openpgp.mathematics import holds, is_carried_out, new_hash
from verification.openpgp.packets import (
    TAG_SIGNATURE,
    VERSION_3,
    Packet,
    SignaturePacket,
    UnreadSignature,
    read_signature,
    split_packets,
    type_of,
)
from verification.openpgp.reach import ENGINE_HASHES
from verification.openpgp.subpackets import MAX_HINTS, has_unknown_critical
from verification.openpgp.tidying import (
    OVER_PRIMARY,
    TAG_SUBKEY,
    TAG_USER_ID,
    over_key,
    with_trailer,
)

SEEN_HASHES = ENGINE_HASHES | {2}  # the engine knows revocations by these; SHA-1 beside SHA-2
WEAK_HASHES = frozenset({1, 2, 3})  # MD5, SHA-1, RIPEMD-160
STRONG_HASHES = ENGINE_HASHES
BINDING = 0x18
VERSION = 4
_DIRECT = 0x1F
_CERTIFICATIONS = frozenset({0x10, 0x11, 0x12, 0x13, _DIRECT})
SUBKEY_REVOCATION = 0x28
_USER_ID_REVOCATION = 0x30
_REVOCATIONS = frozenset({KEY_REVOCATION, SUBKEY_REVOCATION})
_OVER_KEYS = _CERTIFICATIONS | _REVOCATIONS | {BINDING}
_OLD, _OLD_KEY_ID = b"\x03", slice(7, 15)
_AREA_AT = {4: 6, 6: 8}  # where the signed area begins, behind its length
_HASH_START = 2
_KEPT_CERTIFICATES = 64


class _Own(NamedTuple):
    """A signature that the primary key made, and what it is over."""

    key: str  # fingerprint of the subkey that it is over, else of the primary key
    place: int  # of what it is over: key, user id or attribute, in their order
    tag: int  # of the same
    signature: SignaturePacket


@dataclass(slots=True)
class SelfSignatures:
    """What a certificate's owner said of one key: what it is for, and that it is void."""

    bindings: list[_Own] = field(default_factory=list)
    withdrawn: list[_Own] = field(default_factory=list)  # user ids that the owner took back
    revocations: list[SignaturePacket] = field(default_factory=list)

    def at(self, moment: datetime) -> SignaturePacket | None:
        """Return the newest binding in effect then, a weak one where there is no other."""
        return max(self.each_at(moment), key=lambda one: one.created_at, default=None)

    def each_at(self, moment: datetime) -> list[SignaturePacket]:
        """Return the newest bindings in effect then over each place, all of the same second."""
        made = _strongest([one for one in self.bindings if is_in_effect(one.signature, moment)])
        newest: dict[int, datetime] = {}
        for one in made:
            at = one.signature.created_at
            newest[one.place] = max(newest.get(one.place, at), at)
        left = self._not_withdrawn(newest, moment)
        return [
            one.signature
            for one in made
            if one.place in left and one.signature.created_at == newest[one.place]
        ]

    def _not_withdrawn(self, newest: Mapping[int, datetime], moment: datetime) -> set[int]:
        """Return the places without the user ids taken back, where another user id is left."""
        gone = {
            one.place
            for one in self.withdrawn
            if newest.get(one.place, moment) <= one.signature.created_at <= moment
        }
        user_ids = {one.place for one in self.bindings if one.tag == TAG_USER_ID}
        return set(newest) - gone if user_ids & set(newest) - gone else set(newest)


def _strongest(bindings: list[_Own]) -> list[_Own]:
    """Return the bindings by strong hashes, or all of them where there is none."""
    return [one for one in bindings if one.signature.hash_algorithm in STRONG_HASHES] or bindings


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
        elif is_primary and _is_taken_back(own.signature):
            found.withdrawn.append(own)
    return found


def _is_taken_back(signature: SignaturePacket) -> bool:
    """Say whether it revokes a user id so that the engine sees it: else that counts on there."""
    is_seen = signature.hash_algorithm in SEEN_HASHES
    return is_seen and signature.type == _USER_ID_REVOCATION


def _is_known(signature: SignaturePacket) -> bool:
    return signature.hash_algorithm in STRONG_HASHES | WEAK_HASHES


def standpoint(certificate: Certificate, key: KeyMaterial, made: datetime) -> datetime:
    """Return the moment as of which the certificate is judged for what the key signed then.

    It is that of signing, unless this copy begins later. The newest self-signature counts alone
    (section 5.2.3.10), so that GnuPG leaves out the older ones when it prolongs a key: the first
    that is left speaks for the time before it, too.
    """
    said = (of_key(certificate, one).bindings for one in (certificate.primary, key))
    first = (
        min((one.signature.created_at for one in _strongest(each)), default=made) for each in said
    )
    return max(made, *first)


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


def certified_user_ids(certificate: Certificate) -> tuple[str, ...]:
    """Return the user ids that the primary key certifies and has not taken back."""
    said = of_key(certificate, certificate.primary)
    places = {one.place for one in said.bindings} - {one.place for one in said.withdrawn}
    components = _components(split_packets(certificate.content, most=MAX_PACKETS))
    return tuple(
        one.body.decode("utf-8", "backslashreplace")
        for place, one in enumerate(components)
        if place in places and one.tag == TAG_USER_ID
    )


def _components(packets: Iterable[Packet]) -> list[Packet]:
    return [one for one in packets if one.tag != TAG_SIGNATURE]


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def _self_signatures(certificate: Certificate) -> tuple[_Own, ...]:
    """Return the signatures that the primary key made, with what each is over."""
    packets = list(split_packets(certificate.content, most=MAX_PACKETS))
    components = _components(packets)
    found: list[_Own] = []
    place = -1
    for packet in packets:
        if packet.tag != TAG_SIGNATURE:
            place += 1
            continue
        signature = _signature(packet.body)
        if signature is None or not _may_be_own(signature, certificate):
            continue
        if has_unknown_critical(signed_area(signature.head)):
            continue  # RFC 9580 section 5.2.3.7: it is in error
        for at in _places(components, place, signature):
            behind = _fingerprint(components[at].body) if components[at].tag == TAG_SUBKEY else ""
            key = behind or certificate.fingerprint
            found.append(_Own(key, at, components[at].tag, signature))
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
        is_moved = (
            signature.type == SUBKEY_REVOCATION and signature.hash_algorithm not in SEEN_HASHES
        )
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


def allowed(said: Sequence[SignaturePacket]) -> list[bool]:
    """Return what those that speak of it say of signing."""
    return [one.hashed.may_sign for one in said if one.hashed.may_sign is not None]
