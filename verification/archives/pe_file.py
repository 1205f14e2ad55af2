"""The parts of a PE file that Authenticode treats apart, read strictly.

A PE file is hashed from its first byte to its last, except the checksum, the entry of the directory
that says where the signatures lie, and the signatures themselves. Those stand at the very end: what
would follow them, or fill the room between the end of one and the end of its place, would be
covered by nothing, so it is refused.

References: Microsoft, "PE Format" (headers, the attribute certificate table) and "Windows
Authenticode Portable Executable Signature Format".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Content, Digest
from core.naming import numbered
from verification.readers import der
from verification.readers.der import DerReader

MAGIC = b"MZ"
_PE = b"PE\0\0"
_HEADER_AT = 0x3C
_MAX_HEADER_AT = 1 << 24
_COFF_BYTES = 20
_CHECKSUM_AT = 64  # within the optional header, in both of its forms
_DIRECTORIES_AT = {0x10B: 96, 0x20B: 112}  # PE32, PE32+
_SECURITY = 4  # the number of the directory entry
_ENTRY = struct.Struct("<2L")
_CERTIFICATE = struct.Struct("<L2H")  # WIN_CERTIFICATE: length, revision, type
_REVISIONS = (0x0200,)
_PKCS_SIGNED_DATA = 0x0002
_ALIGNED = 8
MAX_SIGNATURES = 8
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PeFile:
    """Where the parts lie; `signatures` are the entries of the certificate table."""

    content: Content
    checksum_at: int
    directory_at: int
    table_at: int  # the file's end where there is no table
    signatures: tuple[bytes, ...]

    def digests(self, algorithms: tuple[str, ...]) -> dict[str, Digest]:
        """Return the file's Authenticode digests, all hashed in one pass."""
        hashes = {name: hashlib.new(name) for name in algorithms}
        for piece in self._hashed():
            for each in hashes.values():
                each.update(piece)
        return {name: Digest(name, each.hexdigest()) for name, each in hashes.items()}

    def _hashed(self) -> Iterator[bytes]:
        spans = (
            (0, self.checksum_at),
            (self.checksum_at + 4, self.directory_at),
            (self.directory_at + _ENTRY.size, self.table_at),
        )
        for start, end in spans:
            for at in range(start, end, _CHUNK):
                piece = self.content.read_at(at, min(_CHUNK, end - at))
                if not piece:
                    raise MalformedError("the file ends before it should")
                yield piece


def is_pe(head: bytes) -> bool:
    """Say whether the bytes begin like a PE file."""
    if head[:2] != MAGIC or len(head) < _HEADER_AT + 4:
        return False
    at = int.from_bytes(head[_HEADER_AT : _HEADER_AT + 4], "little")
    return head[at : at + 4] == _PE


def read_pe(content: Content, limits: Limits) -> PeFile:
    """Read the headers and the certificate table; raise MalformedError or TooLargeError."""
    size = content.size
    # 1. The headers, up to the directory entry of the signatures.
    optional_at, optional_bytes = _optional_header(content)
    magic = _number(content, optional_at, 2)
    if magic not in _DIRECTORIES_AT:
        raise MalformedError(f"a PE file of the unknown kind {magic:#x}")
    directories_at = optional_at + _DIRECTORIES_AT[magic]
    directory_at = directories_at + _SECURITY * _ENTRY.size
    if directory_at + _ENTRY.size > optional_at + optional_bytes:
        raise MalformedError("the PE header is too short for a directory of signatures")
    if _number(content, directories_at - 4, 4) <= _SECURITY:
        raise MalformedError("the PE header has no directory of signatures")
    checksum_at = optional_at + _CHECKSUM_AT
    table_at, table_bytes = _ENTRY.unpack(_read(content, directory_at, _ENTRY.size))
    if not table_at and not table_bytes:
        return PeFile(content, checksum_at, directory_at, size, ())
    # 2. The table is the last thing in the file, and nothing in it is spare.
    if table_at % _ALIGNED or table_at < optional_at + optional_bytes:
        raise MalformedError(f"the certificate table cannot begin at {table_at}")
    if table_at + table_bytes != size:
        more = size - table_at - table_bytes
        raise MalformedError(
            f"the certificate table does not end with the file: {numbered(more, 'byte')} off"
        )
    if table_bytes > limits.evidence_bytes:
        most = limits.evidence_bytes
        raise TooLargeError(f"{table_bytes} bytes of signatures, more than {most} (evidence_bytes)")
    signatures = tuple(_signatures(_read(content, table_at, table_bytes)))
    return PeFile(content, checksum_at, directory_at, table_at, signatures)


def _optional_header(content: Content) -> tuple[int, int]:
    """Return where the optional header begins and how long it is."""
    if content.read_at(0, 2) != MAGIC:
        raise MalformedError("not a PE file: it does not begin with MZ")
    at = _number(content, _HEADER_AT, 4)
    if at < _HEADER_AT + 4 or at > _MAX_HEADER_AT or content.read_at(at, 4) != _PE:
        raise MalformedError("not a PE file: it has no PE header")
    size = _number(content, at + 4 + 16, 2)
    return at + 4 + _COFF_BYTES, size


def _signatures(table: bytes) -> Iterator[bytes]:
    """Yield the signatures in the table, at least one: each begins where the last one's room ends.

    Linux' first boot loader has two, by keys of Microsoft that different firmware knows.
    """
    at = count = 0
    while at < len(table) or not count:
        count += 1
        if count > MAX_SIGNATURES:
            raise TooLargeError(f"more than {MAX_SIGNATURES} signatures in one file")
        if len(table) - at < _CERTIFICATE.size:
            raise MalformedError("the certificate table is cut off")
        length, revision, kind = _CERTIFICATE.unpack_from(table, at)
        if revision not in _REVISIONS or kind != _PKCS_SIGNED_DATA:
            raise MalformedError(f"a certificate of revision {revision:#x} and type {kind}")
        body, end = at + _CERTIFICATE.size, at + length
        at = end + -length % _ALIGNED
        if end <= body or at > len(table):
            raise MalformedError(f"the certificate table has no room for {length} bytes")
        yield _signature(table[body:end], table[end:at])


def _signature(body: bytes, rest: bytes) -> bytes:
    whole = len(DerReader(body, "the signature").element(der.SEQUENCE))
    if any(body[whole:]) or any(rest) or len(body) - whole >= _ALIGNED:
        raise MalformedError("the room behind the signature is not filled with zeros")
    return body[:whole]


def _read(content: Content, at: int, length: int) -> bytes:
    found = content.read_at(at, length)
    if len(found) != length:
        raise MalformedError(f"the PE file ends inside its headers, at byte {at}")
    return found


def _number(content: Content, at: int, length: int) -> int:
    return int.from_bytes(_read(content, at, length), "little")
