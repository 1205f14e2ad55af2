"""The package lists of a suite: which there are, fetching them, and what they name.

A list is believed only byte for byte as the Release names it: size and digest of the bytes as
fetched are compared before any decompressor sees them.
"""

from __future__ import annotations

import bz2
import lzma
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from collectors.apt_archive import Archive
from collectors.apt_release import ReleaseFields
from collectors.apt_suite import Suite
from core.deb822 import ListedFile, digest_from, rows
from core.errors import CollectionError, MalformedError, TooLargeError, UnreachableError
from core.limits import MIB, Limits
from core.model import Artifact, Content, Digest, DigestOrigin, Location, Sighting
from core.text import display
from net.http import Spooled

SUFFIXES = {  # best first
    ".xz": "application/x-xz",
    ".gz": "application/gzip",
    ".bz2": "application/x-bzip2",
    "": "text/plain",
}
XZ_MEMORY = 128 * MIB  # `xz -9` needs 65 MiB to unpack; a hostile header may ask for 4 GiB
_PIECE = 1 << 18
_LEAST_PIECE = 1 << 16  # of many small streams each gives a piece
_FED = 1 << 14  # at once: behind each of many small streams what is left is copied
_Unpacker = lzma.LZMADecompressor | bz2.BZ2Decompressor
_FIELDS = ("Package", "Version", "Architecture", "Size", "SHA256")
_RUN = 256  # stanzas of one name that are compared with each other
_FOUND, _ABSENT = 200, 404


@dataclass(frozen=True, slots=True)
class PackageList:
    """One Packages file. `files` are its forms in the Release, the preferred one first.

    `plain` are the architectures whose packages are called by their architecture alone; another
    one gets the list's own behind it, so that a location never stands in two lists.
    """

    key: str  # of its evidence set, never that of another archive's list
    repository: str
    architecture: str
    plain: frozenset[str]
    files: Mapping[str, ListedFile]  # entry in the Release → what it says of it


@dataclass(frozen=True, slots=True)
class FetchedList:
    """A list's bytes, compared with the Release."""

    entry: str
    listed: ListedFile
    content: Spooled

    @property
    def media_type(self) -> str:
        """What the bytes are, by the entry's suffix."""
        return SUFFIXES[_suffix(self.entry)]


def package_lists(suite: Suite, release: ReleaseFields) -> list[PackageList]:
    """Return the lists that the suite asks for and the Release has."""
    if suite.is_flat:
        wanted = frozenset(architecture for _, architecture in suite.wanted) | {"all"}
        files = _forms("Packages", release)
        name = suite.repository("")
        return [PackageList(suite.unit, name, "", wanted, files)] if files else []
    lists: list[PackageList] = []
    for component in dict.fromkeys(component for component, _ in suite.wanted):
        architectures = [arch for name, arch in suite.wanted if name == component]
        lists += _component_lists(suite, component, architectures, release)
    return lists


def absent_components(suite: Suite, release: ReleaseFields) -> list[str]:
    """Return the components that the Release names no package list of at all."""
    named = {entry.partition("/binary-")[0] for entry in release.files if "/binary-" in entry}
    return [
        name for name in dict.fromkeys(c for c, _ in suite.wanted) if name and name not in named
    ]


def fetch_list(
    archive: Archive,
    suite: Suite,
    wanted: PackageList,
    *,
    by_hash: bool,
    spool: Path,
    limits: Limits,
) -> FetchedList:
    """Fetch the first form of a list that is there and compare it with the Release.

    Raises CollectionError with DIGEST_MISMATCH when the bytes are others, TooLargeError over
    `limits.index_bytes`, UnreachableError when no form is there.
    """
    for entry, listed in wanted.files.items():
        if listed.size > limits.index_bytes:
            raise TooLargeError(
                f"{display(entry)} of {suite.unit}: {listed.size} bytes, limits.index_bytes is"
                f" {limits.index_bytes}"
            )
        for url in _urls(suite, entry, listed, by_hash=by_hash):
            content = _spooled(archive, url, listed, spool)
            if content is not None:
                return FetchedList(entry, listed, content)
    names = ", ".join(display(entry) for entry in wanted.files)
    raise UnreachableError(f"{suite.unit}: the Release names {names}, but none is there")


