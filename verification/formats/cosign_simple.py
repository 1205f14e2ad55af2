"""Cosign's signature of a container image: a small JSON payload that names the image's digest.

Keyed verification: the signature in an annotation must hold over the payload's bytes under a given
key, and the payload must name the digest that we resolved and hashed ourselves. All annotations
are the word of whoever could write to the registry: a certificate, chain or log entry among them
is never believed. Keyless signatures are not judged yet.
"""

from __future__ import annotations

from core import wire
from core.cosign_container import (
    BUNDLE_ANNOTATION,
    CERTIFICATE_ANNOTATION,
    MAGIC,
    SIGNATURE_ANNOTATION,
    SIMPLE_SIGNING,
    Container,
    read_container,
)
from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Evidence, Role, Subject, Verification
from verification.base64_lines import decode_base64_lines
from verification.format import Setting
from verification.keyed import (
    SIGNATURE_STEP,
    Standing,
    given_keys,
    refuse,
    signed_bytes,
    try_keys,
    verified,
)
from verification.trail import Trail

PAYLOAD_TYPE = "cosign container image signature"
_CRITICAL = {"identity", "image", "type"}
_REFERENCE = "containers/image signature formats; cosign SIGNATURE_SPEC"
_CLAIM_CHARACTERS = 1024


class CosignSimpleSigning:
    """One simple-signing payload with its signature."""

    name = "cosign-simple-signing"
    role = Role.SIGNATURE

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is the container that a cosign signature travels in."""
        return evidence.content.startswith(MAGIC)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check form, digest and signature, in this order: another digest is wrong in any case."""
        trail = Trail(self.name, self.role)
        # 1. The container.
        try:
            container = read_container(evidence.content, setting.limits)
        except MalformedError as error:
            return _refuse_malformed(trail, "container", error)
        if container.mime_type != SIMPLE_SIGNING:
            return trail.refuse(
                "media type",
                "FORMAT_UNSUPPORTED",
                "what the container holds is no cosign signature",
                expected=SIMPLE_SIGNING,
                found=container.mime_type[:_CLAIM_CHARACTERS],
            )
        trail.passed("container", reference=_REFERENCE)
        # 2. The payload, and the digest it names.
        try:
            payload = _Payload(container.payload, setting.limits)
        except MalformedError as error:
            return _refuse_malformed(trail, "payload", error)
        refusal = _refuse_payload(trail, payload, evidence.subject)
        return refusal or _judge(trail, container, payload, setting)


class _Payload:
    """The parts of a payload that are looked at; MalformedError where one is missing or foreign."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        document = wire.as_mapping(wire.read_json(content, limits=limits), "the payload")
        critical = wire.mapping(document, "critical")
        image = wire.mapping(critical, "image")
        # What is critical and unknown to us may change the meaning of the rest.
        foreign = (critical.keys() - _CRITICAL) | (image.keys() - {"docker-manifest-digest"})
        if foreign:
            raise MalformedError(f"the critical part has an unknown field {min(foreign)[:80]!r}")
        self.type = wire.text(critical, "type")
        self.digest = wire.text(image, "docker-manifest-digest")
        self.reference = wire.optional_text(wire.mapping(critical, "identity"), "docker-reference")
        self.optional = document.get("optional")

    def claims(self) -> dict[str, str]:
        """Return what the signer says beside the digest: never proof of anything."""
        stated = {"docker-reference": self.reference[:_CLAIM_CHARACTERS]}
        if isinstance(self.optional, dict):
            for key in ("creator", "timestamp"):
                value = self.optional.get(key)
                if isinstance(value, str | int) and not isinstance(value, bool):
                    stated[f"optional.{key}"] = str(value)[:_CLAIM_CHARACTERS]
        return stated


def _refuse_malformed(trail: Trail, step: str, error: MalformedError) -> Verification:
    reason = "TOO_LARGE" if isinstance(error, TooLargeError) else "MALFORMED"
    return trail.refuse(step, reason, str(error))


def _refuse_payload(trail: Trail, payload: _Payload, subject: Subject) -> Verification | None:
    if payload.type != PAYLOAD_TYPE:
        return trail.refuse(
            "payload type",
            "PAYLOAD_TYPE",
            "the payload is of another type than an image signature",
            expected=PAYLOAD_TYPE,
            found=payload.type[:_CLAIM_CHARACTERS],
        )
    trail.passed("payload type", PAYLOAD_TYPE)
    ours = subject.digest("sha256")
    if ours is None:
        return trail.refuse("subject", "CONTENT_NEEDED", "the image's sha256 digest is not at hand")
    if payload.digest != str(ours):
        return trail.refuse(
            "subject",
            "SUBJECT_MISMATCH",
            "the payload names another image",
            expected=str(ours),
            found=payload.digest[:_CLAIM_CHARACTERS],
        )
    trail.passed("subject", str(ours))
    return None


def _judge(trail: Trail, container: Container, payload: _Payload, setting: Setting) -> Verification:
    """Check the signature: 3. its form, 4. whom we trust, 5. the mathematics."""
    try:
        encoded = container.annotations.get(SIGNATURE_ANNOTATION)
        text = wire.as_text(encoded, f"annotation {SIGNATURE_ANNOTATION}")
        signature = decode_base64_lines(text.encode(), what="the signature")
    except MalformedError as error:
        return _refuse_malformed(trail, "signature annotation", error)
    keys = given_keys(setting.trust)
    if not setting.trust.entries:
        return trail.refuse("trust", "TRUST_ROOT_MISSING", "no public key was given")
    for broken in keys.broken:
        trail.noted("trust", f"a trust entry cannot be read: {broken}", reason="KEYRING_UNUSABLE")
    trial = try_keys(keys.keys, signature, signed_bytes(container.payload), setting)
    if trial.standing is Standing.VERIFIED:
        trail.passed(SIGNATURE_STEP, trial.scheme)
        if BUNDLE_ANNOTATION in container.annotations:
            trail.skipped("log entry", "a log entry came along; with a given key it is not checked")
        trail.claims |= payload.claims()
        return verified(trail, [trial])
    if CERTIFICATE_ANNOTATION in container.annotations and trial.standing is Standing.REFUSED:
        detail = "signed with a certificate (keyless or own authority), which is not judged yet"
        return trail.refuse(SIGNATURE_STEP, "FORMAT_UNSUPPORTED", detail)
    if keys.none_given:
        return trail.refuse("trust", "TRUST_ROOT_MISSING", "no public key was given")
    return refuse(trail, trial, keys, setting)
