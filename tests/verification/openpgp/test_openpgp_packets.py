"""Signature packets are read from bounded bytes and built anew without what nobody signed."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Evidence, Outcome, Subject
from tests.verification.openpgp.openpgp_material import material
from tests.verification.openpgp.test_openpgp import detached, trusting
from verification.formats.openpgp import OpenPgpDetached
from verification.openpgp.armor import SIGNATURE, armored_blocks, dearmor, dearmor_each
from verification.openpgp.packets import Packet, split_packets
from verification.openpgp.signature import (
    SignaturePacket,
    UnreadSignature,
    read_signature,
    read_signatures,
    tidy_signature,
)
from verification.openpgp.subpackets import read_hashed, read_hints

LIMITS = Limits()
CREATED = bytes([5, 2, 0, 0, 0, 1])


def body_of(name: str) -> bytes:
    (packet,) = split_packets(material().signatures[name], most=1)
    return packet.body


def signature_of(body: bytes) -> SignaturePacket:
    read = read_signature(body)
    assert isinstance(read, SignaturePacket)
    return read


def packet(area: bytes = CREATED, *, version: int = 4, algorithm: int = 22) -> bytes:
    head = bytes([version, 0, algorithm, 8]) + len(area).to_bytes(2, "big") + area
    return head + b"\0\0" + b"\xab\xcd" + b"\x00\x01\x01" * 2


def test_signature_is_read() -> None:
    read = signature_of(body_of("ed"))
    assert (read.version, read.type, read.hash_name) == (4, 0, "SHA-256")
    assert read.created_at == datetime(2024, 6, 1, tzinfo=UTC)
    assert read.expires_at is None
    (name,) = read.names
    assert len(name) == 40
    assert name == name.upper()
    assert read.hints == (name[-16:],)


def test_end_of_a_signature_is_read() -> None:
    assert signature_of(body_of("brief")).expires_at == datetime(2024, 7, 1, tzinfo=UTC)


def test_armored_and_binary_read_the_same() -> None:
    armored = material().signatures["armored"]
    assert read_signatures(armored, limits=LIMITS) == read_signatures(
        dearmor(armored, SIGNATURE), limits=LIMITS
    )


def test_several_signatures_are_all_read() -> None:
    both = material().signatures["ed"] + material().signatures["rsa"]
    assert [one.key_algorithm for one in read_signatures(both, limits=LIMITS)] == [22, 1]  # type: ignore[union-attr] # both are read


def test_only_hashed_part_and_numbers_are_passed_on() -> None:
    read = signature_of(body_of("ed"))
    again = next(split_packets(read.naming(["AB" * 20]), most=1)).body
    rebuilt = signature_of(again)
    assert (rebuilt.head, rebuilt.tail, rebuilt.hashed) == (read.head, read.tail, read.hashed)
    assert rebuilt.hints == ("AB" * 20,)


def test_untidy_numbers_become_canonical() -> None:
    read = signature_of(packet())
    untidy = packet()[:-6] + b"\x00\x08\x01" + b"\x00\x10\x00\x01"
    assert signature_of(untidy).tail == read.tail


def test_tidying_a_packet_changes_nothing_but_its_numbers() -> None:
    tidy, untidy = packet(), packet()[:-6] + b"\x00\x08\x01" + b"\x00\x10\x00\x01"
    (read,) = split_packets(tidy_signature(Packet(2, untidy, b"")), most=1)
    assert read.body == tidy
    for body in (tidy, tidy[:-1], b"", b"\x05"):
        assert tidy_signature(Packet(2, body, b"as it was")) == b"as it was"


@pytest.mark.parametrize(
    "numbers",
    [
        b"\x00\x01\x01",
        b"\x00\x01\x01\x00\x01",
        b"\x00\x01\x03\x00\x01\x01",
        b"\x00\x01\x01" * 3,
        b"\xff\xff" + b"\1" * 8192 + b"\x00\x01\x01",
        b"",
    ],
)
def test_numbers_that_do_not_fit_are_malformed(numbers: bytes) -> None:
    with pytest.raises(MalformedError):
        read_signature(packet()[:-6] + numbers)


@pytest.mark.parametrize(
    "area",
    [
        b"",
        CREATED + bytes([5, 2, 0, 0, 0, 9]),
        bytes([4, 2, 0, 0, 0]),
        bytes([5, 0x82, 0, 0, 0, 9]) + CREATED,
        CREATED + bytes([9, 2, 0]),
        CREATED + b"\0",
        CREATED + bytes([255, 0]),
        CREATED + bytes([200]),
        CREATED + bytes([8, 16]) + bytes(7),
        CREATED + bytes([22, 33, 5]) + bytes(20),
        CREATED + bytes([9, 16]) + bytes(8) + bytes([22, 33, 4]) + b"\1" * 20,
    ],
)
def test_signed_area_that_is_ambiguous_or_cut_is_malformed(area: bytes) -> None:
    with pytest.raises(MalformedError):
        read_signature(packet(area))


def test_same_thing_said_twice_is_no_contradiction() -> None:
    issuer = bytes([9, 16]) + b"\xab" * 8
    twice = signature_of(packet(CREATED + issuer + bytes([5, 0x82]) + CREATED[2:] + issuer))
    assert twice.hashed == signature_of(packet(CREATED + issuer)).hashed


def test_time_of_signing_is_read_from_the_signed_area_only() -> None:
    without = packet(b"")
    unsigned = without[:6] + len(CREATED).to_bytes(2, "big") + CREATED + without[8:]
    with pytest.raises(MalformedError, match="when it was made"):
        read_signature(unsigned)


def test_version_2_is_weak_and_unknown_ones_are_unsupported() -> None:
    old = read_signature(packet(version=2))
    assert isinstance(old, UnreadSignature)
    assert old.reason == "ALGORITHM_WEAK"
    for version in (5, 7, 23):  # 5 is LibrePGP's
        unknown = read_signature(packet(version=version))
        assert isinstance(unknown, UnreadSignature)
        assert unknown.reason == "FORMAT_UNSUPPORTED"
        assert f"version {version}" in unknown.detail


def test_unknown_algorithm_is_unsupported() -> None:
    read = read_signature(packet(algorithm=99))
    assert isinstance(read, UnreadSignature)
    assert read.reason == "FORMAT_UNSUPPORTED"
    read = read_signature(bytes.fromhex("03050065000000") + bytes(8) + b"\x16\x08" + bytes(20))
    assert isinstance(read, UnreadSignature)
    assert read.reason == "FORMAT_UNSUPPORTED"


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 18])
def test_version_3_cut_short_or_of_another_head_is_malformed(cut: int) -> None:
    body = bytes.fromhex("03050065000000") + bytes(8) + b"\x01\x08" + bytes(2) + b"\0\1\1"
    assert isinstance(read_signature(body), SignaturePacket)
    changed = body[: 18 - cut] if cut else body[:1] + b"\6" + body[2:]
    with pytest.raises(MalformedError):
        read_signature(changed)


@pytest.mark.parametrize(
    "extra", [b"\xca\3PGP", b"\xcc\2\0\0", b"\xd5\4abcd", b"\xe8\2ab", b"\xfb\2ab", b"\xfc\2ab"]
)
def test_packets_that_must_be_ignored_stand_in_nobodys_way(extra: bytes) -> None:
    """RFC 9580 sections 4.3, 5.8, 5.10 and 5.14: markers, trust, padding, what nobody knows."""
    good = material().signatures["ed"]
    for content in (extra + good, good + extra):
        (read,) = read_signatures(content, limits=LIMITS)
        assert isinstance(read, SignaturePacket)
        assert detached(content, *trusting()).outcome is Outcome.VERIFIED
    marked = Evidence(b"\xca\3PGP" + good, "", "test", Subject("text", ()))
    assert OpenPgpDetached().recognises(marked)
    with pytest.raises(MalformedError, match="no OpenPGP signature"):
        read_signatures(extra, limits=LIMITS)
    with pytest.raises(MalformedError, match="type 39"):
        read_signatures(good + b"\xe7\2ab", limits=LIMITS)


def test_broken_signature_beside_a_good_one_is_kept_apart() -> None:
    broken = b"\xc2\x05" + b"\x04\0\x16\x08\0"
    first, second = read_signatures(broken + material().signatures["ed"], limits=LIMITS)
    assert isinstance(first, UnreadSignature)
    assert isinstance(second, SignaturePacket)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xcb\x01x",
        b"\xc2\xe1x",
        b"\x8bx",
        b"\xc2\x05x",
        b"\xc2",
        b"\xc2\xff\0\0",
        b"hello",
        b"\xc2\xc0",
    ],
)
def test_what_is_no_file_of_signatures_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError):
        read_signatures(content, limits=LIMITS)


def test_a_key_among_signatures_is_malformed() -> None:
    mixed = material().signatures["ed"] + material().certificates["ed"]
    with pytest.raises(MalformedError, match="type 6 among signatures"):
        read_signatures(mixed, limits=LIMITS)


def test_limits_are_named() -> None:
    many = material().signatures["ed"] * 3
    with pytest.raises(TooLargeError, match="more than 2 OpenPGP packets"):
        read_signatures(many, limits=Limits(signatures=2))
    with pytest.raises(TooLargeError, match="evidence_bytes"):
        read_signatures(many.ljust(2000), limits=Limits(evidence_bytes=1024))
    with pytest.raises(TooLargeError, match="70000 bytes"):
        read_signature(bytes(70000))


ARMOR = b"-----BEGIN PGP SIGNATURE-----\n\niQEz\n=abcd\n-----END PGP SIGNATURE-----\n"


@pytest.mark.parametrize(
    "content",
    [
        ARMOR.replace(b"SIGNATURE-----\n\n", b"SIGNATURE-----\nVersion: GnuPG v1\n\n", 1),
        ARMOR.replace(b"=abcd\n", b""),
        ARMOR.replace(b"=abcd", b"=zzzz"),
        ARMOR.replace(b"\n", b"\r\n"),
        b"\n\n" + ARMOR + b"\n",
        b" \t\n" + ARMOR + b" \n\t",
        ARMOR.replace(b"\n", b" \t\n"),
        ARMOR.replace(b"\n", b" \r\n"),
        ARMOR.replace(b"\n\n", b"\nX-Tool: foo 1.0\nVersion:\nComment: \n\n", 1),
        ARMOR.replace(b"\n\n", b"\nComment: " + b"x" * 70_000 + b"\n\n", 1),
        ARMOR.replace(b"\n\n", b"\n" + b"z" * 70_000 + b": x\n\n", 1),
        ARMOR.replace(b"\n\n", b"\nMy_Tool: 1\t2\n\n", 1),
        ARMOR.replace(b"\n\n", b"\n \t\x0b\x0c\r\n", 1),
        ARMOR.replace(b"iQEz", b" iQEz"),
        ARMOR.replace(b"iQEz", b"\n\niQ\t \nEz"),
        ARMOR.replace(b"iQEz", b"iQEz\n \n"),
        ARMOR.replace(b"=abcd", b" =abcd\n\n"),
    ],
)
def test_armor_is_read(content: bytes) -> None:
    assert dearmor(content, SIGNATURE) == b"\x89\x01\x33"


@pytest.mark.parametrize(
    "content",
    [
        b"junk\n" + ARMOR,
        ARMOR + b"junk\n",
        ARMOR + ARMOR,
        ARMOR.replace(b"\n\n", b"\n", 1),
        ARMOR.replace(b"\n\n", b"\nno header\n\n", 1),
        ARMOR.replace(b"\n\n", b"\n: x\n\n", 1),
        ARMOR.replace(b"\n\n", b"\nA:x\n\n", 1),
        ARMOR.replace(b"\n\n", b"\nA: x\ry\n\n", 1),
        ARMOR.replace(b"iQEz", b"iQ\rEz"),
        ARMOR.replace(b"iQEz", b"iQ\fEz"),
        b" " + ARMOR,
        ARMOR.replace(b"SIGNATURE-----\n\n", b"SIGNATURE----- x\n\n"),
        ARMOR.replace(b"\n-----END", b"\n -----END"),
        ARMOR[:-1] + b" x\n",
        ARMOR.replace(b"iQEz", b"iQ!z"),
        ARMOR.replace(b"iQEz", b"iQE"),
        ARMOR.replace(b"iQEz", b"iQF="),
        ARMOR.replace(b"=abcd", b"=abc"),
        ARMOR.replace(b"=abcd\n", b"=abcd\niQEz\n"),
        ARMOR.replace(b"END PGP SIGNATURE", b"END PGP MESSAGE"),
        b"",
    ],
)
def test_armor_with_anything_strange_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError):
        dearmor(content, SIGNATURE)


def test_armored_line_may_be_of_any_length() -> None:
    long = base64.b64encode(bytes(range(256)) * 4)
    whole = ARMOR.replace(b"iQEz", long)
    assert dearmor(whole, SIGNATURE) == bytes(range(256)) * 4


def test_several_blocks_are_read_with_blank_lines_alone_between_them() -> None:
    for between in (b"", b"\n", b" \t\n\r\n"):
        whole = b"\n" + ARMOR + between + ARMOR.replace(b"iQEz", b"iQEy")
        assert dearmor_each(whole, SIGNATURE, most=2) == (b"\x89\x01\x33", b"\x89\x01\x32")
        with pytest.raises(MalformedError, match="more than 1 "):
            dearmor(whole, SIGNATURE)
        with pytest.raises(TooLargeError, match="more than 2 "):
            dearmor_each(whole + ARMOR, SIGNATURE, most=2)
    for junk in (b"x\n", b"=\n", b" x\n", b"\0\n", b"\x0c\n", b"-----END PGP SIGNATURE-----\n"):
        for whole in (junk + ARMOR * 2, ARMOR + junk + ARMOR, ARMOR * 2 + junk):
            with pytest.raises(MalformedError):
                dearmor_each(whole, SIGNATURE, most=3)
    with pytest.raises(MalformedError):
        dearmor_each(ARMOR + ARMOR.replace(b"SIGNATURE", b"MESSAGE"), SIGNATURE, most=3)


def test_packet_does_not_run_on_into_the_next_block() -> None:
    raw = material().signatures["ed"]
    halves = [
        ARMOR.replace(b"iQEz\n=abcd", base64.b64encode(each)) for each in (raw[:40], raw[40:])
    ]
    with pytest.raises(MalformedError, match="too early"):
        read_signatures(b"".join(halves), limits=LIMITS, most_blocks=2)
    with_empty = material().signatures["armored"] + ARMOR.replace(b"iQEz\n=abcd\n", b"")
    with pytest.raises(MalformedError, match="no OpenPGP signature"):
        read_signatures(with_empty, limits=LIMITS, most_blocks=2)
    four = material().signatures["armored"] * 4
    with pytest.raises(TooLargeError, match="more than 3 "):
        read_signatures(four, limits=Limits(signatures=3), most_blocks=9)


def test_blocks_are_found_between_notes() -> None:
    assert armored_blocks(b"a note\n" + ARMOR + b"-- x\n" + ARMOR, SIGNATURE) == (ARMOR[:-1],) * 2


def test_hints_that_are_broken_are_none() -> None:
    assert read_hints(bytes([3, 16, 0, 0])) == ()
    assert read_hints(bytes([9, 16]) + b"\xab" * 8) == ("AB" * 8,)
    of_another_version = bytes([36, 33, 6]) + b"\xaa" * 34
    assert read_hints(of_another_version + bytes([9, 16]) + b"\xab" * 8) == ("AB" * 8,)


@given(st.binary(max_size=80))
def test_any_bytes_split_or_are_malformed(content: bytes) -> None:
    try:
        packets = list(split_packets(content, most=50))
    except MalformedError:
        return
    assert b"".join(one.raw for one in packets) == content


@given(st.binary(max_size=60), st.sampled_from([3, 4, 5, 6]), st.sampled_from([1, 19, 22, 27, 30]))
def test_any_area_reads_or_is_malformed(area: bytes, version: int, algorithm: int) -> None:
    for body in (packet(area, version=version, algorithm=algorithm), area):
        try:
            read = read_signature(body)
        except MalformedError:
            continue
        assert isinstance(read, UnreadSignature) or read.head == body[: len(read.head)]


@given(st.binary(max_size=40))
def test_any_signed_area_alone_reads_or_is_malformed(area: bytes) -> None:
    with contextlib.suppress(MalformedError):
        assert read_hashed(area).created_at.tzinfo is UTC
    assert len(read_hints(area)) <= 8


@given(st.lists(st.sampled_from([*ARMOR.splitlines(keepends=True), b"x", b"\0", b"\r"])))
def test_any_lines_dearmor_or_are_malformed(lines: list[bytes]) -> None:
    try:
        dearmor(b"".join(lines), SIGNATURE)
    except MalformedError:
        return
    assert lines.count(b"-----BEGIN PGP SIGNATURE-----\n") == 1
