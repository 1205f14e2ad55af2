"""Signed packages: what rpmkeys accepts and what it refuses, and that no byte is left uncovered."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError
from core.limits import Limits
from core.model import (
    ARTIFACT_HEAD,
    CheckOutcome,
    Digest,
    Evidence,
    MemoryContent,
    Outcome,
    SignerKind,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.archives.rpm_material import Row, assembled, packages, rows, written
from tests.verification.openpgp.openpgp_old import OldSigner
from tests.verification.specimens import NOW, is_verified
from verification.archives.rpm_header import (
    HEADER_MAGIC,
    IMMUTABLE_REGION,
    LEAD_BYTES,
    SIGNATURES_REGION,
    header_size,
    payload_chunks,
    read_header,
    read_lead,
)
from verification.archives.rpm_package import Package, read_package
from verification.format import Setting
from verification.formats.rpm import Rpm

SIGNED = ("rsa", "ed", "sub", "both")
DSA, RSA, OPENPGP, PGP, MD5, SHA256, SHA1, RESERVED = 267, 268, 278, 1002, 1004, 273, 269, 1008
PAYLOAD_DIGEST, PAYLOAD_ALGORITHM = 5092, 5093


def keyring(*names: str) -> TrustEntry:
    return TrustEntry("ring", TrustKind.KEYRING, packages().keyring(*names), "ring.gpg")


def judged(
    content: bytes,
    *entries: TrustEntry,
    digests: tuple[Digest, ...] = (),
    limits: Limits | None = None,
) -> Verification:
    subject = Subject("acme.rpm", digests or (digest_of(content),), MemoryContent(content))
    evidence = Evidence(content[:4096], ARTIFACT_HEAD, "test", subject)
    trust = Trust(entries or (keyring(),))
    return Rpm().verify(evidence, Setting(trust, NOW, limits or Limits()))


def package(content: bytes) -> Package:
    return read_package(MemoryContent(content), Limits())


def with_signatures(content: bytes, change: Callable[[list[Row]], list[Row]]) -> bytes:
    """Write the signature header anew: nothing signs it, so anybody could."""
    read = package(content)
    entries = change(rows(read.signatures))
    rest = read.header.raw + content[read.start :]
    return assembled(content[:LEAD_BYTES], written(SIGNATURES_REGION, entries), rest)


def without(*tags: int) -> Callable[[list[Row]], list[Row]]:
    return lambda entries: [row for row in entries if row.tag not in tags]


def resigned(
    content: bytes, change: Callable[[list[Row]], list[Row]], *, name: str = "rsa"
) -> bytes:
    """Change the header itself, and sign it anew with a key that is trusted."""
    read = package(content)
    header = written(IMMUTABLE_REGION, change(rows(read.header)))
    signature = detached(header, name)
    tag = RSA if name == "rsa" else DSA
    entries = [Row(tag, 7, len(signature), signature)]
    rest = header + content[read.start :]
    return assembled(content[:LEAD_BYTES], written(SIGNATURES_REGION, entries), rest)


@cache
def detached(content: bytes, name: str) -> bytes:
    made = packages()
    (made.gpg.home / "signed").write_bytes(content)
    words = ("--local-user", f"{name}@acme.test", "-o-", "--detach-sign", "signed")
    return made.gpg.run(*words)


@pytest.mark.parametrize("name", SIGNED)
def test_signed_package_verifies_and_rpmkeys_agrees(name: str) -> None:
    content = packages().signed[name]
    verification = judged(content)
    assert is_verified(verification), verification.detail
    assert packages().accepts(content)
    signer = verification.signer
    assert signer is not None
    key = "rsa" if name == "both" else name
    assert (signer.kind, signer.key_fingerprint) == (
        SignerKind.OPENPGP,
        packages().fingerprints[key],
    )
    assert verification.claims["package_name"] == "acme"
    assert verification.claims["package_epoch"] == "4"
    assert verification.claims["package_format"] == "4"
    assert verification.claims["key_state_now"] == "valid"


def test_unsigned_package_is_known_to_be_unsigned() -> None:
    assert judged(packages().plain).reason == "NOT_SIGNED"
    assert not packages().accepts(packages().plain)


def test_package_of_a_key_that_is_not_trusted_is_refused() -> None:
    content = packages().signed["other"]
    assert judged(content).reason == "KEY_UNKNOWN"
    assert not packages().accepts(content)
    listed = TrustEntry("x", TrustKind.SSH_SIGNERS, b"", "x")
    assert judged(content, listed).reason == "TRUST_ROOT_MISSING"


def test_attack_10_sha1_signature_is_weak() -> None:
    """Attack class 10; rpmkeys accepts it."""
    assert judged(packages().signed["sha1"]).reason == "ALGORITHM_WEAK"


@pytest.mark.parametrize("name", SIGNED)
def test_attack_12_corrupted_payload_under_a_good_header_signature(name: str) -> None:
    """Attack class 12: the signature over the header says nothing of the payload by itself."""
    content = packages().signed[name]
    start = package(content).start
    changed = content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]
    for altered in (changed, content + b"x", content[:-1], content[:start]):
        verification = judged(altered)
        assert verification.reason == "DIGEST_MISMATCH", verification.reason
        assert not packages().accepts(altered)


def test_corrupted_payload_is_seen_though_the_unsigned_digest_was_corrected() -> None:
    """Attack class 12: whoever changes the payload corrects the signature header as well."""
    content = packages().signed["rsa"]
    altered = content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]
    read = package(altered)
    payload = altered[read.start :]
    md5 = hashlib.md5(read.header.raw + payload, usedforsecurity=False).digest()
    corrected = with_signatures(
        altered,
        lambda entries: [replace(row, value=md5) if row.tag == MD5 else row for row in entries],
    )
    verification = judged(corrected)
    assert verification.reason == "DIGEST_MISMATCH"
    assert "PAYLOADDIGEST" in verification.detail


@pytest.mark.parametrize("tag", [SHA1, SHA256, MD5])
def test_digest_in_the_signature_header_must_hold_where_it_stands(tag: int) -> None:
    content = packages().signed["rsa"]

    def wrong(entries: list[Row]) -> list[Row]:
        return [
            replace(row, value=row.value[::-1] if tag == MD5 else row.value[-2::-1] + b"\0")
            if row.tag == tag
            else row
            for row in entries
        ]

    altered = with_signatures(content, wrong)
    assert altered != content
    assert judged(altered).reason == "DIGEST_MISMATCH"
    assert not packages().accepts(altered)
    assert is_verified(judged(with_signatures(content, without(tag))))


def test_attack_12_payload_that_nothing_signed_names() -> None:
    """Attack class 12: without a payload digest, a header signature covers the header alone."""
    content = packages().signed["rsa"]
    bare = resigned(content, without(PAYLOAD_DIGEST, PAYLOAD_ALGORITHM, 5097))
    verification = judged(bare)
    assert verification.reason == "SUBJECT_MISMATCH"
    assert "header alone" in verification.detail
    assert is_verified(judged(resigned(content, lambda entries: entries)))


def test_signature_over_header_and_payload_needs_no_digest() -> None:
    content = packages().signed["both"]
    only = with_signatures(content, without(RSA, SHA1, SHA256, MD5))
    assert is_verified(judged(only))
    altered = only[:-20] + bytes([only[-20] ^ 1]) + only[-19:]
    assert judged(altered).reason == "SIGNATURE_INVALID"
    read = package(content)
    header = written(
        IMMUTABLE_REGION, without(PAYLOAD_DIGEST, PAYLOAD_ALGORITHM)(rows(read.header))
    )
    signature = detached(header + content[read.start :], "rsa")
    entries = [Row(PGP, 7, len(signature), signature)]
    old = assembled(
        content[:LEAD_BYTES],
        written(SIGNATURES_REGION, entries),
        header + content[read.start :],
    )
    assert is_verified(judged(old))
    assert judged(old + b"x").reason == "SIGNATURE_INVALID"


@pytest.mark.parametrize("tag", [RSA, PGP])
def test_broken_signature_beside_one_that_holds_refuses_as_rpmkeys_does(tag: int) -> None:
    def broken(entries: list[Row]) -> list[Row]:
        return [
            replace(row, value=row.value[:-1] + bytes([row.value[-1] ^ 1]))
            if row.tag == tag
            else row
            for row in entries
        ]

    altered = with_signatures(packages().signed["both"], broken)
    verification = judged(altered)
    assert verification.reason == "SIGNATURE_INVALID"
    assert "a signature holds, but" in verification.detail
    assert not packages().accepts(altered)


def test_old_signature_over_more_than_memory_holds_is_not_judged() -> None:
    content = packages().signed["both"]
    header = package(content).header.raw
    whole = header + bytes(100_000)
    signature = detached(whole, "rsa")
    signatures = written(SIGNATURES_REGION, [Row(PGP, 7, len(signature), signature)])
    large = assembled(content[:LEAD_BYTES], signatures, whole)
    small = Limits(evidence_bytes=8192)
    assert judged(large, keyring("rsa"), limits=small).reason == "CONTENT_NEEDED"


@cache
def old_signer() -> OldSigner:
    made = packages()
    return OldSigner(made.gpg.run("--export-secret-keys", made.fingerprints["rsa"]))


SIGNED_THEN = datetime(2026, 6, 1, tzinfo=UTC)


def signed_by_version_3(*tags: int, header: bytes = b"") -> bytes:
    """Return the package as RHEL, CentOS and openSUSE sign theirs: packets of version 3."""
    content = packages().signed["rsa"]
    read = package(content)
    kept = [] if header else without(RSA, PGP, RESERVED)(rows(read.signatures))
    header = header or read.header.raw
    whole = header + content[read.start :]
    made = {tag: old_signer().sign(whole if tag == PGP else header, at=SIGNED_THEN) for tag in tags}
    entries = [*kept, *(Row(tag, 7, len(one), one) for tag, one in made.items())]
    entries.sort(key=lambda row: row.tag)
    return assembled(content[:LEAD_BYTES], written(SIGNATURES_REGION, entries), whole)


@pytest.mark.parametrize("tags", [(RSA,), (RSA, PGP), (PGP,)])
def test_signature_packets_of_version_3_verify_as_rpmkeys_says(tags: tuple[int, ...]) -> None:
    content = signed_by_version_3(*tags)
    verification = judged(content)
    assert is_verified(verification), verification.detail
    assert verification.claims["signature_version"] == "3"
    assert packages().accepts(content)
    for at in (-5, package(content).start - 40):
        altered = bytearray(content)
        altered[at] ^= 1
        assert not is_verified(judged(bytes(altered)))
        assert not packages().accepts(bytes(altered))


def test_package_before_payload_digests_is_covered_by_its_old_signature_alone() -> None:
    read = package(packages().signed["rsa"])
    header = written(
        IMMUTABLE_REGION, without(PAYLOAD_DIGEST, PAYLOAD_ALGORITHM, 5097)(rows(read.header))
    )
    assert is_verified(judged(signed_by_version_3(RSA, PGP, header=header)))
    assert judged(signed_by_version_3(RSA, header=header)).reason == "SUBJECT_MISMATCH"


def test_old_signature_too_large_to_judge_is_needed_where_only_it_could_cover_the_payload() -> None:
    content = packages().signed["rsa"]
    entries = without(PAYLOAD_DIGEST, PAYLOAD_ALGORITHM, 5097)(rows(package(content).header))
    header = written(IMMUTABLE_REGION, entries)
    whole = header + bytes(100_000)
    signatures = [
        Row(tag, 7, len(one), one)
        for tag, one in ((RSA, detached(header, "rsa")), (PGP, detached(whole, "rsa")))
    ]
    large = assembled(content[:LEAD_BYTES], written(SIGNATURES_REGION, signatures), whole)
    assert is_verified(judged(large))
    verification = judged(large, limits=Limits(evidence_bytes=8192))
    assert (verification.outcome, verification.reason) == (Outcome.UNVERIFIABLE, "CONTENT_NEEDED")


@pytest.mark.parametrize(("number", "name"), [(1, "md5"), (2, "sha1")])
def test_attack_10_payload_digest_that_can_be_forged(number: int, name: str) -> None:
    """Attack class 10."""
    content = packages().signed["rsa"]
    payload = content[package(content).start :]
    value = hashlib.new(name, payload, usedforsecurity=False).hexdigest().encode() + b"\0"
    algorithm = number.to_bytes(4, "big")
    values = {PAYLOAD_DIGEST: value, PAYLOAD_ALGORITHM: algorithm}
    weak = resigned(
        content,
        lambda entries: [replace(row, value=values.get(row.tag, row.value)) for row in entries],
    )
    assert judged(weak).reason == "ALGORITHM_WEAK"


def test_payload_digest_of_an_unknown_algorithm_is_malformed() -> None:
    unknown = resigned(
        packages().signed["rsa"],
        lambda entries: [
            replace(row, value=b"\0\0\0\x63") if row.tag == PAYLOAD_ALGORITHM else row
            for row in entries
        ],
    )
    assert judged(unknown).reason == "MALFORMED"


def test_attack_01_signature_of_another_package_is_refused() -> None:
    """Attack class 7: the signature header is anybody's to write."""
    content = packages().signed["rsa"]
    other = package(content).header.raw.replace(b"acme", b"acne")
    binary = detached(other, "rsa")
    swapped = with_signatures(
        content,
        lambda entries: [
            Row(RSA, 7, len(binary), binary) if row.tag == RSA else row for row in entries
        ],
    )
    assert judged(swapped).reason == "SIGNATURE_INVALID"


