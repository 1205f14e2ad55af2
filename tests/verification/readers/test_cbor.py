"""The CBOR reader, on hostile bytes and against another writer."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from verification.readers.cbor import Tagged, bytes_head, read_cbor

LIMITS = Limits()
QUICK = settings(max_examples=150, deadline=None, database=None)
KEYS = st.integers(-(2**63), 2**63 - 1) | st.text(max_size=10)
ITEMS = st.recursive(
    KEYS
    | st.binary(max_size=40)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


def read(content: bytes, limits: Limits = LIMITS) -> object:
    return read_cbor(content, limits=limits, what="it")


@QUICK
@given(item=ITEMS)
def test_items_are_read_as_others_write_them(item: object) -> None:
    assert read(cbor2.dumps(item, canonical=True)) == item


@QUICK
@given(content=st.binary(max_size=60))
def test_what_is_read_has_one_spelling(content: bytes) -> None:
    try:
        item = read(content)
    except MalformedError:
        return
    assert type(item) in (int, bytes, str, list, dict, Tagged, bool, type(None), float)


def test_tags_and_fractions_are_read() -> None:
    assert read(bytes.fromhex("c11a63611f24")) == Tagged(1, 1667309348)
    for content in (b"\xf9\x3e\x00", b"\xfa\x3f\xc0\x00\x00", b"\xfb\x3f\xf8" + b"\x00" * 6):
        assert read(content) == 1.5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ends inside"),
        (b"\x18\x17", "longer form"),
        (b"\x19\x00\xff", "longer form"),
        (b"\x1a\x00\x00\xff\xff", "longer form"),
        (b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", "longer form"),
        (b"\x5f\x41a\xff", "indefinite"),
        (b"\x7f\x61a\xff", "indefinite"),
        (b"\x9f\x01\xff", "indefinite"),
        (b"\xbf\x01\x02\xff", "indefinite"),
        (b"\x1c", "reserved"),
        (b"\xa2\x01\x02\x01\x03", "twice"),
        (b"\xa2\x61a\x02\x61a\x03", "twice"),
        (b"\xa1\x41a\x02", "neither a number nor text"),
        (b"\xa1\xf5\x02", "neither a number nor text"),
        (b"\x01\x01", "after its end"),
        (b"\x62\xc3\x28", "not UTF-8"),
        (b"\xf7", "simple value"),
        (b"\xf8\x20", "simple value"),
        (b"\xf9\x7c\x00", "not finite"),
        (b"\xfa\x7f\xc0\x00\x00", "not finite"),
        (b"\xfb\x7f\xf0" + b"\x00" * 6, "not finite"),
        (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "ends inside"),
        (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "ends inside"),
        (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "ends inside"),
    ],
)
def test_attack_18_lenient_forms_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        read(content)


@pytest.mark.parametrize("head", [b"\x81", b"\xc1", b"\xa1\x01"])
def test_attack_16_depth_is_bounded(head: bytes) -> None:
    assert read(head * 64 + b"\x01") is not None
    with pytest.raises(TooLargeError, match="nested deeper than 64"):
        read(head * 65 + b"\x01")
    with pytest.raises(TooLargeError):
        read(head * 50_000 + b"\x01")


def test_attack_16_size_and_items_are_bounded() -> None:
    with pytest.raises(TooLargeError, match="evidence_bytes"):
        read(b"\x00" * 2000, Limits(evidence_bytes=1024))
    content = b"\x98\xc8" + b"\x01" * 200
    assert read(content) == [1] * 200
    with pytest.raises(TooLargeError, match="more than 100 items"):
        read(content, Limits(json_items=100))


@pytest.mark.parametrize("length", [0, 1, 23, 24, 255, 256, 65535, 65536, 2**32])
def test_heads_of_byte_strings_are_the_shortest(length: int) -> None:
    head = bytes_head(length)
    if length <= 65536:
        assert head + b"a" * length == cbor2.dumps(b"a" * length)
    assert len(head) == 1 + (0 if length < 24 else 1 if length < 256 else 2 if length < 65536 else
                             4 if length < 2**32 else 8)  # fmt: skip
