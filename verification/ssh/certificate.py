"""Certificates of OpenSSH: a key that an authority vouches for (PROTOCOL.certkeys).

Only the certificate's own form and its authority's signature are judged here; whether the
authority is trusted is the list's to say.
"""

from __future__ import annotations

from datetime import UTC, datetime

from core.errors import MalformedError
from core.frozen import dataclass
from verification.ssh.key import (
    CERTIFICATE_SUFFIX,
    KEY_TYPES,
    MAX_BLOB_BYTES,
    WEAK_SIGNATURES,
    SshKey,
    UnreadKeyError,
    fits,
    holds,
    read_fields,
    read_key,
    read_signature,
)
from verification.ssh.wire import WireReader, wire_string

USER = 1
VERIFY_REQUIRED = "verify-required"
_KNOWN_OPTIONS = frozenset({"force-command", "source-address", VERIFY_REQUIRED})
_MAX_PRINCIPALS = 256
# OpenSSH writes 2^64 - 1 for "no end", others 2^63 - 1; a time past the year 9999 is none either.
_FOR_EVER = 253_402_300_800  # the first second after that year


@dataclass(frozen=True, slots=True)
class SshCertificate:
    """A certificate, read. `valid_from` is closed and `valid_until` open, as OpenSSH has them."""

    key: SshKey  # the certified one; its blob is that of the bare key
    blob: bytes
    serial: int
    kind: int
    key_id: str
    principals: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    options: tuple[str, ...]  # critical ones
    authority: SshKey
    fault: str = ""  # why its authority's signature proves nothing
    is_weak: bool = False


def is_certificate(blob: bytes) -> bool:
    """Say whether a public key blob claims to be a certificate."""
    try:
        return WireReader(blob, "the SSH key").text().endswith(CERTIFICATE_SUFFIX)
    except MalformedError:
        return False


def read_certificate(blob: bytes) -> SshCertificate:
    """Read a certificate blob; raise MalformedError. A signature that fails is its `fault`."""
    if len(blob) > MAX_BLOB_BYTES:
        raise MalformedError(f"an SSH certificate of {len(blob)} bytes")
    reader = WireReader(blob, "the SSH certificate")
    kind = _bare_type(reader.text())
    reader.string()  # the nonce
    key = _certified(kind, reader, blob)
    serial, use, key_id = reader.number(8), reader.number(), _label(reader.string())
    principals = _principals(reader.string())
    begins, ends = reader.number(8), reader.number(8)
    options = _options(reader.string(), "critical options")
    _options(reader.string(), "extensions")
    reader.string()  # reserved
    authority = read_key(reader.string())
    signed = blob[: reader.place]
    signature = read_signature(reader.string())
    reader.end()
    fault = ""
    if signature.algorithm in WEAK_SIGNATURES:
        fault = f"{WEAK_SIGNATURES[signature.algorithm]} can be forged"
    elif authority.weakness:
        fault = authority.weakness
    is_weak = bool(fault)
    if not fault and not (fits(authority, signature) and holds(authority, signature, signed)):
        fault = "its authority did not sign this certificate"
    return SshCertificate(
        key,
        blob,
        serial,
        use,
        key_id,
        principals,
        _moment(begins) if begins else None,
        _moment(ends) if ends < _FOR_EVER else None,
        options,
        authority,
        fault,
        is_weak,
    )


def unknown_options(certificate: SshCertificate) -> tuple[str, ...]:
    """Return the critical options that nobody here knows: such a certificate counts for nothing."""
    return tuple(one for one in certificate.options if one not in _KNOWN_OPTIONS)


def _bare_type(certified: str) -> str:
    bare = certified.removesuffix(CERTIFICATE_SUFFIX)
    # The type of a security key ends in its own domain, which its certificates leave out.
    for kind in (bare, f"{bare}@openssh.com"):
        if kind in KEY_TYPES:
            return kind
    raise UnreadKeyError(bare)


def _certified(kind: str, reader: WireReader, blob: bytes) -> SshKey:
    start = reader.place
    read_fields(kind, reader, b"")
    return read_key(wire_string(kind.encode()) + blob[start : reader.place])


def _principals(packed: bytes) -> tuple[str, ...]:
    reader = WireReader(packed, "the principals of an SSH certificate")
    found: list[str] = []
    while not reader.is_at_end:
        found.append(_label(reader.string()))
        if len(found) > _MAX_PRINCIPALS:
            raise MalformedError(f"an SSH certificate with more than {_MAX_PRINCIPALS} principals")
    return tuple(found)


def _options(packed: bytes, what: str) -> tuple[str, ...]:
    reader = WireReader(packed, f"the {what} of an SSH certificate")
    found: list[str] = []
    while not reader.is_at_end:
        found.append(reader.text())
        reader.string()
    if len(set(found)) != len(found):
        raise MalformedError(f"an SSH certificate names one of its {what} twice")
    return tuple(found)


def _label(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("an SSH certificate holds text that is not UTF-8") from None
    if not text.isprintable():
        raise MalformedError("an SSH certificate holds text with control characters")
    return text


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise MalformedError("an SSH certificate has a time past the year 9999") from None
