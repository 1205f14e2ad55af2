"""Reading the fields of a predicate strictly: each is of its kind, bounded, or MalformedError.

Where a specification calls a field optional, it may be missing or null (in-toto Attestation
Framework v1, "Parsing rules": unset fields); where it says nothing, unknown fields are ignored
(the same rules: consumers must ignore unrecognised fields).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from core import wire
from core.errors import MalformedError, TooLargeError

MAX_TEXT = 4096  # characters of one text taken over as a claim
_MAX_DIGESTS = 16
_SHOWN = 80
_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)
_FRACTION = re.compile(r"\.(\d{1,9})")
_COMMIT_DIGESTS = ("gitCommit", "sha1", "sha256")

Document = Mapping[str, object]


def text(document: Document, key: str) -> str:
    """Return the text under `key`, which must be there and not be empty."""
    value = _bounded(wire.text(dict(document), key), key)
    if not value:
        raise MalformedError(f"the field {key!r} is empty")
    return value


def optional_text(document: Document, key: str) -> str:
    """Return the text under `key`, or an empty one where it is unset."""
    return _bounded(wire.optional_text(dict(document), key), key)


def mapping(document: Document, key: str) -> dict[str, object]:
    """Return the object under `key`, which must be there."""
    return wire.mapping(dict(document), key)


def optional_mapping(document: Document, key: str) -> dict[str, object]:
    """Return the object under `key`, or an empty one where it is unset."""
    value = document.get(key)
    return {} if value is None else wire.as_mapping(value, f"the field {key!r}")


def optional_items(document: Document, key: str) -> list[object]:
    """Return the list under `key`, or an empty one where it is unset."""
    value = document.get(key)
    return [] if value is None else wire.as_items(value, f"the field {key!r}")


def timestamp(document: Document, key: str) -> str:
    """Return the RFC 3339 time under `key` in UTC, which must be there."""
    return _utc(text(document, key), key)


def optional_timestamp(document: Document, key: str) -> str:
    """Return the RFC 3339 time under `key` in UTC, or an empty text where it is unset."""
    value = optional_text(document, key)
    return _utc(value, key) if value else ""


def digests(document: Document) -> dict[str, str]:
    """Return the DigestSet under `digest`, of any algorithms, or an empty one where it is unset."""
    stated = optional_mapping(document, "digest")
    if len(stated) > _MAX_DIGESTS:
        raise TooLargeError(f"{len(stated)} digests in one set, more than {_MAX_DIGESTS}")
    return {
        _bounded(algorithm, "digest"): _bounded(wire.as_text(value, "a digest"), "digest")
        for algorithm, value in stated.items()
    }


def shown_commit(stated: Mapping[str, str]) -> str:
    """Return the digest that names a commit as `algorithm:hex`, or an empty text."""
    found = next((name for name in _COMMIT_DIGESTS if stated.get(name)), "")
    return f"{found}:{stated[found]}" if found else ""


def compact(value: object) -> str:
    """Return a value as compact JSON; one too long for a claim as the digest of that JSON."""
    written = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    if len(written) <= MAX_TEXT:
        return written
    return f"sha256:{hashlib.sha256(written.encode()).hexdigest()}"


def stated(**claims: str) -> dict[str, str]:
    """Return the claims that say something: an unset field makes none."""
    return {name: value for name, value in claims.items() if value}


def _bounded(value: str, key: str) -> str:
    if len(value) > MAX_TEXT:
        raise TooLargeError(f"the field {key!r} has {len(value)} characters, more than {MAX_TEXT}")
    return value


def _utc(written: str, key: str) -> str:
    if not _TIMESTAMP.fullmatch(written):
        raise MalformedError(f"the field {key!r} is no RFC 3339 time: {written[:_SHOWN]!r}")
    # The library reads microseconds at most; finer digits name the same claim.
    exact = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", written.upper())
    try:
        return datetime.fromisoformat(exact).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise MalformedError(f"the field {key!r} is no time: {written[:_SHOWN]!r}") from None
