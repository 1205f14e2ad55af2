"""A strict, bounded reader of ZIP archives, for formats that sign what is in them.

Readers of ZIP disagree about what an archive holds: some go by the list at its end, some by the
headers before each entry, some start anywhere in the file. A signature is worth nothing where two
readers see two archives, so this one refuses what can be read in two ways: bytes before, between or
after the parts, entries that overlap, headers that contradict the list at the end, names that stand
there twice or lead out of the archive. Nothing is ever written anywhere under a name read here.

What is unpacked is counted while it is unpacked: never more than an entry states, never more in all
than the limits allow. References: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import MIB, Limits
from core.model import Content, Evidence
from core.naming import numbered
from verification.archives.zip_directory import (
    DESCRIPTOR_FLAG,
    END,
    FULL32,
    MAX_DIRECTORY_BYTES,
    STORED,
    UNICODE_PATH,
    ZIP64_EXTRA,
    Entry,
    extras,
    read_directory,
    read_end,
    shown,
)

MAX_RATIO = 200  # of unpacked to packed bytes, over the whole archive; real ones stay below 20
FREE_BYTES = 64 * MIB  # that may be unpacked whatever the ratio

_APK_BLOCK = b"APK Sig Block 42"  # how an APK signing block ends
_LOCAL, _DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
_LOCAL_FORM = struct.Struct("<4s5H3L2H")
_WIDE_FORM = struct.Struct("<2Q")
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry's parts lie: its local header, its packed bytes, its end."""

    begin: int
    data: int
    end: int


class ZipArchive:
    """One archive whose structure was read and agrees with itself."""

    def __init__(self, content: Content, limits: Limits) -> None:
        """Read and compare list and headers; raise MalformedError or TooLargeError."""
        self.content = content
        self._limits = limits
        end = read_end(content)
        self.comment_bytes = end.comment
        self.directory_at = end.directory_at
        self.directory_bytes = end.directory_bytes
        self.is_zip64 = end.is_zip64
        self.end_at = end.at
        self.entries = read_directory(content, end, limits)
        self.places = _places(content, self.entries, end.directory_at)
        self._by_name = {entry.name: entry for entry in self.entries}
        self._refuse_bombs()

    def entry(self, name: str) -> Entry | None:
        """Return the entry of exactly this name, None where there is none."""
        return self._by_name.get(name)

    def _refuse_bombs(self) -> None:
        unpacked = sum(entry.size for entry in self.entries)
        most = max(FREE_BYTES, MAX_RATIO * self.content.size)
        if unpacked > min(most, self._limits.artifact_bytes):
            raise TooLargeError(
                f"the archive unpacks to {unpacked} bytes, {MAX_RATIO} times its own or more than"
                " artifact_bytes"
            )

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield an entry's bytes, unpacked; MalformedError where they are not what it states."""
        place = self.places[entry.offset]
        packed = _packed(self.content, place.data, entry.packed)
        pieces = packed if entry.method == STORED else _inflated(packed, entry)
        crc, size = 0, 0
        for piece in pieces:
            size += len(piece)
            if size > entry.size:
                raise MalformedError(f"the entry {shown(entry)} unpacks to more than it states")
            crc = zlib.crc32(piece, crc)
            yield piece
        if (size, crc) != (entry.size, entry.crc):
            raise MalformedError(f"the entry {shown(entry)} is not what its length and CRC state")

    def read(self, entry: Entry, most: int, name: str) -> bytes:
        """Return an entry's bytes; TooLargeError past `most`, of the limit `name`."""
        if entry.size > most:
            raise TooLargeError(f"{entry.size} bytes of {shown(entry)}, more than {most} ({name})")
        return b"".join(self.chunks(entry))


def _places(content: Content, entries: tuple[Entry, ...], end: int) -> dict[int, Place]:
    """Compare every local header with the list, and see that the entries fill all bytes."""
    window = _Window(content)
    places: dict[int, Place] = {}
    at = 0
    for entry in sorted(entries, key=lambda each: each.offset):
        if entry.offset != at:
            kind = "entries overlap" if entry.offset < at else "something lies between its entries"
            raise MalformedError(f"the archive is not made of its entries alone: {kind}, at {at}")
        places[entry.offset] = _place(window, entry, end)
        at = places[entry.offset].end
    if at != end:
        raise MalformedError(f"the archive has {numbered(end - at, 'byte')} after its last entry")
    return places


class _Window:
    """Reads the content's bytes forwards, a block at a time."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._at = 0
        self._block = b""

    def read(self, at: int, length: int) -> bytes:
        """Return bytes, fewer only at the content's end."""
        start = at - self._at
        if start < 0 or start + length > len(self._block):
            self._at, start = at, 0
            self._block = self._content.read_at(at, max(length, _CHUNK))
        return self._block[start : start + length]


