"""Lists of checksums: SHA256SUMS, SHA384SUMS, SHA512SUMS, B2SUMS and the like.

Two spellings are read, also mixed: that of GNU coreutils (`<hex>  <name>`, `<hex> *<name>`, a
backslash in front where the name is escaped) and the tagged one of BSD (`SHA256 (<name>) = <hex>`),
which OpenSSL writes with other blanks and names (`SHA2-256(<name>)= <hex>`).
128 digits without a tag may be SHA-512 or BLAKE2b: both are as strong, and either binds the bytes.
A comment such as Gentoo's `# BLAKE2B HASH` says it of the lines below it, as a tag would. Lines of
weaker hashes, which Qubes OS writes beside the strong ones, are read and bind nothing.
Blank lines and other comments are passed over; anything else is refused, since a line that one
reader skips and another believes is how lists are forged.
"""

from __future__ import annotations

import re

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import HEX_LENGTH, Digest

Readings = tuple[Digest, ...]  # what one line may mean: a digest equal to any of them will do

_TAGS = {"SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512", "BLAKE2b": "blake2b512"}
_OPENSSL_TAGS = {
    "SHA2-256": "sha256",
    "SHA2-384": "sha384",
    "SHA2-512": "sha512",
    "BLAKE2B-512": "blake2b512",
    "BLAKE2b512": "blake2b512",
}
_STRONG_TAGS = _TAGS | _OPENSSL_TAGS
_WEAK_TAGS = {"MD5": 32, "SHA1": 40, "RMD160": 40, "SHA224": 56, "SHA2-224": 56}
_BY_LENGTH = {
    length: tuple(each for each in _TAGS.values() if HEX_LENGTH[each] == length)
    for length in map(HEX_LENGTH.__getitem__, _TAGS.values())
}
_LENGTHS = sorted({*_BY_LENGTH, *_WEAK_TAGS.values()}, reverse=True)
_DIGITS = "(" + "|".join(f"[0-9a-fA-F]{{{length}}}" for length in _LENGTHS) + ")"
_NAMED = "|".join([*_STRONG_TAGS, *_WEAK_TAGS])
_GNU = re.compile(rf"(\\?){_DIGITS} (?: |\*|(?![ *]))(.+)", re.DOTALL)
_TAGGED = re.compile(rf"(\\?)({_NAMED}) ?\((.+)\)[ \t]*=[ \t]*{_DIGITS}", re.DOTALL)
_HEADED = " HASH"
_HEADING = re.compile(rf"# ([A-Z0-9_]{{1,32}}){_HEADED}")
_HEADINGS = {tag.upper(): algorithm for tag, algorithm in _TAGS.items()}
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPED = {"\\": "\\", "n": "\n", "r": "\r"}
_SHOWN = 80
_SNIFFED_BYTES = 16 * 1024


def read_checksums(content: bytes, limits: Limits) -> dict[str, Readings]:
    """Return name → what its digest may be; where a name has several lines, its SHA-256.

    A name with weaker hashes alone has no reading at all.

    Raises TooLargeError past `index_bytes` or `files`, and MalformedError naming the line for one
    that is in neither spelling, a name that leads out of its folder, and a name with two digests.
    """
    if len(content) > limits.index_bytes:
        raise TooLargeError(f"{len(content)} bytes of checksums, more than index_bytes")
    listed: dict[tuple[str, str], Readings] = {}
    heading = ""
    for number, line in enumerate(_lines(content), start=1):
        if not line or not _counts(line):
            if line.endswith(_HEADED) and (headed := _HEADING.fullmatch(line)):
                heading = _HEADINGS.get(headed[1], headed[1])
            continue
        if len(listed) >= limits.files:
            raise TooLargeError(f"more than {limits.files} checksums in one list (files)")
        name, readings = _read_line(line, number, heading)
        _refuse_name(name, number, limits)
        key = name, readings[0].algorithm if readings else ""
        known = listed.get(key, readings)
        if known[:1] != readings[:1]:
            raise MalformedError(f"line {number}: {name[:_SHOWN]!r} has two different digests")
        # Of a line with a tag and one without, the tag says which it is.
        listed[key] = min(known, readings, key=len)
    return _strongest(listed)


def _strongest(listed: dict[tuple[str, str], Readings]) -> dict[str, Readings]:
    found: dict[str, Readings] = {}
    for (name, _), readings in listed.items():
        found[name] = listed.get((name, "sha256")) or found.get(name) or readings
    return found


def is_checksum_list(content: bytes) -> bool:
    """Say whether the first line that counts is a checksum line."""
    for encoded in content[:_SNIFFED_BYTES].split(b"\n"):
        line = _without_return(encoded.decode("latin-1"))  # only the name may be more than ASCII
        if _counts(line):
            return bool(_GNU.fullmatch(line) or _TAGGED.fullmatch(line))
    return False


def _lines(content: bytes) -> list[str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"a checksum list is UTF-8 text; byte {error.start} is not") from None
    return _without_return(text.replace("\r\n", "\n")).split("\n")


def _without_return(line: str) -> str:
    return line.removesuffix("\r")


def _counts(line: str) -> bool:
    return not line.startswith("#") and bool(line.strip(" \t"))


def _read_line(line: str, number: int, heading: str) -> tuple[str, Readings]:
    tagged = _TAGGED.fullmatch(line)
    found = _GNU.fullmatch(line)
    if tagged is not None:
        escaped, tag, name, value = tagged.groups()
        algorithms = tuple(filter(None, [_STRONG_TAGS.get(tag)]))
        length = HEX_LENGTH[algorithms[0]] if algorithms else _WEAK_TAGS[tag]
    elif found is not None:
        escaped, value, name = found.groups()
        possible = _BY_LENGTH.get(len(value), ())
        is_plain = len(possible) == 1 or not heading
        algorithms = possible if is_plain else tuple(one for one in possible if one == heading)
        length = len(value)
    else:
        words = "no line of SHA-256, SHA-384, SHA-512, BLAKE2b or a weaker hash"
        raise MalformedError(f"line {number} is {words}: {line[:_SHOWN]!r}")
    if len(value) != length:
        raise MalformedError(f"line {number}: the digest is too short or too long")
    readings = tuple(Digest(one, value.lower()) for one in algorithms)
    return (_unescape(name, number) if escaped else name).removeprefix("./"), readings


def _unescape(name: str, number: int) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPED:
            raise MalformedError(f"line {number}: {match[0]!r} is no escape in a file name")
        return _ESCAPED[match[1]]

    return _ESCAPE.sub(character, name)


def _refuse_name(name: str, number: int, limits: Limits) -> None:
    if len(name) > limits.name_characters:
        raise TooLargeError(f"line {number}: the name is longer than name_characters allows")
    if "\0" in name:
        words = "a name with a NUL byte; a list made with --zero is not read"
        raise MalformedError(f"line {number}: {words}")
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise MalformedError(f"line {number}: the name leads out of its folder: {name[:_SHOWN]!r}")
