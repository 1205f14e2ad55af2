"""Bring the numbers of an OpenPGP signature into their one form (RFC 9580 sections 3.2 and 5.2.3).

Nothing signed depends on how they are written; the engine reads them in one way alone.
"""

from __future__ import annotations

from collections.abc import Callable

from core.errors import MalformedError

_MPI_COUNTS = {1: 1, 3: 1, 17: 2, 19: 2, 22: 2}  # RSA, RSA sign-only, DSA, ECDSA, EdDSA
_FIXED_BYTES = {27: 64, 28: 114}  # Ed25519, Ed448
_MAX_MPI_BITS = 16384
_BITS_BYTES = 2  # before each number: how many bits it has


def canonical_mpis(algorithm: int, numbers: bytes) -> bytes:
    """Return the numbers with exact bit lengths and no leading zeros (section 3.2).

    Some signers write more bits than the number has; nothing signed depends on it.
    """
    canonical: list[bytes] = []
    at = 0
    for _ in range(_MPI_COUNTS[algorithm]):
        if at + _BITS_BYTES > len(numbers):
            raise MalformedError(f"OpenPGP bytes end in the middle of a number at byte {at}")
        bits = int.from_bytes(numbers[at : at + _BITS_BYTES], "big")
        octets = (bits + 7) // 8
        value = numbers[at + _BITS_BYTES :][:octets].lstrip(b"\0")
        at += _BITS_BYTES + octets
        exact = int.from_bytes(value, "big").bit_length()
        if at > len(numbers) or bits > _MAX_MPI_BITS or exact > bits:
            raise MalformedError("a number of an OpenPGP signature does not fit its length")
        canonical.append(exact.to_bytes(2, "big") + value)
    if at != len(numbers):
        raise MalformedError("bytes after the numbers of an OpenPGP signature")
    return b"".join(canonical)


def _fixed(algorithm: int, numbers: bytes) -> bytes:
    if len(numbers) != _FIXED_BYTES[algorithm]:
        raise MalformedError("an OpenPGP signature of the wrong length for its algorithm")
    return numbers


def untouched(_: int, numbers: bytes) -> bytes:
    """Return numbers of an algorithm whose form is not known here as they are."""
    return numbers


NUMBERS: dict[int, Callable[[int, bytes], bytes]] = {
    **dict.fromkeys(_MPI_COUNTS, canonical_mpis),
    **dict.fromkeys(_FIXED_BYTES, _fixed),
    **dict.fromkeys(range(30, 35), untouched),  # post-quantum: the engine knows their lengths
}
