"""What a Python index and an npm registry of our own serve: attestations signed in our Sigstore."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from core.model import MemoryContent, Subject, digest_of
from tests.verification.keys.registry_specimens import KEY_ID
from tests.verification.predicates.predicate_specimens import SLSA_1
from tests.verification.sigstore.sigstore_world import ACME, DSSE1, INTOTO2, Making, World
from tests.verification.specimens import CONTENT

NAME = "acme_app-1.0.tar.gz"
PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
SLSA = "https://slsa.dev/provenance/v1"
NPM_PUBLISH = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1"
GITHUB = "https://token.actions.githubusercontent.com"
REPOSITORY = "https://github.com/acme/app"
WORKFLOW = f"{REPOSITORY}/.github/workflows/release.yml@refs/tags/v1"
BUILD = {
    1: GITHUB,
    8: GITHUB,
    9: WORKFLOW,
    11: "github-hosted",
    12: REPOSITORY,
    13: "a" * 40,
    14: "refs/tags/v1",
    18: WORKFLOW,
}
MAKING = replace(DSSE1, identity=WORKFLOW, claims=tuple(BUILD.items()), promised=True)
PUBLISHER = {
    "kind": "GitHub",
    "repository": "acme/app",
    "workflow": "release.yml",
    "environment": None,
}
PURL = "pkg:npm/%40acme/app@1.0.0"
Document = dict[str, Any]


def file(content: bytes = CONTENT, name: str = NAME) -> Subject:
    return Subject(name, (digest_of(content),), MemoryContent(content))


def statement(**fields: Any) -> Document:
    made: Document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": NAME, "digest": {"sha256": digest_of(CONTENT).value}}],
        "predicateType": PUBLISH,
        "predicate": None,
    }
    return made | fields


def attestation(
    stated: Document | None = None, making: Making = MAKING, world: World = ACME
) -> Document:
    """Return a PEP 740 attestation: the bundle of our Sigstore, taken apart."""
    payload = json.dumps(statement() if stated is None else stated).encode()
    bundle = world.statement(payload, making)
    material, envelope = bundle["verificationMaterial"], bundle["dsseEnvelope"]
    parts = {
        "certificate": material["certificate"]["rawBytes"],
        "transparency_entries": material["tlogEntries"],
    }
    if making.stamped_at:
        stamps = material["timestampVerificationData"]["rfc3161Timestamps"]
        parts["timestamps"] = [each["signedTimestamp"] for each in stamps]
    return {
        "version": 1,
        "verification_material": parts,
        "envelope": {
            "statement": envelope["payload"],
            "signature": envelope["signatures"][0]["sig"],
        },
    }


def provenance(*attestations: Document, publisher: Document | None = None) -> Document:
    named = PUBLISHER if publisher is None else publisher
    bundles = [{"publisher": named, "attestations": list(attestations)}]
    return {"version": 1, "attestation_bundles": bundles}


REGISTRY = Making(kind="intoto", kind_version="0.0.2", keyed=True, name="registry")
NPM_BUILD = replace(INTOTO2, identity=WORKFLOW, claims=tuple(BUILD.items()))


def npm_statement(predicate_type: str, predicate: object) -> Document:
    digest = hashlib.sha512(CONTENT).hexdigest()
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": PURL, "digest": {"sha512": digest}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


PUBLISHED = {"name": "@acme/app", "version": "1.0.0", "registry": "https://registry.example"}


def npm_publish(making: Making = REGISTRY, key_id: str = KEY_ID, **fields: Any) -> Document:
    """Return the registry's own attestation, under the key `signer registry` of our world."""
    stated = npm_statement(NPM_PUBLISH, PUBLISHED) | fields
    bundle = ACME.statement(json.dumps(stated).encode(), making)
    if making.keyed:
        bundle["verificationMaterial"]["publicKey"] = {"hint": key_id}
    return {"predicateType": NPM_PUBLISH, "bundle": bundle}


def npm_provenance(making: Making = NPM_BUILD, world: World = ACME, **fields: Any) -> Document:
    stated = npm_statement(SLSA, SLSA_1) | fields
    return {"predicateType": SLSA, "bundle": world.statement(json.dumps(stated).encode(), making)}


def npm_document(*attestations: Document) -> Document:
    return {"attestations": list(attestations)}
