"""Say who carries out the mathematics of a signature: the engine, we ourselves, or nobody.

The engine refuses version 3 by policy, and has neither SHA-3 nor RSA keys of more than 4096 bits
nor Brainpool's curves (measured).
"""

from __future__ import annotations

from verification.openpgp.key import KeyMaterial
from verification.openpgp.keyring import Certificate, key_packet
from verification.openpgp.mathematics import is_carried_out, new_hash
from verification.openpgp.packets import VERSION_3, SignaturePacket

ENGINE_HASHES = frozenset({8, 9, 10, 11})  # SHA-2
_OLD, _NOW = VERSION_3, 4
_KEY_VERSION = 4  # keys of version 6 make signatures of version 6 alone (RFC 9580 section 5.2)


def is_left_to_us(signature: SignaturePacket, certificate: Certificate, key: KeyMaterial) -> bool:
    """Say whether the engine has no word on a signature of this kind by this key."""
    return (
        signature.version == _OLD
        or signature.hash_algorithm not in ENGINE_HASHES
        or not (key.is_in_engine and certificate.primary.is_in_engine)
    )


def is_within_reach(signature: SignaturePacket, certificate: Certificate, key: KeyMaterial) -> bool:
    """Say whether the mathematics of our own reach the signature, and all that binds its key."""
    bodies = [key_packet(certificate, one).body for one in (certificate.primary, key)]
    return (
        signature.version in (_OLD, _NOW)
        and new_hash(signature) is not None
        and all(body[0] == _KEY_VERSION and is_carried_out(body) for body in bodies)
    )
