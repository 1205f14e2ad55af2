"""One signer of a SignedData, and its attributes, read strictly and not yet believed.

RFC 5652 sections 5.3 and 11. Attributes that can be read in two ways are refused: those that stand
there twice, and those of several values where one belongs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from verification.cms.identifiers import (
    ALGORITHM_PROTECTION,
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    SIGNING_CERTIFICATE,
    SIGNING_CERTIFICATE_V2,
    SIGNING_TIME,
)
from verification.readers import der
from verification.readers.der import DerReader

# Of these RFC 5652 section 11, RFC 5035 and RFC 6211 allow one, with one value.
_SINGLE = frozenset(
    {CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME}
    | {ALGORITHM_PROTECTION, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2}
)

_MAX_ATTRIBUTES = 64
_MAX_VALUES = 32
_NULL = b"\x05\x00"
_KEPT_BYTES = 64  # of an algorithm with short parameters or none, as they come again and again
_SIGNED, _UNSIGNED = der.CONTEXT_CONSTRUCTED, der.CONTEXT_CONSTRUCTED + 1
_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
_LEAST_HEADER, _LONG_LENGTH = 2, 0x80  # X.690 section 8.1.3


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An AlgorithmIdentifier; absent parameters and NULL are the same here."""

    oid: str
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One SignerInfo; `attributes` are the bytes its signature is over, empty where it has none.

    `in_order` are the same attributes as DER sorts them, where they stand in another order.
    """

    issuer: bytes  # DER of the issuer's name, empty where the key identifier names the signer
    serial: int
    key_identifier: bytes
    digest: Algorithm
    signing: Algorithm
    signature: bytes
    attributes: bytes
    in_order: bytes
    signed: Mapping[str, bytes]  # the value of each signed attribute, by type; of several, nothing
    unsigned: tuple[tuple[str, bytes], ...]  # every value, by type, in order

    def unsigned_values(self, *kinds: str) -> tuple[bytes, ...]:
        """Return the values of the unsigned attributes of these types."""
        return tuple(value for kind, value in self.unsigned if kind in kinds)


def read_algorithm(reader: DerReader) -> Algorithm:
    """Step over one AlgorithmIdentifier (RFC 5280 section 4.1.1.2)."""
    encoded = reader.element(der.SEQUENCE)
    return _kept_algorithm(encoded) if len(encoded) <= _KEPT_BYTES else _algorithm(encoded)


def _algorithm(encoded: bytes) -> Algorithm:
    stated = DerReader(encoded, "the algorithm identifier").inside(der.SEQUENCE)
    oid = stated.oid()
    parameters = stated.element() if stated.tag >= 0 else b""
    stated.finish()
    return Algorithm(oid, b"" if parameters == _NULL else parameters)


_kept_algorithm = lru_cache(maxsize=256)(_algorithm)


def read_countersigner(content: bytes, limits: Limits, what: str) -> SignerInfo:
    """Read one SignerInfo that stands alone, as a countersignature does (RFC 5652 11.4)."""
    der.check_der(content, limits, what)
    document = DerReader(content, what)
    signer = read_signer(document.inside(der.SEQUENCE), what)
    document.finish()
    return signer


def read_signer(reader: DerReader, what: str) -> SignerInfo:
    """Read RFC 5652 section 5.3."""
    version = reader.integer()
    issuer, serial, key_identifier = b"", 0, b""
    if reader.tag == der.SEQUENCE:
        named = reader.inside(der.SEQUENCE)
        issuer, serial = named.element(der.SEQUENCE), named.integer()
        named.finish()
    else:
        key_identifier = reader.octets(der.CONTEXT)
    if version != (1 if issuer else 3):
        raise MalformedError(f"{what} has a SignerInfo whose version and signer do not agree")
    digest = read_algorithm(reader)
    attributes = in_order = b""
    signed: dict[str, bytes] = {}
    if reader.tag == _SIGNED:
        attributes, in_order, signed = _signed_attributes(reader.element(_SIGNED), what)
    signing = read_algorithm(reader)
    signature = reader.octets()
    unsigned: list[tuple[str, bytes]] = []
    if reader.tag == _UNSIGNED:
        unsigned = _unsigned_attributes(reader.inside(_UNSIGNED), what)
    reader.finish()
    return SignerInfo(
        issuer,
        serial,
        key_identifier,
        digest,
        signing,
        signature,
        attributes,
        in_order,
        signed,
        tuple(unsigned),
    )


def _signed_attributes(encoded: bytes, what: str) -> tuple[bytes, bytes, dict[str, bytes]]:
    """Return the attributes under the tag they are signed with (5.4), sorted, and their values."""
    attributes = bytes([der.SET]) + encoded[1:]
    signed: dict[str, bytes] = {}
    listed = DerReader(attributes, what).inside(der.SET)
    if listed.tag < 0:
        raise MalformedError(f"{what} has an empty set of signed attributes")
    spelled: list[bytes] = []
    while listed.tag >= 0:
        spelled.append(listed.element(der.SEQUENCE))
        kind, values = _attribute(spelled[-1], what)
        is_repeated = kind in signed
        if (is_repeated and kind in _SINGLE) or len(spelled) > _MAX_ATTRIBUTES:
            raise MalformedError(f"{what} has the signed attribute {kind} once too often")
        if not values or (len(values) > 1 and kind in _SINGLE):
            raise MalformedError(f"{what} has {len(values)} values of the signed attribute {kind}")
        signed[kind] = values[0] if len(values) == 1 and not is_repeated else b""
    in_order = sorted(spelled)
    if in_order == spelled:
        return attributes, b"", signed
    header = attributes[: len(attributes) - sum(map(len, spelled))]
    return attributes, header + b"".join(in_order), signed


def _unsigned_attributes(listed: DerReader, what: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    while listed.tag >= 0:
        kind, values = _attribute(listed.element(der.SEQUENCE), what)
        found += [(kind, value) for value in values]
        if len(found) > _MAX_ATTRIBUTES:
            raise MalformedError(f"{what} has more than {_MAX_ATTRIBUTES} unsigned attributes")
    return found


def _attribute(encoded: bytes, what: str) -> tuple[str, list[bytes]]:
    document = DerReader(encoded, what).inside(der.SEQUENCE)
    kind = document.oid()
    listed = document.inside(der.SET)
    document.finish()
    values: list[bytes] = []
    while listed.tag >= 0:
        if len(values) == _MAX_VALUES:
            raise MalformedError(f"{what} has more than {_MAX_VALUES} values of {kind}")
        values.append(listed.element())
    return kind, values


def reads_as_attributes(start: bytes, size: int) -> bool:
    """Say whether content of that size, which begins so, may be somebody's signed attributes.

    It may where it is one set that has a message digest, or may have one behind what was read. No
    form is asked for beyond that: what is refused here as attributes, another reader took for them,
    and its signer too.
    """
    if start[:1] != bytes([der.SET]) or len(start) < _LEAST_HEADER:
        return False
    length, header = start[1], _LEAST_HEADER
    if length >= _LONG_LENGTH:
        header += length - _LONG_LENGTH
        length = int.from_bytes(start[_LEAST_HEADER:header])
    return header + length == size and (size > len(start) or _MESSAGE_DIGEST in start)
