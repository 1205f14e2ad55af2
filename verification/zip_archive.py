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
from dataclasses import dataclass

from core.errors import MalformedError, TooLargeError
from core.limits import MIB, Limits
from core.model import Content, Evidence

STORED, DEFLATED = 0, 8
MAX_ENTRIES = 200_000
MAX_DIRECTORY_BYTES = 32 * MIB
MAX_RATIO = 200  # of unpacked to packed bytes, over the whole archive; real ones stay below 20
FREE_BYTES = 64 * MIB  # that may be unpacked whatever the ratio

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64, _DESCRIPTOR = b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"
_END_FORM = struct.Struct("<4s4H2LH")
_END64_FORM = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64_FORM = struct.Struct("<4sLQL")
_CENTRAL_FORM = struct.Struct("<4s6H3L5H2L")
_LOCAL_FORM = struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 0xFFFF
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ZIP64_EXTRA, _UNICODE_PATH = 0x0001, 0x7075
_DESCRIPTOR_FLAG, _UTF8_FLAG = 0x0008, 0x0800
_FLAGS = 0x0006 | _DESCRIPTOR_FLAG | _UTF8_FLAG
_CHUNK = 256 * 1024
_SHOWN = 100
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the list at the end states it; offsets are from the archive's start."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int  # of its local header
    listed_at: int  # where its record in the list at the end begins
    listed_bytes: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, which holds no bytes."""
        return self.name.endswith("/")


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
        end = _read_end(content)
        self.comment_bytes = end.comment
        self.directory_at = end.directory_at
        self.directory_bytes = end.directory_bytes
        self.is_zip64 = end.is_zip64
        self.end_at = end.at
        self.entries = _read_directory(content, end, limits)
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


def shown(entry: Entry) -> str:
    """Return an entry's name for a message."""
    return repr(entry.name[:_SHOWN])


@dataclass(frozen=True, slots=True)
class _End:
    at: int  # where what closes the archive begins: its Zip64 record, else its plain one
    entries: int
    directory_at: int
    directory_bytes: int
    comment: int
    is_zip64: bool


def _read_end(content: Content) -> _End:
    """Find the one end record (4.3.16): it is the last one whose comment reaches the file's end."""
    size = content.size
    tail_at = max(0, size - _END_FORM.size - _MAX_COMMENT)
    tail = content.read_at(tail_at, size - tail_at)
    found = tail.rfind(_END)
    if found < 0 or len(tail) - found < _END_FORM.size:
        raise MalformedError("not a ZIP archive: it has no end record")
    _, disk, start_disk, here, entries, length, offset, comment = _END_FORM.unpack_from(tail, found)
    if found + _END_FORM.size + comment != len(tail):
        raise MalformedError("bytes follow the archive's end, or its comment is cut off")
    if disk or start_disk or here != entries:
        raise MalformedError("the archive is one of several parts")
    at = tail_at + found
    is_zip64 = content.read_at(at - 20, 4) == _LOCATOR64 if at >= 20 else False  # noqa: PLR2004 - the locator's size
    if is_zip64:
        return _read_end64(content, at, (entries, length, offset), comment)
    if offset + length != at:
        raise MalformedError("the list of entries does not end where the archive's end begins")
    return _End(at, entries, offset, length, comment, is_zip64=False)


