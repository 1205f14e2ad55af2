"""in-toto statements: reading one, comparing its subjects with an artifact of ours, its claims."""

from __future__ import annotations

from enum import StrEnum

from core import wire
from core.errors import MalformedError
from core.limits import Limits
from core.model import HEX_LENGTH, STRONG_DIGESTS, Digest, Role, Statement, Subject, Verification
from core.naming import numbered
from verification.builder_identity import builder_claims
from verification.predicates import PROVENANCE_TYPES, view_of
from verification.readers.json_document import read_payload
from verification.trail import Trail

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_V1 = "https://in-toto.io/Statement/v1"
STATEMENT_TYPES = frozenset({"https://in-toto.io/Statement/v0.1", STATEMENT_V1})
# What `cosign sign` writes from version 3 on: the statement that an image was signed, no more.
SIGNATURE_TYPES = frozenset({"https://sigstore.dev/cosign/sign/v1"})
# A model's, by digests over the digests of its files: whoever wrote those into a file would have
# one of that digest. Where a model is judged, its files are (`formats/model_signing.py`).
MODEL_TYPES = "https://model_signing/"
_SHOWN_SUBJECTS = 3


class SubjectMatch(StrEnum):
    """How the subjects of a statement stand to an artifact."""

    MATCHED = "matched"
    MISMATCHED = "mismatched"
    DIGEST_NEEDED = "digest_needed"  # the statement gives only digests that are not at hand


def read_statement(payload: bytes, limits: Limits) -> Statement:
    """Read a statement of version 0.1 or 1 strictly; raise MalformedError on anything else."""
    document = dict(read_payload(payload, limits))
    version = wire.text(document, "_type")
    if version not in STATEMENT_TYPES:
        raise MalformedError(f"a statement of an unknown version: {version[:80]!r}")
    predicate_type = wire.text(document, "predicateType")
    if not predicate_type:
        raise MalformedError("the field 'predicateType' is empty")
    subjects = tuple(_subject(item, limits) for item in wire.items(document, "subject"))
    if not subjects:
        raise MalformedError("a statement without any subject says nothing of anything")
    return Statement(predicate_type, subjects, _predicate(document))


def _predicate(document: dict[str, object]) -> dict[str, object]:
    """Return the predicate's fields: none where it is unset, or the text of another format.

    cosign signs SBOMs that are no JSON as text (`attest --type spdx`): a predicate that breaks
    its own form, so that it claims nothing.
    """
    predicate = document.get("predicate")
    if predicate is None or isinstance(predicate, str):
        return {}
    return wire.as_mapping(predicate, "the predicate")


def _subject(item: object, limits: Limits) -> Subject:
    document = wire.as_mapping(item, "a subject")
    name = wire.optional_text(document, "name")
    if len(name) > limits.name_characters:
        raise MalformedError("a subject's name is longer than name_characters allows")
    digests: list[Digest] = []
    for algorithm, value in wire.mapping(document, "digest").items():
        stated = wire.as_text(value, f"the digest {algorithm[:80]!r}")
        if algorithm in HEX_LENGTH:
            digests.append(Digest.parse(f"{algorithm}:{stated}"))
    return Subject(name, tuple(digests))


def match(statement: Statement, artifact: Subject) -> SubjectMatch:
    """Compare digests, never names: some subject's strong digests must all be the artifact's.

    A digest that the artifact lacks decides nothing; SHA-1 and unknown algorithms never match.
    """
    best = SubjectMatch.MISMATCHED
    for subject in statement.subjects:
        found = _match(subject, artifact)
        if found is SubjectMatch.MATCHED:
            return found
        if found is SubjectMatch.DIGEST_NEEDED:
            best = found
    return best


