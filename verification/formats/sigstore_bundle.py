"""Sigstore bundles, keyless and keyed, around a message signature or a DSSE envelope."""

from __future__ import annotations

from core.errors import MalformedError
from core.model import Evidence, Role, Verification
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.readers.json_document import looked_at, may_be_object, read_document
from verification.sigstore import fields
from verification.sigstore.bundle import bundle_of
from verification.sigstore.core import verify_bundle
from verification.trail import Trail

_MARK, _NAME = b'"verificationMaterial"', b"application/vnd.dev.sigstore.bundle"
_REFERENCE = "sigstore_bundle.proto"


class SigstoreBundle:
    """One Sigstore bundle of version 0.1 to 0.3, also as the only line of a JSON-lines file."""

    name = "sigstore-bundle"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a JSON object with a bundle's material or media type at its top."""
        content = evidence.content
        if not may_be_object(content) or not (_MARK in content or _NAME in content):
            return False
        try:
            document = looked_at(content)
            media_type = fields.value(document, "mediaType")
        except MalformedError:
            # Broken, but meant to be one, unless a list of bundles is what it was.
            return b'"attestations"' not in content
        named = isinstance(media_type, str) and media_type.startswith(_NAME.decode())
        return named or "verificationMaterial" in document

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Read the bundle, then prove it and that it is about the subject."""
        trail = Trail(self.name, self.role)
        try:
            document = read_document(evidence.content, setting.limits)
            bundle = bundle_of(document, setting.limits)
        except MalformedError as error:
            expected = "a bundle of version 0.1, 0.2 or 0.3 that keeps its format"
            return refuse_malformed(trail, "bundle", error, expected, _REFERENCE)
        trail.passed("bundle", f"version {bundle.version}", reference=_REFERENCE)
        return verify_bundle(bundle, evidence.subject, setting, trail)
