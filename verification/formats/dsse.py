"""DSSE envelopes with an in-toto statement inside, signed with given keys.

One JSON object, also as the only line of a JSON-lines file. The signature is over the
pre-authentication encoding of payload type and payload, so that neither can be read as another.
A key id in an envelope is a hint; which key holds is found by trying those that were given.
"""

from __future__ import annotations

import re
from dataclasses import replace

from core.errors import MalformedError
from core.json_lines import json_lines
from core.limits import Limits
from core.model import Evidence, Role, Verification
from core.naming import numbered
from verification.envelope import Envelope, read_envelope
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
from verification.keys.public_key import Encodings, Terms
from verification.readers.json_document import top_fields
from verification.statements import (
    PAYLOAD_TYPE,
    read_statement,
    record_claims,
    refuse_subject,
    role_of,
)
from verification.trail import Trail

_TERMS = Terms(encodings=Encodings.DER_OR_RAW)
_FIELDS = frozenset({"payload", "payloadType", "signatures"})
_FINGERPRINT = re.compile(r"(?:sha256:|SHA256:)?([0-9a-f]{64})")
_SHOWN_SUBJECTS = 3
_WORK_FACTOR = 64  # signatures x keys x bytes, in units of `evidence_bytes`: about a second


class Dsse:
    """One DSSE envelope with an in-toto statement."""

    name = "dsse"
    role = Role.ATTESTATION
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a JSON object with the fields of an envelope at its top."""
        content = evidence.content
        fields = top_fields(content)
        if fields is None and b'"payloadType"' in content:
            fields = top_fields(_first_line(content))
            if fields is None:  # broken, but meant to be one: DSSE says what is wrong with it
                return b'"dsseEnvelope"' not in content
        return fields is not None and fields >= _FIELDS

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check envelope, type, statement, signature and subject, in this order."""
        trail = Trail(self.name, self.role)
        # 1. The envelope, and what it says is inside.
        envelope = _envelope(trail, evidence.content, setting.limits)
        if isinstance(envelope, Verification):
            return envelope
        # 2. The statement: what it is about decides the role of a refusal, too.
        try:
            statement = read_statement(envelope.payload, setting.limits)
        except MalformedError as error:
            return refuse_malformed(trail, "statement", error)
        trail.role = role_of(statement.predicate_type)
        trail.passed("statement", statement.predicate_type[:200], reference="in-toto Statement")
        # 3. A signature that holds.
        keys = given_keys(setting.trust)
        if keys.none_given:
            return refuse_keyless(trail, setting.trust)
        trials = _holding(trail, envelope, keys, setting)
        if isinstance(trials, Verification):
            return trials
        # 4. One of the statement's subjects is this artifact.
        refusal = refuse_subject(trail, statement, evidence.subject)
        if refusal is not None:
            return replace(refusal, statement=statement)
        # 5. What its predicate claims.
        record_claims(trail, statement)
        return verified(trail, trials, statement)


def _envelope(trail: Trail, content: bytes, limits: Limits) -> Envelope | Verification:
    if _first_line(content) is not content:
        detail = "several envelopes in one file: each is evidence of its own"
        found = "more than one JSON line"
        return trail.refuse(
            "envelope", "FORMAT_UNSUPPORTED", detail, expected="one envelope", found=found
        )
    try:
        envelope = read_envelope(content, limits)
    except MalformedError as error:
        return refuse_malformed(trail, "envelope", error)
    trail.passed("envelope", numbered(len(envelope.signatures), "signature"), reference="DSSE v1")
    if envelope.payload_type != PAYLOAD_TYPE:
        return trail.refuse(
            "payload type",
            "PAYLOAD_TYPE",
            "the envelope holds something else than an in-toto statement",
            expected=PAYLOAD_TYPE,
            found=envelope.payload_type[:200],
        )
    trail.passed("payload type", PAYLOAD_TYPE)
    return envelope


def _first_line(content: bytes) -> bytes:
    """Return the first of several JSON lines, or all the content where it is one document."""
    return json_lines(content, len(content))[0]


def _holding(
    trail: Trail, envelope: Envelope, keys: GivenKeys, setting: Setting
) -> list[Trial] | Verification:
    """Return the signatures that hold, one per distinct key, or the refusal where none does."""
    encoded = envelope.pre_authentication_encoding()
    work = len(encoded) * len(keys.keys) * len(envelope.signatures)
    if work > _WORK_FACTOR * setting.limits.evidence_bytes:
        many = numbered(len(envelope.signatures), "signature")
        detail = f"{many} over {len(encoded)} bytes: too much work"
        most = _WORK_FACTOR * setting.limits.evidence_bytes
        return trail.refuse(
            "envelope",
            "TOO_LARGE",
            f"{detail} (evidence_bytes)",
            expected=f"at most {most} bytes to check under all keys",
            found=f"{work} bytes",
        )
    signed = signed_bytes(encoded)
    trials = [
        try_keys(keys.keys, item.signature, signed, setting, _TERMS) for item in envelope.signatures
    ]
    for broken in keys.broken:
        trail.noted("trust", f"a trust entry cannot be read: {broken}", reason="KEYRING_UNUSABLE")
    good = [trial for trial in trials if trial.standing is Standing.VERIFIED]
    if not good:
        best = min(trials, key=lambda trial: trial.standing)
        if best.standing is Standing.REFUSED and not keys.broken:
            return _refuse_unknown(trail, envelope, keys) or refuse(trail, best, keys, setting)
        return refuse(trail, best, keys, setting)
    distinct = {trial.key.fingerprint: trial for trial in good if trial.key is not None}
    trail.claims["distinct_keys"] = str(len(distinct))
    for trial in distinct.values():
        trail.passed(SIGNATURE_STEP, trial.scheme)
    if len(good) < len(trials):
        trail.noted(
            SIGNATURE_STEP, f"{numbered(len(trials) - len(good), 'signature')} under no given key"
        )
    return list(distinct.values())


def _refuse_unknown(trail: Trail, envelope: Envelope, keys: GivenKeys) -> Verification | None:
    """Say KEY_UNKNOWN where every signature names its key by fingerprint, and none is given."""
    named = [_FINGERPRINT.fullmatch(item.key_id) for item in envelope.signatures]
    fingerprints = {f"sha256:{found[1]}" for found in named if found is not None}
    if None in named or fingerprints & {key.fingerprint for key in keys.keys}:
        return None
    return trail.refuse(
        SIGNATURE_STEP,
        "KEY_UNKNOWN",
        "the envelope names its keys, and none of them was given",
        expected=shown_keys(keys),
        found=min(fingerprints),
    )
