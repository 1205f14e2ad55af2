"""The parts of a CMS SignedData, read strictly and not yet believed.

RFC 5652 section 5, and PKCS #7 1.5 where Authenticode still writes it. DER, or the streamed BER
that `verification/readers/ber.py` turns into DER. Everything that a signature does not cover but
that could be read in two ways is refused: versions that cannot be, and algorithms of signers that
are not listed.
"""

from __future__ import annotations

import base64
import re

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from verification.cms.identifiers import SIGNED_DATA
from verification.cms.signer_info import Algorithm, SignerInfo, read_algorithm, read_signer
from verification.readers import ber, der
from verification.readers.der import DerReader
from verification.x509.certificates import MAX_CERTIFICATES

MAX_SIGNERS = 16
_WHAT = "the CMS"
_VERSIONS = (1, 3, 4, 5)
_CERTIFICATES, _LISTS = der.CONTEXT_CONSTRUCTED, der.CONTEXT_CONSTRUCTED + 1
_PEM = re.compile(
    rb"\s*-----BEGIN (CMS|PKCS7|SIGNED MESSAGE|PKCS #7 SIGNED DATA)-----\r?\n"
    rb"([A-Za-z0-9+/=\s]+)-----END \1-----\s*"
)
_SIGNED_DATA_OID = bytes.fromhex("06092a864886f70d010702")
_HEADER_BYTES = 32
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\n\v\f\r"  # what PEM and base64 are written in
_OUTER_HEADER = range(2, 7)  # bytes of tag and length before the type of the content


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
        is_binary = not start.isascii() or start.translate(None, _TEXT)
        start = b"" if is_binary else _unarmored(start, is_start=True) or b""
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
        found.append(read_signer(listed.inside(der.SEQUENCE), what))
    return tuple(found)
