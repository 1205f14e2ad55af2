"""From streamed BER to DER: what OpenSSL, Bouncy Castle and mail programs write while they sign.

Such a signature has indefinite lengths, as a whole or in a part of it (a timestamp among its
attributes); strings may come in pieces. Both are put into their one DER spelling here, so that
everything behind this module reads DER alone. Nothing else of BER is let through: a length in a
needlessly long form stays wrong. What is signed is never changed
by this: signed attributes are signed in DER, and a string's octets stay the same.

References: ITU-T X.690 sections 8.1.3.6 (indefinite lengths), 8.7.3 (strings in pieces).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.naming import numbered
from verification.readers.der import check_der

MAX_ELEMENTS = 20_000  # a signature has hundreds; each costs more here than in DER

_CONSTRUCTED = 0x20
_INDEFINITE = 0x80
_OCTETS_IN_PIECES = 0x24
_OCTETS = 0x04
_HIGH_TAG = 0x1F
_MAX_LENGTH_BYTES = 4
_STARTS = (b"\x30\x80",)


@dataclass(slots=True)
class _Open:
    """One element that is being read; `end` is None where only an end-of-contents closes it."""

    tag: int
    end: int | None
    parts: list[bytes] = field(default_factory=list)


def is_streamed(content: bytes) -> bool:
    """Say whether the document begins with an indefinite length."""
    return content[:2] in _STARTS


def as_der(content: bytes, limits: Limits, what: str) -> bytes:
    """Return a document in DER, unchanged where it is; raise MalformedError or TooLargeError."""
    if not is_streamed(content):
        try:
            check_der(content, limits, what)
        except TooLargeError:
            raise
        except MalformedError as error:
            return _part_by_part(content, limits, what, error)
        return content
    turned = to_der(content, limits, what)
    check_der(turned, limits, what)
    return turned


def _part_by_part(content: bytes, limits: Limits, what: str, error: MalformedError) -> bytes:
    """Return a document of which a part is streamed in DER, else raise what is wrong with it."""
    if not content:
        raise error
    try:
        turned = to_der(content, limits, what)
        check_der(turned, limits, what)
    except TooLargeError:
        raise
    except MalformedError:
        raise error from None
    return turned


def to_der(content: bytes, limits: Limits, what: str) -> bytes:
    """Return the document with definite lengths and whole strings; raise MalformedError.

    TooLargeError for its size (`evidence_bytes`), nesting (`json_depth`) or number of elements
    (`json_items`).
    """
    if len(content) > limits.evidence_bytes:
        most = limits.evidence_bytes
        raise TooLargeError(f"{len(content)} bytes of {what}, more than {most} (evidence_bytes)")
    top = _Open(0, len(content))
    opened = [top]
    at, left = 0, min(limits.json_items, MAX_ELEMENTS)
    while len(opened) > 1 or at == 0:
        innermost = opened[-1]
        at = _close(opened, content, at, what)
        if opened[-1] is not innermost:
            continue
        left -= 1
        if left < 0 or len(opened) > limits.json_depth + 1:
            name = "json_items" if left < 0 else "json_depth"
            raise TooLargeError(f"{what} has more elements or levels than allowed ({name})")
        at = _step(opened, content, at, what)
    if at != len(content):
        raise MalformedError(f"{what}: {numbered(len(content) - at, 'byte')} after its end")
    return b"".join(top.parts)


def _close(opened: list[_Open], content: bytes, at: int, what: str) -> int:
    """Close the innermost element if it ends here, and return where reading goes on."""
    innermost = opened[-1]
    if len(opened) == 1:
        return at
    if innermost.end is None:
        if content[at : at + 2] != b"\x00\x00":
            return at
        at += 2
    elif at != innermost.end:
        return at
    opened.pop()
    body = b"".join(innermost.parts)
    outer = opened[-1]
    if innermost.tag == _OCTETS_IN_PIECES:
        outer.parts.append(body if outer.tag == _OCTETS_IN_PIECES else _encoded(_OCTETS, body))
    elif outer.tag == _OCTETS_IN_PIECES:
        raise MalformedError(f"{what} has a string in pieces with something else inside")
    else:
        outer.parts.append(_encoded(innermost.tag, body))
    return at


def _step(opened: list[_Open], content: bytes, at: int, what: str) -> int:
    """Read one element: open it if it is constructed, else take it over."""
    stop = next((each.end for each in reversed(opened) if each.end is not None), len(content))
    if at + 2 > stop or content[at] & _HIGH_TAG == _HIGH_TAG or content[at] == 0:
        raise MalformedError(f"{what} ends inside an element or has a foreign tag, at byte {at}")
    tag, first, start = content[at], content[at + 1], at + 2
    if first == _INDEFINITE:
        if not tag & _CONSTRUCTED:
            raise MalformedError(f"{what} has a value without an end at byte {at}")
        opened.append(_Open(tag, None))
        return start
    length, start = _length(content, first, start, what)
    if start + length > stop:
        raise MalformedError(f"{what} ends inside an element, at byte {at}")
    if tag & _CONSTRUCTED:
        opened.append(_Open(tag, start + length))
        return start
    body = content[start : start + length]
    outer = opened[-1]
    if outer.tag == _OCTETS_IN_PIECES:
        if tag != _OCTETS:
            raise MalformedError(f"{what} has a string in pieces with something else inside")
        outer.parts.append(body)
    else:
        outer.parts.append(content[at : start + length])
    return start + length


def _length(content: bytes, first: int, start: int, what: str) -> tuple[int, int]:
    if first < _INDEFINITE:
        return first, start
    count = first - _INDEFINITE
    length = int.from_bytes(content[start : start + count])
    if count > _MAX_LENGTH_BYTES or length < _INDEFINITE or length >> 8 * (count - 1) == 0:
        raise MalformedError(f"{what} spells a length longer than needed, at byte {start}")
    return length, start + count


def _encoded(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < _INDEFINITE:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _INDEFINITE | len(octets))) + octets + body
