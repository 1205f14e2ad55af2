"""PEP 740: digital attestations of files on a Python package index.

An *attestation* object is a Sigstore bundle 0.3 in other words: one in-toto statement about one
file, signed by a short-lived certificate. A *provenance* object is what the index serves for a
file: attestations grouped by the publisher that uploaded them. The publisher in it is the index's
word, not signed by anybody, so it is only ever compared with the certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from core import wire
from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Evidence, Role, Statement, Subject, Verification
from core.naming import numbered
from verification.combination import combine_all
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.keys.keyed import signed_bytes
from verification.predicates import fields
from verification.publishers import refuse_publisher
from verification.python_names import read_python_name
from verification.readers.json_document import looked_at, may_be_object, read_document
from verification.sigstore.bundle import Bundle, bundle_of
from verification.sigstore.core import Proof, conclude, prove
from verification.statements import (
    PAYLOAD_TYPE,
    STATEMENT_V1,
    record_claims,
    refuse_subject,
    shown_subjects,
    statement_type,
)
from verification.trail import Trail

PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
_TYPES = {PUBLISH: Role.SIGNATURE, "https://slsa.dev/provenance/v1": Role.PROVENANCE}
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_VERSION = 1
# The fields by which each is recognised, and how they are written.
_ATTESTATION = {"envelope": b'"envelope"', "verification_material": b'"verification_material"'}
_PROVENANCE = {"attestation_bundles": b'"attestation_bundles"'}


class Pep740Attestation:
    """One attestation object."""

    name = "pep740-attestation"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a JSON object with the fields of an attestation."""
        found = _fields(evidence, _ATTESTATION)
        return _ATTESTATION.keys() <= found and b'"attestation_bundles"' not in evidence.content

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the attestation, and that it is about this very file."""
        trail = Trail(self.name, self.role)
        try:
            read = read_document(evidence.content, setting.limits)
        except MalformedError as error:
            return _refuse_malformed(trail, error)
        return _verify_attestation(trail, read, evidence.subject, setting)


class Pep740Provenance:
    """One provenance object: every attestation in it must hold."""

    name = "pep740-provenance"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a JSON object with a field `attestation_bundles`."""
        return _PROVENANCE.keys() <= _fields(evidence, _PROVENANCE)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check all attestations of all bundles, each against its publisher."""
        trail = Trail(self.name, self.role)
        try:
            held = _read_provenance(evidence.content, setting.limits)
        except MalformedError as error:
            return _refuse_malformed(trail, error)
        trail.passed("provenance", numbered(len(held), "attestation"), reference="PEP 740")
        parts = [
            _verify_attestation(
                Trail(self.name, self.role), attestation, evidence.subject, setting, publisher
            )
            for attestation, publisher in held
        ]
        return combine_all(trail, parts)


def _fields(evidence: Evidence, marks: Mapping[str, bytes]) -> AbstractSet[str]:
    """Return the fields of the JSON object, or all the marks of one that is broken.

    What bears the marks of a format is its own to judge: it says what is wrong with it.
    """
    content = evidence.content
    if not may_be_object(content, *marks.values()):
        return frozenset()
    try:
        return looked_at(content).keys()
    except MalformedError:
        return marks.keys()


_Held = tuple[dict[str, object], dict[str, object]]


def _read_provenance(content: bytes, limits: Limits) -> list[_Held]:
    """Return each attestation with the publisher its bundle names."""
    document = read_document(content, limits)
    _demand_version(document)
    held: list[_Held] = []
    bundles = document.get("attestation_bundles")
    for item in wire.as_items(bundles, "the field 'attestation_bundles'"):
        bundle = wire.as_mapping(item, "an attestation bundle")
        publisher = wire.mapping(bundle, "publisher")
        attestations = wire.items(bundle, "attestations")
        if not attestations:
            raise MalformedError("an attestation bundle without any attestation")
        held += [(wire.as_mapping(each, "an attestation"), publisher) for each in attestations]
    if not held:
        raise MalformedError("a provenance object without any attestation bundle")
    if len(held) > limits.signatures:
        raise TooLargeError(
            f"{numbered(len(held), 'attestation')}, more than {limits.signatures} (signatures)"
        )
    return held


def _demand_version(document: Mapping[str, object]) -> None:
    version = wire.as_integer(document.get("version"), "the field 'version'")
    if version != _VERSION:
        raise MalformedError(f"version {version}, of which nothing is known: only 1 is")


def _verify_attestation(
    trail: Trail,
    attestation: Mapping[str, object],
    file: Subject,
    setting: Setting,
    publisher: Mapping[str, object] | None = None,
) -> Verification:
    # 1. The attestation as the bundle that it is.
    try:
        bundle = _bundle(attestation, setting.limits)
    except MalformedError as error:
        return _refuse_malformed(trail, error)
    trail.passed("attestation", "version 1", reference="PEP 740, Attestation objects")
    # 2. Certificate, log and signature.
    proof = prove(bundle, signed_bytes(b""), setting, trail)
    if isinstance(proof, Verification):
        is_provenance = proof.role is Role.PROVENANCE
        return proof if is_provenance else replace(proof, role=Role.SIGNATURE)
    # 3. What was signed is a statement of a type an index takes.
    statement = _statement(trail, proof, setting.limits)
    if isinstance(statement, Verification):
        return statement
    # 4. It is about this file, by name and digest.
    refusal = _refuse_subject(trail, statement, file)
    # 5. The publisher that the index names is the one in the certificate.
    if refusal is None and publisher is not None:
        refusal = refuse_publisher(trail, publisher, proof.signer)
    if refusal is not None:
        return replace(refusal, statement=statement)
    record_claims(trail, statement)
    return replace(conclude(proof, trail), statement=statement)


def _bundle(attestation: Mapping[str, object], limits: Limits) -> Bundle:
    """Put a bundle 0.3 together from an attestation's parts (PEP 740, Attestation objects)."""
    _demand_version(attestation)
    material = fields.mapping(attestation, "verification_material")
    envelope = fields.mapping(attestation, "envelope")
    entries = wire.items(material, "transparency_entries")
    if not entries:
        raise MalformedError("the field 'transparency_entries' is empty")
    document: dict[str, object] = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {
            "certificate": {"rawBytes": _base64(material, "certificate")},
            "tlogEntries": entries,
            "timestampVerificationData": {"rfc3161Timestamps": _timestamps(material)},
        },
        "dsseEnvelope": {
            "payload": _base64(envelope, "statement"),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _base64(envelope, "signature")}],
        },
    }
    return bundle_of(document, limits)