def test_attack_13_signature_taken_off_is_unsigned_and_never_passed() -> None:
    """Attack class 13."""
    for tag in (RSA, DSA, OPENPGP):
        stripped = with_signatures(packages().signed["rsa"], without(RSA, DSA, tag))
        assert judged(stripped).reason == "NOT_SIGNED"


def test_every_signature_of_a_list_is_judged_and_reported() -> None:
    """Version 6 holds a list of base64 signatures; the good one counts, the others are seen."""
    content = packages().signed["rsa"]
    read = package(content)
    good, unknown = (detached(read.header.raw, name) for name in ("ed", "other"))
    old = bytes.fromhex("8815020510") + bytes(18)  # a signature packet of version 2
    texts = [base64.b64encode(one) for one in (unknown, old, good)] + [b"not base64!"]
    value = b"".join(text + b"\0" for text in texts)
    listed = with_signatures(content, lambda _: [Row(OPENPGP, 8, len(texts), value)])
    verification = judged(listed)
    assert is_verified(verification), verification.detail
    assert verification.signer is not None
    assert verification.signer.key_fingerprint == packages().fingerprints["ed"]
    said = {check.reason for check in verification.checks if check.outcome is CheckOutcome.NOTED}
    assert said == {"KEY_UNKNOWN", "ALGORITHM_WEAK", "MALFORMED"}
    steps = [check.step for check in verification.checks]
    assert any(step.startswith("signature 3 of 4 (OPENPGP 3)") for step in steps)
    alone = with_signatures(content, lambda _: [Row(OPENPGP, 8, 1, base64.b64encode(old) + b"\0")])
    assert judged(alone).reason == "ALGORITHM_WEAK"


