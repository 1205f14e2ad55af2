"""Lists of checksums: SHA256SUMS, SHA512SUMS and the like.

Two spellings are read, also mixed: that of GNU coreutils (`<hex>  <name>`, `<hex> *<name>`, a
backslash in front where the name is escaped) and the tagged one of BSD (`SHA256 (<name>) = <hex>`).
Blank lines and lines that start with `#` are passed over; anything else is refused, since a line
that one reader skips and another believes is how lists are forged.
"""

from __future__ import annotations

import re

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import HEX_LENGTH, Digest

_ALGORITHMS = {HEX_LENGTH[algorithm]: algorithm for algorithm in ("sha256", "sha512")}
_GNU = re.compile(r"(\\?)([0-9a-fA-F]{64}|[0-9a-fA-F]{128}) (?: |\*|(?![ *]))(.+)", re.DOTALL)
_TAGGED = re.compile(r"(\\?)SHA(256|512) \((.+)\) = ([0-9a-fA-F]{64}|[0-9a-fA-F]{128})", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPED = {"\\": "\\", "n": "\n", "r": "\r"}
_SHOWN = 80
_SNIFFED_BYTES = 16 * 1024


def read_checksums(content: bytes, limits: Limits) -> dict[str, Digest]:
    """Return name → digest; where a name has both, its SHA-256.

    Raises TooLargeError past `index_bytes` or `files`, and MalformedError naming the line for one
    that is in neither spelling, a name that leads out of its folder, and a name with two digests.
    """
    if len(content) > limits.index_bytes:
        raise TooLargeError(f"{len(content)} bytes of checksums, more than index_bytes")
    listed: dict[tuple[str, str], Digest] = {}
    for number, line in enumerate(_lines(content), start=1):
        if not _counts(line):
            continue
        if len(listed) >= limits.files:
            raise TooLargeError(f"more than {limits.files} checksums in one list (files)")
        name, digest = _read_line(line, number)
        _refuse_name(name, number, limits)
        if listed.setdefault((name, digest.algorithm), digest) != digest:
            raise MalformedError(f"line {number}: {name[:_SHOWN]!r} has two different digests")
    return {name: listed.get((name, "sha256"), digest) for (name, _), digest in listed.items()}


def is_checksum_list(content: bytes) -> bool:
    """Say whether the first line that counts is a checksum line."""
    start = content[:_SNIFFED_BYTES].decode("utf-8", "replace")
    first = next(filter(_counts, map(_without_return, start.split("\n"))), "")
    return bool(_GNU.fullmatch(first) or _TAGGED.fullmatch(first))


def _lines(content: bytes) -> list[str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"a checksum list is UTF-8 text; byte {error.start} is not") from None
    return [_without_return(line) for line in text.split("\n")]


def _without_return(line: str) -> str:
    return line.removesuffix("\r")


def _counts(line: str) -> bool:
    return bool(line.strip(" \t")) and not line.startswith("#")


def _read_line(line: str, number: int) -> tuple[str, Digest]:
    tagged = _TAGGED.fullmatch(line)
    found = _GNU.fullmatch(line)
    if tagged is not None:
        escaped, bits, name, value = tagged.groups()
        algorithm = f"sha{bits}"
    elif found is not None:
        escaped, value, name = found.groups()
        algorithm = _ALGORITHMS[len(value)]
    else:
        raise MalformedError(f"line {number} is no SHA-256 or SHA-512 line: {line[:_SHOWN]!r}")
    try:
        digest = Digest.parse(f"{algorithm}:{value.lower()}")
    except MalformedError:
        raise MalformedError(f"line {number}: the digest is too short or too long") from None
    return (_unescape(name, number) if escaped else name).removeprefix("./"), digest


def _unescape(name: str, number: int) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPED:
            raise MalformedError(f"line {number}: {match[0]!r} is no escape in a file name")
        return _ESCAPED[match[1]]

    return _ESCAPE.sub(character, name)


def _refuse_name(name: str, number: int, limits: Limits) -> None:
    if len(name) > limits.name_characters:
        raise TooLargeError(f"line {number}: the name is longer than name_characters allows")
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise MalformedError(f"line {number}: the name leads out of its folder: {name[:_SHOWN]!r}")
