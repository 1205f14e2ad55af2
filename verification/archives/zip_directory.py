"""The list at the end of a ZIP archive: where the archive ends, and which entries it has.

References: PKWARE APPNOTE 6.3.10, sections 4.3.12 (the list), 4.3.14 to 4.3.16 (its end) and 4.5
(extra fields).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import MIB, Limits
from core.model import Content

STORED, DEFLATED = 0, 8
MAX_ENTRIES = 200_000
MAX_DIRECTORY_BYTES = 32 * MIB
DESCRIPTOR_FLAG = 0x0008
FULL32 = 0xFFFFFFFF
ZIP64_EXTRA, UNICODE_PATH = 0x0001, 0x7075
END = b"PK\x05\x06"
BEFORE_NAME = rb"PK(?:\x01\x02.{42}|\x03\x04.{26})"  # an entry's record in the list, or its header

_CENTRAL = b"PK\x01\x02"
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_END_FORM = struct.Struct("<4s4H2LH")
_END64_FORM = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64_FORM = struct.Struct("<4sLQL")
_CENTRAL_FORM = struct.Struct("<4s6H3L5H2L")
_MAX_COMMENT = 0xFFFF
_FULL16 = 0xFFFF
_UTF8_FLAG = 0x0800
_FLAGS = 0x0006 | DESCRIPTOR_FLAG | _UTF8_FLAG
_SHOWN = 100
_STROKES = re.compile(r"[/\\]+")
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


def shown(entry: Entry) -> str:
    """Return an entry's name for a message."""
    return repr(entry.name[:_SHOWN])


@dataclass(frozen=True, slots=True)
class End:
    """What the end of an archive says of its list of entries."""

    at: int  # where what closes the archive begins: its Zip64 record, else its plain one
    entries: int
    directory_at: int
    directory_bytes: int
    comment: int
    is_zip64: bool


def read_end(content: Content) -> End:
    """Find the one end record (4.3.16): it is the last one whose comment reaches the file's end."""
    size = content.size
    tail_at = max(0, size - _END_FORM.size - _MAX_COMMENT)
    tail = content.read_at(tail_at, size - tail_at)
    found = tail.rfind(END)
    if found < 0 or len(tail) - found < _END_FORM.size:
        raise MalformedError("not a ZIP archive: it has no end record")
    _, disk, start_disk, here, entries, length, offset, comment = _END_FORM.unpack_from(tail, found)
    if found + _END_FORM.size + comment != len(tail):
        raise MalformedError("bytes follow the archive's end, or its comment is cut off")
    if disk or start_disk or here != entries:
        raise MalformedError("the archive is one of several parts")
    at = tail_at + found
    before = at - _LOCATOR64_FORM.size
    if before >= 0 and content.read_at(before, len(_LOCATOR64)) == _LOCATOR64:
        return _read_end64(content, at, (entries, length, offset), comment)
    if offset + length != at:
        raise MalformedError("the list of entries does not end where the archive's end begins")
    return End(at, entries, offset, length, comment, is_zip64=False)


def _read_end64(content: Content, at: int, plain: tuple[int, int, int], comment: int) -> End:
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
    fits = zip(plain, wide, (_FULL16, FULL32, FULL32), strict=True)
    if here != entries or any(narrow not in (each, full) for narrow, each, full in fits):
        raise MalformedError("the archive's two end records contradict each other")
    if offset + length != record_at:
        raise MalformedError("the list of entries does not end where the archive's end begins")
    return End(record_at, entries, offset, length, comment, is_zip64=True)


def read_directory(content: Content, end: End, limits: Limits) -> tuple[Entry, ...]:
    """Read all entries of the list, in its order; MalformedError where a name is there twice."""
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
        place = _place(entry.name)
        if place in names:
            raise MalformedError(f"the archive has the entry {shown(entry)} twice")
        names.add(place)
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
    place = _place(name)
    is_elsewhere = place.startswith("/") or {"", ".", ".."} & set(
        place.removesuffix("/").split("/")
    )
    if "\0" in name or is_elsewhere or _DRIVE.match(name):
        raise MalformedError(f"an entry's name leads out of the archive: {name[:_SHOWN]!r}")
    return name


def _place(name: str) -> str:
    """Return where an entry comes to lie when it is unpacked, however its name is spelled.

    Packers on Windows write backslashes, which 4.4.17.1 forbids, and `dotnet pack` has written two
    strokes for one: such names are as good as others, once, and where they lead nowhere else.
    """
    return _STROKES.sub("/", name)


def extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the extra fields, each as its kind and its bytes (4.5.1)."""
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
    if not extra and disk != _FULL16 and FULL32 not in plain:
        return plain
    fields = list(extras(extra))
    if any(kind == UNICODE_PATH for kind, _ in fields):
        raise MalformedError("an entry has a second name in its extra field")
    wide = [body for kind, body in fields if kind == ZIP64_EXTRA]
    needed = [value for value in plain if value == FULL32]
    if len(wide) > 1 or (needed and not wide) or (disk == _FULL16 and not wide):
        raise MalformedError("an entry's lengths are not stated once")
    if not wide:
        return plain
    most = 8 * len(needed) + (4 if disk == _FULL16 else 0)
    if len(wide[0]) != most or any(wide[0][8 * len(needed) :]):
        raise MalformedError("an entry's Zip64 field does not have what is left to it")
    numbers = iter(struct.unpack_from(f"<{len(needed)}Q", wide[0]))
    size, packed, offset = (next(numbers) if value == FULL32 else value for value in plain)
    return size, packed, offset
