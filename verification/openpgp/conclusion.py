"""Bring the signatures of one piece of OpenPGP evidence to one verification.

Steps 3 to 9 of verification/formats/openpgp.py. Several signatures in one file are judged one by
one; one by a trusted key is enough, and what the others lack is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.frozen import dataclass
from core.model import (
    Check,
    CheckOutcome,
    Content,
    Digest,
    Evidence,
    Outcome,
    Trust,
    Verification,
    digest_of,
)
from core.reasons import outcome_of
from verification.format import Setting
from verification.openpgp.apt_release import judge_release
from verification.openpgp.candidate import Keyrings, given_keyrings
from verification.openpgp.diagnosis import Cause, state_of
from verification.openpgp.judgement import Judgement, Signed, judge
from verification.openpgp.signature import SignaturePacket, UnreadSignature
from verification.trail import Trail

_PACKETS, _KEYRING = "packets", "keyring"
_SUBJECT, _TODAY = "covers this subject", "key as of today"
_STATES = {"KEY_REVOKED": "revoked", "KEY_EXPIRED": "expired"}
# Least telling first: which of several refusals says most about what to do.
_TELLING = (
    "FORMAT_UNSUPPORTED",
    "MALFORMED",
    "KEY_UNKNOWN",
    "TIME_IN_FUTURE",
    "SIGNATURE_EXPIRED",
    "KEY_EXPIRED",
    "KEY_REVOKED",
    "ALGORITHM_WEAK",
    "CERT_USAGE",
    "KEYRING_UNUSABLE",
    "CONTENT_NEEDED",
    "SUBJECT_MISMATCH",
    "SIGNATURE_INVALID",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of evidence after its framing: the signatures, and what they should be over."""

    evidence: Evidence
    setting: Setting
    trail: Trail
    signed: Signed
    text: bytes | None  # the text inside, for cleartext


