"""Read OpenPGP ASCII armor (RFC 9580 section 6.2), strictly.

Nothing in armor is signed: headers and checksum are claims. A header is read over, of whatever
name and length (section 6.2.2), the checksum is ignored as section 6.1 demands, blanks at the end
of a line count for nothing, nor do blanks and empty lines amid base64 (section 6), lines may be of
any length; anything else is refused.
"""

from __future__ import annotations

import re

from core.errors import MalformedError, TooLargeError
from core.wire import decode_base64

SIGNATURE = "PGP SIGNATURE"
MESSAGE = "PGP MESSAGE"  # of detached signatures, too, by PGP 2 (RFC 4880 section 6.2) and old rnp
PUBLIC_KEY = "PGP PUBLIC KEY BLOCK"
_HEADER = re.compile(rb"[^\s:][^:\r]*+:(?: [^\r]*+)?\Z")
_OTHER_LINE = re.compile(rb"^(?![A-Za-z0-9+/]++={0,2}$).*", re.MULTILINE)
_BASE64_LINES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n"
_CHECKSUM = re.compile(rb"=[A-Za-z0-9+/]{4}\Z")
_BLANKS = b" \t"
_BLANK_LINES = re.compile(rb"[ \t\n]*+")
_EMPTY_LINES = re.compile(rb"^\n++", re.MULTILINE)
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
    return dearmor_each(content, label, most=1)[0]


def dearmor_each(content: bytes, label: str, *, most: int) -> tuple[bytes, ...]:
    """Return what each block in `content` holds: one to `most`, with blank lines alone around them.

    Raises MalformedError naming the line, TooLargeError where there are more.
    """
    text = content.replace(b"\r\n", b"\n").removesuffix(b"\r")
    blocks: list[bytes] = []
    at = _after_blank_lines(text, 0)
    while at < len(text) or not blocks:
        start, end, after = _places(text, at, label)
        if len(blocks) == most:
            kind = TooLargeError if most > 1 else MalformedError
            raise kind(f"more than {most} of {label} in ASCII armor")
        blocks.append(_decode(text[_after_headers(text, start, end) : end], label))
        at = _after_blank_lines(text, after)
    return tuple(blocks)


def _after_blank_lines(text: bytes, at: int) -> int:
    """Return where the next line begins that is not blank; the end where there is none."""
    found = _BLANK_LINES.match(text, at)
    end = found.end() if found is not None else at
    return end if end == len(text) else max(at, text.rfind(b"\n", at, end) + 1)


def _places(text: bytes, at: int, label: str) -> tuple[int, int, int]:
    """Return where the lines of the block begin and end, and where what follows it begins."""
    begin, end = begin_line(label), b"\n" + end_line(label)
    first = text.find(b"\n", at)
    last = text.find(end, first) if first >= 0 else -1
    after = text.find(b"\n", last + 1)
    after = len(text) if after < 0 else after
    is_whole = last >= 0 and not text[last + len(end) : after].strip(_BLANKS)
    if not is_whole or text[at:first].rstrip(_BLANKS) != begin:
        number = text.count(b"\n", 0, at) + 1
        raise MalformedError(f"line {number}: not {label} in ASCII armor, with nothing around it")
    return first + 1, last + 1, after


def _after_headers(text: bytes, start: int, stop: int) -> int:
    at = start
    while at < stop:
        end = text.index(b"\n", at)
        line = text[at:end]
        if not line.strip():
            return end + 1
        if not _HEADER.match(line):
            found = line[:_SHOWN].decode("ascii", "backslashreplace")
            number = text.count(b"\n", 0, at) + 1
            raise MalformedError(f"line {number}: not a header of ASCII armor: {found!r}")
        at = end + 1
    raise MalformedError("no empty line between the headers of ASCII armor and what it holds")


def _decode(lines: bytes, label: str) -> bytes:
    lines = lines.translate(None, _BLANKS)
    if b"\n\n" in lines or lines.startswith(b"\n"):
        lines = _EMPTY_LINES.sub(b"", lines)
    last = lines.rfind(b"\n", 0, -1) + 1
    if _CHECKSUM.match(lines[last:-1]):
        lines = lines[:last]
    if not _are_plain(lines):
        other = _OTHER_LINE.search(lines)
        if other is not None and other.start() < len(lines):
            found = other[0][:_SHOWN].decode("ascii", "backslashreplace")
            raise MalformedError(f"not a line of ASCII armor: {found!r}")
    return decode_base64(lines.replace(b"\n", b""), what=f"the {label}")


def _are_plain(lines: bytes) -> bool:
    """Say at once that all lines hold base64 alone; False is no finding."""
    return (
        not lines.translate(None, _BASE64_LINES)
        and not lines.startswith((b"\n", b"="))
        and b"\n\n" not in lines
        and lines.rstrip(b"=\n").find(b"=") < 0
        and lines[-4:].count(b"=") < 3  # noqa: PLR2004 - base64 ends with two at most
        and b"\n=" not in lines
    )


def armored_blocks(content: bytes, label: str) -> tuple[bytes, ...]:
    """Return every block of this label with its first and last line; text between is dropped.

    For files of our own side (trust), where people keep notes between blocks; never for evidence.
    """
    begin, end = re.escape(begin_line(label)), re.escape(end_line(label))
    # [^-] cannot run past an end line into the next block: each byte is looked at once.
    block = re.compile(rb"^" + begin + rb"[ \t]*\r?$[^-]*+(?:-(?!----)[^-]*+)*" + end, re.MULTILINE)
    return tuple(found[0] for found in block.finditer(content))
