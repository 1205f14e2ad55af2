"""Read commits and tags of Git as they are stored, and what a signature in them is over.

References: git's own documentation of signatures (gitformat-signature(5)) and of its two hashes
(hash-function-transition): a header for the other hash signs another form of the object, and
neither of the two headers is part of what either signs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.model import Digest

COMMIT, TAG = "commit", "tag"
MAX_HEADERS = 20_000
SNIFFED_BYTES = 1024
_HEADERS = {"sha1": "gpgsig", "sha256": "gpgsig-sha256"}
_SIGNATURES = frozenset(_HEADERS.values())
_LENGTHS = {40: "sha1", 64: "sha256"}
_ONCE = frozenset({"tree", "author", "committer", "encoding", "object", "type", "tag", "tagger"})
_NAME = re.compile(rb"([!-~]{1,200}) (.*)", re.DOTALL)
_ID = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_STARTS = {
    COMMIT: re.compile(rb"tree (?:[0-9a-f]{40}|[0-9a-f]{64})\n[!-~]{1,200} "),
    TAG: re.compile(rb"object (?:[0-9a-f]{40}|[0-9a-f]{64})\ntype (?:commit|tree|blob|tag)\ntag "),
}
# git reads these by their place: a parent or person behind any other header is none to it.
_ORDER = {
    COMMIT: ("tree", "parent", "author", "committer"),
    TAG: ("object", "type", "tag", "tagger"),
}
_OPTIONAL = frozenset({"parent", "tagger"})
# git takes the last such line in a tag for the beginning of its signature.
_TRAILING = re.compile(
    rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.MULTILINE
)
_PERSON = re.compile(rb"([^<>\0]*?) ?<([^<>\0]*)> (\d{1,12}) [+-]\d{4}\Z")
_NAMED = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})(?:\.[A-Za-z0-9]{1,16})?\Z")


@dataclass(frozen=True, slots=True)
class Header:
    """One header; `value` has its continuation lines joined, `raw` is all of its bytes."""

    name: str
    value: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote or committed, and when: what the one who made the object chose to say."""

    name: str
    email: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class GitObject:
    """A commit or tag, taken apart. `signature` is empty where nobody signed it."""

    kind: str
    algorithm: str  # of the ids inside it
    headers: tuple[Header, ...]
    content: bytes
    signature: bytes
    payload: bytes  # what the signature is over
    has_other_form: bool  # it is signed in the form it has under the other hash

    def header(self, name: str) -> bytes:
        """Return the value of the first header of that name, empty where there is none."""
        return next((one.value for one in self.headers if one.name == name), b"")

    def all_of(self, name: str) -> tuple[bytes, ...]:
        """Return the values of all headers of that name."""
        return tuple(one.value for one in self.headers if one.name == name)

    def identifier(self, algorithm: str) -> Digest:
        """Return the object's id under one of Git's hashes."""
        return object_id(self.kind, self.content, algorithm)

    def person(self, role: str) -> Person | None:
        """Return the author, committer or tagger; None where it cannot be read."""
        found = _PERSON.match(self.header(role))
        if found is None:
            return None
        name, email = (one.decode("utf-8", "backslashreplace") for one in (found[1], found[2]))
        try:
            moment = datetime.fromtimestamp(int(found[3]), UTC)
        except (OverflowError, ValueError, OSError):
            moment = None
        return Person(name, email, moment)


def object_id(kind: str, content: bytes, algorithm: str) -> Digest:
    """Return the id that Git gives an object."""
    hashed = hashlib.new(
        algorithm, b"%s %d\0" % (kind.encode(), len(content)), usedforsecurity=False
    )
    hashed.update(content)
    return Digest(algorithm, hashed.hexdigest())


def named_id(name: str) -> Digest | None:
    """Return the id that a file's name states, with or without an extension; None for others."""
    found = _NAMED.match(name.rpartition("/")[2])
    return Digest(_LENGTHS[len(found[1])], found[1]) if found is not None else None


def kind_of(start: bytes) -> str:
    """Return which kind of object begins like this, empty where none does."""
    return next((kind for kind, begins in _STARTS.items() if begins.match(start)), "")


def read_object(content: bytes) -> GitObject:
    """Take a commit or tag apart; raise MalformedError naming the line."""
    kind = kind_of(content[:SNIFFED_BYTES])
    if not kind:
        raise MalformedError("not a commit or tag of Git")
    end = content.find(b"\n\n")
    if end < 0:
        raise MalformedError("no empty line after the headers of a Git object")
    headers = _headers(content[:end])
    _refuse_disorder(kind, headers)
    algorithm = _LENGTHS[len(headers[0].value)]
    message = content[end + 1 :]  # with the empty line
    bare = b"".join(one.raw for one in headers if one.name not in _SIGNATURES)
    own, other = _HEADERS[algorithm], _HEADERS["sha1" if algorithm == "sha256" else "sha256"]
    signature = next((one.value + b"\n" for one in headers if one.name == own), b"")
    if kind == TAG:
        if signature:
            raise MalformedError(f"the tag has a header {own}, which belongs into the other form")
        found = list(_TRAILING.finditer(message))
        start = found[-1].start() if found else len(message)
        message, signature = message[:start], message[start:]
    has_other_form = any(one.name == other for one in headers)
    return GitObject(kind, algorithm, headers, content, signature, bare + message, has_other_form)


def _headers(head: bytes) -> tuple[Header, ...]:
    if b"\0" in head:
        raise MalformedError("a NUL byte among the headers of a Git object")
    lines = head.split(b"\n", MAX_HEADERS)
    groups: list[list[bytes]] = []
    for number, line in enumerate(lines, start=1):
        if number > MAX_HEADERS:
            raise TooLargeError(f"more than {MAX_HEADERS} header lines in a Git object")
        if line.startswith(b" ") and groups:
            groups[-1].append(line)
        else:
            groups.append([line])
    return tuple(_header(group) for group in groups)


def _header(lines: Sequence[bytes]) -> Header:
    first = _NAME.fullmatch(lines[0])
    if first is None:
        found = lines[0][:60].decode("ascii", "backslashreplace")
        raise MalformedError(f"not a header of a Git object: {found!r}")
    value = b"\n".join((first[2], *(line[1:] for line in lines[1:])))
    return Header(first[1].decode("ascii"), value, b"\n".join(lines) + b"\n")


def _refuse_disorder(kind: str, headers: Sequence[Header]) -> None:
    """Refuse what leaves it to each reader which of two headers counts."""
    names = [one.name for one in headers]
    for name in _ONCE | _SIGNATURES:
        if names.count(name) > 1:
            raise MalformedError(f"two headers {name} in one Git object")
    order = _ORDER[kind]
    first = sorted((name for name in names if name in order), key=order.index)
    if names[: len(first)] != first or not _OPTIONAL.union(first).issuperset(order):
        raise MalformedError(f"a {kind} that does not begin with {', '.join(order)} in that order")
    for one in headers:
        if one.name in ("tree", "parent", "object") and (
            not _ID.match(one.value) or len(one.value) != len(headers[0].value)
        ):
            raise MalformedError(f"the header {one.name} holds no id of this object's hash")
