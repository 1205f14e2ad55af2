"""A Notary Project signature as COSE_Sign1 (RFC 9052 section 4.2)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from core.errors import MalformedError
from core.limits import Limits
from verification.notation.envelope import (
    AGENT,
    TIMESTAMP,
    NotationEnvelope,
    read_attributes,
)
from verification.readers import cbor
from verification.readers.cbor import Tagged, read_cbor

_WHAT = "the envelope"
_SIGN1, _PARTS = 18, 4  # RFC 9052 section 4.2
_EPOCH = 1  # RFC 8949 section 3.4.2
_ALGORITHM, _CRITICAL, _CONTENT_TYPE, _CHAIN = 1, 2, 3, 33
_HASH, _HASHED_TYPE, _HASHED_PLACE = _HASH_LABELS = (258, 259, 260)  # COSE hash envelope
_HASHES = {-16: "sha256", -43: "sha384", -44: "sha512"}  # RFC 9054
_COMMON = range(9)  # RFC 9052 section 3.1: labels everybody understands are never marked critical
_ALGORITHMS = {
    -7: "ES256", -35: "ES384", -36: "ES512", -37: "PS256", -38: "PS384", -39: "PS512",
}  # fmt: skip
_SIGNATURE_1 = b"\x84\x6aSignature1"
_NO_AAD = b"\x40"
_START = b"\xd2\x84"
_MARK = b"io.cncf.notary."


def is_cose(content: bytes) -> bool:
    """Say whether this is a tagged COSE_Sign1 with an attribute of the Notary Project."""
    return content.startswith(_START) and _MARK in content


def read_cose(content: bytes, limits: Limits) -> NotationEnvelope:
    """Read one envelope; raise MalformedError or TooLargeError."""
    document = read_cbor(content, limits=limits, what=_WHAT)
    if not isinstance(document, Tagged) or document.number != _SIGN1:
        raise MalformedError("not a tagged COSE_Sign1")
    parts = document.value
    if not isinstance(parts, list) or len(parts) != _PARTS:
        raise MalformedError("a COSE_Sign1 has four parts")
    protected, payload, signature = (_bytes(parts[at], "a part") for at in (0, 2, 3))
    inside = _map(read_cbor(protected, limits=limits, what="the protected header"))
    beside = _map(parts[1])
    if inside.keys() & beside.keys():
        raise MalformedError("a header stands both inside and outside the signature")
    _refuse_common(beside)
    hashed, hashed_type = _hashed(inside, payload)
    attributes = {key: value for key, value in inside.items() if isinstance(key, str)}
    chain = inside.get(_CHAIN, beside.get(_CHAIN))
    agent = beside.get(AGENT)
    return NotationEnvelope(
        _signed(protected, payload),
        signature,
        payload,
        "" if hashed else _text(inside.get(_CONTENT_TYPE), "the content type"),
        _algorithm(inside.get(_ALGORITHM)),
        read_attributes(attributes, _critical(inside), _time),
        _certificates(chain),
        _bytes(beside[TIMESTAMP], "the timestamp") if TIMESTAMP in beside else None,
        agent if isinstance(agent, str) else "",
        hashed,
        hashed_type,
    )


def _hashed(inside: dict[int | str, object], payload: bytes) -> tuple[str, str]:
    """Return the hash that the payload is of, and the type of what was hashed, where it is one.

    "COSE Hash Envelope" in the Notary Project's specification of COSE envelopes.
    """
    if _HASH not in inside:
        if inside.keys() & {_HASHED_TYPE, _HASHED_PLACE}:
            raise MalformedError("what was hashed is described where nothing says how")
        return "", ""
    stated = inside[_HASH]
    name = _HASHES.get(stated, "") if type(stated) is int else ""
    if not name:
        raise MalformedError(f"the payload is a hash by {str(stated)[:80]}, none that is allowed")
    if _CONTENT_TYPE in inside:
        raise MalformedError("a hash envelope states a content type of its own")
    if len(payload) != hashlib.new(name).digest_size:
        raise MalformedError(f"the payload is no {name} digest")
    if _HASHED_PLACE in inside:
        _text(inside[_HASHED_PLACE], "the place of what was hashed")
    hashed_type = inside.get(_HASHED_TYPE, "")
    return name, hashed_type if isinstance(hashed_type, str) else ""


def _signed(protected: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure (RFC 9052 section 4.4), the protected header as it stands."""
    strings = (protected, payload)
    header, body = (cbor.bytes_head(len(each)) + each for each in strings)
    return _SIGNATURE_1 + header + _NO_AAD + body


def _refuse_common(beside: dict[int | str, object]) -> None:
    """Refuse algorithm, critical headers, content type, key id and the like outside the signature.

    Only the protected header may state them.
    """
    signed = (*_COMMON, *_HASH_LABELS)
    foreign = [key for key in beside if isinstance(key, int) and key in signed]
    if foreign:
        raise MalformedError(f"the header {foreign[0]} has no place outside the signature")


def _critical(inside: dict[int | str, object]) -> tuple[str, ...]:
    listed = inside.get(_CRITICAL)
    if not isinstance(listed, list):
        raise MalformedError("the header that lists critical ones is missing")
    if any(isinstance(label, int) and label in _COMMON for label in listed):
        raise MalformedError("a header that everybody understands is marked critical")
    # A foreign number that is critical is one we do not know, under whatever name.
    known = {*_HASH_LABELS, _CHAIN} & inside.keys()
    unknown = [
        label
        for label in listed
        if not isinstance(label, str) and not (isinstance(label, int) and label in known)
    ]
    if unknown:
        raise MalformedError(f"the critical header {str(unknown[0])[:80]} is unknown to us")
    return tuple(label for label in listed if isinstance(label, str))


def _algorithm(value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError("the algorithm is missing, or no number")
    return _ALGORITHMS.get(value, f"COSE algorithm {value}")


def _certificates(chain: object) -> tuple[bytes, ...]:
    if isinstance(chain, bytes):  # RFC 9360 section 2: one certificate stands alone
        return (chain,)
    if not isinstance(chain, list):
        raise MalformedError("the certificate chain (header 33) is missing")
    return tuple(_bytes(each, "a certificate") for each in chain)


def _time(value: object, name: str) -> datetime:
    seconds = value.value if isinstance(value, Tagged) and value.number == _EPOCH else None
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise MalformedError(f"the header {name!r} is no tagged time")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedError(f"the header {name!r} is a time that cannot be") from None


def _map(value: object) -> dict[int | str, object]:
    if not isinstance(value, dict):
        raise MalformedError("a header is a map")
    return value


def _bytes(value: object, what: str) -> bytes:
    if not isinstance(value, bytes):
        raise MalformedError(f"{what} must be a byte string")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"{what} must be text")
    return value
