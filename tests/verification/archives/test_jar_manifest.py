"""Manifests and signature files of JAR archives: sections, folded lines, digests."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from verification.archives.jar_manifest import read_manifest, stated_digests

WHAT = "the manifest"
MAIN = b"Manifest-Version: 1.0\r\nCreated-By: x\r\n\r\n"
ONE = b"Name: a.txt\r\nSHA-256-Digest: " + base64.b64encode(bytes(32)) + b"\r\n\r\n"
QUICK = settings(max_examples=150, deadline=None, database=None)


def test_sections_are_kept_with_their_blank_line() -> None:
    read = read_manifest(MAIN + ONE, WHAT)
    assert read.main.raw == MAIN
    assert read.main.attributes["manifest-version"] == "1.0"
    assert read.sections["a.txt"].raw == ONE
    assert read.sections["a.txt"].digest("sha256") == hashlib.sha256(ONE).digest()


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_line_ends(end: bytes) -> None:
    read = read_manifest((MAIN + ONE).replace(b"\r\n", end), WHAT)
    assert list(read.sections) == ["a.txt"]


def test_folded_lines_are_joined_before_they_are_decoded() -> None:
    name = "very/long/" + "é" * 60
    encoded = b"Name: " + name.encode()
    lines = [encoded[:70], *(encoded[at : at + 69] for at in range(70, len(encoded), 69))]
    folded = b"\r\n ".join(lines)
    read = read_manifest(MAIN + folded + b"\r\n\r\n", WHAT)
    assert list(read.sections) == [name]


def test_further_blank_lines_and_a_missing_last_one() -> None:
    read = read_manifest(MAIN + b"\r\n" + ONE + b"\r\n\r\n" + ONE.replace(b"a.txt", b"b"), WHAT)
    assert list(read.sections) == ["a.txt", "b"]
    assert read.sections["a.txt"].raw == ONE
    assert list(read_manifest(MAIN + ONE[:-2], WHAT).sections) == ["a.txt"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_main_section_may_be_empty(end: bytes) -> None:
    read = read_manifest(end + ONE, WHAT)
    assert (read.main.raw, read.main.attributes) == (end, {})
    assert list(read.sections) == ["a.txt"]


BROKEN = {
    "empty": b"",
    "no main section": ONE,
    "a section twice": MAIN + ONE + ONE,
    "an attribute twice": b"A: 1\r\na: 2\r\n\r\n",
    "a section without a name": MAIN + b"X: 1\r\n\r\n",
    "a name that is not first": MAIN + b"X: 1\r\nName: a\r\n\r\n",
    "a continuation of nothing": b" x\r\n\r\n",
    "no blank after the colon": b"A:1\r\n\r\n",
    "no colon": b"hello\r\n\r\n",
    "a foreign character in a key": b"A b: 1\r\n\r\n",
    "not UTF-8": b"A: \xff\r\n\r\n",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_attack_18_broken_manifest(content: bytes) -> None:
    with pytest.raises(MalformedError):
        read_manifest(content, WHAT)


def test_endless_value_is_too_large() -> None:
    with pytest.raises(TooLargeError):
        read_manifest(b"A: " + b"x" * 70_000 + b"\r\n\r\n", WHAT)


def test_digests_by_strength() -> None:
    section = read_manifest(
        b"SHA-256-Digest: " + base64.b64encode(bytes(32)) + b"\r\nSHA1-Digest: AAAA\r\n"
        b"MD5-Digest: AAAA\r\nSHA3-256-Digest: AAAA\r\n\r\n", WHAT).main  # fmt: skip
    found = stated_digests(section, "-digest")
    assert found.strong == {"sha256": bytes(32)}
    assert found.weak == ("SHA1", "MD5")
    assert found.foreign == ("SHA3-256",)
    for value in (b"AAAA", b"!!!!", base64.b64encode(bytes(31))):
        broken = read_manifest(b"SHA-256-Digest: " + value + b"\r\n\r\n", WHAT).main
        with pytest.raises(MalformedError):
            stated_digests(broken, "-digest")


@QUICK
@given(content=st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise_anything_else(content: bytes) -> None:
    for offered in (content, MAIN + content, MAIN + ONE + content):
        try:
            read = read_manifest(offered, WHAT)
        except MalformedError:
            continue
        raw = read.main.raw + b"".join(section.raw for section in read.sections.values())
        assert len(raw) <= len(offered)


@QUICK
@given(
    names=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1,
                           max_size=90), unique=True, max_size=6)
)  # fmt: skip
def test_every_name_is_read_back(names: list[str]) -> None:
    made = MAIN
    for name in names:
        line = b"Name: " + name.encode()
        parts = [line[:70], *(line[at : at + 69] for at in range(70, len(line), 69))]
        made += b"\r\n ".join(parts) + b"\r\n\r\n"
    assert list(read_manifest(made, WHAT).sections) == names
