"""Read the OpenPGP cleartext signature framework (RFC 9580 section 7), strictly.

A consumer that reads around a signature, not inside it, can be fed lines nobody signed (this is
how apt was once deceived). So a document is one message and nothing else: blank lines may stand
around it, any other byte is refused, and callers use `Cleartext.text`, never the file.

Pure and shared: who collects a signed list and who verifies it must see the same text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import MalformedError, TooLargeError

MESSAGE_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE_BEGIN = b"-----BEGIN PGP SIGNATURE-----"
SIGNATURE_END = b"-----END PGP SIGNATURE-----"
_BLANKS = b" \t"  # what RFC 9580 section 7.2 strips from the end of a line, and nothing more
_SHOWN = 60
_HASH = rb"(?:MD5|SHA1|RIPEMD160|SHA224|SHA256|SHA384|SHA512|SHA3-256|SHA3-512)"
_HASH_HEADER = re.compile(rb"Hash: " + _HASH + rb"(?:, ?" + _HASH + rb"){0,8}\Z")


@dataclass(frozen=True, slots=True)
class Cleartext:
    """A cleartext-signed message, taken apart.

    `canonical` is what the signature is over: dash-escapes undone, blanks at line ends stripped,
    lines joined by CRLF, none at the end (the line end before the signature is not signed).
    `text` is the same lines, each ended by LF; it is empty exactly where `canonical` is. Each
    follows from the other, so whoever reads `text` reads nothing that is not signed.
    `signatures` is the armored block with its first and last line.
    """

    text: bytes
    canonical: bytes
    signatures: bytes


def read_cleartext(content: bytes, *, limit: int) -> Cleartext:
    """Take apart a message of at most `limit` bytes; raise TooLargeError or MalformedError."""
    if len(content) > limit:
        raise TooLargeError(f"a cleartext-signed message of {len(content)} bytes, limit {limit}")
    lines = _lines(content)
    start = _skip_blank(lines, 0)
    if start == len(lines) or lines[start] != MESSAGE_BEGIN:
        raise _refused(start, lines, f"the message must begin with {MESSAGE_BEGIN.decode()}")
    start = _skip_headers(lines, start + 1)
    body, begin = _unescape(lines, start)
    end = _end_of_block(lines, begin)
    after = _skip_blank(lines, end + 1)
    if after != len(lines):
        raise _refused(after, lines, "nothing may follow the signature")
    canonical = body.replace(b"\n", b"\r\n")
    text = body + b"\n" if canonical else b""
    return Cleartext(text, canonical, b"\n".join(lines[begin : end + 1]) + b"\n")


def _lines(content: bytes) -> list[bytes]:
    if b"\0" in content:
        raise MalformedError(f"a NUL byte at offset {content.index(0)} of a cleartext message")
    bare = content.replace(b"\r\n", b"\n")
    # A last line without LF keeps its CR: what reads as a line end to some is text to others.
    if b"\r" in bare:
        raise MalformedError("a carriage return that ends no line in a cleartext message")
    return bare.split(b"\n")


def _refused(number: int, lines: Sequence[bytes], why: str) -> MalformedError:
    if number >= len(lines):
        return MalformedError(f"the cleartext message ends too early: {why}")
    found = lines[number][:_SHOWN].decode("ascii", "backslashreplace")
    return MalformedError(f"line {number + 1} of the cleartext message: {why}, found {found!r}")


def _skip_blank(lines: Sequence[bytes], number: int) -> int:
    while number < len(lines) and not lines[number].strip(_BLANKS):
        number += 1
    return number


def _skip_headers(lines: Sequence[bytes], number: int) -> int:
    """Return the first line of the text: past `Hash:` headers and the one empty line."""
    while number < len(lines) and lines[number]:
        # Any other header would be text to a careless reader, and nobody signs headers.
        if not _HASH_HEADER.match(lines[number]):
            raise _refused(number, lines, "only `Hash:` headers may stand here")
        number += 1
    return number + 1


def _unescape(lines: Sequence[bytes], number: int) -> tuple[bytes, int]:
    """Return the text without escapes and line-end blanks, and where the signature is.

    Its lines may be millions: they are looked at one by one only where one needs it.
    """
    end = _signature_line(lines, number)
    body = b"\n".join(lines[number:end])
    if body.startswith(b"-") or b"\n-" in body:
        body = b"\n".join(map(_without_escape, lines[number:end], range(number, end)))
    if body.endswith((b" ", b"\t")) or b" \n" in body or b"\t\n" in body:
        body = b"\n".join([line.rstrip(_BLANKS) for line in body.split(b"\n")])
    return body, end


def _signature_line(lines: Sequence[bytes], number: int) -> int:
    try:
        return lines.index(SIGNATURE_BEGIN, number)
    except ValueError:
        for at in range(number, len(lines)):
            _without_escape(lines[at], at)
        raise _refused(len(lines), lines, f"no {SIGNATURE_BEGIN.decode()}") from None


def _without_escape(line: bytes, number: int) -> bytes:
    if line.startswith(b"-") and not line.startswith(b"- "):
        words = "a line that begins with a dash must be escaped"
        raise _refused(number, (b"",) * number + (line,), words)
    return line.removeprefix(b"- ")


def _end_of_block(lines: Sequence[bytes], begin: int) -> int:
    for at in range(begin + 1, len(lines)):
        if lines[at] == SIGNATURE_END:
            return at
        if lines[at].startswith(b"-"):
            raise _refused(at, lines, "an armored block inside another")
    raise _refused(len(lines), lines, f"no {SIGNATURE_END.decode()}")
