"""What a NuGet package signature covers: the package as it was before the signature was put in.

Reference: NuGet, "Package Signatures Technical Specification" (the signature file, the content that
is signed) and "Repository Signatures and Countersignatures Technical Specification".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping

from core import wire
from core.errors import MalformedError
from core.model import Content
from core.naming import numbered
from verification.archives.zip_archive import ZipArchive
from verification.archives.zip_directory import STORED, Entry
from verification.cms import identifiers
from verification.cms.signer_info import SignerInfo
from verification.readers import der
from verification.readers.der import DerReader

SIGNATURE = ".signature.p7s"
COMMITMENT = "1.2.840.113549.1.9.16.2.16"
AUTHOR = "1.2.840.113549.1.9.16.6.1"  # proof of origin
REPOSITORY = "1.2.840.113549.1.9.16.6.2"  # proof of receipt
SERVICE_INDEX = "1.3.6.1.4.1.311.84.2.1.1.1"
OWNERS = "1.3.6.1.4.1.311.84.2.1.1.2"
_IA5_STRING, _UTF8_STRING = 0x16, 0x0C
_HASH = "-Hash"
_CHUNK = 1024 * 1024
_MAX_TEXT_BYTES = 4096
_MAX_OWNERS = 64
_OFFSET_AT, _COUNTS_AT, _COUNTS_END = 42, 8, 20


def signature_entry(archive: ZipArchive) -> Entry | None:
    """Return the entry that holds the signature; raise MalformedError for one in another form."""
    entry = archive.entry(SIGNATURE)
    if entry is None:
        return None
    if entry.method != STORED or entry.flags:
        raise MalformedError(f"the entry {SIGNATURE} must be stored as it is, without flags")
    if archive.is_zip64:
        raise MalformedError("a signed package is no Zip64 archive")
    return entry


def content_digests(archive: ZipArchive, signature: Entry, algorithm: str) -> bytes:
    """Return the digest of the package as it is without the signature file.

    The entries, then their records in the list at the end with the offsets they had, then the end
    record with the counts and lengths it had.
    """
    hashed = hashlib.new(algorithm)
    place = archive.places[signature.offset]
    for start, end in ((0, place.begin), (place.end, archive.directory_at)):
        for piece in _pieces(archive.content, start, end):
            hashed.update(piece)
    for entry in archive.entries:
        if entry is signature:
            continue
        record = bytearray(archive.content.read_at(entry.listed_at, entry.listed_bytes))
        moved = place.end - place.begin if entry.offset > signature.offset else 0
        struct.pack_into("<L", record, _OFFSET_AT, entry.offset - moved)
        hashed.update(record)
    tail = bytearray(archive.content.read_at(archive.end_at, archive.content.size - archive.end_at))
    here, entries, length, offset = struct.unpack_from("<2H2L", tail, _COUNTS_AT)
    length, offset = length - signature.listed_bytes, offset - (place.end - place.begin)
    struct.pack_into("<2H2L", tail, _COUNTS_AT, here - 1, entries - 1, length, offset)
    hashed.update(tail)
    return hashed.digest()


def _pieces(content: Content, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _CHUNK):
        yield content.read_at(at, min(_CHUNK, end - at))


def stated_digest(content: bytes) -> tuple[str, bytes]:
    """Return algorithm and digest that the signed text states; raise MalformedError.

    The text is `Version:1`, a blank line, `<object identifier>-Hash:<base64>`, a blank line.
    """
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise MalformedError("the signed text is not UTF-8") from None
    lines = [line.removesuffix("\r") for line in lines]
    if lines[:2] != ["Version:1", ""]:
        raise MalformedError("the signed text is not of version 1")
    section: dict[str, str] = {}
    for line in lines[2:]:
        if not line:
            break
        key, colon, value = line.partition(":")
        if not colon or key in section:
            raise MalformedError("the signed text has a line that is no property, or one twice")
        section[key] = value
    known = {oid: section[oid + _HASH] for oid in identifiers.DIGESTS if oid + _HASH in section}
    if len(known) != 1:
        raise MalformedError("the signed text does not state one digest by SHA-256, 384 or 512")
    oid, encoded = next(iter(known.items()))
    digest = wire.decode_base64(encoded, what="the package's digest")
    if len(digest) != hashlib.new(identifiers.DIGESTS[oid]).digest_size:
        raise MalformedError("the signed text states a digest of another length")
    return identifiers.DIGESTS[oid], digest


def commitments(signer: SignerInfo) -> tuple[str, ...]:
    """Return what the signer commits to (RFC 5126 section 5.11.1): one value, or none."""
    encoded = signer.signed.get(COMMITMENT)
    if encoded is None:
        return ()
    return (DerReader(encoded, "the commitment").inside(der.SEQUENCE).oid(),)


def repository_claims(signer: SignerInfo) -> Mapping[str, str]:
    """Return where the repository says it is, and whom it names as owners."""
    claims: dict[str, str] = {}
    if SERVICE_INDEX in signer.signed:
        reader = DerReader(signer.signed[SERVICE_INDEX], "the repository's address")
        claims["nuget_repository"] = _text(reader, _IA5_STRING)
        reader.finish()
        if not claims["nuget_repository"].startswith("https://"):
            raise MalformedError("the repository's address is no URL of HTTPS")
    if OWNERS in signer.signed:
        listed = DerReader(signer.signed[OWNERS], "the owners").inside(der.SEQUENCE)
        owners: list[str] = []
        while listed.tag >= 0 and len(owners) < _MAX_OWNERS:
            owners.append(_text(listed, _UTF8_STRING))
        listed.finish()
        claims["nuget_owners"] = ", ".join(owners)
    return claims


def _text(reader: DerReader, tag: int) -> str:
    octets = reader.octets(tag)
    if len(octets) > _MAX_TEXT_BYTES:
        raise MalformedError(f"a text of {numbered(len(octets), 'byte')}")
    try:
        return octets.decode("ascii" if tag == _IA5_STRING else "utf-8")
    except UnicodeDecodeError:
        raise MalformedError("a text in another encoding than it should have") from None