def test_package_known_by_another_digest_is_refused() -> None:
    content = packages().signed["rsa"]
    verification = judged(content, digests=(digest_of(content), digest_of(b"x", "sha512")))
    assert verification.reason == "DIGEST_MISMATCH"


def test_package_that_is_not_at_hand_is_needed() -> None:
    content = packages().signed["rsa"]
    subject = Subject("acme.rpm", (digest_of(content),))
    evidence = Evidence(content, ARTIFACT_HEAD, "test", subject)
    verification = Rpm().verify(evidence, Setting(Trust((keyring(),)), NOW, Limits()))
    assert verification.reason == "CONTENT_NEEDED"


@dataclass(frozen=True)
class Pieces:
    """Content that comes in small pieces."""

    content: bytes
    piece: int

    @property
    def size(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self.content), self.piece):
            yield self.content[at : at + self.piece]

    def read_at(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    def digest(self, algorithm: str) -> Digest:
        return digest_of(self.content, algorithm)


@pytest.mark.parametrize("piece", [7, 96, 1000, 1_000_000])
def test_payload_is_streamed_in_whatever_pieces(piece: int) -> None:
    content = packages().signed["rsa"]
    subject = Subject("acme.rpm", (digest_of(content),), Pieces(content, piece))
    evidence = Evidence(content[:96], ARTIFACT_HEAD, "test", subject)
    assert is_verified(Rpm().verify(evidence, Setting(Trust((keyring(),)), NOW, Limits())))


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(1, 20))
def test_what_follows_the_headers_is_the_payload(content: bytes, start: int, piece: int) -> None:
    assert b"".join(payload_chunks(Pieces(content, piece).chunks(), start)) == content[start:]


