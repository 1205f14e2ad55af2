"""What the Trust page is told of each kind of entry."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import MalformedError
from core.limits import Limits
from core.model import Outcome, TrustEntry, TrustKind
from tests.verification.keys.registry_specimens import keys_entry, registry_key
from tests.verification.openpgp.openpgp_material import material
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
    setting,
    sign,
)
from verification.minisign import read_key
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


def test_a_file_of_many_is_not_read_whole_again_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [key_entry(KEY), keys_entry(registry_key()), TrustEntry(
        "ring", TrustKind.KEYRING, material().keyring("ed", "rsa"), "ring"
    )]  # fmt: skip
    monkeypatch.setattr("verification.trust.digest_of", lambda _: pytest.fail("hashed as a whole"))
    assert [len(describe(each, LIMITS)) for each in lists] == [1, 1, 2]


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


ONE, TWO = (certificate(name, name, KEY, KEY, AUTHORITY) for name in ("one", "two"))
_RAW = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
MINISIGN = TrustEntry(
    "minisign",
    TrustKind.MINISIGN,
    base64.b64encode(b"Ed\x01\x02\x03\x04\x05\x06\x07\x08" + _RAW),
    "x",
)
ENTRIES = {
    "authorities": authority_entry(ONE, TWO),
    "key": key_entry(KEY),
    "minisign": MINISIGN,
    "registry keys": keys_entry(registry_key(), registry_key(private_key("p256", "2"), "other")),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_attack_02_entry_holds_nothing_but_what_only_names(entry: TrustEntry) -> None:
    first, *others = describe(entry, LIMITS)
    assert describe(replace(entry, only=(first.fingerprint,)), LIMITS) == (first,)
    colons = ":".join(first.fingerprint.removeprefix("sha256:").upper()[at : at + 2]
                      for at in range(0, 64, 2))  # fmt: skip
    assert describe(replace(entry, only=(colons, "0" * 64)), LIMITS) == (first,)
    every = tuple(each.fingerprint for each in (first, *others))
    assert describe(replace(entry, only=every), LIMITS) == (first, *others)
    with pytest.raises(MalformedError, match="`only` names nothing"):
        describe(replace(entry, only=("sha256:" + "0" * 64,)), LIMITS)


def test_only_names_keys_by_their_ids_too() -> None:
    shown = "807060504030201"
    assert read_key(replace(MINISIGN, only=(shown,))) == read_key(MINISIGN)
    listed = describe(replace(ENTRIES["registry keys"], only=("other",)), LIMITS)
    assert [each.fingerprint for each in listed] == [
        describe(ENTRIES["registry keys"], LIMITS)[1].fingerprint
    ]


def test_root_cannot_be_narrowed() -> None:
    entry = TrustEntry("root", TrustKind.ROOT, json.dumps({}).encode(), "x", ("ABCD",))
    with pytest.raises(MalformedError, match="`only` cannot narrow a trusted root"):
        describe(entry, LIMITS)


def test_attack_02_what_only_leaves_out_verifies_nothing() -> None:
    signature = evidence(sign(KEY, CONTENT))
    other = replace(key_entry(KEY), only=("sha256:" + "0" * 64,))
    refused = verify(signature, setting(other))
    assert (refused.outcome, refused.reason) == (Outcome.UNVERIFIABLE, "KEYRING_UNUSABLE")
    named = replace(key_entry(KEY), only=(describe(key_entry(KEY), LIMITS)[0].fingerprint,))
    assert verify(signature, setting(named)).outcome is Outcome.VERIFIED
