"""Streamed BER becomes DER: what openssl streams reads as what it does not stream."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from tests.verification.x509.x509_material import tlv
from verification.readers.ber import MAX_ELEMENTS, as_der, is_streamed, to_der
from verification.readers.der import check_der

LIMITS = Limits()
WHAT = "the CMS"
END = b"\0\0"


def opened(tag: int, *parts: bytes) -> bytes:
    return bytes((tag, 0x80)) + b"".join(parts) + END


TURNED = {
    "empty": (opened(0x30), tlv(0x30)),
    "nested": (opened(0x30, opened(0x31, tlv(2, b"\1"))), tlv(0x30, tlv(0x31, tlv(2, b"\1")))),
    "definite inside": (opened(0x30, tlv(0x30, tlv(5))), tlv(0x30, tlv(0x30, tlv(5)))),
    "string in pieces": (
        opened(0x30, opened(0x24, tlv(4, b"ab"), tlv(4, b"c"))),
        tlv(0x30, tlv(4, b"abc")),
    ),
    "string in pieces of pieces": (
        opened(0x30, opened(0x24, opened(0x24, tlv(4, b"ab")), tlv(0x24, tlv(4, b"c")))),
        tlv(0x30, tlv(4, b"abc")),
    ),
    "long": (opened(0x30, tlv(4, bytes(300))), tlv(0x30, tlv(4, bytes(300)))),
}  # fmt: skip


@pytest.mark.parametrize(("content", "wanted"), TURNED.values(), ids=TURNED.keys())
def test_streamed(content: bytes, wanted: bytes) -> None:
    assert is_streamed(content)
    assert to_der(content, LIMITS, WHAT) == wanted
    check_der(wanted, LIMITS, WHAT)


BROKEN = {
    "no end": b"\x30\x80\x02\x01\x01",
    "cut off": b"\x30\x80\x02",
    "more after the end": opened(0x30) + b"\0",
    "value without an end": b"\x30\x80\x04\x80ab\0\0\0\0",
    "a number in a string": opened(0x30, opened(0x24, tlv(2, b"\1"))),
    "a list in a string": opened(0x30, opened(0x24, tlv(0x30))),
    "past the outer end": b"\x30\x80\x30\x03\x04\x05abcde\0\0",
    "needlessly long": b"\x30\x80\x04\x81\x01a\0\0",
    "needlessly long, two": b"\x30\x80\x04\x82\x00\x90" + bytes(144) + END,
    "long tag": b"\x30\x80\x1f\x81\x01\0\0\0",
    "end inside definite": b"\x30\x80\x30\x02\0\0\0\0",
    "impossible length": b"\x30\x80\x04\x85\1\1\1\1\1\0\0",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_attack_18_broken(content: bytes) -> None:
    with pytest.raises(MalformedError):
        to_der(content, LIMITS, WHAT)


def test_limits() -> None:
    with pytest.raises(TooLargeError, match="json_depth"):
        to_der(b"\x30\x80" * 100, LIMITS, WHAT)
    with pytest.raises(TooLargeError, match="json_items"):
        to_der(opened(0x30, b"\x02\x01\x01" * 500), Limits(json_items=100), WHAT)
    with pytest.raises(TooLargeError, match="evidence_bytes"):
        to_der(opened(0x30, tlv(4, bytes(2000))), Limits(evidence_bytes=1024), WHAT)


@settings(max_examples=200, deadline=None, database=None)
@given(content=st.binary(max_size=60))
def test_whatever_comes_out_is_der(content: bytes) -> None:
    try:
        turned = to_der(b"\x30\x80" + content, LIMITS, WHAT)
    except MalformedError:
        return
    check_der(turned, LIMITS, WHAT)


def test_part_that_is_streamed_is_turned_where_the_rest_is_der() -> None:
    mixed = tlv(0x30, tlv(2, b"\1"), opened(0x30, opened(0x24, tlv(4, b"ab"), tlv(4, b"c"))))
    turned = as_der(mixed, LIMITS, WHAT)
    assert turned == tlv(0x30, tlv(2, b"\1"), tlv(0x30, tlv(4, b"abc")))
    assert as_der(turned, LIMITS, WHAT) is turned
    assert as_der(opened(0x30, mixed), LIMITS, WHAT) == tlv(0x30, turned)


@pytest.mark.parametrize("broken", [b"", b"\x30\x81\x01\x05", tlv(0x30, b"\x30\x80\x04\x80")])
def test_what_is_wrong_with_der_is_told_where_no_part_is_streamed(broken: bytes) -> None:
    with pytest.raises(MalformedError) as told:
        check_der(broken, LIMITS, WHAT)
    with pytest.raises(MalformedError) as found:
        as_der(broken, LIMITS, WHAT)
    assert str(found.value) == str(told.value)


def test_as_der_keeps_the_limits() -> None:
    deep = b"\x05\x00"
    for _ in range(70):
        deep = tlv(0x30, deep)
    with pytest.raises(TooLargeError):
        as_der(deep, LIMITS, WHAT)
    with pytest.raises(TooLargeError):
        as_der(tlv(0x30, *[opened(0x30)] * MAX_ELEMENTS), LIMITS, WHAT)
