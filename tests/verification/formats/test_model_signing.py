"""OpenSSF model signatures: by key and certificate, over files and shards, and what breaks them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.folder import Member, MemberKind
from core.limits import Limits
from core.model import (
    MemoryContent,
    Outcome,
    Role,
    Subject,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from jobs.model_folder import read_model_folder
from tests.verification.models.model_specimens import (
    FILES,
    KEY,
    V1,
    bundle,
    by_chain,
    by_key,
    encoding,
    folder,
    numbered,
    old_encoding,
    resources,
    shards,
    statement,
)
from tests.verification.mutation import fields, leaves, put, without
from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    artifact,
    authority_entry,
    certificate,
    evidence,
    key_entry,
    private_key,
    setting,
)
from verification.formats.model_signing import ModelSigning
from verification.verifier import verification_key, verify

FORMAT = ModelSigning()
OTHER = private_key("p256", "another model")
ROOT_KEY, LINK_KEY = private_key("p256", "model root"), private_key("p256", "model link")
ROOT = certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY)
LINK = certificate("link", "root", LINK_KEY, ROOT_KEY, AUTHORITY)
LEAF = certificate("signer", "link", KEY, LINK_KEY)
GOOD = bundle(statement(resources()))
CHAINED = bundle(statement(resources()), KEY, by_chain(LEAF, LINK))
OLD = "https://model_signing/{}/v0.1"


def judged(document: object, *entries: TrustEntry, model: Subject | None = None) -> Verification:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    offered = evidence(content, model or folder())
    assert FORMAT.recognises(offered)
    found = FORMAT.verify(offered, setting(*(entries or (key_entry(KEY),))))
    assert found.outcome is Outcome.VERIFIED or (found.expected and found.found)
    assert found.role is Role.SIGNATURE
    return found


def said(document: object, *entries: TrustEntry, model: Subject | None = None) -> str:
    found = judged(document, *entries, model=model)
    return found.reason or found.outcome.value


def test_keyed_model_verifies_and_claims_what_it_covers() -> None:
    found = judged(GOOD)
    assert found.outcome is Outcome.VERIFIED
    assert found.claims["model"] == "model"
    assert found.claims["model_resources"] == "3"
    assert found.statement is not None
    assert found.claims["model_digest"] == str(found.statement.subjects[0].digests[0])


def test_a_model_is_signed_by_the_names_of_the_protobuf_source_too() -> None:
    spelt = json.dumps(GOOD).replace('"dsseEnvelope"', '"dsse_envelope"')
    assert said(spelt.encode()) == "verified"
    assert said(spelt.encode(), model=folder({"a": b"other"})) == "SUBJECT_MISMATCH"


@pytest.mark.parametrize("where", ["bundle", "envelope"])
def test_attack_04_file_of_the_digests_that_were_signed_is_nothing_that_was(where: str) -> None:
    """The statement's subject is over the digests of the model's files, one after the other."""
    written = b"".join(bytes.fromhex(str(each["digest"])) for each in resources())
    spelt = json.dumps(GOOD).replace('"payload"', r'"payloa\u0064"')
    document = spelt if where == "bundle" else json.dumps(GOOD["dsseEnvelope"])
    offered = evidence(document.encode(), artifact(written))
    found = verify(offered, setting(key_entry(KEY)))
    assert (found.format, found.reason) == (
        "sigstore-bundle" if where == "bundle" else "dsse",
        "PREDICATE_TYPE",
    )


def test_certificate_is_accepted_under_a_given_authority_without_a_log() -> None:
    found = judged(CHAINED, authority_entry(ROOT))
    assert (found.outcome, found.signer and found.signer.identity) == (
        Outcome.VERIFIED,
        "CN=signer",
    )
    assert found.due_at is not None
    assert said(CHAINED) == "TRUST_ROOT_MISSING"
    assert said(CHAINED, authority_entry(LEAF)) == "verified"
    other = certificate("root", "root", OTHER, OTHER, AUTHORITY)
    assert said(CHAINED, authority_entry(other)) == "CERT_UNTRUSTED"
    late = FORMAT.verify(
        evidence(json.dumps(CHAINED).encode(), folder()),
        setting(authority_entry(ROOT), now=NOW + 3 * DAY),
    )
    assert late.reason == "CERT_EXPIRED_AT_SIGNING"


def test_another_key_is_unknown_by_its_hint_and_invalid_without_one() -> None:
    assert said(GOOD, key_entry(OTHER)) == "KEY_UNKNOWN"
    unnamed = bundle(statement(resources()), KEY, by_key(named=""))
    assert said(unnamed) == "verified"
    assert said(unnamed, key_entry(OTHER)) == "SIGNATURE_INVALID"
    wrong = bundle(statement(resources()), KEY, by_key(OTHER))
    assert said(wrong, key_entry(OTHER), key_entry(KEY)) == "SIGNATURE_INVALID"


def test_attack_02_key_counts_inside_its_window_only() -> None:
    assert said(GOOD, key_entry(KEY, until=NOW - DAY)) == "KEY_EXPIRED"


CHANGES: dict[str, tuple[dict[str, bytes], str]] = {
    "none": (FILES, "verified"),
    "a byte more": (FILES | {"config.json": b"{} "}, "DIGEST_MISMATCH"),
    "a byte less": (FILES | {"weights/a.bin": b"a" * 99}, "DIGEST_MISMATCH"),
    "no longer empty": (FILES | {"weights/b.bin": b"x"}, "DIGEST_MISMATCH"),
    "another file": (FILES | {"extra.py": b""}, "SUBJECT_MISMATCH"),
    "a file in a new folder": (FILES | {"x/config.json": b"{}"}, "SUBJECT_MISMATCH"),
    "missing": ({"config.json": b"{}"}, "SUBJECT_MISMATCH"),
    "swapped": (
        FILES | {"weights/a.bin": b"", "weights/b.bin": b"a" * 100},
        "DIGEST_MISMATCH",
    ),
    "renamed": (
        {"config2.json": b"{}"} | {k: v for k, v in FILES.items() if k != "config.json"},
        "SUBJECT_MISMATCH",
    ),
    "empty folder": ({}, "SUBJECT_MISMATCH"),
    "a file called as the whole": ({".": b"{}"}, "SUBJECT_MISMATCH"),
}


@pytest.mark.parametrize(("files", "reason"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("size", [0, 7, 50, 100, 1000])
def test_the_model_at_hand_is_exactly_the_signed_one(
    files: dict[str, bytes], reason: str, size: int
) -> None:
    listed = shards(FILES, size) if size else resources()
    made = statement(listed, method="shards", shard_size=size) if size else statement(listed)
    assert said(bundle(made), model=folder(files)) == reason


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "blake2b"])
def test_hashes_we_have(algorithm: str) -> None:
    made = statement(resources(algorithm=algorithm), hash_type=algorithm)
    assert said(bundle(made)) == "verified"
    assert said(bundle(made), model=folder(FILES | {"config.json": b"x"})) == "DIGEST_MISMATCH"
    sharded = statement(
        shards(FILES, 7, algorithm), method="shards", shard_size=7, hash_type=algorithm
    )
    assert said(bundle(sharded)) == "verified"


@pytest.mark.parametrize(
    ("algorithm", "reason"),
    [("blake3", "FORMAT_UNSUPPORTED"), ("sha1", "ALGORITHM_WEAK"), ("md5", "ALGORITHM_WEAK")],
)
def test_hashes_we_lack_or_refuse(algorithm: str, reason: str) -> None:
    listed = [each | {"algorithm": algorithm} for each in resources()]
    assert said(bundle(statement(listed, hash_type=algorithm))) == reason


@pytest.mark.parametrize(
    ("written", "size"), [("sha256-sharded-7", 7), ("file-sha256-7", 7), ("sha256", 7)]
)
def test_spellings_of_sharded_hashes(written: str, size: int) -> None:
    listed = [each | {"algorithm": written} for each in shards(FILES, size)]
    made = statement(listed, method="shards", shard_size=float(size), hash_type=written)
    assert said(bundle(made)) == "verified"


def ignoring(*paths: str) -> dict[str, Any]:
    return bundle(statement(resources(), ignore_paths=list(paths)))


def test_ignored_paths_are_those_the_signer_named() -> None:
    more = FILES | {"notes/a.txt": b"1", "notes.txt": b"2", ".git/config": b"3"}
    everything = ignoring("notes", "notes.txt", ".git")
    assert said(everything, model=folder(more)) == "verified"
    noted = judged(everything, model=folder(more))
    assert noted.checks[-1].detail.startswith("3 files are there")
    assert said(ignoring("notes", ".git"), model=folder(more)) == "SUBJECT_MISMATCH"
    assert said(ignoring("notes/a.tx", "notes.txt", ".git"), model=folder(more)) != "verified"
    # What belongs to Git is left out by default, listed or not.
    assert said(ignoring("notes", "notes.txt"), model=folder(more)) == "verified"
    assert said(ignoring(), model=folder(FILES | {"x/.git/config": b"3"})) == "SUBJECT_MISMATCH"
    assert said(GOOD, model=folder(FILES | {".git/config": b"3"})) == "verified"
    assert said(GOOD, model=folder(FILES | {".gitx": b"3"})) == "SUBJECT_MISMATCH"


def test_older_signer_that_signed_what_belongs_to_git_left_none_of_it_out() -> None:
    git = FILES | {".gitattributes": b"x", ".github/a.yml": b"y"}
    made = bundle(statement(resources(git)))
    assert said(made, model=folder(git)) == "verified"
    assert said(made, model=folder(git | {".gitattributes": b"z"})) == "DIGEST_MISMATCH"
    assert said(made, model=folder(FILES)) == "SUBJECT_MISMATCH"
    for extra in (".gitignore", ".git/config", ".github/b.yml"):
        assert said(made, model=folder(git | {extra: b"3"})) == "SUBJECT_MISMATCH"
    deeper = FILES | {"sub/.gitignore": b"x"}
    assert said(bundle(statement(resources(deeper))), model=folder(deeper)) == "verified"
    more = deeper | {".git/config": b"3"}
    assert said(bundle(statement(resources(deeper))), model=folder(more)) == "verified"


@pytest.mark.parametrize("path", ["", ".", "/", "..", "../x", "/etc", "./", "*", "weights/../"])
def test_no_ignored_path_hides_the_whole_model(path: str) -> None:
    assert said(ignoring(path)) == "verified"
    assert said(ignoring(path), model=folder(FILES | {"x": b"y"})) == "SUBJECT_MISMATCH"


def test_what_is_signed_cannot_be_ignored() -> None:
    assert said(ignoring("weights")) == "SUBJECT_MISMATCH"
    assert said(ignoring("config.json")) == "SUBJECT_MISMATCH"


LINKS = {
    "to a file of it": (Member("l", MemberKind.LINK, MemoryContent(b"{}")), "verified"),
    "to altered bytes": (Member("l", MemberKind.LINK, MemoryContent(b"x")), "DIGEST_MISMATCH"),
    "away": (Member("l", MemberKind.LINK_AWAY), "CONTENT_NEEDED"),
    "a pipe": (Member("l", MemberKind.SPECIAL), "SUBJECT_MISMATCH"),
}


@pytest.mark.parametrize(("member", "reason"), LINKS.values(), ids=LINKS.keys())
def test_links_count_only_where_the_signer_allowed_them(member: Member, reason: str) -> None:
    listed = resources(FILES | {"l": b"{}"})
    allowed = bundle(statement(listed, allow_symlinks=True))
    assert said(allowed, model=folder(FILES, member)) == reason
    denied = bundle(statement(listed))
    assert said(denied, model=folder(FILES, member)) == "SUBJECT_MISMATCH"


def test_one_file_is_a_model_too() -> None:
    alone = Subject("a.bin", (digest_of(b"a"),), MemoryContent(b"a"))
    made = bundle(statement(resources({".": b"a"})))
    assert said(made, model=alone) == "verified"
    altered = Subject("a.bin", (digest_of(b"b"),), MemoryContent(b"b"))
    assert said(made, model=altered) == "DIGEST_MISMATCH"
    assert said(GOOD, model=alone) == "SUBJECT_MISMATCH"
    assert said(made, model=folder({"a.bin": b"a"})) == "SUBJECT_MISMATCH"


def test_attack_12_partial_coverage_one_signed_file_is_not_the_model() -> None:
    one = Subject("config.json", (digest_of(b"{}"),), MemoryContent(b"{}"))
    assert said(GOOD, model=one) == "SUBJECT_MISMATCH"
    named = bundle(statement(resources({"config.json": b"{}"})))
    assert said(named, model=folder()) == "SUBJECT_MISMATCH"
    renamed = Subject("other.json", one.digests, one.content)
    assert said(named, model=renamed) == "SUBJECT_MISMATCH"
    two = bundle(statement(resources({"config.json": b"{}", ".": b"{}"})))
    assert said(two, model=one) == "SUBJECT_MISMATCH"


def test_one_file_may_be_listed_by_its_own_name() -> None:
    named = bundle(statement(resources({"config.json": b"{}"})))
    for content, reason in ((b"{}", "verified"), (b"{ }", "DIGEST_MISMATCH")):
        one = Subject("config.json", (digest_of(content),), MemoryContent(content))
        assert said(named, model=one) == reason


@pytest.mark.parametrize("size", [7, 50, 100, 1000])
@pytest.mark.parametrize(("files", "reason"), CHANGES.values(), ids=CHANGES.keys())
def test_shards_may_be_named_by_their_place(
    files: dict[str, bytes], reason: str, size: int
) -> None:
    method = f"file-shard-{size}"
    listed = sorted(numbered(FILES, size), key=lambda each: each["name"])
    assert said(bundle(statement(listed, method=method)), model=folder(files)) == reason


@pytest.mark.parametrize("left", [0, 1, 2])
def test_attack_12_partial_coverage_numbered_shards_that_leave_out_a_part(left: int) -> None:
    files = {"a:shard-1.bin": bytes(range(50))}
    listed = numbered(files, 20)
    method = "file-shard-20"
    assert said(bundle(statement(listed, method=method)), model=folder(files)) == "verified"
    other = bundle(statement(listed, method="file-shard-25"))
    assert said(other, model=folder(files)) == "DIGEST_MISMATCH"
    again = bundle(statement([*listed, listed[left]], method=method))
    assert said(again, model=folder(files)) == "MALFORMED"
    part = bundle(statement(listed[:left] + listed[left + 1 :], method=method))
    assert said(part, model=folder(files)) == "DIGEST_MISMATCH"


@pytest.mark.parametrize("left", [0, 1, -1])
def test_attack_12_partial_coverage_shards_that_leave_out_a_part_of_a_file(left: int) -> None:
    files = {"a.bin": bytes(range(50))}
    listed = shards(files, 20)
    assert len(listed) == 3
    whole = bundle(statement(listed, method="shards", shard_size=20))
    assert said(whole, model=folder(files)) == "verified"
    del listed[left]
    part = bundle(statement(listed, method="shards", shard_size=20))
    assert said(part, model=folder(files)) == "DIGEST_MISMATCH"
    other = bundle(statement(shards(files, 25), method="shards", shard_size=20))
    assert said(other, model=folder(files)) == "DIGEST_MISMATCH"


def test_message_signature_is_no_model() -> None:
    message = {key: part for key, part in GOOD.items() if key != "dsseEnvelope"}
    message["messageSignature"] = {"signature": "AAAA"}
    assert offered(message).reason == "PAYLOAD_TYPE"


def test_digest_alone_is_no_model() -> None:
    listed = statement(resources())
    digest = digest_of(b"x")
    listed["subject"][0]["digest"]["sha256"] = digest.value
    known = Subject("model", (digest,))
    assert said(GOOD, model=known) == "CONTENT_NEEDED"


def with_statement(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    made = statement(resources())
    change(made)
    return bundle(made)


def repeated(made: dict[str, Any]) -> None:
    listed = made["predicate"]["resources"]
    listed.append(listed[0])
    made |= {"subject": statement(listed)["subject"]}


def reordered(made: dict[str, Any]) -> None:
    made["predicate"]["resources"].reverse()


def named(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda made: made["predicate"]["resources"][0].__setitem__("name", name)


def resource(**changed: object) -> Callable[[dict[str, Any]], object]:
    return lambda made: made["predicate"]["resources"][0].update(changed)


def serialization(**changed: object) -> Callable[[dict[str, Any]], object]:
    return lambda made: made["predicate"]["serialization"].update(changed)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "root digest": (lambda s: s["subject"][0]["digest"].update(sha256="0" * 64), "MALFORMED"),
    "order": (reordered, "MALFORMED"),
    "twice": (repeated, "MALFORMED"),
    "two subjects": (lambda s: s["subject"].append(s["subject"][0]), "MALFORMED"),
    "no resources": (
        lambda s: (s["predicate"].update(resources=[]), s.update(subject=statement([])["subject"])),
        "MALFORMED",
    ),
    "statement 0.1": (
        lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"),
        "MALFORMED",
    ),
    "newer predicate": (
        lambda s: s.update(predicateType="https://model_signing/signature/v2.0"),
        "PREDICATE_TYPE",
    ),
    "no predicate": (lambda s: s.pop("predicate"), "MALFORMED"),
    "absolute": (named("/config.json"), "MALFORMED"),
    "upwards": (named("../config.json"), "MALFORMED"),
    "upwards inside": (named("weights/../config.json"), "MALFORMED"),
    "two spellings": (named("./config.json"), "MALFORMED"),
    "doubled slash": (named("weights//a.bin"), "MALFORMED"),
    "no name": (named(""), "MALFORMED"),
    "short digest": (resource(digest="00"), "MALFORMED"),
    "capital digest": (resource(digest="AB" * 32), "MALFORMED"),
    "other algorithm": (resource(algorithm="sha512"), "MALFORMED"),
    "unknown method": (serialization(method="tensors"), "MALFORMED"),
    "no hash": (serialization(hash_type=""), "MALFORMED"),
    "links as text": (serialization(allow_symlinks="false"), "MALFORMED"),
    "method without size": (serialization(method="file-shard-"), "MALFORMED"),
    "method of no bytes": (serialization(method="file-shard-0"), "MALFORMED"),
    "files named as shards": (serialization(method="file-shard-7"), "MALFORMED"),
    "shards without size": (serialization(method="shards"), "MALFORMED"),
    "shards of nothing": (serialization(method="shards", shard_size=0), "MALFORMED"),
    "shards that name files": (serialization(method="shards", shard_size=7), "MALFORMED"),
    "ignored is text": (serialization(ignore_paths="x"), "MALFORMED"),
    "too many ignored": (serialization(ignore_paths=["x"] * 1025), "TOO_LARGE"),
}


@pytest.mark.parametrize(("change", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_lists_that_break_their_form_are_refused(
    change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    assert said(with_statement(change)) == reason


@pytest.mark.parametrize("place", [
    "x:0:", "x:a:b", "x:-1:7", "x:00:7", "x", "x:shard-", "x:shard-00", "x:shard-0:7", "x:shard-a",
    ":shard-0", "../x:shard-0",
])  # fmt: skip
def test_names_of_shards_are_a_path_and_which_part_of_it(place: str) -> None:
    listed = [{"name": place, "algorithm": "sha256", "digest": "0" * 64}]
    made = statement(listed, method="shards", shard_size=7)
    assert said(bundle(made)) == "MALFORMED"


def test_attack_17_names_with_dots_and_slashes_select_nothing(tmp_path: Path) -> None:
    model, outside = tmp_path / "model", tmp_path / "secret"
    model.mkdir()
    outside.write_bytes(b"{}")
    (model / "link").symlink_to(outside)
    content = read_model_folder(model, (), tmp_path, Limits())
    assert [each.kind for each in content.members] == [MemberKind.LINK_AWAY]
    subject = Subject("model", (), content)
    listed = resources({"link": b"{}"})
    allowed = bundle(statement(listed, allow_symlinks=True))
    assert said(allowed, model=subject) == "CONTENT_NEEDED"
    assert said(with_statement(named("../secret")), model=subject) == "MALFORMED"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model", "secret"]


# --- releases before 1.0 --------------------------------------------------------------------------


def subjects_of(listed: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found = [
        {
            "name": each["name"],
            "digest": {"sha256": each["digest"]},
            "annotations": {"actual_hash_algorithm": f"file-{each['algorithm']}"},
        }
        for each in listed
    ]
    predicate = {"unused": "Unused, just passed due to API requirements"}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": found,
        "predicateType": OLD.format(kind),
        "predicate": predicate,
    }


def listed_in(listed: list[dict[str, Any]], kind: str, key: str) -> dict[str, Any]:
    made = statement(listed)
    return made | {"predicateType": OLD.format(kind), "predicate": {key: listed}}


def old_shards() -> list[dict[str, Any]]:
    return [each | {"algorithm": "sha256-7"} for each in shards(FILES, 7)]


OLD_STATEMENTS = {
    "Digests": subjects_of(resources(), "Digests"),
    "ShardDigests": subjects_of(old_shards(), "ShardDigests"),
    "DigestOfDigests": listed_in(resources(), "DigestOfDigests", "files"),
    "DigestOfShardDigests": listed_in(old_shards(), "DigestOfShardDigests", "shards"),
}


@pytest.mark.parametrize("made", OLD_STATEMENTS.values(), ids=OLD_STATEMENTS.keys())
@pytest.mark.parametrize("encode", [encoding, old_encoding])
def test_older_lists_and_their_encoding_verify(
    made: dict[str, Any], encode: Callable[[bytes], bytes]
) -> None:
    document = bundle(made, encode=encode)
    assert said(document) == "verified"
    assert said(document, model=folder(FILES | {"config.json": b"x"})) == "DIGEST_MISMATCH"
    assert said(document, model=folder(FILES | {"extra": b"x"})) == "SUBJECT_MISMATCH"
    assert said(document, model=folder({"config.json": b"{}"})) == "SUBJECT_MISMATCH"


def test_older_encoding_is_never_tried_with_a_log_entry_or_a_short_lived_certificate() -> None:
    made = bundle(statement(resources()), encode=old_encoding)
    assert said(made) == "verified"
    entry = {
        "logIndex": "1",
        "logId": {"keyId": "AA=="},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": "1",
        "inclusionProof": {"rootHash": "AA==", "treeSize": "1", "checkpoint": {"envelope": "x"}},
        "canonicalizedBody": "AA==",
    }
    logged = deepcopy(made)
    logged["verificationMaterial"]["tlogEntries"] = [entry]
    assert said(logged) == "SIGNATURE_INVALID"
    short = deepcopy(made)
    chain = by_chain(LEAF)["x509CertificateChain"]["certificates"][0]
    short["verificationMaterial"] = {"certificate": chain, "tlogEntries": []}
    assert said(short, authority_entry(ROOT, LINK)) == "SIGNATURE_INVALID"


# --- changes --------------------------------------------------------------------------------------


def offered(document: object, model: Subject | None = None) -> Verification:
    """Judge without asking whether it is recognised: what is not was never verified."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    given_evidence = evidence(content, model or folder())
    trusted = setting(key_entry(KEY), authority_entry(ROOT))
    return FORMAT.verify(given_evidence, trusted)


