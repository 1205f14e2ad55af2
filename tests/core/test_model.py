"""The central types: digests have one spelling, subjects hash what they hold."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MalformedError
from core.model import HEX_LENGTH, Digest, MemoryContent, Subject, digest_of

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.binary(), st.sampled_from(sorted(HEX_LENGTH)))
def test_a_digest_is_read_back_from_its_text(content: bytes, algorithm: str) -> None:
    digest = digest_of(content, algorithm)
    assert Digest.parse(str(digest)) == digest
    assert digest.raw.hex() == digest.value
    assert len(digest.value) == HEX_LENGTH[algorithm]


@given(st.text())
def test_any_other_text_is_no_digest(text: str) -> None:
    with pytest.raises(MalformedError, match="not a digest"):
        Digest.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        EMPTY,
        f"sha256:{EMPTY}\n",
        f"sha256:{EMPTY[:-1]}",
        f"sha256:{EMPTY}0",
        f"sha256:{EMPTY.upper()}",
        f"SHA256:{EMPTY}",
        f"sha512:{EMPTY}",
        f"md5:{'0' * 32}",
        f"sha256: {EMPTY[1:]}",
        f"sha256:{'٣' * 64}",
        f"sha256:sha256:{EMPTY[7:]}",
    ],
)
def test_a_digest_has_exactly_one_spelling(text: str) -> None:
    with pytest.raises(MalformedError, match="not a digest"):
        Digest.parse(text)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "sha1", "blake2b512"])
def test_the_digest_is_that_of_the_standard_library(algorithm: str) -> None:
    standard = hashlib.blake2b if algorithm == "blake2b512" else getattr(hashlib, algorithm)
    assert digest_of(b"abc", algorithm).value == standard(b"abc").hexdigest()


def test_digests_sort() -> None:
    low, high = Digest("sha256", "00" * 32), Digest("sha256", "ff" * 32)
    assert sorted([high, low]) == [low, high]


def test_a_subject_gives_what_it_knows_before_it_hashes() -> None:
    claimed = Digest("sha256", "00" * 32)
    subject = Subject("x", (claimed,), MemoryContent(b"abc"))
    assert subject.digest("sha256") == claimed
    assert subject.digest("sha512") == digest_of(b"abc", "sha512")
    assert Subject("x", (claimed,)).digest("sha512") is None


def test_content_in_memory_is_whole_each_time() -> None:
    content = MemoryContent(b"abc")
    assert content.size == 3
    assert b"".join(content.chunks()) == b"".join(content.chunks()) == b"abc"
    assert content.digest("sha1") == digest_of(b"abc", "sha1")


def test_subjects_are_compared_without_their_bytes() -> None:
    digest = digest_of(b"abc")
    assert Subject("x", (digest,), MemoryContent(b"abc")) == Subject("x", (digest,))
