"""Ed25519ph over a SHA-512 digest (RFC 8032 section 5.1, with the dom2 of section 2).

The library verifies pure Ed25519 only. Verification handles no secrets, so plain integers do; it
costs a few milliseconds, and only entries that name this algorithm pay for it.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_DOM2 = b"SigEd25519 no Ed25519 collisions\x01\x00"
_HALF = 32
_DIGEST_SIZE = 64
_SIGN_BIT = 1 << 255


class _Point(NamedTuple):
    """Extended homogeneous coordinates: x = X/Z, y = Y/Z, x * y = T/Z."""

    x: int
    y: int
    z: int
    t: int


_NEUTRAL = _Point(0, 1, 1, 0)


def verify_prehashed(public: bytes, signature: bytes, digest: bytes) -> bool:
    """Say whether a signature over a SHA-512 digest holds under a raw 32-byte key."""
    if len(signature) != 2 * _HALF or len(digest) != _DIGEST_SIZE:
        return False
    scalar = int.from_bytes(signature[_HALF:], "little")
    key, nonce = _decode(public), _decode(signature[:_HALF])
    if key is None or nonce is None or scalar >= _L:
        return False
    challenge = hashlib.sha512(_DOM2 + signature[:_HALF] + public + digest).digest()
    factor = int.from_bytes(challenge, "little") % _L
    return _equal(_multiply(scalar, _BASE), _add(nonce, _multiply(factor, key)))


def _decode(encoded: bytes) -> _Point | None:
    """Return a point from its canonical encoding, None where there is none."""
    if len(encoded) != _HALF:
        return None
    number = int.from_bytes(encoded, "little")
    sign, y = number & _SIGN_BIT, number & ~_SIGN_BIT
    if y >= _P:
        return None
    x = _recover(y, odd=bool(sign))
    return None if x is None else _Point(x, y, 1, x * y % _P)


def _recover(y: int, *, odd: bool) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    if square == 0:
        return None if odd else 0
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P:
        return None
    return x if bool(x & 1) is odd else _P - x


def _add(one: _Point, other: _Point) -> _Point:
    a = (one.y - one.x) * (other.y - other.x) % _P
    b = (one.y + one.x) * (other.y + other.x) % _P
    c = 2 * one.t * other.t * _D % _P
    d = 2 * one.z * other.z % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return _Point(e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _multiply(factor: int, point: _Point) -> _Point:
    total = _NEUTRAL
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    return total


def _equal(one: _Point, other: _Point) -> bool:
    same_x = (one.x * other.z - other.x * one.z) % _P == 0
    return same_x and (one.y * other.z - other.y * one.z) % _P == 0


def _base() -> _Point:
    y = 4 * pow(5, _P - 2, _P) % _P
    x = _recover(y, odd=False)
    if x is None:
        raise ArithmeticError("the base point of edwards25519 is on the curve")
    return _Point(x, y, 1, x * y % _P)


_BASE = _base()
