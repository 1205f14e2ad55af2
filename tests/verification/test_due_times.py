"""What time alone will change says from when on: then it is looked at anew.

Each case is refused a moment before its `due_at`, and verifies from that instant on; or it
verifies, and is refused from then on for the reason that was told before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.model import Evidence, MemoryContent, Outcome, Subject, TrustEntry, digest_of
from tests.verification.keys.registry_specimens import keys_entry, release
from tests.verification.notation.notation_specimens import ROOT as NOTATION_ROOT
from tests.verification.notation.notation_specimens import SUBJECT, jws, leaf
from tests.verification.sigstore.sigstore_world import (
    ACME,
    KEYED,
    REKOR2,
    SIGNED_AT,
    Case,
    Making,
    b64,
    der,
    message_case,
)
from tests.verification.specimens import (
    CONTENT,
    DAY,
    NOW,
    artifact,
    authority_entry,
    evidence,
    key_entry,
    setting,
)
from tests.verification.ssh.ssh_material import MESSAGE, line, signature, signers
from tests.verification.x509.x509_material import (
    EMAIL,
    ROOT,
    TIMES,
    identity,
    signed_data,
    signer_info,
    timestamped,
)
from verification.verifier import verify

SECOND = timedelta(seconds=1)
Given = tuple[Evidence, tuple[TrustEntry, ...]]


def _bundle(case: Case) -> Given:
    return case.evidence, case.entries


def _certified() -> Given:
    making = Making(
        logged=False, transparent=False, life=2 * DAY, certified_at=NOW - DAY,
        stamped_at=(NOW, NOW + timedelta(hours=1)),
    )  # fmt: skip
    case = message_case(making)
    material = case.document["verificationMaterial"]
    chain = [material.pop("certificate"), {"rawBytes": b64(der(ACME.intermediate))}]
    material["x509CertificateChain"] = {"certificates": chain}
    stamping = ACME.stamper
    return case.evidence, (authority_entry(ACME.root_certificate, stamping.root, stamping.signer),)


def _stamped() -> Given:
    authority = identity("p256", TIMES, name="tsa", critical=True)
    made = timestamped(identity("p256", EMAIL), CONTENT, authority, NOW + timedelta(hours=2))
    return evidence(made, artifact()), (authority_entry(ROOT),)


def _early_certificate() -> Given:
    who = identity("p256", EMAIL, since=NOW + timedelta(hours=3))
    made = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    return evidence(made, artifact()), (authority_entry(ROOT),)


def _early_authority() -> Given:
    who = identity("p256", EMAIL)
    made = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    entry = replace(authority_entry(ROOT), valid_from=NOW + timedelta(hours=5))
    return evidence(made, artifact()), (entry,)


def _early_key() -> Given:
    who = identity("p256", EMAIL)
    made = signed_data((signer_info(who, CONTENT),), (who.certificate,), None)
    entry = replace(key_entry(who.key), valid_from=NOW + timedelta(hours=4))
    return evidence(made, artifact()), (entry,)


def _ssh() -> Given:
    subject = Subject("file", (digest_of(MESSAGE),), MemoryContent(MESSAGE))
    listed = signers(line("ed25519", 'valid-after="20261124Z"'))
    return evidence(signature("ed25519"), subject), (listed,)


def _published() -> Given:
    document = release(time="2026-11-24T00:00:00Z")
    return evidence(json.dumps(document).encode(), artifact()), (keys_entry(),)


LATER: dict[str, tuple[Callable[[], Given], datetime]] = {
    "bundle, log": (lambda: _bundle(message_case()), SIGNED_AT + 2 * SECOND),
    "bundle, timestamp": (lambda: _bundle(message_case(REKOR2)), SIGNED_AT + SECOND),
    "bundle by certificate, the last of two timestamps": (_certified, NOW + timedelta(hours=1)),
    "CMS, timestamp": (_stamped, NOW + timedelta(hours=2)),
    "CMS, certificate": (_early_certificate, NOW + timedelta(hours=3)),
    "CMS, window of the authority": (_early_authority, NOW + timedelta(hours=5)),
    "CMS, given key": (_early_key, NOW + timedelta(hours=4)),
    "SSH, window of the line": (_ssh, datetime(2026, 11, 24, tzinfo=UTC)),
    "npm, publication": (_published, datetime(2026, 11, 24, tzinfo=UTC)),
}


@pytest.mark.parametrize(("made", "at"), LATER.values(), ids=LATER)
def test_refusal_ends_when_it_is_due(made: Callable[[], Given], at: datetime) -> None:
    offered, entries = made()
    early = verify(offered, setting(*entries, now=at - SECOND))
    assert early.outcome is Outcome.UNTRUSTED
    assert early.due_at == at
    assert verify(offered, setting(*entries, now=at)).outcome is Outcome.VERIFIED


def test_entry_without_a_time_lasts_as_long_as_its_log() -> None:
    case = message_case(replace(KEYED, promised=False))
    root = json.loads(ACME.entry().content)
    for log in root["tlogs"]:
        log["publicKey"]["validFor"]["end"] = (NOW + DAY).isoformat()
    entry = replace(case.entries[0], content=json.dumps(root).encode())
    entries = (entry, *case.entries[1:])
    verification = verify(case.evidence, setting(*entries))
    assert verification.outcome is Outcome.VERIFIED
    end = NOW + DAY + timedelta.resolution
    assert (verification.due_at, verification.due_reason) == (end, "LOG_UNKNOWN")
    assert verify(case.evidence, setting(*entries, now=end)).reason == "LOG_UNKNOWN"


def test_entry_of_a_known_log_beside_an_authority_lasts_as_long_as_its_log() -> None:
    case = message_case(replace(REKOR2, life=timedelta(days=400), stamped_at=()))
    root = ACME.root(certificateAuthorities=[])
    for log in root["tlogs"]:
        log["publicKey"]["validFor"]["end"] = (NOW + DAY).isoformat()
    entries = (ACME.entry(root), authority_entry(ACME.intermediate, ACME.root_certificate))
    verification = verify(case.evidence, setting(*entries))
    assert verification.outcome is Outcome.VERIFIED
    end = NOW + DAY + timedelta.resolution
    assert (verification.due_at, verification.due_reason) == (end, "LOG_UNKNOWN")
    assert verify(case.evidence, setting(*entries, now=end)).outcome is not Outcome.VERIFIED


def test_notation_ends_with_a_certificate_that_came_along_beyond_the_anchor() -> None:
    signer = leaf(until=NOW + 60 * DAY)
    offered = evidence(jws(chain=(signer, NOTATION_ROOT)), SUBJECT)
    end = NOTATION_ROOT.not_valid_after_utc + SECOND
    verification = verify(offered, setting(authority_entry(signer)))
    assert verification.outcome is Outcome.VERIFIED
    assert (verification.due_at, verification.due_reason) == (end, "CERT_EXPIRED_AT_SIGNING")
    late = verify(offered, setting(authority_entry(signer), now=end))
    assert late.reason == "CERT_EXPIRED_AT_SIGNING"
