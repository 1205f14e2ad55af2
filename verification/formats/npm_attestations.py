"""What an npm registry serves of attestations for one version of a package.

One document, `{"attestations": [{"predicateType", "bundle"}]}`. Usually two: the *publish*
attestation, by which the registry says that it took this package (signed with one of its keys,
named by the bundle's hint), and SLSA *provenance* by the build that published it (keyless). All
that are there must hold, and speak of the same package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core import wire
from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Evidence, Role, SignerKind, Statement, Subject, Trust, Verification
from core.naming import numbered
from verification.combination import combine_all
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.keys.keyed import GivenKeys, given_keys, signed_bytes
from verification.keys.registry_keys import ATTESTATIONS, keys_named
from verification.npm_names import demand_package, is_served, package_url
from verification.predicates import fields
from verification.readers.json_document import read_document
from verification.sigstore.bundle import bundle_of
from verification.sigstore.core import Proof, conclude, prove
from verification.statements import (
    record_claims,
    refuse_subject,
    role_of,
)
from verification.trail import Trail

PUBLISH = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1"
_MARKS = (b'"attestations"', b'"predicateType"', b'"bundle"')
_FIELDS = frozenset({"predicateType", "bundle"})
_REFERENCE = "npm attestation specification"


class NpmAttestations:
    """A registry's attestations of one package version."""

    name = "npm-attestations"
    role = Role.PROVENANCE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a JSON object whose attestations each have a type and a bundle."""
        return is_served(evidence.content, _MARKS, _lists_bundles)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check every attestation, then that they speak of one package."""
        trail = Trail(self.name, self.role)
        # 1. The document.
        try:
            items = _read(evidence.content, setting.limits)
        except MalformedError as error:
            return _refuse_malformed(trail, error)
        trail.passed("document", numbered(len(items), "attestation"), reference=_REFERENCE)
        # 2. Each attestation.
        parts = [_verify(item, evidence.subject, setting) for item in items]
        joined = combine_all(trail, parts)
        # 3. All of one package.
        packages = {each.statement.subjects[0].name for each in parts if each.statement}
        if joined.reason or len(packages) == 1:
            return joined
        trail.checks[:] = joined.checks
        return trail.refuse(
            "package",
            "SUBJECT_MISMATCH",
            "the attestations speak of different packages",
            expected="one package",
            found=", ".join(sorted(packages))[:400],
        )


def _lists_bundles(document: Mapping[str, object]) -> bool:
    listed = document.get("attestations")
    items = listed if isinstance(listed, list) else []
    return any(isinstance(item, dict) and item.keys() >= _FIELDS for item in items)


def _read(content: bytes, limits: Limits) -> list[dict[str, object]]:
    listed = read_document(content, limits).get("attestations")
    items = wire.as_items(listed, "the field 'attestations'")
    if not items:
        raise MalformedError("a document without any attestation")
    if len(items) > limits.signatures:
        raise TooLargeError(f"{numbered(len(items), 'attestation')}, more than {limits.signatures}")
    return [wire.as_mapping(item, "an attestation") for item in items]


def _verify(item: dict[str, object], package: Subject, setting: Setting) -> Verification:
    trail = Trail(NpmAttestations.name, NpmAttestations.role)
    # 2.1 The bundle.
    try:
        stated = wire.text(item, "predicateType")
        bundle = bundle_of(wire.mapping(item, "bundle"), setting.limits)
    except MalformedError as error:
        return _refuse_malformed(trail, error)
    # 2.2 Its signature, by a key of the registry or a certified build.
    proof = prove(
        bundle,
        signed_bytes(b""),
        setting,
        trail,
        keys=lambda hint: _meant(setting.trust, hint),
    )
    role = Role.SIGNATURE if stated == PUBLISH else role_of(stated)
    trail.role = role
    if isinstance(proof, Verification):
        return replace(proof, role=role)
    # 2.3 What it says is what the registry says it says.
    statement = proof.statement
    if statement is None or statement.predicate_type != stated:
        return trail.refuse(
            "predicate type",
            "PREDICATE_TYPE",
            "the statement is of another type than the registry lists it under",
            expected=stated[:200],
            found=statement.predicate_type[:200] if statement else "no statement",
            reference=_REFERENCE,
        )
    refusal = _refuse_publish(trail, proof, statement) or _refuse_subject(trail, statement, package)
    if refusal is not None:
        return replace(refusal, statement=statement)
    record_claims(trail, statement)
    return replace(conclude(proof, trail), statement=statement)


def _meant(trust: Trust, hint: str) -> GivenKeys:
    """Return the registry's keys of that id, and keys given one by one, which go by no id."""
    named, single = keys_named(trust, hint, ATTESTATIONS), given_keys(trust)
    return GivenKeys((*named.keys, *single.keys), (*named.broken, *single.broken))


def _refuse_publish(trail: Trail, proof: Proof, statement: Statement) -> Verification | None:
    """Demand the registry's key of its own statement, and that it names the package it is about."""
    if statement.predicate_type != PUBLISH:
        return None
    if proof.signer.kind is not SignerKind.KEY:
        return trail.refuse(
            "publish attestation",
            "KEY_UNKNOWN",
            "only a registry's key says that the registry took a package",
            expected="a signature under a key of the registry",
            found=f"signed by {proof.signer.identity[:200] or 'a certificate'}",
            reference=_REFERENCE,
        )
    try:
        stated = _stated_package(statement.predicate)
    except MalformedError as error:
        return _refuse_malformed(trail, error)
    if stated != statement.subjects[0].name:
        return trail.refuse(
            "publish attestation",
            "SUBJECT_MISMATCH",
            "the registry's statement names one package as its subject, another in its predicate",
            expected=stated[:200],
            found=statement.subjects[0].name[:200],
            reference=_REFERENCE,
        )
    trail.passed("publish attestation", stated, reference=_REFERENCE)
    return None


def _stated_package(predicate: Mapping[str, object]) -> str:
    name, version = fields.text(predicate, "name"), fields.text(predicate, "version")
    demand_package(name, version)
    return package_url(name, version)


def _refuse_subject(trail: Trail, statement: Statement, package: Subject) -> Verification | None:
    subject = statement.subjects[0]
    is_package = subject.name.startswith("pkg:npm/") and subject.digest("sha512") is not None
    if len(statement.subjects) != 1 or not is_package:
        return trail.refuse(
            "subject",
            "SUBJECT_MISMATCH",
            "the statement must be about exactly one package, by its SHA-512",
            expected="one subject pkg:npm/name@version with a sha512 digest",
            found=f"{numbered(len(statement.subjects), 'subject')}, {subject.name[:200]}",
            reference=_REFERENCE,
        )
    return refuse_subject(trail, statement, package)


def _refuse_malformed(trail: Trail, error: MalformedError) -> Verification:
    expected = "a registry's attestations, each with its type and its bundle"
    return refuse_malformed(trail, "document", error, expected)
