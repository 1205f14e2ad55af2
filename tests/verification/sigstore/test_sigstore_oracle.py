"""sigstore-python as the oracle: what we verify, it verifies, wherever it can judge at all.

It reads no keyed bundles, no `intoto` entries, no bundles without a log and no RSA or Ed25519
leaves, so those are not asked. Where it refuses what we verify, the section that is right is cited.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ExtensionNotFound
from sigstore.errors import Error

from core.model import Outcome, TrustEntry, TrustKind
from tests.oracles.keyless import accepts_bundle
from tests.verification import specimens
from tests.verification.sigstore.sigstore_world import (
    ACME,
    CONTENT,
    DSSE1,
    DSSE2,
    REKOR2,
    SIGNED_AT,
    V1,
    V2,
    Case,
    Document,
    Making,
    World,
    message_case,
    statement_case,
)
from tests.verification.sigstore.test_sigstore_mutation import flips, holder, leaves
from verification.verifier import verify

MAKINGS: dict[str, Callable[[], Case]] = {
    "message": message_case,
    "message 0.1": lambda: message_case(Making(media_type=V1)),
    "message 0.2": lambda: message_case(Making(media_type=V2)),
    "message with timestamp": lambda: message_case(Making(stamped_at=(SIGNED_AT,))),
    "envelope": statement_case,
    "Rekor v2": lambda: message_case(REKOR2),
    "Rekor v2, P-256 envelope as hashedrekord": lambda: statement_case(REKOR2),
}
# We verify, it refuses:
# - a timestamp answer of the state 1, granted with modifications (RFC 3161 section 2.4.2);
# - a bundle of version 0.1 without an inclusion proof, or with one that has no checkpoint: only the
#   promise is required there (sigstore_bundle.proto; so were the bundles of npm's first year);
# - a time that is the very end of a window: a TimeRange is closed (sigstore_common.proto);
# - a proof of Rekor's second version without index, root or size: the entry and the checkpoint say
#   them, and those are the ones that count (rekor-tiles, CLIENTS.md).


def accepts(content: bytes, root: bytes, artifact: bytes) -> bool:
    try:
        return accepts_bundle(content, root, artifact)
    except (Error, ExtensionNotFound, ValueError, TypeError, KeyError, AttributeError):
        return False


def ours(case: Case, document: Document | None = None) -> bool:
    evidence = case.evidence
    if document is not None:
        evidence = replace(evidence, content=json.dumps(document).encode())
    return verify(evidence, case.setting).outcome is Outcome.VERIFIED


def theirs(case: Case, document: Document | None = None) -> bool:
    content = json.dumps(document if document is not None else case.document).encode()
    return accepts(content, case.entries[0].content, CONTENT)


@pytest.mark.parametrize("name", MAKINGS)
def test_both_verify_a_good_bundle(name: str) -> None:
    case = MAKINGS[name]()
    assert ours(case)
    assert theirs(case)


@pytest.mark.parametrize("name", MAKINGS)
def test_what_we_verify_of_thousands_of_mutants_it_verifies_too(name: str) -> None:
    """Every seventh character of every field changed, and every field left out."""
    case = MAKINGS[name]()
    asked = 0
    for document in _mutants(case.document):
        asked += 1
        if ours(case, document) and not theirs(case, document):
            assert _cited(document), document
    assert asked > 500


def _cited(document: Document) -> bool:
    """Say whether a section makes us right where the oracle refuses."""
    material: Any = document["verificationMaterial"]
    stamps: Any = material.get("timestampVerificationData") or {}
    tokens = [base64.b64decode(x["signedTimestamp"]) for x in stamps.get("rfc3161Timestamps", [])]
    if any(token[4:9] == b"\x30\x03\x02\x01\x01" for token in tokens):
        return True
    entry: Any = material["tlogEntries"][0]
    proof: Any = entry.get("inclusionProof") or {}
    if "integratedTime" not in entry and not {"logIndex", "rootHash", "treeSize"} <= proof.keys():
        return True
    return document["mediaType"] == V1 and not proof.get("checkpoint")


def _mutants(document: Document) -> Iterator[Document]:
    for path, text in leaves(document):
        for number, mutant in enumerate(flips(text)):
            if number % 7 == 0:
                made = copy.deepcopy(document)
                parent, key = holder(made, path)
                parent[key] = mutant
                yield made
    whole = [path for path, _ in leaves(document)]
    for path in {each[:end] for each in whole for end in range(1, len(each) + 1)}:
        made = copy.deepcopy(document)
        parent, key = holder(made, path)
        del parent[key]
        yield made


def test_dsse_of_the_second_version_is_ours_alone() -> None:
    """It reads hashedrekord entries for envelopes there; rekor-tiles' dsse.proto is the other."""
    case = statement_case(DSSE2)
    assert ours(case)
    assert not theirs(case)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: replace(message_case(), entries=(World("other").entry(),)),
        lambda: message_case(Making(transparent=False)),
        lambda: message_case(Making(extensions=())),
        lambda: message_case(Making(logged_at=SIGNED_AT.replace(year=2025))),
        lambda: message_case(replace(REKOR2, stamped_at=())),
        lambda: statement_case(replace(DSSE1, promised=False)),
    ],
)
def test_what_it_refuses_for_a_rule_we_refuse_too(spoil: Any) -> None:
    case = spoil()
    assert not theirs(case)
    assert not ours(case)


def test_root_without_certificate_logs_demands_no_promise_of_us_alone() -> None:
    """A private instance need not run one (trusted root: ctlogs is a list that may be empty)."""
    case = replace(message_case(), entries=(ACME.entry(ACME.root(ctlogs=[])),))
    assert ours(case)
    assert not theirs(case)


def _cases(vectors: Path, collection: str) -> Iterator[tuple[str, bytes, bytes, bytes]]:
    folder = vectors / collection
    for case in json.loads((folder / "cases.json").read_text()):
        if case["format"] == "sigstore-bundle" and case["artifact"] and case["trusted_root"]:
            parts = (case["evidence"], case["trusted_root"], case["artifact"])
            content, root, artifact = ((folder / part).read_bytes() for part in parts)
            yield case["name"], content, root, artifact


KINDS_NOT_READ = (b'"intoto"', b'"publicKey": {', b'"publicKey":{')
CLOSED_WINDOWS = {
    "trust-root-tsa-validity-end-inclusive": "sigstore_common.proto: TimeRange is closed",
}


@pytest.mark.parametrize("collection", ["sigstore-conformance", "slsa-verifier", "pep740"])
def test_they_agree_on_the_shared_vectors(vectors: Path, collection: str) -> None:
    """What we verify it verifies, and what it verifies we verify, of all it can judge."""
    judged = 0
    for name, content, root, artifact in _cases(vectors, collection):
        if any(mark in content for mark in KINDS_NOT_READ):
            continue
        entry = TrustEntry("root", TrustKind.ROOT, root, "test")
        evidence = specimens.evidence(content, specimens.artifact(artifact))
        accepted = verify(evidence, specimens.setting(entry)).outcome is Outcome.VERIFIED
        judged += 1
        if name in CLOSED_WINDOWS:
            assert accepted
        elif name != "bundle-with-root-cert_fail":  # it reads the first certificate alone
            assert accepted == accepts(content, root, artifact), name
    assert judged
