"""Read the data types of the SSH protocol (RFC 4251 section 5), bounded and strict."""

from __future__ import annotations

from core.errors import MalformedError
from core.naming import numbered


class WireReader:
    """Reads fields one after the other; every length is checked before anything is taken."""

    __slots__ = ("_at", "_content", "_what")

    def __init__(self, content: bytes, what: str) -> None:
        self._content, self._what, self._at = content, what, 0

    @property
    def place(self) -> int:
        """The offset of the next field."""
        return self._at

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._content)

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes; raise MalformedError where there are fewer."""
        end = self._at + length
        if end > len(self._content):
            raise MalformedError(f"{self._what} ends in the middle of a field at byte {self._at}")
        taken = self._content[self._at : end]
        self._at = end
        return taken

    def number(self, octets: int = 4) -> int:
        """Return an unsigned number of that many octets."""
        return int.from_bytes(self.take(octets), "big")

    def string(self) -> bytes:
        """Return a string: a length of four octets and as many bytes."""
        return self.take(self.number())

    def text(self) -> str:
        """Return a string that is ASCII without control characters: a name of the protocol."""
        raw = self.string()
        if not raw.isascii() or not raw.decode("ascii").isprintable():
            raise MalformedError(f"{self._what} has a name that is not printable ASCII")
        return raw.decode("ascii")

    def positive(self) -> int:
        """Return an mpint that is positive and written without leading zeros."""
        raw = self.string()
        if not raw or raw[0] & 0x80 or (raw[0] == 0 and (len(raw) == 1 or not raw[1] & 0x80)):
            raise MalformedError(f"{self._what} has a number in another form than the one there is")
        return int.from_bytes(raw, "big")

    def end(self) -> None:
        """Raise MalformedError where something is left."""
        if not self.is_at_end:
            left = len(self._content) - self._at
            raise MalformedError(f"{self._what} has {numbered(left, 'byte')} after its end")


def wire_string(content: bytes) -> bytes:
    """Return the bytes as a string of the protocol."""
    return len(content).to_bytes(4, "big") + content
