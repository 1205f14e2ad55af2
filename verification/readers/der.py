"""A strict, bounded reader of DER (ITU-T X.690 sections 8 and 10), for hostile bytes.

`check_der` walks everything once, without recursion, before anything is parsed: definite lengths
in their only spelling (10.1), every element inside the one around it, nothing after the end, and
no more nesting or elements than the limits allow. `DerReader` then reads one element after the
other and never deeper than it is told to. Order inside a SET OF (11.6) is not asked for:
authorities write certificate sets in any order, and what is signed is taken as it stands.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import repeat

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.naming import numbered

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
ENUMERATED, UTF8_STRING, GENERALIZED_TIME = 0x0A, 0x0C, 0x18
SEQUENCE, SET = 0x30, 0x31
CONTEXT, CONTEXT_CONSTRUCTED = 0x80, 0xA0

_CONSTRUCTED = 0x20
_HIGH_TAG = 0x1F
_LONG = 0x80
_MAX_LENGTH_BYTES = 4
_LEAST = (0, _LONG, 1 << 8, 1 << 16, 1 << 24)  # that a length of so many bytes may state
_MAX_INTEGER_BYTES = 1024
_MAX_OID_BYTES = 64
_PLAIN, _HOLDS, _UNREAD = range(3)  # what a tag's first byte says of its element
_KINDS = tuple(
    _UNREAD if tag & _HIGH_TAG == _HIGH_TAG else _HOLDS if tag & _CONSTRUCTED else _PLAIN
    for tag in range(256)
)


def check_der(content: bytes, limits: Limits, what: str) -> None:
    """Refuse what is not exactly one DER element within the limits.

    Raises TooLargeError for its size (`evidence_bytes`), nesting (`json_depth`) or number of
    elements (`json_items`), MalformedError for the rest; `what` names it.
    """
    _check_size(content, limits, what)
    around: list[int] = []  # ends of the elements around the innermost that is open
    at, end, most = 0, len(content), limits.json_depth
    content += b"\xff"  # so that the last byte may be taken for a tag
    for _ in repeat(None, limits.json_items):
        kind, length = _KINDS[content[at]], content[at + 1]
        start = at + 2
        stop = start + length
        if length >= _LONG or stop > end or kind == _UNREAD:
            start, stop = _bounds(content, at, end, what)
        at = stop
        if kind == _HOLDS:
            if len(around) == most:
                words = f"{what} is nested deeper than {most} at byte {start} (json_depth)"
                raise TooLargeError(words)
            if start != stop:
                around.append(end)
                at, end = start, stop
                continue
        while at == end:
            if not around:
                return
            end = around.pop()
        if not around:
            raise MalformedError(f"{what}: {numbered(end - at, 'byte')} after its end")
    raise TooLargeError(f"{what} has more than {limits.json_items} elements (json_items)")


def _check_size(content: bytes, limits: Limits, what: str) -> None:
    if len(content) > limits.evidence_bytes:
        most = limits.evidence_bytes
        raise TooLargeError(f"{len(content)} bytes of {what}, more than {most} (evidence_bytes)")
    if not content:
        raise MalformedError(f"{what} is empty")


def _bounds(content: bytes, at: int, stop: int, what: str) -> tuple[int, int]:
    """Return where the contents of the element at `at` start and end."""
    if at + 2 > stop:
        raise MalformedError(f"{what} ends inside an element, at byte {at}")
    length, start = content[at + 1], at + 2
    if content[at] & _HIGH_TAG == _HIGH_TAG:
        raise MalformedError(f"{what} has a tag of more than one byte at byte {at}")
    if length >= _LONG:
        count = length - _LONG
        if count == 0:
            raise MalformedError(f"{what} has an indefinite length at byte {at}, which DER forbids")
        if count > _MAX_LENGTH_BYTES or start + count > stop:
            raise MalformedError(f"{what} states a length that cannot be, at byte {at}")
        length = content[start] if count == 1 else int.from_bytes(content[start : start + count])
        if length < _LEAST[count]:
            raise MalformedError(f"{what} spells a length longer than DER does, at byte {at}")
        start += count
    if start + length > stop:
        raise MalformedError(f"{what} ends inside an element, at byte {at}")
    return start, start + length


class DerReader:
    """Reads the elements of one constructed element, or of one whole document, in order."""

    __slots__ = ("_at", "_content", "_end", "_what")

    def __init__(self, content: bytes, what: str, start: int = 0, end: int | None = None) -> None:
        self._content = content
        self._what = what
        self._at = start
        self._end = len(content) if end is None else end

    @property
    def tag(self) -> int:
        """The tag of the next element, -1 where there is none."""
        return self._content[self._at] if self._at < self._end else -1

    def inside(self, tag: int) -> DerReader:
        """Step over the next element, which must have this tag, and return its contents."""
        start = self._take(tag)
        return DerReader(self._content, self._what, start, self._at)

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """Step over the next element, which must have this tag, and return its contents' bytes."""
        start = self._take(tag)
        return self._content[start : self._at]

    def element(self, tag: int | None = None) -> bytes:
        """Step over the next element and return all of its bytes, header too."""
        before = self._at
        self._take(self.tag if tag is None else tag)
        return self._content[before : self._at]

    def integer(self, tag: int = INTEGER) -> int:
        """Step over a whole number in its shortest spelling (X.690 section 8.3.2)."""
        octets = self.octets(tag)
        if not octets or len(octets) > _MAX_INTEGER_BYTES:
            raise MalformedError(f"{self._what} has a number of {len(octets)} bytes")
        if len(octets) > 1 and octets[0] in (0x00, 0xFF) and octets[0] >> 7 == octets[1] >> 7:
            raise MalformedError(f"{self._what} has a number that is not in its shortest form")
        return int.from_bytes(octets, signed=True)

    def boolean(self) -> bool:
        """Step over a truth value, which DER writes as 00 or FF (X.690 section 11.1)."""
        octets = self.octets(BOOLEAN)
        if octets not in (b"\x00", b"\xff"):
            raise MalformedError(f"{self._what} has a truth value that is neither 00 nor FF")
        return octets == b"\xff"

    def oid(self) -> str:
        """Step over an object identifier and return it in dotted form."""
        octets = self.octets(OID)
        if not octets or octets[-1] & _LONG or len(octets) > _MAX_OID_BYTES:
            raise MalformedError(f"{self._what} has a broken object identifier")
        return _dotted(octets, self._what)

    def finish(self) -> None:
        """Raise MalformedError where anything is left."""
        if self._at != self._end:
            raise MalformedError(
                f"{self._what}: {numbered(self._end - self._at, 'byte')} more than it may have"
            )

    def _take(self, tag: int) -> int:
        """Step over the next element, which must have this tag; return where its contents start."""
        at, end, content = self._at, self._end, self._content
        start = at + 2
        if start <= end and content[at] == tag and tag & _HIGH_TAG != _HIGH_TAG:
            length = content[at + 1]
            stop = start + length
            if length < _LONG and stop <= end:
                self._at = stop
                return start
        found = self.tag
        if found != tag or found < 0:
            shown = "nothing" if found < 0 else f"tag {found:#04x}"
            wanted = "an element" if tag < 0 else f"tag {tag:#04x}"
            raise MalformedError(f"{self._what}: {wanted} expected at byte {at}, {shown}")
        start, self._at = _bounds(content, at, end, self._what)
        return start


@lru_cache(maxsize=512)
def _dotted(octets: bytes, what: str) -> str:
    """Spell an object identifier (X.690 section 8.19)."""
    arcs: list[int] = []
    arc, fresh = 0, True
    for octet in octets:
        if fresh and octet == _LONG:
            raise MalformedError(f"{what} has a padded object identifier")
        arc = arc << 7 | octet & 0x7F
        fresh = not octet & _LONG
        if fresh:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