@pytest.mark.parametrize("document", [GOOD, CHAINED], ids=["key", "certificate"])
def test_no_changed_character_of_any_field_verifies(document: dict[str, Any]) -> None:
    assert offered(document).outcome is Outcome.VERIFIED
    texts = [(path, text) for path, text in leaves(document) if isinstance(text, str) and text]
    assert len(texts) == (5 if document is GOOD else 6)
    for path, text in texts:
        for index in range(0, len(text), max(1, len(text) // 150)):
            changed = text[:index] + chr(ord(text[index]) ^ 1) + text[index + 1 :]
            assert changed != text
            found = offered(put(document, path, changed))
            # Where a certificate is not the signer's, another spelling of it proves nothing.
            assert found.outcome is not Outcome.VERIFIED, (path, index)


def test_no_removed_field_verifies_but_the_hint() -> None:
    unauthenticated = {
        ("verificationMaterial", "publicKey", "hint"),  # which key it was is found by trying
        ("verificationMaterial", "tlogEntries"),  # an empty list
        ("dsseEnvelope", "signatures", 0, "keyid"),  # an empty text
    }
    verified = {
        path for path in fields(GOOD) if offered(without(GOOD, path)).outcome is Outcome.VERIFIED
    }
    assert verified == unauthenticated


def test_attack_01_swapped_certificates_and_envelopes_do_not_verify() -> None:
    again = certificate("signer", "link", OTHER, LINK_KEY)
    swapped = put(
        CHAINED,
        ("verificationMaterial", "x509CertificateChain"),
        by_chain(again, LINK)["x509CertificateChain"],
    )
    assert offered(swapped).reason == "SIGNATURE_INVALID"
    another = bundle(statement(resources({"x": b"y"})))
    crossed = put(GOOD, ("dsseEnvelope", "payload"), another["dsseEnvelope"]["payload"])
    assert offered(crossed, folder({"x": b"y"})).reason == "SIGNATURE_INVALID"
    assert offered(another, folder({"x": b"y"})).outcome is Outcome.VERIFIED


def test_attack_04_other_types_of_payload_and_predicate_are_no_model() -> None:
    typed = bundle(statement(resources()), payload_type="application/json")
    assert said(typed) == "PAYLOAD_TYPE"
    sbom = statement(resources()) | {"predicateType": "https://spdx.dev/Document"}
    content = json.dumps(bundle(sbom)).encode()
    assert not FORMAT.recognises(evidence(content))
    assert offered(content).reason == "PREDICATE_TYPE"


@pytest.mark.parametrize("content", [
    b"", b"{}", b"[]", b'{"dsseEnvelope": 1}', b'{"dsseEnvelope": {"payload": "!!"}}',
    b'{"dsseEnvelope": {"payload": "e30="}}',
])  # fmt: skip
def test_other_documents_are_left_alone(content: bytes) -> None:
    assert not FORMAT.recognises(evidence(content))


def test_a_type_named_elsewhere_in_a_statement_does_not_make_it_a_model() -> None:
    other = {
        "_type": "x",
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"x": V1},
    }
    assert not FORMAT.recognises(evidence(json.dumps(bundle(other)).encode()))


def test_broken_bundle_is_malformed_and_deep_ones_too_large() -> None:
    content = json.dumps(GOOD).encode()
    assert said(content[:-1]) == "MALFORMED"
    assert said(content[:-1] + b', "x": ' + b"[" * 70 + b"]" * 70 + b"}") == "TOO_LARGE"


@given(st.lists(st.tuples(st.text(max_size=4), st.binary(max_size=4)), max_size=4))
def test_only_the_signed_files_verify(pairs: list[tuple[str, bytes]]) -> None:
    files = dict(pairs)
    found = offered(GOOD, folder(FILES | files))
    ignored = all(path in FILES and FILES[path] == content for path, content in files.items())
    assert (found.outcome is Outcome.VERIFIED) == ignored


def test_trust_of_another_kind_proves_nothing() -> None:
    keyring = TrustEntry("ring", TrustKind.KEYRING, b"x", "test")
    assert said(GOOD, keyring) in ("KEY_UNKNOWN", "TRUST_ROOT_MISSING")
    nothing = FORMAT.verify(evidence(json.dumps(GOOD).encode(), folder()), setting())
    assert nothing.reason == "TRUST_ROOT_MISSING"


def test_payload_is_read_from_the_envelope_that_is_signed() -> None:
    decoy = base64.b64encode(json.dumps(statement(resources({"x": b"y"}))).encode()).decode()
    document = {"payload": decoy} | GOOD
    assert offered(document, folder({"x": b"y"})).outcome is not Outcome.VERIFIED


def test_outcome_is_kept_under_the_files_of_the_model() -> None:
    content = json.dumps(GOOD).encode()
    models = (folder(), folder(FILES | {"x": b""}), folder(FILES | {"config.json": b"x"}))
    keys = {verification_key(evidence(content, each), setting(key_entry(KEY))) for each in models}
    assert len(keys) == len(models)


def test_outcome_of_one_file_is_kept_under_its_name() -> None:
    listed = json.dumps(bundle(statement(resources({"config.json": b"{}"})))).encode()
    given = setting(key_entry(KEY))
    named, renamed = (
        evidence(listed, Subject(name, (digest_of(b"{}"),), MemoryContent(b"{}")))
        for name in ("config.json", "other.json")
    )
    assert verify(named, given).outcome is not verify(renamed, given).outcome
    assert verification_key(named, given) != verification_key(renamed, given)


def test_order_of_entries_with_one_key_changes_nothing_under_a_bundle() -> None:
    ever = key_entry(KEY)
    ended = replace(ever, valid_until=NOW - DAY)
    soon, later = (replace(ever, valid_from=NOW + days * DAY) for days in (1, 2))
    for entries in permutations((ended, later, soon)):
        verification = judged(GOOD, *entries)
        assert (verification.reason, verification.due_at) == ("KEY_EXPIRED", soon.valid_from)
    brief = replace(ever, valid_until=soon.valid_from)
    for entries in permutations((brief, ever, ended)):
        verification = judged(GOOD, *entries)
        assert (verification.reason, verification.due_at) == ("", None)