def unpack(content: Content, entry: str, *, limit: int) -> Iterator[bytes]:
    """Yield a list's text in bounded pieces; TooLargeError past `limit` bytes.

    None but the last is small: readers look again at what they have of an entry with each piece.
    """
    unpacked, small = 0, bytearray()
    for piece in _UNPACKERS[_suffix(entry)](content):
        unpacked += len(piece)
        if unpacked > limit:
            raise TooLargeError(
                f"{display(entry)} unpacks to more than {limit} bytes (limits.index_unpacked_bytes)"
            )
        if small or len(piece) < _LEAST_PIECE:
            small += piece
            if len(small) < _LEAST_PIECE:
                continue
            piece = bytes(small)  # noqa: PLW2901 - the same bytes, gathered
            small.clear()
        yield piece
    yield bytes(small)


class PackagesReader:
    """Turns one list into sightings, and counts what it names without a digest worth the name.

    The same name, version and architecture twice in a row of one name: once where the digests are
    equal, else each with its number in the variant, since the list vouches for both. Lists are not
    always sorted, so a repetition elsewhere in the list is left to whoever keeps locations.
    """

    def __init__(self, wanted: PackageList, limits: Limits) -> None:
        self.list, self.limits = wanted, limits
        self.weak = 0
        self.first_weak = ""
        self._name = ""
        self._run: dict[tuple[str, str], list[Digest]] = {}
        self._in_run = 0

    def sightings(self, chunks: Iterator[bytes]) -> Iterator[Sighting]:
        """Yield one sighting for each package; MalformedError ends the list."""
        repository, key, limit = self.list.repository, self.list.key, self.limits.stanza_bytes
        for row in rows(chunks, _FIELDS, substitutes=("SHA512",), limit=limit):
            name, version, architecture, size, sha256, sha512 = row
            self._refuse_names(name, version, architecture)
            variant = self._variant(architecture)
            if not variant:
                continue
            if sha256:
                digest = digest_from("sha256", sha256)
            elif sha512:
                digest = digest_from("sha512", sha512)
            else:
                self.weak += 1
                self.first_weak = self.first_weak or f"{name} {version}"
                continue
            number = self._number(name, (version, variant), digest)
            if number:
                place = variant if number == 1 else f"{variant} #{number}"
                artifact = Artifact("deb", digest, DigestOrigin.INDEX, _size(size, name))
                yield Sighting(Location(repository, name, version, place), artifact, key)

    def _refuse_names(self, *texts: str) -> None:
        for text in texts:
            if not text:
                raise MalformedError("a package without Package, Version or Architecture")
            if len(text) > self.limits.name_characters:
                raise TooLargeError(
                    f"{display(text, 80)}: longer than limits.name_characters"
                    f" ({self.limits.name_characters})"
                )

    def _number(self, name: str, offer: tuple[str, str], digest: Digest) -> int:
        """Return which content under this name, version and variant it is; 0: told already."""
        if name != self._name or self._in_run >= _RUN:
            self._name, self._run, self._in_run = name, {}, 0
        self._in_run += 1
        digests = self._run.setdefault(offer, [])
        if digest in digests:
            return 0
        digests.append(digest)
        return len(digests)

    def _variant(self, architecture: str) -> str:
        if architecture in self.list.plain:
            return architecture
        # A flat list holds every architecture; apt passes over those the machine does not use.
        return f"{architecture} ({self.list.architecture})" if self.list.architecture else ""


def _component_lists(
    suite: Suite, component: str, architectures: list[str], release: ReleaseFields
) -> list[PackageList]:
    asked = dict.fromkeys(architectures)
    if "all" in release.architectures:
        asked = {"all": None, **asked}
    lists: list[PackageList] = []
    repository = suite.repository(component)
    for architecture in asked:
        files = _forms(f"{component}/binary-{architecture}/Packages", release)
        if files:
            plain = {architecture} if lists else {architecture, "all"}
            key = f"{suite.unit} {component}/{architecture}"
            lists.append(PackageList(key, repository, architecture, frozenset(plain), files))
    return lists


