"""OpenSSF model signing: a Sigstore bundle over the list of a model's files.

Keyless, with a given key, or with a certificate under a given authority and no log. What is signed
is an in-toto statement whose resources are the files or shards of the model; the model at hand must
consist of exactly those, apart from the paths that the signature leaves out. Releases before 1.0
signed with keys and certificates over a broken encoding of the envelope, which is tried where the
bundle has no log entry (a log would have refused it).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from binascii import Error as Base64Error
from dataclasses import replace

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.errors import MalformedError
from core.folder import FolderContent
from core.frozen import dataclass
from core.limits import Limits
from core.model import Evidence, Role, Trust, Verification
from core.naming import numbered
from verification.envelope import Envelope
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.keys.keyed import GivenKeys, given_keys, signed_bytes
from verification.keys.public_key import PublicKey
from verification.models.comparison import compare
from verification.models.manifest import (
    V1,
    Manifest,
    UnknownPredicateError,
    read_manifest,
)
from verification.predicates import fields
from verification.readers.json_document import read_document, read_payload, top_fields
from verification.sigstore.bundle import Bundle, Material, bundle_of
from verification.sigstore.core import KeyResolver, Proof, conclude, prove
from verification.statements import MODEL_TYPES, PAYLOAD_TYPE
from verification.trail import Trail

_REFERENCE = "OpenSSF Model Signing 1.0"
_ENVELOPES = ("dsseEnvelope", "dsse_envelope")  # by either name that ProtoJSON has for it
_PAYLOAD = re.compile(rb'"payload"\s*:\s*"([A-Za-z0-9+/_-]+={0,2})"')


@dataclass(frozen=True, slots=True)
class OldEnvelope(Envelope):
    """An envelope as releases before 1.0 encoded it: Python's notation of the payload's bytes."""

    def pre_authentication_encoding(self) -> bytes:
        """Return what those releases signed; the upper-case V keeps it apart from DSSE's own."""
        kind, length = self.payload_type, len(self.payload)
        return f"DSSEV1 {len(kind)} {kind} {length} {self.payload!r}".encode()


class ModelSigning:
    """A signature over a model, a folder of files or a single one."""

    name = "model-signing"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a bundle around a statement of one of the types for models."""
        content = evidence.content
        fields = top_fields(content)
        if fields is not None and fields.isdisjoint(_ENVELOPES):
            return False
        payload = _payload(content)
        if MODEL_TYPES.encode() not in payload:
            return False
        try:
            stated = read_payload(payload, Limits()).get("predicateType")
        except MalformedError:
            return True  # broken, but nothing else names these types
        return isinstance(stated, str) and stated.startswith(MODEL_TYPES)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the bundle, what it lists, and that the model at hand is that list."""
        trail = Trail(self.name, self.role)
        # 1. The bundle; its envelope holds a statement.
        try:
            bundle = bundle_of(read_document(evidence.content, setting.limits), setting.limits)
        except MalformedError as error:
            return _refuse_malformed(trail, "bundle", error)
        trail.passed("bundle", f"version {bundle.version}", reference=_REFERENCE)
        if not isinstance(bundle.content, Envelope):
            return trail.refuse(
                "payload type",
                "PAYLOAD_TYPE",
                "a model signature holds an in-toto statement",
                expected=PAYLOAD_TYPE,
                found="a message signature",
            )
        # 2. Signature, signer, log and times.
        trail, proof = _prove(bundle, bundle.content, trail, setting)
        trail.role = self.role  # the list of its files stands for the model: more than a statement
        if isinstance(proof, Verification):
            return replace(proof, role=self.role)
        # 3. The list of files that was signed.
        try:
            manifest = read_manifest(proof.payload, setting.limits)
        except UnknownPredicateError as error:
            return trail.refuse(
                "manifest",
                "PREDICATE_TYPE",
                "a model signature of a version that is not known",
                expected=V1,
                found=str(error),
                reference=_REFERENCE,
            )
        except MalformedError as error:
            return _refuse_malformed(trail, "manifest", error)
        _record(trail, manifest)
        # 4. The model at hand is that list, no more and no less.
        return _judge(trail, proof, manifest, evidence)


def _payload(content: bytes) -> bytes:
    """Return the payload of the bundle's envelope, as far as it can be found without parsing."""
    found = _PAYLOAD.search(content)
    if found is None:
        return b""
    try:
        return base64.b64decode(found[1].translate(bytes.maketrans(b"-_", b"+/")))
    except Base64Error:
        return b""


def _prove(
    bundle: Bundle, envelope: Envelope, trail: Trail, setting: Setting
) -> tuple[Trail, Proof | Verification]:
    """Prove the bundle, else its older encoding where that is possible at all."""
    keys = _meant(setting.trust)
    again = Trail(trail.format, trail.role, checks=list(trail.checks))
    proof = prove(bundle, signed_bytes(b""), setting, trail, keys=keys)
    may_be_old = bundle.material is not Material.CERTIFICATE and not bundle.entries
    if isinstance(proof, Proof) or not may_be_old or proof.reason != "SIGNATURE_INVALID":
        return trail, proof
    old = replace(
        bundle,
        content=OldEnvelope(envelope.payload_type, envelope.payload, envelope.signatures),
    )
    found = prove(old, signed_bytes(b""), setting, again, keys=keys)
    if isinstance(found, Verification):
        return trail, proof
    again.noted("signature", "over the encoding of releases before 1.0")
    return again, found


def _meant(trust: Trust) -> KeyResolver:
    def meant(hint: str) -> GivenKeys:
        """Return the keys a hint may mean: none stated, all; else those it is a digest of."""
        given = given_keys(trust)
        if not hint:
            return given
        return GivenKeys(tuple(key for key in given.keys if hint in _hints(key)), given.broken)

    return meant


def _hints(key: PublicKey) -> tuple[str, str]:
    """Return how signers name a key: SHA-256 over its PEM (model_signing 1.1) or over its DER."""
    pem = key.material.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest(), key.fingerprint.removeprefix("sha256:")


def _record(trail: Trail, manifest: Manifest) -> None:
    trail.passed("manifest", numbered(len(manifest.resources), "resource"), reference=_REFERENCE)
    trail.claims |= fields.stated(
        model=manifest.name[:200],
        model_digest=manifest.digest,
        model_resources=str(len(manifest.resources)),
        model_hash=manifest.algorithm,
        model_shard_size=str(manifest.shard_size or ""),
        model_ignored=json.dumps(sorted(manifest.ignored)) if manifest.ignored else "",
    )


def _judge(trail: Trail, proof: Proof, manifest: Manifest, evidence: Evidence) -> Verification:
    difference = compare(manifest, evidence.subject)
    if difference is not None:
        refusal = trail.refuse(
            "model",
            difference.reason,
            difference.detail,
            expected=difference.expected,
            found=difference.found,
            reference=_REFERENCE,
        )
        return replace(refusal, statement=proof.statement)
    whole = evidence.subject.content
    members = whole.members if isinstance(whole, FolderContent) else ()
    left_out = manifest.left_out(each.path for each in members)
    trail.passed("model", "every file is the one that was signed, and there is no other")
    if left_out:
        trail.noted("model", f"{len(left_out)} files are there that the signature leaves out")
    return replace(conclude(proof, trail), statement=proof.statement)


def _refuse_malformed(trail: Trail, step: str, error: MalformedError) -> Verification:
    expected = f"a model signature whose {step} keeps its format"
    return refuse_malformed(trail, step, error, expected)
