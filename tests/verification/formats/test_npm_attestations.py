"""A registry's attestations of a package: all of them, by the right keys, of this package."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.model import MemoryContent, Outcome, Role, Subject, TrustEntry, Verification, digest_of
from tests.verification.index_specimens import (
    NPM_BUILD,
    NPM_PUBLISH,
    PUBLISHED,
    REGISTRY,
    SLSA,
    WORKFLOW,
    npm_document,
    npm_provenance,
    npm_publish,
)
from tests.verification.keys.registry_specimens import KEY_ID, keys_entry, registry_key, tuf_key
from tests.verification.mutation import at, fields, leaves, put, shown, spellings, without
from tests.verification.sigstore.sigstore_world import ACME, SIGNED_AT, World
from tests.verification.specimens import (
    CONTENT,
    DAY,
    artifact,
    evidence,
    judge_document,
    key_entry,
    reason_of,
    setting,
)
from verification.formats.npm_attestations import NpmAttestations

FORMAT = NpmAttestations()
KEY = ACME.signer_key(REGISTRY)
ATTESTATIONS = "npm:attestations"
KEYS = keys_entry(tuf_key(KEY, usage=ATTESTATIONS))
ROOT = ACME.entry()
TRUSTED = (KEYS, ROOT)
PUBLISH, BUILD = npm_publish(), npm_provenance()
GOOD = npm_document(PUBLISH, BUILD)


def judged(document: object, *entries: TrustEntry, of: Subject | None = None) -> Verification:
    return judge_document((FORMAT,), document, of, *(entries or TRUSTED))


def said(document: object, *entries: TrustEntry, of: Subject | None = None) -> str:
    return reason_of(judged(document, *entries, of=of))


def test_document_verifies_as_the_provenance_in_it() -> None:
    found = judged(GOOD)
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.PROVENANCE)
    assert found.signer is not None
    assert found.signer.identity == WORKFLOW
    assert found.claims["builder_id_certified"] == "true"
    assert found.claims["attestations"] == "2"
    assert len(json.loads(found.claims["signers"])) == 2
    assert {ROOT.name, found.claims["trusted_root_name"]} == {ROOT.name}
    assert any(each.startswith("sha256:") for each in found.anchors)


def test_each_alone_verifies_as_what_it_is() -> None:
    published = judged(npm_document(PUBLISH))
    assert (published.outcome, published.role) == (Outcome.VERIFIED, Role.SIGNATURE)
    assert published.claims["package"] == "@acme/app"
    assert judged(npm_document(BUILD)).role is Role.PROVENANCE


def test_attack_13_every_attestation_must_hold() -> None:
    foreign = npm_provenance(world=World("other"))
    forged = put(PUBLISH, ("bundle", "dsseEnvelope", "signatures", 0, "sig"), "AAAA")
    for bad in (foreign, forged):
        for order in ((PUBLISH, bad), (bad, BUILD), (PUBLISH, BUILD, bad)):
            assert judged(npm_document(*order)).outcome is not Outcome.VERIFIED


def test_publish_attestation_is_under_the_key_it_names() -> None:
    assert said(GOOD, ROOT) != "verified"
    assert said(GOOD, ROOT, keys_entry(tuf_key(KEY, "other", ATTESTATIONS))) == "KEY_UNKNOWN"
    assert said(GOOD, ROOT, keys_entry(tuf_key(KEY, usage="npm:signatures"))) == "KEY_UNKNOWN"
    other = ACME.signer_key(replace(REGISTRY, name="another"))
    assert said(GOOD, ROOT, keys_entry(tuf_key(other, usage=ATTESTATIONS))) == "SIGNATURE_INVALID"
    assert said(GOOD, ROOT, keys_entry(registry_key(KEY))) == "verified"
    assert said(GOOD, ROOT, key_entry(KEY)) == "verified"


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (SIGNED_AT - DAY, SIGNED_AT + DAY, "verified"),
        (SIGNED_AT - 2 * DAY, SIGNED_AT - DAY, "KEY_EXPIRED"),
        (SIGNED_AT + DAY, SIGNED_AT + 2 * DAY, "KEY_EXPIRED"),
    ],
)
def test_attack_02_key_counts_at_the_time_the_log_proves(start: Any, end: Any, reason: str) -> None:
    window = {"start": start.isoformat(), "end": end.isoformat()}
    assert said(GOOD, ROOT, keys_entry(tuf_key(KEY, usage=ATTESTATIONS, **window))) == reason


def test_attack_06_a_build_cannot_speak_for_the_registry() -> None:
    forged = npm_publish(making=NPM_BUILD)
    assert said(npm_document(forged)) == "KEY_UNKNOWN"
    assert said(npm_document(forged, BUILD)) == "KEY_UNKNOWN"


def test_attack_04_type_listed_is_the_type_signed() -> None:
    assert said(npm_document(PUBLISH | {"predicateType": SLSA})) == "PREDICATE_TYPE"
    assert said(npm_document(BUILD | {"predicateType": NPM_PUBLISH})) == "PREDICATE_TYPE"


SUBJECTS: dict[str, tuple[Any, str]] = {
    "sha256 only": (
        [{"name": "pkg:npm/%40acme/app@1.0.0", "digest": {"sha256": digest_of(CONTENT).value}}],
        "SUBJECT_MISMATCH",
    ),
    "another package's bytes": (
        [{"name": "pkg:npm/%40acme/app@1.0.0", "digest": {"sha512": "0" * 128}}],
        "SUBJECT_MISMATCH",
    ),
    "no package": (
        [{"name": "app.tgz", "digest": {"sha512": digest_of(CONTENT, "sha512").value}}],
        "SUBJECT_MISMATCH",
    ),
    "two": (
        [
            {"name": "pkg:npm/%40acme/app@1.0.0", "digest": {"sha512": each}}
            for each in ("0" * 128, digest_of(CONTENT, "sha512").value)
        ],
        "SUBJECT_MISMATCH",
    ),
    "none": ([], "MALFORMED"),
}


@pytest.mark.parametrize(("subject", "reason"), SUBJECTS.values(), ids=SUBJECTS.keys())
def test_attack_04_statement_is_about_exactly_this_package_by_sha512(
    subject: Any, reason: str
) -> None:
    assert said(npm_document(npm_provenance(subject=subject))) == reason


def test_other_bytes_are_refused_and_unknown_hashes_asked_for() -> None:
    assert said(GOOD, of=artifact(b"other")) == "SUBJECT_MISMATCH"
    assert said(GOOD, of=Subject("app.tgz", (digest_of(CONTENT),))) == "CONTENT_NEEDED"
    known = Subject("app.tgz", (digest_of(CONTENT, "sha512"),))
    assert said(GOOD, of=known) == "verified"
    assert said(GOOD, of=Subject("x", (), MemoryContent(CONTENT))) == "verified"


PUBLISH_PREDICATES: dict[str, tuple[object, str]] = {
    "other name": (PUBLISHED | {"name": "@acme/ap"}, "SUBJECT_MISMATCH"),
    "other version": (PUBLISHED | {"version": "1.0.1"}, "SUBJECT_MISMATCH"),
    "no name": ({"version": "1.0.0"}, "MALFORMED"),
    "a name with a version in it": (
        {"name": "@acme/app@1.0.0", "version": "1"},
        "MALFORMED",
    ),
}


@pytest.mark.parametrize(
    ("predicate", "reason"), PUBLISH_PREDICATES.values(), ids=PUBLISH_PREDICATES.keys()
)
def test_registry_names_one_package(predicate: object, reason: str) -> None:
    assert said(npm_document(npm_publish(predicate=predicate))) == reason


def test_attestations_speak_of_one_package() -> None:
    digest = {"sha512": digest_of(CONTENT, "sha512").value}
    other = npm_provenance(subject=[{"name": "pkg:npm/other@1.0.0", "digest": digest}])
    found = judged(npm_document(PUBLISH, other))
    assert (found.outcome, found.reason) == (Outcome.INVALID, "SUBJECT_MISMATCH")
    assert "pkg:npm/other@1.0.0" in found.found
    assert len(found.checks) > 5


BROKEN: dict[str, Callable[[], Any]] = {
    "cut off": json.dumps(GOOD)[:-1].encode,
    "no type": lambda: npm_document(BUILD, without(BUILD, ("predicateType",))),
    "no bundle": lambda: npm_document(BUILD, without(BUILD, ("bundle",))),
    "bundle is text": lambda: npm_document(BUILD, BUILD | {"bundle": "x"}),
    "attestation is text": lambda: {"attestations": [BUILD, "x"]},
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
def test_documents_that_break_their_form_are_malformed(make: Callable[[], Any]) -> None:
    assert said(make()) == "MALFORMED"


def test_counts_and_depth_are_bounded() -> None:
    assert said(npm_document(*[BUILD] * 65)) == "TOO_LARGE"
    content = json.dumps(GOOD).encode()
    assert said(content[:-1] + b', "x": ' + b"[" * 70 + b"]" * 70 + b"}") == "TOO_LARGE"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"attestations": []}',
    b'{"attestations": [{"bundle": {}}], "predicateType": 1}',
    b'{"attestations": {"predicateType": 1, "bundle": 2}}',
])  # fmt: skip
def test_other_documents_are_left_alone(content: bytes) -> None:
    assert not FORMAT.recognises(evidence(content))


def verifies(document: object) -> bool:
    offered = evidence(json.dumps(document).encode())
    return FORMAT.verify(offered, setting(*TRUSTED)).outcome is Outcome.VERIFIED


def test_no_changed_character_of_any_field_verifies() -> None:
    assert verifies(GOOD)
    verified, places = set(), 0
    for path, value in leaves(GOOD):
        places += 1
        for spelled in spellings(value, 12):
            changed = put(GOOD, path, spelled)
            assert changed != GOOD
            if verifies(changed):
                verified.add(shown(path))
    assert (verified, places) == (set(), 40)


def test_no_removed_field_verifies_but_what_dates_a_key_without_a_window() -> None:
    entry = ("attestations", 0, "bundle", "verificationMaterial", "tlogEntries", 0)
    promise = (*entry, "inclusionPromise")
    # The log's proof and checkpoint still stand (bundle 0.3); the key counts as of now.
    undated = {promise, (*promise, "signedEntryTimestamp")}
    places = list(fields(GOOD))
    verified = {path for path in places if verifies(without(GOOD, path))}
    assert {promise} <= verified <= undated
    assert len(places) == 59
    ended = {"end": (SIGNED_AT + DAY).isoformat()}
    listed = keys_entry(tuf_key(KEY, usage=ATTESTATIONS, **ended))
    assert said(GOOD, ROOT, listed) == "verified"
    assert said(without(GOOD, promise), ROOT, listed) == "KEY_EXPIRED"


def test_attack_01_swapped_parts_of_two_good_attestations_do_not_verify() -> None:
    other = npm_provenance(making=replace(NPM_BUILD, name="another", place=2))
    assert verifies(npm_document(PUBLISH, other))
    parts = [
        ("bundle", "verificationMaterial", "certificate"),
        ("bundle", "verificationMaterial", "tlogEntries"),
        ("bundle", "verificationMaterial"),
        ("bundle", "dsseEnvelope", "signatures"),
        ("bundle", "dsseEnvelope"),
    ]
    for part in parts:
        assert not verifies(npm_document(PUBLISH, put(BUILD, part, at(other, part)))), part
    assert at(PUBLISH, ("bundle", "verificationMaterial", "publicKey", "hint")) == KEY_ID
