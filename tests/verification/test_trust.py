"""What the Trust page is told of each kind of entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import MalformedError
from core.limits import Limits
from core.model import TrustEntry, TrustKind, digest_of
from tests.verification.openpgp_material import material
from tests.verification.specimens import (
    AUTHORITY,
    CONTENT,
    DAY,
    NOW,
    authority_entry,
    certificate,
    evidence,
    key_entry,
    private_key,
    public_pem,
    setting,
    sign,
)
from verification.trust import describe
from verification.verifier import verify

KEY = private_key("p256")
LIMITS = Limits()


def test_key_is_described_by_what_verifications_record() -> None:
    entry = key_entry(KEY, since=NOW - DAY, until=NOW + DAY)
    (credential,) = describe(entry, LIMITS)
    verification = verify(evidence(sign(KEY, CONTENT)), setting(entry))
    assert verification.anchors == (credential.fingerprint,)
    assert (credential.kind, credential.identity) == (TrustKind.KEY, "release")
    assert (credential.algorithm, credential.is_revoked) == ("ECDSA-P256", False)
    assert (credential.valid_from, credential.valid_until) == (NOW - DAY, NOW + DAY)
    assert credential.digest == digest_of(public_pem(KEY))


def test_each_authority_is_described_within_the_window_of_its_entry() -> None:
    first = certificate("one", "one", KEY, KEY, AUTHORITY)
    second = certificate("two", "two", KEY, KEY, AUTHORITY, until=NOW + timedelta(hours=1))
    entry = authority_entry(first, second, until=NOW + timedelta(hours=2))
    credentials = describe(entry, LIMITS)
    assert [each.identity for each in credentials] == ["CN=one", "CN=two"]
    assert [each.valid_until for each in credentials] == [
        NOW + timedelta(hours=2),
        NOW + timedelta(hours=1),
    ]


@pytest.mark.parametrize("kind", TrustKind)
def test_what_cannot_be_read_is_malformed(kind: TrustKind) -> None:
    with pytest.raises(MalformedError):
        describe(TrustEntry("torn", kind, b"\x00torn", "test"), LIMITS)


def test_keyring_is_described_by_primary_keys() -> None:
    content = material().keyring("ed", "comp", "late")
    described = describe(TrustEntry("ring", TrustKind.KEYRING, content, "test"), LIMITS)
    assert [each.is_revoked for each in described] == [False, True, False]
    assert [each.valid_until is not None for each in described] == [False, False, True]
    assert all(len(each.fingerprint) == 40 for each in described)
    assert "ed@acme.test" in described[0].identity
    assert described[0].algorithm == "Ed25519"


def test_keyring_shows_only_what_may_vouch_within_its_window() -> None:
    content = material().keyring("ed", "rsa")
    ring = TrustEntry("ring", TrustKind.KEYRING, content, "test", valid_until=NOW)
    first, second = describe(ring, LIMITS)
    assert (first.valid_until, second.valid_until) == (NOW, NOW)
    assert describe(replace(ring, only=(second.fingerprint,)), LIMITS) == (second,)