def _timestamps(material: Mapping[str, object]) -> list[dict[str, str]]:
    """Return the timestamps, which PEP 740 does not know and its own tool writes for Rekor v2."""
    listed = fields.optional_items(material, "timestamps")
    return [{"signedTimestamp": _base64({"timestamps": each}, "timestamps")} for each in listed]


def _base64(document: dict[str, object], key: str) -> str:
    """Return base64 on one line; encoders of MIME kind, in use by indexes, break it into many."""
    written = wire.text(document, key)
    lines = written.removesuffix("\n").split("\n")
    if any(not line or len(line) != len(lines[0]) for line in lines[:-1]) or not lines[-1]:
        raise MalformedError(f"the field {key!r} is not base64")
    if len(lines[-1]) > len(lines[0]):
        raise MalformedError(f"the field {key!r} is not base64")
    return "".join(lines)


def _statement(trail: Trail, proof: Proof, limits: Limits) -> Statement | Verification:
    if proof.statement is None or statement_type(proof.payload, limits) != STATEMENT_V1:
        return trail.refuse(
            "statement",
            "MALFORMED",
            "an attestation holds an in-toto statement of version 1",
            expected=STATEMENT_V1,
            found="a payload of another type",
            reference="PEP 740, Attestation statement",
        )
    statement = proof.statement
    role = _TYPES.get(statement.predicate_type)
    if role is None:
        return trail.refuse(
            "predicate type",
            "PREDICATE_TYPE",
            "a type of attestation that no Python index takes",
            expected=" or ".join(_TYPES),
            found=statement.predicate_type[:200],
        )
    trail.role = role
    trail.passed("predicate type", statement.predicate_type)
    return statement


def _refuse_subject(trail: Trail, statement: Statement, file: Subject) -> Verification | None:
    reference = "PEP 740, Attestation statement"
    if len(statement.subjects) != 1 or statement.subjects[0].digest("sha256") is None:
        return trail.refuse(
            "subject",
            "SUBJECT_MISMATCH",
            "the statement must be about exactly one file, by its SHA-256",
            expected="one subject with a sha256 digest",
            found=f"{numbered(len(statement.subjects), 'subject')}: {shown_subjects(statement)}",
            reference=reference,
        )
    refusal = _refuse_name(trail, statement.subjects[0].name, file, reference)
    if refusal is not None:
        return refusal
    return refuse_subject(trail, statement, file, reference)


def _refuse_name(trail: Trail, signed: str, file: Subject, reference: str) -> Verification | None:
    """Compare names as PEP 503, 440 and 425 normalise them; a file known by digest has none."""
    step = "file name"
    try:
        theirs = read_python_name(signed)
    except MalformedError as error:
        return trail.refuse(
            step,
            "SUBJECT_MISMATCH",
            "the statement names no file of an index",
            expected="the file name of a wheel or source distribution",
            found=str(error),
            reference=reference,
        )
    if not file.name or file.name in map(str, file.digests):
        trail.skipped(step, f"the file's own name is not known; the statement says {signed[:200]}")
        return None
    try:
        if read_python_name(file.name) == theirs:
            trail.passed(step, signed[:200], reference=reference)
            return None
    except MalformedError:
        pass  # a name of another kind is another name
    return trail.refuse(
        step,
        "SUBJECT_MISMATCH",
        "the statement is about a file of another name",
        expected=file.name[:200],
        found=signed[:200],
        reference=reference,
    )


def _refuse_malformed(trail: Trail, error: MalformedError) -> Verification:
    expected = "an attestation or provenance object that keeps PEP 740"
    return refuse_malformed(trail, "attestation", error, expected)
