"""A folder as content: its listing is what it is hashed by, and nothing is read before its time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest

from core.folder import FolderContent, Member, MemberKind
from core.model import Digest, MemoryContent


class Unreadable:
    """Content that must not be read."""

    size = 7

    def chunks(self) -> Iterator[bytes]:
        raise AssertionError

    def read_at(self, _offset: int, _length: int) -> bytes:
        raise AssertionError

    def digest(self, _algorithm: str) -> Digest:
        raise AssertionError


def test_listing_starts_without_reading_any_file() -> None:
    folder = FolderContent((Member("a", MemberKind.FILE, Unreadable()),))
    assert next(iter(folder.chunks())).startswith(b"countersign folder")
    assert folder.size == 7


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "blake2b512"])
def test_digest_is_that_of_the_listing(algorithm: str) -> None:
    folder = FolderContent(
        (
            Member("a", MemberKind.FILE, MemoryContent(b"x")),
            Member("b", MemberKind.LINK_AWAY),
        )
    )
    listing = b"".join(folder.chunks())
    name = "blake2b" if algorithm == "blake2b512" else algorithm
    assert folder.digest(algorithm).value == hashlib.new(name, listing).hexdigest()
    assert folder.digest(algorithm) is folder.digest(algorithm)
    lines = listing.split(b"\n")[1:-1]
    assert [json.loads(line)[:2] for line in lines] == [["a", "FILE"], ["b", "LINK_AWAY"]]
    assert folder.read_at(3, 10) == listing[3:13]


def test_any_difference_changes_the_digest() -> None:
    member = Member("a", MemberKind.FILE, MemoryContent(b"x"))
    others = (
        (),
        (Member("b", MemberKind.FILE, MemoryContent(b"x")),),
        (Member("a", MemberKind.LINK, MemoryContent(b"x")),),
        (Member("a", MemberKind.FILE, MemoryContent(b"y")),),
        (member, Member("b", MemberKind.FILE, MemoryContent(b""))),
    )
    digests = {FolderContent(members).digest("sha256") for members in ((member,), *others)}
    assert len(digests) == 1 + len(others)
