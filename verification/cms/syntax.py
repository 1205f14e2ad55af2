"""The parts of a CMS SignedData, read strictly and not yet believed.

RFC 5652 section 5, and PKCS #7 1.5 where Authenticode still writes it. DER, or the streamed BER
that `verification/readers/ber.py` turns into DER. Everything that a signature does not cover but
that could be read in two ways is refused: versions that cannot be, algorithms that no signer uses,
attributes that stand there twice.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import lru_cache

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from verification.readers import ber, der
from verification.readers.der import DerReader
from verification.x509.certificates import MAX_CERTIFICATES

SIGNED_DATA = "1.2.840.113549.1.7.2"
DATA = "1.2.840.113549.1.7.1"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
COUNTERSIGNATURE = "1.2.840.113549.1.9.6"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
TIMESTAMP = "1.2.840.113549.1.9.16.2.14"
MICROSOFT_TIMESTAMP = "1.3.6.1.4.1.311.3.3.1"
NESTED_SIGNATURE = "1.3.6.1.4.1.311.2.4.1"
REKOR_ENTRY = "1.3.6.1.4.1.57264.3.1"
READ_UNSIGNED = frozenset(
    {COUNTERSIGNATURE, TIMESTAMP, MICROSOFT_TIMESTAMP, NESTED_SIGNATURE, REKOR_ENTRY}
)
# Of these RFC 5652 section 11, RFC 5035 and RFC 6211 allow one, with one value.
_SINGLE = frozenset(
    {CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME}
    | {ALGORITHM_PROTECTION, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2}
)
DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
WEAK_DIGESTS = {
    "1.3.14.3.2.26": "SHA-1",
    "1.2.840.113549.2.5": "MD5",
    "1.2.840.113549.2.2": "MD2",
    "2.16.840.1.101.3.4.2.4": "SHA-224",
}

MAX_SIGNERS = 16
_MAX_ATTRIBUTES = 64
_MAX_VALUES = 32
_NULL = b"\x05\x00"
_KEPT_BYTES = 64  # of an algorithm with short parameters or none, as they come again and again
_WHAT = "the CMS"
_VERSIONS = (1, 3, 4, 5)
_CERTIFICATES, _LISTS = der.CONTEXT_CONSTRUCTED, der.CONTEXT_CONSTRUCTED + 1
_SIGNED, _UNSIGNED = der.CONTEXT_CONSTRUCTED, der.CONTEXT_CONSTRUCTED + 1
_PEM = re.compile(
    rb"\s*-----BEGIN (CMS|PKCS7|SIGNED MESSAGE|PKCS #7 SIGNED DATA)-----\r?\n"
    rb"([A-Za-z0-9+/=\s]+)-----END \1-----\s*"
)
_SIGNED_DATA_OID = bytes.fromhex("06092a864886f70d010702")
_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
_LEAST_HEADER, _LONG_LENGTH = 2, 0x80  # X.690 section 8.1.3
_HEADER_BYTES = 32
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\n\v\f\r"  # what PEM and base64 are written in
_OUTER_HEADER = range(2, 7)  # bytes of tag and length before the type of the content


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


@dataclass(frozen=True, slots=True)
class SignedData:
    """One SignedData; `content` is what stands inside it (None: it is detached), without header."""

    version: int
    content_type: str
    content: bytes | None
    content_tag: int
    digests: tuple[Algorithm, ...]
    certificates: tuple[bytes, ...]  # DER, as they came along: nobody's word
    revocations: tuple[bytes, ...]
    signers: tuple[SignerInfo, ...]
    is_bare: bool  # neither certificates nor revocation lists came along, of no kind


def is_signed_data(content: bytes) -> bool:
    """Say whether the bytes, or the PEM they hold, begin like a SignedData."""
    start = content[: 4 * _HEADER_BYTES]
    if start[:1] != b"\x30":
        start = b"" if start.translate(None, _TEXT) else _unarmored(start, is_start=True) or b""
    return start[:1] == b"\x30" and start.find(_SIGNED_DATA_OID, 0, _HEADER_BYTES) in _OUTER_HEADER


def read_signed_data(content: bytes, limits: Limits, what: str = _WHAT) -> SignedData:
    """Read a ContentInfo with a SignedData, DER, streamed BER or PEM; raise MalformedError."""
    encoded = content if content[:1] == b"\x30" else _unarmored(content) or b""
    if not encoded:
        raise MalformedError(f"{what} is neither binary nor a PEM block of its kind")
    # 1. Size, depth and strictness before anything is parsed.
    encoded = ber.as_der(encoded, limits, what)
    # 2. ContentInfo (RFC 5652 section 3).
    document = DerReader(encoded, what)
    outer = document.inside(der.SEQUENCE)
    document.finish()
    return read_content_info(outer, what)


def read_content_info(outer: DerReader, what: str) -> SignedData:
    """Read the SignedData in the parts of a ContentInfo whose form `check_der` has seen."""
    kind = outer.oid()
    if kind != SIGNED_DATA:
        raise MalformedError(f"{what} holds {kind} where signed data belongs")
    wrapped = outer.inside(der.CONTEXT_CONSTRUCTED)
    outer.finish()
    body = wrapped.inside(der.SEQUENCE)
    wrapped.finish()
    return _signed_data(body, what)


def _unarmored(content: bytes, *, is_start: bool = False) -> bytes | None:
    """Return what a PEM block, or bare base64, holds; None where it is neither."""
    found = _PEM.fullmatch(content) if not is_start else None
    text = found[2] if found else content
    if is_start:
        text = re.sub(rb"\A\s*-----BEGIN [A-Z0-9# ]{1,24}-----\r?\n", b"", text)
    elif found is None and b"-----" in text:
        return None
    joined = b"".join(text.split())
    if is_start:
        joined = joined[: len(joined) // 4 * 4]
    try:
        return base64.b64decode(joined, validate=True)
    except ValueError:
        return None


def _signed_data(body: DerReader, what: str) -> SignedData:
    """Read RFC 5652 section 5.1."""
    version = body.integer()
    digests = _algorithms(body.inside(der.SET), what)
    content_type, content, tag = _encapsulated(body.inside(der.SEQUENCE))
    is_bare = True
    certificates: tuple[bytes, ...] = ()
    revocations: tuple[bytes, ...] = ()
    if body.tag == _CERTIFICATES:
        listed = body.inside(_CERTIFICATES)
        is_bare = listed.tag < 0  # Sigstore's and GitHub's authorities write an empty set
        certificates = _members(listed, what)
    if body.tag == _LISTS:
        listed = body.inside(_LISTS)
        is_bare = is_bare and listed.tag < 0
        revocations = _members(listed, what)
    signers = _signers(body.inside(der.SET), what)
    body.finish()
    if version not in _VERSIONS:
        raise MalformedError(f"{what} is a SignedData of version {version}, which cannot be")
    # RFC 5652 section 5.1 lets a reader refuse what is not listed, or listed otherwise.
    if {each.digest for each in signers} - set(digests):
        raise MalformedError(f"{what} does not list a digest algorithm that a signer uses")
    return SignedData(
        version, content_type, content, tag, digests, certificates, revocations, signers, is_bare
    )


def _encapsulated(reader: DerReader) -> tuple[str, bytes | None, int]:
    """Read EncapsulatedContentInfo (5.2), or the ContentInfo that PKCS #7 has in its place."""
    kind = reader.oid()
    if reader.tag < 0:
        return kind, None, -1
    held = reader.inside(der.CONTEXT_CONSTRUCTED)
    reader.finish()
    tag = held.tag
    content = held.octets(tag)
    held.finish()
    return kind, content, tag


