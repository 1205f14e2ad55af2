"""The record of a verification: how it is refused."""

from __future__ import annotations

import json

from core.model import Outcome, Role
from tests.verification.specimens import envelope, evidence, key_entry, private_key, setting
from verification.trail import Trail
from verification.verifier import verify


def test_refusal_always_says_what_was_expected_and_found() -> None:
    refusal = Trail("x", Role.SIGNATURE).refuse("step", "MALFORMED", "why", expected="", found="")
    assert refusal.outcome is Outcome.INVALID
    assert (refusal.expected, refusal.found) == ("nothing", "nothing")


def test_empty_text_in_the_evidence_is_told_as_such() -> None:
    document = envelope({}, private_key("p256"), payload_type="")
    refusal = verify(
        evidence(json.dumps(document).encode()), setting(key_entry(private_key("p256")))
    )
    assert (refusal.reason, refusal.found) == ("PAYLOAD_TYPE", "nothing")
