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
from verification.openpgp_key import KeyMaterial, read_key
from verification.openpgp_keyring import MAX_PACKETS, Certificate
from verification.openpgp_mathematics import holds, is_carried_out, new_hash
from verification.openpgp_packets import (
    TAG_SIGNATURE,
    VERSION_3,
    SignaturePacket,
    read_signature,
    signed_part,
    split_packets,
)
from verification.openpgp_subpackets import has_unknown_critical
from verification.openpgp_tidying import TAG_SUBKEY, over_key, with_trailer

WEAK_HASHES = frozenset({1, 2, 3})  # MD5, SHA-1, RIPEMD-160
BINDING = 0x18
VERSION = 4
_CERTIFICATIONS = frozenset({0x10, 0x11, 0x12, 0x13, 0x1F})
_KEY_REVOCATION, _SUBKEY_REVOCATION = 0x20, 0x28
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
        """Return the newest binding in effect then behind each place."""
        made = [one for one in self.bindings if _is_in_effect(one.signature, moment)]
        strong = [one for one in made if one.signature.hash_algorithm not in WEAK_HASHES]
        in_order = sorted(strong or made, key=lambda one: one.signature.created_at)
        return list({place: signature for _, place, signature in in_order}.values())


def _is_in_effect(signature: SignaturePacket, moment: datetime) -> bool:
    end = signature.expires_at
    return signature.created_at <= moment and (end is None or moment < end)


def voids(revocation: SignaturePacket, moment: datetime) -> bool:
    """Say whether a revocation takes what was signed at that moment with it."""
    return not revocation.hashed.is_soft or revocation.created_at <= moment


def of_key(certificate: Certificate, key: KeyMaterial) -> SelfSignatures:
    """Return what the owner said of one of the certificate's keys."""
    found = SelfSignatures()
    is_primary = key is certificate.primary
    bindings = _CERTIFICATIONS if is_primary else frozenset({BINDING})
    revocation = _KEY_REVOCATION if is_primary else _SUBKEY_REVOCATION
    for own in _self_signatures(certificate):
        if own.key == key.fingerprint and own.signature.type in bindings:
            found.bindings.append(own)
        elif own.key == key.fingerprint and own.signature.type == revocation:
            found.revocations.append(own.signature)
    return found


def is_vouched_for(certificate: Certificate, key: KeyMaterial, moment: datetime) -> bool:
    """Say whether all that the owner said of a signing key was, at that moment, that it signs.

    Stricter than need be, for where the engine does not judge: which of several user ids counts
    is not asked; each has to allow it.
    """
    for one in (certificate.primary, key):
        said = of_key(certificate, one).each_at(moment)
        seconds = [each.hashed.key_lifetime_seconds for each in said]
        ends = [one.created_at + timedelta(seconds=each) for each in seconds if each]
        if not said or any(end <= moment for end in ends):
            return False
        if one is key and set(allowed(said)) != {True}:
            return False
    return True


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
        names = signature.names if signature is not None else ()
        if signature is None or not any(map(certificate.is_named, names)):
            continue
        if has_unknown_critical(signed_part(packet.body)[_AREA_AT[signature.version] :]):
            continue  # RFC 9580 section 5.2.3.7: it is in error
        over = over_key(primary, component, signature.type)
        if not is_judged or (over and holds_over(primary.body, signature, over)):
            found.append(_Own(behind, place, signature))
    return tuple(found)


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


def holds_over(key: bytes, signature: SignaturePacket, over: bytes) -> bool:
    """Say whether a version 4 signature by this key holds over the bytes, weak hash or not."""
    hashed = new_hash(signature)
    if hashed is None or signature.version != VERSION:
        return False
    hashed.update(over + with_trailer(signature.head))
    return holds(key, signature, hashed.digest())


def allowed(said: Sequence[SignaturePacket]) -> list[bool]:
    """Return what those that speak of it say of signing."""
    return [one.hashed.may_sign for one in said if one.hashed.may_sign is not None]
