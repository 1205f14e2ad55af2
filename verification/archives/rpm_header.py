"""Read the headers of an rpm package, bounded and strict.

References: rpm's own documentation of its package formats (format_v3, format_v4, format_v6,
hregions, signatures_digests). A package is a lead, a signature header, the header and the payload.
Only what a signature covers is believed: the lead and the signature header are anybody's to write.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.naming import numbered

LEAD_MAGIC = b"\xed\xab\xee\xdb"
LEAD_BYTES = 96
HEADER_MAGIC = b"\x8e\xad\xe8\x01\x00\x00\x00\x00"
PREAMBLE_BYTES = 16  # the magic, how many entries, how many bytes
MAX_SIGNATURE_ENTRIES = 64
MAX_ENTRIES = 65_535
_IMAGE_REGION, SIGNATURES_REGION, IMMUTABLE_REGION = 61, 62, 63
_ENTRY_BYTES = 16
_TRAILER = struct.Struct(">2LlL")  # an entry whose offset is negative: back to the first one
_TAGS = range(100, 2**31)  # below are regions; rpm takes those above for negative
_INT8, _INT16, _INT32, _INT64, STRING, _BINARY, STRINGS, _I18N = 2, 3, 4, 5, 6, 7, 8, 9
_TEXTS = (STRING, STRINGS, _I18N)
_WIDTHS = {1: 1, _INT8: 1, _INT16: 2, _INT32: 4, _INT64: 8, _BINARY: 1}
_LEAD_MAJORS = (3, 4)
_LEAD_SIGNATURE_TYPE = 5  # a signature header follows: the only kind there has been since 1996
_HEX = re.compile(rb"[0-9a-f]{32,128}\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a header's index, with its bytes."""

    tag: int
    type: int
    count: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Header:
    """One header. `raw` is all of it, magic included: what signatures and digests are over."""

    raw: bytes = field(repr=False)
    entries: Mapping[int, Entry]

    def binary(self, tag: int) -> bytes | None:
        """Return a binary value, None where there is none; MalformedError for another type."""
        entry = self._of(tag, (_BINARY,))
        return entry.value if entry is not None else None

    def strings(self, tag: int, types: tuple[int, ...] = _TEXTS) -> tuple[bytes, ...]:
        """Return one string or several, nothing where the tag is missing."""
        entry = self._of(tag, types)
        return tuple(entry.value.split(b"\0")[: entry.count]) if entry is not None else ()

    def text(self, tag: int) -> str:
        """Return the first string for people, empty where the tag is missing."""
        return next(iter(self.strings(tag)), b"").decode("utf-8", "backslashreplace")

    def hexadecimal(self, tag: int, types: tuple[int, ...] = _TEXTS) -> str:
        """Return a digest in lower-case hex, empty where the tag is missing."""
        found = self.strings(tag, types)
        if not found:
            return ""
        if len(found) != 1 or not _HEX.match(found[0]):
            raise MalformedError(f"tag {tag} of the rpm header holds no digest")
        return found[0].decode("ascii")

    def number(self, tag: int) -> int | None:
        """Return one whole number, None where the tag is missing."""
        entry = self._of(tag, (_INT8, _INT16, _INT32, _INT64))
        if entry is None:
            return None
        if entry.count != 1:
            raise MalformedError(f"tag {tag} of the rpm header holds {entry.count} numbers")
        return int.from_bytes(entry.value, "big")

    def _of(self, tag: int, types: tuple[int, ...]) -> Entry | None:
        entry = self.entries.get(tag)
        if entry is not None and entry.type not in types:
            raise MalformedError(f"tag {tag} of the rpm header is of type {entry.type}")
        return entry


def read_lead(lead: bytes) -> int:
    """Return the major version that a lead states; raise MalformedError where it is none."""
    if len(lead) != LEAD_BYTES or not lead.startswith(LEAD_MAGIC):
        raise MalformedError("not an rpm package: it does not begin with a lead")
    major = lead[4]
    kind = int.from_bytes(lead[78:80], "big")
    if major not in _LEAD_MAJORS or kind != _LEAD_SIGNATURE_TYPE:
        raise MalformedError(f"an rpm lead of version {major} with signatures of kind {kind}")
    return major


def header_size(preamble: bytes, *, what: str, most_entries: int, most_bytes: int) -> int:
    """Return how many bytes a header takes, from its first 16; raise MalformedError."""
    if len(preamble) != PREAMBLE_BYTES or not preamble.startswith(HEADER_MAGIC):
        raise MalformedError(f"the {what} of the package does not begin as one")
    entries = int.from_bytes(preamble[8:12], "big")
    length = int.from_bytes(preamble[12:16], "big")
    if entries > most_entries:
        raise TooLargeError(f"{entries} entries in the {what}, more than {most_entries}")
    size = PREAMBLE_BYTES + entries * _ENTRY_BYTES + length
    if size > most_bytes:
        raise TooLargeError(f"a {what} of {size} bytes, more than {most_bytes}")
    if not entries or not length:
        raise MalformedError(f"the {what} of the package is empty")
    return size


