"""Leave out what vouches for a key by a shorter digest than the kind of its maker demands.

It has to be rejected (RFC 9580 sections 5.2.3.2 to 5.2.3.5), and the engine does not. It may not be
forgotten either: what its maker took back with it (an end, a use, a key that may revoke) would be
as if it had never been said. So a key counts where it does both with it and without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from core.errors import MalformedError
from verification.openpgp.certificate import MAX_PACKETS, Certificate, read_certificate
from verification.openpgp.key import KeyMaterial, read_key
from verification.openpgp.mathematics import is_too_short
from verification.openpgp.packets import TAG_SIGNATURE, Packet, split_packets
from verification.openpgp.signature import WEAK_HASHES, embedded_signatures
from verification.openpgp.tidying import TAG_SUBKEY
from verification.openpgp.validity import certified_user_ids

_VOUCHERS = frozenset({0x10, 0x11, 0x12, 0x13, 0x18, 0x1F})
_BINDING, _PRIMARY_BINDING = 0x18, 0x19
_VERSIONS = (4, 6)  # of signatures whose type, key and hash stand behind it, an octet each
_KEPT_CERTIFICATES = 64


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def well_vouched(certificate: Certificate) -> Certificate:
    """Return the certificate without such vouchers: itself where it has none."""
    packets = tuple(split_packets(certificate.content, most=MAX_PACKETS))
    kept = list(_kept(packets, certificate.primary))
    if len(kept) == len(packets):
        return certificate
    strict = read_certificate(kept)
    if strict.primary.is_in_engine:
        return strict
    return replace(strict, user_ids=certified_user_ids(strict))


def _kept(packets: Sequence[Packet], primary: KeyMaterial) -> Iterator[Packet]:
    subkey: KeyMaterial | None = None
    for packet in packets:
        if packet.tag == TAG_SUBKEY:
            # The engine moves what it cannot verify to the end: of those, diagnosis asks.
            subkey = _key(packet) if primary.is_in_engine else None
        elif packet.tag == TAG_SIGNATURE and _vouches_too_short(packet.body, primary, subkey):
            continue
        yield packet


def _key(packet: Packet) -> KeyMaterial | None:
    try:
        return read_key(packet.body)
    except MalformedError:
        return None


def _vouches_too_short(body: bytes, primary: KeyMaterial, subkey: KeyMaterial | None) -> bool:
    version, kind, algorithm, number = body[:4].ljust(4, b"\0")
    if version not in _VERSIONS or kind not in _VOUCHERS:
        return False
    # What another's key of the same kind says goes too: it counts for nothing here.
    if algorithm == primary.number and _is_too_short(number, primary):
        return True
    # The subkey's own signature, that it is of this certificate (section 5.2.1.10).
    return (
        kind == _BINDING
        and subkey is not None
        and any(
            one.type == _PRIMARY_BINDING and _is_too_short(one.hash_algorithm, subkey)
            for one in embedded_signatures(body)
        )
    )


def _is_too_short(number: int, key: KeyMaterial) -> bool:
    # The engine refuses weak hashes itself, and they are named as the reason where they are kept.
    return number not in WEAK_HASHES and is_too_short(number, key.digest_bits)
