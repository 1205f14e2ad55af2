"""Manifests and signature files of JAR archives, read strictly.

JAR File Specification, sections "Name-Value pairs and Sections", "JAR Manifest" and "Signed JAR
File". A section's bytes, from its first to its blank line, are what a signature file digests, so
they are kept as they stand. What readers treat in different ways (a section or an attribute that
stands there twice, a continuation of nothing) is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from core import wire
from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass

STRONG = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
WEAK = frozenset({"sha", "sha1", "sha-1", "md5", "md2", "sha-224"})
MAX_SECTIONS = 200_000
_MAX_VALUE_BYTES = 64 * 1024
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_KEY = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_-]{0,69}")
_SIZES = {name: hashlib.new(name).digest_size for name in STRONG.values()}
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its attributes by name in lower case, and its bytes with its blank line."""

    attributes: Mapping[str, str]
    raw: bytes

    def digest(self, algorithm: str) -> bytes:
        """Return the digest of the section's bytes."""
        return hashlib.new(algorithm, self.raw).digest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or signature file: its main section, and the others by the name they state."""

    main: Section
    sections: Mapping[str, Section]


def read_manifest(content: bytes, what: str) -> Manifest:
    """Read a manifest or a signature file; raise MalformedError or TooLargeError."""
    found = _sections(content, what)
    try:
        main = next(found)
    except StopIteration:
        raise MalformedError(f"{what} is empty") from None
    if "name" in main.attributes:
        raise MalformedError(f"{what} has no main section")
    sections: dict[str, Section] = {}
    for section in found:
        name = section.attributes.get("name")
        if name is None or not section.raw[:5].lower() == b"name:":
            raise MalformedError(f"{what} has a section that does not begin with its name")
        if name in sections:
            raise MalformedError(f"{what} has two sections named {name[:_SHOWN]!r}")
        if len(sections) == MAX_SECTIONS:
            raise TooLargeError(f"{what} has more than {MAX_SECTIONS} sections")
        sections[name] = section
    return Manifest(main, sections)


def _sections(content: bytes, what: str) -> Iterator[Section]:
    """Yield the sections; each reaches to the end of the first blank line after it."""
    begin = at = 0
    lines: list[bytes] = []
    while at < len(content):
        found = _LINE.match(content, at)
        if found is None:
            raise MalformedError(f"{what} cannot be read at byte {at}")
        at = found.end()
        if found[1]:
            lines.append(found[1])
        elif lines:
            yield Section(_attributes(lines, what), content[begin:at])
            begin, lines = at, []
        elif begin:
            begin = at  # a further blank line belongs to no section
        else:
            yield Section({}, content[:at])  # Java writes no main section without its version
            begin = at
    if lines:
        yield Section(_attributes(lines, what), content[begin:])


def _attributes(lines: list[bytes], what: str) -> dict[str, str]:
    """Join continued lines (each begins with one blank), and read the pairs."""
    read: dict[str, str] = {}
    whole = b"\n".join(lines)
    is_plain = len(whole) <= _MAX_VALUE_BYTES and b"\n " not in whole and whole[:1] != b" "
    for pair in lines if is_plain else _joined(lines, what):
        key, colon, value = pair.partition(b": ")
        if not colon or not _KEY.fullmatch(key):
            raise MalformedError(f"{what} has a line that is no attribute: {pair[:_SHOWN]!r}")
        name = key.decode("ascii").lower()
        if name in read:
            raise MalformedError(f"{what} has the attribute {name!r} twice in one section")
        try:
            read[name] = value.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedError(f"{what} has an attribute that is not UTF-8") from None
    return read


def _joined(lines: list[bytes], what: str) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for line in lines:
        if line[:1] == b" ":
            if not parts:
                raise MalformedError(f"{what} continues a line where there is none")
            parts.append(line[1:])
        else:
            if parts:
                yield b"".join(parts)
            parts, size = [line], 0
        size += len(line)
        if size > _MAX_VALUE_BYTES:
            raise TooLargeError(f"{what} has an attribute of more than {_MAX_VALUE_BYTES} bytes")
    if parts:
        yield b"".join(parts)


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests that one section states under one kind of name, by how good they are."""

    strong: Mapping[str, bytes]
    weak: tuple[str, ...]
    foreign: tuple[str, ...]  # by algorithms that are not read here


def stated_digests(section: Section, suffix: str) -> Digests:
    """Return the digests stated in attributes such as `SHA-256-Digest`; `suffix` is lower case."""
    strong: dict[str, bytes] = {}
    weak: list[str] = []
    foreign: list[str] = []
    for name, value in section.attributes.items():
        if not name.endswith(suffix):
            continue
        algorithm = name.removesuffix(suffix)
        if algorithm in WEAK:
            weak.append(algorithm.upper())
        elif algorithm in STRONG:
            strong[STRONG[algorithm]] = _decoded(value, STRONG[algorithm], name)
        else:
            foreign.append(algorithm.upper())
    return Digests(strong, tuple(weak), tuple(foreign))


def _decoded(value: str, algorithm: str, name: str) -> bytes:
    digest = wire.decode_base64(value, what=f"the attribute {name!r}")
    if len(digest) != _SIZES[algorithm]:
        raise MalformedError(f"the attribute {name!r} is no {algorithm} digest")
    return digest
