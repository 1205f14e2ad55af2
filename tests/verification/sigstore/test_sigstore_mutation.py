"""Nothing of a valid bundle can be changed: every character of every field, every part swapped.

What may change is listed, with the reason; a field that is listed and cannot change fails too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from core.model import Outcome
from tests.verification.sigstore.sigstore_world import (
    DSSE1,
    DSSE2,
    INTOTO2,
    KEYED,
    REKOR2,
    V1,
    Case,
    Document,
    Making,
    message_case,
    statement_case,
)
from verification.verifier import verify

Path = tuple[str | int, ...]
SMALL: dict[str, Any] = {
    "neighbours": 2,
    "place": 1,
    "claims": ((8, "https://i.example"),),
    "identity": "a@b.example",
}
MAKINGS = {
    "keyless v1 envelope": replace(DSSE1, **SMALL),
    "keyless v1 message": Making(**SMALL),
    "keyless v1 0.1": Making(media_type=V1, **SMALL),
    "Rekor v2 message": replace(REKOR2, **SMALL),
    "Rekor v2 envelope": replace(DSSE2, **SMALL),
    "keyed v1 message": replace(KEYED, **SMALL),
    "keyed v2 message": replace(REKOR2, keyed=True, **SMALL),
    "keyed intoto, no promise": replace(INTOTO2, keyed=True, promised=False, **SMALL),
}
MATERIAL = "verificationMaterial"
ENTRY: Path = (MATERIAL, "tlogEntries", 0)
# Fields that the specifications leave unauthenticated, with the specimens they may change in.
UNAUTHENTICATED: dict[Path, tuple[set[str], str]] = {
    (MATERIAL, "publicKey", "hint"): (
        {"keyed v1 message", "keyed v2 message", "keyed intoto, no promise"},
        "sigstore_common.proto: an unauthenticated hint; the keys given are tried all the same",
    ),
    (*ENTRY, "logIndex"): (
        {"keyed intoto, no promise"},
        "only the promise signs the index that counts over all shards; the proof has its own",
    ),
    (*ENTRY, "integratedTime"): (
        {"keyed intoto, no promise"},
        "only the promise signs the time; without one it is not looked at, and proves nothing",
    ),
    (MATERIAL, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"): (
        {"Rekor v2 message", "Rekor v2 envelope", "keyed v2 message"},
        "RFC 3161 2.4.2: the answer's state is around the token, and 1 grants it as 0 does",
    ),
    ("mediaType",): (
        {"keyless v1 0.1"},
        "0.1 read as 0.2: the bundle keeps the stricter rules of that version as well",
    ),
}


@cache
def specimen(name: str) -> Case:
    making = MAKINGS[name]
    return message_case(making) if making.kind == "hashedrekord" else statement_case(making)


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every text in a document with the way to it."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from leaves(each, (*path, number))
    else:
        assert isinstance(value, str), path
        yield path, value


def holder(document: Document, path: Path) -> tuple[Any, str | int]:
    """Return the object or list that holds the last step of a path, and that step."""
    found: Any = document
    for step in path[:-1]:
        found = found[step]
    return found, path[-1]


def flips(text: str) -> Iterator[str]:
    """Yield the text with one character changed for another of its kind, for every character."""
    for place, character in enumerate(text):
        if character.isdigit():
            other = str((int(character) + 1) % 10)
        elif character.isalpha():
            other = "B" if character == "A" else "A"
        else:
            other = "A"
        yield text[:place] + other + text[place + 1 :]


def accepts(case: Case, document: Document) -> bool:
    evidence = replace(case.evidence, content=json.dumps(document).encode())
    return verify(evidence, case.setting).outcome is Outcome.VERIFIED


@pytest.mark.parametrize("name", MAKINGS)
def test_no_character_of_any_field_may_change(name: str) -> None:
    case = specimen(name)
    assert accepts(case, case.document)
    accepted: set[Path] = set()
    fields = dict(leaves(case.document))
    tried = 0
    for path, text in fields.items():
        document = copy.deepcopy(case.document)
        parent, key = holder(document, path)
        for mutant in flips(text):
            parent[key] = mutant
            assert document != case.document
            tried += 1
            if accepts(case, document):
                accepted.add(path)
    assert tried == sum(map(len, fields.values()))
    assert accepted == {path for path, (names, _) in UNAUTHENTICATED.items() if name in names}


@pytest.mark.parametrize("name", MAKINGS)
def test_no_field_may_be_left_out(name: str) -> None:
    case = specimen(name)
    accepted: set[Path] = set()
    paths = {path[:end] for path, _ in leaves(case.document) for end in range(1, len(path) + 1)}
    for path in paths:
        document = copy.deepcopy(case.document)
        parent, key = holder(document, path)
        del parent[key]
        if accepts(case, document):
            accepted.add(path)
    may_go: set[Path] = set()
    if name.startswith("keyed"):
        may_go = {(MATERIAL, "publicKey", "hint")}
    if "keyed v1" in name:  # a key needs no time: without the promise the proof still holds
        may_go |= {(*ENTRY, "inclusionPromise")}
    if name == "keyed v2 message":  # nor a timestamp
        stamps: Path = (MATERIAL, "timestampVerificationData")
        may_go |= {stamps, (*stamps, "rfc3161Timestamps"), (*stamps, "rfc3161Timestamps", 0)}
    if name == "keyed intoto, no promise":
        may_go |= {(*ENTRY, "logIndex"), (*ENTRY, "integratedTime")}
    if name == "keyless v1 0.1":  # the proof is an addition there, and the checkpoint one to it
        proof: Path = (*ENTRY, "inclusionProof")
        may_go |= {proof, (*proof, "checkpoint")}
    if "v2" in name:  # what the entry and the checkpoint say, the proof need not repeat
        may_go |= {
            (*ENTRY, "inclusionProof", each) for each in ("logIndex", "rootHash", "treeSize")
        }
    if "message" in name or "0.1" in name:  # messageDigest is optional
        may_go |= {("messageSignature", "messageDigest")}
    assert accepted == may_go


PARTS: dict[str, Path] = {
    "log entry": ENTRY,
    "inclusion proof": (*ENTRY, "inclusionProof"),
    "promise": (*ENTRY, "inclusionPromise"),
    "body": (*ENTRY, "canonicalizedBody"),
    "certificate": (MATERIAL, "certificate"),
    "timestamps": (MATERIAL, "timestampVerificationData"),
    "message signature": ("messageSignature", "signature"),
    "envelope": ("dsseEnvelope",),
    "envelope signature": ("dsseEnvelope", "signatures"),
}


@pytest.mark.parametrize("name", [name for name in MAKINGS if "keyless" in name or "v2" in name])
@pytest.mark.parametrize("same_key", [False, True], ids=["another signer", "the same key"])
def test_no_part_may_come_from_another_valid_bundle(name: str, *, same_key: bool) -> None:
    """The other bundle is good by itself, about other content, by the same key or another."""
    case = specimen(name)
    making = MAKINGS[name]
    other_making = replace(making, name=making.name if same_key else "other", place=0)
    other = (
        statement_case(other_making, predicate={"other": "one"})
        if "dsseEnvelope" in case.document
        else message_case(other_making)
    )
    entries = (*other.entries, *case.entries)
    assert accepts(replace(other, entries=entries), other.document)
    swapped = 0
    for path in PARTS.values():
        document = copy.deepcopy(case.document)
        try:
            parent, key = holder(document, path)
            theirs, _ = holder(other.document, path)
            parent[key] = theirs[key]
        except (KeyError, IndexError):
            continue
        if document == case.document:
            continue
        swapped += 1
        assert not accepts(replace(case, entries=entries), document), path
    assert swapped >= 3
