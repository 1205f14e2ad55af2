"""Read the metadata of rpm repositories: repomd.xml, and the list of packages it names.

XML in its plainest form: a document type, an entity or a processing instruction is refused, and
with them every way to make a small document large. Depth, and how much one element may hold, are
bounded; the length of the whole is the caller's to count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import HEX_LENGTH, Digest

_REPOSITORY = "http://linux.duke.edu/metadata/repo"
_COMMON = "http://linux.duke.edu/metadata/common"
_ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})
_ROOT = re.compile(rb"\s*(?:<\?xml[^<>?]{0,200}\?>\s*)?<(repomd|metadata)[\s>]")
_PIECE = 64 * 1024
_ROOT_DEPTH, _ENTRY_DEPTH, _FIELD_DEPTH = 1, 2, 3
_PACKED = re.compile(r"\.(?:gz|xz|bz2|zst|zck)\Z")


@dataclass(frozen=True, slots=True)
class Listed:
    """One file that a document names; `digest` is None where it gives only weak ones."""

    name: str
    aliases: tuple[str, ...]
    digest: Digest | None


def is_repomd(start: bytes) -> bool:
    """Say whether a document begins like a repomd.xml."""
    return _begins(start, b"repomd", _REPOSITORY)


def is_primary(start: bytes) -> bool:
    """Say whether a document begins like a list of packages."""
    return _begins(start, b"metadata", _COMMON)


def _begins(start: bytes, root: bytes, namespace: str) -> bool:
    found = _ROOT.match(start)
    return found is not None and found[1] == root and namespace.encode() in start[:4096]


def read_repomd(pieces: Iterable[bytes], limits: Limits) -> Iterator[Listed]:
    """Yield the lists that a repomd.xml names, each also as it is when unpacked."""
    for element in _elements(pieces, f"{_REPOSITORY} repomd", f"{_REPOSITORY} data", limits):
        path = element.attribute(f"{_REPOSITORY} location", "href")
        kind = element.attributes.get("type", "")
        packed = element.digest(f"{_REPOSITORY} checksum")
        yield Listed(path, (path, _last(path), kind), packed)
        bare = _PACKED.sub("", path)
        if bare != path and f"{_REPOSITORY} open-checksum" in element.texts:
            opened = element.digest(f"{_REPOSITORY} open-checksum")
            yield Listed(bare, (bare, _last(bare), kind), opened)


def read_primary(pieces: Iterable[bytes], limits: Limits) -> Iterator[Listed]:
    """Yield the packages that a list of packages names."""
    for element in _elements(pieces, f"{_COMMON} metadata", f"{_COMMON} package", limits):
        path = element.attribute(f"{_COMMON} location", "href")
        name = element.texts.get(f"{_COMMON} name", "")
        architecture = element.texts.get(f"{_COMMON} arch", "")
        version = "-".join(element.attribute(f"{_COMMON} version", part) for part in ("ver", "rel"))
        called = f"{name}-{version}.{architecture}"
        aliases = (path, _last(path), name, called, f"{called}.rpm")
        yield Listed(called, aliases, element.digest(f"{_COMMON} checksum"))


@dataclass(slots=True)
class _Element:
    """One entry of a document: what stands directly below it."""

    attributes: dict[str, str]
    texts: dict[str, str] = field(default_factory=dict)
    below: dict[str, dict[str, str]] = field(default_factory=dict)

    def attribute(self, name: str, attribute: str) -> str:
        if attribute not in self.below.get(name, {}):
            local = name.rpartition(" ")[2]
            raise MalformedError(
                f"an entry of the repository's metadata has no {local} {attribute}"
            )
        return self.below[name][attribute]

    def digest(self, name: str) -> Digest | None:
        algorithm = self.attribute(name, "type")
        value = self.texts.get(name, "").strip().lower()
        if algorithm not in _ALGORITHMS:
            return None
        if len(value) != HEX_LENGTH[algorithm]:
            raise MalformedError("an entry of the repository's metadata has a broken checksum")
        return Digest.parse(f"{algorithm}:{value}")


class _Reader:
    """Takes events of the parser and keeps the entries that were finished."""

    def __init__(self, root: str, entry: str, limits: Limits) -> None:
        self.root, self.entry, self.limits = root, entry, limits
        self.done: list[_Element] = []
        self._path: list[str] = []
        self._open: _Element | None = None
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        depth = len(self._path)
        if depth > self.limits.json_depth:
            raise TooLargeError(f"XML nested deeper than {self.limits.json_depth} (json_depth)")
        if depth == _ROOT_DEPTH and name != self.root:
            raise MalformedError(f"XML that begins with {name[:80]!r}")
        if self._open is not None:
            self._count(sum(map(len, attributes.values())) + len(name))
        if depth == _ENTRY_DEPTH and name == self.entry:
            self._open, self._length = _Element(attributes), 0
        elif depth == _FIELD_DEPTH and self._open is not None:
            if name in self._open.below:
                self._refuse_repeated(name)
            else:
                self._open.below[name] = attributes
                self._open.texts[name] = ""

    def _refuse_repeated(self, name: str) -> None:
        local = name.rpartition(" ")[2]
        if local in ("checksum", "open-checksum", "location", "name", "arch", "version"):
            raise MalformedError(f"two {local} in one entry of the repository's metadata")

    def text(self, words: str) -> None:
        if self._open is None:
            return
        self._count(len(words))
        if len(self._path) == _FIELD_DEPTH:
            self._open.texts[self._path[-1]] += words

    def _count(self, length: int) -> None:
        self._length += length
        if self._length > self.limits.stanza_bytes:
            raise TooLargeError(f"an entry longer than {self.limits.stanza_bytes} (stanza_bytes)")

    def end(self, _name: str) -> None:
        self._path.pop()
        if len(self._path) == 1 and self._open is not None:
            self.done.append(self._open)
            self._open = None

    def taken(self) -> list[_Element]:
        done, self.done = self.done, []
        return done


def _elements(pieces: Iterable[bytes], root: str, entry: str, limits: Limits) -> Iterator[_Element]:
    reader = _Reader(root, entry, limits)
    parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    fed = 0
    try:
        for piece in pieces:
            for at in range(0, len(piece), _PIECE):
                part = piece[at : at + _PIECE]
                parser.Parse(part, False)
                fed += len(part)
                # What is fed and not yet parsed is held in memory: one endless tag.
                if fed - parser.CurrentByteIndex > limits.stanza_bytes + _PIECE:
                    raise TooLargeError(f"a tag longer than {limits.stanza_bytes} (stanza_bytes)")
                yield from reader.taken()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise MalformedError(f"not XML: {error}") from None
    yield from reader.taken()


def _refuse(*_: object) -> NoReturn:
    raise MalformedError("XML with a document type, an entity or an instruction is not read")


def _last(path: str) -> str:
    return path.rpartition("/")[2]
