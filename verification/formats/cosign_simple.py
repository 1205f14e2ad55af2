"""Cosign's signature of a container image: a small JSON payload that names the image's digest.

The signature in an annotation must hold over the payload's bytes, and the payload must name the
digest that we resolved and hashed ourselves. A given key that holds decides; otherwise certificate,
chain, log entry and timestamp among the annotations make a bundle, judged as any other is. All
annotations are the word of whoever could write to the registry, and never believed by themselves.
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
from core.errors import MalformedError
from core.limits import Limits
from core.model import Evidence, Role, Subject, Verification
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.keys.keyed import (
    SIGNATURE_STEP,
    GivenKeys,
    Standing,
    Trial,
    given_keys,
    refuse,
    refuse_keyless,
    shown_keys,
    signed_bytes,
    try_keys,
    verified,
)
from verification.readers.base64_lines import decode_base64_lines
from verification.sigstore.core import conclude, prove
from verification.sigstore.cosign_bundle import names_certificate, signature_bundle
from verification.trail import Trail
from verification.x509.certificates import certified_key, read_certificates
from verification.x509.chain import names_authorities

PAYLOAD_TYPE = "cosign container image signature"
_CRITICAL = {"identity", "image", "type"}
_REFERENCE = "containers/image signature formats; cosign SIGNATURE_SPEC"
_REGISTERED = ("sha256", "sha512")  # image-spec, descriptor.md: what images are named by
_CLAIM_CHARACTERS = 1024


class CosignSimpleSigning:
    """One simple-signing payload with its signature."""

    name = "cosign-simple-signing"
    role = Role.SIGNATURE
    inside = False

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
            return refuse_malformed(trail, "container", error)
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
            return refuse_malformed(trail, "payload", error)
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
    algorithm = payload.digest.partition(":")[0]
    ours = subject.digest(algorithm if algorithm in _REGISTERED else _REGISTERED[0])
    if ours is None:
        detail = "the image's digest of the payload's algorithm is not at hand"
        expected = payload.digest[:_CLAIM_CHARACTERS]
        found = ", ".join(map(str, subject.digests)) or "no digest"
        return trail.refuse("subject", "CONTENT_NEEDED", detail, expected=expected, found=found)
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
        return refuse_malformed(trail, "signature annotation", error)
    keys = given_keys(setting.trust)
    if not setting.trust.entries:
        return refuse_keyless(trail, setting.trust)
    for broken in keys.broken:
        trail.noted("trust", f"a trust entry cannot be read: {broken}", reason="KEYRING_UNUSABLE")
    trial = try_keys(keys.keys, signature, signed_bytes(container.payload), setting)
    if trial.standing is Standing.VERIFIED:
        trail.passed(SIGNATURE_STEP, trial.scheme)
        if BUNDLE_ANNOTATION in container.annotations:
            trail.skipped("log entry", "a log entry came along; with a given key it is not checked")
        trail.claims |= payload.claims()
        return verified(trail, [trial])
    # 6. Else the certificate that came along names the signer, as far as somebody vouches for it.
    if names_certificate(container.annotations) and trial.standing is Standing.REFUSED:
        return _judge_certificate(trail, container, payload, signature, setting)
    if keys.none_given:
        return refuse_keyless(trail, setting.trust)
    return refuse(trail, trial, keys, setting)


def _judge_certificate(
    trail: Trail, container: Container, payload: _Payload, signature: bytes, setting: Setting
) -> Verification:
    keys = given_keys(setting.trust)
    if not names_authorities(setting.trust):
        return _refuse_unvouched(trail, container, signature, keys, setting)
    try:
        bundle = signature_bundle(container.annotations, signature, setting.limits)
    except MalformedError as error:
        return refuse_malformed(trail, "set of annotations", error)
    proof = prove(bundle, signed_bytes(container.payload), setting, trail)
    if isinstance(proof, Verification):
        return proof
    trail.claims |= payload.claims()
    return conclude(proof, trail)


def _refuse_unvouched(
    trail: Trail, container: Container, signature: bytes, keys: GivenKeys, setting: Setting
) -> Verification:
    """Say what is amiss where only keys were given, and none of them is the signer's."""
    try:
        encoded = container.annotations[CERTIFICATE_ANNOTATION].encode()
        key = certified_key(read_certificates(encoded)[0])
    except MalformedError as error:
        return refuse_malformed(trail, "set of annotations", error)
    if keys.none_given:
        return refuse_keyless(trail, setting.trust, "public key, authority or trusted root")
    trial = try_keys([key], signature, signed_bytes(container.payload), setting)
    if trial.standing is not Standing.VERIFIED:
        return refuse(trail, Trial(Standing.REFUSED), keys, setting)
    return trail.refuse(
        SIGNATURE_STEP,
        "KEY_UNKNOWN",
        "the signature holds under the certificate that came along, which nobody vouches for",
        expected=shown_keys(keys),
        found=key.fingerprint,
    )
