"""Take an rpm package apart, and find every digest that it states of itself.

References: rpm's format_v4, format_v6 and signatures_digests.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Content
from verification.archives.rpm_header import (
    IMMUTABLE_REGION,
    LEAD_BYTES,
    MAX_ENTRIES,
    MAX_SIGNATURE_ENTRIES,
    PREAMBLE_BYTES,
    SIGNATURES_REGION,
    STRING,
    Header,
    header_size,
    read_header,
    read_lead,
)

_HEADER_FACTOR = 8  # a header is held in memory up to this times `evidence_bytes`
# Tags of the signature header.
_MD5 = 1004
_HEADER_DIGESTS = {269: "sha1", 273: "sha256", 279: "sha3_256"}
# Tags of the header.
_PAYLOAD_DIGEST, _PAYLOAD_ALGORITHM, _PAYLOAD_SHA512, _PAYLOAD_SHA3 = 5092, 5093, 5121, 5123
_PAYLOAD_SIZE, _FORMAT_VERSION = 5112, 5114
_ALGORITHMS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 12: "sha3_256"}
WEAK_DIGESTS = frozenset({"md5", "sha1"})


class Compared(NamedTuple):
    """A digest that the signature header states of the header, and the one we computed."""

    stated: str
    found: str


@dataclass(frozen=True, slots=True)
class Package:
    """A package taken apart; `start` is where the payload begins."""

    version: int
    signatures: Header
    header: Header
    start: int
    payload_size: int | None
    header_digests: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class WantedDigest:
    """A digest that a package states of its payload, or of header and payload."""

    name: str
    algorithm: str
    value: str
    is_signed: bool


def read_package(content: Content, limits: Limits) -> Package:
    """Read everything before the payload; raise MalformedError or TooLargeError."""
    read_lead(content.read_at(0, LEAD_BYTES))
    most = _HEADER_FACTOR * limits.evidence_bytes
    signatures = _header_at(
        content,
        LEAD_BYTES,
        SIGNATURES_REGION,
        what="signature header",
        most_entries=MAX_SIGNATURE_ENTRIES,
        most_bytes=limits.evidence_bytes,
    )
    end = LEAD_BYTES + len(signatures.raw)
    padding = content.read_at(end, -end % 8)
    if padding.strip(b"\0") or len(padding) != -end % 8:
        raise MalformedError("bytes between the two headers of the package")
    start = end + len(padding)
    header = _header_at(
        content,
        start,
        IMMUTABLE_REGION,
        what="header",
        most_entries=MAX_ENTRIES,
        most_bytes=most,
    )
    version = header.number(_FORMAT_VERSION) or 4
    return Package(
        version,
        signatures,
        header,
        start + len(header.raw),
        header.number(_PAYLOAD_SIZE),
        _header_digests(signatures, header),
    )


def _header_at(
    content: Content, start: int, region: int, *, what: str, most_entries: int, most_bytes: int
) -> Header:
    preamble = content.read_at(start, PREAMBLE_BYTES)
    size = header_size(preamble, what=what, most_entries=most_entries, most_bytes=most_bytes)
    if start + size > content.size:
        raise MalformedError(f"the {what} is longer than the package")
    return read_header(content.read_at(start, size), region, what=what)


def wanted_digests(package: Package) -> tuple[WantedDigest, ...]:
    """Return every digest that must hold over the payload, the signed ones first."""
    header = package.header
    found: list[WantedDigest] = []
    value = header.hexadecimal(_PAYLOAD_DIGEST)
    if value:
        number = header.number(_PAYLOAD_ALGORITHM)
        algorithm = "sha256" if number is None else _ALGORITHMS.get(number, f"number {number}")
        found.append(WantedDigest("PAYLOADDIGEST", algorithm, value, is_signed=True))
    for tag, algorithm in ((_PAYLOAD_SHA512, "sha512"), (_PAYLOAD_SHA3, "sha3_256")):
        value = header.hexadecimal(tag)
        if value:
            found.append(
                WantedDigest(f"PAYLOAD{algorithm.upper()}", algorithm, value, is_signed=True)
            )
    for one in found:
        if one.algorithm not in hashlib.algorithms_guaranteed:
            raise MalformedError(f"the payload digest is by an unknown algorithm, {one.algorithm}")
    md5 = package.signatures.binary(_MD5)
    if md5 is not None:
        found.append(WantedDigest("SIGMD5", "md5", md5.hex(), is_signed=False))
    return tuple(found)


def begin_hash(one: WantedDigest, package: Package) -> hashlib._Hash:
    """Return a hash that has taken what comes before the payload."""
    hashed = hashlib.new(one.algorithm, usedforsecurity=False)
    if not one.is_signed:
        hashed.update(package.header.raw)
    return hashed


def _header_digests(signatures: Header, header: Header) -> tuple[Compared, ...]:
    compared: list[Compared] = []
    for tag, algorithm in _HEADER_DIGESTS.items():
        stated = signatures.hexadecimal(tag, (STRING,))
        if stated:
            hashed = hashlib.new(algorithm, header.raw, usedforsecurity=False)
            found = f"{algorithm}:{hashed.hexdigest()}"
            compared.append(Compared(f"{algorithm}:{stated}", found))
    return tuple(compared)
