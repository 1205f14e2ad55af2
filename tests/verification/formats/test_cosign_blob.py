"""Cosign's older signature of a file: under a key, under a certificate with its log entry."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.model import Evidence, Outcome, Role, Subject, TrustEntry, Verification, digest_of
from tests.verification.cosign_specimens import attested_blob, keyless_blob
from tests.verification.sigstore.sigstore_world import ACME, DSSE1, SIGNED_AT, Making, statement_of
from tests.verification.specimens import (
    CONTENT,
    artifact,
    authority_entry,
    envelope,
    evidence,
    flipped,
    key_entry,
    private_key,
    public_pem,
    setting,
    sign,
    statement,
)
from verification.formats.cosign_blob import CosignBlob

FORMAT = CosignBlob()
MAKING = Making()
KEY = private_key("p256", "cosign blob")
SIGNATURE = base64.b64encode(sign(KEY, CONTENT)).decode()
OTHER_STATEMENT = statement_of(predicate={"other": "one"})


def judged(
    document: dict[str, Any] | bytes, *entries: TrustEntry, subject: Subject | None = None
) -> Verification:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    offered = evidence(content, subject)
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*entries))


def keyless(making: Making = MAKING) -> dict[str, Any]:
    """Return a bundle of the world in the older spelling."""
    return keyless_blob(CONTENT, making)


def test_a_given_key_decides() -> None:
    found = judged({"base64Signature": SIGNATURE}, key_entry(KEY))
    assert found.outcome is Outcome.VERIFIED
    assert found.signer is not None
    other = judged({"base64Signature": SIGNATURE}, key_entry(private_key("p256", "another")))
    assert (other.outcome, other.reason) == (Outcome.INVALID, "SIGNATURE_INVALID")


def test_the_digest_alone_is_enough() -> None:
    subject = Subject("a", (digest_of(CONTENT),))
    found = judged({"base64Signature": SIGNATURE}, key_entry(KEY), subject=subject)
    assert found.outcome is Outcome.VERIFIED
    assert judged(keyless(), ACME.entry(), subject=subject).outcome is Outcome.VERIFIED
    nothing = judged(keyless(), ACME.entry(), subject=Subject("a", ()))
    assert nothing.reason == "CONTENT_NEEDED"


@pytest.mark.parametrize("logged", [True, False])
def test_the_hash_is_the_one_that_the_key_signs_and_the_log_recorded(*, logged: bool) -> None:
    making = Making(key="p384", hashed="sha384")
    document = keyless(making) | ({} if logged else {"rekorBundle": None})
    given = authority_entry(ACME.intermediate, ACME.root_certificate)
    trust = ACME.entry() if logged else given
    offered = evidence(json.dumps(document).encode())
    at = SIGNED_AT + timedelta(minutes=1)  # without a log the certificate has to hold now
    assert FORMAT.verify(offered, setting(trust, now=at)).outcome is Outcome.VERIFIED
    other = replace(offered, subject=artifact(b"something else"))
    wanted = "LOG_ENTRY_MISMATCH" if logged else "SIGNATURE_INVALID"
    assert FORMAT.verify(other, setting(trust, now=at)).reason == wanted


def test_the_certificate_may_stand_there_as_it_is() -> None:
    document = keyless()
    pem = base64.b64decode(document["cert"]).decode()
    assert judged(document | {"cert": pem}, ACME.entry()).outcome is Outcome.VERIFIED
    named = public_pem(KEY).decode()
    assert judged({"base64Signature": SIGNATURE, "cert": named}).reason == "TRUST_ROOT_MISSING"
    assert judged(document | {"cert": f" {pem}"}, ACME.entry()).reason == "MALFORMED"


def test_an_envelope_in_place_of_the_signature_is_an_attestation() -> None:
    document = attested_blob(statement_of(), DSSE1)
    found = judged(document, ACME.entry())
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.ATTESTATION)
    assert (found.format, found.statement is not None) == ("cosign-blob", True)
    other = judged(document, ACME.entry(), subject=artifact(b"something else"))
    assert (other.outcome, other.reason) == (Outcome.INVALID, "SUBJECT_MISMATCH")
    lacking = {name: part for name, part in document.items() if name != "rekorBundle"}
    assert judged(lacking, ACME.entry()).reason == "LOG_MISSING"
    swapped = document | {"rekorBundle": attested_blob(OTHER_STATEMENT, DSSE1)["rekorBundle"]}
    assert judged(swapped, ACME.entry()).reason == "LOG_ENTRY_MISMATCH"


def test_no_byte_of_an_envelope_in_place_of_the_signature_may_change() -> None:
    document, trust = attested_blob(statement_of(), DSSE1), ACME.entry()
    held = base64.b64decode(document["base64Signature"])
    mutants = [base64.b64encode(changed).decode() for _, changed in flipped(held)]
    assert len(set(mutants) - {document["base64Signature"]}) == len(held)
    judgements = [judged(document | {"base64Signature": each}, trust) for each in mutants]
    assert judged(document, trust).outcome is Outcome.VERIFIED
    assert [each for each in judgements if each.outcome is Outcome.VERIFIED] == []


def test_an_envelope_in_place_of_the_signature_holds_under_a_given_key() -> None:
    signed = json.dumps(envelope(statement(digest_of(CONTENT)), KEY)).encode()
    document = {"base64Signature": base64.b64encode(signed).decode()}
    found = judged(document, key_entry(KEY))
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.ATTESTATION)
    another = judged(document, key_entry(private_key("p256", "another")))
    assert (another.outcome, another.reason) == (Outcome.INVALID, "SIGNATURE_INVALID")


def test_another_artifact_is_invalid() -> None:
    for document, entry in (
        ({"base64Signature": SIGNATURE}, key_entry(KEY)),
        (keyless(), ACME.entry()),
    ):
        found = judged(document, entry, subject=artifact(b"something else"))
        assert found.outcome is Outcome.INVALID


def test_certificate_and_log_entry_are_judged_as_a_bundle() -> None:
    found = judged(keyless(), ACME.entry())
    assert found.outcome is Outcome.VERIFIED
    assert found.signer is not None
    assert found.signed_before is not None


@pytest.mark.parametrize(
    ("name", "reason"), [("rekorBundle", "LOG_MISSING"), ("cert", "TRUST_ROOT_MISSING")]
)
def test_keyless_without_a_part_is_never_verified(name: str, reason: str) -> None:
    document = keyless()
    del document[name]
    assert judged(document, ACME.entry()).reason == reason


def test_attack_01_no_exchanged_part_verifies() -> None:
    other = keyless(Making(name="another"))
    for name in ("base64Signature", "cert", "rekorBundle"):
        found = judged(keyless() | {name: other[name]}, ACME.entry())
        assert found.outcome is Outcome.INVALID, name


def test_attack_07_public_key_in_place_of_the_certificate_names_nobody() -> None:
    beside = base64.b64encode(public_pem(KEY)).decode()
    document = {"base64Signature": SIGNATURE, "cert": beside}
    assert judged(document, key_entry(KEY)).outcome is Outcome.VERIFIED
    assert judged(document, ACME.entry()).outcome is Outcome.UNVERIFIABLE
    assert judged(document).reason == "TRUST_ROOT_MISSING"


def test_log_entry_beside_a_keyed_signature_is_said_to_be_unchecked() -> None:
    document = {"base64Signature": SIGNATURE, "rekorBundle": keyless()["rekorBundle"]}
    found = judged(document, key_entry(KEY))
    assert any(check.step == "log entry" for check in found.checks)


@pytest.mark.parametrize(
    "document",
    [
        {"base64Signature": SIGNATURE, "extra": 1},
        {"base64Signature": "?"},
        {"base64Signature": 7},
        {"base64Signature": SIGNATURE, "cert": "?"},
        {"base64Signature": SIGNATURE, "rekorBundle": []},
        b'{"base64Signature": ',
    ],
)
def test_broken_form_is_malformed(document: dict[str, Any] | bytes) -> None:
    assert judged(document, key_entry(KEY)).reason == "MALFORMED"


def test_no_changed_bit_of_a_keyed_one_verifies() -> None:
    content = json.dumps({"base64Signature": SIGNATURE}).encode()
    assert judged(content, key_entry(KEY)).outcome is Outcome.VERIFIED
    mutants = 0
    for _, mutant in flipped(content):
        offered = evidence(mutant)
        mutants += 1
        if FORMAT.recognises(offered):
            found = FORMAT.verify(offered, setting(key_entry(KEY)))
            assert found.outcome is not Outcome.VERIFIED, mutant
    assert mutants >= len(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'["base64Signature"]',
        b'{"a": "base64Signature"}',
        b'{"a": {"base64Signature": 1}}',
    ],
)
def test_only_the_object_is_recognised(content: bytes) -> None:
    assert not FORMAT.recognises(Evidence(content, "", "", artifact()))
