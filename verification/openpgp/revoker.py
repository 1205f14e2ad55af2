"""Revocations that the engine does not see (RFC 9580 sections 5.2.1.11 and 5.2.3.23).

It counts the owner's own alone. Here one by a key that the owner named for it withdraws, too:
proved where a keyring given holds that key; also where none does, since nobody can then say that
it is forged. And it knows none by a long RSA key, nor by SHA-3 of RSA, MD5 and RIPEMD-160, in which
nobody can forge what an owner revoked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from core.errors import MalformedError
from verification.openpgp.candidate import Candidate, Keyrings
from verification.openpgp.certificate import KEY_REVOCATION, MAX_PACKETS, Certificate, key_packet
from verification.openpgp.key import KeyMaterial, read_key
from verification.openpgp.mathematics import is_carried_out, new_hash
from verification.openpgp.packets import TAG_SIGNATURE, Packet, split_packets
from verification.openpgp.self_signatures import SUBKEY_REVOCATION, begins_hash, holds_over, is_seen
from verification.openpgp.signature import SignaturePacket, readable
from verification.openpgp.subpackets import key_id_of, read_revokers
from verification.openpgp.tidying import TAG_PUBLIC_KEY, TAG_SUBKEY, over_key
from verification.openpgp.validity import of_key

_VERSION = 4
_KEPT_CERTIFICATES = 64


class _Claim(NamedTuple):
    """A revocation under which another name than the owner's stands, and what it is over."""

    revoker: str  # fingerprint, as the owner wrote it
    key: str  # fingerprint of what it revokes
    signature: SignaturePacket
    over: bytes


def unseen_revocations(candidate: Candidate, keyrings: Keyrings) -> tuple[SignaturePacket, ...]:
    """Return the revocations of this candidate, or of its certificate, that count unseen."""
    named = (candidate.certificate.fingerprint, candidate.key.fingerprint)
    bare = tuple(one for ring in keyrings.read for one in ring.revocations)
    return _by_owner(candidate) + tuple(
        claim.signature
        for claim in _claims(candidate.certificate, bare)
        if claim.key in named and _counts(claim, keyrings)
    )


def _by_owner(candidate: Candidate) -> tuple[SignaturePacket, ...]:
    certificate = candidate.certificate
    return tuple(
        one
        for key in (certificate.primary, candidate.key)
        for one in of_key(certificate, key).revocations
        if not is_seen(one) or not certificate.primary.is_in_engine
    )


def _counts(claim: _Claim, keyrings: Keyrings) -> bool:
    """Say whether the named key made it, or might have where that is not at hand."""
    for _, certificate, key in keyrings.entries():
        if key.fingerprint == claim.revoker:
            body = key_packet(certificate, key).body
            if _is_judged(claim, body):
                return holds_over(body, claim.signature, claim.over)
    return begins_hash(claim.signature, claim.over)


def _is_judged(claim: _Claim, revoker: bytes) -> bool:
    """Say whether our own mathematics can say no to the claim: else it counts."""
    known = new_hash(claim.signature) is not None and is_carried_out(revoker)
    return known and bool(claim.over) and claim.signature.version == _VERSION


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def _claims(certificate: Certificate, bare: tuple[Packet, ...]) -> tuple[_Claim, ...]:
    first, *rest = split_packets(certificate.content, most=MAX_PACKETS)
    packets = (first, *bare, *rest)
    foreign = list(_foreign(packets, certificate))
    if not foreign:
        return ()
    revokers = {
        revoker
        for signature in map(readable, (one for one in packets if one.tag == TAG_SIGNATURE))
        if signature is not None and _is_by(signature, certificate)
        for revoker in read_revokers(signature.area)
    }
    return tuple(
        _Claim(revoker, key.fingerprint, signature, over_key(packets[0], component, signature.type))
        for component, key, signature in foreign
        for revoker in sorted(revokers)
        if not signature.names or {revoker, key_id_of(revoker)} & set(signature.names)
    )


def _foreign(
    packets: tuple[Packet, ...], certificate: Certificate
) -> Iterator[tuple[Packet, KeyMaterial, SignaturePacket]]:
    """Yield the revocations that are not the owner's, each with all that it may be over.

    The engine moves what it cannot verify to the end, away from the key that it is over.
    """
    keys = [one for one in packets if one.tag in (TAG_PUBLIC_KEY, TAG_SUBKEY)]
    for packet in packets:
        signature = readable(packet) if packet.tag == TAG_SIGNATURE else None
        if signature is None or _is_by(signature, certificate):
            continue
        for component in keys:
            kind = KEY_REVOCATION if component.tag == TAG_PUBLIC_KEY else SUBKEY_REVOCATION
            key = _key(component) if signature.type == kind else None
            if key is not None:
                yield component, key, signature


def _is_by(signature: SignaturePacket, certificate: Certificate) -> bool:
    return any(map(certificate.is_named, signature.names))


def _key(packet: Packet) -> KeyMaterial | None:
    try:
        return read_key(packet.body)
    except MalformedError:
        return None