def _place(window: _Window, entry: Entry, end: int) -> Place:
    """Read a local header (4.3.7) and the data descriptor after the data (4.3.9)."""
    header = window.read(entry.offset, _LOCAL_FORM.size)
    if len(header) < _LOCAL_FORM.size or header[:4] != _LOCAL:
        raise MalformedError(f"the entry {shown(entry)} has no header where the list says")
    found = _LOCAL_FORM.unpack(header)
    flags, method, crc, packed, size, name_bytes, extra_bytes = found[2], found[3], *found[6:]
    names_at = entry.offset + _LOCAL_FORM.size
    names = window.read(names_at, name_bytes + extra_bytes)
    data = names_at + name_bytes + extra_bytes
    stated = (flags, method, names[:name_bytes])
    if stated != (entry.flags, entry.method, entry.raw_name):
        raise MalformedError(f"the header of {shown(entry)} contradicts the list of entries")
    extra = names[name_bytes:]
    wide = _local_lengths(extra, size, packed)
    follows = bool(flags & DESCRIPTOR_FLAG)
    zeros = follows and (crc, *wide) == (0, 0, 0)
    if not zeros and (crc, *wide) != (entry.crc, entry.size, entry.packed):
        raise MalformedError(f"the header of {shown(entry)} contradicts the list of entries")
    stop = data + entry.packed
    if follows:
        has_wide = any(kind == ZIP64_EXTRA for kind, _ in extras(extra))
        stop += _descriptor(window, entry, stop, has_wide=has_wide)
    if stop > end:
        raise MalformedError(f"the entry {shown(entry)} reaches past the entries' end")
    return Place(entry.offset, data, stop)


def _local_lengths(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    """Return length and packed length of a local header; Zip64 has both there (4.5.3)."""
    if not extra:
        return size, packed
    fields = list(extras(extra))
    if any(kind == UNICODE_PATH for kind, _ in fields):
        raise MalformedError("an entry has a second name in its extra field")
    wide = [body for kind, body in fields if kind == ZIP64_EXTRA]
    if not wide:
        return size, packed
    if len(wide) > 1 or len(wide[0]) != _WIDE_FORM.size:
        raise MalformedError("an entry's Zip64 field does not have both lengths")
    numbers = _WIDE_FORM.unpack(wide[0])
    size = numbers[0] if size == FULL32 else size
    packed = numbers[1] if packed == FULL32 else packed
    return size, packed


def _descriptor(window: _Window, entry: Entry, at: int, *, has_wide: bool) -> int:
    """Return how long the data descriptor is; it must say what the list says."""
    if not has_wide and max(entry.packed, entry.size) > FULL32:
        raise MalformedError(f"the entry {shown(entry)} is longer than its header can state")
    lengths = struct.pack("<2Q" if has_wide else "<2L", entry.packed, entry.size)
    plain = struct.pack("<L", entry.crc) + lengths
    for form in (_DESCRIPTOR + plain, plain):
        if window.read(at, len(form)) == form:
            return len(form)
    raise MalformedError(f"the data descriptor of {shown(entry)} contradicts the list of entries")


def _packed(content: Content, at: int, length: int) -> Iterator[bytes]:
    while length > 0:
        piece = content.read_at(at, min(length, _CHUNK))
        if not piece:
            raise MalformedError("the archive ends inside an entry")
        at += len(piece)
        length -= len(piece)
        yield piece


def _inflated(packed: Iterator[bytes], entry: Entry) -> Iterator[bytes]:
    """Inflate raw deflate data (4.4.5), never more than a block past what the entry states."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in packed:
            rest = piece
            while rest:
                if engine.eof:
                    raise MalformedError(f"the entry {shown(entry)} has bytes after its data's end")
                unpacked = engine.decompress(rest, _CHUNK)
                rest = engine.unconsumed_tail or engine.unused_data
                if unpacked:
                    yield unpacked
        while not engine.eof:
            unpacked = engine.decompress(b"", _CHUNK)
            if not unpacked:
                raise MalformedError(f"the entry {shown(entry)} ends inside its data")
            yield unpacked
    except zlib.error as error:
        raise MalformedError(f"the entry {shown(entry)} cannot be unpacked: {error}") from None


def listed_names(evidence: Evidence) -> bytes:
    """Return bytes in which an archive's names stand, for recognition: its list of entries.

    Where the artifact is not at hand, what there is of its head; empty where it is no archive. No
    more than `MAX_DIRECTORY_BYTES` are read, and nothing is believed.
    """
    if evidence.content[:4] not in (_LOCAL, END):
        return b""
    content = evidence.subject.content
    if content is None or content.read_at(0, 4) != evidence.content[:4]:
        return evidence.content
    try:
        end = read_end(content)
    except (MalformedError, struct.error):
        return evidence.content
    return content.read_at(end.directory_at, min(end.directory_bytes, MAX_DIRECTORY_BYTES))


def lists_none(content: Content, wanted: re.Pattern[bytes]) -> bool:
    """Say whether an archive's list is there and names nothing like `wanted`.

    For archives that cannot be read in one way: what bears no signature is unsigned, however odd.
    An APK signing block before the list is a signature that we do not read.
    """
    try:
        end = read_end(content)
    except (MalformedError, struct.error):
        return False
    if end.directory_bytes > MAX_DIRECTORY_BYTES or end.directory_at < len(_APK_BLOCK):
        return False
    before = content.read_at(end.directory_at - len(_APK_BLOCK), len(_APK_BLOCK))
    listed = content.read_at(end.directory_at, end.directory_bytes)
    return before != _APK_BLOCK and wanted.search(listed) is None
