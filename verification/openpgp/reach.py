"""Say who carries out the mathematics of a signature: the engine, we ourselves, or nobody.

The engine refuses version 3 by policy, and has neither RSA with SHA-3 nor RSA keys of more than
4096 bits nor Brainpool's curves (measured).
"""

from __future__ import annotations

from verification.openpgp.certificate import Certificate, key_packet
from verification.openpgp.key import KeyMaterial
from verification.openpgp.mathematics import RSA, is_carried_out, new_hash
from verification.openpgp.signature import VERSION_3, SignaturePacket

_SHA_2, _SHA_3 = frozenset({8, 9, 10, 11}), frozenset({12, 14})
_OLD, _NOW = VERSION_3, 4
_KEY_VERSION = 4  # keys of version 6 make signatures of version 6 alone (RFC 9580 section 5.2)


def is_hash_in_engine(signature: SignaturePacket) -> bool:
    """Say whether the engine has the signature's hash, with keys of its kind: no weak one is."""
    hashes = _SHA_2 if signature.key_algorithm in RSA else _SHA_2 | _SHA_3
    return signature.hash_algorithm in hashes


def is_left_to_us(signature: SignaturePacket, certificate: Certificate, key: KeyMaterial) -> bool:
    """Say whether the engine has no word on a signature of this kind by this key."""
    return (
        signature.version == _OLD
        or not is_hash_in_engine(signature)
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
