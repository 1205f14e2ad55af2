"""Fields of protobuf's JSON form: int64 as text, bytes as base64, defaults left out.

Reference: protobuf.dev, ProtoJSON format. Read strictly: numbers have one spelling, base64 one in
each of the two alphabets, which that format has readers accept, with padding and without. A field
goes by its name in JSON or by the one in the protobuf source, never by both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from core import wire
from core.errors import MalformedError, TooLargeError

# All fields of more than one word that are read, in bundles and trusted roots.
_NAMES = (
    "baseUrl", "canonicalizedBody", "certChain", "certificateAuthorities", "checkpointKeyId",
    "dsseEnvelope", "hashAlgorithm", "inclusionPromise", "inclusionProof", "integratedTime",
    "keyDetails", "keyId", "kindVersion", "logId", "logIndex", "mediaType", "messageDigest",
    "messageSignature", "payloadType", "publicKey", "rawBytes", "rfc3161Timestamps", "rootHash",
    "signedEntryTimestamp", "signedTimestamp", "timestampAuthorities",
    "timestampVerificationData", "tlogEntries", "treeSize", "trustedRoot", "validFor",
    "verificationMaterial", "x509CertificateChain",
)  # fmt: skip
_SOURCE_NAMES = {name: re.sub("(?=[A-Z])", "_", name).lower() for name in _NAMES}
_MAX_INT64 = 2**63 - 1
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)

Document = Mapping[str, object]


def value(parent: Document, key: str) -> object:
    """Return what stands under a field's name, or under its other one; None where nothing does."""
    source = _SOURCE_NAMES.get(key)
    if source is None or source not in parent:
        return parent.get(key)
    if key in parent:
        raise MalformedError(f"the field {key!r} stands there under both of its names")
    return parent[source]


def document(parent: Document, key: str) -> dict[str, object] | None:
    """Return the object under `key`, None where it is missing or null."""
    found = value(parent, key)
    if found is None or isinstance(found, dict):
        return found
    return wire.as_mapping(found, f"the field {key!r}")


def needed(parent: Document, key: str) -> dict[str, object]:
    """Return the object under `key`; raise MalformedError where there is none."""
    found = document(parent, key)
    if found is None:
        raise MalformedError(f"the field {key!r} is missing")
    return found


def items(parent: Document, key: str, most: int) -> list[dict[str, object]]:
    """Return the objects listed under `key`, none where it is missing, at most `most`."""
    found = value(parent, key)
    listed = [] if found is None else wire.as_items(found, f"the field {key!r}")
    if len(listed) > most:
        raise TooLargeError(f"the field {key!r} lists {len(listed)}, more than {most}")
    return [wire.as_mapping(item, f"an item of {key!r}") for item in listed]


def text(parent: Document, key: str) -> str:
    """Return the text under `key`, empty where it is missing or null."""
    found = value(parent, key)
    if isinstance(found, str):
        return found
    return "" if found is None else wire.as_text(found, f"the field {key!r}")


def octets(parent: Document, key: str) -> bytes:
    """Return the bytes under `key`, empty where it is missing or null."""
    encoded = text(parent, key)
    return wire.decode_base64_either(encoded, what=key) if encoded else b""


def needed_octets(parent: Document, key: str) -> bytes:
    """Return the bytes under `key`; raise MalformedError where there are none."""
    found = octets(parent, key)
    if not found:
        raise MalformedError(f"the field {key!r} is missing or empty")
    return found


def integer(parent: Document, key: str) -> int:
    """Return the non-negative int64 under `key`, 0 where it is missing or null."""
    found = value(parent, key)
    if found is None:
        return 0
    number = _number(found) if isinstance(found, str) else wire.as_integer(found, key)
    if number is None or not 0 <= number <= _MAX_INT64:
        raise MalformedError(f"the field {key!r} is no whole number from 0 to {_MAX_INT64}")
    return number


def _number(digits: str) -> int | None:
    return int(digits) if _DECIMAL.fullmatch(digits) else None


def moment(parent: Document, key: str) -> datetime | None:
    """Return the RFC 3339 time under `key`, None where it is missing or null."""
    written = text(parent, key)
    if not written:
        return None
    found = _TIME.fullmatch(written)
    if found is None:
        raise MalformedError(f"the field {key!r} is no time: {written[:40]!r}")
    fraction = (found[2] or "0").ljust(6, "0")[:6]
    zone = "+00:00" if found[3] == "Z" else found[3]
    try:
        return datetime.fromisoformat(f"{found[1]}.{fraction}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedError(f"the field {key!r} is no time: {written[:40]!r}") from None
