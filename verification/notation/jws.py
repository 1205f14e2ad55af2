"""A Notary Project signature in JWS JSON serialization, flattened (RFC 7515 section 7.2.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from core import wire
from core.errors import MalformedError
from core.limits import Limits
from verification.notation.envelope import (
    AGENT,
    PREFIX,
    TIMESTAMP,
    NotationEnvelope,
    read_attributes,
)
from verification.readers.json_document import looked_at, may_be_object, read_document

_FIELDS = frozenset({"payload", "protected", "header", "signature"})
# Registered names that choose a key, or change what the rest means: none has a place here.
_REGISTERED = frozenset(
    {"alg", "cty", "crit", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "b64"}
    | {"enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"}
)
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]*")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")
_MARKS = (b'"payload"', b'"protected"', b'"signature"')


def is_jws(content: bytes) -> bool:
    """Say whether this is JSON with the fields of a flattened JWS."""
    if not may_be_object(content, *_MARKS):
        return False
    try:
        return "protected" in looked_at(content)
    except MalformedError:
        return True  # broken, but meant to be one


def read_jws(content: bytes, limits: Limits) -> NotationEnvelope:
    """Read one envelope; raise MalformedError or TooLargeError."""
    document = dict(read_document(content, limits, "the envelope"))
    if document.keys() != _FIELDS:
        wrong = min(document.keys() ^ _FIELDS)
        raise MalformedError(f"the envelope lacks or must not have the field {wrong[:80]!r}")
    payload, protected = wire.text(document, "payload"), wire.text(document, "protected")
    signature = _decode_url(wire.text(document, "signature"), "the signature")
    headers = wire.as_mapping(
        wire.read_json(_decode_url(protected, "the protected header"), limits=limits),
        "the protected header",
    )
    beside = wire.mapping(document, "header")
    if headers.keys() & beside.keys():
        raise MalformedError("a header stands both inside and outside the signature")
    _refuse_registered(headers.keys() - {"alg", "cty", "crit"})
    _refuse_registered(beside.keys() - {"x5c"})
    listed = wire.items(headers, "crit")
    critical = tuple(wire.as_text(name, "a critical header") for name in listed)
    _refuse_registered(set(critical))
    signed = {key: value for key, value in headers.items() if key not in _REGISTERED}
    return NotationEnvelope(
        f"{protected}.{payload}".encode(),
        signature,
        _decode_url(payload, "the payload"),
        wire.text(headers, "cty"),
        wire.text(headers, "alg"),
        read_attributes(signed, critical, _time),
        _certificates(beside),
        _timestamp(beside),
        _agent(beside),
    )


def _refuse_registered(names: set[str]) -> None:
    foreign = names & _REGISTERED
    if foreign:
        raise MalformedError(f"the header {min(foreign)!r} has no place there")


def _decode_url(encoded: str, what: str) -> bytes:
    """Decode base64url without padding (RFC 7515 section 2), which has one spelling."""
    if not _URL_SAFE.fullmatch(encoded):
        raise MalformedError(f"{what} is not base64url")
    return wire.decode_base64_either(encoded, what=what)


def _certificates(header: dict[str, object]) -> tuple[bytes, ...]:
    listed = wire.items(header, "x5c")
    return tuple(
        wire.decode_base64(wire.as_text(each, "a certificate"), what="a certificate")
        for each in listed
    )


def _timestamp(header: dict[str, object]) -> bytes | None:
    encoded = wire.optional_text(header, TIMESTAMP)
    return wire.decode_base64(encoded, what="the timestamp") if encoded else None


def _agent(header: dict[str, object]) -> str:
    # Nothing may depend on it; early versions spelled it with a capital.
    stated = header.get(AGENT, header.get(PREFIX + "SigningAgent"))
    return stated if isinstance(stated, str) else ""


def _time(value: object, name: str) -> datetime:
    """Read a date and time of RFC 3339 section 5.6."""
    text = wire.as_text(value, f"the header {name!r}")
    if not _TIME.fullmatch(text):
        raise MalformedError(f"the header {name!r} is no time of RFC 3339")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedError(f"the header {name!r} is a time that cannot be") from None