def _algorithms(listed: DerReader, what: str) -> tuple[Algorithm, ...]:
    found: list[Algorithm] = []
    while listed.tag >= 0:
        if len(found) == MAX_SIGNERS:
            raise MalformedError(f"{what} lists more than {MAX_SIGNERS} digest algorithms")
        found.append(read_algorithm(listed))
    return tuple(found)


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


def _members(listed: DerReader, what: str) -> tuple[bytes, ...]:
    """Return the plain certificates or lists; other kinds (attribute ones) vouch for nobody."""
    found: dict[bytes, None] = {}
    while listed.tag >= 0:
        is_plain = listed.tag == der.SEQUENCE
        member = listed.element()
        if is_plain:
            found[member] = None
        if len(found) > MAX_CERTIFICATES:
            raise MalformedError(f"{what} has more than {MAX_CERTIFICATES} certificates or lists")
    return tuple(found)


def _signers(listed: DerReader, what: str) -> tuple[SignerInfo, ...]:
    found: list[SignerInfo] = []
    while listed.tag >= 0:
        if len(found) == MAX_SIGNERS:
            raise MalformedError(f"{what} has more than {MAX_SIGNERS} signers")
        found.append(_signer(listed.inside(der.SEQUENCE), what))
    return tuple(found)


def read_countersigner(content: bytes, limits: Limits, what: str) -> SignerInfo:
    """Read one SignerInfo that stands alone, as a countersignature does (RFC 5652 11.4)."""
    der.check_der(content, limits, what)
    document = DerReader(content, what)
    signer = _signer(document.inside(der.SEQUENCE), what)
    document.finish()
    return signer


def _signer(reader: DerReader, what: str) -> SignerInfo:
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
