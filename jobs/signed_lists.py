"""The lists that a chain goes through, told by their content: what each names, with which digest.

Whoever calls has compared the list with the digest by which another vouches for it.

References: the Debian repository format (Release, Packages, Sources); GNU coreutils, sha256sum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from core.checksums import is_checksum_list, read_checksums
from core.cleartext import MESSAGE_BEGIN, read_cleartext
from core.deb822 import digest_from, listed_files, read_stanza, rows, source_files
from core.errors import TooLargeError
from core.limits import Limits
from core.model import Content, Digest, ReleaseExpectation
from core.repodata import is_primary, is_repomd, read_primary, read_repomd

SNIFFED_BYTES = 64 * 1024
ANY_SUITE = "./"  # a path, which no Suite or Codename can contradict
_PACKED = ((b"\xfd7zXZ\x00", ".xz"), (b"\x1f\x8b", ".gz"), (b"BZh", ".bz2"))
_ZSTD = b"\x28\xb5\x2f\xfd"
_FIELD = re.compile(rb"[!-9;-~]+:")
_RELEASE_SECTION = re.compile(rb"(?mi)^(?:MD5Sum|SHA1|SHA256|SHA512):[ \t]*\r?\n ")
_PACKAGE = re.compile(rb"(?mi)^Package:[ \t]*[^ \t\n]")
_FILENAME = re.compile(rb"(?mi)^Filename:")
_SOURCE_SECTION = re.compile(rb"(?mi)^(?:Files|Checksums-Sha256):[ \t]*\r?\n[ \t]")
_SOURCE_FIELDS = ("Checksums-Sha256", "Files", "Directory")
_PACKAGE_FIELDS = ("Package", "Version", "Architecture", "Filename", "SHA256")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list; `digest` is None where the list gives only weak ones.

    `other` is what the digits mean, too, where nothing says which of two algorithms made them.
    """

    name: str
    aliases: tuple[str, ...]
    digest: Digest | None
    other: Digest | None = None

    @property
    def readings(self) -> tuple[Digest, ...]:
        """The strong digests, each of which binds the bytes."""
        return tuple(one for one in (self.digest, self.other) if one is not None)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list taken apart. Where its names are what people rely on, they are binding."""

    kind: str
    entries: Iterator[Entry]
    has_binding_names: bool


class RefusedError(Exception):
    """A link that does not hold, and why."""

    def __init__(self, reason: str, detail: str, expected: str, found: str) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.expected, self.found = reason, detail, expected, found


def release_expectation(start: bytes) -> ReleaseExpectation | None:
    """Return what must hold of a text that begins like a Release: any suite, but in its time."""
    return ReleaseExpectation(ANY_SUITE) if _is_release(start) else None


def read_list(content: Content, limits: Limits) -> Listing:
    """Take a list apart, unpacked where it is packed, as the first kind that recognises it.

    Raises RefusedError where none does; MalformedError and TooLargeError, also while its entries
    are read.
    """
    from collectors.apt_index import unpack  # noqa: PLC0415 - costs time that most calls save

    suffix = _packing(content)
    pieces = unpack(content, f"the list{suffix}", limit=limits.index_unpacked_bytes)
    start, whole = _peek(pieces, limits.stanza_bytes)
    if start.startswith(MESSAGE_BEGIN):
        # What signs it does not count here: the list before vouches for all of its bytes.
        text = read_cleartext(_whole(whole, limits), limit=limits.release_bytes).text
        start, whole = text[: limits.stanza_bytes], iter((text,))
    for kind, recognises, read, has_binding_names in _KINDS:
        if recognises(start):
            return Listing(kind, read(whole, limits), has_binding_names)
    expected = "a Release, a package list, a repomd.xml or a list of checksums"
    if start.startswith(_ZSTD):
        detail = "the list is packed with zstd, which is not read; give it unpacked"
        raise RefusedError("FORMAT_UNSUPPORTED", detail, expected, "a list packed with zstd")
    detail = "no reader recognises this list (Release, Packages, .dsc, SHA256SUMS, repomd.xml are)"
    raise RefusedError("FORMAT_UNSUPPORTED", detail, expected, "a text of another kind")


def _packing(content: Content) -> str:
    start = next(iter(content.chunks()), b"")
    return next((suffix for magic, suffix in _PACKED if start.startswith(magic)), "")


def _peek(pieces: Iterator[bytes], most: int) -> tuple[bytes, Iterator[bytes]]:
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= most:
            break
    return start[:most], chain((start,), pieces)


# Archives copy what fields an uploader wrote into their lists, beside their own: no list may pass
# for one of another kind by those. Its first entry says what it is, and must not say two things.


def _first_stanza(start: bytes) -> bytes:
    stanza = start.lstrip(b"\n").partition(b"\n\n")[0]
    return stanza if _FIELD.match(stanza) else b""


def _is_release(start: bytes) -> bool:
    stanza = _first_stanza(start[:SNIFFED_BYTES])
    return bool(_RELEASE_SECTION.search(stanza) and not _PACKAGE.search(stanza))


def _is_sources(start: bytes) -> bool:
    stanza = _first_stanza(start)
    return bool(_SOURCE_SECTION.search(stanza) and not _FILENAME.search(stanza))


def _is_packages(start: bytes) -> bool:
    stanza = _first_stanza(start)
    return bool(_PACKAGE.search(stanza) and not _SOURCE_SECTION.search(stanza))


def _whole(pieces: Iterable[bytes], limits: Limits) -> bytes:
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limits.release_bytes:
            raise TooLargeError(f"more than {limits.release_bytes} bytes (release_bytes)")
        kept.append(piece)
    return b"".join(kept)


def _release_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[Entry]:
    for name, listed in listed_files(read_stanza(_whole(pieces, limits))).items():
        yield Entry(name, (name, _last(name)), listed.digest)


def _checksum_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[Entry]:
    for name, readings in read_checksums(_whole(pieces, limits), limits).items():
        yield Entry(name, (name, _last(name)), *(readings or (None,)))


def _package_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[Entry]:
    limit = limits.stanza_bytes
    for row in rows(pieces, _PACKAGE_FIELDS, substitutes=("SHA512",), limit=limit):
        package, version, architecture, path, sha256, sha512 = row
        yield Entry(
            f"{package} {version} {architecture}",
            _package_names(package, version, architecture, path),
            _package_digest(sha256, sha512),
        )


def _source_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[Entry]:
    for checksums, files, folder in rows(pieces, _SOURCE_FIELDS, limit=limits.stanza_bytes):
        for name, digest in source_files(checksums, files).items():
            path = f"{folder}/{name}" if folder else name
            yield Entry(path, (path, name), digest)


def _repomd_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[Entry]:
    return (Entry(one.name, one.aliases, one.digest) for one in read_repomd(pieces, limits))


def _primary_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[Entry]:
    return (Entry(one.name, one.aliases, one.digest) for one in read_primary(pieces, limits))


def _package_names(package: str, version: str, architecture: str, path: str) -> tuple[str, ...]:
    """Return what a package's file is called: as listed, with its epoch, quoted, or without it."""
    plain = version.partition(":")[2] or version
    versions = dict.fromkeys((version, version.replace(":", "%3a"), plain))
    files = [f"{package}_{each}_{architecture}.deb" for each in versions]
    return (package, path, _last(path), *files)


def _package_digest(sha256: str, sha512: str) -> Digest | None:
    if sha256:
        return digest_from("sha256", sha256)
    return digest_from("sha512", sha512) if sha512 else None


def _last(path: str) -> str:
    return path.rpartition("/")[2]


_Reader = Callable[[Iterator[bytes], Limits], Iterator[Entry]]
_KINDS: tuple[tuple[str, Callable[[bytes], bool], _Reader, bool], ...] = (
    ("Release", _is_release, _release_entries, False),
    ("checksum list", is_checksum_list, _checksum_entries, True),
    ("list of source files", _is_sources, _source_entries, True),
    ("package list", _is_packages, _package_entries, False),
    ("repomd.xml", is_repomd, _repomd_entries, False),
    ("list of rpm packages", is_primary, _primary_entries, False),
)