def _match(subject: Subject, artifact: Subject) -> SubjectMatch:
    found = SubjectMatch.MISMATCHED
    for theirs in subject.digests:
        if theirs.algorithm not in STRONG_DIGESTS:
            continue
        ours = artifact.digest(theirs.algorithm)
        if ours is not None and ours != theirs:
            return SubjectMatch.MISMATCHED
        if ours is not None:
            found = SubjectMatch.MATCHED
        elif found is SubjectMatch.MISMATCHED:
            found = SubjectMatch.DIGEST_NEEDED
    return found


def refuse_subject(
    trail: Trail, statement: Statement, artifact: Subject, reference: str = "in-toto Statement"
) -> Verification | None:
    """Record that a statement is about this artifact, or return the refusal where it is not."""
    if statement.predicate_type.startswith(MODEL_TYPES):
        return trail.refuse(
            "predicate type",
            "PREDICATE_TYPE",
            "the statement is about a model, and gives no digest of an artifact",
            expected="a statement about an artifact, or the bundle of a model's signature",
            found=statement.predicate_type[:200],
            reference="OpenSSF Model Signing 1.0",
        )
    found = match(statement, artifact)
    if found is SubjectMatch.MATCHED:
        trail.passed("subject", reference=reference)
        return None
    needed = found is SubjectMatch.DIGEST_NEEDED
    return trail.refuse(
        "subject",
        "CONTENT_NEEDED" if needed else "SUBJECT_MISMATCH",
        "the statement gives a digest of another algorithm than those at hand"
        if needed
        else "the statement is about other artifacts",
        expected=shown_digests(artifact),
        found=shown_subjects(statement),
        reference=reference,
    )


def role_of(predicate_type: str) -> Role:
    """Return what a statement of this type can prove; of a type not known, an attestation."""
    if predicate_type in SIGNATURE_TYPES:
        return Role.SIGNATURE
    return Role.PROVENANCE if predicate_type in PROVENANCE_TYPES else Role.ATTESTATION


def record_claims(trail: Trail, statement: Statement) -> None:
    """Add what the predicate of a statement that is signed claims, under stable names.

    A predicate that breaks its own specification claims nothing and proves no provenance: the
    signature over it holds all the same, so that is noted, not refused
    (docs/decisions/0011-typed-statements.md). The certificate's claims must be there before.
    """
    view = view_of(statement.predicate_type)
    if view is None:
        return
    try:
        claims = view(statement.predicate)
    except MalformedError as error:
        trail.noted("predicate", f"breaks its own form: {error}", reason="MALFORMED")
        if trail.role is Role.PROVENANCE:
            trail.role = Role.ATTESTATION
        return
    # What a certificate states is vouched for; a predicate never overwrites it.
    trail.claims |= {name: value for name, value in claims.items() if name not in trail.claims}
    kind = statement.predicate_type[:200]
    trail.passed("predicate", numbered(len(claims), "claim"), reference=kind)
    if statement.predicate_type in PROVENANCE_TYPES:
        _record_builder(trail)


def _record_builder(trail: Trail) -> None:
    comparison = builder_claims(trail.claims, trail.signer)
    trail.claims |= comparison.claims
    if comparison.contradiction:
        trail.noted("builder", comparison.contradiction)


def statement_type(payload: bytes, limits: Limits) -> str:
    """Return the version a statement states, an empty text where there is none to read."""
    try:
        return wire.text(dict(read_payload(payload, limits)), "_type")
    except MalformedError:
        return ""


def shown_digests(artifact: Subject) -> str:
    """Return an artifact's first digests, for people to compare."""
    return ", ".join(map(str, artifact.digests[:_SHOWN_SUBJECTS])) or "no digest at hand"


def shown_subjects(statement: Statement) -> str:
    """Return the first digests a statement gives, for people to compare."""
    digests: list[Digest] = []
    for subject in statement.subjects[:_SHOWN_SUBJECTS]:
        digests += subject.digests[:_SHOWN_SUBJECTS]
    return ", ".join(map(str, digests)) or "no digest that is read"
