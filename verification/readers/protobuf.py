"""A strict, bounded reader of the protocol buffers wire format, for the few messages we read.

Fields come in ascending order, scalars once, numbers in their shortest spelling: what every writer
produces, so that a message reads in one way only. Groups and fixed-width numbers are not used by
any message we read. Reference: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

from core.errors import MalformedError

_VARINT, _BYTES = 0, 2
_MAX_VARINT_BYTES = 10
_MORE = 0x80  # set in every byte of a number but its last
_MAX_FIELDS = 4096
_MAX_INT64 = (1 << 63) - 1


class Message:
    """One message: its fields by number."""

    def __init__(self, content: bytes, what: str) -> None:
        """Read all fields; raise MalformedError."""
        self._what = what
        self._numbers: dict[int, int] = {}
        self._octets: dict[int, list[bytes]] = {}
        for number, value in _fields(content, what):
            if isinstance(value, int):
                if number in self._numbers:
                    raise MalformedError(f"{what} has field {number} twice")
                self._numbers[number] = value
            else:
                self._octets.setdefault(number, []).append(value)

    def only(self, *numbers: int) -> Message:
        """Return the message itself; MalformedError where it has other fields than these."""
        foreign = (self._numbers.keys() | self._octets.keys()) - set(numbers)
        if foreign:
            raise MalformedError(f"{self._what} has an unknown field {min(foreign)}")
        return self

    def number(self, field: int) -> int:
        """Return a whole number that is not negative; a missing one is 0."""
        value = self._numbers.get(field, 0)
        if value > _MAX_INT64 or field in self._octets:
            raise MalformedError(f"{self._what} has a field {field} that is no such number")
        return value

    def octets(self, field: int) -> bytes:
        """Return the bytes of a field that stands there once at most; missing ones are empty."""
        found = self.all_octets(field)
        if len(found) > 1:
            raise MalformedError(f"{self._what} has field {field} twice")
        return found[0] if found else b""

    def all_octets(self, field: int) -> list[bytes]:
        """Return the bytes of every field of this number."""
        if field in self._numbers:
            raise MalformedError(f"{self._what} has a number in field {field}")
        return self._octets.get(field, [])

    def text(self, field: int) -> str:
        """Return a field's text; a missing one is empty."""
        try:
            return self.octets(field).decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedError(f"{self._what} has a field {field} that is not UTF-8") from None

    def message(self, field: int) -> Message:
        """Return the message in a field; a missing one has no fields."""
        return Message(self.octets(field), f"{self._what}, field {field}")


def _fields(content: bytes, what: str) -> Iterator[tuple[int, int | bytes]]:
    at, last, count = 0, 0, 0
    while at < len(content):
        key, at = _varint(content, at, what)
        number, kind = key >> 3, key & 7
        count += 1
        if number < max(last, 1) or count > _MAX_FIELDS:
            raise MalformedError(f"{what} has its fields out of order, or too many")
        last = number
        value, at = _varint(content, at, what)
        if kind == _VARINT:
            yield number, value
        elif kind == _BYTES and at + value <= len(content):
            yield number, content[at : at + value]
            at += value
        else:
            raise MalformedError(f"{what} ends inside field {number}, or it has a foreign form")


def _varint(content: bytes, at: int, what: str) -> tuple[int, int]:
    value = 0
    for place in range(_MAX_VARINT_BYTES):
        if at + place >= len(content):
            break
        octet = content[at + place]
        value |= (octet & ~_MORE) << 7 * place
        if not octet & _MORE:
            if place and not octet:
                break
            return value, at + place + 1
    raise MalformedError(f"{what} has a number that is cut off or too long")