# --- bounds ---------------------------------------------------------------------------------------


def at(content: bytes, place: int, value: bytes) -> bytes:
    return content[:place] + value + content[place + len(value) :]


def broken(content: bytes) -> dict[str, tuple[bytes, str]]:
    first = LEAD_BYTES
    second = first + len(package(content).signatures.raw)
    second += -second % 8
    four = (0xFFFFFFFF).to_bytes(4, "big")
    count = int.from_bytes(content[second + 8 : second + 12], "big")
    size = int.from_bytes(content[second + 12 : second + 16], "big")
    trailer = second + 16 + 16 * count + size - 16
    row = second + 16 + 16 * 5
    return {
        "lead of another version": (at(content, 4, b"\x05"), "MALFORMED"),
        "signatures of another kind": (at(content, 79, b"\x04"), "MALFORMED"),
        "entries without end": (at(content, first + 8, four), "TOO_LARGE"),
        "bytes without end": (at(content, first + 12, four), "TOO_LARGE"),
        "header without end": (at(content, second + 12, four), "TOO_LARGE"),
        "entries of the header without end": (at(content, second + 8, four), "TOO_LARGE"),
        "longer than the package": (at(content, second + 12, b"\0\x10\0\0"), "MALFORMED"),
        "no entries": (at(content, second + 8, bytes(4)), "MALFORMED"),
        "another region": (at(content, second + 19, b"\x3e"), "MALFORMED"),
        "region of fewer entries": (at(content, trailer + 8, b"\xff\xff\xff\xf0"), "MALFORMED"),
        "trailer of another region": (at(content, trailer + 3, b"\x3e"), "MALFORMED"),
        "entry past the end": (at(content, row + 8, b"\x00\xff\xff\xff"), "MALFORMED"),
        "entry of an unknown type": (at(content, row + 7, b"\x0a"), "MALFORMED"),
        "entry without values": (at(content, row + 12, bytes(4)), "MALFORMED"),
        "entry with too many values": (at(content, row + 12, four), "MALFORMED"),
        "tag of a region": (at(content, row, b"\0\0\0\x10"), "MALFORMED"),
        "cut in the lead": (content[:90], "MALFORMED"),
        "cut in the signature header": (content[:200], "MALFORMED"),
        "cut in the header": (content[: second + 100], "MALFORMED"),
    }


