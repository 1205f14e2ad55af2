"""The integrity of a Notary Project signature: payload, signer, signature, and what was signed."""

from __future__ import annotations

from core import wire
from core.errors import MalformedError
from core.limits import Limits
from core.model import STRONG_DIGESTS, Digest, Subject, Verification
from core.naming import numbered
from core.text import display
from verification.fault import Fault, refuse_fault, refuse_malformed
from verification.format import Setting
from verification.notation.envelope import (
    PAYLOAD_TYPE,
    NotationEnvelope,
    Target,
    read_target,
    target_claims,
)
from verification.notation.signature import Chain, check_signer
from verification.trail import Trail
from verification.x509.certificates import certificate_claims, certificate_signer

SPECIFICATION = "Notary Project signature specification"
_CLAIM_CHARACTERS = 1024
_MANIFESTS = ("application/vnd.oci.image.", "application/vnd.docker.distribution.")


def judge_content(
    trail: Trail,
    envelope: NotationEnvelope,
    chain: Chain,
    subject: Subject,
    setting: Setting,
) -> Verification | None:
    """Check payload type, chain in the envelope, algorithm, signature and what was signed."""
    # 3. What the payload is.
    if envelope.content_type != PAYLOAD_TYPE and not envelope.hashed:
        detail = "the envelope holds another payload than an artifact's descriptor"
        found = display(envelope.content_type, 80) or "none"
        return trail.refuse(
            "payload type", "PAYLOAD_TYPE", detail, expected=PAYLOAD_TYPE, found=found
        )
    # 4. Certificates, algorithm and signature.
    key = check_signer(envelope, chain)
    if isinstance(key, Fault):
        return refuse_fault(trail, key)
    trail.signer = certificate_signer(chain[0], key)
    trail.claims |= certificate_claims(chain[0]) | _attribute_claims(envelope)
    trail.passed("certificate usage", "made for signing", reference=SPECIFICATION)
    trail.passed("signature", envelope.algorithm, reference=SPECIFICATION)
    # 5. The descriptor is of this artifact.
    try:
        target = _target(envelope, setting.limits)
    except MalformedError as error:
        return refuse_malformed(trail, "payload", error, reference=SPECIFICATION)
    if isinstance(target, Fault):
        return refuse_fault(trail, target)
    trail.claims |= target_claims(target)
    return _refuse_target(trail, target, subject, setting.limits)


def _target(envelope: NotationEnvelope, limits: Limits) -> Target | Fault:
    """Read what was signed: a descriptor, or the digest itself, by the hash of the key."""
    if not envelope.hashed:
        return read_target(envelope.payload, limits)
    wanted = f"sha{envelope.algorithm[2:]}"
    if envelope.hashed != wanted:
        detail = "the payload is a hash by another algorithm than the one of the certified key"
        return Fault(
            "payload", "ALGORITHM_MISMATCH", detail, wanted, envelope.hashed, SPECIFICATION
        )
    return Target(envelope.hashed_type, Digest(wanted, envelope.payload.hex()), None, {})


def _attribute_claims(envelope: NotationEnvelope) -> dict[str, str]:
    stated = {f"attribute.{name}": value for name, value in envelope.attributes.others.items()}
    if envelope.attributes.signing_time:
        stated["signing_time"] = envelope.attributes.signing_time.isoformat()
    if envelope.attributes.authentic_time:
        stated["authentic_signing_time"] = envelope.attributes.authentic_time.isoformat()
    if envelope.attributes.expiry:
        stated["expiry"] = envelope.attributes.expiry.isoformat()
    if envelope.agent:
        stated["signing_agent"] = envelope.agent[:_CLAIM_CHARACTERS]
    return stated


def _refuse_target(
    trail: Trail, target: Target, subject: Subject, limits: Limits
) -> Verification | None:
    if target.digest.algorithm not in STRONG_DIGESTS:
        detail = "the signature names its artifact by a digest that others can be made to have"
        expected, found = ", ".join(sorted(STRONG_DIGESTS)), str(target.digest)
        return trail.refuse("subject", "ALGORITHM_WEAK", detail, expected=expected, found=found)
    ours = subject.digest(target.digest.algorithm)
    if ours is None:
        detail = f"the signature names a {target.digest.algorithm} digest that is not at hand"
        expected = f"the bytes, or their {target.digest.algorithm}"
        found = ", ".join(map(str, subject.digests)) or "no digest"
        return trail.refuse("subject", "CONTENT_NEEDED", detail, expected=expected, found=found)
    if ours != target.digest:
        detail = "the signature is of another artifact"
        return trail.refuse(
            "subject", "SUBJECT_MISMATCH", detail, expected=str(ours), found=str(target.digest)
        )
    content = subject.content
    if target.size is not None and content is not None and content.size != target.size:
        detail = "the signature states another size than the artifact has"
        expected, found = numbered(content.size, "byte"), numbered(target.size, "byte")
        return trail.refuse("subject", "SUBJECT_MISMATCH", detail, expected=expected, found=found)
    stated = _manifest_type(target, subject, limits)
    if stated != target.media_type:
        detail = "the signature states another media type than the manifest itself does"
        found = display(target.media_type, 120)
        return trail.refuse(
            "subject", "SUBJECT_MISMATCH", detail, expected=display(stated, 120), found=found
        )
    trail.passed("subject", str(ours), reference=SPECIFICATION)
    return None


def _manifest_type(target: Target, subject: Subject, limits: Limits) -> str:
    """Return the media type that an image manifest states of itself, else the signed one.

    Bytes that are a manifest and an index at once would be whatever the signature calls them.
    """
    content = subject.content
    is_manifest = target.media_type.startswith(_MANIFESTS)
    if content is None or not is_manifest or content.size > limits.document_bytes:
        return target.media_type
    try:
        manifest = wire.read_json(b"".join(content.chunks()), limits=limits)
        return wire.optional_text(wire.as_mapping(manifest, "it"), "mediaType", target.media_type)
    except MalformedError:
        return target.media_type