def read_header(raw: bytes, region: int, *, what: str) -> Header:
    """Read a header whose size was checked.

    Of the header its one region must be all: that is what is signed. Entries of the signature
    header may stand behind its region, as signers of files have left theirs, or be without one,
    as before there were regions (hregions): nobody vouches for either.
    """
    count = int.from_bytes(raw[8:12], "big")
    index = raw[PREAMBLE_BYTES : PREAMBLE_BYTES + count * _ENTRY_BYTES]
    store = raw[PREAMBLE_BYTES + count * _ENTRY_BYTES :]
    if len(index) != count * _ENTRY_BYTES or len(store) != int.from_bytes(raw[12:16], "big"):
        raise MalformedError(f"the {what} ends too early")
    rows = [
        tuple(int.from_bytes(index[at + part : at + part + 4], "big") for part in (0, 4, 8, 12))
        for at in range(0, len(index), _ENTRY_BYTES)
    ]
    if not rows:
        raise MalformedError(f"the {what} is empty")
    is_bare = region == SIGNATURES_REGION and rows[0][0] != region
    if is_bare:
        return Header(raw, _entries(rows, store, (0, 0), what))
    return Header(
        raw, _entries(rows[1:], store, _trailer(rows[0], region, count, store, what), what)
    )


def _entries(
    rows: Sequence[tuple[int, ...]], store: bytes, trailer: tuple[int, int], what: str
) -> dict[int, Entry]:
    """Return the entries by their tags: one behind another, and none in the region's trailer."""
    start, stop = trailer
    entries: dict[int, Entry] = {}
    at = 0
    for tag, kind, offset, items in rows:
        value = _value(store, offset, kind, items, start if offset < start else len(store), what)
        if tag not in _TAGS or tag in entries or offset < at or start <= offset < stop:
            raise MalformedError(f"tag {tag} stands twice, or out of place, in the {what}")
        entries[tag] = Entry(tag, kind, items, value)
        at = offset + len(value)
    if max(at, stop) != len(store):
        raise MalformedError(f"bytes behind the last entry of the {what}")
    return entries


def _trailer(
    row: tuple[int, ...], region: int, count: int, store: bytes, what: str
) -> tuple[int, int]:
    """Return from where to where the region's trailer is; the header must end with its."""
    tag, kind, offset, items = row
    if (tag, kind, items) != (region, _BINARY, _ENTRY_BYTES) or offset > len(store) - _ENTRY_BYTES:
        raise MalformedError(f"the {what} does not begin with its region")
    of, kind, back, items = _TRAILER.unpack_from(store, offset)
    # Old versions of rpm wrote the trailer of the signature header under another tag.
    is_own = of == region or (region == SIGNATURES_REGION and of == _IMAGE_REGION)
    if not is_own or (kind, items) != (_BINARY, _ENTRY_BYTES):
        raise MalformedError(f"the region of the {what} ends in another one's trailer")
    covered, rest = divmod(-back, _ENTRY_BYTES)
    is_whole = covered == count and offset == len(store) - _ENTRY_BYTES
    if rest or not 0 < covered <= count or not (is_whole or region == SIGNATURES_REGION):
        raise MalformedError(f"the {what} is not one region from its first entry to its last byte")
    return offset, offset + _ENTRY_BYTES


def _value(store: bytes, offset: int, kind: int, count: int, end: int, what: str) -> bytes:
    if not count or offset >= end:
        raise MalformedError(f"an entry of the {what} has no value, or one outside of it")
    width = _WIDTHS.get(kind)
    if width is not None:
        last = offset + width * count
        if offset % width or last > end:
            raise MalformedError(f"an entry of the {what} runs past its end or is out of line")
        return store[offset:last]
    if kind not in _TEXTS or (kind == STRING and count != 1):
        raise MalformedError(f"an entry of the {what} is of type {kind}, {numbered(count, 'time')}")
    if count > end - offset:
        raise MalformedError(f"an entry of the {what} has more strings than bytes")
    last = _end_of_strings(store, offset, count, end)
    if last < 0:
        raise MalformedError(f"a string of the {what} does not end in it")
    return store[offset:last]


def _end_of_strings(store: bytes, offset: int, count: int, end: int) -> int:
    at = offset
    for _ in range(count):
        at = store.find(b"\0", at, end) + 1
        if not at:
            return -1
    return at


def payload_chunks(chunks: Iterator[bytes], start: int) -> Iterator[bytes]:
    """Yield what comes after the first `start` bytes of a package."""
    left = start
    for chunk in chunks:
        if left < len(chunk):
            yield chunk[left:] if left else chunk
        left = max(0, left - len(chunk))
