"""Read the OpenPGP cleartext signature framework (RFC 9580 section 7), strictly.

A consumer that reads around a signature, not inside it, can be fed lines nobody signed (this is
how apt was once deceived). So a document is one message and nothing else: blank lines may stand
around it, any other byte is refused, and callers use `Cleartext.text`, never the file. Blanks at
the end of a line count for nothing, in the lines of the framework neither (section 6.2.1).

Pure and shared: who collects a signed list and who verifies it must see the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import MalformedError, TooLargeError

MESSAGE_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE_BEGIN = b"-----BEGIN PGP SIGNATURE-----"
SIGNATURE_END = b"-----END PGP SIGNATURE-----"
_BLANKS = b" \t"  # what RFC 9580 section 7.2 strips from the end of a line, and nothing more
_SHOWN = 60
_HASH = rb"(?:MD5|SHA1|RIPEMD160|SHA224|SHA256|SHA384|SHA512|SHA3-256|SHA3-512)"
_UNESCAPED = re.compile(rb"\n-(?! )")
_HASH_HEADER = re.compile(rb"Hash:[ \t]*+" + _HASH + rb"(?:[ \t]*+,[ \t]*+" + _HASH + rb"){0,8}\Z")
_BLANK_LINES = re.compile(rb"[ \t\n]*+")


@dataclass(frozen=True, slots=True)
class Cleartext:
    """A cleartext-signed message, taken apart.

    `canonical` is what the signature is over: dash-escapes undone, blanks at line ends stripped,
    lines joined by CRLF, none at the end (the line end before the signature is not signed).
    `text` is the same lines, each ended by LF; it is empty exactly where `canonical` is. Each
    follows from the other, so whoever reads `text` reads nothing that is not signed.
    `signatures` are the armored blocks with their first and last lines.
    """

    text: bytes
    canonical: bytes
    signatures: bytes


def read_cleartext(content: bytes, *, limit: int) -> Cleartext:
    """Take apart a message of at most `limit` bytes; raise TooLargeError or MalformedError."""
    if len(content) > limit:
        raise TooLargeError(f"a cleartext-signed message of {len(content)} bytes, limit {limit}")
    whole = _with_bare_ends(content)
    begin = _after_blank_lines(whole, 0)
    if _line(whole, begin) != MESSAGE_BEGIN:
        raise _refused(whole, begin, f"the message must begin with {MESSAGE_BEGIN.decode()}")
    start = _after_headers(whole, _next_line(whole, begin))
    signature = _signature_at(whole, start)
    body = _unescaped(whole, start, signature)
    end = after = signature
    # Several may have signed, in a block each.
    while _line(whole, after) == SIGNATURE_BEGIN:
        end = _end_of_block(whole, after)
        after = _after_blank_lines(whole, end + 1)
    if after <= len(whole):
        raise _refused(whole, after, "nothing may follow the signature")
    canonical = body.replace(b"\n", b"\r\n")
    text = body + b"\n" if canonical else b""
    return Cleartext(text, canonical, whole[signature:end] + b"\n")


def _with_bare_ends(content: bytes) -> bytes:
    """Return the message with each CR LF as LF; places in it are offsets from here on."""
    if b"\0" in content:
        raise MalformedError(f"a NUL byte at offset {content.index(0)} of a cleartext message")
    bare = content.replace(b"\r\n", b"\n")
    # A last line without LF keeps its CR: what reads as a line end to some is text to others.
    if b"\r" in bare:
        raise MalformedError("a carriage return that ends no line in a cleartext message")
    return bare


def _refused(whole: bytes, at: int, why: str) -> MalformedError:
    if at > len(whole):
        return MalformedError(f"the cleartext message ends too early: {why}")
    found = _line(whole, at)[:_SHOWN].decode("ascii", "backslashreplace")
    number = whole.count(b"\n", 0, at) + 1
    return MalformedError(f"line {number} of the cleartext message: {why}, found {found!r}")


def _line(whole: bytes, at: int) -> bytes:
    """Return the line without the blanks at its end."""
    return whole[at : _next_line(whole, at) - 1].rstrip(_BLANKS)


def _next_line(whole: bytes, at: int) -> int:
    """Return where the next line begins; one past the end where there is none."""
    found = whole.find(b"\n", at)
    return found + 1 if found >= 0 else len(whole) + 1


def _after_blank_lines(whole: bytes, at: int) -> int:
    found = _BLANK_LINES.match(whole, at)
    end = found.end() if found is not None else at
    return len(whole) + 1 if end == len(whole) else max(at, whole.rfind(b"\n", at, end) + 1)


def _after_headers(whole: bytes, at: int) -> int:
    """Return where the text begins: past `Hash:` headers and the one blank line."""
    after = _next_line(whole, at)
    while line := whole[at : after - 1].rstrip(_BLANKS):
        # Any other header would be text to a careless reader, and nobody signs headers.
        if not _HASH_HEADER.match(line):
            raise _refused(whole, at, "only `Hash:` headers may stand here")
        at, after = after, _next_line(whole, after)
    return after


def _signature_at(whole: bytes, start: int) -> int:
    """Return where the line is that begins the signature; one past the end if there is none."""
    at = whole.find(SIGNATURE_BEGIN, start)
    while at >= 0:
        if (at == start or whole[at - 1 : at] == b"\n") and _line(whole, at) == SIGNATURE_BEGIN:
            return at
        at = whole.find(SIGNATURE_BEGIN, at + 1)
    return len(whole) + 1


def _unescaped(whole: bytes, start: int, signature: int) -> bytes:
    """Return the text without escapes and line-end blanks.

    Its lines may be millions: they are looked at one by one only where one ends with a blank.
    """
    body = b"\n" + whole[start : signature - 1]
    if body.count(b"\n-") != body.count(b"\n- "):
        at = next(each.start() for each in _UNESCAPED.finditer(body))
        raise _refused(whole, start + at, "a line that begins with a dash must be escaped")
    if signature > len(whole):
        raise _refused(whole, signature, f"no {SIGNATURE_BEGIN.decode()}")
    body = body.replace(b"\n- ", b"\n")[1:]
    if body.endswith((b" ", b"\t")) or b" \n" in body or b"\t\n" in body:
        body = b"\n".join([line.rstrip(_BLANKS) for line in body.split(b"\n")])
    return body


def _end_of_block(whole: bytes, begin: int) -> int:
    """Return where the line ends that closes the signature."""
    at = whole.find(b"\n-", begin) + 1
    if not at:
        raise _refused(whole, len(whole) + 1, f"no {SIGNATURE_END.decode()}")
    if _line(whole, at) != SIGNATURE_END:
        raise _refused(whole, at, "an armored block inside another")
    return _next_line(whole, at) - 1