def _read_end64(content: Content, at: int, plain: tuple[int, int, int], comment: int) -> _End:
    """Read the Zip64 record and locator (4.3.14, 4.3.15), which agree with the plain record."""
    locator_at = at - _LOCATOR64_FORM.size
    _, disk, record_at, disks = _LOCATOR64_FORM.unpack(
        content.read_at(locator_at, _LOCATOR64_FORM.size)
    )
    if disk or disks != 1 or record_at + _END64_FORM.size != locator_at:
        raise MalformedError("the archive's Zip64 locator points elsewhere than right before it")
    record = content.read_at(record_at, _END64_FORM.size)
    sign, size, _, _, here_disk, start_disk, here, entries, length, offset = _END64_FORM.unpack(
        record
    )
    if sign != _END64 or size != _END64_FORM.size - 12 or here_disk or start_disk:
        raise MalformedError("the archive's Zip64 end record is broken")
    wide = (entries, length, offset)
    fits = zip(plain, wide, (_FULL16, _FULL32, _FULL32), strict=True)
    if here != entries or any(narrow not in (each, full) for narrow, each, full in fits):
        raise MalformedError("the archive's two end records contradict each other")
    if offset + length != record_at:
        raise MalformedError("the list of entries does not end where the archive's end begins")
    return _End(record_at, entries, offset, length, comment, is_zip64=True)


def _read_directory(content: Content, end: _End, limits: Limits) -> tuple[Entry, ...]:
    if end.entries > min(MAX_ENTRIES, limits.files):
        raise TooLargeError(f"{end.entries} entries in one archive, more than {MAX_ENTRIES}")
    if end.directory_bytes > MAX_DIRECTORY_BYTES:
        raise TooLargeError(f"a list of entries of {end.directory_bytes} bytes")
    directory = content.read_at(end.directory_at, end.directory_bytes)
    if len(directory) != end.directory_bytes:
        raise MalformedError("the archive ends inside its list of entries")
    entries: list[Entry] = []
    at = 0
    names: set[str] = set()
    while at < len(directory):
        entry = _read_listed(directory, at, end.directory_at)
        if entry.name in names:
            raise MalformedError(f"the archive has the entry {shown(entry)} twice")
        names.add(entry.name)
        entries.append(entry)
        at += entry.listed_bytes
        if len(entries) > end.entries:
            break
    if len(entries) != end.entries:
        raise MalformedError("the archive does not have as many entries as its end states")
    return tuple(entries)


def _read_listed(directory: bytes, at: int, directory_at: int) -> Entry:
    """Read one record of the list at the end (4.3.12)."""
    if at + _CENTRAL_FORM.size > len(directory) or directory[at : at + 4] != _CENTRAL:
        raise MalformedError(f"the archive's list of entries is broken at byte {directory_at + at}")
    found = _CENTRAL_FORM.unpack_from(directory, at)
    flags, method, crc, packed, size = found[3], found[4], found[7], found[8], found[9]
    name_bytes, extra_bytes, comment_bytes, disk, offset = (*found[10:14], found[16])
    names_at = at + _CENTRAL_FORM.size
    length = _CENTRAL_FORM.size + name_bytes + extra_bytes + comment_bytes
    if at + length > len(directory) or disk not in (0, _FULL16):
        raise MalformedError(f"the archive's list of entries is broken at byte {directory_at + at}")
    raw_name = directory[names_at : names_at + name_bytes]
    extra = directory[names_at + name_bytes : names_at + name_bytes + extra_bytes]
    size, packed, offset = _widened(extra, (size, packed, offset), disk)
    name = _name(raw_name, flags)
    entry = Entry(
        name, raw_name, flags, method, crc, packed, size, offset, directory_at + at, length
    )
    _refuse_entry(entry)
    return entry


def _refuse_entry(entry: Entry) -> None:
    if entry.flags & ~_FLAGS:
        raise MalformedError(f"the entry {shown(entry)} is encrypted or has unknown flags")
    if entry.method not in (STORED, DEFLATED):
        raise MalformedError(f"the entry {shown(entry)} is packed by method {entry.method}")
    if entry.method == STORED and entry.packed != entry.size:
        raise MalformedError(f"the entry {shown(entry)} is stored, yet has two lengths")
    if entry.is_folder and entry.size:
        raise MalformedError(f"the folder {shown(entry)} has content")


