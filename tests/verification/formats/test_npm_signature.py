"""npm registry signatures: which key, at which time, over which package."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.limits import Limits
from core.model import MemoryContent, Outcome, Role, Subject, TrustEntry, Verification, digest_of
from tests.verification.keys.registry_specimens import (
    KEY,
    KEY_ID,
    integrity,
    keys_entry,
    registry_key,
    release,
    tuf_key,
)
from tests.verification.specimens import (
    CONTENT,
    NOW,
    evidence,
    judge_document,
    key_entry,
    private_key,
    reason_of,
    setting,
)
from verification.formats.npm_signature import NpmSignature

FORMAT = NpmSignature()
OTHER = private_key("p256", "other registry")
GOOD = release()
ENDED = "2025-01-29T00:00:00.000Z"


def judged(document: object, *entries: TrustEntry, package: Subject | None = None) -> Verification:
    return judge_document((FORMAT,), document, package, *(entries or (keys_entry(),)))


def said(document: object, *entries: TrustEntry, package: Subject | None = None) -> str:
    return reason_of(judged(document, *entries, package=package))


def test_release_verifies_and_claims_what_was_signed() -> None:
    found = judged(GOOD)
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.SIGNATURE)
    assert found.claims["package"] == "@acme/app"
    assert found.claims["package_version"] == "1.0.0"
    assert found.claims["integrity"] == integrity()
    assert found.signer is not None
    assert found.anchors == (found.signer.key_fingerprint,)


def test_key_given_by_itself_serves_too() -> None:
    assert said(GOOD, key_entry(KEY)) == "verified"
    assert said(GOOD, key_entry(OTHER)) == "SIGNATURE_INVALID"
    assert said(GOOD, keys_entry(registry_key())) == "verified"


def test_key_is_chosen_by_its_id_and_its_use() -> None:
    assert said(GOOD, keys_entry(tuf_key(OTHER))) == "SIGNATURE_INVALID"
    assert said(GOOD, keys_entry(tuf_key(key_id="other"))) == "KEY_UNKNOWN"
    assert said(GOOD, keys_entry(tuf_key(usage="npm:attestations"))) != "verified"
    assert said(GOOD, keys_entry(tuf_key(OTHER, "other"), tuf_key())) == "verified"
    assert FORMAT.verify(evidence(json.dumps(GOOD).encode()), setting()).reason == (
        "TRUST_ROOT_MISSING"
    )


TIMES = [
    ("2025-01-28T00:00:00Z", "verified"),
    (ENDED, "verified"),
    ("2025-01-29T00:00:00.001Z", "KEY_EXPIRED"),
    ("2026-11-24T00:00:00Z", "TIME_IN_FUTURE"),
    (None, "KEY_EXPIRED"),
    ("then", "MALFORMED"),
]


@pytest.mark.parametrize(("published", "reason"), TIMES)
@pytest.mark.parametrize("field", ["time", "_time"])
def test_attack_02_key_counts_at_the_time_of_publication(
    published: str | None, reason: str, field: str
) -> None:
    document = release() | {field: published}
    for listed in (tuf_key(end=ENDED), registry_key(expires=ENDED)):
        assert said(document, keys_entry(listed)) == reason


def test_attack_03_time_of_publication_is_the_registrys_word() -> None:
    found = judged(release(time="2025-01-01T00:00:00Z"), keys_entry(tuf_key(end=ENDED)))
    assert (found.time_source, found.time_trusted) == ("registry", False)
    assert found.signed_at == datetime(2025, 1, 1, tzinfo=UTC)
    assert (found.signed_after, found.signed_before, found.due_at) == (None, None, None)
    before = tuf_key(start="2025-01-13T00:00:00Z")
    assert said(release(time="2025-01-01T00:00:00Z"), keys_entry(before)) == "KEY_EXPIRED"


def test_outcome_without_a_date_lasts_as_long_as_the_key() -> None:
    later = NOW + timedelta(days=3)
    found = judged(GOOD, keys_entry(tuf_key(end=later.isoformat())))
    assert (found.outcome, found.due_reason) == (Outcome.VERIFIED, "KEY_EXPIRED")
    assert found.due_at is not None
    assert found.due_at > later


def test_attack_13_every_signature_must_hold() -> None:
    twice = deepcopy(GOOD)
    second = release(key=OTHER, key_id="other")["dist"]["signatures"]
    twice["dist"]["signatures"] += second
    assert said(twice) == "KEY_UNKNOWN"
    assert said(twice, keys_entry(tuf_key(), tuf_key(OTHER, "other"))) == "verified"
    assert said(twice, keys_entry(tuf_key(), tuf_key(KEY, "other"))) == "SIGNATURE_INVALID"


def test_another_package_is_refused_and_one_known_by_other_hashes_is_asked_for() -> None:
    other = Subject("x", (digest_of(b"y"),), MemoryContent(b"y"))
    assert said(GOOD, package=other) == "DIGEST_MISMATCH"
    assert said(GOOD, package=Subject("x", (digest_of(CONTENT),))) == "CONTENT_NEEDED"
    assert said(GOOD, package=Subject("x", (digest_of(CONTENT, "sha512"),))) == "verified"


def sri(algorithm: str, content: bytes = CONTENT) -> str:
    return f"{algorithm}-{base64.b64encode(digest_of(content, algorithm).raw).decode()}"


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        (f"{sri('sha1')} {sri('sha512')}", "verified"),
        (sri("sha384"), "verified"),
        (sri("sha1"), "DIGEST_MISMATCH"),
        (f"{sri('sha512')} {sri('sha256', b'x')}", "DIGEST_MISMATCH"),
        (f"{sri('sha512')}?opt", "MALFORMED"),
        (f"{sri('sha512')}  {sri('sha256')}", "MALFORMED"),
        ("md5-AAAA", "MALFORMED"),
        ("sha512-AAAA", "MALFORMED"),
    ],
)
def test_integrity_is_strong_hashes_that_all_agree(stated: str, reason: str) -> None:
    assert said(release(stated=stated)) == reason


@pytest.mark.parametrize(
    ("name", "version"),
    [("a@1", "1.0.0"), ("a", "1:0"), ("a", "1@2"), ("", "1"), ("a", ""), ("a:b", "1"),
     ("@a", "1"), ("@a/b/c", "1"), ("a b", "1"), ("x" * 215, "1"), ("a", "1" * 257)],
)  # fmt: skip
def test_names_that_would_read_another_way_in_the_signed_text_are_refused(
    name: str, version: str
) -> None:
    assert said(release(name, version)) == "MALFORMED"


def packument(*versions: dict[str, Any], **times: str) -> dict[str, Any]:
    listed = {each["version"]: each for each in versions}
    return {"name": "@acme/app", "versions": listed, "time": times, "dist-tags": {}}


def test_packument_is_read_for_the_version_that_is_this_package() -> None:
    other = release(version="0.9.0", stated=integrity(b"older"))
    unsigned = {"name": "@acme/app", "version": "0.1.0", "dist": {"shasum": "x"}}
    document = packument(unsigned, other, GOOD, **{"1.0.0": "2025-01-01T00:00:00Z"})
    found = judged(document, keys_entry(tuf_key(end=ENDED)))
    assert (found.reason, found.claims["package_version"]) == ("", "1.0.0")
    assert said(packument(other)) == "DIGEST_MISMATCH"
    moved = packument(GOOD)
    moved["versions"] = {"2.0.0": GOOD}
    assert said(moved) == "MALFORMED"


def test_attack_01_signature_of_another_release_does_not_verify() -> None:
    other = release(version="2.0.0")
    swapped = deepcopy(GOOD)
    swapped["dist"]["signatures"] = other["dist"]["signatures"]
    assert said(swapped) == "SIGNATURE_INVALID"
    assert said(GOOD | {"version": "2.0.0"}) == "SIGNATURE_INVALID"
    assert said(GOOD | {"name": "@acme/ap"}) == "SIGNATURE_INVALID"


def test_no_changed_character_of_a_signed_field_verifies() -> None:
    fields = {
        ("name",),
        ("version",),
        ("dist", "integrity"),
        ("dist", "signatures", 0, "keyid"),
        ("dist", "signatures", 0, "sig"),
    }
    assert said(GOOD) == "verified"
    changed = 0
    for path in fields:
        place: Any = GOOD
        for key in path:
            place = place[key]
        for index in range(len(place)):
            mutant = deepcopy(GOOD)
            inner: Any = mutant
            for key in path[:-1]:
                inner = inner[key]
            flipped = place[:index] + chr(ord(place[index]) ^ 1) + place[index + 1 :]
            inner[path[-1]] = flipped
            assert flipped != place
            found = FORMAT.verify(evidence(json.dumps(mutant).encode()), setting(keys_entry()))
            assert found.outcome is not Outcome.VERIFIED, (path, index)
            changed += 1
    assert changed > 200
    # Not signed, and never used: where to fetch it, and everything else a registry says.
    unsigned = deepcopy(GOOD)
    unsigned["dist"]["tarball"] = "https://elsewhere.example/x"
    assert said(unsigned | {"description": "x"}) == "verified"


def test_raw_signature_of_r_and_s_is_none() -> None:
    changed = deepcopy(GOOD)
    changed["dist"]["signatures"][0]["sig"] = base64.b64encode(b"\1" * 64).decode()
    assert said(changed) == "SIGNATURE_INVALID"


def test_broken_and_deep_documents() -> None:
    content = json.dumps(GOOD).encode()
    assert said(content[:-1]) == "MALFORMED"
    assert said(content[:-1] + b', "x": ' + b"[" * 70 + b"]" * 70 + b"}") == "TOO_LARGE"
    many = deepcopy(GOOD)
    many["dist"]["signatures"] *= 65
    assert said(many) == "TOO_LARGE"
    few = FORMAT.verify(
        evidence(json.dumps(many).encode()), setting(keys_entry(), limits=Limits(signatures=100))
    )
    assert few.outcome is Outcome.VERIFIED


@pytest.mark.parametrize("content", [
    b"", b"[]", b"{}", b'{"name": "x", "version": "1"}',
    b'{"dist": {"signatures": [{"keyid": 1}]}}',
    b'{"name": 1, "dist": {"signatures": [{"keyid": "x"}]}}',
])  # fmt: skip
def test_other_documents_are_left_alone(content: bytes) -> None:
    assert not FORMAT.recognises(evidence(content))


def test_signer_is_the_key_and_no_identity() -> None:
    found = judged(GOOD)
    assert found.signer is not None
    assert (found.signer.identity, found.signer.issuer) == ("", "")
    assert KEY_ID in found.checks[-1].detail