@pytest.mark.parametrize("name", range(19))
def test_broken_structure_is_refused(name: int) -> None:
    content = packages().signed["rsa"]
    label, (altered, reason) = list(broken(content).items())[name]
    assert altered != content
    assert judged(altered).reason == reason, label
    assert not packages().accepts(altered), label


def test_the_table_of_broken_structures_is_whole() -> None:
    assert len(broken(packages().signed["rsa"])) == 19


def test_padding_between_the_headers_is_empty() -> None:
    content = with_signatures(
        packages().signed["ed"],
        lambda entries: [*without(RESERVED)(entries), Row(1008, 7, 1, b"x")],
    )
    end = LEAD_BYTES + len(package(content).signatures.raw)
    assert end % 8
    assert is_verified(judged(content))
    assert judged(at(content, end, b"x")).reason == "MALFORMED"


def signature_headers(content: bytes) -> dict[str, tuple[bytes, str]]:
    """Write the signature header anew, in the forms that nobody signs and rpm reads, and others."""
    whole = package(content).signatures.raw
    kept = [row for row in rows(package(content).signatures) if row.tag != RESERVED]
    index, store = b"", b""
    for row in kept:
        index += b"".join(
            part.to_bytes(4, "big") for part in (row.tag, row.type, len(store), row.count)
        )
        store += row.value
    bare = HEADER_MAGIC + b"".join(part.to_bytes(4, "big") for part in (len(kept), len(store)))
    own, trailer = len(whole) - 16, whole[-16:]
    count, size = (int.from_bytes(whole[place : place + 4], "big") for place in (8, 12))

    def behind(row: Sequence[int], value: bytes) -> bytes:
        counts = (count + 1).to_bytes(4, "big") + (size + len(value)).to_bytes(4, "big")
        entry = b"".join(part.to_bytes(4, "big") for part in row)
        index_end = 16 + 16 * count
        return whole[:8] + counts + whole[16:index_end] + entry + whole[index_end:] + value

    longer = (size + 1).to_bytes(4, "big")
    return {
        "without a region": (bare + index + store, ""),
        "old tag in the trailer": (at(whole, own, b"\0\0\0\x3d"), ""),
        "entry behind the region": (behind((275, 4, size, 1), bytes(4)), ""),
        "entry in the trailer": (behind((275, 7, size - 8, 16), bytes(8)), "MALFORMED"),
        "entry into the trailer": (behind((275, 7, size - 17, 9), b"\0"), "MALFORMED"),
        "byte behind the region": (whole[:12] + longer + whole[16:] + b"\0", "MALFORMED"),
        "same tag behind the region": (behind((RSA, 7, size, 4), bytes(4)), "MALFORMED"),
        "region of more entries": (
            whole[:-16]
            + trailer[:8]
            + (-16 * (count + 1)).to_bytes(4, "big", signed=True)
            + trailer[12:],
            "MALFORMED",
        ),
    }


