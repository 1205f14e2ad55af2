"""A strict, bounded reader of CBOR (RFC 8949), for hostile bytes.

What readers disagree about is refused: indefinite lengths, numbers in a longer form than needed
(section 4.2.1), duplicate keys, keys that are neither numbers nor text, bytes after the end. Size,
nesting and the number of items are counted while reading, so that a hostile head costs nothing.
Read: whole numbers, byte and text strings, arrays, maps, tags, true, false, null and finite
floating-point numbers; other simple values are refused.
"""

from __future__ import annotations

import math
import struct

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.naming import numbered

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
MAX_ITEMS = 20_000  # an envelope has dozens; a hostile one is refused within milliseconds
_SIMPLE = {20: False, 21: True, 22: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_IMMEDIATE = 24
_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tagged item (RFC 8949 section 3.4)."""

    number: int
    value: object


def read_cbor(content: bytes, *, limits: Limits, what: str) -> object:
    """Return the one CBOR item in `content`; raise TooLargeError or MalformedError."""
    if len(content) > limits.evidence_bytes:
        most = limits.evidence_bytes
        raise TooLargeError(f"{len(content)} bytes of {what}, more than {most} (evidence_bytes)")
    reader = _Reader(content, limits, what)
    item = reader.item(0)
    reader.finish()
    return item


def bytes_head(length: int) -> bytes:
    """Return the head of a byte string of that length, in its shortest form."""
    for code, size in ((None, 0), *_SIZES.items()):
        if code is None and length < _IMMEDIATE:
            return bytes([BYTES << 5 | length])
        if code is not None and length < 1 << 8 * size:
            return bytes([BYTES << 5 | code]) + length.to_bytes(size)
    raise ValueError(f"no byte string has {length} bytes")


class _Reader:
    __slots__ = ("_at", "_content", "_left", "_limits", "_most", "_what")

    def __init__(self, content: bytes, limits: Limits, what: str) -> None:
        self._content = content
        self._limits = limits
        self._what = what
        self._at = 0
        self._most = min(limits.json_items, MAX_ITEMS)
        self._left = self._most

    def finish(self) -> None:
        if self._at != len(self._content):
            left = numbered(len(self._content) - self._at, "byte")
            raise self._wrong(f"has {left} after its end")

    def item(self, depth: int) -> object:
        """Read one item; never deeper than `json_depth`, which is far from Python's own bound."""
        if depth > self._limits.json_depth:
            most = self._limits.json_depth
            raise TooLargeError(f"{self._what} is nested deeper than {most} (json_depth)")
        self._left -= 1
        if self._left < 0:
            raise TooLargeError(f"{self._what} has more than {self._most} items")
        first = self._take(1)[0]
        major, low = first >> 5, first & 0x1F
        if major == SIMPLE:
            return self._simple(low)
        number = self._number(low)
        if major == UNSIGNED:
            return number
        if major == NEGATIVE:
            return -1 - number
        if major == BYTES:
            return self._take(number)
        if major == TEXT:
            return self._text(number)
        return self._container(major, number, depth)

    def _container(self, major: int, number: int, depth: int) -> object:
        if major == TAG:
            return Tagged(number, self.item(depth + 1))
        if number > len(self._content) - self._at:  # an item takes a byte at least
            raise self._wrong(f"ends inside {numbered(number, 'item')}")
        if major == ARRAY:
            return [self.item(depth + 1) for _ in range(number)]
        read: dict[int | str, object] = {}
        for _ in range(number):
            key = self.item(depth + 1)
            if not isinstance(key, int | str) or isinstance(key, bool):
                raise self._wrong("has a key that is neither a number nor text")
            if key in read:
                raise self._wrong(f"has the key {str(key)[:80]!r} twice in one map")
            read[key] = self.item(depth + 1)
        return read

    def _number(self, low: int) -> int:
        if low < _IMMEDIATE:
            return low
        if low not in _SIZES:
            raise self._wrong("has an indefinite length or a reserved head")
        number = int.from_bytes(self._take(_SIZES[low]))
        shorter = _IMMEDIATE if low == _IMMEDIATE else 1 << 4 * _SIZES[low]
        if number < shorter:
            raise self._wrong("has a number in a longer form than needed")
        return number

    def _simple(self, low: int) -> object:
        if low in _SIMPLE:
            return _SIMPLE[low]
        if low not in _FLOATS:
            raise self._wrong("has a simple value that is not read here")
        (number,) = struct.unpack(_FLOATS[low], self._take(_SIZES[low]))
        if not math.isfinite(number):
            raise self._wrong("has a number that is not finite")
        return float(number)

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise self._wrong("has text that is not UTF-8") from None

    def _take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._content):
            raise self._wrong("ends inside an item")
        taken = self._content[self._at : end]
        self._at = end
        return taken

    def _wrong(self, why: str) -> MalformedError:
        return MalformedError(f"{self._what} {why}, at byte {self._at}")