def _name(raw: bytes, flags: int) -> str:
    """Return an entry's name; refuse one that leads elsewhere or can be read in two ways."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        if flags & _UTF8_FLAG:
            raise MalformedError(f"an entry's name is not UTF-8: {raw[:_SHOWN]!r}") from None
        name = raw.decode("cp437")
    parts = name.removesuffix("/").split("/")
    if "\\" in name or "\0" in name or {"", ".", ".."} & set(parts) or _DRIVE.match(name):
        raise MalformedError(f"an entry's name leads out of the archive: {name[:_SHOWN]!r}")
    return name


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if at + 4 + length > len(extra):
            raise MalformedError("an entry's extra field is cut off")
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length
    if any(extra[at:]):  # up to three zero bytes: what aligns an entry
        raise MalformedError("an entry's extra field is cut off")


def _widened(extra: bytes, plain: tuple[int, int, int], disk: int) -> tuple[int, int, int]:
    """Return the lengths and offset, from the Zip64 field where the plain ones are full (4.5.3)."""
    fields = list(_extras(extra))
    if any(kind == _UNICODE_PATH for kind, _ in fields):
        raise MalformedError("an entry has a second name in its extra field")
    wide = [body for kind, body in fields if kind == _ZIP64_EXTRA]
    needed = [value for value in plain if value == _FULL32]
    if len(wide) > 1 or (needed and not wide) or (disk == _FULL16 and not wide):
        raise MalformedError("an entry's lengths are not stated once")
    if not wide:
        return plain
    most = 8 * len(needed) + (4 if disk == _FULL16 else 0)
    if len(wide[0]) != most or any(wide[0][8 * len(needed) :]):
        raise MalformedError("an entry's Zip64 field does not have what is left to it")
    numbers = iter(struct.unpack_from(f"<{len(needed)}Q", wide[0]))
    size, packed, offset = (next(numbers) if value == _FULL32 else value for value in plain)
    return size, packed, offset


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
        raise MalformedError(f"the archive has {end - at} bytes after its last entry")
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
    follows = bool(flags & _DESCRIPTOR_FLAG)
    zeros = follows and (crc, *wide) == (0, 0, 0)
    if not zeros and (crc, *wide) != (entry.crc, entry.size, entry.packed):
        raise MalformedError(f"the header of {shown(entry)} contradicts the list of entries")
    stop = data + entry.packed
    if follows:
        has_wide = any(kind == _ZIP64_EXTRA for kind, _ in _extras(extra))
        stop += _descriptor(window, entry, stop, has_wide=has_wide)
    if stop > end:
        raise MalformedError(f"the entry {shown(entry)} reaches past the entries' end")
    return Place(entry.offset, data, stop)


def _local_lengths(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    """Return length and packed length of a local header; Zip64 has both there (4.5.3)."""
    fields = list(_extras(extra))
    if any(kind == _UNICODE_PATH for kind, _ in fields):
        raise MalformedError("an entry has a second name in its extra field")
    wide = [body for kind, body in fields if kind == _ZIP64_EXTRA]
    if not wide:
        return size, packed
    if len(wide) > 1 or len(wide[0]) != 16:  # noqa: PLR2004 - two numbers of eight bytes
        raise MalformedError("an entry's Zip64 field does not have both lengths")
    numbers = struct.unpack("<2Q", wide[0])
    size = numbers[0] if size == _FULL32 else size
    packed = numbers[1] if packed == _FULL32 else packed
    return size, packed


def _descriptor(window: _Window, entry: Entry, at: int, *, has_wide: bool) -> int:
    """Return how long the data descriptor is; it must say what the list says."""
    if not has_wide and max(entry.packed, entry.size) > _FULL32:
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
    if evidence.content[:4] not in (_LOCAL, _END):
        return b""
    content = evidence.subject.content
    if content is None or content.read_at(0, 4) != evidence.content[:4]:
        return evidence.content
    try:
        end = _read_end(content)
    except (MalformedError, struct.error):
        return evidence.content
    return content.read_at(end.directory_at, min(end.directory_bytes, MAX_DIRECTORY_BYTES))