@pytest.mark.parametrize("name", range(8))
def test_region_of_the_signature_header_binds_nothing(name: int) -> None:
    content = packages().signed["rsa"]
    label, (header, reason) = list(signature_headers(content).items())[name]
    rest = content[package(content).start - len(package(content).header.raw) :]
    altered = assembled(content[:LEAD_BYTES], header, rest)
    assert altered != content
    found = judged(altered)
    assert found.reason == reason, (label, found.detail)
    assert is_verified(found) is not bool(reason)
    if not reason:
        assert packages().accepts(altered), label


def test_attack_18_two_entries_of_one_tag_are_malformed() -> None:
    content = packages().signed["rsa"]
    twice = with_signatures(
        content, lambda entries: [row for row in entries for _ in range(1 + (row.tag == RSA))]
    )
    assert judged(twice).reason == "MALFORMED"


@pytest.mark.parametrize("tag", [SHA1, SHA256])
@pytest.mark.parametrize("kind", [8, 9])
def test_attack_18_header_digest_of_another_type_is_malformed(tag: int, kind: int) -> None:
    content = packages().signed["rsa"]
    altered = with_signatures(
        content,
        lambda entries: [replace(row, type=kind) if row.tag == tag else row for row in entries],
    )
    assert judged(altered).reason == "MALFORMED"
    assert not packages().accepts(altered)


def behind(row: Row, entries: list[Row]) -> list[Row]:
    return [*entries, row]


def test_attack_18_tag_that_rpm_takes_for_negative_is_malformed() -> None:
    content = packages().signed["both"]
    for tag in (2**31 - 1, 2**31, 2**32 - 1):
        altered = with_signatures(content, partial(behind, Row(tag, 7, 1, b"x")))
        assert is_verified(judged(altered)) is (tag < 2**31)
        assert packages().accepts(altered) is (tag < 2**31)


@settings(max_examples=300, deadline=None, database=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 4), max_size=5),
    st.binary(max_size=80),
    st.sampled_from([IMMUTABLE_REGION, SIGNATURES_REGION]),
)
def test_no_bytes_make_the_header_reader_raise_anything_else(
    index: Sequence[tuple[int, ...]], store: bytes, region: int
) -> None:
    written_index = b"".join(part.to_bytes(4, "big") for row in index for part in row)
    sizes = len(index).to_bytes(4, "big") + len(store).to_bytes(4, "big")
    raw = b"\x8e\xad\xe8\x01\0\0\0\0" + sizes + written_index + store
    if index and store:
        assert header_size(raw[:16], what="x", most_entries=10, most_bytes=10_000) == len(raw)
    with pytest.raises(MalformedError):
        read_header(raw, region, what="header")


