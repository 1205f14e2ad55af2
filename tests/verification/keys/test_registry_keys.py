"""Lists of registry keys, in both of their forms."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import MalformedError
from core.limits import Limits
from core.model import Trust, TrustEntry, TrustKind
from tests.verification.keys.registry_specimens import (
    KEY_ID,
    keys_entry,
    registry_key,
    tuf_key,
)
from tests.verification.specimens import private_key
from verification.keys.registry_keys import (
    ATTESTATIONS,
    SIGNATURES,
    keys_for,
    keys_named,
    read_registry_keys,
)
from verification.trust import describe

OTHER = private_key("p256", "other registry")


def test_key_of_a_tuf_target_has_a_use_and_a_window() -> None:
    start, end = "2024-01-01T00:00:00.000Z", "2025-01-29T00:00:00.000Z"
    key = read_registry_keys(keys_entry(tuf_key(start=start, end=end))).keys[0]
    assert (key.key_id, key.usage) == (KEY_ID, SIGNATURES)
    assert key.key.valid_from == datetime(2024, 1, 1, tzinfo=UTC)
    assert key.key.valid_until == datetime(2025, 1, 29, tzinfo=UTC)


def test_key_of_a_registrys_answer_serves_every_use() -> None:
    entry = keys_entry(registry_key(expires="2025-01-29T00:00:00.000Z"), registry_key(OTHER, "x"))
    trust = Trust((entry,))
    for usage in (SIGNATURES, ATTESTATIONS):
        assert len(keys_for(trust, usage).keys) == 2
        assert len(keys_named(trust, KEY_ID, usage).keys) == 1
    first, second = read_registry_keys(entry).keys
    assert (first.key.valid_until is None, second.key.valid_until is None) == (False, True)


def test_keys_are_chosen_by_id_and_use() -> None:
    entry = keys_entry(tuf_key(), tuf_key(OTHER, "other"), tuf_key(usage=ATTESTATIONS))
    trust = Trust((entry,))
    assert len(keys_for(trust, SIGNATURES).keys) == 2
    assert len(keys_named(trust, KEY_ID, SIGNATURES).keys) == 1
    assert len(keys_named(trust, "other", ATTESTATIONS).keys) == 0
    assert keys_named(trust, "", SIGNATURES).none_given


def test_window_of_the_entry_narrows_that_of_the_list() -> None:
    until = datetime(2024, 6, 1, tzinfo=UTC)
    content = keys_entry(tuf_key(end="2025-01-29T00:00:00Z")).content
    entry = TrustEntry("registry", TrustKind.REGISTRY_KEYS, content, "test", valid_until=until)
    assert read_registry_keys(entry).keys[0].key.valid_until == until


def broken(**changed: Any) -> dict[str, Any]:
    return registry_key() | changed


BROKEN: dict[str, object] = {
    "no list": {},
    "empty list": {"keys": []},
    "no object": {"keys": ["x"]},
    "no id": {"keys": [{k: v for k, v in registry_key().items() if k != "keyid"}]},
    "no key": {"keys": [broken(key="")]},
    "other kind": {"keys": [broken(keytype="ssh-rsa")]},
    "other scheme": {"keys": [broken(scheme="rsa")]},
    "key of another kind": {"keys": [registry_key(private_key("p384"))]},
    "lenient base64": {"keys": [broken(key=broken()["key"] + "\n")]},
    "end is no time": {"keys": [broken(expires="soon")]},
    "too many": {"keys": [registry_key()] * 257},
}


@pytest.mark.parametrize("document", BROKEN.values(), ids=BROKEN.keys())
def test_lists_without_any_key_are_refused(document: object) -> None:
    entry = TrustEntry("r", TrustKind.REGISTRY_KEYS, json.dumps(document).encode(), "test")
    with pytest.raises(MalformedError):
        read_registry_keys(entry)
    with pytest.raises(MalformedError):
        describe(entry, Limits())
    assert keys_for(Trust((entry,)), SIGNATURES).broken


def test_broken_key_takes_no_other_with_it() -> None:
    entry = keys_entry(broken(keytype="new"), registry_key())
    read = read_registry_keys(entry)
    assert (len(read.keys), len(read.broken)) == (1, 1)
    trust = Trust((entry,))
    assert not keys_named(trust, KEY_ID, SIGNATURES).broken
    assert keys_named(trust, "other", SIGNATURES).broken


def test_describer_shows_each_use_with_its_window() -> None:
    entry = keys_entry(tuf_key(end="2025-01-29T00:00:00Z"), tuf_key(usage=ATTESTATIONS))
    first, second = describe(entry, Limits())
    assert first.identity == f"{KEY_ID} ({SIGNATURES})"
    assert second.identity == f"{KEY_ID} ({ATTESTATIONS})"
    assert (first.fingerprint, first.algorithm) == (second.fingerprint, "ECDSA-P256")
    assert (first.valid_until is None, second.valid_until is None) == (False, True)


def test_the_published_list_is_read(vectors: Path) -> None:
    content = (vectors / "trust-roots" / "npm-keys.json").read_bytes()
    entry = TrustEntry("npm", TrustKind.REGISTRY_KEYS, content, "test")
    assert len(read_registry_keys(entry).keys) == 4
    assert len(describe(entry, Limits())) == 4
