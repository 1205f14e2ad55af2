"""Read OpenPGP ASCII armor (RFC 9580 section 6.2), strictly.

Nothing in armor is signed: headers and checksum are claims. Known headers are read over, the
checksum is ignored as section 6.1 demands, anything else is refused.
"""

from __future__ import annotations

import re

from core.errors import MalformedError
from core.wire import decode_base64

SIGNATURE = "PGP SIGNATURE"
PUBLIC_KEY = "PGP PUBLIC KEY BLOCK"
_HEADER = re.compile(rb"(?:Version|Comment|Hash|Charset|MessageID): [\x20-\x7e\x80-\xff]{0,200}\Z")
_LINE = re.compile(rb"[A-Za-z0-9+/]{1,76}={0,2}\Z")
_CHECKSUM = re.compile(rb"=[A-Za-z0-9+/]{4}\Z")
_BLANKS = b" \t"
_SHOWN = 60


def begin_line(label: str) -> bytes:
    """Return the first line of a block of this label."""
    return f"-----BEGIN {label}-----".encode()


def end_line(label: str) -> bytes:
    """Return the last line of a block of this label."""
    return f"-----END {label}-----".encode()


def dearmor(content: bytes, label: str) -> bytes:
    """Return what the one block in `content` holds; blank lines alone may stand around it.

    Raises MalformedError naming the line.
    """
    lines = [line.removesuffix(b"\r") for line in content.split(b"\n")]
    first = 0
    while first < len(lines) and not lines[first].strip(_BLANKS):
        first += 1
    last = len(lines) - 1
    while last > first and not lines[last].strip(_BLANKS):
        last -= 1
    if first >= last or lines[first] != begin_line(label) or lines[last] != end_line(label):
        raise MalformedError(f"not one {label} in ASCII armor, with nothing around it")
    body = _after_headers(lines[first + 1 : last], first + 2)
    return _decode(body, label)


def _after_headers(lines: list[bytes], number: int) -> list[bytes]:
    for at, line in enumerate(lines):
        if not line.strip(_BLANKS):
            return lines[at + 1 :]
        if not _HEADER.match(line):
            found = line[:_SHOWN].decode("ascii", "backslashreplace")
            raise MalformedError(f"line {number + at}: not a header of ASCII armor: {found!r}")
    raise MalformedError("no empty line between the headers of ASCII armor and what it holds")


def _decode(lines: list[bytes], label: str) -> bytes:
    if lines and _CHECKSUM.match(lines[-1]):
        lines = lines[:-1]
    for line in lines:
        if not _LINE.match(line):
            found = line[:_SHOWN].decode("ascii", "backslashreplace")
            raise MalformedError(f"not a line of ASCII armor: {found!r}")
    return decode_base64(b"".join(lines), what=f"the {label}")


def armored_blocks(content: bytes, label: str) -> tuple[bytes, ...]:
    """Return every block of this label with its first and last line; text between is dropped.

    For files of our own side (trust), where people keep notes between blocks; never for evidence.
    """
    begin, end = re.escape(begin_line(label)), re.escape(end_line(label))
    # [^-] cannot run past an end line into the next block: each byte is looked at once.
    block = re.compile(rb"^" + begin + rb"[ \t]*\r?$[^-]*+(?:-(?!----)[^-]*+)*" + end, re.MULTILINE)
    return tuple(found[0] for found in block.finditer(content))
