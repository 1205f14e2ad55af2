"""Read the subpackets of an OpenPGP signature that we rely on (RFC 9580 section 5.2.3.7).

Two of one kind that differ in the signed area would leave it to each reader which one counts:
refused (RFC 4880 section 5.2.4.1 leaves it to them). Two that say the same are one.
Everything else, critical ones too, is left to the engine, which refuses what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

from core.errors import MalformedError
from core.frozen import dataclass

# First octets from which on a length has two or five octets (RFC 9580 sections 4.2.1, 5.2.3.7).
TWO_OCTETS, FIVE_OCTETS = 192, 255

_CREATED, _LIFETIME, _KEY_LIFETIME, _ISSUER = 2, 3, 9, 16
_KEY_FLAGS, _REVOCATION, _ISSUER_FINGERPRINT = 27, 29, 33
_REVOKER, _EMBEDDED = 12, 32
_REVOKER_BYTES, _IS_REVOKER = 22, 0x80  # class, algorithm and a version 4 fingerprint
_READ = frozenset(
    {_CREATED, _LIFETIME, _KEY_LIFETIME, _ISSUER, _KEY_FLAGS, _REVOCATION, _ISSUER_FINGERPRINT}
)
_KNOWN = frozenset({2, 3, 4, 5, 6, 7, 9, 11, 12, 16, *range(21, 34), 35, 39})  # not notations
_CRITICAL = 0x80
_SIGNS = 0x02  # section 5.2.3.29: this key may be used to sign data
_SOFT = frozenset({1, 3})  # section 5.2.3.31: superseded, retired; any other voids all it made
_TIME_BYTES, _KEY_ID_BYTES = 4, 8
_FINGERPRINTS = {4: 20, 6: 32}
MAX_HINTS = 8
_MAX_UNSIGNED = 256  # subpackets that anybody may have written; signers write two or three


@dataclass(frozen=True, slots=True)
class Hashed:
    """What the signed area says; `issuer_*` are upper-case hex, empty where not stated.

    The last three stand in signatures over keys: for how long the key lasts (0: for ever), whether
    it may sign, and whether a revocation leaves what the key made before it as good as it was.
    """

    created_at: datetime
    lifetime_seconds: int = 0
    issuer_fingerprint: str = ""
    issuer_key_id: str = ""
    key_lifetime_seconds: int = 0
    may_sign: bool | None = None  # None: nothing is said of it
    is_soft: bool = False


def read_version_3(time: bytes) -> Hashed:
    """Return what a signature of version 3 says of itself: when it was made, and no more."""
    return Hashed(datetime.fromtimestamp(_time(time), UTC))


def key_id_of(fingerprint: str) -> str:
    """Return the key id in a fingerprint: its end in version 4, its beginning in version 6."""
    return fingerprint[-16:] if len(fingerprint) == 2 * _FINGERPRINTS[4] else fingerprint[:16]


def read_hashed(area: bytes) -> Hashed:
    """Read the signed area; raise MalformedError, also where the time of signing is missing."""
    found: dict[int, bytes] = {}
    for kind, body in _subpackets(area):
        if found.get(kind, body) != body:
            raise MalformedError(f"two signed subpackets of type {kind} in one signature differ")
        if kind in _READ:
            found[kind] = body
    if _CREATED not in found:
        raise MalformedError("the signature does not say when it was made")
    fingerprint = _fingerprint(found.get(_ISSUER_FINGERPRINT, b""))
    key_id = _key_id(found.get(_ISSUER, b""))
    if fingerprint and key_id and key_id_of(fingerprint) != key_id:
        raise MalformedError("the signature names two different keys")
    return Hashed(
        datetime.fromtimestamp(_time(found[_CREATED]), UTC),
        _time(found.get(_LIFETIME, bytes(_TIME_BYTES))),
        fingerprint,
        key_id,
        _time(found.get(_KEY_LIFETIME, bytes(_TIME_BYTES))),
        _signs(found.get(_KEY_FLAGS)),
        int.from_bytes(found.get(_REVOCATION, b"")[:1]) in _SOFT,
    )


def has_unknown_critical(area: bytes) -> bool:
    """Say whether something in a signed area has to be understood and is not, as a notation is."""
    try:
        found = [(kind, critical) for kind, critical, _ in _raw_subpackets(area)]
    except MalformedError:
        return True
    return any(critical and kind not in _KNOWN for kind, critical in found)


def read_revokers(area: bytes) -> tuple[str, ...]:
    """Return the fingerprints of keys that may revoke this one (section 5.2.3.23)."""
    # All of them: one that is left out could revoke the key unseen.
    try:
        named = [body for kind, body in _subpackets(area) if kind == _REVOKER]
    except MalformedError:
        return ()
    return tuple(
        body[2:].hex().upper()
        for body in named
        if len(body) == _REVOKER_BYTES and body[0] & _IS_REVOKER
    )


def read_embedded(area: bytes) -> tuple[bytes, ...]:
    """Return the bodies of the signatures inside an area (section 5.2.3.34)."""
    return _each(area, _EMBEDDED)


def _each(area: bytes, wanted: int) -> tuple[bytes, ...]:
    """Return the first of these subpackets; nothing where the area is broken."""
    try:
        found = [body for kind, body in islice(_subpackets(area), _MAX_UNSIGNED) if kind == wanted]
    except MalformedError:
        return ()
    return tuple(found[:MAX_HINTS])


def read_hints(area: bytes) -> tuple[str, ...]:
    """Return the key ids and fingerprints in the unsigned area; what is broken there is nothing."""
    try:
        found = [one for one in islice(_subpackets(area), _MAX_UNSIGNED) if one[0] in _NAMING]
    except MalformedError:
        return ()
    hints = (_hint(kind, body) for kind, body in found)
    return tuple(dict.fromkeys(hint for hint in hints if hint))[:MAX_HINTS]


def _hint(kind: int, body: bytes) -> str:
    """Return the name of a key, or nothing: of a version that is not read there may be one."""
    try:
        return _NAMING[kind](body)
    except MalformedError:
        return ""


def _subpackets(area: bytes) -> Iterator[tuple[int, bytes]]:
    # Bit 7 says critical: it asks more of the reader and changes nothing of the meaning.
    return ((kind, body) for kind, _, body in _raw_subpackets(area))


def _raw_subpackets(area: bytes) -> Iterator[tuple[int, bool, bytes]]:
    """Yield type, whether it is critical, and body of each."""
    at = 0
    while at < len(area):
        octets, length = _length(area, at)
        start, end = at + octets, at + octets + length
        if not length or end > len(area):
            raise MalformedError("a subpacket runs past the area that holds it")
        yield area[start] & 0x7F, area[start] >= _CRITICAL, area[start + 1 : end]
        at = end


def _length(area: bytes, at: int) -> tuple[int, int]:
    first = area[at]
    if first < TWO_OCTETS:
        return 1, first
    octets = 2 if first < FIVE_OCTETS else 5
    if at + octets > len(area):
        raise MalformedError("the length of a subpacket runs past the area that holds it")
    if first < FIVE_OCTETS:
        return octets, ((first - TWO_OCTETS) << 8) + area[at + 1] + TWO_OCTETS
    return octets, int.from_bytes(area[at + 1 : at + 5], "big")


def _signs(flags: bytes | None) -> bool | None:
    return None if flags is None else bool(int.from_bytes(flags[:1]) & _SIGNS)


def _time(body: bytes) -> int:
    if len(body) != _TIME_BYTES:
        raise MalformedError("a time in a signature is not four bytes long")
    return int.from_bytes(body, "big")


def _key_id(body: bytes) -> str:
    if body and len(body) != _KEY_ID_BYTES:
        raise MalformedError("a key id in a signature is not eight bytes long")
    return body.hex().upper()


def _fingerprint(body: bytes) -> str:
    if body and len(body) - 1 != _FINGERPRINTS.get(body[0]):
        raise MalformedError("a fingerprint in a signature is not as long as its version says")
    return body[1:].hex().upper()


_NAMING: dict[int, Callable[[bytes], str]] = {_ISSUER: _key_id, _ISSUER_FINGERPRINT: _fingerprint}
