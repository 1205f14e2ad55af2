"""The reader of PE files: its digest against one made by hand, and arbitrary bytes."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import MemoryContent
from tests.verification.x509.x509_material import program
from verification.archives.pe_file import is_pe, read_pe

LIMITS = Limits()
CHECKSUM, ENTRY = 0x40 + 24 + 64, {True: 0x40 + 24 + 112 + 32, False: 0x40 + 24 + 96 + 32}
QUICK = settings(max_examples=150, deadline=None, database=None)


def with_table(content: bytes, signature: bytes, *, wide: bool = True) -> bytes:
    length = 8 + len(signature)
    padded = signature + bytes(-length % 8)
    at = len(content)
    entry = struct.pack("<2L", at, 8 + len(padded))
    content = content[: ENTRY[wide]] + entry + content[ENTRY[wide] + 8 :]
    return content + struct.pack("<L2H", length, 0x0200, 2) + padded


@pytest.mark.parametrize("wide", [True, False])
def test_digest_leaves_out_what_the_specification_does(*, wide: bool) -> None:
    content = program(wide=wide)
    made = with_table(content, b"\x30\x03\x02\x01\x01", wide=wide)
    read = read_pe(MemoryContent(made), LIMITS)
    at = ENTRY[wide]
    by_hand = made[:CHECKSUM] + made[CHECKSUM + 4 : at] + made[at + 8 : len(content)]
    assert read.digests(("sha256", "sha1")).keys() == {"sha256", "sha1"}
    assert read.digests(("sha256",))["sha256"].raw == hashlib.sha256(by_hand).digest()
    assert read.signatures == (b"\x30\x03\x02\x01\x01",)
    assert read.table_at == len(content)


def test_without_a_table_there_is_no_signature() -> None:
    read = read_pe(MemoryContent(program()), LIMITS)
    assert (read.signatures, read.table_at) == ((), len(program()))


def test_only_a_pe_file_is_one() -> None:
    assert is_pe(program())
    assert not is_pe(b"MZ" + bytes(100))
    assert not is_pe(b"PE\0\0" + bytes(100))
    assert not is_pe(b"MZ")


BROKEN = {
    "unknown kind": (0x40 + 24, b"\x07\x01"),
    "few directories": (0x40 + 24 + 108, b"\x04\0\0\0"),
    "short header": (0x40 + 20, b"\x40\0"),
    "header far away": (0x3C, b"\xff\xff\xff\x7f"),
    "header within itself": (0x3C, b"\x04\0\0\0"),
    "unaligned table": (ENTRY[True], b"\x01\x04\0\0"),
}


@pytest.mark.parametrize(("at", "value"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_header(at: int, value: bytes) -> None:
    made = with_table(program(), b"\x30\x03\x02\x01\x01")
    changed = made[:at] + value + made[at + len(value) :]
    with pytest.raises(MalformedError):
        read_pe(MemoryContent(changed), LIMITS)


SIGNATURES = {
    "nothing": b"",
    "no sequence": b"\x04\x01\x01\0\0\0\0\0",
    "cut off": b"\x30\x40\x01",
    "indefinite": b"\x30\x80\0\0",
    "much behind it": b"\x30\x00" + bytes(14),
    "something behind it": b"\x30\x00\x01",
    "impossible length": b"\x30\x85\1\1\1\1\1",
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_broken_table(signature: bytes) -> None:
    with pytest.raises(MalformedError):
        read_pe(MemoryContent(with_table(program(), signature)), LIMITS)


def test_table_is_bounded() -> None:
    made = with_table(program(), b"\x30\x82\x10\x00" + bytes(4096))
    with pytest.raises(TooLargeError):
        read_pe(MemoryContent(made), Limits(evidence_bytes=1024))


@QUICK
@given(place=st.integers(0, 0x200), value=st.binary(min_size=1, max_size=8))
def test_no_header_makes_the_reader_raise_anything_else(place: int, value: bytes) -> None:
    made = with_table(program(), b"\x30\x03\x02\x01\x01")
    changed = made[:place] + value + made[place + len(value) :]
    try:
        read = read_pe(MemoryContent(changed), LIMITS)
        read.digests(("sha256",))
    except MalformedError:
        return
    assert read.table_at <= len(changed)