def _forms(path: str, release: ReleaseFields) -> dict[str, ListedFile]:
    names = [path + suffix for suffix in SUFFIXES]
    return {name: release.files[name] for name in names if name in release.files}


def _urls(suite: Suite, entry: str, listed: ListedFile, *, by_hash: bool) -> list[str]:
    plain = suite.folder + entry
    if not by_hash:
        return [plain]
    folder = plain.rpartition("/")[0]
    digest = listed.digest
    return [f"{folder}/by-hash/{digest.algorithm.upper()}/{digest.value}", plain]


def _spooled(archive: Archive, url: str, listed: ListedFile, spool: Path) -> Spooled | None:
    descriptor, name = tempfile.mkstemp(dir=spool, prefix="apt-")
    os.close(descriptor)
    path = Path(name)
    shown = display(url)
    try:
        content = archive.spool(url, path, limit=listed.size)
    except TooLargeError:
        path.unlink(missing_ok=True)
        message = f"{shown}: more bytes than the {listed.size} the Release states"
        raise CollectionError(message, reason="DIGEST_MISMATCH") from None
    if content.status == _ABSENT:
        path.unlink(missing_ok=True)
        return None
    if content.status != _FOUND:
        raise UnreachableError(f"{shown} answered {content.status}")
    found = content.digest(listed.digest.algorithm)
    if content.size != listed.size or found != listed.digest:
        message = (
            f"{shown}: the Release states {listed.digest} ({listed.size} bytes), found {found}"
            f" ({content.size} bytes)"
        )
        raise CollectionError(message, reason="DIGEST_MISMATCH")
    return content


def _size(text: str, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - below 2**63
        raise MalformedError(f"the Size of {display(name, 80)} is no number: {display(text, 40)}")
    return int(text)


def _suffix(entry: str) -> str:
    return next(suffix for suffix in SUFFIXES if entry.endswith(suffix))


def _unpack_xz(content: Content) -> Iterator[bytes]:
    return _streams(
        content, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), "xz"
    )


def _unpack_bzip2(content: Content) -> Iterator[bytes]:
    return _streams(content, bz2.BZ2Decompressor, "bzip2")


def _streams(content: Content, begin: Callable[[], _Unpacker], packing: str) -> Iterator[bytes]:
    reader = begin()
    for chunk in _fed(content):
        left = chunk
        while left or not (reader.needs_input or reader.eof):
            if reader.eof:  # several streams may follow each other
                reader = begin()
            try:
                yield reader.decompress(left, _PIECE)
            except (lzma.LZMAError, OSError) as error:  # bz2 knows no error of its own
                raise MalformedError(f"not to be unpacked as {packing}: {error}") from None
            left = reader.unused_data if reader.eof else b""
    if not reader.eof:
        raise MalformedError(f"the {packing} data end too early")


def _unpack_gzip(content: Content) -> Iterator[bytes]:
    reader = zlib.decompressobj(wbits=31)
    try:
        for chunk in _fed(content):
            left, piece = chunk, b""
            while left or (len(piece) == _PIECE and not reader.eof):
                if reader.eof:  # several members may follow each other
                    reader = zlib.decompressobj(wbits=31)
                piece = reader.decompress(left, _PIECE)
                yield piece
                left = reader.unused_data if reader.eof else reader.unconsumed_tail
    except zlib.error as error:
        raise MalformedError(f"not to be unpacked as gzip: {error}") from None
    if not reader.eof:
        raise MalformedError("the gzip data end too early")


def _fed(content: Content) -> Iterator[bytes]:
    for chunk in content.chunks():
        for at in range(0, len(chunk), _FED):
            yield chunk[at : at + _FED]


def _unpack_nothing(content: Content) -> Iterator[bytes]:
    return content.chunks()


_UNPACKERS = {
    ".xz": _unpack_xz,
    ".gz": _unpack_gzip,
    ".bz2": _unpack_bzip2,
    "": _unpack_nothing,
}
