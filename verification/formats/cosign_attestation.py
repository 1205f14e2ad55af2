"""An attestation that cosign attached to an image with a certificate: a DSSE envelope in a layer.

The envelope says what is signed; certificate, chain, log entry and timestamp stand in annotations
of the layer that holds it. A given key that holds decides, as for any envelope; otherwise all of it
makes a bundle, judged as any other is. Without a certificate, an envelope travels as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.cosign_container import MAGIC, read_container
from core.errors import MalformedError
from core.limits import Limits
from core.model import Evidence, Outcome, Role, Verification
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.formats.dsse import Dsse
from verification.sigstore.cosign_bundle import ENVELOPE, attestation_bundle, names_certificate
from verification.trail import Trail
from verification.x509.chain import names_authorities

_REFERENCE = "cosign SIGNATURE_SPEC"
# A given key made it, and that decides, whatever certificate names the same key.
_DECIDED = frozenset({"KEY_EXPIRED", "ALGORITHM_WEAK"})


class CosignAttestation:
    """One envelope with the annotations of its layer."""

    name = "cosign-attestation"
    role = Role.ATTESTATION
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is the container of an envelope."""
        if not evidence.content.startswith(MAGIC) or ENVELOPE.encode() not in evidence.content:
            return False
        try:
            return read_container(evidence.content, Limits()).mime_type == ENVELOPE
        except MalformedError:
            return False

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Judge the envelope under given keys, else under the certificate that came along."""
        trail = Trail(self.name, self.role)
        try:
            container = read_container(evidence.content, setting.limits)
        except MalformedError as error:
            return refuse_malformed(trail, "container", error)
        if container.mime_type != ENVELOPE:
            detail = "the container holds no envelope"
            found = container.mime_type[:200]
            return trail.refuse(
                "media type", "PAYLOAD_TYPE", detail, expected=ENVELOPE, found=found
            )
        trail.passed("container", reference=_REFERENCE)
        offered = replace(evidence, content=container.payload)
        return judge_envelope(trail, offered, container.annotations, setting)


def judge_envelope(
    trail: Trail, envelope: Evidence, annotations: Mapping[str, str], setting: Setting
) -> Verification:
    """Judge an envelope under given keys, else under the certificate among the annotations."""
    from verification.sigstore.core import verify_bundle  # noqa: PLC0415 - only this needs it

    keyed = Dsse().verify(envelope, setting)
    is_certified = names_certificate(annotations) and names_authorities(setting.trust)
    is_decided = keyed.outcome is Outcome.VERIFIED or keyed.reason in _DECIDED
    if is_decided or not is_certified:
        return replace(keyed, format=trail.format)
    try:
        bundle = attestation_bundle(annotations, envelope.content, setting.limits)
    except MalformedError as error:
        return refuse_malformed(trail, "set of annotations", error)
    return verify_bundle(bundle, envelope.subject, setting, trail)