ROWS = st.lists(
    st.one_of(
        st.builds(lambda value: (4, 1, value.to_bytes(4, "big")), st.integers(0, 2**32 - 1)),
        st.builds(lambda value: (7, len(value), value), st.binary(min_size=1, max_size=20)),
        st.builds(
            lambda texts: (8, len(texts), b"".join(text.encode() + b"\0" for text in texts)),
            st.lists(st.text("abc", max_size=5), min_size=1, max_size=4),
        ),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=100, deadline=None, database=None)
@given(ROWS)
def test_header_as_rpm_writes_it_is_read_back(values: list[tuple[int, int, bytes]]) -> None:
    entries = [Row(1000 + number, *value) for number, value in enumerate(values)]
    raw = written(IMMUTABLE_REGION, entries)
    assert rows(read_header(raw, IMMUTABLE_REGION, what="header")) == entries


def test_lead_is_a_lead() -> None:
    assert read_lead(packages().plain[:LEAD_BYTES]) == 3
    with pytest.raises(MalformedError):
        read_lead(b"\xed\xab\xee\xdb")


# --- mutation -------------------------------------------------------------------------------------


def test_flipped_package_is_refused_but_for_what_nobody_signs() -> None:
    """Every byte, one bit each; without the reserved space, to keep it short."""
    content = with_signatures(packages().signed["ed"], without(RESERVED))
    assert is_verified(judged(content))
    read = package(content)
    passed = {
        place
        for place in range(len(content))
        if is_verified(judged(at(content, place, bytes([content[place] ^ 1]))))
    }
    # The lead: its magic, version and kind of signature are compared, the rest is history.
    allowed = set(range(5, 78)) | set(range(80, LEAD_BYTES))
    signatures = read.signatures.raw
    store = LEAD_BYTES + 16 + 16 * (len(read.signatures.entries) + 1)
    index = [
        (LEAD_BYTES + 16 + 16 * number, entry)
        for number, entry in enumerate(read.signatures.entries.values(), start=1)
    ]
    for row, entry in index:
        tag = entry.tag
        # A tag that becomes one nobody reads takes its entry away: a digest or size, never the
        # signature, and never what the header or payload is.
        if tag not in (DSA, RSA):
            allowed |= set(range(row, row + 4))
        start = store + int.from_bytes(content[row + 8 : row + 12], "big")
        if tag in (1000, 1007):  # sizes, which version 6 gave up
            allowed |= set(range(row, row + 16)) | set(range(start, start + len(entry.value)))
        if tag == DSA:
            # The unhashed area and the first bits of the hash, and numbers that claim more bits
            # than they have: see tests/verification/openpgp/test_openpgp_mutation.py.
            body = 2
            hashed = int.from_bytes(entry.value[body + 4 : body + 6], "big")
            unhashed_at = body + 6 + hashed
            unhashed = int.from_bytes(entry.value[unhashed_at : unhashed_at + 2], "big")
            free = set(range(unhashed_at + 2, unhashed_at + 2 + unhashed + 2))
            number_at = unhashed_at + 2 + unhashed + 2
            while number_at < len(entry.value):
                free.add(number_at + 1)
                bits = int.from_bytes(entry.value[number_at : number_at + 2], "big")
                number_at += 2 + (bits + 7) // 8
            allowed |= {start + place for place in free}
    # Bytes between the values, so that numbers stand in line.
    end = LEAD_BYTES + len(signatures)
    values = [(int.from_bytes(content[row + 8 : row + 12], "big"), entry) for row, entry in index]
    used = {place for start, entry in values for place in range(start, start + len(entry.value))}
    allowed |= set(range(store, end - 16)) - {store + place for place in used}
    assert sorted(passed - allowed) == []
    assert not any(place >= LEAD_BYTES + len(signatures) for place in passed)
