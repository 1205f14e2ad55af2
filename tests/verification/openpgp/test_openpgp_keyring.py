"""Keyrings are read certificate by certificate; what is broken is left out and said."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import TrustEntry, TrustKind
from tests.verification.openpgp.openpgp_material import material
from verification.openpgp.certificate import merge
from verification.openpgp.keyring import Keyring, read_keyring
from verification.openpgp.packets import split_packets

DEBIAN = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIMITS = Limits()


def entry(content: bytes, *only: str) -> TrustEntry:
    return TrustEntry("ring", TrustKind.KEYRING, content, "ring.gpg", only)


def read(content: bytes, *only: str) -> Keyring:
    return read_keyring(entry(content, *only), LIMITS)


def test_certificate_tells_who_and_until_when() -> None:
    (certificate,) = read(material().keyring("exp")).certificates
    assert certificate.user_ids == ("exp <exp@acme.test>",)
    assert certificate.algorithm == "Ed25519"
    assert certificate.created_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert certificate.expires_at == datetime(2024, 12, 31, tzinfo=UTC)
    assert not certificate.is_revoked
    assert len(certificate.fingerprint) == 40


def test_subkeys_are_listed() -> None:
    (certificate,) = read(material().keyring("sub")).certificates
    assert [key.algorithm for key in certificate.subkeys] == ["Ed25519", "ECDH"]
    assert len({key.fingerprint for key in certificate.subkeys}) == 2


@pytest.mark.parametrize("name", ["comp", "sup"])
def test_revocation_is_seen(name: str) -> None:
    assert read(material().keyring(name)).certificates[0].is_revoked


def test_short_key_is_kept_and_called_weak() -> None:
    (certificate,) = read(material().keyring("weak")).certificates
    assert certificate.algorithm == "RSA-1024"
    assert "shorter than 2048" in certificate.primary.weakness


def test_several_certificates_are_read_in_order() -> None:
    ring = read(material().keyring("ed", "rsa", "sub"))
    assert [one.algorithm for one in ring.certificates] == ["Ed25519", "RSA-2048", "Ed25519"]
    assert ring.notes == ()


def test_several_armored_blocks_with_notes_between_are_read() -> None:
    armored = material().armored
    ring = read(b"# our keys\r\n" + armored + b"\n--- another:\n" + armored)
    assert [one.user_ids for one in ring.certificates] == [("ed <ed@acme.test>",)] * 2


def test_the_same_bytes_are_read_once() -> None:
    content = material().keyring("ed")
    assert read(content).certificates is read(bytes(bytearray(content))).certificates


def test_broken_certificate_is_left_out_with_a_note() -> None:
    unreadable = b"\xc6\x06\x03\0\0\0\0\x01"
    ring = read(unreadable + material().keyring("ed"))
    assert [one.user_ids for one in ring.certificates] == [("ed <ed@acme.test>",)]
    assert ring.notes == ("an OpenPGP key of version 3 is not read",)


def test_certificate_cut_short_is_left_out_whole() -> None:
    ring = read(material().keyring("ed", "rsa")[:-5])
    assert [one.algorithm for one in ring.certificates] == ["Ed25519"]
    assert "ends too early" in ring.notes[0]


def test_broken_block_is_left_out_with_a_note() -> None:
    broken = material().armored.replace(b"\n\n", b"\nno header\n\n", 1)
    ring = read(broken + material().armored)
    assert len(ring.certificates) == 1
    assert "block is broken" in ring.notes[0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"hello", "no OpenPGP packet"),
        (bytes(8) + b"KBXf" + bytes(20), "keybox"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "private key"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ", "it is empty"),
        (b"<html>", "no OpenPGP packet"),
    ],
)
def test_file_without_a_certificate_is_malformed(content: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=f"ring \\(ring.gpg\\): .*{why}"):
        read(content)


def test_signatures_and_private_keys_are_no_keyring() -> None:
    with pytest.raises(MalformedError, match="it is empty"):
        read(material().signatures["ed"])
    with pytest.raises(MalformedError, match="private key"):
        read(material().private)


def test_too_large_a_file_names_the_limit() -> None:
    with pytest.raises(TooLargeError, match="evidence_bytes"):
        read_keyring(entry(bytes(8 * 1024 + 1)), Limits(evidence_bytes=1024))


def test_keyring_of_a_whole_project_may_be_larger_than_a_piece_of_evidence() -> None:
    many = material().keyring() * 4
    assert len(many) > 8 * 1024
    found = read_keyring(entry(many), Limits(evidence_bytes=2400)).certificates
    assert len(found) == 4 * len(material().certificates)


def test_only_narrows_to_certificates_and_subkeys() -> None:
    content = material().keyring("sub")
    (certificate,) = read(content).certificates
    primary, signing = certificate.fingerprint, certificate.subkeys[0].fingerprint

    def accepted(*only: str) -> tuple[bool, bool]:
        ring = read(content, *only)
        return ring.accepts(certificate, primary), ring.accepts(certificate, signing)

    assert accepted() == (True, True)
    assert accepted(primary) == (True, True)
    assert accepted(primary.lower()) == (True, True)
    assert accepted(primary + "!") == (True, False)
    assert accepted(signing) == accepted(signing + "!") == (False, True)
    assert accepted("0" * 40) == accepted(primary[-16:]) == (False, False)


def test_merged_copies_know_what_either_knows() -> None:
    (revoked,) = read(material().keyring("comp")).certificates
    packets = material().keyring("comp")
    stale = read(without_revocation(packets)).certificates[0]
    assert not stale.is_revoked
    assert merge([stale, revoked]).is_revoked
    assert merge([revoked, stale]).is_revoked


def without_revocation(content: bytes) -> bytes:
    kept = [p.raw for p in split_packets(content, most=50) if p.tag != 2 or p.body[1] != 0x20]
    return b"".join(kept)


def untidy(content: bytes, *, longer: int, hash_start: bytes) -> bytes:
    """Write the numbers of self-signatures `longer` bytes longer, and this start of the hash."""
    written = []
    for packet in split_packets(content, most=9):
        body = packet.body
        if packet.tag != 2:
            written.append(packet.raw)
            continue
        hashed_end = 6 + int.from_bytes(body[4:6], "big")
        at = hashed_end + 2 + int.from_bytes(body[hashed_end : hashed_end + 2], "big")
        bits = int.from_bytes(body[at + 2 : at + 4], "big") + 8 * longer
        number = bits.to_bytes(2, "big") + bytes(longer) + body[at + 4 :]
        whole = body[:at] + hash_start + number
        written.append(b"\xc2\xff" + len(whole).to_bytes(4, "big") + whole)
    return b"".join(written)


@pytest.mark.parametrize("name", ["rsa", "sub"])
def test_self_signatures_written_untidily_hold(name: str) -> None:
    as_made = material().keyring(name)
    (expected,) = read(as_made).certificates
    for longer, start in ((1, b"\x99\x01"), (0, b"\x99\x01"), (2, b"\0\0")):
        (certificate,) = read(untidy(as_made, longer=longer, hash_start=start)).certificates
        assert certificate.user_ids == expected.user_ids != ()


def test_self_signature_that_was_altered_does_not_hold() -> None:
    as_made = bytearray(material().keyring("rsa"))
    as_made[-1] ^= 1
    assert read(bytes(as_made)).certificates[0].user_ids == ()


def test_forge_key_with_a_wrong_hash_start_reads(vectors: Path) -> None:
    content = (vectors / "trust-roots" / "github-web-flow-2017.asc").read_bytes()
    (certificate,) = read(content).certificates
    assert certificate.user_ids == ("GitHub (web-flow commit signing) <noreply@github.com>",)


def test_debian_archive_keyring_reads() -> None:
    if not DEBIAN.is_file():
        pytest.skip(f"{DEBIAN} not found, install the package debian-archive-keyring")
    ring = read(DEBIAN.read_bytes())
    assert ring.notes == ()
    assert len(ring.certificates) >= 3
    assert all("Debian" in one.user_ids[0] for one in ring.certificates)
    assert all(one.algorithm in ("RSA-4096", "Ed25519") for one in ring.certificates)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_any_bytes_read_or_are_malformed(junk: bytes, at: int) -> None:
    whole = material().keyring("ed")
    for content in (junk, whole[:at] + junk + whole[at:]):
        try:
            ring = read(content)
        except MalformedError:
            continue
        assert ring.certificates


def test_certificate_that_the_engine_reads_and_cannot_write_is_left_out() -> None:
    """An issuer's fingerprint of a version that there is none of."""
    content = material().keyring("ed")
    altered = content.replace(b"\x16\x21\x04", b"\x16\x21\x14")
    assert altered != content
    with pytest.raises(MalformedError, match="cannot be used"):
        read(altered)
    ring = read(altered + material().keyring("rsa"))
    assert [one.algorithm for one in ring.certificates] == ["RSA-2048"]
