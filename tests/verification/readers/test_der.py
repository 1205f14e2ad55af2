"""The DER reader and its guard, on hostile bytes."""

from __future__ import annotations

import time

import pytest
from asn1crypto import core as asn1
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from verification.readers import der
from verification.readers.der import DerReader, check_der

LIMITS = Limits()
QUICK = settings(max_examples=150, deadline=None, database=None)
ANY = st.binary(max_size=80) | st.builds(
    lambda head, rest: head + rest, st.sampled_from([b"\x30\x80", b"\x30\x82", b"\x31\x04"]),
    st.binary(max_size=40),
)  # fmt: skip


def nested(depth: int) -> bytes:
    """Return SEQUENCEs inside each other, this many."""
    heads, size = [], 0
    for _ in range(depth):
        long = size.to_bytes((size.bit_length() + 7) // 8)
        heads.append(b"\x30" + (bytes([size]) if size < 128 else bytes([128 + len(long)]) + long))
        size += len(heads[-1])
    return b"".join(reversed(heads))


def test_attack_16_depth_is_bounded_before_parsing() -> None:
    check_der(nested(LIMITS.json_depth), LIMITS, "it")
    with pytest.raises(TooLargeError, match="nested deeper than 64"):
        check_der(nested(LIMITS.json_depth + 1), LIMITS, "it")
    with pytest.raises(TooLargeError):
        check_der(nested(60_000), LIMITS, "it")


def test_attack_16_size_and_number_of_elements_are_bounded() -> None:
    with pytest.raises(TooLargeError, match="evidence_bytes"):
        check_der(b"\x30" * 2000, Limits(evidence_bytes=1024), "it")
    many = b"\x05\x00" * 150
    content = b"\x30\x82" + len(many).to_bytes(2) + many
    check_der(content, LIMITS, "it")
    with pytest.raises(TooLargeError, match="json_items"):
        check_der(content, Limits(json_items=100), "it")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x30", "ends inside"),
        (b"\x30\x80\x00\x00", "indefinite"),
        (b"\x30\x81\x03\x02\x01\x05", "spells a length longer"),
        (b"\x30\x82\x00\x80" + b"\x04\x7e" + b"a" * 126, "spells a length longer"),
        (b"\x30\x85\x01\x00\x00\x00\x00", "cannot be"),
        (b"\x30\x05\x02\x01\x05", "ends inside"),
        (b"\x30\x03\x02\x02\x05", "ends inside"),
        (b"\x30\x00\x00", "after its end"),
        (b"\x1f\x81\x01\x00", "more than one byte"),
    ],
)
def test_attack_18_lenient_forms_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        check_der(content, LIMITS, "it")


@QUICK
@given(content=ANY)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        check_der(content, LIMITS, "it")
    except MalformedError:
        return
    reader = DerReader(content, "it")
    assert reader.element() == content
    reader.finish()


@QUICK
@given(number=st.integers(-(2**200), 2**200))
def test_numbers_are_read_as_others_write_them(number: int) -> None:
    assert DerReader(asn1.Integer(number).dump(), "it").integer() == number


@QUICK
@given(
    arcs=st.lists(st.integers(0, 2**40), min_size=0, max_size=8),
    first=st.integers(0, 2),
    second=st.integers(0, 39),
)
def test_object_identifiers_are_read_as_others_write_them(
    arcs: list[int], first: int, second: int
) -> None:
    dotted = ".".join(map(str, [first, second, *arcs]))
    assert DerReader(asn1.ObjectIdentifier(dotted).dump(), "it").oid() == dotted


@pytest.mark.parametrize(
    "content", [b"\x02\x00", b"\x02\x02\x00\x01", b"\x02\x02\xff\x80", b"\x04\x01\x01", b""]
)
def test_foreign_numbers_are_refused(content: bytes) -> None:
    with pytest.raises(MalformedError):
        DerReader(content, "it").integer()


@pytest.mark.parametrize(
    "content", [b"\x06\x00", b"\x06\x01\x80", b"\x06\x02\x80\x01", b"\x06\x41" + b"\x01" * 65]
)
def test_foreign_object_identifiers_are_refused(content: bytes) -> None:
    with pytest.raises(MalformedError):
        DerReader(content, "it").oid()


def test_truth_is_00_or_ff() -> None:
    assert DerReader(b"\x01\x01\xff", "it").boolean() is True
    assert DerReader(b"\x01\x01\x00", "it").boolean() is False
    with pytest.raises(MalformedError):
        DerReader(b"\x01\x01\x01", "it").boolean()


def test_reader_never_leaves_its_element() -> None:
    outer = DerReader(b"\x30\x03\x02\x01\x05\x04\x00", "it")
    inner = outer.inside(der.SEQUENCE)
    assert inner.integer() == 5
    assert inner.tag == -1
    with pytest.raises(MalformedError, match="nothing"):
        inner.element()
    with pytest.raises(MalformedError, match="more than it may have"):
        outer.finish()


def test_guard_costs_little_for_each_mebibyte() -> None:
    many = b"\x02\x01\x05" * 60_000
    content = b"\x30\x83" + len(many).to_bytes(3) + many
    began = time.process_time()
    check_der(content, LIMITS, "it")
    assert time.process_time() - began < 1.0
