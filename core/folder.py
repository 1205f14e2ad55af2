"""A folder as content: the files in it, each by its path below the folder.

Who walks the file system makes one; whoever verifies only reads what it holds. Its bytes, for
those that ask, are a listing of its members and their digests under a line of its own, so that
no signature over a file is ever taken for one over a folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from core.model import Content, Digest

_HEADER = b"countersign folder 1\n"


class MemberKind(Enum):
    """What stands at a path."""

    FILE = "a file"
    LINK = "a symbolic link to a file of the folder"
    LINK_AWAY = "a symbolic link that leads to no file of the folder"
    SPECIAL = "neither a file nor a folder"


@dataclass(frozen=True, slots=True)
class Member:
    """One path below the folder, parts joined by `/`; only files and links to them have content."""

    path: str
    kind: MemberKind
    content: Content | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FolderContent:
    """All members of a folder, sorted by path. Folders in it are no members, empty ones neither."""

    members: tuple[Member, ...]
    _digests: dict[str, Digest] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(each.content.size for each in self.members if each.content is not None)

    def chunks(self) -> Iterator[bytes]:
        """Yield the listing; what comes first needs no file to be read."""
        yield _HEADER
        for member in self.members:
            digest = "" if member.content is None else str(member.content.digest("sha256"))
            yield json.dumps([member.path, member.kind.name, digest]).encode() + b"\n"

    def read_at(self, offset: int, length: int) -> bytes:
        """Return a part of the listing."""
        return b"".join(self.chunks())[offset : offset + length]

    def digest(self, algorithm: str) -> Digest:
        """Return the digest of the listing, computed once per algorithm."""
        if algorithm not in self._digests:
            name = "blake2b" if algorithm == "blake2b512" else algorithm
            hashed = hashlib.new(name, usedforsecurity=False)
            for chunk in self.chunks():
                hashed.update(chunk)
            self._digests[algorithm] = Digest(algorithm, hashed.hexdigest())
        return self._digests[algorithm]
