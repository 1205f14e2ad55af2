"""What a bundle proves, and how a refusal of it is told: shared by the ways to prove one."""

from __future__ import annotations

from datetime import datetime

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Digest, Signer, Statement, Subject
from verification.envelope import Envelope
from verification.fault import Fault, malformed
from verification.format import Setting
from verification.keys.keyed import signed_bytes
from verification.keys.public_key import Attempt, AttemptOutcome, PublicKey
from verification.sigstore.bundle import Bundle, MessageSignature
from verification.sigstore.entry_body import Recorded, Signed, compare_entry
from verification.sigstore.log_entry import Logged
from verification.sigstore.log_keys import KeyDetails
from verification.sigstore.signature import try_signature
from verification.sigstore.times import Times
from verification.statements import PAYLOAD_TYPE, read_statement, role_of
from verification.trail import Trail

SIGNATURE_STEP = "signature"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a bundle that holds proves; nothing of it is compared with an expectation yet.

    `payload` is what a DSSE envelope holds (empty for a message signature, which is over the
    subject itself), `statement` the in-toto statement in it.
    """

    signer: Signer
    payload: bytes
    statement: Statement | None
    anchors: tuple[str, ...]
    signed_after: datetime | None
    signed_before: datetime | None
    signed_at: datetime | None
    time_source: str
    due_at: datetime | None = None
    due_reason: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What was signed: the artifact, or an envelope's encoding with the statement in it."""

    over: Subject
    payload: bytes
    statement: Statement | None
    stated: Digest | None  # what a message signature says it is over


def read_content(
    bundle: Bundle, artifact: Subject, limits: Limits, trail: Trail
) -> Content | Fault:
    """Return what was signed: an envelope with its statement, else the artifact.

    The payload type must be that of in-toto; the statement decides the trail's role.
    """
    if isinstance(bundle.content, MessageSignature):
        return _message(bundle.content, artifact, trail)
    envelope = bundle.content
    if envelope.payload_type != PAYLOAD_TYPE:
        detail = "the envelope holds something else than an in-toto statement"
        found = envelope.payload_type[:200] or "no type"
        return Fault("payload type", "PAYLOAD_TYPE", detail, PAYLOAD_TYPE, found)
    try:
        statement = read_statement(envelope.payload, limits)
    except MalformedError as error:
        return malformed("statement", error, "an in-toto statement of version 0.1 or 1")
    trail.role = role_of(statement.predicate_type)
    trail.passed("statement", statement.predicate_type[:200], reference="in-toto Statement")
    over = signed_bytes(envelope.pre_authentication_encoding())
    return Content(over, envelope.payload, statement, None)


def _message(message: MessageSignature, artifact: Subject, trail: Trail) -> Content | Fault:
    stated = message.digest
    if stated is not None:
        ours = artifact.digest(stated.algorithm)
        if ours is None:
            detail = f"the message digest is {stated.algorithm}, which is not at hand"
            expected = "the bytes of the artifact"
            return Fault("message digest", "CONTENT_NEEDED", detail, expected, str(stated))
        if ours != stated:
            detail = "the bundle was made for other content"
            return Fault("message digest", "DIGEST_MISMATCH", detail, str(ours), str(stated))
        trail.passed("message digest", str(stated))
    return Content(artifact, b"", None, stated)


def recorded_in(
    logged: tuple[Logged, ...], signed: Signed, limits: Limits, trail: Trail
) -> Recorded | Fault:
    """Compare every entry that a log holds with the bundle; say what they record together."""
    hashed, details = "", None
    for one in logged:
        compared = compare_entry(one.entry, signed, limits)
        if isinstance(compared, Fault):
            return compared
        trail.passed("log entry", f"{one.entry.kind} {one.entry.version}")
        if compared.hashed and hashed not in ("", compared.hashed):
            found = f"{hashed} and {compared.hashed}"
            detail = "entries of the log disagree on the hash that was signed"
            return Fault("log entry", "LOG_ENTRY_MISMATCH", detail, "one hash", found)
        hashed, details = compared.hashed or hashed, compared.details or details
    return Recorded(hashed, details)


def check_signature(
    key: PublicKey, bundle: Bundle, content: Content, recorded: Recorded, setting: Setting
) -> Attempt | Fault:
    """Try the signature under the key, over the hash that bundle and log agree on."""
    stated = content.stated.algorithm if content.stated else ""
    if isinstance(bundle.content, Envelope):
        stated = ""
    if stated and recorded.hashed and stated != recorded.hashed:
        detail = "the message digest and the log entry are of different algorithms"
        return Fault(SIGNATURE_STEP, "ALGORITHM_MISMATCH", detail, stated, recorded.hashed)
    attempt = _try(key, bundle, content, stated or recorded.hashed, recorded.details, setting)
    if attempt.outcome is AttemptOutcome.VERIFIED:
        return attempt
    return _signature_fault(attempt, key)


def _try(
    key: PublicKey,
    bundle: Bundle,
    content: Content,
    hashed: str,
    details: KeyDetails | None,
    setting: Setting,
) -> Attempt:
    padding = details.padding if details is not None else None
    return try_signature(
        key, bundle.signature, content.over, setting.limits, hashed=hashed, padding=padding
    )


def _signature_fault(attempt: Attempt, key: PublicKey) -> Fault:
    if attempt.outcome is AttemptOutcome.WEAK:
        detail = key.weakness or f"{attempt.scheme} can be forged"
        expected = "a key and a hash that are accepted"
        return Fault(SIGNATURE_STEP, "ALGORITHM_WEAK", detail, expected, attempt.scheme)
    if attempt.outcome is AttemptOutcome.CONTENT_NEEDED:
        detail = "the signature is over the whole content, or over a digest that is not at hand"
        expected = "the bytes of the artifact"
        return Fault(SIGNATURE_STEP, "CONTENT_NEEDED", detail, expected, "its digests alone")
    detail = "the signature was not made over this by the signer's key"
    expected = f"a signature under the key {key.fingerprint}"
    found = "one by another key, over other bytes, or over another hash than stated"
    return Fault(SIGNATURE_STEP, "SIGNATURE_INVALID", detail, expected, found)


def log_claims(times: Times) -> dict[str, str]:
    """Return what the first log entry states, for people and policies."""
    if not times.logged:
        return {}
    one = times.logged[0]
    claims = {
        "log": one.log.url,
        "log_entry_kind": f"{one.entry.kind} {one.entry.version}",
    }
    if one.index is not None:
        claims["log_index"] = str(one.index)
    if one.at is not None:
        claims["log_integrated_time"] = one.at.isoformat()
    if one.tree_size:
        claims["log_tree_size"] = str(one.tree_size)
    return claims
