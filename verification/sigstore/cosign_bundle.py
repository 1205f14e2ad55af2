"""A Sigstore bundle put together from what cosign leaves in a registry beside a signature.

Before there were bundles, cosign kept certificate, chain, log entry and timestamp in annotations of
the layer that holds the signed payload. Here they become a bundle of version 0.1, which asks of
them what was asked then: the log's signed promise, no proof of inclusion. Nothing is believed here:
annotations are the word of whoever could write to the registry.

Reference: cosign, SIGNATURE_SPEC.md; protobuf-specs, sigstore_bundle.proto (version 0.1).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from cryptography.hazmat.primitives.serialization import Encoding

from core import wire
from core.cosign_container import BUNDLE_ANNOTATION, CERTIFICATE_ANNOTATION, CHAIN_ANNOTATION
from core.errors import MalformedError
from core.limits import Limits
from verification.sigstore.bundle import Bundle, bundle_of
from verification.x509.certificates import read_certificates

ENVELOPE = "application/vnd.dsse.envelope.v1+json"
TIMESTAMP_ANNOTATION = "dev.sigstore.cosign/rfc3161timestamp"
_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle+json;version=0.1"
_ENTRY_FIELDS = frozenset({"SignedEntryTimestamp", "Payload"})
_PAYLOAD_FIELDS = frozenset({"body", "integratedTime", "logIndex", "logID"})


def names_certificate(annotations: Mapping[str, str]) -> bool:
    """Say whether a certificate came along."""
    return bool(annotations.get(CERTIFICATE_ANNOTATION))


def signature_bundle(annotations: Mapping[str, str], signature: bytes, limits: Limits) -> Bundle:
    """Return the bundle of a signature; raise MalformedError.

    Nothing beside it says over which hash it is: the log entry does, or the key that holds.
    """
    content = {"signature": _base64(signature)}
    return _bundle(annotations, {"messageSignature": content}, limits)


def attestation_bundle(annotations: Mapping[str, str], envelope: bytes, limits: Limits) -> Bundle:
    """Return the bundle of an attestation, whose layer is a DSSE envelope; raise MalformedError.

    Of an attestation cosign has all of the envelope stamped, as it lies in the layer.
    """
    document = wire.as_mapping(wire.read_json(envelope, limits=limits), "the envelope")
    bundle = _bundle(annotations, {"dsseEnvelope": document}, limits)
    return replace(bundle, whole=envelope)


def _bundle(annotations: Mapping[str, str], content: dict[str, object], limits: Limits) -> Bundle:
    material: dict[str, object] = {
        "x509CertificateChain": {"certificates": _certificates(annotations)}
    }
    entry = annotations.get(BUNDLE_ANNOTATION)
    if entry:
        material["tlogEntries"] = [_entry(entry.encode(), limits)]
    timestamp = annotations.get(TIMESTAMP_ANNOTATION)
    if timestamp:
        held = wire.as_mapping(wire.read_json(timestamp.encode(), limits=limits), "the timestamp")
        token = {"signedTimestamp": wire.text(held, "SignedRFC3161Timestamp")}
        material["timestampVerificationData"] = {"rfc3161Timestamps": [token]}
    document = {"mediaType": _MEDIA_TYPE, "verificationMaterial": material, **content}
    return bundle_of(document, limits)


def _certificates(annotations: Mapping[str, str]) -> list[dict[str, str]]:
    leaf = read_certificates(annotations.get(CERTIFICATE_ANNOTATION, "").encode())
    if len(leaf) != 1:
        raise MalformedError(f"{len(leaf)} certificates where that of the signer belongs")
    chain = annotations.get(CHAIN_ANNOTATION, "")
    above = read_certificates(chain.encode()) if chain.strip() else ()
    encoded = [each.public_bytes(Encoding.DER) for each in (*leaf, *above)]
    return [{"rawBytes": _base64(each)} for each in dict.fromkeys(encoded)]


def _entry(content: bytes, limits: Limits) -> dict[str, object]:
    """Return the log entry of an annotation as a bundle spells it."""
    document = wire.as_mapping(wire.read_json(content, limits=limits), "the log entry")
    payload = wire.mapping(document, "Payload")
    foreign = (document.keys() - _ENTRY_FIELDS) | (payload.keys() - _PAYLOAD_FIELDS)
    if foreign:
        raise MalformedError(f"the log entry has an unknown field {min(foreign)[:80]!r}")
    body = wire.text(payload, "body")
    recorded = wire.as_mapping(
        wire.read_json(wire.decode_base64(body, what="the log entry"), limits=limits),
        "the log entry",
    )
    kind = {"kind": wire.text(recorded, "kind"), "version": wire.text(recorded, "apiVersion")}
    return {
        "logIndex": str(wire.integer(payload, "logIndex")),
        "logId": {"keyId": _base64(_hex(wire.text(payload, "logID")))},
        "kindVersion": kind,
        "integratedTime": str(wire.integer(payload, "integratedTime")),
        "inclusionPromise": {"signedEntryTimestamp": wire.text(document, "SignedEntryTimestamp")},
        "canonicalizedBody": body,
    }


def _hex(text: str) -> bytes:
    try:
        read = bytes.fromhex(text)
    except ValueError:
        raise MalformedError("the log's id is not written in hexadecimal") from None
    if read.hex() != text:
        raise MalformedError("the log's id is not written in lower-case hexadecimal")
    return read


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
