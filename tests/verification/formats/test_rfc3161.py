"""The timestamp of an artifact, as a format."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.limits import Limits
from core.model import (
    Outcome,
    Role,
    SignerKind,
    Subject,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.cms.timestamp_specimens import (
    MADE_AT,
    STAMPER,
    refusal,
    response,
    stamper,
    token,
)
from tests.verification.sigstore.sigstore_world import ACME
from tests.verification.specimens import (
    CONTENT,
    NOW,
    authority_entry,
    evidence,
    flipped,
    key_entry,
    private_key,
    setting,
)
from tests.verification.x509.x509_material import tlv
from verification.verifier import IdentityDemand, demand_identity, verify

TRUSTED = authority_entry(STAMPER.root)


def judged(content: bytes, *entries: TrustEntry, **given: Any) -> Verification:
    subject = given.pop("subject", None)
    return verify(evidence(content, subject), setting(*(entries or (TRUSTED,)), **given))


def stamped(**given: Any) -> bytes:
    return response(token(signed=CONTENT, **given))


def test_artifact_is_stamped() -> None:
    found = judged(stamped())
    assert (found.outcome, found.format, found.role) == (
        Outcome.VERIFIED, "rfc3161", Role.TIMESTAMP,
    )  # fmt: skip
    assert found.signer is not None
    assert found.signer.kind is SignerKind.CERTIFICATE
    assert found.signer.identity == "CN=stamper\\ "
    assert (found.signed_at, found.signed_before) == (MADE_AT, MADE_AT + timedelta(seconds=1))
    assert found.signed_after is None
    assert (found.time_source, found.time_trusted) == ("rfc3161", True)
    assert found.claims["timestamp_imprint"] == str(digest_of(CONTENT))
    assert found.due_at is None
    assert found.anchors


def test_bare_token_is_read_too() -> None:
    assert judged(token(signed=CONTENT)).outcome is Outcome.VERIFIED


@pytest.mark.parametrize(
    ("told", "is_read"),
    [
        (b"\x02\x01\x00", True),
        (b"\x02\x01\x00\x30\x04\x0c\x02ok", True),
        (b"\x02\x01\x00\x30\x04\x0c\x02ok\x03\x02\x05\x20", True),
        (b"\x02\x01\x00\x02\x01\x00", False),
        (b"\x02\x01\x00\x03\x02\x05\x20\x30\x04\x0c\x02ok", False),
        (b"\x02\x01\x00\x0c\x02ok", False),
    ],
    ids=["state", "text", "text and cause", "state twice", "out of order", "bare text"],
)
def test_state_of_the_answer_is_read_to_its_end(told: bytes, *, is_read: bool) -> None:
    """RFC 3161 section 2.4.2; openssl ts refuses the last three, too."""
    answer = tlv(0x30, tlv(0x30, told), token(signed=CONTENT))
    assert judged(answer).reason == ("" if is_read else "MALFORMED")


def test_digest_of_the_artifact_is_enough_where_it_is_the_right_one() -> None:
    known = Subject("app", (digest_of(CONTENT),))
    assert judged(stamped(), subject=known).outcome is Outcome.VERIFIED
    assert judged(stamped(imprint="sha512"), subject=known).reason == "CONTENT_NEEDED"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (response(token(signed=b"other")), "DIGEST_MISMATCH"),
        (stamped(message_digest=b"\x01" * 32), "TIMESTAMP_INVALID"),
        (stamped(imprint="sha1"), "ALGORITHM_WEAK"),
        (response(token(stamper(name="foreign"), signed=CONTENT)), "CERT_UNTRUSTED"),
        (refusal(), "TIMESTAMP_INVALID"),
        (stamped()[:-1], "MALFORMED"),
        (stamped() + b"\x00", "MALFORMED"),
    ],
    ids=["other bytes", "other content", "weak", "stranger", "refused", "cut", "continued"],
)
def test_refusals_have_their_reason(content: bytes, reason: str) -> None:
    found = judged(content)
    assert (found.format, found.reason) == ("rfc3161", reason)
    assert found.expected
    assert found.found


def test_time_that_has_not_come_is_refused_until_it_comes() -> None:
    found = judged(stamped(made_at=NOW + timedelta(hours=1)))
    assert found.reason == "TIME_IN_FUTURE"
    assert found.due_at == NOW + timedelta(hours=1) - timedelta(seconds=1)
    assert judged(stamped(made_at=NOW + timedelta(seconds=1))).outcome is Outcome.VERIFIED


def test_trust_is_demanded() -> None:
    assert judged(stamped(), key_entry(private_key("p256"))).reason == "TRUST_ROOT_MISSING"
    broken = TrustEntry("broken", TrustKind.AUTHORITY, b"nothing", "test")
    found = judged(stamped(), broken, TRUSTED)
    assert found.outcome is Outcome.VERIFIED
    assert "KEYRING_UNUSABLE" in {check.reason for check in found.checks}


def test_authority_that_a_trusted_root_names_counts_in_its_window() -> None:
    made = response(token(ACME.stamper, signed=CONTENT))
    assert judged(made).reason == "CERT_UNTRUSTED"
    found = judged(made, ACME.entry())
    assert found.outcome is Outcome.VERIFIED
    assert judged(made, ACME.entry(), TRUSTED).anchors == found.anchors
    stranger = judged(stamped(), ACME.entry())
    assert stranger.reason == "CERT_UNTRUSTED"
    bare = ACME.entry(ACME.root(timestampAuthorities=None))
    assert judged(made, bare).reason == "TRUST_ROOT_MISSING"


def test_identity_is_the_authority_s_subject() -> None:
    found = judged(stamped())
    same = IdentityDemand("CN=stamper\\ ")
    assert demand_identity(found, same).outcome is Outcome.VERIFIED
    assert demand_identity(found, IdentityDemand("CN=Spoofed TSA")).reason == "IDENTITY_MISMATCH"
    assert demand_identity(found, IdentityDemand()).reason == "IDENTITY_NOT_STATED"


def test_every_changed_byte_of_the_artifact_is_refused() -> None:
    content = stamped()
    assert judged(content).outcome is Outcome.VERIFIED
    for _, changed in flipped(CONTENT):
        other = Subject("app", (digest_of(changed),))
        assert judged(content, subject=other).reason == "DIGEST_MISMATCH"


def test_attack_16_evidence_beyond_the_limits_is_too_large() -> None:
    assert judged(b"\x30\x80" * 70).outcome is not Outcome.VERIFIED
    found = judged(stamped(), limits=Limits(evidence_bytes=1024, release_bytes=1024))
    assert found.outcome is Outcome.VERIFIED
    long = stamped(certificates=tuple(stamper(name=f"{each}").signer for each in range(4)))
    found = judged(long, limits=Limits(evidence_bytes=1024, release_bytes=1024))
    assert found.reason == "TOO_LARGE"
