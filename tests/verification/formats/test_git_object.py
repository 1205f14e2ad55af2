"""Signed commits and tags: what git accepts and what it refuses, and the id they are known by."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from datetime import UTC, datetime

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
    SignerKind,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.git.git_material import WHEN, kept, objects, repository
from tests.verification.openpgp.openpgp_material import gnupg
from tests.verification.specimens import NOW, flipped, is_verified
from tests.verification.ssh.ssh_material import PRINCIPAL, keys, line, signers
from verification.format import Setting
from verification.formats.git_object import GitObjectSignature
from verification.git.object import kind_of, named_id, object_id, read_object
from verification.openpgp.armor import dearmor
from verification.verifier import IdentityDemand, demand_identity, verify

HISTORY = int(os.environ.get("COUNTERSIGN_GIT_HISTORY", "24"))  # signed commits that are made
GOOD = ("openpgp", "ssh", "rsa", "encoded", "tag-v1", "tag-v2", "merge")


def keyring() -> TrustEntry:
    return TrustEntry("ring", TrustKind.KEYRING, objects().keyring, "ring.gpg")


def everybody() -> tuple[TrustEntry, ...]:
    return keyring(), signers(line("ed25519"), line("p256"), line("rsa"))


def judged(
    content: bytes,
    *entries: TrustEntry,
    name: str = "",
    digests: tuple[Digest, ...] | None = None,
    now: datetime = NOW,
    limits: Limits | None = None,
) -> Verification:
    known = (digest_of(content),) if digests is None else digests
    subject = Subject(name or "object", known, MemoryContent(content))
    evidence = Evidence(content, ARTIFACT_HEAD, "test", subject)
    trust = Trust(entries or everybody())
    return verify(evidence, Setting(trust, now, limits or Limits()))


def kind(name: str) -> str:
    return "tag" if name.startswith("tag") else "commit"


@pytest.mark.parametrize("name", GOOD)
def test_signed_object_verifies_and_git_agrees(name: str) -> None:
    content = objects().raw[name]
    verification = judged(content, name=f"{objects().identifiers[name]}.commit")
    assert is_verified(verification), verification.detail
    assert kept().accepts(kind(name), content)
    assert verification.claims["git_object_id"] == objects().identifiers[name]
    role = "tagger" if kind(name) == "tag" else "committer"
    assert verification.claims[role] == f"Alice <{PRINCIPAL}>"
    assert verification.signed_at is not None
    assert not verification.time_trusted


@pytest.mark.parametrize("name", GOOD)
def test_altered_object_is_refused_and_git_agrees(name: str) -> None:
    content = objects().raw[name]
    altered = content.replace(b"Alice", b"Mallo", 1)
    assert altered != content
    assert judged(altered).reason == "SIGNATURE_INVALID"
    assert not kept().accepts(kind(name), altered)


def test_attack_07_who_signed_is_the_key_and_never_who_the_commit_names() -> None:
    commit, tag = judged(objects().raw["openpgp"]), judged(objects().raw["ssh"])
    assert commit.signer is not None
    assert (commit.signer.kind, commit.signer.key_fingerprint) == (
        SignerKind.OPENPGP,
        objects().fingerprint,
    )
    assert tag.signer is not None
    assert (tag.signer.kind, tag.signer.identity) == (SignerKind.SSH, PRINCIPAL)
    for each in (commit, tag):
        assert is_verified(demand_identity(each, IdentityDemand(PRINCIPAL)))
        other = demand_identity(each, IdentityDemand("eve@acme.test"))
        assert other.reason == "IDENTITY_MISMATCH"


def test_unsigned_object_is_known_to_be_unsigned() -> None:
    for name in ("plain", "tag-v3"):
        assert judged(objects().raw[name]).reason == "NOT_SIGNED"


def test_signer_that_is_not_listed_is_unknown() -> None:
    assert judged(objects().raw["unlisted"]).reason == "KEY_UNKNOWN"
    with gnupg() as gpg:
        gpg.key("ed")
        ring = TrustEntry("ring", TrustKind.KEYRING, gpg.export("ed"), "ring.gpg")
        assert judged(objects().raw["openpgp"], ring).reason == "KEY_UNKNOWN"


def test_trust_of_the_other_kind_is_no_trust() -> None:
    assert judged(objects().raw["ssh"], keyring()).reason == "TRUST_ROOT_MISSING"
    listed = signers(line("ed25519"))
    assert judged(objects().raw["openpgp"], listed).reason == "TRUST_ROOT_MISSING"


def test_attack_01_object_under_the_name_of_another_is_refused() -> None:
    """Attack class 5: the name says which object was asked for."""
    content = objects().raw["openpgp"]
    good, other = objects().identifiers["openpgp"], objects().identifiers["ssh"]
    assert is_verified(judged(content, name=good))
    assert is_verified(judged(content, name=f"objects/{good}.commit"))
    assert is_verified(judged(content, name="some-name.txt"))
    verification = judged(content, name=f"{other}.commit")
    assert (verification.reason, verification.expected) == ("DIGEST_MISMATCH", f"sha1:{other}")
    assert verification.found == f"sha1:{good}"
    assert judged(content, name="0" * 64).reason == "DIGEST_MISMATCH"
    assert is_verified(judged(content, name=digest_of(content).value))


def test_stated_digests_must_be_those_of_the_object() -> None:
    content = objects().raw["ssh"]
    identifier = Digest("sha1", objects().identifiers["ssh"])
    assert is_verified(judged(content, digests=(identifier,)))
    assert is_verified(judged(content, digests=(digest_of(content, "sha512"),)))
    for wrong in (Digest("sha1", "0" * 40), digest_of(b"x"), digest_of(b"x", "sha512")):
        assert judged(content, digests=(identifier, wrong)).reason == "DIGEST_MISMATCH"


def test_attack_04_signature_of_a_file_is_none_of_a_commit() -> None:
    """Attack class 4."""
    content = objects().raw["ssh"]
    read = read_object(content)
    made = keys().sign("ed25519", namespace="file", content=read.payload)
    header = b"gpgsig " + made.strip().replace(b"\n", b"\n ") + b"\n"
    head, _, message = content.partition(b"\n\n")
    bare = head[: head.index(b"gpgsig ")]
    assert judged(bare + header + b"\n" + message).reason == "PAYLOAD_TYPE"
    for_git = keys().sign("ed25519", namespace="git", content=read.payload)
    header = b"gpgsig " + for_git.strip().replace(b"\n", b"\n ") + b"\n"
    assert is_verified(judged(bare + header + b"\n" + message))


def test_attack_03_claimed_time_narrows_a_window_and_never_widens_it() -> None:
    """Attack class 10: whoever stole a key that has ended can date commits back."""
    content = objects().raw["ssh"]
    made = judged(content).signed_at
    assert made is not None
    inside = 'valid-after="20260601Z",valid-before="20260701Z"'
    over = judged(content, signers(line("ed25519", inside)))
    assert over.reason == "KEY_EXPIRED"
    assert "nothing proves it" in over.detail
    assert is_verified(judged(content, signers(line("ed25519", inside)), now=made))
    later = signers(line("ed25519", 'valid-after="20260801Z"'))
    assert judged(content, later).reason == "KEY_EXPIRED"


def test_signature_for_the_other_hash_is_left_out_of_what_is_signed() -> None:
    content = objects().raw["openpgp"]
    other = b"gpgsig-sha256 -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----\n"
    both = content.replace(b"gpgsig ", other + b"gpgsig ", 1)
    verification = judged(both)
    assert is_verified(verification)
    assert any("other hash" in check.detail for check in verification.checks)
    assert judged(both.replace(b"gpgsig-sha256", b"gpgsig-sha257")).reason == "SIGNATURE_INVALID"


def test_sha256_repository_is_read_by_its_own_header() -> None:
    made = repository("--object-format=sha256")
    commit = made.raw(made.commit("-S", before=made.ssh()))
    made.run(*made.ssh(), "tag", "-s", "-m", "A release", "v1")
    tag = made.raw("v1")
    assert b"gpgsig-sha256 " in commit
    for content, name in ((commit, made.head()), (tag, made.head("v1"))):
        verification = judged(content, name=name)
        assert is_verified(verification), verification.detail
        assert verification.claims["git_hash"] == "sha256"


def test_tag_that_was_merged_is_judged_and_noted() -> None:
    verification = judged(objects().raw["merge"])
    (merged,) = [check for check in verification.checks if check.step == "merged tag"]
    assert merged.outcome is CheckOutcome.NOTED
    assert merged.detail == f"side-1: verified, by {objects().fingerprint}"


def test_several_signatures_in_one_header_are_each_reported() -> None:
    """Attack class 13: a good one beside a broken one does not hide it."""
    content = objects().raw["openpgp"]
    with gnupg() as gpg:
        gpg.key("ed")
        (gpg.home / "text").write_bytes(read_object(content).payload)
        other = gpg.sign("ed")
    own = dearmor(read_object(content).signature, "PGP SIGNATURE")
    block = base64.encodebytes(other + own).strip().replace(b"\n", b"\n ")
    armor = b"-----BEGIN PGP SIGNATURE-----\n \n " + block + b"\n -----END PGP SIGNATURE-----\n"
    head, _, message = content.partition(b"\n\n")
    whole = head[: head.index(b"gpgsig ")] + b"gpgsig " + armor + b"\n" + message
    verification = judged(whole)
    assert is_verified(verification)
    assert verification.claims["signatures"] == "2"
    assert any(check.reason == "KEY_UNKNOWN" for check in verification.checks)


# --- structure ------------------------------------------------------------------------------------


def twice(name: bytes) -> Callable[[bytes], bytes]:
    def add(content: bytes) -> bytes:
        at = content.index(b"\n" + name + b" ") + 1
        end = content.index(b"\n", at) + 1
        return content[:end] + content[at:end] + content[end:]

    return add


@pytest.mark.parametrize(
    "alter",
    [
        twice(b"author"),
        twice(b"committer"),
        lambda content: content.replace(b"\nauthor ", b"\nauthor\0 ", 1),
        lambda content: content.replace(b"\n\n", b"\n", 1),
        lambda content: content.replace(b"\ncommitter ", b"\ncommitter", 1).replace(
            b"Alice ", b"A"
        ),
        lambda content: content.replace(b"parent ", b"parent 0", 1),
        lambda content: b"tree " + b"0" * 40 + b"\n" + content,
        lambda content: content.replace(b"\ngpgsig ", b"\ngpgsig x\ngpgsig ", 1),
    ],
)
def test_attack_18_object_that_two_readers_read_differently_is_malformed(
    alter: Callable[[bytes], bytes],
) -> None:
    content = alter(objects().raw["openpgp"])
    assert judged(content).reason == "MALFORMED"


@pytest.mark.parametrize("before", [b"parent ", b"author ", b"committer "])
def test_attack_18_signature_before_what_git_reads_by_its_place_is_malformed(before: bytes) -> None:
    """Git takes it for good, reads on as if the parents behind it were none, and fsck refuses."""
    content = objects().raw["ssh"]
    start, end = content.index(b"gpgsig "), content.index(b"-----END SSH SIGNATURE-----\n") + 28
    place = content.index(b"\n" + before) + 1
    moved = content[:place] + content[start:end] + content[place:start] + content[end:]
    assert judged(moved).reason == "MALFORMED"
    assert kept().accepts("commit", moved)
    behind = content[:start] + b"encoding UTF-8\n" + content[start:]
    assert judged(behind).reason == "SIGNATURE_INVALID"


def test_object_past_the_limit_is_too_large() -> None:
    content = objects().raw["openpgp"] + b"x" * 2000
    assert judged(content, limits=Limits(evidence_bytes=1024)).reason == "TOO_LARGE"


def test_too_many_headers_or_signatures_are_too_large_and_not_malformed() -> None:
    content = objects().raw["openpgp"]
    for many in (b"\nx " + b"y\n " * 20_000, b"\nx y" * 20_000):
        assert judged(content.replace(b"\ngpgsig ", many + b"\ngpgsig ", 1)).reason == "TOO_LARGE"
    found = judged(content, limits=Limits(signatures=1))
    assert is_verified(found)
    signature = dearmor(read_object(content).signature, "PGP SIGNATURE")
    armored = base64.encodebytes(signature * 2).replace(b"\n", b"\n ")
    start, end = content.index(b"gpgsig "), content.index(b"-----END PGP SIGNATURE-----")
    block = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n " + armored
    twice = content[:start] + block + content[end:]
    assert is_verified(judged(twice))
    assert judged(twice, limits=Limits(signatures=1)).reason == "TOO_LARGE"


def test_object_that_is_not_at_hand_is_needed() -> None:
    content = objects().raw["openpgp"]
    subject = Subject("object", (digest_of(content),))
    evidence = Evidence(content, ARTIFACT_HEAD, "test", subject)
    verification = GitObjectSignature().verify(evidence, Setting(Trust(()), NOW, Limits()))
    assert verification.reason == "CONTENT_NEEDED"


def test_kinds_of_signature_without_a_reader_are_said() -> None:
    content = objects().raw["openpgp"]
    other = content.replace(b"BEGIN PGP SIGNATURE", b"BEGIN OTHER SIGNATURE")
    assert judged(other).reason == "FORMAT_UNSUPPORTED"


@pytest.mark.parametrize("blank", [b" ", b"\t", b"\n "])
@pytest.mark.parametrize("name", ["openpgp", "ssh"])
def test_signature_that_does_not_begin_where_git_looks_for_it_is_none(
    name: str, blank: bytes
) -> None:
    content = objects().raw[name]
    moved = content.replace(b"gpgsig -----BEGIN", b"gpgsig " + blank + b"-----BEGIN")
    assert moved != content
    assert judged(moved).reason == "FORMAT_UNSUPPORTED"
    assert not kept().accepts("commit", moved)


def test_message_that_looks_like_a_signed_text_stays_a_commit() -> None:
    """Attack class 11: what the message says begins nothing."""
    made = kept()
    words = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n-----BEGIN PGP SIGNATURE-----"
    content = made.raw(made.commit("-S", message=words))
    subject = Subject("object", (digest_of(content),), MemoryContent(content))
    evidence = Evidence(content, ARTIFACT_HEAD, "test", subject)
    verification = verify(evidence, Setting(Trust(everybody()), NOW, Limits()))
    assert is_verified(verification)
    assert verification.format == "git-object"


def test_line_in_a_tag_that_looks_like_a_signature_begins_it() -> None:
    """Git takes the last such line: a signed text with one in it cannot be a good tag."""
    content = objects().raw["tag-v1"]
    added = content + b"-----BEGIN PGP SIGNATURE-----\n"
    assert not is_verified(judged(added))
    assert not kept().accepts("tag", added)


def test_name_is_an_id_only_in_full() -> None:
    identifier = "0" * 40
    assert named_id(f"a/{identifier}.commit") == Digest("sha1", identifier)
    assert named_id("1" * 64) == Digest("sha256", "1" * 64)
    for name in ("", "0" * 39, "0" * 41, "G" * 40, f"x{identifier}", f"{identifier}.a.b"):
        assert named_id(name) is None


def test_object_id_is_gits_own() -> None:
    for name, identifier in objects().identifiers.items():
        assert object_id(kind(name), objects().raw[name], "sha1").value == identifier


@settings(max_examples=300, deadline=None, database=None)
@given(
    st.sampled_from(
        ["", "tree " + "0" * 40 + "\nauthor ", "object " + "0" * 40 + "\ntype commit\ntag "]
    ),
    st.binary(max_size=300),
)
def test_no_bytes_make_the_reader_raise_anything_else(start: str, rest: bytes) -> None:
    content = start.encode() + rest
    try:
        read = read_object(content)
    except MalformedError:
        return
    assert read.kind == kind_of(content)
    assert len(read.payload) <= len(content)


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.lists(
        st.tuples(st.text("abc", min_size=3, max_size=9), st.text(" abc\n", max_size=20)),
        max_size=5,
    )
)
def test_headers_that_are_not_signatures_are_all_signed(extra: list[tuple[str, str]]) -> None:
    names = {"tree", "parent", "author", "committer", "gpgsig"}
    added = "".join(
        f"x-{name} " + value.replace("\n", "\n ") + "\n"
        for name, value in extra
        if name not in names
    )
    content = objects().raw["openpgp"].replace(b"\ngpgsig ", b"\n" + added.encode() + b"gpgsig ", 1)
    read = read_object(content)
    assert added.encode() in read.payload
    assert b"gpgsig" not in read.payload


# --- mutation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ssh", "tag-v2"])
def test_flipped_object_is_refused(name: str) -> None:
    content = objects().raw[name]
    assert is_verified(judged(content))
    passed = [at for at, altered in flipped(content) if is_verified(judged(altered))]
    assert passed == []


@pytest.mark.parametrize("name", ["openpgp", "tag-v1"])
def test_flipped_openpgp_object_is_refused_but_for_what_rfc_9580_leaves_open(name: str) -> None:
    content = objects().raw[name]
    assert is_verified(judged(content))
    passed = [at for at, altered in flipped(content) if is_verified(judged(altered))]
    begin = content.index(b"-----BEGIN PGP SIGNATURE-----")
    end = content.index(b"-----END PGP SIGNATURE-----")
    # The armor's checksum, the unhashed area and the hash's first bits, as
    # tests/verification/openpgp/test_openpgp_mutation.py lists them; the object's id changes.
    assert all(begin < at < end for at in passed)
    identifier = objects().identifiers[name]
    for at in passed:
        altered = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        assert judged(altered, name=identifier).reason == "DIGEST_MISMATCH"


def test_generated_history_verifies_and_altered_copies_do_not() -> None:
    """COUNTERSIGN_GIT_HISTORY sets how many commits; thousands take minutes."""
    made = kept()
    wrong: list[str] = []
    for number in range(HISTORY):
        name = ("", "ed25519", "p256", "rsa")[number % 4]
        before = made.ssh(name) if name else ()
        message = f"Change {number}\n\n- von Hand gemacht: äöü\n" + "x" * (number * 7 % 90)
        identifier = made.commit("-S", message=message, before=before)
        content = made.raw(identifier)
        if not is_verified(judged(content, name=identifier)):
            wrong.append(f"{identifier} is refused")
        place = number * 31 % len(content)
        copies = (
            content + b"x",
            content[:-1],
            content.replace(b"Change", b"change", 1),
            content.replace(b"tree ", b"tree 0", 1)[: len(content)],
            content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :],
        )
        wrong += [
            f"an altered {identifier} is verified"
            for altered in copies
            if is_verified(judged(altered, name=identifier))
        ]
    assert wrong == []


def test_the_history_is_dated_before_now() -> None:
    assert datetime.fromtimestamp(WHEN, UTC) < NOW


def signed_by_gpg(payload: bytes, *options: str) -> bytes:
    made = kept()
    (made.home / "payload").write_bytes(payload)
    words = ("--local-user", made.fingerprint, "--armor", "-o-", "--detach-sign")
    return made.gpg.run(*options, *words, str(made.home / "payload"))


def test_lines_that_end_in_crlf_are_noted_under_a_signature_over_text() -> None:
    tag = objects().raw["tag-v3"].replace(b"Not signed", b"Not\r\nsigned\r")
    signed = tag + signed_by_gpg(tag, "--textmode")
    verification = judged(signed)
    assert kept().accepts("tag", signed)
    assert is_verified(verification), verification.detail
    assert "the same lines ended by LF alone" in str(verification.checks)
    # RFC 9580 section 5.2.4: the signature says nothing of them.
    assert is_verified(judged(signed.replace(b"\r", b"")))
    other = tag.replace(b"\r", b"\rX")
    assert judged(other + signed_by_gpg(other, "--textmode")).reason == "SUBJECT_MISMATCH"


def test_carriage_return_put_into_a_header_is_refused() -> None:
    tag = objects().raw["tag-v3"]
    signed = tag + signed_by_gpg(tag, "--textmode")
    assert is_verified(judged(signed))
    assert judged(signed.replace(b"tag v3", b"tag v3\r")).reason == "SUBJECT_MISMATCH"


def test_signature_in_armor_of_a_message_is_read_as_git_reads_it() -> None:
    tag = objects().raw["tag-v3"]
    signed = tag + signed_by_gpg(tag).replace(b"PGP SIGNATURE", b"PGP MESSAGE")
    assert kept().accepts("tag", signed)
    assert is_verified(judged(signed))
    assert judged(signed.replace(b"tag v3", b"tag v4")).reason == "SIGNATURE_INVALID"
