"""The one entrance to verification: which format reads a piece of evidence, and what came out.

Also the key under which an outcome is kept, and the comparison of a signer with the one that was
asked for: cryptography first, identity after.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from functools import cache, lru_cache
from pkgutil import resolve_name

from core.errors import CollectionError
from core.frozen import dataclass
from core.limits import Limits
from core.model import (
    Check,
    CheckOutcome,
    Digest,
    Evidence,
    Outcome,
    Role,
    SignerKind,
    Subject,
    Trust,
    Verification,
)
from core.wire import without_collection
from verification import FORMATS, INSIDE, OBJECTS
from verification.format import VERIFIER_VERSION, Format, Setting
from verification.readers.json_document import forget_large, top_fields
from verification.ssh.signers import answers_to
from verification.trail import Trail
from verification.x509.subject_names import is_subject_identity, subject_matches

UNRECOGNISED = "unrecognised"
MAX_HINT_BYTES = 256 * 1024
_TRUSTS = 8  # whose digests are remembered: each source, or unit of one, has a single one
# Formats whose outcome depends on the subject's name.
_NAMES_COUNT = frozenset(
    {
        "checksum-list",
        "git-object",
        "helm-provenance",
        "model-signing",
        "pep740-attestation",
        "pep740-provenance",
    }
)
_WITHIN = tuple(name for name in FORMATS if name in INSIDE)
_BESIDE = tuple(name for name in FORMATS if name not in INSIDE)
_NO_OBJECTS = tuple(name for name in _BESIDE if name not in OBJECTS)
_OF_FIELD = {field: name for name, fields in OBJECTS.items() for field in fields}
_MAILBOX = re.compile(r"[^<>]*<([^<>\s]+)>")
_IDENTITY_STEP = "identity"
_PANIC = "PanicException"  # of PyO3: each library has a class of its own, which none exports
_CERTIFIED = frozenset({SignerKind.CERTIFICATE, SignerKind.KEYLESS})


@cache
def format_named(name: str) -> Format:
    """Return one format, resolved on first use."""
    found: Format = resolve_name(FORMATS[name])()
    return found


def formats() -> tuple[Format, ...]:
    """Return all formats in the order in which they are asked."""
    return tuple(format_named(name) for name in FORMATS)


def verify(evidence: Evidence, setting: Setting) -> Verification:
    """Return what the first format that recognises the evidence says of it.

    Never raises on bytes of the evidence; a CollectionError of content that can be read no more
    (a file that changed meanwhile) passes through.

    A fault of ours while reading it is logged and ends as unverifiable, never as anything better
    or worse.
    """
    # 1. Nothing is looked at before it was counted.
    excess = _excess(evidence, setting.limits)
    if excess:
        return _unread("limits", "TOO_LARGE", excess, "evidence within the limits")
    try:
        with without_collection(_bytes_read_at_once(evidence, setting.limits)):
            return _judge(evidence, setting)
    except CollectionError:
        raise
    except BaseException as error:  # the edge: whatever a hostile byte reached stops here
        # A library in Rust that falls over says so by an exception beside all others.
        if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
            raise
        from core.logs import logger  # noqa: PLC0415 - only a fault of ours pays for it

        kind = type(error).__name__
        logger(__name__).exception("verification_failed", origin=evidence.origin[:200], error=kind)
        words = f"reading it failed with {kind}"
        if isinstance(error, ImportError):
            words += f": {error.name}, a package that is needed, cannot be loaded"
        return _unread("format", "FORMAT_UNSUPPORTED", words, _formats_read())


def _judge(evidence: Evidence, setting: Setting) -> Verification:
    try:
        # 2. The format is recognised, not asked for.
        recognised = _recognised(evidence)
        if recognised is None:
            words = "no reader recognises this evidence"
            return _unread("format", "FORMAT_UNSUPPORTED", words, _formats_read())
        # 3. The rest is the format's.
        return recognised.verify(evidence, setting)
    finally:
        forget_large()


def _bytes_read_at_once(evidence: Evidence, limits: Limits) -> int:
    """Return the size of evidence that is soon read; nothing where an artifact may take long."""
    size = len(evidence.content)  # of the artifact, too, where that is the evidence
    content = evidence.subject.content
    return 0 if content is not None and content.size > limits.evidence_bytes else size


def is_recognised(evidence: Evidence) -> bool:
    """Say whether some format reads this evidence."""
    return _recognised(evidence) is not None


def verifier_version() -> str:
    """Name the rules that facts come from: our version and the formats there are."""
    return f"{VERIFIER_VERSION} {' '.join(FORMATS)}"


def _recognised(evidence: Evidence) -> Format | None:
    # one by one: what stands behind the right one, or is never asked, is not even loaded
    for name in _WITHIN if evidence.is_inside else asked_beside(evidence.content):
        asked = format_named(name)
        if asked.recognises(evidence):
            return asked
    return None


def asked_beside(content: bytes) -> Sequence[str]:
    """Return the formats that may recognise evidence beside an artifact, in their order."""
    fields = top_fields(content)
    if fields is None:
        return _BESIDE
    if not fields:
        return _NO_OBJECTS
    fitting = {_OF_FIELD[field] for field in fields & _OF_FIELD.keys()}
    return (*sorted(fitting, key=_BESIDE.index), *_NO_OBJECTS)


def _excess(evidence: Evidence, limits: Limits) -> str:
    """Return which limit the evidence exceeds, or an empty string."""
    most, name = limits.evidence_bytes, "evidence_bytes"
    if evidence.expectation is not None and limits.release_bytes > most:
        most, name = limits.release_bytes, "release_bytes"
    if len(evidence.content) > most:
        return f"{len(evidence.content)} bytes of evidence, more than {most} ({name})"
    if len(evidence.hint) > MAX_HINT_BYTES:
        return f"{len(evidence.hint)} bytes beside the evidence, more than {MAX_HINT_BYTES}"
    return ""


def _unread(step: str, reason: str, detail: str, expected: str) -> Verification:
    trail = Trail(UNRECOGNISED, Role.SIGNATURE)
    return trail.refuse(step, reason, detail, expected=expected, found=detail)


def _formats_read() -> str:
    return "one of the formats " + ", ".join(FORMATS)


@lru_cache(maxsize=_TRUSTS)
def trust_digest(trust: Trust) -> str:
    """Return the hex digest of everything in a trust that can change an outcome; order cannot."""
    entries = sorted(
        json.dumps(
            [
                entry.kind.value,
                hashlib.sha256(entry.content).hexdigest(),
                sorted(entry.only),
                entry.valid_from.isoformat() if entry.valid_from else "",
                entry.valid_until.isoformat() if entry.valid_until else "",
                entry.name,
                *([entry.fresh_until.isoformat()] if entry.fresh_until else []),
            ]
        )
        for entry in trust.entries
    )
    document = json.dumps([entries, list(trust.flags)])
    return hashlib.sha256(document.encode()).hexdigest()


def verification_key(evidence: Evidence, setting: Setting) -> str:
    """Return the hex key under which the outcome of this verification is kept.

    Equal keys mean an equal outcome until its `due_at`; the only thing left out is whether the
    subject's bytes are at hand, so a CONTENT_NEEDED is judged again once they are.
    """
    with_name = any(format_named(name).recognises(evidence) for name in sorted(_NAMES_COUNT))
    parts = [
        hashlib.sha256(evidence.content).hexdigest(),
        hashlib.sha256(evidence.hint).hexdigest(),
        sorted(map(str, _known_digests(evidence.subject))),
        evidence.subject.name if with_name else "",
        trust_digest(setting.trust),
        repr(evidence.expectation),
        verifier_version(),
        evidence.media_type,
        setting.namespace,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _known_digests(subject: Subject) -> tuple[Digest, ...]:
    """Return what a subject is known by; one without any digest (a folder) is hashed for it."""
    if subject.digests or subject.content is None:
        return subject.digests
    return (subject.content.digest("sha256"),)


class IdentityScope(Enum):
    """Whether a certificate's signer must be the one that was named."""

    NAMED = "named"
    ANY = "any"  # any identity that the trust vouches for


