"""Attestations that cosign attached with a certificate: the envelope, log entry and timestamp."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from core.cosign_container import container, read_container
from core.limits import Limits
from core.model import Outcome, Role, TrustEntry, Verification
from tests.verification.cosign_specimens import keyless_attestation, stamped_attestation
from tests.verification.sigstore.sigstore_world import ACME, CONTENT, DSSE1, World, statement_of
from tests.verification.specimens import (
    DAY,
    NOW,
    artifact,
    evidence,
    flipped,
    key_entry,
    private_key,
    setting,
)
from verification.formats.cosign_attestation import CosignAttestation

FORMAT = CosignAttestation()
UNLOGGED = replace(DSSE1, logged=False)
SIGNED = "https://sigstore.dev/cosign/sign/v1"


def judged(content: bytes, *entries: TrustEntry, subject: bytes = CONTENT) -> Verification:
    offered = evidence(content, artifact(subject))
    assert FORMAT.recognises(offered)
    return FORMAT.verify(offered, setting(*entries))


def unlogged() -> TrustEntry:
    return ACME.entry(ACME.root(tlogs=None))


def signature_in(envelope: bytes) -> bytes:
    return base64.b64decode(json.loads(envelope)["signatures"][0]["sig"])


def test_certificate_and_log_entry_are_judged_as_a_bundle() -> None:
    found = judged(keyless_attestation(statement_of(), DSSE1), ACME.entry())
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.ATTESTATION)
    assert found.format == "cosign-attestation"
    other = judged(keyless_attestation(statement_of(), DSSE1), ACME.entry(), subject=b"other")
    assert (other.outcome, other.reason) == (Outcome.INVALID, "SUBJECT_MISMATCH")


def test_a_foreign_root_or_key_proves_nothing() -> None:
    content = keyless_attestation(statement_of(), DSSE1)
    assert judged(content, World("other").entry()).outcome is Outcome.UNTRUSTED
    assert judged(content, key_entry(private_key("p256", "other"))).outcome is Outcome.INVALID
    assert judged(content).reason == "TRUST_ROOT_MISSING"


def test_a_given_key_past_its_window_decides_before_its_certificate() -> None:
    content = keyless_attestation(statement_of(), DSSE1)
    key = ACME.signer_key(DSSE1)
    for entries in (
        (key_entry(key, until=NOW - DAY), ACME.entry()),
        (ACME.entry(), key_entry(key, until=NOW - DAY)),
    ):
        found = judged(content, *entries)
        assert (found.outcome, found.reason) == (Outcome.UNTRUSTED, "KEY_EXPIRED")
    assert judged(content, key_entry(key), ACME.entry()).outcome is Outcome.VERIFIED


def test_timestamp_is_over_the_whole_envelope() -> None:
    content = stamped_attestation(statement_of(), UNLOGGED, lambda envelope: envelope)
    found = judged(content, unlogged())
    assert (found.outcome, found.time_source) == (Outcome.VERIFIED, "rfc3161")
    bare = ACME.entry(ACME.root(tlogs=None, timestampAuthorities=None))
    assert judged(content, bare).reason == "CERT_UNTRUSTED"


@pytest.mark.parametrize(
    "stamped",
    [signature_in, lambda envelope: envelope + b" ", lambda _: b""],
    ids=["signature", "another spelling", "nothing"],
)
def test_timestamp_over_anything_else_is_invalid(stamped: Callable[[bytes], bytes]) -> None:
    content = stamped_attestation(statement_of(), UNLOGGED, stamped)
    found = judged(content, unlogged())
    assert (found.outcome, found.reason) == (Outcome.INVALID, "TIMESTAMP_INVALID")


def test_no_byte_of_a_stamped_envelope_may_change() -> None:
    trust = unlogged()
    content = stamped_attestation(statement_of(), UNLOGGED, lambda envelope: envelope)
    assert judged(content, trust).outcome is Outcome.VERIFIED
    held = read_container(content, Limits())
    mutants = [
        container(held.mime_type, changed, held.annotations) for _, changed in flipped(held.payload)
    ]
    assert len(set(mutants) - {content}) == len(held.payload)
    accepted = [each for each in mutants if judged(each, trust).outcome is Outcome.VERIFIED]
    assert accepted == []


def test_signature_of_an_image_by_a_statement_counts_as_a_signature() -> None:
    payload = statement_of(predicateType=SIGNED, predicate={})
    found = judged(keyless_attestation(payload, DSSE1), ACME.entry())
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.SIGNATURE)


def test_the_envelope_reaches_the_reader_as_it_lay_in_the_layer() -> None:
    content = keyless_attestation(statement_of(), DSSE1)
    held = read_container(content, Limits())
    assert json.loads(held.payload)["payloadType"] == "application/vnd.in-toto+json"