@dataclass(frozen=True, slots=True)
class Offered:
    """One signature, what it should be over, and what to call it where there are several."""

    packet: SignaturePacket | UnreadSignature
    signed: Signed
    name: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the signatures of one piece of evidence came to; `best` is the one that decided."""

    verification: Verification
    best: Judgement | None = None
    judged: tuple[Judgement, ...] = ()  # in the order in which they were offered

    @property
    def is_verified(self) -> bool:
        """Whether one of them holds under a key that is trusted."""
        return self.verification.outcome is Outcome.VERIFIED


def conclude(case: Case, packets: Sequence[SignaturePacket | UnreadSignature]) -> Verification:
    """Carry out steps 3 to 9 for evidence whose framing is in order; never raise on bad bytes."""
    decision = decide(case.trail, case.setting, [Offered(one, case.signed) for one in packets])
    if decision.best is None or not decision.is_verified:
        return decision.verification
    return _beyond_signature(case, decision.verification, decision.best)


def decide(trail: Trail, setting: Setting, offered: Sequence[Offered]) -> Decision:
    """Carry out steps 3 to 6 for each signature: one that holds is enough, all are reported."""
    count = f"{len(offered)} signature{'s' if len(offered) > 1 else ''}"
    trail.passed(_PACKETS, count, reference="RFC 9580 section 5.2")
    trail.claims["signatures"] = str(len(offered))
    keyrings = given_keyrings(setting)
    for note in keyrings.notes:
        trail.noted(_KEYRING, note)
    if not keyrings.read:
        return Decision(_no_keyring(trail, keyrings, setting.trust))
    judged = [judge(one.packet, one.signed, keyrings, setting, trail.format) for one in offered]
    best = max(judged, key=_telling)
    names = [one.name for one in offered]
    return Decision(_with_checks(trail, names, judged, best), best, tuple(judged))


def _no_keyring(trail: Trail, keyrings: Keyrings, trust: Trust) -> Verification:
    if keyrings.broken:
        detail = keyrings.broken[0]
        return trail.refuse(
            _KEYRING,
            "KEYRING_UNUSABLE",
            detail,
            expected="a keyring that can be read",
            found=detail,
        )
    detail = "no OpenPGP keyring is given, so no signature can be judged"
    kinds = sorted({entry.kind.value for entry in trust.entries})
    return trail.refuse(
        _KEYRING,
        "TRUST_ROOT_MISSING",
        detail,
        expected="an OpenPGP keyring in the trust of the source",
        found=f"only entries of the kind {', '.join(kinds)}" if kinds else "no trust at all",
    )


def _telling(judgement: Judgement) -> tuple[int, float]:
    """Rank: verified first, longest-lasting first; then what says most about what to do."""
    verification = judgement.verification
    if verification.outcome is Outcome.VERIFIED:
        due_at = verification.due_at
        return len(_TELLING), due_at.timestamp() if due_at else float("inf")
    reason = verification.reason
    return _TELLING.index(reason) if reason in _TELLING else -1, 0.0


def _with_checks(
    trail: Trail, names: Sequence[str], judged: Sequence[Judgement], best: Judgement
) -> Verification:
    """Return the best verification with the checks of all; what others lack becomes a note."""
    checks = list(trail.checks)
    is_verified = best.verification.outcome is Outcome.VERIFIED
    for number, (name, one) in enumerate(zip(names, judged, strict=True), start=1):
        called = f" ({name})" if name else ""
        prefix = f"signature {number} of {len(judged)}{called}: " if len(judged) > 1 else ""
        if not prefix and one is best:
            checks += one.verification.checks
            continue
        for check in one.verification.checks:
            fails = check.outcome is CheckOutcome.FAILED
            outcome = CheckOutcome.NOTED if fails and is_verified else check.outcome
            checks.append(replace(check, step=prefix + check.step, outcome=outcome))
    return replace(
        best.verification,
        checks=tuple(checks),
        claims={**trail.claims, **best.verification.claims},
        anchors=tuple(
            dict.fromkeys(
                anchor for one in judged for anchor in one.verification.anchors if is_verified
            )
        ),
    )


def _beyond_signature(case: Case, verification: Verification, best: Judgement) -> Verification:
    """Carry out steps 7 to 9 for evidence of which a signature holds."""
    # 7. Are the bytes that were signed those of this subject?
    differs = _differs(case)
    if differs is not None:
        failed = Check(_SUBJECT, CheckOutcome.FAILED, differs.detail, differs.reason)
        verification = replace(verification, checks=(*verification.checks, failed))
        return refused(verification, differs)
    passed = Check(_SUBJECT, CheckOutcome.PASSED, reference="RFC 9580 section 5.2.4")
    # 8. What has become of the key since?
    verification = with_today(verification, best, case.setting.now, passed)
    # 9. Is it the Release that the source asks for?
    return _release(case, verification)


def _differs(case: Case) -> Cause | None:
    """Compare what was signed with every digest the subject states; None where all are equal."""
    stated = case.evidence.subject.strong_digests()
    if not stated:
        detail = "the subject states no strong digest to compare the signed text with"
        return Cause("CONTENT_NEEDED", detail, "a SHA-2 or BLAKE2 digest of the subject", "none")
    for digest in stated:
        found = _signed_digest(case, digest.algorithm)
        if found != digest:
            detail = "what the signature covers is not this subject"
            return Cause("SUBJECT_MISMATCH", detail, str(digest), str(found))
    return None


def _signed_digest(case: Case, algorithm: str) -> Digest:
    if case.text is not None:
        return digest_of(case.text, algorithm)
    if isinstance(case.signed.content, bytes):
        return digest_of(case.signed.content, algorithm)
    if case.evidence.subject.content is None:
        raise ValueError("a detached signature was verified over no content")
    return case.evidence.subject.content.digest(algorithm)


def refused(verification: Verification, cause: Cause) -> Verification:
    """Return a verification that held so far as refused for this cause."""
    outcome = outcome_of(cause.reason)
    if outcome in (None, Outcome.VERIFIED):
        raise KeyError(f"{cause.reason} is no reason of a verification")
    return replace(
        verification,
        outcome=outcome,
        reason=cause.reason,
        detail=cause.detail,
        expected=cause.expected,
        found=cause.found,
        due_at=None,
        due_reason="",
    )


def with_today(
    verification: Verification, best: Judgement, now: datetime, *further: Check
) -> Verification:
    """Return the verification with the key's state then and now: shown, and never deciding.

    `further` checks, which passed, stand before it.
    """
    certificate = best.certificate
    if certificate is None:
        return replace(verification, checks=(*verification.checks, *further))
    said: list[Check] = []
    fingerprint = verification.claims.get("signing_key_fingerprint", "")
    key = next((one for one in certificate.keys if one.fingerprint == fingerprint), None)
    state = state_of(certificate, key or certificate.primary, now)
    if state.is_revoked or best.is_withdrawn:
        detail = "the key has been revoked since; signatures from before count"
        said.append(Check(_TODAY, CheckOutcome.NOTED, detail, "KEY_REVOKED"))
    if state.expires_at is not None and state.expires_at <= now:
        detail = f"the key expired on {state.expires_at.isoformat()}"
        said.append(Check(_TODAY, CheckOutcome.NOTED, detail, "KEY_EXPIRED"))
    claims = {
        **verification.claims,
        "key_state_then": "valid",
        "key_state_now": ", ".join(_STATES[one.reason] for one in said) or "valid",
    }
    if state.expires_at is not None:
        claims["key_expires_at"] = state.expires_at.isoformat()
    return replace(verification, checks=(*verification.checks, *further, *said), claims=claims)


def _release(case: Case, verification: Verification) -> Verification:
    expectation = case.evidence.expectation
    if expectation is None:
        return verification
    content = case.text if case.text is not None else _release_content(case)
    if content is None:
        detail = f"a Release of more than {case.setting.limits.release_bytes} bytes (release_bytes)"
        return refused(
            verification, Cause("TOO_LARGE", detail, "a Release within the limit", detail)
        )
    judgement = judge_release(content, expectation, case.setting.now)
    verification = replace(
        verification,
        checks=(*verification.checks, *judgement.checks),
        claims={**verification.claims, **judgement.claims},
    )
    if judgement.reason:
        why = Cause(judgement.reason, judgement.detail, judgement.expected, judgement.found)
        late = refused(verification, why)
        return replace(late, due_at=judgement.due_at, due_reason=judgement.due_reason)
    dues = (
        (verification.due_at, verification.due_reason),
        (judgement.due_at, judgement.due_reason),
    )
    known = [(moment, reason) for moment, reason in dues if moment is not None]
    due_at, due_reason = min(known, default=(None, ""))
    return replace(verification, due_at=due_at, due_reason=due_reason)


def _release_content(case: Case) -> bytes | None:
    if isinstance(case.signed.content, bytes):
        return case.signed.content
    content = case.evidence.subject.content
    return None if content is None else whole_content(content, case.setting.limits.release_bytes)


def whole_content(content: Content, most: int) -> bytes | None:
    """Return all bytes of the content, or None where there are more than `most`."""
    kept: list[bytes] = []
    size = 0
    for chunk in content.chunks():
        size += len(chunk)
        if size > most:
            return None
        kept.append(chunk)
    return b"".join(kept)