@dataclass(frozen=True, slots=True)
class IdentityDemand:
    """Who is expected to have signed; an empty text demands nothing. Compared exactly."""

    identity: str = ""
    issuer: str = ""
    scope: IdentityScope = IdentityScope.NAMED


def demand_identity(verification: Verification, demand: IdentityDemand) -> Verification:
    """Return the verification as it stands once the signer was compared with the one expected.

    Only a verified one can change, and only to untrusted. A bare key states no identity, so any
    identity demanded of it is a mismatch.
    """
    signer = verification.signer
    if verification.outcome is not Outcome.VERIFIED:
        return verification
    certified = signer is not None and signer.kind in _CERTIFIED
    if certified and not demand.identity and demand.scope is IdentityScope.NAMED:
        detail = "nothing says which identity is expected of the certificate"
        return _refuse(verification, "IDENTITY_NOT_STATED", detail, "an identity", "none was named")
    stated = _identities(verification)
    if demand.identity and not _is_stated(demand.identity, stated, verification):
        detail = "the signer is another one than expected"
        found = ", ".join(stated) or "a key that states no identity"
        return _refuse(verification, "IDENTITY_MISMATCH", detail, demand.identity, found)
    issuer = signer.issuer if signer else ""
    if demand.issuer and demand.issuer != issuer:
        detail = "another issuer vouches for the signer than expected"
        return _refuse(
            verification, "ISSUER_MISMATCH", detail, demand.issuer, issuer or "no issuer"
        )
    if demand.identity or demand.issuer:
        check = Check(_IDENTITY_STEP, CheckOutcome.PASSED, demand.identity or demand.issuer)
        return replace(verification, checks=(*verification.checks, check))
    return verification


def _is_stated(identity: str, stated: tuple[str, ...], verification: Verification) -> bool:
    """Say whether an identity is one of those stated, or parts of the certificate subject."""
    if identity in stated:
        return True
    signer = verification.signer
    if signer is not None and signer.kind is SignerKind.SSH:
        return answers_to(verification.claims, identity)
    certified = signer is not None and signer.kind is SignerKind.CERTIFICATE
    subject = verification.claims.get("subject", "")
    return certified and is_subject_identity(identity) and subject_matches(identity, subject)


def _identities(verification: Verification) -> tuple[str, ...]:
    """Return all that may stand for the signer: its identity, its other names, its mailbox."""
    signer = verification.signer
    if signer is None:
        return ()
    stated = [signer.identity] if signer.identity else []
    if signer.kind is SignerKind.CERTIFICATE:
        stated += json.loads(verification.claims.get("subject_alternative_names", "[]"))
    if signer.kind is SignerKind.OPENPGP:
        stated += json.loads(verification.claims.get("user_ids", "[]"))
        mailboxes = [_MAILBOX.fullmatch(each) for each in stated]
        stated += [mailbox[1] for mailbox in mailboxes if mailbox]
    return tuple(dict.fromkeys(stated))


def _refuse(
    verification: Verification, reason: str, detail: str, expected: str, found: str
) -> Verification:
    check = Check(_IDENTITY_STEP, CheckOutcome.FAILED, detail, reason)
    return replace(
        verification,
        outcome=Outcome.UNTRUSTED,
        reason=reason,
        detail=detail,
        expected=expected,
        found=found,
        checks=(*verification.checks, check),
        due_at=None,
        due_reason="",
    )
