"""Cosign's older spellings of our own Sigstore's bundles: parts beside a blob, and annotations."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography import x509

from core.cosign_container import (
    BUNDLE_ANNOTATION,
    CERTIFICATE_ANNOTATION,
    SIGNATURE_ANNOTATION,
    SIMPLE_SIGNING,
    container,
)
from core.model import Digest
from tests.verification.sigstore.sigstore_world import ACME, SIGNED_AT, Making, World
from tests.verification.specimens import pem
from verification.sigstore.cosign_bundle import TIMESTAMP_ANNOTATION

ENVELOPE = "application/vnd.dsse.envelope.v1+json"
MAKING = Making()


def simple_signing(digest: Digest | str, **critical: object) -> bytes:
    """Return the payload of an image signature."""
    document = {
        "critical": {
            "identity": {"docker-reference": "registry.acme.example/app"},
            "image": {"docker-manifest-digest": str(digest)},
            "type": "cosign container image signature",
        }
        | critical,
        "optional": {"creator": "ci", "timestamp": 1657296609},
    }
    return json.dumps(document).encode()


def leaf_pem(bundle: dict[str, Any]) -> str:
    encoded = bundle["verificationMaterial"]["certificate"]["rawBytes"]
    return pem(x509.load_der_x509_certificate(base64.b64decode(encoded))).decode()


def rekor_bundle(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return the log entry in the spelling of cosign before its version 3."""
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    return {
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        },
    }


def keyless_blob(content: bytes, making: Making = MAKING, world: World = ACME) -> dict[str, Any]:
    bundle = world.message(content, making)
    return {
        "base64Signature": bundle["messageSignature"]["signature"],
        "cert": base64.b64encode(leaf_pem(bundle).encode()).decode(),
        "rekorBundle": rekor_bundle(bundle),
    }


def keyless_image(digest: Digest, making: Making = MAKING, world: World = ACME) -> bytes:
    """Return an image signature with certificate and log entry in its annotations."""
    payload = simple_signing(digest)
    bundle = world.message(payload, making)
    annotations = {
        SIGNATURE_ANNOTATION: bundle["messageSignature"]["signature"],
        CERTIFICATE_ANNOTATION: leaf_pem(bundle),
        BUNDLE_ANNOTATION: json.dumps(rekor_bundle(bundle)),
    }
    return container(SIMPLE_SIGNING, payload, annotations)


def keyless_attestation(payload: bytes, making: Making, world: World = ACME) -> bytes:
    """Return an attestation of an image with certificate and log entry in its annotations."""
    bundle = world.statement(payload, making)
    annotations = {
        CERTIFICATE_ANNOTATION: leaf_pem(bundle),
        BUNDLE_ANNOTATION: json.dumps(rekor_bundle(bundle)),
    }
    return container(ENVELOPE, envelope_of(bundle), annotations)


def stamped_attestation(
    payload: bytes, making: Making, stamped: Callable[[bytes], bytes], world: World = ACME
) -> bytes:
    """Return an attestation without a log, and a timestamp over what `stamped` says."""
    bundle = world.statement(payload, making)
    envelope = envelope_of(bundle)
    token = base64.b64encode(world.token(stamped(envelope), SIGNED_AT)).decode()
    annotations = {
        CERTIFICATE_ANNOTATION: leaf_pem(bundle),
        TIMESTAMP_ANNOTATION: json.dumps({"SignedRFC3161Timestamp": token}),
    }
    return container(ENVELOPE, envelope, annotations)


def attested_blob(payload: bytes, making: Making, world: World = ACME) -> dict[str, Any]:
    """Return what `attest-blob --bundle` wrote: the envelope where a signature stands else."""
    bundle = world.statement(payload, making)
    return {
        "base64Signature": base64.b64encode(envelope_of(bundle)).decode(),
        "cert": base64.b64encode(leaf_pem(bundle).encode()).decode(),
        "rekorBundle": rekor_bundle(bundle),
    }


def envelope_of(bundle: dict[str, Any]) -> bytes:
    return json.dumps(bundle["dsseEnvelope"]).encode()
