"""Cosign's signature of a file as one JSON object: `sign-blob --bundle` before version 3.

`attest-blob --bundle` wrote the same object, with an envelope in place of the signature.

It holds the signature over the artifact's bytes, the signer's certificate (or public key) where
there is one, and the log's promise that it has seen them. A given key that holds decides; otherwise
certificate and log entry make a bundle, judged as any other is. Nothing in it is believed by
itself.
"""

from __future__ import annotations

import json
from dataclasses import replace

from core import wire
from core.cosign_container import BUNDLE_ANNOTATION, CERTIFICATE_ANNOTATION
from core.errors import MalformedError
from core.limits import Limits
from core.model import Evidence, Role, Subject, Verification
from core.naming import numbered
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.formats.cosign_attestation import judge_envelope
from verification.keys.keyed import (
    SIGNATURE_STEP,
    Standing,
    given_keys,
    refuse,
    refuse_keyless,
    try_keys,
    verified,
)
from verification.readers.json_document import looked_at, may_be_object, read_document
from verification.sigstore.core import conclude, prove
from verification.sigstore.cosign_bundle import names_certificate, signature_bundle
from verification.trail import Trail
from verification.x509.chain import names_authorities

_MARK, _ENVELOPE = b'"base64Signature"', b'"payloadType"'
_FIELDS = frozenset({"base64Signature", "cert", "rekorBundle"})
_REFERENCE = "cosign, LocalSignedPayload"
_PEM, _PUBLIC_KEY = "-----BEGIN ", "PUBLIC KEY-----"


class CosignBlob:
    """One signature of a file with what proves it."""

    name = "cosign-blob"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a JSON object with cosign's name for the signature."""
        content = evidence.content
        if not may_be_object(content, _MARK):
            return False
        try:
            document = looked_at(content)
        except MalformedError:
            return True  # broken, but meant to be one
        return "base64Signature" in document

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Try every given key, then the certificate that came along."""
        trail = Trail(self.name, self.role)
        # 1. The form.
        try:
            held = _Held(evidence.content, setting.limits)
        except MalformedError as error:
            return _refuse_malformed(trail, error)
        trail.passed("signed payload", numbered(len(held.signature), "byte"), reference=_REFERENCE)
        if held.is_envelope:
            trail.role = Role.ATTESTATION
            offered = replace(evidence, content=held.signature)
            return judge_envelope(trail, offered, held.with_entry(), setting)
        # 2. Somebody must be trusted.
        if not setting.trust.entries:
            return refuse_keyless(trail, setting.trust)
        keys = given_keys(setting.trust)
        for broken in keys.broken:
            words = f"a trust entry cannot be read: {broken}"
            trail.noted("trust", words, reason="KEYRING_UNUSABLE")
        # 3. A given key that holds decides.
        trial = try_keys(keys.keys, held.signature, evidence.subject, setting)
        if trial.standing is Standing.VERIFIED:
            trail.passed(SIGNATURE_STEP, trial.scheme)
            if held.has_entry:
                words = "a log entry came along; with a given key it is not checked"
                trail.skipped("log entry", words)
            return verified(trail, [trial])
        # 4. Else the certificate names the signer, as far as somebody vouches for it.
        is_open = trial.standing in (Standing.REFUSED, Standing.CONTENT_NEEDED)
        if names_certificate(held.annotations) and names_authorities(setting.trust) and is_open:
            return _by_certificate(trail, held, evidence.subject, setting)
        if keys.none_given:
            return refuse_keyless(trail, setting.trust)
        return refuse(trail, trial, keys, setting)


class _Held:
    """What the object holds, under the names that cosign gives it in a registry."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        document = dict(read_document(content, limits, "the signed payload"))
        foreign = document.keys() - _FIELDS
        if foreign:
            raise MalformedError(f"the signed payload has an unknown field {min(foreign)[:80]!r}")
        encoded = wire.text(document, "base64Signature")
        self.signature = wire.decode_base64(encoded, what="the signature")
        self.annotations: dict[str, str] = {}
        signer = wire.optional_text(document, "cert")
        if not signer.startswith(_PEM):  # cosign writes it in base64, and reads it either way
            decoded = wire.decode_base64(signer, what="the certificate")
            signer = decoded.decode("ascii", "replace")
        # A public key in its place names nobody: only the keys that were given count.
        if signer and _PUBLIC_KEY not in signer:
            self.annotations[CERTIFICATE_ANNOTATION] = signer
        self._entry: dict[str, object] | None = None
        if document.get("rekorBundle") is not None:
            self._entry = wire.mapping(document, "rekorBundle")

    @property
    def is_envelope(self) -> bool:
        """Whether a DSSE envelope stands in place of the signature, which is never text."""
        return self.signature[:1] == b"{" and _ENVELOPE in self.signature

    @property
    def has_entry(self) -> bool:
        """Whether a log entry came along."""
        return self._entry is not None

    def with_entry(self) -> dict[str, str]:
        """Return the annotations, the log entry among them: written anew, so only on demand."""
        if self._entry is None:
            return self.annotations
        return self.annotations | {BUNDLE_ANNOTATION: json.dumps(self._entry)}


def _refuse_malformed(trail: Trail, error: MalformedError) -> Verification:
    expected = "a signed payload that keeps its format"
    return refuse_malformed(trail, "signed payload", error, expected)


def _by_certificate(trail: Trail, held: _Held, subject: Subject, setting: Setting) -> Verification:
    try:
        bundle = signature_bundle(held.with_entry(), held.signature, setting.limits)
    except MalformedError as error:
        return _refuse_malformed(trail, error)
    proof = prove(bundle, subject, setting, trail)
    return proof if isinstance(proof, Verification) else conclude(proof, trail)
