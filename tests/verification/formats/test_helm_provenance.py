"""Helm provenance: the signed text names this archive, by its name and by its digest."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cleartext import read_cleartext
from core.errors import MalformedError
from core.limits import Limits
from core.model import (
    Evidence,
    MemoryContent,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.openpgp.openpgp_material import gnupg
from tests.verification.specimens import NOW, is_verified
from verification.format import Setting
from verification.formats.helm_provenance import HelmProvenance, read_provenance
from verification.openpgp.armor import dearmor
from verification.openpgp.packets import split_packets
from verification.verifier import verify

ARCHIVE = b"\x1f\x8b a chart"
NAME = "hashtest-1.2.3.tgz"
METADATA = """apiVersion: v1
appVersion: "7.0"
description: >-
  A chart
  name: not this one
maintainers:
- name: somebody
name: hashtest
version: 1.2.3
"""


def text(files: str = "", metadata: str = METADATA) -> str:
    files = files or f"  {NAME}: {digest_of(ARCHIVE)}\n"
    return f"{metadata}\n...\nfiles:\n{files}"


@cache
def signed(words: str = "") -> tuple[bytes, bytes]:
    """Return a provenance file over the words, and the key."""
    with gnupg() as gpg:
        gpg.key("helm", "rsa2048")
        (gpg.home / "text").write_text(words or text())
        return gpg.sign("helm", "--digest-algo=SHA512", mode="--clearsign"), gpg.export("helm")


def judged(
    content: bytes,
    key: bytes,
    *,
    archive: bytes = ARCHIVE,
    name: str = NAME,
    subject: Subject | None = None,
) -> Verification:
    subject = subject or Subject(name, (digest_of(archive),), MemoryContent(archive))
    entry = TrustEntry("ring", TrustKind.KEYRING, key, "ring.gpg")
    found = Evidence(content, "", f"{name}.prov", subject)
    return verify(found, Setting(Trust((entry,)), NOW, Limits()))


def test_provenance_of_this_archive_verifies() -> None:
    verification = judged(*signed())
    assert is_verified(verification), verification.detail
    assert verification.format == "helm-provenance"
    assert verification.claims["chart_name"] == "hashtest"
    assert verification.claims["chart_version"] == "1.2.3"
    assert verification.claims["chart_app_version"] == "7.0"
    assert verification.claims["key_state_now"] == "valid"


def test_attack_04_provenance_of_another_archive_is_refused() -> None:
    assert judged(*signed(), archive=b"other").reason == "DIGEST_MISMATCH"
    renamed = judged(*signed(), name="hashtest-1.2.4.tgz")
    assert renamed.reason == "SUBJECT_MISMATCH"
    assert is_verified(judged(*signed(), name=f"charts/{NAME}"))


def test_archive_known_by_its_digest_alone_is_found_by_it() -> None:
    known = digest_of(ARCHIVE)
    assert is_verified(judged(*signed(), subject=Subject(str(known), (known,))))
    other = digest_of(b"x")
    verification = judged(*signed(), subject=Subject(str(other), (other,)))
    assert verification.reason == "SUBJECT_MISMATCH"


def test_without_an_archive_there_is_nothing_to_compare() -> None:
    content, key = signed()
    inner = read_cleartext(content, limit=10_000).text
    itself = Subject("x.prov", (digest_of(inner),), MemoryContent(inner))
    assert judged(content, key, subject=itself).reason == "CONTENT_NEEDED"
    assert judged(content, key, subject=Subject(NAME, ())).reason == "CONTENT_NEEDED"


def test_altered_text_is_refused() -> None:
    content, key = signed()
    for old, new in ((b"1.2.3", b"1.2.4"), (b"hashtest-", b"hashtemp-"), (b"\n...\n", b"\n....\n")):
        altered = content.replace(old, new, 1)
        assert altered != content
        assert not is_verified(judged(altered, key))
    assert judged(content.replace(b"7.0", b"7.1"), key).reason == "SIGNATURE_INVALID"


@pytest.mark.parametrize("around", ["before", "after"])
def test_attack_11_files_listed_around_the_signed_text(around: str) -> None:
    """Attack class 11."""
    content, key = signed()
    forged = f"...\nfiles:\n  {NAME}: {digest_of(b'evil')}\n".encode()
    whole = forged + content if around == "before" else content + forged
    assert judged(whole, key, archive=b"evil").reason == "MALFORMED"


def test_attack_11_second_message_in_one_file() -> None:
    """Attack class 11."""
    content, key = signed()
    assert judged(content + content, key).reason == "MALFORMED"


def test_key_that_is_not_trusted_is_unknown() -> None:
    with gnupg() as gpg:
        gpg.key("ed")
        assert judged(signed()[0], gpg.export("ed")).reason == "KEY_UNKNOWN"


def test_untidy_numbers_of_an_old_signer_are_read() -> None:
    """Go's old OpenPGP writes RSA numbers with more bits than they have, as Helm's own key does."""
    content, key = signed()
    armor = content[content.index(b"-----BEGIN PGP SIGNATURE") :]
    raw = dearmor(armor, "PGP SIGNATURE")
    (packet,) = split_packets(raw, most=1)
    body = bytearray(packet.body)
    at = 6 + int.from_bytes(body[4:6], "big")
    at += 2 + int.from_bytes(body[at : at + 2], "big") + 2
    bits = int.from_bytes(body[at : at + 2], "big")
    body[at : at + 2] = ((bits + 7) // 8 * 8).to_bytes(2, "big")
    untidy = raw.replace(packet.body, bytes(body))
    import base64

    whole = content[: content.index(b"-----BEGIN PGP SIGNATURE")]
    whole += b"-----BEGIN PGP SIGNATURE-----\n\n" + base64.encodebytes(untidy)
    whole += b"-----END PGP SIGNATURE-----\n"
    assert is_verified(judged(whole, key))
    assert not is_verified(judged(whole.replace(b"7.0", b"7.1"), key))


BROKEN = {
    "two ends": text() + "...\n",
    "another document": "---\n" + text(),
    "no file": text("\n"),
    "a file twice": text(f"  {NAME}: {digest_of(ARCHIVE)}\n" * 2),
    "another digest": text(f"  {NAME}: sha512:{'0' * 64}\n"),
    "an anchor": text(f"  &a {NAME}: {digest_of(ARCHIVE)}\n"),
    "a path": text(f"  ../{NAME}: {digest_of(ARCHIVE)}\n"),
    "a comment": text(f"  {NAME}: {digest_of(ARCHIVE)} # x\n"),
    "a tag": text(f"  {NAME}: !!str {digest_of(ARCHIVE)}\n"),
    "a field twice": text(metadata=METADATA + "name: other\n"),
    "no name": text(metadata="version: 1\n"),
    "more after the files": text() + "other: 1\n",
    "one name in two quotes": text(f"  \"{NAME}': {digest_of(ARCHIVE)}\n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_attack_18_text_that_two_readers_read_differently_is_malformed(name: str) -> None:
    with pytest.raises(MalformedError):
        read_provenance(BROKEN[name].encode())


def test_broken_text_is_refused_though_it_is_signed() -> None:
    verification = judged(*signed(BROKEN["a file twice"]))
    assert verification.reason == "MALFORMED"


def test_quotes_are_read() -> None:
    quoted = text(f"  \"{NAME}\": '{digest_of(ARCHIVE)}'\n")
    assert read_provenance(quoted.encode()).files == {NAME: digest_of(ARCHIVE)}


def test_every_changed_byte_of_the_text_is_refused() -> None:
    content, key = signed()
    end = content.index(b"-----BEGIN PGP SIGNATURE")
    passed = [
        at
        for at in range(end)
        if is_verified(judged(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], key))
    ]
    # Blank lines may stand around it; the hash named in the header is a hint for old readers.
    header = re.search(rb"^Hash: [^\n]*", content, re.MULTILINE)
    assert header is not None
    assert all(header.start() <= at < header.end() for at in passed)


@settings(max_examples=200, deadline=None, database=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_makes_the_reader_raise_anything_else(before: str, after: str) -> None:
    for whole in (before, f"{before}\n...\nfiles:\n{after}"):
        try:
            read_provenance(whole.encode("utf-8", "surrogatepass"))
        except MalformedError:
            continue


def test_only_helms_own_shape_is_recognised() -> None:
    subject = Subject(NAME, ())
    content = signed()[0]
    assert HelmProvenance().recognises(Evidence(content, "", "x", subject))
    for other in (content.replace(b"files:", b"other:"), content.replace(b"SIGNED", b"OTHER")):
        assert not HelmProvenance().recognises(Evidence(other, "", "x", subject))
